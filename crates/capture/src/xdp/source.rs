//! The frames of a set of queues, as one source for one worker.

use std::time::{Duration, SystemTime};

use pithead_wire::{LinkType, Timestamp};

use super::{Mode, Options, Queue, syscall};
use crate::{Batch, Error, Interface, PacketSource};

/// Calls that find nothing before one waits: what is on its way has arrived by then.
const PATIENT_CALLS: u32 = 16;

/// Lends the frames of its queues, each batch from one of them in turn, and an empty batch when none has arrived.
///
/// It ends (`None`) only when every interface is gone.
#[derive(Debug)]
pub struct XdpSource {
    seats: Vec<Seat>,
    interfaces: Vec<Interface>,
    batch_frames: usize,
    wait: Duration,
    /// The seat whose turn it is.
    turn: usize,
    /// Calls in a row that found nothing.
    idle: u32,
    /// Frames lent so far.
    lent: u64,
    waited_for: Vec<libc::pollfd>,
    clock: fn() -> Timestamp,
}

#[derive(Debug)]
struct Seat {
    queue: Queue,
    /// Index of its interface.
    interface: u16,
    gone: bool,
}

impl XdpSource {
    /// A source over these queues. Frames name interfaces in the order in which they first come here.
    pub fn new(queues: Vec<Queue>, options: &Options) -> Self {
        let mut interfaces: Vec<Interface> = Vec::new();
        let seats = queues.into_iter().map(|queue| {
            let name = &queue.place().interface;
            let known = interfaces.iter().position(|known| known.name.as_ref() == Some(name));
            let interface = known.unwrap_or_else(|| {
                interfaces.push(Interface { name: Some(name.clone()), link: LinkType::ETHERNET, file: 0 });
                interfaces.len() - 1
            });
            Seat { queue, interface: interface as u16, gone: false }
        });
        let seats: Vec<_> = seats.collect();
        let batch_frames = options.batch_frames.max(1);
        Self {
            waited_for: Vec::with_capacity(seats.len()),
            seats,
            interfaces,
            batch_frames,
            wait: options.wait,
            turn: 0,
            idle: 0,
            lent: 0,
            clock,
        }
    }

    /// The same by another clock: times are an argument in tests.
    #[must_use]
    pub const fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// The queues it listens on.
    pub fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.seats.iter().map(|seat| &seat.queue)
    }

    /// The modes in use, in the order of the queues.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        self.queues().map(|queue| queue.place().mode)
    }

    /// Takes frames from the first queue, from the one whose turn it is on, that has some; says which, and how many.
    fn take(&mut self, now: Timestamp) -> Result<Option<(usize, usize)>, Error> {
        for _ in 0..self.seats.len() {
            let at = self.turn;
            self.turn = if at + 1 == self.seats.len() { 0 } else { at + 1 };
            let seat = &mut self.seats[at];
            if seat.gone {
                continue;
            }
            let taken = seat.queue.take(self.batch_frames, seat.interface, now);
            if seat.queue.nudge().is_err() && taken == 0 {
                return Err(self.lose(at));
            }
            if taken > 0 {
                return Ok(Some((at, taken)));
            }
        }
        Ok(None)
    }

    fn lose(&mut self, at: usize) -> Error {
        let seat = &mut self.seats[at];
        seat.gone = true;
        Error::Gone { interface: seat.queue.place().interface.clone() }
    }

    /// Waits for a frame on any queue, and if none comes looks after the queues.
    fn rest(&mut self) -> Result<(), Error> {
        self.waited_for.clear();
        for seat in self.seats.iter().filter(|seat| !seat.gone) {
            self.waited_for.push(syscall::readable(seat.queue.socket()));
        }
        // It can fail only for want of memory; then the next call tries again.
        let arrived = syscall::wait(&mut self.waited_for, self.wait).unwrap_or(true);
        if arrived { Ok(()) } else { self.look_after() }
    }

    /// The watchdog: wakes up drivers that stopped when they ran out of memory for frames, and notices interfaces that are gone, which
    /// waiting does not tell.
    fn look_after(&mut self) -> Result<(), Error> {
        let lost = |seat: &Seat| !seat.gone && seat.queue.kick().is_err() && !seat.queue.is_ready();
        match self.seats.iter().position(lost) {
            Some(at) => Err(self.lose(at)),
            None => Ok(()),
        }
    }
}

impl PacketSource for XdpSource {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        if self.seats.iter().all(|seat| seat.gone) {
            return Ok(None);
        }
        let mut now = (self.clock)();
        let mut from = self.take(now)?;
        if from.is_none() {
            self.idle = self.idle.wrapping_add(1);
            if self.wait.is_zero() {
                // A call takes some 100 ns here: every 10 ms or so.
                if self.idle.is_multiple_of(100_000) {
                    self.look_after()?;
                }
            } else if self.idle > PATIENT_CALLS {
                self.rest()?;
                now = (self.clock)();
                from = self.take(now)?;
            }
        }
        let Some((from, taken)) = from else {
            return Ok(Batch::new(&[], &[], 0, 1, self.lent + 1).map(|batch| batch.with_now(now)));
        };
        self.idle = 0;
        let sequence = self.lent + 1;
        self.lent += taken as u64;
        Ok(self.seats[from].queue.lend(sequence).map(|batch| batch.with_now(now)))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn position(&self) -> (u64, Option<u64>) {
        (self.lent, None)
    }
}

fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(since.as_secs() as i64, since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemorySource, contract, xdp::double};

    /// A source that ends, as a link never does: when all that was offered has been lent.
    struct Ended(XdpSource, usize);

    impl PacketSource for Ended {
        fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
            if self.1 == 0 {
                return Ok(None);
            }
            let batch = self.0.next_batch()?;
            self.1 -= batch.as_ref().map_or(0, Batch::len);
            Ok(batch)
        }
    }

    /// Frames of every length, also in pieces, with times as a source in memory has them.
    fn frames() -> Vec<Vec<u8>> {
        (0..500u32).map(|number| vec![number as u8; (number * 7 % 4000) as usize + 1]).collect()
    }

    #[test]
    fn keeps_the_contract() {
        let mut expected = MemorySource::new();
        frames().iter().for_each(|frame| expected.push(frame, Timestamp::default()));
        contract::check(&expected, |batch_frames| {
            let options = Options { batch_frames, ..Options::default() };
            let (queue, mut feeder) = double::pair(&options, u32::MAX - 100).unwrap();
            assert!(frames().iter().all(|frame| feeder.offer(frame)));
            feeder.publish();
            Ended(XdpSource::new(vec![queue], &options).with_clock(Timestamp::default), 500)
        });
    }

    #[test]
    fn queues_take_turns_and_an_empty_batch_has_a_time() {
        let options = Options { batch_frames: 2, wait: Duration::ZERO, ..Options::default() };
        let (one, mut feeds_one) = double::pair(&options, 0).unwrap();
        let (two, mut feeds_two) = double::pair(&options, 0).unwrap();
        for (feeder, byte) in [(&mut feeds_one, 1), (&mut feeds_two, 2)] {
            assert!((0..3).all(|_| feeder.offer(&[byte])));
            feeder.publish();
        }
        let mut source = XdpSource::new(vec![one, two], &options);
        let mut seen = Vec::new();
        while let Some(batch) = source.next_batch().unwrap().filter(|batch| !batch.is_empty()) {
            seen.push(
                batch
                    .frames()
                    .map(|frame| (frame.bytes[0], frame.number, frame.sequence))
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(
            seen,
            [vec![(1, 1, 1), (1, 2, 2)], vec![(2, 3, 3), (2, 4, 4)], vec![(1, 5, 5)], vec![(2, 6, 6)]]
        );
        assert!(source.next_batch().unwrap().unwrap().now().is_some());
        assert_eq!(source.interfaces().len(), 1, "both are of the interface 'memory'");
    }
}
