//! One direction of a WebSocket: what its messages say, packed or not.

use super::text::Text;
use super::{Finds, Found};
use crate::carriers::websocket::{Item, Stream};
use crate::framing::{Framed, Pool, Shape};
use crate::message::Carrier;
use crate::unpack::Window;

/// One direction of a WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket {
    frames: Stream,
    text: Text,
    /// What packed messages may refer back to.
    window: Window,
}

impl WebSocket {
    pub(super) fn new() -> Self {
        Self { frames: Stream::new(), text: Text::new(true), window: Window::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { frames, text, window } = self;
        frames.push(bytes, |item| match item {
            Item::Message { text: message, truncated } => say(text, message, truncated, pool, finds),
            Item::Packed { bytes, truncated } => {
                let mut unpacking = std::mem::take(&mut pool.unpacking);
                let (message, whole) = unpacking.message(bytes, truncated, window);
                say(text, message, !whole, pool, finds);
                pool.unpacking = unpacking;
            }
            Item::Close | Item::Broken => {}
        });
    }

    /// Gives back what it holds.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        self.text.framer.reset(pool);
        pool.unpacking.give(&mut self.window);
    }
}

/// Tells the messages in one of a WebSocket.
fn say(text: &mut Text, message: &[u8], truncated: bool, pool: &mut Pool, finds: &mut Finds<'_>) {
    // A message ends with its frame, whatever its brackets say.
    text.framer.reset(pool);
    let carrier = Carrier::WebSocket;
    let mut any = false;
    text.framer.feed(message, pool, &mut |framed| {
        any = true;
        let Framed { text, shape, nested, .. } = framed;
        finds(Found::Message { text, shape, truncated, clean: !nested, carrier, head: None });
    });
    if !any && !message.is_empty() {
        let shape = if message.starts_with(b"{") { Shape::Json } else { Shape::Line };
        finds(Found::Message { text: message, shape, truncated, clean: true, carrier, head: None });
    }
    text.framer.reset(pool);
}
