//! The line or block that a load balancer puts in front of a connection to say whose it was.
//!
//! Behind it comes what the client really sent, so it has to be taken off before anything else is recognised. Both
//! versions are read; the extensions of the second are passed over. Left out: the header inside TLS, and Unix sockets.
//! Layout: the PROXY protocol as HAProxy describes it, sections 2.1 and 2.2.

use std::net::{IpAddr, SocketAddr};

use super::cursor::Cursor;

/// The longest line of version 1, its end included.
const MAX_LINE: usize = 107;

/// The most bytes of version 2 that are believed: addresses and a few extensions.
const MAX_BLOCK: usize = 4096;

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What stands in front of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// No such header: the connection begins with its first byte.
    Plain,
    /// Perhaps a header, of which more is needed.
    More,
    /// A header.
    Proxied {
        /// How many bytes it takes.
        consumed: usize,
        /// Who connects to whom; `None` where the balancer speaks for itself or does not know.
        ends: Option<(SocketAddr, SocketAddr)>,
    },
}

/// Looks for a header at the start of a connection's first bytes, all of them from the very first each time.
pub fn strip(bytes: &[u8]) -> Front {
    for (signature, read) in [(SIGNATURE_1, line as fn(&[u8]) -> Front), (SIGNATURE_2, block)] {
        if bytes.starts_with(signature) {
            return read(bytes);
        }
        if signature.starts_with(bytes) {
            return Front::More;
        }
    }
    Front::Plain
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 1234 80` and a line end.
fn line(bytes: &[u8]) -> Front {
    let window = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let Some(length) = window.iter().position(|byte| *byte == b'\n') else {
        return if window.len() < MAX_LINE { Front::More } else { Front::Plain };
    };
    let text = window.get(..length).and_then(|text| text.strip_suffix(b"\r"));
    let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else { return Front::Plain };
    let mut words = text.split(' ').skip(1);
    let consumed = length + 1;
    match words.next() {
        Some("UNKNOWN") => Front::Proxied { consumed, ends: None },
        Some("TCP4" | "TCP6") => match ends_of_line(words) {
            None => Front::Plain,
            ends => Front::Proxied { consumed, ends },
        },
        _ => Front::Plain,
    }
}

fn ends_of_line<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<(SocketAddr, SocketAddr)> {
    let (from, to): (IpAddr, IpAddr) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (source, target) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((SocketAddr::new(from, source), SocketAddr::new(to, target)))
}

/// Version 2: the signature, a version and command, a family, a length, and the addresses.
fn block(bytes: &[u8]) -> Front {
    let mut cursor = Cursor::new(bytes.get(SIGNATURE_2.len()..).unwrap_or_default());
    let (Some(command), Some(family), Some(length)) = (cursor.u8(), cursor.u8(), cursor.u16()) else {
        return Front::More;
    };
    let length = usize::from(length);
    if !matches!(command, 0x20 | 0x21) || length > MAX_BLOCK {
        return Front::Plain;
    }
    let consumed = SIGNATURE_2.len() + 4 + length;
    let Some(content) = cursor.take(length) else { return Front::More };
    let ends = if command == 0x21 { ends_of_block(family >> 4, content) } else { None };
    Front::Proxied { consumed, ends }
}

fn ends_of_block(family: u8, content: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let mut cursor = Cursor::new(content);
    let (from, to): (IpAddr, IpAddr) = match family {
        1 => (cursor.array::<4>()?.into(), cursor.array::<4>()?.into()),
        2 => (cursor.array::<16>()?.into(), cursor.array::<16>()?.into()),
        _ => return None,
    };
    Some((SocketAddr::new(from, cursor.u16()?), SocketAddr::new(to, cursor.u16()?)))
}

#[cfg(test)]
mod tests {
    use super::super::splits::mutated;
    use super::*;
    use proptest::prelude::*;

    const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 3333\r\n";
    const BLOCK: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x01\xc6\x33\x64\x02\x13\x88\x0d\x05\x04\0\0";

    fn ends() -> Option<(SocketAddr, SocketAddr)> {
        Some(("192.0.2.1:5000".parse().ok()?, "198.51.100.2:3333".parse().ok()?))
    }

    #[test]
    fn both_versions_say_whose_connection_it_is() {
        for header in [LINE, BLOCK] {
            let expected = Front::Proxied { consumed: header.len(), ends: ends() };
            assert_eq!(strip(&[header, b"{\"id\":1}\n"].concat()), expected);
            for end in 0..header.len() {
                assert_eq!(strip(&header[..end]), Front::More, "{end} bytes");
            }
        }
        assert_eq!(strip(b"PROXY UNKNOWN\r\n"), Front::Proxied { consumed: 15, ends: None });
        let local = mutated(BLOCK, &[(12, 0x20)]);
        assert_eq!(strip(&local), Front::Proxied { consumed: BLOCK.len(), ends: None });
    }

    #[test]
    fn everything_else_is_plain() {
        assert_eq!(strip(b"PROXY TCP4 a b c d\r\n"), Front::Plain);
        assert_eq!(strip(b"PROXY TCP4 192.0.2.1\n"), Front::Plain);
        assert_eq!(strip(b"PUT / HTTP/1.1\r\n"), Front::Plain);
        assert_eq!(strip(&[&b"PROXY "[..], &[b'a'; 200]].concat()), Front::Plain);
        assert_eq!(strip(&mutated(BLOCK, &[(12, 0x31)])), Front::Plain);
        assert_eq!(strip(&mutated(BLOCK, &[(14, 0xff)])), Front::Plain);
    }

    proptest! {
        #[test]
        fn a_verdict_stands_and_stays_within_the_bytes(
            which in 0usize..2,
            changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        ) {
            let bytes = mutated([LINE, BLOCK][which], &changes);
            let verdicts: Vec<Front> = (0..=bytes.len()).map(|end| strip(&bytes[..end])).collect();
            let mut said = verdicts.iter().filter(|it| **it != Front::More);
            let first = said.next();
            prop_assert!(said.all(|it| Some(it) == first));
            if let Some(Front::Proxied { consumed, .. }) = first {
                prop_assert!(*consumed <= bytes.len());
            }
        }
    }
}
