//! One direction of HTTP: heads, the JSON in bodies, and what a tunnel or a WebSocket carries.

use pithead_flow::Direction;

use super::{Finds, Found, Reader, Within};
use crate::carriers::http::Encoding;
use crate::carriers::{Authority, Host, http};
use crate::event::Where;
use crate::framing::{Framed, Framer, Pool, Shape};
use crate::message::{Carrier, HttpHead};
use crate::unpack::{Coding, PACKED_BYTES};

/// One direction of HTTP.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) side: http::Side,
    head: HttpHead,
    body: Body,
    /// How the body is packed, as the head says.
    coding: Option<Coding>,
    /// What has come of a packed body.
    packed: Option<Vec<u8>>,
    framer: Framer,
    /// Whether the head says enough by itself, and no message came with it that says more.
    alone: bool,
    /// What a tunnel or a WebSocket carries.
    pub(super) inside: Option<Box<Reader>>,
    websocket: bool,
    depth: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Nothing of it has come.
    Begin,
    /// It is JSON.
    Json,
    /// It is packed, and JSON inside for all that is known.
    Packed(Coding),
    /// It is something else, or all that is wanted of it has been read.
    Skip,
}

impl Http {
    pub(super) fn new(role: http::Role, depth: u8) -> Self {
        Self {
            side: http::Side::new(role),
            head: HttpHead::default(),
            body: Body::Begin,
            coding: None,
            packed: None,
            framer: Framer::default(),
            alone: false,
            inside: None,
            websocket: false,
            depth,
        }
    }

    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        direction: Direction,
        pool: &mut Pool,
        finds: &mut Finds<'_>,
    ) {
        let Self { side, head, body, coding, packed, framer, alone, inside, websocket, depth } = self;
        side.push(bytes, |item| match item {
            http::Item::Request(request) => {
                head_alone(alone, head, finds);
                *websocket = request.fields.websocket;
                note_request(head, &request);
                *alone = tells_by_itself(head);
                finds(Found::Expect(request.expects()));
                names_of(&request, finds);
                (*body, *coding) = (Body::Begin, coding_of(request.fields.encoding));
                framer.reset(pool);
            }
            http::Item::Response(response) => {
                head_alone(alone, head, finds);
                *websocket = response.fields.websocket;
                note_response(head, &response);
                *alone = tells_by_itself(head);
                (*body, *coding) = (Body::Begin, coding_of(response.fields.encoding));
                framer.reset(pool);
            }
            http::Item::Body(piece) => {
                if *body == Body::Begin {
                    *body = body_kind(piece, *coding, pool);
                }
                match *body {
                    Body::Begin => {}
                    Body::Skip => head_alone(alone, head, finds),
                    Body::Json => framer.feed(piece, pool, &mut |framed| json(&framed, head, alone, finds)),
                    Body::Packed(coding) => {
                        if keep(packed, piece, pool) {
                            unpack(packed, piece, coding, framer, pool, &mut |framed| {
                                json(&framed, head, alone, finds);
                            });
                            *body = Body::Skip;
                        }
                    }
                }
            }
            http::Item::End => {
                if let Body::Packed(coding) = *body {
                    unpack(packed, &[], coding, framer, pool, &mut |framed| {
                        json(&framed, head, alone, finds);
                    });
                }
                head_alone(alone, head, finds);
                framer.reset(pool);
            }
            http::Item::Tunnel(piece) => {
                if !*websocket {
                    finds(Found::Tunnel(piece));
                }
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
    /// Whether it is in the midst of a head or of a message, its own or that of a tunnel.
    pub(super) fn is_inside(&self) -> bool {
        let own = self.side.is_in_head()
            || self.packed.is_some()
            || (self.body == Body::Json && self.framer.is_inside());
        own || self.inside.as_ref().is_some_and(|inside| inside.is_inside())
    }

    /// Gives back what it holds of a message.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        self.framer.reset(pool);
        if let Some(held) = self.packed.take() {
            pool.give(held);
        }
    }

    /// No more bytes will come: an unfinished body is judged as far as it came, or the head without it.
    pub(super) fn end(&mut self, pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { head, body, packed, framer, alone, inside, .. } = self;
        if let Body::Packed(coding) = *body {
            unpack(packed, &[], coding, framer, pool, &mut |framed| json(&framed, head, alone, finds));
        }
        framer.end(pool, &mut |framed| json(&framed, head, alone, finds));
        head_alone(alone, head, finds);
        if let Some(inside) = inside {
            inside.end(pool, finds);
        }
    }
}

/// What a body is, by its first bytes and not by what its head calls it: miners' proxies answer in `text/html`.
fn body_kind(piece: &[u8], coding: Option<Coding>, pool: &mut Pool) -> Body {
    let plain = plain_kind(piece);
    let Some(coding) = coding.or_else(|| Coding::of(piece)).filter(|_| plain != Body::Json) else {
        return plain;
    };
    match plain_kind(pool.unpacking.front(coding, piece)) {
        Body::Skip => Body::Skip,
        _ => Body::Packed(coding),
    }
}

fn plain_kind(piece: &[u8]) -> Body {
    match piece.trim_ascii_start() {
        [] => Body::Begin,
        [b'{' | b'[', ..] => Body::Json,
        _ => Body::Skip,
    }
}

const fn coding_of(encoding: Encoding) -> Option<Coding> {
    match encoding {
        Encoding::Gzip => Some(Coding::Gzip),
        Encoding::Deflate => Some(Coding::Deflate),
        Encoding::Identity | Encoding::Other => None,
    }
}

/// Keeps a piece of a packed body. True when no more of it can be kept.
fn keep(packed: &mut Option<Vec<u8>>, piece: &[u8], pool: &mut Pool) -> bool {
    if packed.is_none() {
        *packed = pool.take();
    }
    let Some(held) = packed else { return true };
    let room = PACKED_BYTES - held.len();
    held.extend_from_slice(piece.get(..room).unwrap_or(piece));
    piece.len() > room
}

/// Reads a packed body as far as it was kept; where nothing could be, its first piece.
fn unpack(
    packed: &mut Option<Vec<u8>>,
    piece: &[u8],
    coding: Coding,
    framer: &mut Framer,
    pool: &mut Pool,
    sink: &mut dyn FnMut(Framed<'_>),
) {
    let held = packed.take();
    let mut unpacking = std::mem::take(&mut pool.unpacking);
    framer.feed(unpacking.body(coding, held.as_deref().unwrap_or(piece)), pool, sink);
    pool.unpacking = unpacking;
    framer.end(pool, sink);
    if let Some(held) = held {
        pool.give(held);
    }
}

/// Hands over a message of a body.
fn json(framed: &Framed<'_>, head: &HttpHead, alone: &mut bool, finds: &mut Finds<'_>) {
    let Framed { text, shape, truncated, nested } = *framed;
    if shape == Shape::Json && !nested {
        *alone = false;
        let (carrier, head) = (Carrier::Http, Some(head));
        finds(Found::Message { text, shape, truncated, clean: true, carrier, head });
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
