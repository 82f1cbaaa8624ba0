//! What the hellos say: the name, the versions, the protocol on top.

use super::super::cursor::Cursor;
use super::super::name::Name;
use super::TLS13;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The server's name; `None` where it was left out, as XMRig does unless told, or is no host name.
    pub server_name: Option<Name>,
    /// The first protocol that is offered for the time after the handshake; `None` where there is no such offer.
    pub alpn: Option<&'a [u8]>,
    /// The version in the old place, frozen at 1.2.
    pub legacy_version: u16,
    /// The highest version offered.
    pub version: u16,
    /// How many cipher suites are offered, not counting the placeholders of RFC 8701.
    pub ciphers: usize,
    /// Whether an inner hello is hidden (or feigned): the name is then only the way in.
    pub encrypted: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a ClientHello; its extensions may be cut off.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy_version = cursor.u16()?;
        cursor.take(32)?; // random
        cursor.short_block()?; // session id
        let ciphers = cursor.block()?;
        cursor.short_block()?; // compression methods
        if legacy_version >> 8 != 3 || ciphers.is_empty() || ciphers.len() % 2 != 0 {
            return None;
        }
        let ciphers = pairs(ciphers).filter(|suite| !is_placeholder(*suite)).count();
        let mut hello = Self {
            server_name: None,
            alpn: None,
            legacy_version,
            version: legacy_version,
            ciphers,
            encrypted: false,
        };
        for (kind, content) in extensions(&mut cursor) {
            hello.note(kind, content);
        }
        Some(hello)
    }

    fn note(&mut self, kind: u16, content: &'a [u8]) {
        match kind {
            SERVER_NAME => self.server_name = server_name(content),
            ALPN => self.alpn = Cursor::new(content).block().and_then(|list| Cursor::new(list).short_block()),
            SUPPORTED_VERSIONS => {
                let offered = Cursor::new(content).short_block().unwrap_or_default();
                self.version = pairs(offered).filter_map(version).max().unwrap_or(self.version);
            }
            ENCRYPTED_CLIENT_HELLO => self.encrypted = true,
            _ => {}
        }
    }
}

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The version that is spoken from here on.
    pub version: u16,
    /// The cipher suite.
    pub cipher: u16,
}

impl ServerHello {
    /// Reads the body of a ServerHello; its extensions may be cut off.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy_version = cursor.u16()?;
        cursor.take(32)?; // random
        if legacy_version >> 8 == 0x7f {
            // The drafts of 1.3 before the 22nd left out the session, and gave away what they were.
            return Some(Self { version: TLS13, cipher: cursor.u16()? });
        }
        if legacy_version >> 8 != 3 {
            return None;
        }
        cursor.short_block()?; // session id
        let cipher = cursor.u16()?;
        cursor.u8()?; // compression method
        let chosen = extensions(&mut cursor)
            .find(|(kind, _)| *kind == SUPPORTED_VERSIONS)
            .and_then(|(_, content)| pairs(content).find_map(version));
        Some(Self { version: chosen.unwrap_or(legacy_version), cipher })
    }
}

/// The extensions in the rest of a hello, up to the first that is cut off.
fn extensions<'a>(cursor: &mut Cursor<'a>) -> impl Iterator<Item = (u16, &'a [u8])> {
    let promised = cursor.u16().map_or(0, usize::from);
    let block = cursor.rest();
    let mut inside = Cursor::new(block.get(..promised).unwrap_or(block));
    std::iter::from_fn(move || Some((inside.u16()?, inside.block()?)))
}

/// The host name in a server name extension (RFC 6066, section 3).
fn server_name(content: &[u8]) -> Option<Name> {
    let mut list = Cursor::new(Cursor::new(content).block()?);
    while let Some(kind) = list.u8() {
        let name = list.block()?;
        if kind == 0 {
            return Name::from_bytes(name);
        }
    }
    None
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(u16::from_be_bytes)
}

/// A version number as it counts: drafts of 1.3 are 1.3, placeholders are nothing.
fn version(number: u16) -> Option<u16> {
    match number >> 8 {
        0x03 => Some(number),
        0x7f => Some(TLS13),
        _ => None,
    }
}

/// Whether a number is one of the sixteen kept free by RFC 8701: both bytes alike and ending in `a`.
fn is_placeholder(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}
