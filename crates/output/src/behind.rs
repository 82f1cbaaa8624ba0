//! A sink behind a queue, on a thread of its own: one that is slow, blocked or broken holds up nobody, and what it misses is counted.
//!
//! The queue is bounded. When it is full, the newest record is given up. A sink that fails is opened anew, at most once a second, and the
//! records that it had not passed on are counted as lost; so is what still waits at the end for one that hangs. Records that a sink would
//! not take anyway are not given to it, and are no loss.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::record::Record;
use crate::sink::{Config, Error, Sink, open};

/// Records that may wait: a few seconds of a link on which everybody mines. Each takes about a kilobyte.
const QUEUE_RECORDS: usize = 8192;

/// Time between two attempts to open a sink that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a sink may take at the end to pass on what waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before room is looked for again.
const ROOM: Duration = Duration::from_millis(1);

/// Opens the sink, at the start and whenever it has failed or is to be opened anew.
type Opener = Box<dyn FnMut() -> Result<Box<dyn Sink>, Error> + Send>;

/// A sink that never makes anybody wait.
#[derive(Debug)]
pub struct Behind {
    queue: Option<SyncSender<Message>>,
    done: Receiver<()>,
    tally: Arc<Tally>,
    name: String,
    wanted: fn(&Record) -> bool,
    /// Records that found room in the queue.
    queued: u64,
}

/// What the thread and its owner both know.
#[derive(Debug, Default)]
struct Tally {
    written: AtomicU64,
    /// For want of room, or by an error.
    lost: AtomicU64,
    /// Those of them that had found room.
    failed: AtomicU64,
    closed: AtomicBool,
    /// Whether the target is to be opened anew. No message: where the queue is full it would be lost.
    reopen: AtomicBool,
    /// The latest error that nobody has been told of.
    trouble: Mutex<Option<String>>,
}

enum Message {
    Record(Arc<Record>),
    Flush,
}

impl Behind {
    /// Opens the sink that was asked for and starts its thread. That it cannot be opened now is an error worth ending for; that nobody reads
    /// yet from a pipe, or any later error, is not.
    ///
    /// # Errors
    /// The sink's, when it cannot be opened; or that no thread can be started.
    pub fn start(name: &str, config: Config) -> Result<Self, Error> {
        let wanted = config.wanted();
        let behind = Self::over(name, QUEUE_RECORDS, Box::new(move || open(&config)))?;
        Ok(Self { wanted, ..behind })
    }

    fn over(name: &str, queue_records: usize, mut open: Opener) -> Result<Self, Error> {
        let (sink, trouble) = match open() {
            Ok(sink) => (Some(sink), None),
            Err(error @ Error::Unread { .. }) => (None, Some(retold(&error))),
            Err(error) => return Err(error),
        };
        let (queue, messages) = sync_channel(queue_records);
        let (finished, done) = sync_channel(1);
        let tally = Arc::new(Tally { trouble: Mutex::new(trouble), ..Tally::default() });
        let writer = Writer { sink, open, pending: 0, tried: Instant::now(), tally: tally.clone() };
        let run = move || {
            writer.run(&messages);
            let _ = finished.send(());
        };
        let started = thread::Builder::new().name("events".into()).spawn(run);
        started.map_err(|cause| Error::Open { target: name.to_owned(), cause })?;
        Ok(Self { queue: Some(queue), done, tally, name: name.to_owned(), wanted: |_| true, queued: 0 })
    }

    /// What it writes to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues a record; one that finds no room is lost, and counted.
    pub fn write(&mut self, record: &Arc<Record>) {
        if (self.wanted)(record) && !self.queue(record) {
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a record, and waits for room until then: for what comes all at once, where waiting holds up nothing.
    pub fn write_until(&mut self, record: &Arc<Record>, until: Instant) {
        while (self.wanted)(record) && !self.queue(record) {
            if self.is_closed() || Instant::now() >= until {
                self.tally.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            thread::sleep(ROOM);
        }
    }

    /// Asks it to pass on what it was given so far. Where the queue is full it is busy doing so.
    pub fn flush(&self) {
        self.send(Message::Flush);
    }

    /// Asks it to open its target anew, as when a file has been moved away.
    pub fn reopen(&self) {
        self.tally.reopen.store(true, Ordering::Relaxed);
        self.flush();
    }

    fn queue(&mut self, record: &Arc<Record>) -> bool {
        let found_room = self.send(Message::Record(record.clone()));
        self.queued += u64::from(found_room);
        found_room
    }

    fn send(&self, message: Message) -> bool {
        let Some(queue) = &self.queue else { return false };
        match queue.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Records passed on.
    pub fn written(&self) -> u64 {
        self.tally.written.load(Ordering::Relaxed)
    }

    /// Records lost, for want of room or by an error.
    pub fn lost(&self) -> u64 {
        self.tally.lost.load(Ordering::Relaxed)
    }

    /// Whether its reader has had enough, so that there is nothing more to do.
    pub fn is_closed(&self) -> bool {
        self.tally.closed.load(Ordering::Relaxed)
    }

    /// The latest error, if it has not been asked for since.
    pub fn trouble(&self) -> Option<String> {
        self.tally.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Passes on what waits, for as long as it is worth waiting for. False if something was left, which is counted as lost.
    pub fn finish(&mut self) -> bool {
        self.finish_within(PATIENCE)
    }

    fn finish_within(&mut self, patience: Duration) -> bool {
        self.queue = None;
        match self.done.recv_timeout(patience) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let settled = self.written() + self.tally.failed.load(Ordering::Relaxed);
                self.tally.lost.fetch_add(self.queued.saturating_sub(settled), Ordering::Relaxed);
                false
            }
        }
    }
}

/// The thread's side.
struct Writer {
    sink: Option<Box<dyn Sink>>,
    open: Opener,
    /// Records written and not yet flushed.
    pending: u64,
    tried: Instant,
    tally: Arc<Tally>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            if self.tally.reopen.swap(false, Ordering::Relaxed) {
                self.flush();
                self.sink = None;
                self.tried = Instant::now().checked_sub(PAUSE).unwrap_or(self.tried);
                self.revive();
            }
            match message {
                Message::Record(record) => self.write(&record),
                Message::Flush => self.flush(),
            }
        }
        self.flush();
    }

    fn write(&mut self, record: &Record) {
        self.revive();
        let Some(sink) = &mut self.sink else {
            return self.lose(1);
        };
        self.pending += 1;
        let written = sink.write(record);
        self.note(written);
    }

    fn lose(&self, records: u64) {
        self.tally.lost.fetch_add(records, Ordering::Relaxed);
        self.tally.failed.fetch_add(records, Ordering::Relaxed);
    }

    fn flush(&mut self) {
        // A reader who has come is let in even where there is nothing to say.
        self.revive();
        let Some(sink) = &mut self.sink else { return };
        let flushed = sink.flush();
        if flushed.is_ok() {
            self.tally.written.fetch_add(self.pending, Ordering::Relaxed);
            self.pending = 0;
        }
        self.note(flushed);
    }

    /// Opens the sink if it is not open and the last attempt lies back far enough.
    fn revive(&mut self) {
        if self.sink.is_some() || self.tally.closed.load(Ordering::Relaxed) || self.tried.elapsed() < PAUSE {
            return;
        }
        self.tried = Instant::now();
        match (self.open)() {
            Ok(sink) => self.sink = Some(sink),
            Err(error) => self.tell(&error),
        }
    }

    fn note(&mut self, done: Result<(), Error>) {
        let Err(error) = done else { return };
        self.lose(self.pending);
        self.pending = 0;
        self.sink = None;
        self.tried = Instant::now();
        if matches!(error, Error::Closed { .. }) {
            self.tally.closed.store(true, Ordering::Relaxed);
        } else {
            self.tell(&error);
        }
    }

    fn tell(&self, error: &Error) {
        *self.tally.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(retold(error));
    }
}

/// An error as it is told of a sink that goes on.
fn retold(error: &Error) -> String {
    format!("{error}; it is tried again every second, and what is lost until then is counted")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::record::{Origin, RecordBody};

    fn record() -> Arc<Record> {
        let body = RecordBody::Stats(Box::default());
        Arc::new(Record { at: pithead_wire::Timestamp::default(), origin: Origin::default(), body })
    }

    /// Tells of what it is given, once it may.
    struct Gated(Receiver<()>, Sender<&'static str>);

    impl Sink for Gated {
        fn write(&mut self, _: &Record) -> Result<(), Error> {
            let _ = self.0.recv();
            let _ = self.1.send("record");
            Ok(())
        }

        fn flush(&mut self) -> Result<(), Error> {
            let _ = self.1.send("flush");
            Ok(())
        }
    }

    /// A sink behind a queue for four, given a hundred records.
    fn flooded(gated: Gated) -> Behind {
        let mut gated = Some(gated);
        let open: Opener =
            Box::new(move || Ok(Box::new(gated.take().expect("opened once")) as Box<dyn Sink>));
        let mut behind = Behind::over("gate", 4, open).unwrap();
        for _ in 0..100 {
            behind.write(&record());
        }
        behind
    }

    #[test]
    fn a_sink_that_blocks_holds_up_nobody_and_what_it_misses_is_counted() {
        let (open_gate, gate) = channel();
        let (tell, told) = channel();
        let mut behind = flooded(Gated(gate, tell));
        // Four wait, and the thread may have one in its hands.
        assert!((95..=96).contains(&behind.lost()), "{}", behind.lost());
        drop(open_gate);
        assert!(behind.finish());
        assert_eq!(behind.written() + behind.lost(), 100);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(told.last(), Some(&"flush"));
        assert_eq!(told.iter().filter(|what| **what == "record").count() as u64, behind.written());
    }

    /// Fails at every flush.
    struct Full;

    impl Sink for Full {
        fn write(&mut self, _: &Record) -> Result<(), Error> {
            Ok(())
        }

        fn flush(&mut self) -> Result<(), Error> {
            Err(Error::Write { target: "eve.json".into(), cause: io::ErrorKind::StorageFull.into() })
        }
    }

    #[test]
    fn what_could_not_be_flushed_is_lost_and_told_of() {
        let mut behind = Behind::over("full", 100, Box::new(|| Ok(Box::new(Full)))).unwrap();
        for _ in 0..7 {
            behind.write(&record());
        }
        behind.flush();
        behind.write(&record());
        assert!(behind.finish());
        assert_eq!((behind.written(), behind.lost()), (0, 8), "the eighth came before it was opened anew");
        assert!(behind.trouble().is_some_and(|trouble| trouble.starts_with("eve.json: ")));
        assert_eq!(behind.trouble(), None, "told once");
    }

    #[test]
    fn a_reader_that_left_is_no_trouble() {
        struct Left;
        impl Sink for Left {
            fn write(&mut self, _: &Record) -> Result<(), Error> {
                Err(Error::Closed { target: "standard output".into() })
            }

            fn flush(&mut self) -> Result<(), Error> {
                Ok(())
            }
        }
        let mut behind = Behind::over("left", 100, Box::new(|| Ok(Box::new(Left)))).unwrap();
        behind.write(&record());
        behind.write(&record());
        assert!(behind.finish() && behind.is_closed());
        assert_eq!((behind.lost(), behind.trouble()), (2, None));
    }

    #[test]
    fn what_waits_for_a_sink_that_hangs_is_lost_at_the_end() {
        let (_gate, gate) = channel();
        let (tell, _told) = channel();
        let mut behind = flooded(Gated(gate, tell));
        assert!(!behind.finish_within(Duration::ZERO));
        assert_eq!((behind.written(), behind.lost()), (0, 100));
    }

    #[test]
    fn what_is_not_wanted_is_no_loss() {
        let address = "udp://127.0.0.1:9".parse().unwrap();
        let mut behind = Behind::start("syslog", Config::Syslog(address)).unwrap();
        behind.queue = None;
        behind.write(&record());
        assert_eq!(behind.lost(), 0, "sums are no messages");
        let mut behind = Behind::over("file", 1, Box::new(|| Ok(Box::new(Full)))).unwrap();
        behind.queue = None;
        behind.write(&record());
        assert_eq!(behind.lost(), 1);
    }

    #[test]
    fn a_pipe_that_nobody_reads_yet_is_no_reason_to_end() {
        let unread = || Err(Error::Unread { target: "pipe".into() });
        let mut behind = Behind::over("pipe", 10, Box::new(unread)).unwrap();
        behind.write(&record());
        let trouble = behind.trouble().unwrap();
        assert!(trouble.contains("nobody reads") && trouble.contains("every second"), "{trouble}");
        assert!(behind.finish() && !behind.is_closed());
        assert_eq!(behind.lost(), 1);
    }

    #[test]
    fn a_target_is_opened_anew_when_asked_for() {
        let opened = Arc::new(AtomicU64::new(0));
        let count = opened.clone();
        let open: Opener = Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Full))
        });
        let mut behind = Behind::over("file", 100, open).unwrap();
        behind.reopen();
        assert!(behind.finish());
        assert_eq!(opened.load(Ordering::Relaxed), 2);
    }
}
