//! WebSocket frames: no panic, and the same messages however the stream is cut.
//!
//! Input: how to cut (see `cut`), then the bytes.
#![no_main]

use pithead_detect::carriers::websocket::{Item, MAX_MESSAGE, Stream};
use pithead_fuzz::{Choices, Said, cut};

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let seed = choices.byte();
    assert_eq!(messages(choices.0, 0), messages(choices.0, seed));
});

fn messages(bytes: &[u8], seed: u8) -> Said {
    let (mut said, mut stream) = (Said::default(), Stream::new());
    for piece in cut(bytes, seed) {
        stream.push(piece, |item| {
            if let Item::Message { text, .. } = item {
                assert!(text.len() <= MAX_MESSAGE);
            }
            said.note(item);
        });
    }
    said
}
