//! SOCKS 4, 4a and 5: where a client asks a proxy to take it, and whether the proxy does.
//!
//! A [`Handshake`] is fed both directions as they come. Each can be read without the other, so that half a conversation is
//! enough; the proxy's choice of a method matters only where it is one that wraps what follows. What comes behind a request
//! and its grant belongs to somebody else: every [`Step`] says how many bytes were SOCKS. Users and passwords are passed
//! over and never told. Left out: listening (BIND), datagrams (UDP ASSOCIATE), GSSAPI.
//! Layout: RFC 1928, RFC 1929, and the memoranda on SOCKS 4 and 4a.

use std::net::{IpAddr, Ipv4Addr};

use super::cursor::Cursor;
use super::name::Host;

/// The most bytes that are kept until a step of the handshake is whole; the longest, a request of SOCKS 4a, takes 520.
const MAX_KEPT: usize = 528;

/// The longest user or name in SOCKS 4, and in 5.
const MAX_TEXT: usize = 255;

const VERSION_4: u8 = 4;
const VERSION_5: u8 = 5;
/// The version of the password exchange.
const VERSION_AUTH: u8 = 1;
const CONNECT: u8 = 1;
const METHOD_PASSWORD: u8 = 2;
const METHOD_REFUSED: u8 = 0xff;
const GRANTED_4: u8 = 0x5a;

/// Where a client wants to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host; `None` where it is neither an address nor a host name.
    pub host: Option<Host>,
    /// The port.
    pub port: u16,
}

/// What the bytes of one direction brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet, and all bytes were SOCKS.
    More,
    /// The client says where to; the bytes behind it are already meant for there.
    Target(Box<Target>),
    /// The proxy agrees; the bytes behind it come from there.
    Granted,
    /// The proxy refuses, with this code.
    Refused(u8),
    /// The handshake of this direction was over before.
    Over,
    /// This is not SOCKS, or a kind that is not read.
    NotSocks,
}

/// What was found, and how far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was found.
    pub event: Event,
    /// How many of the bytes given belong to the handshake; of no meaning where they are not SOCKS.
    pub consumed: usize,
}

/// Both directions of one handshake.
#[derive(Clone, Debug, Default)]
pub struct Handshake {
    client: Half,
    server: Half,
}

/// One direction: what of the current step is there, and what comes next.
#[derive(Clone, Debug, Default)]
struct Half {
    kept: Vec<u8>,
    next: Next,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Greeting,
    /// A request, or a user and a password before it.
    Request,
    /// The verdict on a password.
    Verdict,
    Reply,
    Over,
    Failed,
}

/// Whether a step is all there: how long it is and what it means.
type Read = Result<(usize, Meaning), Short>;

/// Why a step could not be read.
enum Short {
    /// More bytes are needed.
    More,
    Not,
}

enum Meaning {
    /// Another step of the handshake follows.
    Then(Next),
    /// This was the last.
    Ends(Event),
}

impl Handshake {
    /// A handshake of which nothing has been seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes of the client.
    pub fn client(&mut self, bytes: &[u8]) -> Step {
        self.client.read(bytes, client_step)
    }

    /// Reads the next bytes of the proxy.
    pub fn server(&mut self, bytes: &[u8]) -> Step {
        let step = self.server.read(bytes, server_step);
        if step.event == Event::NotSocks {
            // A method that wraps what follows makes the rest of the client's bytes unreadable, too.
            self.client = Half { kept: Vec::new(), next: Next::Failed };
        }
        step
    }
}

impl Half {
    fn read(&mut self, bytes: &[u8], step: fn(Next, &[u8]) -> Read) -> Step {
        match self.next {
            Next::Over => return Step { event: Event::Over, consumed: 0 },
            Next::Failed => return Step { event: Event::NotSocks, consumed: 0 },
            _ => {}
        }
        let mut consumed = 0;
        loop {
            match step(self.next, &self.kept) {
                Ok((length, Meaning::Then(next))) => {
                    self.kept.drain(..length.min(self.kept.len()));
                    self.next = next;
                }
                Ok((length, Meaning::Ends(event))) => {
                    let surplus = self.kept.len().saturating_sub(length);
                    *self = Self { kept: Vec::new(), next: Next::Over };
                    return Step { event, consumed: consumed - surplus.min(consumed) };
                }
                Err(Short::More) if consumed == bytes.len() => return Step { event: Event::More, consumed },
                Err(Short::More) if self.kept.len() < MAX_KEPT => {
                    let rest = bytes.get(consumed..).unwrap_or_default();
                    let (taken, _) = rest.split_at(rest.len().min(MAX_KEPT - self.kept.len()));
                    self.kept.extend_from_slice(taken);
                    consumed += taken.len();
                }
                Err(_) => {
                    *self = Self { kept: Vec::new(), next: Next::Failed };
                    return Step { event: Event::NotSocks, consumed };
                }
            }
        }
    }
}

/// Whether `bytes` begin what a SOCKS client sends: `None` while they are too few to say.
///
/// Three bytes can be a greeting of SOCKS 5, so each of them is weighed, and so is what comes behind it; where nothing does, the next to
/// speak has to be the proxy (see [`waits`]). SOCKS 4 has to show its whole user.
pub fn looks_like_client(bytes: &[u8]) -> Option<bool> {
    match *bytes.first()? {
        VERSION_5 => looks_like_greeting(bytes),
        VERSION_4 => looks_like_request_4(bytes),
        _ => Some(false),
    }
}

/// Whether `bytes` are a greeting of SOCKS 5 and nothing else, which says enough of a client that was answered by now.
pub fn waits(bytes: &[u8]) -> bool {
    let whole = matches!(bytes, [VERSION_5, count, methods @ ..] if methods.len() == usize::from(*count));
    // An eager client would have gone on with a version.
    whole && looks_like_client(&[bytes, &[VERSION_5]].concat()) == Some(true)
}

/// The most methods that a greeting is believed to offer; clients offer one to four.
const MAX_METHODS: usize = 10;

fn looks_like_greeting(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(bytes.get(1..)?);
    let count = usize::from(cursor.u8()?);
    if !(1..=MAX_METHODS).contains(&count) {
        return Some(false);
    }
    let methods = cursor.rest().get(..count).unwrap_or(cursor.rest());
    let known = methods.iter().all(|method| matches!(method, 0..=9 | 0x80..=0xfe));
    let repeated =
        methods.iter().enumerate().any(|(at, method)| methods.iter().skip(at + 1).any(|it| it == method));
    if !known || repeated {
        return Some(false);
    }
    cursor.take(count)?;
    // Without one of these there is no proxy that would agree.
    if !methods.iter().any(|method| *method <= METHOD_PASSWORD) {
        return Some(false);
    }
    // An eager client goes on with a password or a request.
    Some(matches!(cursor.rest().first()?, &VERSION_5 | &VERSION_AUTH))
}

fn looks_like_request_4(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(bytes.get(1..)?);
    if cursor.u8()? != CONNECT || cursor.u16()? == 0 {
        return Some(false);
    }
    let address = cursor.array::<4>()?;
    if address == [0; 4] {
        return Some(false);
    }
    let after = cursor.rest();
    let user = after.iter().take_while(|byte| byte.is_ascii_graphic()).count();
    match after.get(user) {
        _ if user > MAX_TEXT => Some(false),
        None => None,
        Some(0) if is_named(address) => Some(after.get(user + 1)?.is_ascii_alphanumeric()),
        Some(0) => Some(true),
        Some(_) => Some(false),
    }
}

/// Whether an address only says that a name follows (SOCKS 4a).
fn is_named(address: [u8; 4]) -> bool {
    matches!(address, [0, 0, 0, last] if last != 0)
}

fn need<T>(field: Option<T>) -> Result<T, Short> {
    field.ok_or(Short::More)
}

fn client_step(next: Next, bytes: &[u8]) -> Read {
    let mut cursor = Cursor::new(bytes);
    let version = need(cursor.u8())?;
    let meaning = match (next, version) {
        (Next::Greeting, VERSION_4) => Meaning::Ends(request_4(&mut cursor)?),
        (Next::Greeting, VERSION_5) => {
            let methods = need(cursor.short_block())?;
            if methods.is_empty() {
                return Err(Short::Not);
            }
            Meaning::Then(Next::Request)
        }
        (Next::Request, VERSION_AUTH) => {
            need(cursor.short_block())?; // user
            need(cursor.short_block())?; // password
            Meaning::Then(Next::Request)
        }
        (Next::Request, VERSION_5) => {
            let command = need(cursor.u8())?;
            let (host, port) = address_5(&mut cursor)?;
            if command != CONNECT {
                return Err(Short::Not);
            }
            Meaning::Ends(Event::Target(Box::new(Target { host, port })))
        }
        _ => return Err(Short::Not),
    };
    Ok((bytes.len() - cursor.rest().len(), meaning))
}

fn server_step(next: Next, bytes: &[u8]) -> Read {
    let mut cursor = Cursor::new(bytes);
    let version = need(cursor.u8())?;
    let code = need(cursor.u8())?;
    let meaning = match (next, version, code) {
        (Next::Greeting, 0, GRANTED_4..=0x5d) => {
            need(cursor.take(6))?; // port and address, of no use
            Meaning::Ends(if code == GRANTED_4 { Event::Granted } else { Event::Refused(code) })
        }
        (Next::Greeting, VERSION_5, 0) => Meaning::Then(Next::Reply),
        (Next::Greeting, VERSION_5, METHOD_PASSWORD) => Meaning::Then(Next::Verdict),
        (Next::Greeting, VERSION_5, METHOD_REFUSED) => Meaning::Ends(Event::Refused(code)),
        (Next::Verdict, VERSION_AUTH, 0) => Meaning::Then(Next::Reply),
        (Next::Verdict, VERSION_AUTH, _) => Meaning::Ends(Event::Refused(code)),
        (Next::Reply, VERSION_5, _) => {
            address_5(&mut cursor)?;
            Meaning::Ends(if code == 0 { Event::Granted } else { Event::Refused(code) })
        }
        _ => return Err(Short::Not),
    };
    Ok((bytes.len() - cursor.rest().len(), meaning))
}

/// The rest of a SOCKS 4 request, behind its version.
fn request_4(cursor: &mut Cursor<'_>) -> Result<Event, Short> {
    if need(cursor.u8())? != CONNECT {
        return Err(Short::Not);
    }
    let port = need(cursor.u16())?;
    let address = need(cursor.array::<4>())?;
    text_4(cursor)?; // user
    let host = if is_named(address) {
        Host::from_bytes(text_4(cursor)?)
    } else {
        Some(Host::Address(IpAddr::V4(Ipv4Addr::from(address))))
    };
    Ok(Event::Target(Box::new(Target { host, port })))
}

/// Text up to a zero byte, which is read as well.
fn text_4<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Short> {
    let length = cursor.rest().iter().take(MAX_TEXT + 1).position(|byte| *byte == 0);
    if length.is_none() && cursor.rest().len() > MAX_TEXT {
        return Err(Short::Not);
    }
    let text = need(length.and_then(|length| cursor.take(length)))?;
    need(cursor.u8())?;
    Ok(text)
}

/// A reserved byte, an address of any kind, and a port.
fn address_5(cursor: &mut Cursor<'_>) -> Result<(Option<Host>, u16), Short> {
    let reserved = need(cursor.u8())?;
    let host = match (reserved, need(cursor.u8())?) {
        (0, 1) => Some(Host::Address(need(cursor.array::<4>())?.into())),
        (0, 3) => Host::from_bytes(need(cursor.short_block())?),
        (0, 4) => Some(Host::Address(need(cursor.array::<16>())?.into())),
        _ => return Err(Short::Not),
    };
    Ok((host, need(cursor.u16())?))
}

#[cfg(test)]
mod tests {
    use super::super::splits::{mutated, pieces};
    use super::*;
    use proptest::prelude::*;

    const BY_NAME: &[u8] = b"\x05\x01\0\x05\x01\0\x03\x0cPool.Example\x0d\x05";
    const GRANT: &[u8] = b"\x05\0\x05\0\0\x01\0\0\0\0\0\0";
    const BY_PASSWORD: &[u8] =
        b"\x05\x02\0\x02\x01\x04user\x06secret\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb";
    const GRANT_PASSWORD: &[u8] = b"\x05\x02\x01\0\x05\0\0\x03\x01x\0\x50";
    const OF_4A: &[u8] = b"\x04\x01\x0d\x05\0\0\0\x07me\0pool.example\0";

    type Reading = fn(&mut Handshake, &[u8]) -> Step;

    /// The events of one direction, and the bytes that were left to the tunnel.
    fn heard(bytes: &[u8], lengths: &[usize], read: Reading) -> (Vec<Event>, Vec<u8>) {
        let mut handshake = Handshake::new();
        let (mut events, mut tunnel) = (Vec::new(), Vec::new());
        for piece in pieces(bytes, lengths) {
            let Step { event, consumed } = read(&mut handshake, piece);
            assert!(handshake.client.kept.len().max(handshake.server.kept.len()) <= MAX_KEPT);
            match event {
                Event::More => assert_eq!(consumed, piece.len()),
                Event::NotSocks => {
                    events.push(event);
                    break;
                }
                Event::Over => tunnel.extend_from_slice(&piece[consumed..]),
                event => {
                    events.push(event);
                    tunnel.extend_from_slice(&piece[consumed..]);
                }
            }
        }
        (events, tunnel)
    }

    fn whole(bytes: &[u8], read: Reading) -> (Vec<Event>, Vec<u8>) {
        heard(bytes, &[bytes.len().max(1)], read)
    }

    fn target(host: &str, port: u16) -> Event {
        Event::Target(Box::new(Target { host: Host::from_bytes(host.as_bytes()), port }))
    }

    #[test]
    fn every_kind_of_request_names_its_target() {
        for (bytes, expected) in [
            (BY_NAME, target("pool.example", 3333)),
            (BY_PASSWORD, target("2001:db8::1", 443)),
            (OF_4A, target("pool.example", 3333)),
            (b"\x04\x01\x00\x50\xc0\0\x02\x07\0", target("192.0.2.7", 80)),
            (b"\x05\x01\0\x05\x01\0\x01\xc0\0\x02\x07\x00\x50", target("192.0.2.7", 80)),
            (b"\x05\x01\0\x05\x01\0\x03\x02a \x00\x50", target("a ", 80)),
        ] {
            let line = b"{\"id\":1}\n";
            let (events, tunnel) = whole(&[bytes, line].concat(), Handshake::client);
            assert_eq!((events.as_slice(), tunnel.as_slice()), (&[expected][..], &line[..]));
            assert!(looks_like_client(bytes) == Some(true) || waits(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn answers_grant_or_refuse() {
        for (bytes, expected) in [
            (GRANT, Event::Granted),
            (GRANT_PASSWORD, Event::Granted),
            (b"\0\x5a\0\0\0\0\0\0", Event::Granted),
            (b"\0\x5b\0\0\0\0\0\0", Event::Refused(0x5b)),
            (b"\x05\xff", Event::Refused(0xff)),
            (b"\x05\x02\x01\x01", Event::Refused(1)),
            (b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0", Event::Refused(5)),
        ] {
            let (events, tunnel) = whole(&[bytes, b"rest"].concat(), Handshake::server);
            assert_eq!((events.as_slice(), tunnel.as_slice()), (&[expected][..], &b"rest"[..]));
        }
    }

    #[test]
    fn a_method_that_wraps_ends_both_sides() {
        let mut handshake = Handshake::new();
        assert_eq!(handshake.client(b"\x05\x01\x01").event, Event::More);
        assert_eq!(handshake.server(b"\x05\x01").event, Event::NotSocks);
        assert_eq!(handshake.client(b"\x01\x01\0\x10").event, Event::NotSocks);
    }

    #[test]
    fn other_protocols_do_not_look_like_it() {
        assert_eq!([&b""[..], b"\x05", b"\x05\x02\0", b"\x05\x01\0"].map(looks_like_client), [None; 4]);
        assert_eq!([&b""[..], b"\x05", b"\x05\x02\0", b"\x05\x01\0"].map(waits), [false, false, false, true]);
        assert_eq!([&b"\x05\0"[..], b"\x05\x01\x03", b"\x05\x01\0\x05"].map(waits), [false; 3]);
        for bytes in [
            &b"{\"id\":1}"[..],
            b"\x05\0",
            b"\x05\x02\0\0",
            b"\x05\x01\x03",
            b"\x05\x01\0{",
            b"\x05\x64\0\0\0\0\0\0",
            b"\x04\x01\0\0\xc0\0\x02\x07\0",
            b"\x04\x01\0\x50\0\0\0\0\0",
            b"\x04\x01\0\x50\xc0\0\x02\x07\x01",
            b"\x04\x02\0\x50\xc0\0\x02\x07\0",
        ] {
            assert_eq!(looks_like_client(bytes), Some(false), "{bytes:?}");
        }
        let endless = [&b"\x04\x01\0\x50\xc0\0\x02\x07"[..], &[b'a'; 600]].concat();
        assert_eq!(looks_like_client(&endless), Some(false));
        assert_eq!(whole(&endless, Handshake::client).0, [Event::NotSocks]);
    }

    #[test]
    fn a_request_of_4a_is_waited_for_until_its_name_begins() {
        assert_eq!(looks_like_client(b"\x04\x01\0\x50\0\0\0\x01\0"), None);
        assert_eq!(looks_like_client(b"\x04\x01\0\x50\0\0\0\x01\0p"), Some(true));
        assert_eq!(looks_like_client(b"\x04\x01\0\x50\0\0\0\x01\0\0"), Some(false));
    }

    #[test]
    fn the_longest_steps_fit() {
        let long = [b'a'; MAX_TEXT];
        let password = [&b"\x05\xff"[..], &[0; 255], b"\x01\xff", &long, b"\xff", &long].concat();
        let request = [&b"\x05\x01\0\x03\xff"[..], &long, b"\0\x50"].concat();
        let of_4a = [&b"\x04\x01\0\x50\0\0\0\x01"[..], &long, b"\0", &long, b"\0"].concat();
        for bytes in [[password, request].concat(), of_4a] {
            let (events, tunnel) = whole(&[&bytes[..], &[7; 900]].concat(), Handshake::client);
            assert!(matches!(events.as_slice(), [Event::Target(_)]));
            assert_eq!(tunnel, [7; 900]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(192))]

        #[test]
        fn the_same_is_said_however_the_bytes_are_cut(
            which in 0usize..5,
            changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
            rest in prop::collection::vec(any::<u8>(), 0..40),
            lengths in prop::collection::vec(1usize..20, 1..5),
        ) {
            let sample = [BY_NAME, BY_PASSWORD, OF_4A, GRANT, GRANT_PASSWORD][which];
            let bytes = mutated(&[sample, &rest].concat(), &changes);
            let readings: [Reading; 2] = [Handshake::client, Handshake::server];
            for read in readings {
                let all = whole(&bytes, read);
                prop_assert_eq!(&heard(&bytes, &lengths, read), &all);
                prop_assert_eq!(&heard(&bytes, &[1], read), &all);
            }
        }

        #[test]
        fn a_verdict_once_given_stands(bytes in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..40)) {
            let verdicts: Vec<Option<bool>> =
                (0..=bytes.len()).filter_map(|end| bytes.get(..end)).map(looks_like_client).collect();
            let first = verdicts.iter().flatten().next();
            prop_assert!(verdicts.iter().flatten().all(|it| Some(it) == first));
        }
    }
}
