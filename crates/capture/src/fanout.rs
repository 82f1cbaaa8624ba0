//! One source, lent to several receivers.
//!
//! A thread drains the source into chunks, which all receivers share: frames of a mapped file stay where they are, others are copied. It
//! also looks whose each frame is, so that finding and decoding what is another's is done once and not by every receiver. Queues are
//! bounded: the slowest receiver sets the pace, and memory stays within the chunks of one queue.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{
    Batch, Deal, Error, Interface, PacketSource, Slot, Stop,
    map::{Mapped, prefetch},
};

/// Chunks that may wait for a receiver: enough that neither side rests while the other works on one.
const QUEUE_CHUNKS: usize = 4;

/// A receiver that has heard nothing for so long after a stop was asked for ends: whoever reads waits for what may never come.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many bytes of a frame are asked for ahead: its headers, and what a message begins with. So much of the processor's own look ahead
/// does the rest.
const HEAD_BYTES: usize = 192;

/// What shares a source out.
#[derive(Debug)]
pub struct Fanout;

impl Fanout {
    /// Starts a thread that drains `source`, and returns as many receivers as were asked for. Each is lent every frame, in batches of at most
    /// `batch_frames`, with what `deal` says of it, and meets every error at its place.
    ///
    /// Each receiver should be drained by a thread of its own, since those that rest make the others wait. One that is dropped is no
    /// longer waited for; when the last one is, the thread ends at its next frame. At a stop all of them end behind the same frame.
    pub fn start(
        source: impl PacketSource + 'static,
        receivers: usize,
        batch_frames: usize,
        stop: &Stop,
        deal: Box<Deal>,
    ) -> Result<Vec<Branch>, Error> {
        let (senders, branches) = (0..receivers)
            .map(|me| {
                let (sender, receiver) = sync_channel(QUEUE_CHUNKS);
                (sender, Branch::new(me, receiver, batch_frames, stop.clone()))
            })
            .unzip();
        let trunk = Trunk { senders, deal, interfaces: 0, stop: stop.clone() };
        let started = thread::Builder::new().name("reading".into()).spawn(move || trunk.run(source));
        match started {
            Ok(_) => Ok(branches),
            Err(error) => Err(Error::Thread {
                reason: format!("cannot start: {error}; allow more threads (ulimit -u)"),
            }),
        }
    }
}

/// What is sent to each receiver.
#[derive(Clone)]
enum Message {
    Chunk(Arc<Chunk>),
    Failed(Error),
    /// No more will come. Without it, a queue that closes means that the thread is gone.
    End {
        files: u64,
    },
}

/// Where the frames of a chunk lie.
enum Region {
    Copied(Vec<u8>),
    Mapped(Mapped),
}

impl Default for Region {
    fn default() -> Self {
        Self::Copied(Vec::new())
    }
}

impl Region {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

/// A batch that can be kept.
#[derive(Default)]
struct Chunk {
    region: Region,
    slots: Vec<Slot>,
    /// One for each slot.
    takers: Vec<Option<u16>>,
    file: usize,
    first_number: u64,
    first_sequence: u64,
    /// Interfaces that are new since the chunk before.
    interfaces: Vec<Interface>,
    position: (u64, Option<u64>),
    /// Files opened so far.
    files: u64,
}

impl Chunk {
    fn of(batch: &Batch<'_>, deal: &mut Deal) -> Self {
        let mut chunk = Self { file: batch.file(), slots: batch.slots().to_vec(), ..Self::default() };
        if let Some(first) = batch.frames().next() {
            (chunk.first_number, chunk.first_sequence) = (first.number, first.sequence);
        }
        chunk.takers = batch.frames().map(|frame| deal(&frame)).collect();
        match batch.map() {
            Some(map) => chunk.region = Region::Mapped(map.clone()),
            None => chunk.copy(batch),
        }
        chunk
    }

    /// Copies the frames of a batch out of memory that will be used for something else.
    fn copy(&mut self, batch: &Batch<'_>) {
        let mut region = Vec::with_capacity(batch.frames().map(|frame| frame.bytes.len()).sum());
        for (slot, frame) in self.slots.iter_mut().zip(batch.frames()) {
            slot.offset = region.len();
            region.extend_from_slice(frame.bytes);
        }
        self.region = Region::Copied(region);
    }
}

/// The sending side.
struct Trunk {
    senders: Vec<SyncSender<Message>>,
    deal: Box<Deal>,
    /// Interfaces that the receivers know.
    interfaces: usize,
    stop: Stop,
}

impl Trunk {
    fn run(mut self, mut source: impl PacketSource) {
        while !self.senders.is_empty() && !self.stop.is_asked() {
            let mut chunk = match source.next_batch() {
                // A receiver has given up waiting for this, so no other may have it.
                Ok(_) if self.stop.is_closed() => break,
                Ok(Some(batch)) => Chunk::of(&batch, &mut *self.deal),
                Ok(None) => break,
                Err(error) => {
                    self.send(&Message::Failed(error));
                    continue;
                }
            };
            chunk.interfaces = source.interfaces().get(self.interfaces..).unwrap_or_default().to_vec();
            (chunk.position, chunk.files) = (source.position(), source.files());
            self.interfaces += chunk.interfaces.len();
            self.send(&Message::Chunk(Arc::new(chunk)));
        }
        self.send(&Message::End { files: source.files() });
    }

    /// Sends to all, waiting for room, and forgets those that are gone.
    fn send(&mut self, message: &Message) {
        self.senders.retain(|sender| sender.send(message.clone()).is_ok());
    }
}

/// One receiver of a source that is shared out.
pub struct Branch {
    me: u16,
    receiver: Receiver<Message>,
    batch_frames: usize,
    chunk: Arc<Chunk>,
    /// Frames of the chunk that have been lent.
    lent: usize,
    interfaces: Vec<Interface>,
    files: u64,
    ended: bool,
    stop: Stop,
}

impl Branch {
    fn new(me: usize, receiver: Receiver<Message>, batch_frames: usize, stop: Stop) -> Self {
        Self {
            me: u16::try_from(me).unwrap_or(u16::MAX),
            receiver,
            batch_frames: batch_frames.max(1),
            chunk: Arc::default(),
            lent: 0,
            interfaces: Vec::new(),
            files: 0,
            ended: false,
            stop,
        }
    }

    /// Waits for the next chunk. False when there will be none.
    fn advance(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        match self.receive() {
            Ok(Message::Chunk(chunk)) => {
                self.files = chunk.files;
                self.interfaces.extend_from_slice(&chunk.interfaces);
                self.chunk = chunk;
                self.lent = 0;
                Ok(true)
            }
            Ok(Message::Failed(error)) => Err(error),
            Ok(Message::End { files }) => {
                (self.ended, self.files) = (true, files);
                Ok(false)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stop.close();
                self.ended = true;
                Ok(false)
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = true;
                Err(Error::Thread {
                    reason: "it panicked, see its message above; please report this bug".into(),
                })
            }
        }
    }
}

impl Branch {
    /// Asks for the memory of the frames that are lent next, where they may be this receiver's: what was read by another thread is
    /// in another core's cache.
    fn ask_ahead(&self) {
        let Chunk { region, slots, takers, .. } = &*self.chunk;
        let next = self.lent..slots.len().min(self.lent.saturating_add(self.batch_frames));
        let next = slots.get(next.clone()).into_iter().flatten().zip(takers.get(next).into_iter().flatten());
        for (slot, _) in next.filter(|(_, taker)| taker.is_none_or(|taker| taker == self.me)) {
            let end = slot.offset + HEAD_BYTES.min(slot.len as usize);
            prefetch(region.bytes().get(slot.offset..end).unwrap_or_default());
        }
    }

    /// Waits for the next message; after a stop was asked for, no longer than it is worth.
    fn receive(&self) -> Result<Message, RecvTimeoutError> {
        loop {
            let asked = self.stop.is_asked();
            match self.receiver.recv_timeout(PATIENCE) {
                Err(RecvTimeoutError::Timeout) if !asked => {}
                message => return message,
            }
        }
    }
}

impl PacketSource for Branch {
    fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        if self.lent >= self.chunk.slots.len() && !self.advance()? {
            return Ok(None);
        }
        let Chunk { region, slots, takers, file, first_number, first_sequence, .. } = &*self.chunk;
        let start = self.lent;
        self.lent = slots.len().min(start.saturating_add(self.batch_frames));
        self.ask_ahead();
        let (number, sequence) = (first_number + start as u64, first_sequence + start as u64);
        let lent = start..self.lent;
        let slots = slots.get(lent.clone()).unwrap_or_default();
        let batch = Batch::new(region.bytes(), slots, *file, number, sequence);
        Ok(batch.map(|batch| batch.with_takers(takers.get(lent).unwrap_or_default())))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn files(&self) -> u64 {
        self.files
    }

    fn position(&self) -> (u64, Option<u64>) {
        self.chunk.position
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use pithead_wire::Timestamp;

    use super::*;
    use crate::{Frame, MemorySource, contract};

    fn frames(count: usize) -> MemorySource {
        let mut source = MemorySource::new();
        for index in 0..count {
            if index % 500 == 499 {
                source.begin_file();
            }
            source.push(&index.to_le_bytes(), Timestamp::from_nanos(index as i64));
        }
        source
    }

    fn nobodys() -> Box<Deal> {
        Box::new(|_| None)
    }

    #[test]
    fn every_receiver_is_told_whose_each_frame_is() {
        let deal =
            |frame: &Frame<'_>| (!frame.sequence.is_multiple_of(3)).then_some(frame.bytes[0] as u16 % 2);
        let mut branches = Fanout::start(frames(1000), 2, 64, &Stop::new(), Box::new(deal)).unwrap();
        let other = branches.pop().unwrap();
        let drained = |mut branch: Branch| {
            contract::collect(&mut branch)
                .0
                .iter()
                .map(|kept| (kept.bytes[0], kept.frame))
                .collect::<Vec<_>>()
        };
        let other = thread::spawn(move || drained(other));
        let frames = drained(branches.remove(0));
        assert_eq!(frames.len(), 1000);
        for (first, frame) in &frames {
            assert_eq!(frame.taker, (frame.sequence % 3 != 0).then_some(u16::from(*first) % 2));
        }
        assert_eq!(other.join().unwrap(), frames);
    }

    /// Lends what is inside, then panics.
    struct Panicking(MemorySource);

    impl PacketSource for Panicking {
        fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
            let batch = self.0.next_batch()?;
            assert!(batch.is_some(), "as this test wants");
            Ok(batch)
        }
    }

    /// Never ends.
    struct Endless {
        frames: MemorySource,
        _alive: mpsc::Sender<()>,
    }

    impl PacketSource for Endless {
        fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
            self.frames.rewind();
            self.frames.next_batch()
        }
    }

    #[test]
    fn each_branch_keeps_the_contract() {
        let expected = frames(3000);
        for receivers in [1, 2, 3] {
            contract::check(&expected, |size| {
                let mut branches =
                    Fanout::start(expected.clone(), receivers, size, &Stop::new(), nobodys()).unwrap();
                let first = branches.pop().unwrap();
                for mut other in branches {
                    thread::spawn(move || while let Ok(Some(_)) = other.next_batch() {});
                }
                first
            });
        }
    }

    #[test]
    fn a_panic_is_an_error_behind_the_frames_that_came_before() {
        let mut branches = Fanout::start(Panicking(frames(100)), 1, 64, &Stop::new(), nobodys()).unwrap();
        let (frames, errors) = contract::collect(&mut branches[0]);
        assert_eq!(frames.len(), 100);
        assert!(matches!(errors[..], [(100, Error::Thread { .. })]), "{errors:?}");
    }

    #[test]
    fn a_branch_that_is_dropped_is_not_waited_for() {
        let mut branches = Fanout::start(frames(100_000), 3, 64, &Stop::new(), nobodys()).unwrap();
        drop(branches.remove(1));
        let mut second = branches.remove(1);
        let other = thread::spawn(move || {
            let _ = second.next_batch();
        });
        assert_eq!(contract::collect(&mut branches[0]).0.len(), 100_000);
        other.join().unwrap();
    }

    /// Waits for ever once it has lent what it has.
    struct Waiting(MemorySource, mpsc::Receiver<()>);

    impl PacketSource for Waiting {
        fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
            if self.0.position().0 == self.0.len() as u64 {
                let _ = self.1.recv();
            }
            self.0.next_batch()
        }
    }

    #[test]
    fn a_stop_ends_all_branches_behind_the_same_frame() {
        let (_alive, wait) = mpsc::channel();
        let stop = Stop::new();
        let mut branches = Fanout::start(Waiting(frames(1000), wait), 2, 64, &stop, nobodys()).unwrap();
        let mut behind = branches.pop().unwrap();
        let behind = thread::spawn(move || contract::collect(&mut behind).0.len());
        let mut lent = 0;
        while lent < 1000 {
            lent += branches[0].next_batch().unwrap().unwrap().len();
        }
        stop.now();
        assert!(matches!(branches[0].next_batch(), Ok(None)));
        assert_eq!(behind.join().unwrap(), 1000);
    }

    #[test]
    fn the_thread_ends_with_its_last_branch() {
        let (sender, receiver) = mpsc::channel();
        let branches =
            Fanout::start(Endless { frames: frames(100), _alive: sender }, 2, 64, &Stop::new(), nobodys())
                .unwrap();
        drop(branches);
        let gone = receiver.recv_timeout(Duration::from_secs(10));
        assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
