//! What a driver tells over ethtool's netlink family: channels, rings, features, pause frames, speed, and how frames are spread.
//!
//! A driver answers what it implements; the rest is [`Unknown::Untold`]. The numbers are those of
//! [include/uapi/linux/ethtool_netlink_generated.h](https://github.com/torvalds/linux/blob/v6.18/include/uapi/linux/ethtool_netlink_generated.h).

use std::collections::BTreeSet;

use super::attribute::{Attributes, Body};
use super::netlink::{About, Netlink};
use super::rss::{HashFunction, Rss};
use super::{Known, Unknown};

const FAMILY: &str = "ethtool";
const HEADER: u16 = 1; // ETHTOOL_A_*_HEADER
const HEADER_INDEX: u16 = 1; // ETHTOOL_A_HEADER_DEV_INDEX

/// How many queues a NIC has, of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Queues that only receive.
    pub rx: Limited,
    /// Queues that only send.
    pub tx: Limited,
    /// Queues that do both.
    pub combined: Limited,
}

impl Channels {
    /// The queues that receive.
    #[must_use]
    pub fn receiving(&self) -> u32 {
        self.rx.now + self.combined.now
    }
}

/// A number that can be set, and how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limited {
    /// What it is.
    pub now: u32,
    /// What it can be.
    pub max: u32,
}

/// Whether the NIC asks the other end to pause, and obeys when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Whether the two ends agree on it by themselves.
    pub autoneg: bool,
    /// Whether it obeys.
    pub rx: bool,
    /// Whether it asks.
    pub tx: bool,
}

/// What the driver does to frames on its own, by the kernel's names: `rx-gro`, `rx-vlan-hw-parse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Those that are on.
    pub active: BTreeSet<String>,
    /// Those that can be switched.
    pub switchable: BTreeSet<String>,
}

/// Asks and sets over ethtool's family, for one link.
pub(super) struct Ethtool<'a> {
    pub(super) netlink: &'a mut Netlink,
    pub(super) index: u32,
}

/// Commands: ETHTOOL_MSG_*_GET and _SET.
mod command {
    pub(super) const LINK_MODES: u8 = 4;
    pub(super) const FEATURES: u8 = 11;
    pub(super) const SET_FEATURES: u8 = 12;
    pub(super) const RINGS: u8 = 15;
    pub(super) const SET_RINGS: u8 = 16;
    pub(super) const CHANNELS: u8 = 17;
    pub(super) const SET_CHANNELS: u8 = 18;
    pub(super) const PAUSE: u8 = 21;
    pub(super) const SET_PAUSE: u8 = 22;
    pub(super) const RSS: u8 = 38;
    pub(super) const SET_RSS: u8 = 48;
}

impl Ethtool<'_> {
    pub(super) fn channels(&mut self) -> Known<Channels> {
        self.one(command::CHANNELS, |list| {
            let limited = |now, max| Limited {
                now: list.number32(now).unwrap_or_default(),
                max: list.number32(max).unwrap_or_default(),
            };
            Some(Channels { rx: limited(6, 2), tx: limited(7, 3), combined: limited(9, 5) })
        })
    }

    pub(super) fn set_channels(&mut self, channels: &Channels) -> Known<()> {
        let mut body = self.header();
        for (kind, number) in [(6, channels.rx), (7, channels.tx), (9, channels.combined)] {
            // A kind that the driver does not have cannot be set, not even to 0.
            if number.max > 0 {
                body = body.number32(kind, number.now);
            }
        }
        self.set(command::SET_CHANNELS, &body)
    }

    /// How many frames the receiving rings hold.
    pub(super) fn rx_ring(&mut self) -> Known<Limited> {
        self.one(command::RINGS, |list| Some(Limited { now: list.number32(6)?, max: list.number32(2)? }))
    }

    pub(super) fn set_rx_ring(&mut self, frames: u32) -> Known<()> {
        let body = self.header().number32(6, frames);
        self.set(command::SET_RINGS, &body)
    }

    pub(super) fn pause(&mut self) -> Known<Pause> {
        self.one(command::PAUSE, |list| {
            let flag = |kind| list.number(kind).map(|value| value != 0);
            Some(Pause { autoneg: flag(2)?, rx: flag(3)?, tx: flag(4)? })
        })
    }

    pub(super) fn set_pause(&mut self, pause: Pause) -> Known<()> {
        let flag = |kind, on: bool, body: Body| body.bytes(kind, &[on.into()]);
        let body = flag(4, pause.tx, flag(3, pause.rx, flag(2, pause.autoneg, self.header())));
        self.set(command::SET_PAUSE, &body)
    }

    /// Millions of bits a second. A link that is down does not tell.
    pub(super) fn speed(&mut self) -> Known<u32> {
        self.one(command::LINK_MODES, |list| list.number32(5).filter(|speed| *speed != u32::MAX))
    }

    pub(super) fn features(&mut self) -> Known<Features> {
        self.one(command::FEATURES, |list| {
            let (hardware, fixed) = (bits(list.nested(2)?), bits(list.nested(5).unwrap_or_default()));
            Some(Features {
                active: bits(list.nested(4)?),
                switchable: hardware.difference(&fixed).cloned().collect(),
            })
        })
    }

    pub(super) fn set_feature(&mut self, name: &str, on: bool) -> Known<()> {
        let mut bit = Body::default().text(2, name);
        if on {
            bit = bit.bytes(3, &[]);
        }
        let wanted = Body::default().nest(3, &Body::default().nest(1, &bit));
        let body = self.header().nest(3, &wanted);
        self.set(command::SET_FEATURES, &body)
    }

    /// How frames are spread over the queues.
    pub(super) fn rss(&mut self) -> Known<Rss> {
        self.one(command::RSS, |list| {
            let table = list.find(4).unwrap_or_default();
            Some(Rss {
                function: HashFunction::from_bits(list.number32(3).unwrap_or_default()),
                key: list.find(5).unwrap_or_default().to_vec(),
                table: table.as_chunks().0.iter().map(|bytes| u32::from_ne_bytes(*bytes)).collect(),
                transform: list.number32(6).unwrap_or_default(),
            })
        })
    }

    /// Kernels before 6.17 do not take a key this way.
    pub(super) fn set_hash_key(&mut self, key: &[u8]) -> Known<()> {
        let body = self.header().bytes(5, key);
        self.set(command::SET_RSS, &body)
    }

    fn header(&self) -> Body {
        Body::default().nest(HEADER, &Body::default().number32(HEADER_INDEX, self.index))
    }

    fn one<T>(&mut self, command: u8, mut read: impl FnMut(Attributes<'_>) -> Option<T>) -> Known<T> {
        let mut found = None;
        let body = self.header();
        self.netlink.ask_family(FAMILY, command, About::One, &body, |list| found = read(list))?;
        found.ok_or(Unknown::Untold)
    }

    fn set(&mut self, command: u8, body: &Body) -> Known<()> {
        self.netlink.ask_family(FAMILY, command, About::One, body, |_| {})
    }
}

/// The names in a bit set: with a mask those whose value is set, without one all of them.
fn bits(set: Attributes<'_>) -> BTreeSet<String> {
    let masked = set.find(1).is_none();
    let bits = set.nested(3).unwrap_or_default().into_iter().map(|(_, bit)| Attributes(bit));
    bits.filter(|bit| !masked || bit.find(3).is_some())
        .filter_map(|bit| bit.text(2))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_set_names_what_is_set() {
        let on = Body::default().number32(1, 3).text(2, "rx-gro").bytes(3, &[]);
        let off = Body::default().number32(1, 4).text(2, "rx-lro");
        let list = Body::default().nest(1, &on).nest(1, &off);
        let masked = Body::default().number32(2, 64).nest(3, &list);
        assert_eq!(bits(Attributes(&masked.0)), BTreeSet::from(["rx-gro".to_owned()]));
        let whole = Body::default().bytes(1, &[]).number32(2, 64).nest(3, &list);
        assert_eq!(bits(Attributes(&whole.0)).len(), 2, "without a mask, being listed is being set");
    }

    #[test]
    fn a_link_without_a_driver_tells_its_features_and_no_channels() {
        let mut netlink = Netlink::generic().expect("a netlink socket needs no right");
        let mut lo = Ethtool { netlink: &mut netlink, index: 1 };
        assert_eq!(lo.channels(), Err(Unknown::Untold));
        assert_eq!(lo.rss(), Err(Unknown::Untold));
        let features = lo.features().expect("every link has features");
        assert!(features.active.contains("loopback"), "{features:?}");
    }
}
