//! SOCKS handshakes and PROXY headers: no panic, no more bytes used than given, and the same target however it is cut.
//!
//! Input: how to cut (see `cut`), how many bytes the client says, these, and what the proxy says.
#![no_main]

use pithead_detect::carriers::proxy_header::{Front, strip};
use pithead_detect::carriers::socks::{Event, Handshake, Step};
use pithead_fuzz::{Choices, Said, cut};

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let (seed, length) = (choices.byte(), choices.byte());
    let client = choices.bytes(length.into());
    assert_eq!(handshake(client, choices.0, 0), handshake(client, choices.0, seed));
    if let Front::Proxied { consumed, .. } = strip(client) {
        assert!(consumed <= client.len());
    }
});

fn handshake(client: &[u8], proxy: &[u8], seed: u8) -> Said {
    let (mut said, mut handshake) = (Said::default(), Handshake::new());
    let mut read = |bytes: &[u8], step: &mut dyn FnMut(&[u8]) -> Step| {
        for mut piece in cut(bytes, seed) {
            while !piece.is_empty() {
                let Step { event, consumed } = step(piece);
                assert!(consumed <= piece.len());
                if matches!(event, Event::Over | Event::NotSocks) {
                    return said.note("over");
                }
                if event != Event::More {
                    said.note(event);
                }
                if consumed == 0 {
                    return;
                }
                piece = &piece[consumed..];
            }
        }
    };
    read(client, &mut |bytes| handshake.client(bytes));
    read(proxy, &mut |bytes| handshake.server(bytes));
    said
}
