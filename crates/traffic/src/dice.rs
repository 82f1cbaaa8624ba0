//! Chance that is the same everywhere: SplitMix64, by Sebastiano Vigna (<https://prng.di.unimi.it/splitmix64.c>), in the public domain.

/// A row of numbers that follows from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`, which is at least 1. The tiny favour that the low ones enjoy measures nothing.
    pub(crate) const fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * end as u64) >> 32) as u32
    }

    /// Whether something that happens so often, out of 2^32, happens now.
    pub(crate) const fn chance(&mut self, of_2_32: u64) -> bool {
        self.next() >> 32 < of_2_32
    }
}

/// Scatters a number over 64 bits; no two numbers meet.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// A share between 0 and 1 as a number out of 2^32.
pub(crate) fn of_2_32(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 4_294_967_296.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_its_author_published() {
        let mut dice = Dice::new(1_234_567);
        let row = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([dice.next(), dice.next(), dice.next()], row);
    }

    #[test]
    fn stays_below_and_keeps_its_odds() {
        let mut dice = Dice::new(7);
        assert!((0..10_000).all(|_| dice.below(7) < 7));
        let hits = (0..10_000).filter(|_| dice.chance(of_2_32(0.25))).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!dice.chance(of_2_32(0.0)) && dice.chance(of_2_32(1.0)));
    }
}
