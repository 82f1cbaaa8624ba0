//! HTTP/1.x, one direction at a time: heads, bodies without their framing, and the tunnels that begin inside.
//!
//! A [`Side`] reads requests or responses, one after another. Requests need nothing else. Responses need to be told, by
//! [`Side::expect`], which requests have none or another kind of body; untold, they are read as answers to plain requests.
//! What is not HTTP, or no longer, is passed on untouched, so that no byte is lost to whoever looks next. Left out:
//! decompression (only the coding is told), HTTP/2, and joining what a gap took apart.

mod body;
mod expect;
mod head;

use body::{Body, Chunks, Part};
pub use expect::Expect;
use expect::Expected;
pub use head::{Content, Encoding, Fields, MAX_TARGET, MAX_VALUE, Marks, Method, Request, Response};
use head::{Desk, Unread};

/// The most bytes of a head, from its first letter to the blank line behind it: servers' own limits are about this.
pub const MAX_HEAD: usize = 8192;

/// How many bytes it can take to tell HTTP from everything else: the longest method and a blank.
const MAX_PROBE: usize = 16;

/// Words that begin a request. Others of the register are not sent by miners or to their pools, and a short list keeps
/// mail, chat and file transfer commands out.
const METHODS: [&[u8]; 12] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"CONNECT ",
    b"OPTIONS ",
    b"DELETE ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
    b"REPORT ",
    b"SEARCH ",
];

/// Which half of the conversation a [`Side`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What the client sends.
    Request,
    /// What the server sends.
    Response,
}

/// What a [`Side`] finds.
///
/// A message is a head, its body in any number of pieces, and an end; a body that lasts until the connection closes has
/// no end.
#[allow(clippy::large_enum_variant, reason = "lent to a sink and gone; a box would be an allocation each")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The head of a request.
    Request(Request<'a>),
    /// The head of a response; an interim one (100, 103) is a message of its own.
    Response(Response<'a>),
    /// A piece of a body, free of chunk sizes.
    Body(&'a [u8]),
    /// The message is over.
    End,
    /// A piece of what travels inside: after `CONNECT`, or after the switch to a WebSocket.
    Tunnel(&'a [u8]),
    /// The bytes from here on are not HTTP; they follow as [`Item::Opaque`].
    NotHttp,
    /// A head exceeds [`MAX_HEAD`] or has too many headers; its bytes and all after it follow as [`Item::Opaque`].
    Overlong,
    /// A piece of what could not be read.
    Opaque(&'a [u8]),
}

/// Whether `bytes` begin a request: `None` while they are too few to say.
pub fn looks_like_request(bytes: &[u8]) -> Option<bool> {
    let verdicts = METHODS.map(|word| begins(bytes, word));
    verdicts.into_iter().find(|verdict| *verdict != Some(false)).unwrap_or(Some(false))
}

/// Whether `bytes` begin a response: `None` while they are too few to say.
pub fn looks_like_response(bytes: &[u8]) -> Option<bool> {
    begins(bytes, b"HTTP/1.")
}

/// Whether `bytes` begin with `word`: `None` while `word` begins with all of them.
fn begins(bytes: &[u8], word: &[u8]) -> Option<bool> {
    if bytes.len() < word.len() {
        return (!word.starts_with(bytes)).then_some(false);
    }
    Some(bytes.starts_with(word))
}

/// What came before the bytes that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// A message, or nothing.
    Message,
    /// A `CONNECT`: if it is granted a tunnel begins, if not another `CONNECT` may follow.
    Connect,
    /// A request for a WebSocket: if it is granted frames begin, if not another request may follow.
    Upgrade,
}

#[derive(Clone, Debug)]
enum State {
    /// Before the first bytes that say what follows.
    Start(After),
    /// In a head; whether its current line is empty so far.
    Head {
        blank: bool,
    },
    /// In a body, and what it is part of.
    Body(Body, After),
    Tunnel,
    Opaque,
}

/// Reads one direction of an HTTP/1.x connection.
#[derive(Clone, Debug)]
pub struct Side {
    role: Role,
    state: State,
    /// The unfinished head, at most [`MAX_HEAD`] bytes.
    kept: Vec<u8>,
    expected: Expected,
}

impl Side {
    /// A side at the start of a message.
    pub fn new(role: Role) -> Self {
        Self { role, state: State::Start(After::Message), kept: Vec::new(), expected: Expected::default() }
    }

    /// Says that a request has been made whose response this side will read: [`Request::expects`] knows its kind.
    ///
    /// The kinds of 32 unanswered requests are remembered; those behind them count as plain.
    pub fn expect(&mut self, kind: Expect) {
        self.expected.push(kind);
    }

    /// Whether a head has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head { .. })
    }

    /// Reads the next bytes and calls `sink` for everything that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Item<'_>)) {
        while !bytes.is_empty() {
            let used = self.step(bytes, &mut sink);
            bytes = bytes.get(used..).unwrap_or_default();
        }
    }

    /// Reads from the front of `bytes`, which are not empty. It uses some, or changes state so that the next step does.
    fn step(&mut self, bytes: &[u8], sink: &mut impl FnMut(Item<'_>)) -> usize {
        match &mut self.state {
            State::Start(after) => {
                let after = *after;
                self.start(after, bytes, sink)
            }
            State::Head { blank } => match head_end(bytes, MAX_HEAD - self.kept.len(), blank) {
                Ok(end) => self.end_head(bytes.get(..end).unwrap_or(bytes), sink),
                Err(scanned) => self.keep_head(bytes.get(..scanned).unwrap_or(bytes), sink),
            },
            State::Body(body, after) => {
                let (used, part) = body.read(bytes);
                let over = body.is_over() || part == Part::End;
                let after = *after;
                match part {
                    Part::Content(content) => sink(Item::Body(content)),
                    Part::Broken => {
                        // The byte that breaks the framing is told with the rest; what led to it was framing.
                        self.give_up(Item::NotHttp, bytes.get(used - 1..used).unwrap_or_default(), sink);
                    }
                    Part::Framing | Part::End => {}
                }
                if over {
                    sink(Item::End);
                    self.state = State::Start(after);
                }
                used
            }
            State::Tunnel => {
                sink(Item::Tunnel(bytes));
                bytes.len()
            }
            State::Opaque => {
                sink(Item::Opaque(bytes));
                bytes.len()
            }
        }
    }

    /// Finds out what begins here.
    fn start(&mut self, after: After, bytes: &[u8], sink: &mut impl FnMut(Item<'_>)) -> usize {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 && after == After::Message && self.kept.is_empty() {
            return blank; // Clients of old end a body with a line end that they do not count.
        }
        let mut probe = [0; MAX_PROBE];
        let mut length = 0;
        for (to, from) in probe.iter_mut().zip(self.kept.iter().chain(bytes)) {
            *to = *from;
            length += 1;
        }
        let probe = probe.get(..length).unwrap_or_default();
        let verdict = match (self.role, after) {
            (Role::Response, _) => looks_like_response(probe),
            (Role::Request, After::Connect) => begins(probe, b"CONNECT "),
            (Role::Request, _) => looks_like_request(probe),
        };
        match (verdict, after) {
            (None, _) => {
                self.kept.extend_from_slice(bytes);
                bytes.len()
            }
            (Some(true), _) => {
                self.state = State::Head { blank: false };
                0
            }
            (Some(false), After::Message) => {
                self.give_up(Item::NotHttp, &[], sink);
                0
            }
            (Some(false), _) => {
                self.state = State::Tunnel;
                let kept = std::mem::take(&mut self.kept);
                if !kept.is_empty() {
                    sink(Item::Tunnel(&kept));
                }
                0
            }
        }
    }

    /// Keeps a piece of a head that does not end in it.
    fn keep_head(&mut self, piece: &[u8], sink: &mut impl FnMut(Item<'_>)) -> usize {
        self.kept.extend_from_slice(piece);
        if self.kept.len() >= MAX_HEAD {
            self.give_up(Item::Overlong, &[], sink);
        }
        piece.len()
    }

    /// Reads a head that ends with `piece`.
    fn end_head(&mut self, piece: &[u8], sink: &mut impl FnMut(Item<'_>)) -> usize {
        if self.kept.is_empty() {
            self.read_head(piece, sink);
        } else {
            // Given back rather than kept: a connection may idle for hours after its last head.
            let mut whole = std::mem::take(&mut self.kept);
            whole.extend_from_slice(piece);
            self.read_head(&whole, sink);
        }
        piece.len()
    }

    fn read_head(&mut self, head: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        let readable = head::unfold(head);
        let mut read = self.try_head(&readable, sink);
        if read == Err(Unread::NotHttp) {
            read = self.try_head(&head::mend(&readable), sink);
        }
        match read {
            Ok(()) if matches!(self.state, State::Body(..)) => {}
            Ok(()) => sink(Item::End),
            Err(Unread::NotHttp) => self.give_up(Item::NotHttp, head, sink),
            Err(Unread::Overlong) => self.give_up(Item::Overlong, head, sink),
        }
    }

    /// Tells a head and goes to what follows it, if it can be read.
    fn try_head(&mut self, head: &[u8], sink: &mut impl FnMut(Item<'_>)) -> Result<(), Unread> {
        match self.role {
            Role::Request => {
                let mut desk = Desk::new();
                let request = head::request(head, &mut desk)?;
                self.state = after_request(&request);
                sink(Item::Request(request));
            }
            Role::Response => {
                let response = head::response(head)?;
                self.state = after_response(&response, &mut self.expected);
                sink(Item::Response(response));
            }
        }
        Ok(())
    }

    /// Stops reading: says why, then passes on what was kept and `last`.
    fn give_up(&mut self, why: Item<'_>, last: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        self.state = State::Opaque;
        sink(why);
        let kept = std::mem::take(&mut self.kept);
        for piece in [&kept, last] {
            if !piece.is_empty() {
                sink(Item::Opaque(piece));
            }
        }
    }
}

/// Where a head ends in `bytes`, at most `room` bytes on, or how many bytes were searched in vain.
fn head_end(bytes: &[u8], room: usize, blank: &mut bool) -> Result<usize, usize> {
    let window = bytes.get(..room).unwrap_or(bytes);
    let is_empty = |line: &[u8]| line.iter().all(|byte| *byte == b'\r');
    let mut rest = window;
    while let Some((line, after)) = memchr::memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end + 1))
    {
        if *blank && is_empty(line.strip_suffix(b"\n").unwrap_or(line)) {
            return Ok(window.len() - after.len());
        }
        (*blank, rest) = (true, after);
    }
    *blank &= is_empty(rest);
    Err(window.len())
}

fn after_request(request: &Request<'_>) -> State {
    if request.method == Method::Connect {
        return State::Start(After::Connect);
    }
    let after = if request.fields.websocket { After::Upgrade } else { After::Message };
    match (request.fields.chunked, request.fields.length) {
        (true, _) => State::Body(Body::Chunked(Chunks::START), after),
        (false, Some(length @ 1..)) => State::Body(Body::Length(length), after),
        (false, _) => State::Start(after),
    }
}

fn after_response(response: &Response<'_>, expected: &mut Expected) -> State {
    let fields = &response.fields;
    let bare = match response.status {
        101 => {
            expected.pop();
            return State::Tunnel;
        }
        100..200 => return State::Start(After::Message),
        204 | 304 => true,
        _ => false,
    };
    match expected.pop() {
        Expect::Connect if (200..300).contains(&response.status) => return State::Tunnel,
        Expect::Head => return State::Start(After::Message),
        _ if bare => return State::Start(After::Message),
        _ => {}
    }
    match (fields.chunked, fields.length) {
        (true, _) => State::Body(Body::Chunked(Chunks::START), After::Message),
        (false, Some(0)) => State::Start(After::Message),
        (false, Some(length)) => State::Body(Body::Length(length), After::Message),
        (false, None) => State::Body(Body::UntilClose, After::Message),
    }
}

#[cfg(test)]
mod tests;
