//! One direction of a TCP connection, from bytes in order to messages and names.
//!
//! A reader finds out by the first bytes what it reads, never by ports, and hands on what travels inside: the body of an HTTP
//! request, the messages of a WebSocket, whatever comes through a proxy once that has agreed. It holds at most one unfinished message.

use pithead_flow::Direction;

use crate::app::App;
use crate::carriers::http::{self, Expect};
use crate::carriers::{Authority, Host, Name, dns, tls, websocket};
use crate::event::Where;
use crate::framing::{Framed, Framer, Pool, Shape};
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
    /// What the stream is.
    App(App),
    /// The other direction will answer a request of this kind.
    Expect(Expect),
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
    WebSocket(Box<websocket::Stream>, Box<Text>),
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
                http.framer.reset(pool);
                if let Some(inside) = &mut http.inside {
                    return inside.gap(pool);
                }
            }
            State::WebSocket(_, text) => text.framer.reset(pool),
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
            State::WebSocket(frames, text) => websocket(frames, text, bytes, pool, finds),
            State::TlsClient(side) => {
                side.push(bytes, |item| tls_item(item, finds));
                if side.is_over() {
                    self.state = State::Done;
                }
            }
            State::TlsServer(side) => {
                side.push(bytes, |item| tls_item(item, finds));
                if side.is_over() {
                    self.state = State::Done;
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
            (http::looks_like_request(bytes), Kind::Request),
            (http::looks_like_response(bytes), Kind::Response),
            (tls::looks_like(bytes), Kind::Tls),
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

    fn state_of(&mut self, kind: Kind, bytes: &[u8], finds: &mut Finds<'_>) -> State {
        finds(Found::App(if kind == Kind::Tls { App::Tls } else { App::Http }));
        match kind {
            Kind::Request => State::Http(Box::new(Http::new(http::Role::Request, self.depth))),
            Kind::Response => {
                let mut http = Http::new(http::Role::Response, self.depth);
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

/// A stream of text: messages, and whatever stands between them.
#[derive(Debug)]
struct Text {
    framer: Framer,
    /// Lines that were no messages.
    junk: u32,
    /// Whether the first line may be the end of a message whose beginning was not seen; a bracket at its end tells.
    may_be_cut: bool,
}

impl Text {
    fn new(from_start: bool) -> Self {
        Self { framer: Framer::default(), junk: 0, may_be_cut: !from_start }
    }

    fn push(&mut self, bytes: &[u8], carrier: Carrier, pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { framer, junk, may_be_cut } = self;
        framer.feed(bytes, pool, &mut |framed| {
            let Framed { text, shape, truncated, nested } = framed;
            let excused = shape == Shape::Line && std::mem::take(may_be_cut) && is_tail(text);
            let clean = *junk == 0 && !nested;
            finds(Found::Message { text, shape, truncated, clean, carrier, head: None });
            if shape == Shape::Line && !excused {
                *junk = junk.saturating_add(1);
            }
        });
    }
}

/// Whether a line could be the end of a JSON message.
fn is_tail(line: &[u8]) -> bool {
    matches!(line.trim_ascii_end(), [.., b'}' | b']'])
}

/// One direction of HTTP.
#[derive(Debug)]
struct Http {
    side: http::Side,
    head: HttpHead,
    body: Body,
    framer: Framer,
    /// Whether the head says enough by itself, and no message came with it that says more.
    alone: bool,
    /// What a tunnel or a WebSocket carries.
    inside: Option<Box<Reader>>,
    websocket: bool,
    depth: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Nothing of it has come.
    Begin,
    /// It is JSON.
    Json,
    /// It is something else, or all that is wanted of it has been read.
    Skip,
}

impl Http {
    fn new(role: http::Role, depth: u8) -> Self {
        Self {
            side: http::Side::new(role),
            head: HttpHead::default(),
            body: Body::Begin,
            framer: Framer::default(),
            alone: false,
            inside: None,
            websocket: false,
            depth,
        }
    }

    fn push(&mut self, bytes: &[u8], direction: Direction, pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { side, head, body, framer, alone, inside, websocket, depth } = self;
        side.push(bytes, |item| match item {
            http::Item::Request(request) => {
                head_alone(alone, head, finds);
                *websocket = request.fields.websocket;
                note_request(head, &request);
                *alone = tells_by_itself(head);
                finds(Found::Expect(request.expects()));
                names_of(&request, finds);
                (*body, _) = (Body::Begin, framer.reset(pool));
            }
            http::Item::Response(response) => {
                head_alone(alone, head, finds);
                *websocket = response.fields.websocket;
                note_response(head, &response);
                *alone = tells_by_itself(head);
                (*body, _) = (Body::Begin, framer.reset(pool));
            }
            http::Item::Body(piece) => {
                if *body == Body::Begin {
                    *body = body_kind(piece);
                }
                if *body == Body::Skip {
                    head_alone(alone, head, finds);
                }
                if *body == Body::Json {
                    framer.feed(piece, pool, &mut |framed| {
                        let Framed { text, shape, truncated, nested } = framed;
                        if shape == Shape::Json && !nested {
                            *alone = false;
                            let (carrier, head) = (Carrier::Http, Some(&*head));
                            finds(Found::Message { text, shape, truncated, clean: true, carrier, head });
                        }
                    });
                }
            }
            http::Item::End => {
                head_alone(alone, head, finds);
                framer.reset(pool);
            }
            http::Item::Tunnel(piece) => {
                let within = if *websocket { Within::WebSocket } else { Within::Tunnel(*depth) };
                let reader = inside.get_or_insert_with(|| Box::new(Reader::inside(direction, within, finds)));
                reader.push(piece, pool, finds);
            }
            // What only looked like HTTP is read as text, and never as HTTP again, or it would go round for ever.
            http::Item::NotHttp | http::Item::Overlong => {
                *inside = Some(Box::new(Reader::inside(direction, Within::Text, finds)));
            }
            http::Item::Opaque(piece) => {
                if let Some(reader) = inside {
                    reader.push(piece, pool, finds);
                }
            }
        });
    }
}

impl Http {
    /// No more bytes will come: an unfinished body is judged as far as it came, or the head without it.
    fn end(&mut self, pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { head, framer, alone, inside, .. } = self;
        framer.end(pool, &mut |framed| {
            let Framed { text, shape, truncated, .. } = framed;
            if shape == Shape::Json {
                *alone = false;
                let (carrier, head) = (Carrier::Http, Some(&*head));
                finds(Found::Message { text, shape, truncated, clean: true, carrier, head });
            }
        });
        head_alone(alone, head, finds);
        if let Some(inside) = inside {
            inside.end(pool, finds);
        }
    }
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
                reader.state = State::WebSocket(Box::default(), Box::new(Text::new(true)));
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

fn websocket(
    frames: &mut websocket::Stream,
    text: &mut Text,
    bytes: &[u8],
    pool: &mut Pool,
    finds: &mut Finds<'_>,
) {
    frames.push(bytes, |item| {
        if let websocket::Item::Message { text: message, truncated, .. } = item {
            // A message ends with its frame, whatever its brackets say.
            text.framer.reset(pool);
            let mut any = false;
            text.framer.feed(message, pool, &mut |framed| {
                any = true;
                let Framed { text, shape, nested, .. } = framed;
                finds(Found::Message {
                    text,
                    shape,
                    truncated,
                    clean: !nested,
                    carrier: Carrier::WebSocket,
                    head: None,
                });
            });
            if !any && !message.is_empty() {
                let shape = if message.starts_with(b"{") { Shape::Json } else { Shape::Line };
                finds(Found::Message {
                    text: message,
                    shape,
                    truncated,
                    clean: true,
                    carrier: Carrier::WebSocket,
                    head: None,
                });
            }
            text.framer.reset(pool);
        }
    });
}

fn tls_item(item: tls::Item<'_>, finds: &mut Finds<'_>) {
    match item {
        tls::Item::ClientHello(hello) => {
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
        tls::Item::ServerHello(_) | tls::Item::Done | tls::Item::NotTls => {}
    }
}

/// What a body is, by its first bytes and not by what its head calls it: miners' proxies answer in `text/html`.
fn body_kind(piece: &[u8]) -> Body {
    match piece.trim_ascii_start() {
        [] => Body::Begin,
        [b'{' | b'[', ..] => Body::Json,
        _ => Body::Skip,
    }
}

/// Whether a head is one that only mining software sends.
fn tells_by_itself(head: &HttpHead) -> bool {
    head.marks.any() || !head.stratum.is_empty()
}

/// Hands over a head that says enough by itself, once it is certain that no message came with it.
fn head_alone(alone: &mut bool, head: &HttpHead, finds: &mut Finds<'_>) {
    if std::mem::take(alone) {
        let carrier = Carrier::Http;
        finds(Found::Message {
            text: b"",
            shape: Shape::Line,
            truncated: false,
            clean: true,
            carrier,
            head: Some(head),
        });
    }
}

fn names_of(request: &http::Request<'_>, finds: &mut Finds<'_>) {
    if let Some(Authority { host: Host::Name(name), port }) = &request.host {
        let place =
            if request.method == http::Method::Connect { Where::HttpConnect } else { Where::HttpHost };
        finds(Found::Name(name, place, *port));
    }
}

fn note_request(head: &mut HttpHead, request: &http::Request<'_>) {
    head.request = true;
    head.post = request.method == http::Method::Post;
    head.status = 0;
    put(&mut head.target, Some(request.target));
    put(&mut head.agent, request.user_agent);
    put(&mut head.user, request.user);
    head.host.clone_from(&request.host);
    note_fields(head, &request.fields);
}

fn note_response(head: &mut HttpHead, response: &http::Response<'_>) {
    head.request = false;
    head.post = false;
    head.status = response.status;
    note_fields(head, &response.fields);
}

fn note_fields(head: &mut HttpHead, fields: &http::Fields<'_>) {
    head.marks = fields.marks;
    put(&mut head.stratum, fields.stratum);
}

/// Replaces a text, keeping its memory.
fn put(into: &mut String, from: Option<&[u8]>) {
    into.clear();
    if let Some(from) = from {
        into.push_str(&String::from_utf8_lossy(from));
    }
}
