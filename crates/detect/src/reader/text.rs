//! A stream of text: messages, and whatever stands between them.

use super::{Finds, Found};
use crate::framing::{Framed, Framer, Pool, Shape};
use crate::message::Carrier;

/// A stream of text: messages, and whatever stands between them.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) framer: Framer,
    /// Lines that were no messages.
    pub(super) junk: u32,
    /// Whether it held a message.
    pub(super) spoken: bool,
    /// Whether the first line may be the end of a message whose beginning was not seen; a bracket at its end tells.
    pub(super) may_be_cut: bool,
}

impl Text {
    pub(super) fn new(from_start: bool) -> Self {
        Self { framer: Framer::default(), junk: 0, spoken: false, may_be_cut: !from_start }
    }

    pub(super) fn push(&mut self, bytes: &[u8], carrier: Carrier, pool: &mut Pool, finds: &mut Finds<'_>) {
        let Self { framer, junk, spoken, may_be_cut } = self;
        framer.feed(bytes, pool, &mut |framed| {
            let Framed { text, shape, truncated, nested } = framed;
            let excused = shape == Shape::Line && std::mem::take(may_be_cut) && is_tail(text);
            let clean = *junk == 0 && !nested;
            finds(Found::Message { text, shape, truncated, clean, carrier, head: None });
            *spoken |= shape == Shape::Json;
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
