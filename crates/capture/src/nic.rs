//! What a NIC is and can, as far as a tap has to know: driver, queues, rings, how frames are spread, what hides them, who holds it.
//!
//! [`survey`] asks the kernel, over netlink and in its files, and changes nothing. It needs no rights. [`Gauge`] reads the counters of
//! what was lost again and again. [`plan`] and [`Arranged`] make a NIC ready for a tap and give it back as it was. [`Cable`] is a link of
//! our own to try things on.
//!
//! What a driver does not tell is [`Unknown`], with the reason, and never a default: whoever reads a 0 here may believe it.
//!
//! It leaves out what no capture depends on (firmware, energy, wake on LAN).

mod attribute;
mod cable;
mod ethtool;
mod link;
mod netdev;
mod netlink;
mod rss;
mod setup;
mod statistics;
mod sysfs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use cable::Cable;
pub use ethtool::{Channels, Features, Limited, Pause};
pub use link::Link;
pub use netdev::{Queue, XdpFeatures};
pub use rss::{HashFunction, Rss, symmetric_key};
pub use setup::{Arranged, Change, Control, Driver, Step, Wish, plan};
pub use statistics::{Gauge, Statistics};

use crate::Error;
use ethtool::Ethtool;
use netlink::Netlink;

/// Something that the kernel or a driver may tell, or not.
pub type Known<T> = Result<T, Unknown>;

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The driver has nothing to say about it, or this kernel is too old to ask.
    Untold,
    /// There is no such link any more.
    Gone,
    /// The kernel refused to say, for this reason.
    Refused(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold => f.write_str("not told by driver or kernel"),
            Self::Gone => f.write_str("the interface has gone"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// Everything that was found out about a NIC.
#[derive(Clone, Debug)]
pub struct Nic {
    /// The link itself.
    pub link: Link,
    /// The driver of its hardware, or what made the link, where it has none.
    pub driver: Known<String>,
    /// Queues by kind, and how many there could be.
    pub channels: Known<Channels>,
    /// The queues that receive, one by one.
    pub queues: Known<Vec<Queue>>,
    /// How many queues receive. Each needs a socket, or what it gets passes unseen.
    pub rx_queues: Known<u32>,
    /// How many frames a receiving ring holds.
    pub rx_ring: Known<Limited>,
    /// How frames are spread over the queues.
    pub rss: Known<Rss>,
    /// What the driver does to frames on its own.
    pub features: Known<Features>,
    /// Whether it sends and obeys pause frames.
    pub pause: Known<Pause>,
    /// Millions of bits a second.
    pub speed: Known<u32>,
    /// What XDP can do here.
    pub xdp: Known<XdpFeatures>,
    /// The memory node it is attached to.
    pub numa_node: Known<u32>,
    /// The processors at that node.
    pub near: Known<BTreeSet<u32>>,
    /// Its interrupts, and the processors that each may wake.
    pub interrupts: Known<BTreeMap<u32, Known<BTreeSet<u32>>>>,
    /// Its counters at this moment.
    pub statistics: Statistics,
}

/// Finds out about the link of this name.
///
/// # Errors
/// Where there is no such link, or no netlink at all.
pub fn survey(name: &str) -> Result<Nic, Error> {
    let fail = |cause: Unknown| Error::Link { name: name.to_owned(), cause: cause.to_string() };
    let (mut route, mut generic) = (Netlink::route().map_err(fail)?, Netlink::generic().map_err(fail)?);
    let link = link::ask(&mut route, name).map_err(fail)?;
    let link = link.ok_or_else(|| Error::NoSuchLink { name: name.to_owned() })?;
    let queues = netdev::rx_queues(&mut generic, link.index);
    let xdp = netdev::xdp_features(&mut generic, link.index);
    let statistics = Statistics::new(&link, netdev::queue_counters(&mut generic, link.index));
    let mut ethtool = Ethtool { netlink: &mut generic, index: link.index };
    let channels = ethtool.channels();
    let numa_node = sysfs::numa_node(name);
    Ok(Nic {
        driver: sysfs::driver(name).or_else(|| link.kind.clone()).ok_or(Unknown::Untold),
        rx_queues: count_queues(&channels, &queues, name),
        channels,
        rx_ring: ethtool.rx_ring(),
        rss: ethtool.rss(),
        features: ethtool.features(),
        pause: ethtool.pause(),
        speed: ethtool.speed(),
        xdp,
        near: numa_node.clone().and_then(sysfs::processors),
        numa_node,
        interrupts: interrupts(name, &queues),
        queues,
        statistics,
        link,
    })
}

/// By the driver's word, else by what the kernel lists, else by its folders.
fn count_queues(channels: &Known<Channels>, queues: &Known<Vec<Queue>>, name: &str) -> Known<u32> {
    let told = channels.as_ref().ok().map(Channels::receiving);
    let listed = queues.as_ref().ok().and_then(|queues| u32::try_from(queues.len()).ok());
    match told.or(listed).filter(|count| *count > 0) {
        Some(count) => Ok(count),
        None => sysfs::rx_queues(name),
    }
}

/// Those of the queues where the kernel tells which they are, else all of the device's.
fn interrupts(name: &str, queues: &Known<Vec<Queue>>) -> Known<BTreeMap<u32, Known<BTreeSet<u32>>>> {
    let queues = queues.as_deref().unwrap_or_default();
    let mut numbers: BTreeSet<u32> = queues.iter().filter_map(|queue| queue.interrupt.clone().ok()).collect();
    if numbers.is_empty() {
        numbers = sysfs::interrupts(name)?;
    }
    Ok(numbers.into_iter().map(|number| (number, sysfs::affinity(number))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_link_is_surveyed_without_rights() {
        let lo = survey("lo").expect("every namespace has it");
        assert!(lo.link.loopback);
        assert_eq!(lo.driver, Err(Unknown::Untold));
        assert_eq!(lo.rx_queues, Ok(1));
        assert_eq!(lo.rss, Err(Unknown::Untold));
    }

    #[test]
    fn a_link_that_is_not_there_is_named() {
        let error = survey("pithead-none").expect_err("no such link");
        assert_eq!(
            error.to_string(),
            "pithead-none: no such interface; 'ip -brief link' lists those there are"
        );
    }
}
