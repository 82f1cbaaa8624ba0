//! One direction of a TCP connection, from bytes in order to messages and names.
//!
//! A reader finds out by the first bytes what it reads, never by ports, and hands on what travels inside: the body of an HTTP
//! request, the messages of a WebSocket, whatever comes through a proxy once that has agreed. It holds at most one unfinished message.

mod http;
mod text;
mod websocket;

use pithead_flow::Direction;

use self::http::Http;
use self::text::Text;
use self::websocket::WebSocket;
use crate::app::App;
use crate::behaviour::Hello;
use crate::carriers::http::{Expect, Role, looks_like_request, looks_like_response};
use crate::carriers::{Name, dns, tls};
use crate::event::Where;
use crate::framing::{Framed, Pool, Shape};
use crate::message::{Carrier, HttpHead};

/// How many bytes it can take to tell what a stream is.
const PROBE_BYTES: usize = 24;
/// How many requests are remembered of a server that has not spoken yet.
const EXPECTED: usize = 32;
/// How many tunnels are followed into each other.
const TUNNELS: u8 = 4;

/// Something that a reader found.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A message; or, with an empty text, an HTTP head that only mining software sends and no message came with.
    Message {
        text: &'a [u8],
        shape: Shape,
        truncated: bool,
        /// Whether nothing but messages came before it.
        clean: bool,
        carrier: Carrier,
        head: Option<&'a HttpHead>,
    },
    /// A host name.
    Name(&'a Name, Where, Option<u16>),
    /// An answer of DNS.
    Dns(&'a dns::Message<'a>),
    /// What a client of TLS says of itself.
    Hello(Hello),
    /// What the stream is.
    App(App),
    /// The other direction will answer a request of this kind.
    Expect(Expect),
    /// Bytes that a proxy passes on: what is in them is found besides, but whose turn it is counts from here.
    Tunnel(&'a [u8]),
}

/// Where findings go.
pub(crate) type Finds<'s> = dyn FnMut(Found<'_>) + 's;

/// One direction.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    direction: Direction,
    /// Whether its first byte is the first that its sender sent.
    from_start: bool,
    /// Whether DNS is to be expected, since the port is DNS's: a length in front of a message looks like nothing else.
    dns: bool,
    /// How many tunnels it is in.
    depth: u8,
    /// Whether something else came before what it reads.
    doubts: bool,
    /// Requests that were made of it before it said anything.
    expected: Vec<Expect>,
}

#[derive(Debug)]
enum State {
    Probe(Vec<u8>),
    Text(Box<Text>),
    Http(Box<Http>),
    WebSocket(Box<WebSocket>),
    TlsClient(Box<tls::Client>),
    TlsServer(Box<tls::Server>),
    Dns(Box<dns::Stream>),
    /// Nothing more to be learned.
    Done,
}

impl Reader {
    pub(crate) fn new(direction: Direction, from_start: bool, dns: bool) -> Self {
        Self {
            state: State::Probe(Vec::new()),
            direction,
            from_start,
            dns,
            depth: 0,
            expected: Vec::new(),
            doubts: false,
        }
    }

    /// Something else came before what it reads.
    pub(crate) fn doubt(&mut self) {
        self.doubts = true;
    }

    /// It is nothing with a form of its own, though it looked so for a while: lines of text, if anything.
    pub(crate) fn as_text(&mut self) {
        self.doubts = true;
        if self.is_fresh() {
            self.state = State::Text(Box::new(self.text()));
        }
    }

    fn text(&self) -> Text {
        Text { junk: u32::from(self.doubts), ..Text::new(self.from_start) }
    }

    /// Whether nothing more can be learned from this direction.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether it is in the midst of something that has an end and a limit of its own: a message, a head, a hello.
    pub(crate) fn is_inside(&self) -> bool {
        match &self.state {
            State::Probe(held) => !held.is_empty(),
            State::Text(text) => text.framer.is_inside(),
            State::Http(http) => http.is_inside(),
            State::WebSocket(_) | State::TlsClient(_) | State::TlsServer(_) | State::Dns(_) => true,
            State::Done => false,
        }
    }

    /// Whether it reads messages and nothing else.
    pub(crate) fn is_talk(&self) -> bool {
        matches!(&self.state, State::Text(text) if text.spoken && text.junk == 0)
    }

    /// Leaves its direction alone: what it will be shown next may be anything, behind something else.
    pub(crate) fn lay_aside(&mut self, pool: &mut Pool) {
        self.gap(pool);
        (self.state, self.doubts, self.from_start) = (State::Probe(Vec::new()), true, false);
    }

    /// Whether something else came before what it reads now, so that a message there may be a quotation.
    pub(crate) fn doubts(&self) -> bool {
        match &self.state {
            State::Probe(_) => self.doubts,
            State::Text(text) => text.junk > 0,
            _ => true,
        }
    }

    /// Whether it is at the beginning, where anything may follow.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(&self.state, State::Probe(held) if held.is_empty())
    }

    /// Bytes are missing: what follows may be anything.
    pub(crate) fn gap(&mut self, pool: &mut Pool) {
        match &mut self.state {
            State::Text(text) => {
                text.framer.reset(pool);
                text.may_be_cut = true;
                return;
            }
            State::Http(http) => {
                http.release(pool);
                if let Some(inside) = &mut http.inside {
                    return inside.gap(pool);
                }
            }
            State::WebSocket(socket) => socket.release(pool),
            _ => {}
        }
        // The rest of a page is no conversation.
        self.doubts |= !matches!(self.state, State::Probe(_));
        self.state = State::Probe(Vec::new());
        self.from_start = false;
    }

    /// No more bytes will come.
    pub(crate) fn end(&mut self, pool: &mut Pool, finds: &mut Finds<'_>) {
        if let State::Text(text) = &mut self.state {
            let clean = text.junk == 0;
            text.framer.end(pool, &mut |framed| {
                let Framed { text, shape, truncated, .. } = framed;
                finds(Found::Message { text, shape, truncated, clean, carrier: Carrier::Stream, head: None });
            });
        }
        if let State::Http(http) = &mut self.state {
            http.end(pool, finds);
        }
        self.gap(pool);
    }

    /// The other direction has made a request whose answer this one will be.
    pub(crate) fn expect(&mut self, kind: Expect) {
        match &mut self.state {
            State::Http(http) => http.side.expect(kind),
            // A Stratum port answers a request too, but not in HTTP: what it is shows when it comes.
            State::Probe(_) if self.expected.len() < EXPECTED => self.expected.push(kind),
            _ => {}
        }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], pool: &mut Pool, finds: &mut Finds<'_>) {
        match &mut self.state {
            State::Probe(held) if held.is_empty() => self.probe(bytes, pool, finds),
            State::Probe(held) => {
                let mut all = std::mem::take(held);
                all.extend_from_slice(bytes);
                self.probe(&all, pool, finds);
            }
            State::Text(text) => text.push(bytes, Carrier::Stream, pool, finds),
            State::Http(http) => http.push(bytes, self.direction, pool, finds),
            State::WebSocket(socket) => socket.push(bytes, pool, finds),
            State::TlsClient(side) => {
                let mut broken = None;
                let rest = side.push(bytes, |item| tls_item(item, &mut broken, finds));
                if side.is_over() {
                    self.leave_tls(broken, rest, pool, finds);
                }
            }
            State::TlsServer(side) => {
                let mut broken = None;
                let rest = side.push(bytes, |item| tls_item(item, &mut broken, finds));
                if side.is_over() {
                    self.leave_tls(broken, rest, pool, finds);
                }
            }
            State::Dns(stream) => stream.push(bytes, |item| {
                if let dns::Item::Message { message, .. } = item {
                    finds(Found::Dns(&message));
                }
            }),
            State::Done => {}
        }
    }

    /// Behind the part of TLS that is spoken in clear there is nothing to be learned. What only looked like TLS is text, if anything.
    fn leave_tls(&mut self, broken: Option<Vec<u8>>, rest: &[u8], pool: &mut Pool, finds: &mut Finds<'_>) {
        self.state = State::Done;
        if let Some(taken) = broken {
            self.doubts = true;
            self.state = State::Text(Box::new(self.text()));
            self.push(&taken, pool, finds);
            self.push(rest, pool, finds);
        }
    }

    /// Decides what the stream is, or waits for more.
    fn probe(&mut self, bytes: &[u8], pool: &mut Pool, finds: &mut Finds<'_>) {
        let Some(state) = self.begin(bytes, finds) else {
            if bytes.len() < PROBE_BYTES {
                self.state = State::Probe(bytes.to_vec());
                return;
            }
            self.state = State::Text(Box::new(self.text()));
            return self.push(bytes, pool, finds);
        };
        self.state = state;
        self.push(bytes, pool, finds);
    }

    /// What begins with these bytes. `None` while they are too few to say.
    fn begin(&mut self, bytes: &[u8], finds: &mut Finds<'_>) -> Option<State> {
        let first = *bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
        if matches!(first, b'{' | b'[') {
            return Some(State::Text(Box::new(self.text())));
        }
        let probes = [
            (looks_like_request(bytes), Kind::Request),
            (looks_like_response(bytes), Kind::Response),
            (self.looks_like_tls(bytes), Kind::Tls),
        ];
        for (verdict, kind) in probes {
            match verdict {
                Some(true) => return Some(self.state_of(kind, bytes, finds)),
                None => return None,
                Some(false) => {}
            }
        }
        if self.dns && self.from_start {
            finds(Found::App(App::Dns));
            return Some(State::Dns(Box::default()));
        }
        Some(State::Text(Box::new(self.text())))
    }

    /// Whether this is TLS. Sealed records do not begin a connection.
    fn looks_like_tls(&self, bytes: &[u8]) -> Option<bool> {
        let sealed = matches!(bytes.first(), Some(20 | 23));
        if sealed && self.from_start { Some(false) } else { tls::looks_like(bytes) }
    }

    fn state_of(&mut self, kind: Kind, bytes: &[u8], finds: &mut Finds<'_>) -> State {
        finds(Found::App(if kind == Kind::Tls { App::Tls } else { App::Http }));
        match kind {
            Kind::Request => State::Http(Box::new(Http::new(Role::Request, self.depth))),
            Kind::Response => {
                let mut http = Http::new(Role::Response, self.depth);
                self.expected.drain(..).for_each(|kind| http.side.expect(kind));
                State::Http(Box::new(http))
            }
            // The sixth byte is the kind of the first handshake message: 1 is the client's hello.
            Kind::Tls => match bytes.get(5) {
                Some(1) => State::TlsClient(Box::default()),
                Some(_) => State::TlsServer(Box::default()),
                None if self.direction == Direction::Forward => State::TlsClient(Box::default()),
                None => State::TlsServer(Box::default()),
            },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
    Tls,
}

/// What HTTP has turned into.
#[derive(Clone, Copy)]
enum Within {
    /// Something that looked like it for a while.
    Text,
    WebSocket,
    /// Anything, in a tunnel that is itself so deep in others.
    Tunnel(u8),
}

impl Reader {
    /// A reader for what HTTP carries.
    fn inside(direction: Direction, within: Within, finds: &mut Finds<'_>) -> Self {
        let mut reader = Self::new(direction, true, false);
        match within {
            Within::WebSocket => {
                finds(Found::App(App::WebSocket));
                reader.state = State::WebSocket(Box::new(WebSocket::new()));
            }
            Within::Tunnel(depth) if depth < TUNNELS => reader.depth = depth + 1,
            Within::Tunnel(_) | Within::Text => {
                let text = Text { junk: 1, ..Text::new(false) };
                reader.state = State::Text(Box::new(text));
            }
        }
        reader
    }
}

fn tls_item(item: tls::Item<'_>, broken: &mut Option<Vec<u8>>, finds: &mut Finds<'_>) {
    match item {
        tls::Item::ClientHello(hello) => {
            finds(Found::Hello(Hello {
                names_server: hello.server_name.is_some(),
                names_protocol: hello.alpn.is_some(),
            }));
            if let Some(name) = &hello.server_name {
                finds(Found::Name(name, Where::TlsSni, None));
            }
        }
        tls::Item::Certificate(certificate) => {
            let common = certificate.common_name.and_then(Name::from_bytes);
            for name in common.iter().chain(&certificate.names) {
                finds(Found::Name(name, Where::TlsCertificate, None));
            }
        }
        tls::Item::NotTls(taken) => *broken = Some(taken.to_vec()),
        tls::Item::ServerHello(_) | tls::Item::Done => {}
    }
}
