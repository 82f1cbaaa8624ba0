//! P2Pool's peers: miners of Monero who keep a chain of shares among themselves, in binary.
//!
//! ```text
//! both>  00 <8 challenge> <8 peer id>                17 bytes, at once
//! both>  01 <32 solution> <8 salt>                   41 bytes, to the other's challenge
//! both>  02 <4 port>, 03 <32 block id>, …            from then on
//! ```
//!
//! Either side may send both of its messages in one turn, or go on in the turn of its solution; what must fit is that each side's first
//! turn ends where a message ends. A miner's login to its own P2Pool node is the CryptoNote dialect's. Source:
//! <https://github.com/SChernykh/p2pool/blob/master/src/p2p_server.h>.

use crate::dialect::{About, Dialect};
use crate::finding::{Facts, Finding, What};
use crate::turns::Turns;
use pithead_flow::Direction;

/// A challenge with its kind.
const CHALLENGE: usize = 17;
/// A challenge and a solution, each with its kind.
const BOTH: usize = 17 + 41;
/// Bytes of 16 random ones that are different, at least; 15.5 are on average.
const DIFFERENT: usize = 11;

pub(crate) struct P2Pool;

impl Dialect for P2Pool {
    fn about(&self) -> &'static About {
        &About {
            name: "p2pool",
            title: "P2Pool's peers, who share the mining of Monero",
            family: "Monero P2Pool",
            signature_id: 33_330_029,
            source: "https://github.com/SChernykh/p2pool/blob/master/src/p2p_server.h",
            anchors: &[],
            carriers: &[],
        }
    }

    fn turns(&self, turns: &Turns) -> Option<Finding> {
        let ways = [Direction::Forward, Direction::Backward];
        // Who speaks first waits with all but the challenge.
        if !turns.from_start() || turns.complete().first()?.1 as usize != CHALLENGE {
            return None;
        }
        let fit = ways.iter().all(|way| turns_fit(turns, *way) && shakes_hands(turns.head(*way)));
        let [ours, theirs] = ways.map(|way| turns.head(way).get(..CHALLENGE));
        let facts = Facts { coin: Some("XMR".to_owned()), ..Facts::default() };
        (fit && ours != theirs).then(|| Finding::proof(What::Request).with(facts))
    }
}

/// Whether a side's first turn is a challenge, or that with a solution, and no turn ends inside the solution.
fn turns_fit(turns: &Turns, way: Direction) -> bool {
    let mut sizes =
        turns.complete().iter().filter(|(found, _)| *found == way).map(|(_, bytes)| *bytes as usize);
    match (sizes.next(), sizes.next()) {
        (Some(BOTH), _) | (Some(CHALLENGE), None) => true,
        (Some(CHALLENGE), Some(second)) => CHALLENGE + second >= BOTH,
        _ => false,
    }
}

/// A challenge and a solution, of bytes that look random.
fn shakes_hands(head: &[u8]) -> bool {
    let (Some(0), Some(challenge)) = (head.first(), head.get(1..CHALLENGE)) else { return false };
    let (Some(1), Some(solution)) = (head.get(CHALLENGE), head.get(CHALLENGE + 1..BOTH)) else {
        return false;
    };
    is_varied(challenge) && solution.chunks_exact(16).all(is_varied)
}

fn is_varied(bytes: &[u8]) -> bool {
    let different =
        bytes.iter().enumerate().filter(|(at, byte)| !bytes.iter().take(*at).any(|seen| seen == *byte));
    different.count() >= DIFFERENT
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::noise;
    use super::*;
    use Direction::{Backward, Forward};
    use proptest::prelude::*;

    fn challenge(seed: u64) -> Vec<u8> {
        [&[0][..], &noise(seed, 16)].concat()
    }

    fn solution(seed: u64) -> Vec<u8> {
        [&[1][..], &noise(seed, 40)].concat()
    }

    fn after() -> Vec<u8> {
        [&[2, 1, 0x94, 0, 0, 3][..], &noise(9, 32)].concat()
    }

    fn judge(pieces: &[(Direction, &[u8])]) -> bool {
        let mut turns = Turns::new(true);
        for (way, bytes) in pieces {
            turns.push(*way, bytes);
        }
        P2Pool.turns(&turns).is_some()
    }

    #[test]
    fn peers_shake_hands_in_every_order() {
        let (a, b, c, d) = (challenge(1), challenge(2), solution(3), solution(4));
        let both = [&b[..], &d].concat();
        let more = [&c[..], &after()].concat();
        assert!(judge(&[(Forward, &a), (Backward, &b), (Forward, &c), (Backward, &d)]));
        assert!(judge(&[(Backward, &b), (Forward, &a), (Backward, &d), (Forward, &c)]));
        assert!(judge(&[(Forward, &a), (Backward, &both), (Forward, &c)]));
        assert!(judge(&[(Forward, &a), (Backward, &both), (Forward, &more)]));
    }

    #[test]
    fn pings_of_the_same_size_are_not() {
        let (a, b) = (challenge(1), challenge(2));
        assert!(!judge(&[(Forward, &a), (Backward, &a), (Forward, &b), (Backward, &b), (Forward, &a)]));
        let (c, d) = (solution(3), solution(4));
        assert!(!judge(&[(Forward, &a), (Backward, &a), (Forward, &c), (Backward, &d)]), "an echo");
        let frames: Vec<Vec<u8>> =
            (0..6_u8).map(|kind| [&[kind / 2][..], &noise(u64::from(kind), 16)].concat()).collect();
        let talk: Vec<(Direction, &[u8])> =
            [Forward, Backward].into_iter().cycle().zip(frames.iter().map(Vec::as_slice)).collect();
        assert!(!judge(&talk), "frames of a fixed size");
        let zeros = [&[0; CHALLENGE][..], &[1], &[0; 40]].concat();
        assert!(!judge(&[
            (Forward, &zeros[..CHALLENGE]),
            (Backward, &zeros),
            (Forward, &zeros[CHALLENGE..])
        ]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(first in proptest::collection::vec(0..3_u8, 0..70), second in proptest::collection::vec(0..3_u8, 0..70)) {
            judge(&[(Forward, &first), (Backward, &second), (Forward, &second)]);
        }
    }
}
