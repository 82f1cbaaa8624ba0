//! One source, lent to several receivers: for streams that can be read only once.
//!
//! A thread drains the source and copies its frames into chunks, which all receivers share. Queues are bounded: the slowest
//! receiver sets the pace, and memory stays within the chunks of one queue.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{Batch, Error, Interface, PacketSource, Slot, Stop};

/// Chunks that may wait for a receiver: enough that neither side rests while the other works on one.
const QUEUE_CHUNKS: usize = 4;

/// A receiver that has heard nothing for so long after a stop was asked for ends: whoever reads waits for what may never come.
const PATIENCE: Duration = Duration::from_millis(100);

/// What shares a source out.
#[derive(Debug)]
pub struct Fanout;

impl Fanout {
    /// Starts a thread that drains `source`, and returns as many receivers as were asked for. Each is lent every frame, in batches of at most
    /// `batch_frames`, and meets every error at its place.
    ///
    /// Each receiver should be drained by a thread of its own, since those that rest make the others wait. One that is dropped is no
    /// longer waited for; when the last one is, the thread ends at its next frame. At a stop all of them end behind the same frame.
    pub fn start(
        source: impl PacketSource + 'static,
        receivers: usize,
        batch_frames: usize,
        stop: &Stop,
    ) -> Result<Vec<Branch>, Error> {
        let (senders, branches) = (0..receivers)
            .map(|_| {
                let (sender, receiver) = sync_channel(QUEUE_CHUNKS);
                (sender, Branch::new(receiver, batch_frames, stop.clone()))
            })
            .unzip();
        let trunk = Trunk { senders, interfaces: 0, stop: stop.clone() };
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

/// A batch with memory of its own.
#[derive(Default)]
struct Chunk {
    region: Vec<u8>,
    slots: Vec<Slot>,
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
    fn copied_from(batch: &Batch<'_>) -> Self {
        let mut chunk = Self { file: batch.file(), ..Self::default() };
        chunk.region.reserve_exact(batch.frames().map(|frame| frame.bytes.len()).sum());
        chunk.slots.reserve_exact(batch.len());
        if let Some(first) = batch.frames().next() {
            (chunk.first_number, chunk.first_sequence) = (first.number, first.sequence);
        }
        for frame in batch.frames() {
            chunk.slots.push(Slot {
                offset: chunk.region.len(),
                len: frame.bytes.len() as u32,
                wire_len: frame.wire_len,
                at: frame.at,
                link: frame.link,
                interface: frame.interface,
            });
            chunk.region.extend_from_slice(frame.bytes);
        }
        chunk
    }
}

/// The sending side.
struct Trunk {
    senders: Vec<SyncSender<Message>>,
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
                Ok(Some(batch)) => Chunk::copied_from(&batch),
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
    fn new(receiver: Receiver<Message>, batch_frames: usize, stop: Stop) -> Self {
        Self {
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
        let Chunk { region, slots, file, first_number, first_sequence, .. } = &*self.chunk;
        let start = self.lent;
        self.lent = slots.len().min(start.saturating_add(self.batch_frames));
        let slots = slots.get(start..self.lent).unwrap_or_default();
        let (number, sequence) = (first_number + start as u64, first_sequence + start as u64);
        Ok(Batch::new(region, slots, *file, number, sequence))
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
    use crate::{MemorySource, contract};

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
                let mut branches = Fanout::start(expected.clone(), receivers, size, &Stop::new()).unwrap();
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
        let mut branches = Fanout::start(Panicking(frames(100)), 1, 64, &Stop::new()).unwrap();
        let (frames, errors) = contract::collect(&mut branches[0]);
        assert_eq!(frames.len(), 100);
        assert!(matches!(errors[..], [(100, Error::Thread { .. })]), "{errors:?}");
    }

    #[test]
    fn a_branch_that_is_dropped_is_not_waited_for() {
        let mut branches = Fanout::start(frames(100_000), 3, 64, &Stop::new()).unwrap();
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
        let mut branches = Fanout::start(Waiting(frames(1000), wait), 2, 64, &stop).unwrap();
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
            Fanout::start(Endless { frames: frames(100), _alive: sender }, 2, 64, &Stop::new()).unwrap();
        drop(branches);
        let gone = receiver.recv_timeout(Duration::from_secs(10));
        assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
