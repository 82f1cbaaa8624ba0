//! How many distinct items were seen, without keeping them.
//!
//! A HyperLogLog with 64 registers of one byte (Flajolet et al., 2007). Its standard error is 1.04/sqrt(64), 13 %; counts
//! below about 100 are read from the number of empty registers instead, which is nearly exact for a handful of items.
//!
//! The hash is fixed, not seeded: sketches from different workers and different days must merge, and a capture must give
//! the same figures every time. Somebody who chooses the addresses can therefore make a count wrong. It is a statistic,
//! and nothing is decided by it alone.

use std::net::IpAddr;

/// How many registers there are; a power of two. More would cost a host more memory than its counters take.
const REGISTERS: usize = 64;

/// Counts distinct items, roughly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch([u8; REGISTERS]);

impl Default for Sketch {
    fn default() -> Self {
        Self([0; REGISTERS])
    }
}

impl Sketch {
    /// Notes an item.
    pub fn insert(&mut self, item: u64) {
        let hash = mix(item);
        let rank = (hash << REGISTERS.trailing_zeros()).leading_zeros().min(58) as u8 + 1;
        // The topmost six bits name one of the 64 registers.
        if let Some(register) = self.0.get_mut((hash >> 58) as usize) {
            *register = rank.max(*register);
        }
    }

    /// Notes an address. An IPv4 address and its IPv6-mapped form are two.
    pub fn insert_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.insert(u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                self.insert(mix((bits >> 64) as u64 ^ 0x5bd1_e995) ^ bits as u64);
            }
        }
    }

    /// Adds the items of another sketch. Items in both count once.
    pub fn merge(&mut self, other: &Self) {
        for (register, more) in self.0.iter_mut().zip(other.0) {
            *register = more.max(*register);
        }
    }

    /// About how many distinct items were noted: within 13 % two times out of three.
    pub fn estimate(&self) -> u32 {
        // The bias correction for 64 registers, from the paper.
        const ALPHA: f64 = 0.709;
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|&rank| f64::from(rank).exp2().recip()).sum();
        let raw = ALPHA * registers * registers / sum;
        let empty = self.0.iter().filter(|&&rank| rank == 0).count();
        let count = if raw <= 2.5 * registers && empty > 0 {
            registers * (registers / empty as f64).ln()
        } else {
            raw
        };
        count.round() as u32
    }
}

/// Spreads an item over 64 bits: the finalizer of SplitMix64, which maps no two items to one value.
const fn mix(item: u64) -> u64 {
    let mut hash = item.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn of(items: impl IntoIterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::default();
        items.into_iter().for_each(|item| sketch.insert(item));
        sketch
    }

    #[test]
    fn nothing_and_a_handful() {
        assert_eq!(Sketch::default().estimate(), 0);
        assert_eq!(of([3333]).estimate(), 1);
        assert_eq!(of([3333, 3333, 443]).estimate(), 2);
        assert!((4..=6).contains(&of(1..=5).estimate()));
    }

    #[test]
    fn estimates_are_within_three_standard_errors() {
        for count in [20, 100, 150, 500, 5000, 100_000_u32] {
            let estimate = of((0..u64::from(count)).map(|item| item << 8)).estimate();
            let error = f64::from(estimate) / f64::from(count) - 1.0;
            assert!(error.abs() < 0.39, "{count}: {estimate}");
        }
    }

    #[test]
    fn merging_is_the_union() {
        let mut sketch = of(0..300);
        sketch.merge(&of(200..400));
        assert_eq!(sketch, of(0..400));
    }

    #[test]
    fn addresses_of_either_family_are_told_apart() {
        let mut sketch = Sketch::default();
        for last in 1..=4_u16 {
            sketch.insert_address(Ipv4Addr::new(10, 0, 0, last as u8).into());
            sketch.insert_address(Ipv6Addr::new(0xfd00, 0, 0, last, 0, 0, 0, 1).into());
        }
        assert!((7..=9).contains(&sketch.estimate()), "{}", sketch.estimate());
    }
}
