//! What traffic is wanted.

use std::fmt;
use std::str::FromStr;

use crate::dice::Dice;
use crate::script::Script;

/// The smallest Ethernet frame as it is captured, without its check sequence.
pub(crate) const MIN: usize = 60;
/// The longest frame made.
pub(crate) const MAX: usize = 1514;
/// What a capture does not hold of a frame: its check sequence.
const FCS: u32 = 4;
/// Up to this mean all frames are small ones; above it they are small or full.
const SMALL_MEAN: u32 = 400;

/// How long the frames are that carry a flow's body. Handshakes, the first messages of a flow and what miners say have their natural sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// All the same, by their size on the wire with check sequence, as RFC 2544 counts: 64 to 1518.
    Fixed(u32),
    /// 7 of 64 bytes, 4 of 570, 1 of 1518, again on the wire.
    Imix,
    /// Sizes drawn so that all frames together, handshakes too, have this mean as captured: 80 to 1200.
    Mean(u32),
}

impl Sizes {
    /// The captured length of the next body frame. `owed` is by how many bytes the frames so far fell short of a mean.
    pub(crate) fn draw(self, dice: &mut Dice, owed: i64) -> usize {
        let len = match self {
            Self::Fixed(size) => size - FCS,
            Self::Imix => match dice.below(12) {
                0..7 => 64 - FCS,
                7..11 => 570 - FCS,
                _ => 1518 - FCS,
            },
            Self::Mean(mean) => around(mean, dice, owed),
        };
        (len as usize).clamp(MIN, MAX)
    }

    /// The mean that is aimed at, if one is.
    pub(crate) const fn mean(self) -> Option<u32> {
        match self {
            Self::Mean(mean) => Some(mean),
            Self::Fixed(_) | Self::Imix => None,
        }
    }
}

fn around(mean: u32, dice: &mut Dice, owed: i64) -> u32 {
    let (min, max) = (MIN as i64, MAX as i64);
    // What is owed is paid back over the next thousand frames or so.
    let aim = (i64::from(mean) + owed / 1024).clamp(min + 2, max - 32) as u32;
    if mean <= SMALL_MEAN {
        return MIN as u32 + dice.below(2 * (aim - MIN as u32) + 1);
    }
    let full = u64::from(aim.saturating_sub(80)) << 32;
    if dice.chance(full / (MAX as u64 - 80)) { MAX as u32 } else { MIN as u32 + dice.below(41) }
}

/// Why a text names no sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSizes(String);

impl fmt::Display for UnknownSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' names no frame sizes: 64 to 1518, imix, or mean:N with N from 80 to 1200", self.0)
    }
}

impl std::error::Error for UnknownSizes {}

impl FromStr for Sizes {
    type Err = UnknownSizes;

    fn from_str(text: &str) -> Result<Self, UnknownSizes> {
        let unknown = || UnknownSizes(text.to_owned());
        let number = |digits: &str, range: std::ops::RangeInclusive<u32>| {
            digits.parse().ok().filter(|number| range.contains(number)).ok_or_else(unknown)
        };
        match text.split_once(':') {
            Some(("mean", digits)) => Ok(Self::Mean(number(digits, 80..=1200)?)),
            None if text == "imix" => Ok(Self::Imix),
            None => Ok(Self::Fixed(number(text, 64..=1518)?)),
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Imix => f.write_str("imix"),
            Self::Mean(mean) => write!(f, "mean:{mean}"),
        }
    }
}

/// What traffic is wanted.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// How long frames are.
    pub sizes: Sizes,
    /// How many flows are alive at the same time. They begin one after the other, before anything else.
    pub flows: u32,
    /// How many flows end, and as many begin in their place, in a second of the traffic's own time.
    pub new_flows_per_second: u32,
    /// How many frames that second has.
    pub frames_per_second: u32,
    /// Which share of the flows mine, 0 to 1.
    pub miners: f64,
    /// What the miners speak, in turn.
    pub dialects: Vec<&'static Script>,
    /// Which share of the flows is IPv6, 0 to 1.
    pub ipv6: f64,
    /// What chance follows from.
    pub seed: u64,
    /// When the first frame is sent, in seconds since 1970.
    pub start_s: u32,
}

impl Default for Recipe {
    /// Ten thousand flows in frames of 774 bytes, a tenth of them new in a second of a million frames, and two in a thousand mine.
    fn default() -> Self {
        Self {
            sizes: Sizes::Mean(774),
            flows: 10_000,
            new_flows_per_second: 1_000,
            frames_per_second: 1_000_000,
            miners: 0.002,
            dialects: crate::script::SCRIPTS.iter().collect(),
            ipv6: 0.0,
            seed: 1,
            start_s: 1_767_225_600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for sizes in [Sizes::Fixed(64), Sizes::Fixed(1518), Sizes::Imix, Sizes::Mean(127)] {
            assert_eq!(sizes.to_string().parse(), Ok(sizes));
        }
        for wrong in ["", "63", "1519", "mean:", "mean:1201", "mode:100", "Imix", "-64"] {
            let error = wrong.parse::<Sizes>().unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("64 to 1518"), "{error}");
        }
    }

    #[test]
    fn drawn_sizes_are_frames() {
        let mut dice = Dice::new(3);
        for sizes in [Sizes::Fixed(64), Sizes::Fixed(1518), Sizes::Imix, Sizes::Mean(80), Sizes::Mean(1200)] {
            for owed in [i64::MIN / 2, -9, 0, 9, i64::MAX / 2] {
                assert!((MIN..=MAX).contains(&sizes.draw(&mut dice, owed)));
            }
        }
    }
}
