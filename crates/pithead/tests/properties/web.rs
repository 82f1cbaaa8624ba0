//! HTTP and WebSocket written in other ways that mean the same.

use std::collections::HashSet;
use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};

use crate::dice::Dice;
use crate::said::{Saying, Way, rewritten};
use crate::support::steps::{self, Step};
use crate::support::{line, short};
use crate::{Faults, sessions};

/// A message of HTTP: its head without the blank line, and its body without framing.
#[derive(Clone, Debug)]
struct Message {
    first: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.fields.retain(|(field, _)| !names.iter().any(|name| field.eq_ignore_ascii_case(name)));
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another body, its length said.
    fn holding(self, body: Vec<u8>) -> Self {
        let length = body.len().to_string();
        Self {
            body,
            ..self.without(&["content-length", "transfer-encoding"]).with("Content-Length", &length)
        }
    }

    fn head(&self, end: &str, colon: &str) -> String {
        let fields: String =
            self.fields.iter().map(|(name, value)| format!("{name}{colon}{value}{end}")).collect();
        let end = end.trim_start_matches(' ');
        format!("{}{end}{fields}{end}", self.first)
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head("\r\n", ": ").as_bytes(), &self.body].concat()
    }

    fn is_upgrade(&self) -> bool {
        self.field("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }
}

/// The messages in a saying, and what comes behind them; `None` where it is not HTTP.
fn messages(mut bytes: &[u8]) -> Option<(Vec<Message>, &[u8])> {
    let mut messages: Vec<Message> = Vec::new();
    while !bytes.is_empty() {
        let over = messages.last().is_some_and(Message::is_upgrade);
        let (message, rest) = if over { return Some((messages, bytes)) } else { message(bytes)? };
        messages.push(message);
        bytes = rest;
    }
    (!messages.is_empty()).then_some((messages, bytes))
}

fn message(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let first = lines.next()?.to_owned();
    if !first.contains("HTTP/1.") {
        return None;
    }
    let fields = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    let mut message = Message { first, fields: fields.collect::<Option<_>>()?, body: Vec::new() };
    let rest = &bytes[end + 4..];
    if message.field("transfer-encoding").is_some() {
        let mut rest = rest;
        loop {
            let line = rest.windows(2).position(|window| window == b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
            message.body.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
            rest = rest.get(line + 4 + size..)?;
            if size == 0 {
                return Some((message, rest));
            }
        }
    }
    let length = message.field("content-length").map_or(Some(0), |length| length.parse().ok())?;
    message.body = rest.get(..length)?.to_vec();
    Some((message, &rest[length..]))
}

/// A way to write a message of HTTP.
type Style = fn(Message, &mut Dice) -> Vec<u8>;

fn packed(message: Message, coding: &str, body: Vec<u8>) -> Vec<u8> {
    message.without(&["content-encoding"]).with("Content-Encoding", coding).holding(body).bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

fn chunked(message: Message, dice: &mut Dice) -> Vec<u8> {
    let message =
        message.without(&["content-length", "transfer-encoding"]).with("Transfer-Encoding", "chunked");
    let mut bytes = message.head("\r\n", ": ").into_bytes();
    let mut at = 0;
    while at < message.body.len() {
        let to = message.body.len().min(at + 1 + dice.below(24));
        let extension = if dice.once_in(3) { ";x=\"y\"" } else { "" };
        bytes.extend(format!("{:03x}{extension}\r\n", to - at).bytes());
        bytes.extend_from_slice(&message.body[at..to]);
        bytes.extend(b"\r\n");
        at = to;
    }
    bytes.extend(b"0\r\nX-Trailer: none\r\n\r\n");
    bytes
}

/// Messages without a body keep their form where a way is one of bodies.
const BODIES: [(&str, Style); 7] = [
    ("chunked", chunked),
    ("gzip", |message, _| {
        let body = gzip(&message.body);
        packed(message, "gzip", body)
    }),
    ("gzip in two members", |message, _| {
        let (front, back) = message.body.split_at(message.body.len() / 2);
        let body = [gzip(front), gzip(back)].concat();
        packed(message, "X-GZip", body)
    }),
    ("deflate", |message, _| {
        let body = zlib(&message.body);
        packed(message, "deflate", body)
    }),
    ("deflate without a header", |message, _| {
        let body = deflate(&message.body);
        packed(message, "deflate", body)
    }),
    ("gzip and not said", |message, _| {
        let body = gzip(&message.body);
        message.holding(body).bytes()
    }),
    ("gzip in chunks", |message, dice| {
        let body = gzip(&message.body);
        chunked(message.with("Content-Encoding", "gzip").holding(body), dice)
    }),
];

const HEADS: [(&str, Style); 5] = [
    ("odd case", |mut message, dice| {
        for (name, _) in &mut message.fields {
            *name =
                name.chars()
                    .map(|letter| {
                        if dice.once_in(2) {
                            letter.to_ascii_uppercase()
                        } else {
                            letter.to_ascii_lowercase()
                        }
                    })
                    .collect();
        }
        message.bytes()
    }),
    ("folded", |message, _| [message.head("\r\n", ":\r\n\t ").as_bytes(), &message.body].concat()),
    ("bare line ends", |message, _| [message.head("\n", ":").as_bytes(), &message.body].concat()),
    ("blanks around values", |message, _| {
        [message.head(" \r\n", ": \t ").as_bytes(), &message.body].concat()
    }),
    ("behind another", |message, _| {
        let other: &[u8] = if message.first.starts_with("HTTP/") {
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
        } else {
            b"GET /favicon.ico HTTP/1.1\r\nAccept: */*\r\n\r\n"
        };
        [other, &message.bytes()].concat()
    }),
];

/// All HTTP in a conversation, each message written so. `bodies`: those alone that have a body.
fn written(steps: &[Step], style: Style, bodies: bool, dice: &mut Dice, count: &mut usize) -> Vec<Step> {
    rewritten(steps, |saying| {
        let Some((messages, rest)) = messages(saying.bytes) else { return saying.bytes.to_vec() };
        let mut bytes = Vec::new();
        for message in messages {
            // What is packed already stays so.
            if bodies && (message.body.is_empty() || message.field("content-encoding").is_some()) {
                bytes.extend(message.bytes());
            } else {
                *count += 1;
                let whole = message.field("transfer-encoding").is_some();
                let message = if whole { message.clone().holding(message.body) } else { message };
                bytes.extend(style(message, dice));
            }
        }
        bytes.extend_from_slice(rest);
        bytes
    })
}

#[test]
fn http_in_any_form() {
    let (mut count, mut faults) = (0, Faults::default());
    let styles = BODIES.iter().map(|style| (style, true)).chain(HEADS.iter().map(|style| (style, false)));
    for ((name, style), bodies) in styles {
        for (capture, original) in sessions() {
            let before = count;
            let made = written(&original, *style, bodies, &mut Dice(7), &mut count);
            if count > before {
                let expected = line::run(&steps::frames(&original));
                faults.compare(&capture, &expected, &line::run(&steps::frames(&made)), name);
            }
        }
    }
    assert!(count > 1000, "{count} messages were written anew");
}

/// A frame of a WebSocket: its first byte, and what it carries without a mask.
#[derive(Clone, Debug)]
struct Frame {
    flags: u8,
    payload: Vec<u8>,
}

/// The frames in a saying; `None` where it ends inside one.
fn frames(mut bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    while let [flags, length, rest @ ..] = bytes {
        let (length, rest, masked) = match length & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
                rest.get(2..)?,
                length & 0x80,
            ),
            127 => return None,
            short => (usize::from(short), rest, length & 0x80),
        };
        let (mask, rest) =
            if masked == 0 { ([0; 4], rest) } else { (rest.get(..4)?.try_into().ok()?, rest.get(4..)?) };
        let payload =
            rest.get(..length)?.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        frames.push(Frame { flags: *flags, payload });
        bytes = &rest[length..];
    }
    (!frames.is_empty()).then_some(frames)
}

fn frame(flags: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![flags];
    if payload.len() < 126 {
        bytes.push(masked | payload.len() as u8);
    } else {
        bytes.push(masked | 126);
        bytes.extend((payload.len() as u16).to_be_bytes());
    }
    bytes.extend(mask.iter().flatten());
    let key = mask.unwrap_or_default();
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// What a WebSocket's side is written with.
#[derive(Clone, Copy)]
struct Socket {
    /// Data in frames of at most so many bytes; 0 for whole.
    pieces: usize,
    /// Pings between them.
    pings: bool,
    /// How clients mask.
    mask: Option<[u8; 4]>,
    packed: Packed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packed {
    No,
    /// Each message by itself.
    Alone,
    /// Each going on with the dictionary of those before.
    Onwards,
}

const SOCKETS: [(&str, Socket); 7] = [
    ("one byte a frame", Socket { pieces: 1, pings: false, mask: Some([1, 2, 3, 4]), packed: Packed::No }),
    ("pings between", Socket { pieces: 9, pings: true, mask: Some([0xff, 0, 7, 0]), packed: Packed::No }),
    ("a mask of zeros", Socket { pieces: 0, pings: false, mask: Some([0; 4]), packed: Packed::No }),
    ("no mask", Socket { pieces: 0, pings: false, mask: None, packed: Packed::No }),
    ("packed", Socket { pieces: 0, pings: false, mask: Some([9, 8, 7, 6]), packed: Packed::Alone }),
    ("packed onwards", Socket { pieces: 0, pings: false, mask: Some([9, 8, 7, 6]), packed: Packed::Onwards }),
    (
        "packed onwards in pieces",
        Socket { pieces: 5, pings: true, mask: Some([9, 8, 7, 6]), packed: Packed::Onwards },
    ),
];

/// The packer of one side, as RFC 7692 has it: a flush after each message, without the four bytes that it ends with.
struct Packer(Compress);

impl Packer {
    fn new() -> Self {
        Self(Compress::new(Compression::default(), false))
    }

    fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(bytes.len() * 2 + 64);
        self.0.compress_vec(bytes, &mut packed, FlushCompress::Sync).expect("a packer packs");
        assert!(packed.ends_with(&[0, 0, 0xff, 0xff]));
        packed.truncate(packed.len() - 4);
        packed
    }
}

fn resocketed(steps: &[Step], socket: Socket, dice: &mut Dice, count: &mut usize) -> Vec<Step> {
    let mut open: HashSet<Way> = HashSet::new();
    let mut packers: std::collections::HashMap<Way, Packer> = std::collections::HashMap::new();
    rewritten(steps, |saying: &Saying<'_>| {
        let (mut bytes, mut rest) = (Vec::new(), saying.bytes);
        if !open.contains(&saying.way) {
            let Some((messages, behind)) = messages(saying.bytes) else { return saying.bytes.to_vec() };
            for message in messages {
                if !message.is_upgrade() {
                    bytes.extend(message.bytes());
                    continue;
                }
                open.insert(saying.way);
                let name = "Sec-WebSocket-Extensions";
                let message = message.without(&[name]);
                let extension = match socket.packed {
                    Packed::No => None,
                    Packed::Alone => {
                        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
                    }
                    Packed::Onwards => Some("permessage-deflate"),
                };
                bytes.extend(extension.map_or(message.clone(), |value| message.with(name, value)).bytes());
            }
            rest = behind;
        }
        if rest.is_empty() {
            return bytes;
        }
        let frames = frames(rest).expect("golden captures have whole frames");
        let client = rest[1] & 0x80 != 0;
        let mask = socket.mask.filter(|_| client);
        let mut message = Vec::new();
        for Frame { flags, payload } in frames {
            if flags & 0x08 != 0 {
                bytes.extend(frame(flags, &payload, mask));
                continue;
            }
            message.extend(payload);
            if flags & 0x80 == 0 {
                continue;
            }
            *count += 1;
            let mut text = std::mem::take(&mut message);
            let packer = packers.entry(saying.way).or_insert_with(Packer::new);
            if socket.packed == Packed::Alone {
                *packer = Packer::new();
            }
            if socket.packed != Packed::No {
                text = packer.pack(&text);
            }
            let mark = if socket.packed == Packed::No { 0 } else { 0x40 };
            let size = if socket.pieces == 0 { text.len() } else { socket.pieces };
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            for (at, piece) in pieces.iter().enumerate() {
                let first = if at == 0 { 1 | mark } else { 0 };
                let last = if at + 1 == pieces.len() { 0x80 } else { 0 };
                bytes.extend(frame(first | last, piece, mask));
                if socket.pings && dice.once_in(3) {
                    bytes.extend(frame(0x89, b"{", mask));
                }
            }
        }
        bytes
    })
}

#[test]
fn websockets_in_any_form() {
    let (mut count, mut faults) = (0, Faults::default());
    for (name, socket) in SOCKETS {
        for (capture, original) in sessions().filter(|(capture, _)| !short(capture).contains("/packed")) {
            let before = count;
            let made = resocketed(&original, socket, &mut Dice(8), &mut count);
            if count > before {
                let expected = line::run(&steps::frames(&original));
                faults.compare(&capture, &expected, &line::run(&steps::frames(&made)), name);
            }
        }
    }
    assert!(count > 100, "{count} messages were written anew");
}
