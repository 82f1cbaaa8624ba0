//! TLS as far as it is spoken in clear: who is asked for, and who answers.
//!
//! A [`Client`] reads up to the ClientHello, whole or spread over any records and segments; a [`Server`] reads up to the
//! certificate of TLS 1.2, or to the ServerHello of 1.3, behind which everything is sealed. Then they are done and hold
//! nothing. Left out: decryption, certificate chains and their validity, SSL 2 hellos, and QUIC.
//! Layout: RFC 8446, sections 4 and 5; RFC 5246, section 7.

mod certificate;
mod handshake;
mod hello;
mod record;

pub use certificate::{Certificate, MAX_NAMES};
use handshake::Handshake;
pub use handshake::MAX_HANDSHAKE;
pub use hello::{ClientHello, ServerHello};
pub use record::looks_like;
use record::{Piece, Records};

/// The number of TLS 1.3 in hellos.
pub const TLS13: u16 = 0x0304;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// What a [`Client`] or a [`Server`] finds.
#[allow(clippy::large_enum_variant, reason = "lent to a sink and gone; a box would be an allocation each")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// What the client asks for.
    ClientHello(ClientHello<'a>),
    /// What the server chose.
    ServerHello(ServerHello),
    /// Whose certificate the server shows.
    Certificate(Certificate<'a>),
    /// There is nothing more to be learned; all that follows is ignored.
    Done,
    /// These bytes are not TLS; what was taken for the beginning of a message comes back, and all that follows is ignored.
    NotTls(&'a [u8]),
}

/// Reads what a client says.
#[derive(Clone, Debug, Default)]
pub struct Client {
    side: Side,
}

impl Client {
    /// A client at the start of a record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes and calls `sink` for everything that they complete. What it did not look at any more comes back.
    pub fn push<'b>(&mut self, bytes: &'b [u8], mut sink: impl FnMut(Item<'_>)) -> &'b [u8] {
        self.side.push(
            bytes,
            |kind| kind == CLIENT_HELLO,
            |kind, body, sink| client_message(kind, body, sink),
            &mut sink,
        )
    }

    /// Whether [`Item::Done`] or [`Item::NotTls`] has been said.
    pub fn is_over(&self) -> bool {
        self.side.over
    }
}

/// Reads what a server says.
#[derive(Clone, Debug, Default)]
pub struct Server {
    side: Side,
}

impl Server {
    /// A server at the start of a record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes and calls `sink` for everything that they complete. What it did not look at any more comes back.
    pub fn push<'b>(&mut self, bytes: &'b [u8], mut sink: impl FnMut(Item<'_>)) -> &'b [u8] {
        let wanted = |kind| matches!(kind, SERVER_HELLO | CERTIFICATE);
        self.side.push(bytes, wanted, |kind, body, sink| server_message(kind, body, sink), &mut sink)
    }

    /// Whether [`Item::Done`] or [`Item::NotTls`] has been said.
    pub fn is_over(&self) -> bool {
        self.side.over
    }
}

/// What a handshake message means for the reading of those behind it.
enum Next {
    More,
    Done,
    /// None is behind it; that has been said.
    NotTls,
}

fn client_message(kind: u8, body: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Next {
    if kind != CLIENT_HELLO {
        return Next::More;
    }
    let Some(hello) = ClientHello::read(body) else {
        sink(Item::NotTls(body));
        return Next::NotTls;
    };
    sink(Item::ClientHello(hello));
    Next::Done
}

fn server_message(kind: u8, body: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Next {
    match kind {
        SERVER_HELLO => {
            let Some(hello) = ServerHello::read(body) else {
                sink(Item::NotTls(body));
                return Next::NotTls;
            };
            let sealed = hello.version >= TLS13;
            sink(Item::ServerHello(hello));
            if sealed { Next::Done } else { Next::More }
        }
        CERTIFICATE => {
            // A leaf that cannot be read is still a TLS server's.
            if let Some(certificate) = Certificate::read_leaf(body) {
                sink(Item::Certificate(certificate));
            }
            Next::Done
        }
        SERVER_HELLO_DONE => Next::Done,
        _ => Next::More,
    }
}

/// What both directions share.
#[derive(Clone, Debug, Default)]
struct Side {
    records: Records,
    handshake: Handshake,
    over: bool,
}

impl Side {
    fn push<'b>(
        &mut self,
        mut bytes: &'b [u8],
        wanted: impl Fn(u8) -> bool,
        mut message: impl FnMut(u8, &[u8], &mut dyn FnMut(Item<'_>)) -> Next,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> &'b [u8] {
        while !self.over && !bytes.is_empty() {
            let (used, piece) = self.records.read(bytes);
            bytes = bytes.get(used..).unwrap_or_default();
            match piece {
                Piece::Nothing => {}
                Piece::Sealed => self.end(Item::Done, sink),
                Piece::Broken => {
                    let kept = self.handshake.take();
                    self.end(Item::NotTls(&kept), sink);
                }
                Piece::Handshake(part) => {
                    match self.handshake.read(part, &wanted, |kind, body| message(kind, body, sink)) {
                        Next::More => {}
                        Next::Done => self.end(Item::Done, sink),
                        Next::NotTls => self.over = true,
                    }
                }
            }
        }
        bytes
    }

    fn end(&mut self, why: Item<'_>, sink: &mut dyn FnMut(Item<'_>)) {
        self.handshake = Handshake::default();
        self.over = true;
        sink(why);
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
