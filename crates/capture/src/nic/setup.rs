//! Making a NIC ready for a tap, and giving it back as it was.
//!
//! [`plan`] compares what a NIC is with what a tap wants and writes down each change with its undoing, as plain values that can be shown
//! before anything happens. [`Arranged::new`] makes the changes in order; where one fails, those before it are undone, last first. Dropping
//! an [`Arranged`] undoes all of it.
//!
//! A process that is killed (SIGKILL, loss of power) undoes nothing: the plan that was shown tells what to set back.
//!
//! Changing channels or rings takes the link down for a moment with most drivers, so this comes before any socket.

use std::fmt;
use std::process::Command;

use super::ethtool::{Channels, Ethtool, Pause};
use super::netlink::Netlink;
use super::rss::{HashFunction, symmetric_key};
use super::{Known, Nic, Unknown};
use crate::Error;

/// What hides frames, changes them, or merges them into ones that were never on the wire.
const UNWANTED: [&str; 6] =
    ["rx-lro", "rx-gro-hw", "rx-gro", "rx-gro-list", "rx-udp-gro-forwarding", "rx-vlan-hw-parse"];

/// One thing to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// How many queues there are, of each kind.
    Channels(Channels),
    /// How many frames a receiving ring holds.
    RxRing(u32),
    /// What the hash that chooses a frame's queue is keyed with.
    HashKey(Vec<u8>),
    /// Something that the driver does to frames on its own, and whether it is to do it.
    Feature(String, bool),
    /// Whether the NIC sends and obeys pause frames.
    Pause(Pause),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channels(channels) => write!(f, "{} receive queues", channels.receiving()),
            Self::RxRing(frames) => write!(f, "rings of {frames} frames"),
            Self::HashKey(key) => write!(f, "hash key {}", hex(key)),
            Self::Feature(name, on) => write!(f, "{name} {}", if *on { "on" } else { "off" }),
            Self::Pause(pause) => {
                let word = |on| if on { "on" } else { "off" };
                write!(
                    f,
                    "pause frames: autoneg {} rx {} tx {}",
                    word(pause.autoneg),
                    word(pause.rx),
                    word(pause.tx)
                )
            }
        }
    }
}

/// A change, and what takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to set.
    pub to: Change,
    /// What it was.
    pub from: Change,
}

/// What a tap wants of a NIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many queues are to receive; as many as there are, if `None`.
    pub queues: Option<u32>,
    /// How many frames a ring is to hold, as far as it goes. 4096 by default: 4 ms at 1 Mpps a queue.
    pub ring_frames: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self { queues: None, ring_frames: 4096 }
    }
}

/// The changes that make a NIC ready, in the order in which they are made. Nothing for what is right, or not told.
#[must_use]
pub fn plan(nic: &Nic, wish: &Wish) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |from, to| steps.push(Step { to, from });
    // Channels first: drivers make rings and tables anew when their number changes.
    if let (Ok(now), Some(queues)) = (&nic.channels, wish.queues)
        && now.receiving() != queues
    {
        step(Change::Channels(*now), Change::Channels(with_queues(*now, queues)));
    }
    if let Ok(ring) = &nic.rx_ring
        && ring.now < wish.ring_frames.min(ring.max)
    {
        step(Change::RxRing(ring.now), Change::RxRing(wish.ring_frames.min(ring.max)));
    }
    // A key can mend Toeplitz alone, and with one queue there is nothing to mend.
    if let Ok(rss) = &nic.rss
        && rss.function == HashFunction::Toeplitz
        && rss.is_symmetric() == Some(false)
        && wish.queues.map_or_else(|| nic.rx_queues != Ok(1), |queues| queues > 1)
    {
        step(Change::HashKey(rss.key.clone()), Change::HashKey(symmetric_key(rss.key.len())));
    }
    if let Ok(features) = &nic.features {
        let name = |name: &&str| features.active.contains(*name) && features.switchable.contains(*name);
        for feature in UNWANTED.into_iter().filter(name) {
            step(Change::Feature(feature.to_owned(), true), Change::Feature(feature.to_owned(), false));
        }
    }
    if let Ok(pause) = &nic.pause
        && (pause.rx || pause.tx)
    {
        step(Change::Pause(*pause), Change::Pause(Pause { autoneg: false, rx: false, tx: false }));
    }
    steps
}

/// The same channels, with so many that receive: by queues that do both where the NIC has such, as sending needs some too.
fn with_queues(mut channels: Channels, queues: u32) -> Channels {
    if channels.combined.max > 0 {
        channels.combined.now = queues;
        channels.rx.now = 0;
    } else {
        channels.rx.now = queues;
    }
    channels
}

/// Sets things. The one for a NIC is [`Driver`].
pub trait Control: Send {
    /// Makes one change.
    ///
    /// # Errors
    /// Where the driver does not take it.
    fn set(&mut self, change: &Change) -> Known<()>;
}

/// The driver of a link.
pub struct Driver {
    netlink: Netlink,
    name: String,
    index: u32,
}

impl Driver {
    /// Of this NIC.
    ///
    /// # Errors
    /// Where there is no socket to be had.
    pub fn new(nic: &Nic) -> Known<Self> {
        Ok(Self { netlink: Netlink::generic()?, name: nic.link.name.clone(), index: nic.link.index })
    }
}

impl Control for Driver {
    fn set(&mut self, change: &Change) -> Known<()> {
        let mut ethtool = Ethtool { netlink: &mut self.netlink, index: self.index };
        match change {
            Change::Channels(channels) => ethtool.set_channels(channels),
            Change::RxRing(frames) => ethtool.set_rx_ring(*frames),
            Change::Feature(name, on) => ethtool.set_feature(name, *on),
            Change::Pause(pause) => ethtool.set_pause(*pause),
            Change::HashKey(key) => match ethtool.set_hash_key(key) {
                Err(Unknown::Untold) => set_hash_key_by_program(&self.name, key),
                done => done,
            },
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driver({})", self.name)
    }
}

/// Kernels before 6.17 take a key by an older way than netlink, which the program `ethtool` knows.
fn set_hash_key_by_program(name: &str, key: &[u8]) -> Known<()> {
    let output = Command::new("ethtool").args(["-X", name, "hkey", &hex(key)]).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(Unknown::Refused(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")))
        }
        Err(error) => Err(Unknown::Refused(format!(
            "this kernel does not take a key over netlink (6.17 does), and the program ethtool, which has another way: {error}"
        ))),
    }
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// A NIC that was made ready. It is given back as it was when this is dropped.
#[derive(Debug)]
pub struct Arranged<C: Control = Driver> {
    name: String,
    control: C,
    /// What was done, in order.
    done: Vec<Step>,
}

impl<C: Control> Arranged<C> {
    /// Takes the steps. All of them, or none: where one fails, those before it are undone.
    ///
    /// # Errors
    /// Which step failed and why, and which could not be undone.
    pub fn new(name: &str, control: C, steps: Vec<Step>) -> Result<Self, Error> {
        let mut this = Self { name: name.to_owned(), control, done: Vec::new() };
        for step in steps {
            if let Err(cause) = this.control.set(&step.to) {
                let (change, mut cause) = (step.to.to_string(), cause.to_string());
                for left in this.undo() {
                    cause.push_str(&format!("; {left}"));
                }
                return Err(Error::Setup { name: name.to_owned(), change, cause });
            }
            this.done.push(step);
        }
        Ok(this)
    }

    /// What was changed.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.done
    }

    /// Takes everything back, last first. What cannot be taken back is told, and the rest is all the same.
    pub fn undo(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        while let Some(step) = self.done.pop() {
            if let Err(cause) = self.control.set(&step.from) {
                left.push(format!("{}: cannot be set back to {}: {cause}", self.name, step.from));
            }
        }
        left
    }
}

impl<C: Control> Drop for Arranged<C> {
    fn drop(&mut self) {
        // Nobody is left to be told; who wants to know calls `undo`.
        let _ = self.undo();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use super::super::{Features, Limited, Rss, survey};
    use super::*;

    /// Writes down what it is asked to set, and refuses what it is told to refuse.
    #[derive(Clone, Debug, Default)]
    struct Log {
        lines: Arc<Mutex<Vec<String>>>,
        refuses: Option<&'static str>,
    }

    impl Control for Log {
        fn set(&mut self, change: &Change) -> Known<()> {
            let line = change.to_string();
            if self.refuses == Some(line.as_str()) {
                return Err(Unknown::Refused("Invalid argument (os error 22)".to_owned()));
            }
            self.lines.lock().expect("one thread").push(line);
            Ok(())
        }
    }

    impl Log {
        fn said(&self) -> Vec<String> {
            self.lines.lock().expect("one thread").clone()
        }
    }

    /// A card as it comes out of its box: everything on, one ring small, frames spread by a random key.
    fn card() -> Nic {
        let mut nic = survey("lo").expect("every namespace has it");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        nic.link.name = "eth1".to_owned();
        nic.rx_queues = Ok(8);
        nic.channels = Ok(Channels { combined: Limited { now: 8, max: 16 }, ..Channels::default() });
        nic.rx_ring = Ok(Limited { now: 512, max: 8192 });
        nic.rss = Ok(Rss {
            function: HashFunction::Toeplitz,
            key: vec![1, 2, 3, 4],
            table: vec![0, 1],
            transform: 0,
        });
        nic.features = Ok(Features {
            active: names(&["rx-lro", "rx-gro", "rx-vlan-hw-parse", "rx-checksum"]),
            switchable: names(&["rx-lro", "rx-gro", "rx-checksum"]),
        });
        nic.pause = Ok(Pause { autoneg: true, rx: true, tx: true });
        nic
    }

    const CHANGES: [&str; 6] = [
        "2 receive queues",
        "rings of 4096 frames",
        "hash key 6d:5a:6d:5a",
        "rx-lro off",
        "rx-gro off",
        "pause frames: autoneg off rx off tx off",
    ];
    const BACK: [&str; 6] = [
        "pause frames: autoneg on rx on tx on",
        "rx-gro on",
        "rx-lro on",
        "hash key 01:02:03:04",
        "rings of 512 frames",
        "8 receive queues",
    ];

    fn steps() -> Vec<Step> {
        plan(&card(), &Wish { queues: Some(2), ..Wish::default() })
    }

    #[test]
    fn what_is_changed_is_changed_back_last_first() {
        let log = Log::default();
        let arranged = Arranged::new("eth1", log.clone(), steps()).expect("nothing is refused");
        assert_eq!(log.said(), CHANGES);
        assert_eq!(arranged.steps().len(), CHANGES.len());
        drop(arranged);
        assert_eq!(log.said()[CHANGES.len()..], BACK);
    }

    #[test]
    fn a_refusal_in_the_middle_leaves_nothing_changed() {
        for (place, refuses) in CHANGES.into_iter().enumerate() {
            let log = Log { refuses: Some(refuses), ..Log::default() };
            let error = Arranged::new("eth1", log.clone(), steps()).expect_err("one step is refused");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("eth1: cannot be set to {refuses}: refused: Invalid argument")),
                "{error}"
            );
            assert_eq!(log.said()[..place], CHANGES[..place]);
            assert_eq!(log.said()[place..], BACK[BACK.len() - place..]);
        }
    }

    #[test]
    fn what_cannot_be_changed_back_is_told_and_the_rest_is() {
        let log = Log { refuses: Some("rx-lro on"), ..Log::default() };
        let mut arranged = Arranged::new("eth1", log.clone(), steps()).expect("the way there is free");
        let left = arranged.undo();
        assert_eq!(left, ["eth1: cannot be set back to rx-lro on: refused: Invalid argument (os error 22)"]);
        assert_eq!(log.said().last().map(String::as_str), Some("8 receive queues"));
        assert_eq!(arranged.undo(), [""; 0], "once");
    }

    #[test]
    fn a_card_that_is_ready_is_left_alone() {
        let mut nic = card();
        nic.rx_ring = Ok(Limited { now: 1024, max: 1024 });
        nic.rss = Err(Unknown::Untold);
        nic.features = Ok(Features::default());
        nic.pause = Err(Unknown::Untold);
        assert_eq!(plan(&nic, &Wish::default()), []);
        assert_eq!(plan(&nic, &Wish { queues: Some(8), ..Wish::default() }), []);
    }
}
