//! TLS handshakes in clear, from both ends: no panic, and the same findings however the stream is cut.
//!
//! Input: how to cut (see `cut`), then the bytes, read both as a client's and as a server's.
#![no_main]

use pithead_detect::carriers::tls::{Client, Server};
use pithead_fuzz::{Choices, Said, cut};

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let seed = choices.byte();
    assert_eq!(client(choices.0, 0), client(choices.0, seed));
    assert_eq!(server(choices.0, 0), server(choices.0, seed));
});

fn client(bytes: &[u8], seed: u8) -> Said {
    let (mut said, mut side) = (Said::default(), Client::new());
    cut(bytes, seed).for_each(|piece| {
        side.push(piece, |item| said.note(item));
    });
    said
}

fn server(bytes: &[u8], seed: u8) -> Said {
    let (mut said, mut side) = (Said::default(), Server::new());
    cut(bytes, seed).for_each(|piece| {
        side.push(piece, |item| said.note(item));
    });
    said
}
