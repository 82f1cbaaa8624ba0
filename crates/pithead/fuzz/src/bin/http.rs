//! HTTP/1.x, requests and responses: no panic, the same messages however the stream is cut, and of what is passed on no
//! more bytes than came in.
//!
//! Input: how to cut (see `cut`), the kinds of requests that the responses answer (two bits each), then the bytes, read
//! both as a client's and as a server's.
#![no_main]

use pithead_detect::carriers::http::{Expect, Item, Role, Side};
use pithead_fuzz::{Choices, Said, cut};

pithead_fuzz::target!(|input| {
    let mut choices = Choices(input);
    let (seed, kinds) = (choices.byte(), choices.byte());
    assert_eq!(read(client(), choices.0, 0), read(client(), choices.0, seed));
    assert_eq!(read(server(kinds), choices.0, 0), read(server(kinds), choices.0, seed));
});

fn client() -> Side {
    Side::new(Role::Request)
}

fn server(kinds: u8) -> Side {
    let mut side = Side::new(Role::Response);
    for shift in [0, 2, 4, 6] {
        match kinds >> shift & 3 {
            0 => break,
            1 => side.expect(Expect::Plain),
            2 => side.expect(Expect::Head),
            _ => side.expect(Expect::Connect),
        }
    }
    side
}

fn read(mut side: Side, bytes: &[u8], seed: u8) -> Said {
    let mut said = Said::default();
    let mut passed_on = 0;
    for piece in cut(bytes, seed) {
        side.push(piece, |item| {
            if let Item::Body(piece) | Item::Tunnel(piece) | Item::Opaque(piece) = &item {
                passed_on += piece.len();
            }
            match item {
                Item::Body(piece) => said.piece("body", piece),
                Item::Tunnel(piece) => said.piece("tunnel", piece),
                Item::Opaque(piece) => said.piece("opaque", piece),
                other => said.note(other),
            }
        });
    }
    assert!(passed_on <= bytes.len());
    said
}
