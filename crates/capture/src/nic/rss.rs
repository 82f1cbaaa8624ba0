//! Receive-side scaling: which queue a frame goes to, and whether both directions of a flow go to the same.
//!
//! A NIC hashes addresses and ports with a key and looks the queue up in a table. With the usual random key the two directions of a
//! flow have different hashes. They have the same where source and destination can change places unseen: with a Toeplitz key that
//! repeats every 16 bits (Woo and Park, "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling", 2012), with a hash
//! that is a plain exclusive or, or where the NIC folds both ends into one another first.

use std::fmt;

/// The key that makes the Toeplitz hash symmetric and still spreads well.
const SYMMETRIC: [u8; 2] = [0x6d, 0x5a];

/// The bytes of the key that a hash over two IPv6 addresses and two ports reaches: 36 of input and a window of 32 bits.
const KEY_BYTES_IN_USE: usize = 40;

/// How a NIC spreads frames over its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rss {
    /// The function that makes a number of addresses and ports.
    pub function: HashFunction,
    /// What the function is keyed with.
    pub key: Vec<u8>,
    /// The queue for each value of the hash, taken modulo the table's length.
    pub table: Vec<u32>,
    /// What is done to addresses and ports before: a row of bits, `RXH_XFRM_*`.
    pub transform: u32,
}

/// The function behind receive-side scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFunction {
    /// The keyed hash nearly every NIC has.
    Toeplitz,
    /// All bytes combined by exclusive or.
    Xor,
    /// A checksum.
    Crc32,
    /// One of which this program knows nothing.
    Other(u32),
}

impl HashFunction {
    /// By the kernel's bits, `ETH_RSS_HASH_*`.
    pub(super) fn from_bits(bits: u32) -> Self {
        match bits {
            1 => Self::Toeplitz,
            2 => Self::Xor,
            4 => Self::Crc32,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for HashFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toeplitz => f.write_str("Toeplitz"),
            Self::Xor => f.write_str("xor"),
            Self::Crc32 => f.write_str("CRC-32"),
            Self::Other(bits) => write!(f, "hash function {bits:#x}"),
        }
    }
}

impl Rss {
    /// Whether both directions of a flow get the same hash. `None` where the function is not known well enough to say.
    #[must_use]
    pub fn is_symmetric(&self) -> Option<bool> {
        if self.transform & 0b11 != 0 {
            return Some(true); // RXH_XFRM_SYM_XOR, RXH_XFRM_SYM_OR_XOR
        }
        match self.function {
            HashFunction::Xor => Some(true),
            HashFunction::Toeplitz if self.key.is_empty() => None,
            HashFunction::Toeplitz => {
                let key = self.key.get(..KEY_BYTES_IN_USE).unwrap_or(&self.key);
                Some(key.iter().zip(key.iter().skip(2)).all(|(byte, next)| byte == next))
            }
            HashFunction::Crc32 => Some(false),
            HashFunction::Other(_) => None,
        }
    }

    /// How many queues get frames at all.
    #[must_use]
    pub fn queues_in_use(&self) -> usize {
        let mut queues = self.table.clone();
        queues.sort_unstable();
        queues.dedup();
        queues.len()
    }

    /// Whether a flow whose directions arrive at two NICs meets on queues of the same number.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self == other && self.is_symmetric() == Some(true)
    }
}

/// A key of this length that makes the Toeplitz hash symmetric.
#[must_use]
pub fn symmetric_key(length: usize) -> Vec<u8> {
    SYMMETRIC.into_iter().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rss(key: Vec<u8>) -> Rss {
        Rss { function: HashFunction::Toeplitz, key, table: vec![0, 1, 0, 1], transform: 0 }
    }

    /// The Toeplitz hash as NICs compute it: for each set bit of the input, the 32 bits of the key that begin there.
    fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
        let bit = |bytes: &[u8], at: usize| u32::from(bytes[at / 8] >> (7 - at % 8) & 1);
        let window = |at: usize| (0..32).fold(0, |word, offset| word << 1 | bit(key, at + offset));
        (0..input.len() * 8).filter(|at| bit(input, *at) == 1).fold(0, |hash, at| hash ^ window(at))
    }

    #[test]
    fn the_hash_is_the_one_of_the_specification() {
        // The verification suite of Microsoft's specification of receive-side scaling.
        let key = [
            0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
            0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
            0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
        ];
        let input = [66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6]; // 66.9.149.187:2794 to 161.142.100.80:1766
        assert_eq!(toeplitz(&key, &input), 0x51cc_c178);
        assert_eq!(rss(key.to_vec()).is_symmetric(), Some(false));
    }

    proptest! {
        #[test]
        fn a_key_that_is_called_symmetric_is(
            repeated in any::<[u8; 2]>(),
            ends in any::<([u8; 16], [u8; 16])>(),
            ports in any::<([u8; 2], [u8; 2])>(),
        ) {
            let key: Vec<u8> = repeated.into_iter().cycle().take(40).collect();
            prop_assert_eq!(rss(key.clone()).is_symmetric(), Some(true));
            let (there, back) = (
                [&ends.0[..], &ends.1, &ports.0, &ports.1].concat(),
                [&ends.1[..], &ends.0, &ports.1, &ports.0].concat(),
            );
            prop_assert_eq!(toeplitz(&key, &there), toeplitz(&key, &back));
            let (there, back) = (
                [&ends.0[..4], &ends.1[..4], &ports.0, &ports.1].concat(),
                [&ends.1[..4], &ends.0[..4], &ports.1, &ports.0].concat(),
            );
            prop_assert_eq!(toeplitz(&key, &there), toeplitz(&key, &back));
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(rss(vec![]).is_symmetric(), None);
        assert_eq!(Rss { function: HashFunction::Other(8), ..rss(symmetric_key(40)) }.is_symmetric(), None);
        assert_eq!(Rss { transform: 1, ..rss(vec![1, 2, 3, 4]) }.is_symmetric(), Some(true));
        // What lies behind the bytes in use cannot part a flow.
        let long = [symmetric_key(40), vec![1; 12]].concat();
        assert_eq!(rss(long).is_symmetric(), Some(true));
    }

    #[test]
    fn two_fibres_meet_with_the_same_key_and_table() {
        let left = rss(symmetric_key(40));
        assert!(left.meets(&left.clone()));
        assert!(!left.meets(&Rss { table: vec![1, 0, 1, 0], ..left.clone() }));
        assert!(!rss(vec![1; 40]).meets(&left));
        assert_eq!(left.queues_in_use(), 2);
    }
}
