//! The x.pushthrough protocol of Primecoin's and Protoshares' pools, in binary: known by its login, the first that a miner sends.
//!
//! ```text
//! C> 01 27 00 00             operation 1 (login) in one byte, length of what follows in three, lowest first
//!    05 00 00 00             version
//!    09 'worker001'          user, with its length in a byte
//!    01 'x'                  password, in the same way
//!    06 00 00 00             how many jobs at a time, not from version 6 on
//!    12 'jhProtominer v0.1d' software
//! ```
//!
//! It is judged by the first bytes of a connection whose opening was seen, and by nothing else: work and shares are not followed, and a login that
//! is longer than what is kept of a direction is missed. Source: <https://github.com/jh000/jhPrimeminer>, and Emerging Threats' rule 2018014.

use super::account_text;
use crate::dialect::{About, Dialect};
use crate::finding::{Facts, Finding, What};
use crate::turns::Turns;

/// Operation and length.
const HEADER: u32 = 4;
/// Versions that name their software; those before did not.
const VERSIONS: &[u8] = &[5, 6];

pub(crate) struct Primecoin;

impl Dialect for Primecoin {
    fn about(&self) -> &'static About {
        &About {
            name: "primecoin",
            title: "x.pushthrough, as Primecoin miners speak it",
            family: "Primecoin Protominer",
            signature_id: 33_330_018,
            source: "https://github.com/jh000/jhPrimeminer",
            anchors: &[],
            carriers: &[],
        }
    }

    fn turns(&self, turns: &Turns) -> Option<Finding> {
        let (first, bytes) = turns.all().first()?;
        if !turns.from_start() || *bytes < HEADER {
            return None;
        }
        login(turns.head(*first), *bytes - HEADER)
    }
}

/// A login, of which as many bytes have come after its header.
fn login(head: &[u8], come: u32) -> Option<Finding> {
    let ([operation, a, b, c, version, 0, 0, 0], rest) = head.split_first_chunk::<8>()? else { return None };
    if *operation != 1 || !VERSIONS.contains(version) || come < u32::from_le_bytes([*a, *b, *c, 0]) {
        return None;
    }
    let (user, rest) = string(rest)?;
    let (_password, rest) = string(rest)?;
    let (software, _) = string(if *version < 6 { rest.get(4..)? } else { rest })?;
    if user.is_empty() || !software.to_ascii_lowercase().contains("miner") {
        return None;
    }
    let facts = Facts { agent: Some(software.to_owned()), ..account_text(user.to_owned()) };
    Some(Finding::proof(What::Authorize).with(facts))
}

/// A printable string with its length in front, and what follows it.
fn string(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    let printable = text.iter().all(|byte| (b' '..=b'~').contains(byte));
    Some((std::str::from_utf8(text).ok().filter(|_| printable)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Weight;
    use pithead_flow::Direction;

    fn packet(version: u8, user: &str, software: &str) -> Vec<u8> {
        let mut body = vec![version, 0, 0, 0];
        for (place, text) in [user, "hunter2", software].iter().enumerate() {
            if place == 2 && version < 6 {
                body.extend([6, 0, 0, 0]);
            }
            body.push(text.len() as u8);
            body.extend_from_slice(text.as_bytes());
        }
        let mut packet = vec![1, body.len() as u8, 0, 0];
        packet.extend(body);
        packet
    }

    fn judged(bytes: &[u8], from_start: bool) -> Option<Finding> {
        let mut turns = Turns::new(from_start);
        turns.push(Direction::Forward, bytes);
        Primecoin.turns(&turns)
    }

    #[test]
    fn a_login_tells_user_and_software() {
        for version in [5, 6] {
            let finding =
                judged(&packet(version, "worker001", "jhProtominer v0.1d"), true).expect("a finding");
            assert_eq!((finding.what, finding.weight), (What::Authorize, Weight::Proof));
            assert_eq!(finding.facts.user.as_deref(), Some("worker001"));
            assert_eq!(finding.facts.agent.as_deref(), Some("jhProtominer v0.1d"));
            assert!(!format!("{finding:?}").contains("hunter2"));
        }
    }

    #[test]
    fn it_waits_for_the_whole_login() {
        let packet = packet(5, "worker001", "jhPrimeminer v0.7");
        for end in 0..packet.len() {
            assert_eq!(judged(&packet[..end], true), None, "{end}");
        }
        assert!(judged(&packet, true).is_some());
    }

    #[test]
    fn neighbours_stay_silent() {
        let good = packet(5, "worker001", "jhProtominer v0.1d");
        assert_eq!(judged(&good, false), None);
        assert_eq!(judged(&packet(5, "worker001", "something else"), true), None);
        assert_eq!(judged(&packet(5, "", "jhProtominer v0.1d"), true), None);
        assert_eq!(judged(&packet(9, "worker001", "jhProtominer v0.1d"), true), None);
        assert_eq!(judged(b"\x01\x27\0\0\x05\0\0\0\x09Protominer", true), None);
        assert_eq!(judged(b"GET /jhProtominer HTTP/1.1\r\n\r\n", true), None);
        let mut other = good;
        other[0] = 2;
        assert_eq!(judged(&other, true), None);
    }
}
