//! One queue of an interface, as its reader has it: a bound socket, its rings and its memory. Needs no privilege.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pithead_wire::Timestamp;

use super::{
    blame::{self, Step},
    exchange::{Exchange, Stamp},
    mmap::Mapping,
    options::{Mode, Options},
    port::Place,
    ring::{Consumer, Descriptor, Producer},
    syscall,
    umem::Umem,
};
use crate::{Batch, Error};

/// What a queue's reader counts. Written by it alone, once a batch, and read by whoever keeps the accounts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub received: AtomicU64,
    pub invalid: AtomicU64,
}

/// A socket bound to one queue, and the frames that it has lent.
#[derive(Debug)]
pub struct Queue {
    place: Place,
    socket: Arc<OwnedFd>,
    exchange: Exchange,
    tally: Arc<Tally>,
    received: u64,
    busy_poll: bool,
    huge_pages: bool,
}

impl Queue {
    /// Gives a bare socket memory and rings, and binds it to its queue.
    ///
    /// Where another socket holds the queue it tries again until [`Options::patience`] has run out: the kernel takes a moment to let
    /// go of one that was closed.
    pub fn bind(socket: OwnedFd, place: Place, options: &Options) -> Result<Self, Error> {
        options.check()?;
        let blamed = |step, what| {
            let name = place.name();
            move |cause| blame::error(name, step, what, cause)
        };
        let (umem, huge_pages) = memory(options).map_err(blamed(Step::Memory, "get memory for frames"))?;
        let fd = socket.as_fd();
        syscall::register(fd, umem.base().as_ptr(), umem.kernel_bytes(), umem.chunk_bytes())
            .map_err(blamed(Step::Memory, "register memory for frames"))?;
        let exchange = rings(fd, umem, options).map_err(blamed(Step::Memory, "set up the rings"))?;
        let step = if place.mode == Mode::ZeroCopy { Step::BindZeroCopy } else { Step::Bind };
        bind_patiently(fd, &place, options.patience).map_err(blamed(step, "bind the AF_XDP socket"))?;
        if place.mode == Mode::ZeroCopy && !syscall::is_zero_copy(fd).unwrap_or(false) {
            let copied = io::Error::from_raw_os_error(libc::EOPNOTSUPP);
            return Err(blamed(step, "share memory with the driver")(copied));
        }
        let busy_poll = options.busy_poll.is_some();
        Ok(Self { busy_poll, huge_pages, ..Self::over(socket, place, exchange) })
    }

    /// A queue over rings that are set up.
    pub(super) fn over(socket: OwnedFd, place: Place, exchange: Exchange) -> Self {
        let (socket, tally) = (Arc::new(socket), Arc::default());
        Self { place, socket, exchange, tally, received: 0, busy_poll: false, huge_pages: false }
    }

    /// Which queue it is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The socket, to be admitted by the [`Port`](super::Port).
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether its memory is in huge pages.
    pub const fn has_huge_pages(&self) -> bool {
        self.huge_pages
    }

    /// What reads its counters, from any thread.
    pub fn meter(&self) -> Meter {
        Meter { place: self.place.clone(), socket: Arc::clone(&self.socket), tally: Arc::clone(&self.tally) }
    }

    /// Gives back what was lent and takes what has arrived, up to `limit` frames. Says how many there were.
    pub(super) fn take(&mut self, limit: usize, interface: u16, now: Timestamp) -> usize {
        let stamp = Stamp { at: now, interface, tells: self.place.tells };
        let taken = self.exchange.take(limit, stamp);
        if taken > 0 {
            self.received += taken as u64;
            self.tally.received.store(self.received, Ordering::Relaxed);
        }
        self.tally.invalid.store(self.exchange.invalid(), Ordering::Relaxed);
        taken
    }

    /// Lends the frames that were taken last. They are numbered as all of the source are: a link has no files, and a number that ran by queues would
    /// begin a new file with every batch for whoever keeps count of them.
    pub(super) fn lend(&self, first_sequence: u64) -> Option<Batch<'_>> {
        self.exchange.lend(first_sequence, first_sequence)
    }

    /// Wakes the driver up where it rests, or does its work where we poll. `Err` only if the interface is gone.
    pub(super) fn nudge(&self) -> io::Result<()> {
        if !self.busy_poll && !self.exchange.needs_wakeup() {
            return Ok(());
        }
        self.kick()
    }

    /// Wakes the driver up whatever it says. `Err` only if the interface is gone.
    pub(super) fn kick(&self) -> io::Result<()> {
        match syscall::kick(self.socket.as_fd()) {
            // The socket lost its interface, which is also what a closed one would say.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Err(error),
            // Down is waited for; all else (try again, no buffers) means that there is nothing yet.
            _ => Ok(()),
        }
    }

    /// Whether frames wait to be taken.
    pub(super) fn is_ready(&self) -> bool {
        self.exchange.waiting() > 0
    }
}

/// Huge pages if asked for and there; otherwise ordinary ones.
fn memory(options: &Options) -> io::Result<(Umem, bool)> {
    if options.huge_pages
        && let Ok(umem) = Umem::new(options.ring_frames, options.chunk_bytes, true)
    {
        return Ok((umem, true));
    }
    Ok((Umem::new(options.ring_frames, options.chunk_bytes, false)?, false))
}

/// The completion ring is for what is sent. The kernel wants one all the same.
const COMPLETION_ENTRIES: u32 = 2;

fn rings(fd: BorrowedFd<'_>, umem: Umem, options: &Options) -> io::Result<Exchange> {
    let entries = options.ring_frames;
    syscall::set_ring(fd, libc::XDP_UMEM_FILL_RING, entries)?;
    syscall::set_ring(fd, libc::XDP_UMEM_COMPLETION_RING, COMPLETION_ENTRIES)?;
    syscall::set_ring(fd, libc::XDP_RX_RING, entries)?;
    let (rx, fill) = syscall::ring_layouts(fd)?;
    let count = entries as usize;
    let map = |len, offset| Mapping::shared(fd, len, offset).map(Arc::new);
    let rx_memory = map(rx.entries + count * size_of::<Descriptor>(), libc::XDP_PGOFF_RX_RING)?;
    let fill_memory =
        map(fill.entries + count * size_of::<u64>(), libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t)?;
    let rx = Consumer::new(rx_memory, rx, entries);
    Ok(Exchange::new(umem, Producer::new(fill_memory, fill, entries), rx))
}

fn bind_patiently(fd: BorrowedFd<'_>, place: &Place, patience: Duration) -> io::Result<()> {
    let copying = if place.mode == Mode::ZeroCopy { libc::XDP_ZEROCOPY } else { libc::XDP_COPY };
    let pieces = if place.in_pieces { libc::XDP_USE_SG } else { 0 };
    let flags = copying | pieces | libc::XDP_USE_NEED_WAKEUP;
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(5));
    loop {
        match syscall::bind(fd, place.ifindex, place.queue, flags) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && begun.elapsed() + pause < patience => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            other => return other,
        }
    }
}

/// What became of the frames that the program sent to one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Frames that were lent.
    pub received: u64,
    /// Frames that came out of the ring and could not be lent: longer than 1 MiB, or named by a descriptor that makes no sense.
    pub invalid: u64,
    /// Frames that found no free chunk of memory.
    pub rx_dropped: u64,
    /// Frames that found the RX ring full.
    pub rx_ring_full: u64,
    /// How often the kernel wanted memory for a frame and we had given none back: a cause, never to be added to the others.
    pub fill_ring_empty: u64,
}

/// Reads the counters of one queue. It keeps the socket open, so drop it before the queue is bound again.
#[derive(Clone, Debug)]
pub struct Meter {
    place: Place,
    socket: Arc<OwnedFd>,
    tally: Arc<Tally>,
}

impl Meter {
    /// Which queue it is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What was counted so far; `None` if the kernel cannot say (before Linux 5.9).
    pub fn read(&self) -> Option<Taken> {
        let kernel = syscall::statistics(self.socket.as_fd()).ok()?;
        Some(Taken {
            received: self.tally.received.load(Ordering::Relaxed),
            invalid: self.tally.invalid.load(Ordering::Relaxed),
            rx_dropped: kernel.rx_dropped,
            rx_ring_full: kernel.rx_ring_full,
            fill_ring_empty: kernel.fill_ring_empty,
        })
    }
}
