//! Stratum V2 under Noise: nothing to read, and sizes that nothing else has.
//!
//! ```text
//! C>  64                    key, in a form that looks random (EllSwift)
//! S> 234                    key 64, sealed key 80, sealed certificate 90
//! C>  54 + texts            SetupConnection: header 22, payload 16 + texts, each with 16 of seal
//! S>  44                    SetupConnection.Success       or 43 + text: SetupConnection.Error
//! C>  79 + user …           OpenStandardMiningChannel; later SubmitSharesStandard 62, SubmitSharesExtended 63 + nonce
//! S>  83 + prefix …         its answer and the first job; later SubmitShares.Success 58
//! ```
//!
//! Only turns are measured, since segments are whatever the sender's kernel makes of them, and only where the connection was seen to open.
//! Where a miner does not wait for its answers the turns run together; then a share and its answer must show. Drafts before EllSwift had
//! other sizes and are not known. Source: <https://github.com/stratum-mining/sv2-spec/blob/main/04-Protocol-Security.md>.

use crate::dialect::{About, Dialect};
use crate::finding::{Ask, Finding, What};
use crate::turns::Turns;
use pithead_flow::Direction;

/// The two turns of the handshake.
const HANDSHAKE: [u32; 2] = [64, 234];
/// SetupConnection without its five texts, and with all of them at their longest.
const SETUP: std::ops::RangeInclusive<u32> = 54..=54 + 5 * 255;
/// SetupConnection.Success.
const SUCCESS: u32 = 44;
/// SetupConnection.Error with a text of an error's length.
const ERROR: std::ops::RangeInclusive<u32> = 43 + 8..=43 + 64;
/// A share: in a standard channel, or in an extended one with at most 32 bytes of nonce.
const SHARE: std::ops::RangeInclusive<u32> = 62..=63 + 32;
/// SubmitShares.Success.
const ACCEPTED: u32 = 58;
/// The shortest answer to SetupConnection and to the opening of a channel, in one turn.
const OPENED: u32 = SUCCESS + 83;

pub(crate) struct StratumV2;

impl Dialect for StratumV2 {
    fn about(&self) -> &'static About {
        &About {
            name: "stratum-v2",
            title: "Stratum V2, encrypted, by the sizes of its handshake",
            family: "Stratum V2",
            signature_id: 33_330_027,
            source: "https://github.com/stratum-mining/sv2-spec/blob/main/04-Protocol-Security.md",
            anchors: &[],
            carriers: &[],
        }
    }

    fn expects_more(&self, turns: &Turns) -> bool {
        turns.complete().iter().map(|(_, bytes)| *bytes).take(HANDSHAKE.len()).eq(HANDSHAKE)
    }

    fn turns(&self, turns: &Turns) -> Option<Finding> {
        let complete = turns.complete();
        let opened_by_client = complete.first()?.0 == Direction::Forward;
        let sizes: Vec<u32> = complete.iter().map(|(_, bytes)| *bytes).collect();
        let (handshake, rest) = sizes.split_at_checked(HANDSHAKE.len())?;
        if !turns.from_start() || !opened_by_client || handshake != HANDSHAKE {
            return None;
        }
        let what = verdict(rest, turns.is_over())?;
        let random = [Direction::Forward, Direction::Backward].iter().all(|way| is_random(turns.head(*way)));
        random.then(|| Finding::proof(what))
    }
}

/// What the turns after the handshake say. `over`: whether there are no more.
fn verdict(rest: &[u32], over: bool) -> Option<What> {
    let [setup, answer, later @ ..] = rest else { return None };
    if SETUP.contains(setup) && *answer == SUCCESS {
        return Some(What::Granted(Ask::Subscribe));
    }
    // An error is the last that a server says.
    if SETUP.contains(setup) && ERROR.contains(answer) && later.is_empty() && over {
        return Some(What::Denied(Ask::Subscribe));
    }
    let [share, accepted, again, ..] = later else { return None };
    let works = SHARE.contains(share) && share == again && *accepted == ACCEPTED;
    (*setup >= *SETUP.start() && *answer >= OPENED && works).then_some(What::Submit)
}

/// Whether bytes look like what a cipher or a curve makes: nearly all different, no more of them printable than chance has it.
pub(super) fn is_random(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let mut seen = [false; 256];
    let mut different = 0;
    for byte in head {
        let seen = &mut seen[usize::from(*byte)];
        different += usize::from(!*seen);
        *seen = true;
    }
    let printable = head.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ').count();
    // 64 random bytes have 57 different ones on average, and 24 that can be printed; these bounds are seven deviations away.
    different * 64 >= head.len() * 40 && printable * 64 <= head.len() * 52
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::turns_of;
    use super::*;
    use proptest::prelude::*;

    fn judge(sizes: &[i32], end: bool) -> Option<What> {
        StratumV2.turns(&turns_of(sizes, end)).map(|finding| finding.what)
    }

    #[test]
    fn a_miner_shakes_hands() {
        assert_eq!(judge(&[64, -234, 109, -44, 98], false), Some(What::Granted(Ask::Subscribe)));
        assert_eq!(judge(&[64, -234, 109, -44], true), Some(What::Granted(Ask::Subscribe)));
        assert_eq!(judge(&[64, -234, 109, -68], true), Some(What::Denied(Ask::Subscribe)));
        let together = [64, -234, 109 + 98, -(44 + 87 + 83 + 86), 62, -58, 62, -58];
        assert_eq!(judge(&together, false), Some(What::Submit));
    }

    #[test]
    fn an_unfinished_turn_says_nothing() {
        assert_eq!(judge(&[64, -234, 109, -44], false), None);
        assert_eq!(judge(&[64, -234], true), None);
    }

    #[test]
    fn others_that_begin_alike_go_on_otherwise() {
        for sizes in [
            &[64, -234, 151, -412, 33][..],
            &[64, -234, 20, -44, 98],
            &[64, -233, 109, -44, 98],
            &[-64, 234, -109, 44, -98],
            &[64, -234, 109, -68, 30],
            &[64, -234, 207, -300, 62, -60, 62],
        ] {
            assert_eq!(judge(sizes, false), None, "{sizes:?}");
        }
    }

    #[test]
    fn text_of_the_same_sizes_is_text() {
        let mut turns = Turns::new(true);
        for (way, bytes) in [(Direction::Forward, 64), (Direction::Backward, 234)].iter().cycle().take(2) {
            turns.push(
                *way,
                "nothing but words, words and words "
                    .repeat(9)
                    .as_bytes()
                    .get(..*bytes)
                    .expect("long enough"),
            );
        }
        turns.push(Direction::Forward, &[b'x'; 109]);
        turns.push(Direction::Backward, &[b'x'; 44]);
        turns.push(Direction::Forward, b"x");
        assert_eq!(StratumV2.turns(&turns), None);
    }

    proptest! {
        #[test]
        fn any_turns_are_judged(sizes in proptest::collection::vec(-400..400_i32, 0..9), end: bool) {
            let _ = judge(&sizes, end);
        }
    }
}
