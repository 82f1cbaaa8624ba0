//! What can be chosen about a live link, with defaults that suit a tap.

use std::{fmt, net::IpAddr, time::Duration};

use super::filter::Filter;
use crate::Error;

/// How frames come from the driver to us, from best to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The NIC writes into our memory. The driver has to know how.
    ZeroCopy,
    /// The program runs in the driver, and the kernel copies each frame once.
    Native,
    /// The program runs behind the driver, on frames that the kernel has already wrapped. Works on every interface.
    Skb,
}

impl Mode {
    /// All, from best to last.
    pub const ALL: [Self; 3] = [Self::ZeroCopy, Self::Native, Self::Skb];

    /// As it is written on a command line and in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero-copy",
            Self::Native => "native",
            Self::Skb => "skb",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What becomes of frames that go to no socket: those that were filtered out, and those of a queue without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// They go on to the host's own network stack, as on a port which the host uses itself.
    #[default]
    Pass,
    /// They end there, as is right for the port of a tap.
    Drop,
}

/// Doing the driver's work in our own calls, instead of in interrupts that take the core from us.
///
/// It saves a core a queue, and asks for `napi_defer_hard_irqs` and `gro_flush_timeout` to be set for the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyPoll {
    /// How many frames the driver may take from the NIC in one call.
    pub budget: u32,
    /// How long the kernel may look for more in one call.
    pub time: Duration,
}

impl Default for BusyPoll {
    /// 64 frames, which is one batch; 256 were measured elsewhere to bring a tenth more. 20 µs.
    fn default() -> Self {
        Self { budget: 64, time: Duration::from_micros(20) }
    }
}

/// What can be chosen about a live link.
#[derive(Clone, Debug)]
pub struct Options {
    /// The one mode that will do; `None` for the best that works.
    pub mode: Option<Mode>,
    /// Chunks of memory for frames, for each queue, and entries of its rings: a power of two. 4096 by default, 8 MiB at 2 KiB, as more
    /// than the last-level cache holds makes every frame a miss; a queue at 1 Mpps can be left alone for 4 ms with it.
    pub ring_frames: u32,
    /// Bytes of a chunk, 2048 (by default) or 4096, of which 256 are the driver's. Longer frames take several.
    pub chunk_bytes: u32,
    /// Whether frames may come in several chunks; `None` if the interface's MTU asks for it.
    pub pieces: Option<bool>,
    /// Whether to take memory in huge pages where enough are set aside.
    pub huge_pages: bool,
    /// Doing the driver's work ourselves; not by default.
    pub busy_poll: Option<BusyPoll>,
    /// Frames lent at a time: 64, behind which more bring little.
    pub batch_frames: usize,
    /// How long a call may wait for the first frame: 10 ms, so that ticks stay on time. Zero never waits, and costs a whole core.
    pub wait: Duration,
    /// Whether the interface is made promiscuous: yes, as a tap's frames are addressed to others.
    pub promiscuous: bool,
    /// What becomes of frames that go to no socket.
    pub others: Others,
    /// Only frames of TCP and UDP with one of these ports; all when empty.
    pub ports: Vec<u16>,
    /// Only frames from or to an address of these networks, each with the bits of its prefix; all when empty.
    pub nets: Vec<(IpAddr, u8)>,
    /// Only frames that this lets pass; all when there is none. What the other two leave out it cannot bring back.
    pub filter: Option<Filter>,
    /// How long to try again where another program holds a queue: 5 s. The kernel itself takes a moment to let go of one.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: None,
            ring_frames: 4096,
            chunk_bytes: 2048,
            pieces: None,
            huge_pages: true,
            busy_poll: None,
            batch_frames: 64,
            wait: Duration::from_millis(10),
            promiscuous: true,
            others: Others::default(),
            ports: Vec::new(),
            nets: Vec::new(),
            filter: None,
            patience: Duration::from_secs(5),
        }
    }
}

/// The bytes of a chunk that stay the driver's.
pub(super) const HEADROOM: u32 = 256;
/// An Ethernet header and two VLAN tags.
const LINK_HEADER: u32 = 14 + 8;

impl Options {
    /// Whether frames of an interface with this MTU have to come in several chunks.
    pub(super) fn in_pieces(&self, mtu: u32) -> bool {
        self.pieces.unwrap_or(mtu.saturating_add(LINK_HEADER) > self.chunk_bytes - HEADROOM)
    }

    /// Says what does not fit, before anything is opened.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |place: &str, reason: String| Err(Error::Refused { place: place.into(), reason });
        if !matches!(self.chunk_bytes, 2048 | 4096) {
            return refuse(
                "bytes of a chunk",
                format!("{} will not do, it has to be 2048 or 4096", self.chunk_bytes),
            );
        }
        if !self.ring_frames.is_power_of_two() || !(64..=1 << 20).contains(&self.ring_frames) {
            let reason =
                format!("{} will not do, it has to be a power of two from 64 to 1048576", self.ring_frames);
            return refuse("frames of a ring", reason);
        }
        if let Some((net, bits)) =
            self.nets.iter().find(|(net, bits)| *bits > if net.is_ipv4() { 32 } else { 128 })
        {
            return refuse("network", format!("{net}/{bits} has more bits than an address"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let refused = |options: Options| options.check().unwrap_err().to_string();
        Options::default().check().unwrap();
        assert_eq!(
            refused(Options { chunk_bytes: 1024, ..Options::default() }),
            "bytes of a chunk: 1024 will not do, it has to be 2048 or 4096"
        );
        assert_eq!(
            refused(Options { ring_frames: 100, ..Options::default() }),
            "frames of a ring: 100 will not do, it has to be a power of two from 64 to 1048576"
        );
        assert_eq!(
            refused(Options { nets: vec![("10.0.0.0".parse().unwrap(), 33)], ..Options::default() }),
            "network: 10.0.0.0/33 has more bits than an address"
        );
    }

    #[test]
    fn frames_come_in_pieces_where_the_mtu_asks_for_it() {
        let options = Options::default();
        assert!(
            !options.in_pieces(1500)
                && !options.in_pieces(1770)
                && options.in_pieces(1771)
                && options.in_pieces(9000)
        );
        assert!(Options { pieces: Some(true), ..Options::default() }.in_pieces(1500));
    }
}
