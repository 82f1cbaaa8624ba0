//! DNS over UDP and TCP: no panic, and the same messages however the stream is cut.
//!
//! Input: how to cut (see `cut`), then the bytes, read both as a message and as a stream.
#![no_main]

use pithead_detect::carriers::dns::{Item, MAX_ANSWERS, Stream, parse};
use pithead_fuzz::{Choices, Said, cut};

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let seed = choices.byte();
    if let Ok(message) = parse(choices.0) {
        assert!(message.answers().count() <= MAX_ANSWERS);
    }
    assert_eq!(messages(choices.0, 0), messages(choices.0, seed));
});

fn messages(bytes: &[u8], seed: u8) -> Said {
    let mut said = Said::default();
    let mut stream = Stream::new();
    for piece in cut(bytes, seed) {
        stream.push(piece, |item| match item {
            Item::Message { message, truncated } => {
                said.note((message.question.clone(), message.answers().collect::<Vec<_>>(), truncated));
            }
            Item::Malformed => said.note("malformed"),
        });
    }
    said
}
