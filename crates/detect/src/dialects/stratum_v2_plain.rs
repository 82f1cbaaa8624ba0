//! Stratum V2 without encryption, as farms have it inside: binary frames, of which the first says who asks whom for what.
//!
//! ```text
//! C> 00 00  00  47 00 00            extension, message (SetupConnection), length of the payload
//!    00  02 00  02 00  00 00 00 00  protocol (mining), lowest and highest version, flags
//!    12 'v2.stratum.example' ce 85  whom it takes itself to talk to, and the port
//!    07 'example' 03 'S19' 07 '…' 05 '…'   vendor, hardware, firmware, device
//! S> 00 00  01  06 00 00  02 00  …  SetupConnection.Success     or 02: SetupConnection.Error
//! C> 00 00  10  3c 00 00  01 00 00 00  13 'user.worker' …      OpenStandardMiningChannel; 13: an extended one
//! ```
//!
//! Each field has its place and its length, so the first message alone is proof; the verdict waits until the miner's second turn is over or
//! the flow is, since that names the user. Read are the first bytes of each direction, no more. Source:
//! <https://github.com/stratum-mining/sv2-spec/blob/main/03-Protocol-Overview.md>.

use super::account_text;
use crate::dialect::{About, Dialect};
use crate::finding::{Ask, Facts, Finding, What};
use crate::turns::Turns;
use pithead_flow::Direction;

/// Turns after which the user has been named, if ever: setup, its answer, the opening of a channel.
const TURNS: usize = 3;

pub(crate) struct StratumV2Plain;

impl Dialect for StratumV2Plain {
    fn about(&self) -> &'static About {
        &About {
            name: "stratum-v2-plain",
            title: "Stratum V2, unencrypted",
            family: "Stratum V2 plain",
            signature_id: 33_330_028,
            source: "https://github.com/stratum-mining/sv2-spec/blob/main/03-Protocol-Overview.md",
            anchors: &[],
            carriers: &[],
        }
    }

    fn turns(&self, turns: &Turns) -> Option<Finding> {
        if !turns.from_start() || (turns.complete().len() < TURNS && !turns.is_over()) {
            return None;
        }
        let (setup, rest) = message(turns.head(Direction::Forward), SETUP)?;
        let mut facts = connection(setup)?;
        if let Some(user) = user(rest) {
            facts.learn(user);
        }
        let answer = turns.head(Direction::Backward);
        let what = match () {
            () if message(answer, SUCCESS).is_some() => What::Granted(Ask::Subscribe),
            () if message(answer, ERROR).is_some() => What::Denied(Ask::Subscribe),
            () => What::Subscribe,
        };
        Some(Finding::proof(what).with(facts))
    }
}

const SETUP: u8 = 0x00;
const SUCCESS: u8 = 0x01;
const ERROR: u8 = 0x02;
const OPEN_STANDARD: u8 = 0x10;
const OPEN_EXTENDED: u8 = 0x13;

/// The payload of a message of this kind, as far as it is here, and what follows it.
fn message(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let ([0, 0 | 0x80, found, a, b, c], rest) = bytes.split_first_chunk::<6>()? else { return None };
    let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, 0])).ok()?;
    (*found == kind).then(|| rest.split_at_checked(length).unwrap_or((rest, &[])))
}

/// What SetupConnection tells. `None` if it is not one.
fn connection(payload: &[u8]) -> Option<Facts> {
    let ([protocol, 2, 0, 2, 0, _, _, _, _], rest) = payload.split_first_chunk::<9>()? else { return None };
    // Mining, job declaration, template distribution, job distribution.
    if *protocol > 3 {
        return None;
    }
    let (host, rest) = string(rest)?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let (vendor, rest) = string(rest)?;
    let (hardware, rest) = string(rest)?;
    let firmware = string(rest).map(|(firmware, _)| firmware);
    let named = [Some(vendor), Some(hardware), firmware];
    let agent: Vec<&str> = named.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Some(Facts {
        agent: (!agent.is_empty()).then(|| agent.join(" ")),
        pool_host: (!host.is_empty()).then(|| host.to_owned()),
        pool_port: Some(u16::from_le_bytes(*port)),
        ..Facts::default()
    })
}

/// Who opens a channel.
fn user(bytes: &[u8]) -> Option<Facts> {
    let (payload, _) = message(bytes, OPEN_STANDARD).or_else(|| message(bytes, OPEN_EXTENDED))?;
    let (user, _) = string(payload.get(4..)?)?;
    (!user.is_empty()).then(|| account_text(user.to_owned()))
}

/// A printable text with its length in front.
fn string(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    let text = std::str::from_utf8(text).ok()?;
    (!text.chars().any(char::is_control)).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_le_bytes();
        [&[0, 0, kind], &length[..3], payload].concat()
    }

    fn texts(texts: &[&str]) -> Vec<u8> {
        texts.iter().flat_map(|text| [&[text.len() as u8], text.as_bytes()].concat()).collect()
    }

    fn setup() -> Vec<u8> {
        let fixed = [0, 2, 0, 2, 0, 0, 0, 0, 0];
        let rest = texts(&["example", "S19", "braiins", "dev-1"]);
        framed(SETUP, &[&fixed[..], &texts(&["v2.stratum.example"]), &[0xce, 0x85], &rest].concat())
    }

    fn open() -> Vec<u8> {
        framed(OPEN_STANDARD, &[&[1, 0, 0, 0][..], &texts(&["farm.rig7"]), &[0xff; 36]].concat())
    }

    fn judge(pieces: &[(Direction, &[u8])], end: bool) -> Option<Finding> {
        let mut turns = Turns::new(true);
        for (way, bytes) in pieces {
            turns.push(*way, bytes);
        }
        if end {
            turns.end();
        }
        StratumV2Plain.turns(&turns)
    }

    #[test]
    fn a_miner_says_who_it_is_and_where_it_wants_to_go() {
        let yes = framed(SUCCESS, &[2, 0, 0, 0, 0, 0]);
        let (setup, open) = (setup(), open());
        let talk = [
            (Direction::Forward, &setup[..]),
            (Direction::Backward, &yes),
            (Direction::Forward, &open),
            (Direction::Backward, &[0]),
        ];
        let finding = judge(&talk, false).expect("a miner");
        assert_eq!(finding.what, What::Granted(Ask::Subscribe));
        assert_eq!(finding.facts.agent.as_deref(), Some("example S19 braiins"));
        assert_eq!(finding.facts.pool_host.as_deref(), Some("v2.stratum.example"));
        assert_eq!((finding.facts.pool_port, finding.facts.worker.as_deref()), (Some(34254), Some("rig7")));
        assert_eq!(judge(&talk[..3], false), None, "the third turn may go on");
    }

    #[test]
    fn the_end_ends_the_waiting() {
        let no = framed(ERROR, &[&[0; 4][..], &texts(&["unsupported-protocol"])].concat());
        let setup = setup();
        let refused = judge(&[(Direction::Forward, &setup[..]), (Direction::Backward, &no)], true);
        assert_eq!(refused.map(|finding| finding.what), Some(What::Denied(Ask::Subscribe)));
        let alone = judge(&[(Direction::Forward, &setup[..])], true);
        assert_eq!(alone.map(|finding| finding.what), Some(What::Subscribe));
    }

    #[test]
    fn zeros_are_no_setup() {
        for bytes in
            [&[0; 90][..], &[0, 0, 0, 9, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0], b"\0\0\0\x10\0\0\0\x02\0\x02\0"]
        {
            assert_eq!(judge(&[(Direction::Forward, bytes)], true), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(0..8_u8, 0..200)) {
            let _ = judge(&[(Direction::Forward, &[&[0, 0, 0, 90, 0, 0, 0, 2, 0, 2, 0][..], &bytes].concat())], true);
        }
    }
}
