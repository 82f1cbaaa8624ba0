//! Live links put together: pinned workers, and one control thread that merges what they report and writes it out.
//!
//! ```text
//! source ─▶ Worker (thread, pinned) ══ full reports ══▶ Control (this thread) ─▶ Aggregator ─▶ sinks, each behind its queue
//!                                   ◀═ emptied ones ══
//! ```
//!
//! Workers wait for nobody. The control thread wakes ten times a second, takes what has come, keeps the account of the links, and looks
//! whether it is time to end.

mod asked;
mod exchange;
mod links;
mod load;
mod worker;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use core_affinity::CoreId;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use pithead_capture::PacketSource;
use pithead_detect::pools::Latest;
use pithead_output::{Behind, CaptureStats, Gauges, Record, RecordBody, Scrape, StatsRecord, prometheus};

pub(crate) use self::asked::{Ask, Question, Reply};
use self::exchange::{Inbox, pair};
pub(crate) use self::links::Links;
use self::load::{Load, Thread};
use self::worker::{TICK, Worker};
use crate::aggregator::Aggregator;
use crate::pipeline::{Pipeline, Settings};
use crate::reload::{Loaded, Reload};
use crate::report::Report;
use crate::run::Tools;
use crate::status::Miners;

/// A worker that has reported nothing for so long is not awaited before events of others are told.
const LATE: Duration = Duration::from_secs(1);
/// How long the records of an account may wait for room in a sink's queue: there can be more hosts than it has places, and reports wait meanwhile.
const MEANWHILE: Duration = Duration::from_millis(100);
/// The same at the end, where nothing waits for us.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Time between two looks at the links: what befalls one is to be told within a second or so.
const LOOK: Duration = Duration::from_millis(500);

/// Time between two measures of the workers' load, and two pages of metrics: more often than anybody scrapes.
const SCRAPE: Duration = Duration::from_secs(1);

/// When to end by itself, and how often to give account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// After so long.
    pub(crate) duration: Option<Duration>,
    /// After so many frames, or a few more.
    pub(crate) frames: Option<u64>,
    /// Time between two `stats` events.
    pub(crate) stats_every: Duration,
}

/// What frames come from, as far as the control thread has to do with it.
pub(crate) trait Taps {
    /// What became of the frames so far, but for what workers told.
    fn account(&mut self) -> Option<CaptureStats>;

    /// What has become of the links themselves since it was asked last.
    fn look_after(&mut self) -> Vec<News> {
        Vec::new()
    }

    /// Lets no more frames come. Those that have come can still be read.
    fn stop(&mut self);
}

/// What became of a link. Workers hear of it late, or not at all: one that has frames to read does not look up.
#[derive(Debug)]
pub(crate) enum News {
    Gone(pithead_capture::Error),
    Down { interface: Arc<str> },
    Up { interface: Arc<str> },
    Renamed { opened: Arc<str>, before: Arc<str>, now: Arc<str> },
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stats: StatsRecord,
    /// What went wrong so that not all was seen.
    pub(crate) errors: Vec<String>,
}

/// Who hears every record, on the control thread.
pub(crate) trait Listener {
    /// Takes in a record.
    fn note(&mut self, record: &Record);

    /// The miners so far, if it keeps them.
    fn miners(&self) -> Miners {
        Miners::default()
    }
}

impl Listener for Vec<Record> {
    fn note(&mut self, record: &Record) {
        self.push(record.clone());
    }
}

/// Where what is told goes.
pub(crate) struct Outlets<'a> {
    pub(crate) sinks: &'a mut [Behind],
    pub(crate) scrape: Option<&'a Scrape>,
    pub(crate) listener: &'a mut dyn Listener,
}

impl Outlets<'_> {
    /// The way to them; records that come all at once may wait so long for room.
    fn told<'s>(
        &'s mut self,
        alerts: &'s mut BTreeMap<&'static str, u64>,
        patience: Option<Duration>,
    ) -> Told<'s> {
        let until = patience.map(|patience| Instant::now() + patience);
        Told { sinks: self.sinks, listener: self.listener, alerts, until }
    }
}

/// One worker as the control thread knows it.
struct Seat {
    inbox: Inbox,
    thread: Option<JoinHandle<()>>,
    heard: Instant,
    last: bool,
    /// Whether its thread broke.
    broken: bool,
    load: Load,
    /// The share of its core that it used of late.
    busy: Option<f64>,
}

/// The control thread's affairs.
pub(crate) struct Control<'a> {
    aggregator: Aggregator,
    seats: Vec<Seat>,
    taps: &'a mut dyn Taps,
    outlets: Outlets<'a>,
    /// Alerts by dialect; those of blocked miners by no name.
    alerts: BTreeMap<&'static str, u64>,
    flows_max: u64,
    limits: Limits,
    started: Instant,
    /// When the next sums are due.
    sums: Instant,
    /// When the loads were measured last.
    measured: Instant,
    /// When the links were looked at last.
    looked: Instant,
    /// The pool list in use, and how to get a later one.
    pools: Arc<Latest>,
    reload: Reload,
    ending: Arc<AtomicBool>,
    errors: Vec<String>,
}

impl<'a> Control<'a> {
    /// Starts a worker for each source, on the core beside it.
    pub(crate) fn start(
        tools: &Tools,
        sources: Vec<(Box<dyn PacketSource>, Option<CoreId>)>,
        limits: Limits,
        reload: Reload,
        taps: &'a mut dyn Taps,
        outlets: Outlets<'a>,
    ) -> Result<Self> {
        let aggregator = Aggregator::live(&tools.config, tools.pools.clone(), sources.len());
        let halves = sources.len() > 1;
        let settings = Arc::new(Settings { halves, ..tools.config.settings.clone() });
        let ending = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let pools = Arc::new(Latest::new(tools.pools.clone()));
        let mut seats = Vec::new();
        for (number, (source, core)) in sources.into_iter().enumerate() {
            let hosts = tools.config.max_hosts;
            let (outbox, inbox) = pair(hosts);
            // Each worker is shown its own frames only, so all of them are its own.
            let (now, later) = pools.reader();
            let mut pipeline = Pipeline::new(settings.clone(), &tools.anchors, now, 0, 1);
            // The first report holds no more hosts than the others.
            drop(pipeline.exchange(Report::with_hosts(hosts), 0));
            let worker = Worker { source, pipeline, outbox, pools: later, ending: ending.clone() };
            let noted = Thread::default();
            let load = Load::new(noted.clone());
            let run = move || {
                noted.note();
                if let Some(core) = core {
                    core_affinity::set_for_current(core);
                }
                worker.run();
            };
            let thread = thread::Builder::new()
                .name(format!("worker {number}"))
                .spawn(run)
                .context("cannot start a worker's thread; allow more of them (ulimit -u)")?;
            seats.push(Seat {
                inbox,
                thread: Some(thread),
                heard: started,
                last: false,
                broken: false,
                load,
                busy: None,
            });
        }
        let sums = started + limits.stats_every;
        let (errors, alerts) = (Vec::new(), BTreeMap::new());
        let flows_max = settings.max_flows as u64 * seats.len() as u64;
        Ok(Self {
            aggregator,
            seats,
            taps,
            outlets,
            alerts,
            flows_max,
            limits,
            started,
            sums,
            measured: started,
            looked: started,
            pools,
            reload,
            ending,
            errors,
        })
    }

    /// Goes on until it is told to end, or has reason to, and everything has been told.
    pub(crate) fn run(mut self, asks: &Receiver<Ask>) -> Outcome {
        loop {
            match asks.recv_timeout(TICK) {
                Ok(ask) => self.asked(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
            }
            self.collect();
            self.attend();
            if self.seats.iter().all(|seat| seat.last) {
                self.end();
                return self.close();
            }
        }
    }

    /// Takes what has come, and tells what is due.
    fn collect(&mut self) {
        let now = Instant::now();
        for (number, seat) in self.seats.iter_mut().enumerate() {
            // Looked at first: what a thread that is gone has left behind is all there.
            let gone = seat.thread.as_ref().is_none_or(JoinHandle::is_finished);
            while let Some(mut report) = seat.inbox.receive() {
                seat.heard = now;
                seat.last |= report.last;
                report.errors.drain(..).for_each(|error| complain_once(&mut self.errors, error));
                self.aggregator.absorb(number, &mut report);
                seat.inbox.give_back(report);
            }
            if gone && !seat.last {
                (seat.last, seat.broken) = (true, true);
                let said = seat.thread.take().and_then(|thread| thread.join().err());
                let error = format!(
                    "worker {number} stopped: {}; this is a bug, please report it",
                    words(said.as_deref())
                );
                complain_once(&mut self.errors, error);
            }
        }
        // Flows that end with the tap are told in the order in which they fell silent, which is known once all workers have told theirs:
        // `close` says them all.
        if self.ending.load(Ordering::Relaxed) {
            return;
        }
        let seats = &self.seats;
        let late = |number: usize| {
            seats.get(number).is_none_or(|seat| seat.last || now.duration_since(seat.heard) > LATE)
        };
        let mut told = self.outlets.told(&mut self.alerts, None);
        self.aggregator.emit(late, &mut |record| told.tell(record));
        self.outlets.sinks.iter().for_each(Behind::flush);
    }

    /// Looks whether it is time for something.
    fn attend(&mut self) {
        for sink in &*self.outlets.sinks {
            if let Some(trouble) = sink.trouble() {
                crate::commands::warn(&trouble);
            }
        }
        if Instant::now() >= self.sums && !self.ending.load(Ordering::Relaxed) {
            self.sums += self.limits.stats_every;
            self.give_account(false);
        }
        self.look_after();
        self.measure();
        let over = self.limits.duration.is_some_and(|duration| self.started.elapsed() >= duration);
        let enough = self.limits.frames.is_some_and(|frames| self.aggregator.frames_read() >= frames);
        let unheard = self.outlets.sinks.iter().any(Behind::is_closed);
        // A worker that broke sees nothing more, so its frames would pass unseen from here on. One whose links are all gone has none to see.
        let broken = self.seats.iter().any(|seat| seat.broken);
        if over || enough || unheard || broken {
            self.end();
        }
    }

    /// Looks whether the links are still there, up, and called as they were.
    fn look_after(&mut self) {
        if self.looked.elapsed() < LOOK || self.ending.load(Ordering::Relaxed) {
            return;
        }
        self.looked = Instant::now();
        for news in self.taps.look_after() {
            match news {
                News::Gone(error) => complain_once(&mut self.errors, error.to_string()),
                News::Down { interface } => crate::commands::warn(&format!(
                    "{interface}: is down; waiting for it to come up (ip link set {interface} up)"
                )),
                News::Up { interface } => crate::commands::warn(&format!("{interface}: is up again")),
                News::Renamed { opened, before, now } => {
                    crate::commands::warn(&format!(
                        "{before}: is called {now} now, and so it is from here on"
                    ));
                    self.aggregator.rename(opened, now);
                }
            }
        }
    }

    /// Lets no more frames come; the workers read what has come, and end.
    fn end(&mut self) {
        if !self.ending.load(Ordering::Relaxed) {
            self.taps.stop();
            self.ending.store(true, Ordering::Release);
        }
    }

    /// The account of the links as it stands.
    fn capture(&mut self, closed: bool) -> Option<CaptureStats> {
        let (read, events_dropped) = (self.aggregator.frames_read(), self.aggregator.events_dropped());
        let halves_joined = self.aggregator.halves_joined();
        self.taps.account().map(|account| CaptureStats {
            read,
            events_dropped,
            halves_joined,
            closed,
            ..account
        })
    }

    /// Measures the workers' load and makes the page of metrics anew, once a second.
    fn measure(&mut self) {
        if self.measured.elapsed() < SCRAPE {
            return;
        }
        self.measured = Instant::now();
        self.pools.sweep();
        self.seats.iter_mut().for_each(|seat| seat.busy = seat.load.busy());
        let Some(scrape) = self.outlets.scrape else { return };
        let capture = self.capture(false);
        self.aggregator.set_capture(capture);
        let sink = |sink: &Behind| (sink.name().to_owned(), sink.written(), sink.lost());
        let gauges = Gauges {
            worker_busy: self.seats.iter().map(|seat| seat.busy).collect(),
            alerts: self.alerts.iter().map(|(dialect, count)| (*dialect, *count)).collect(),
            sinks: self.outlets.sinks.iter().map(sink).collect(),
            flows_max: self.flows_max,
        };
        scrape.show(prometheus(&self.aggregator.stats(self.started.elapsed()), &gauges));
    }

    /// Tells the sums: hosts and statistics.
    fn give_account(&mut self, closed: bool) {
        let capture = self.capture(closed);
        if let Some(missing) =
            capture.as_ref().and_then(CaptureStats::unexplained).filter(|missing| *missing > 0)
        {
            crate::commands::warn(&format!(
                "{missing} frames are unexplained: the counters of a link do not add up"
            ));
        }
        self.aggregator.set_capture(capture);
        let mut told = self.outlets.told(&mut self.alerts, Some(if closed { AT_THE_END } else { MEANWHILE }));
        self.aggregator.finish(self.started.elapsed(), &mut |record| told.tell(record));
    }

    /// All workers have ended: what is held is told, then the last sums.
    fn close(mut self) -> Outcome {
        let mut told = self.outlets.told(&mut self.alerts, Some(AT_THE_END));
        self.aggregator.emit(|_| true, &mut |record| told.tell(record));
        self.aggregator.release(None, &mut |record| told.tell(record));
        self.give_account(true);
        for seat in &mut self.seats {
            if let Some(thread) = seat.thread.take() {
                // It has made its last report, so it is about to return.
                let _ = thread.join();
            }
        }
        Outcome { stats: self.aggregator.stats(self.started.elapsed()), errors: self.errors }
    }
}

/// Says what went wrong, and keeps it: once, though every worker of a link that is gone has the same to say.
fn complain_once(errors: &mut Vec<String>, error: String) {
    if !errors.contains(&error) {
        crate::commands::complain(&error);
        errors.push(error);
    }
}

/// Where records go.
struct Told<'s> {
    sinks: &'s mut [Behind],
    listener: &'s mut dyn Listener,
    alerts: &'s mut BTreeMap<&'static str, u64>,
    /// How long a record may wait for room.
    until: Option<Instant>,
}

impl Told<'_> {
    fn tell(&mut self, record: Record) {
        self.listener.note(&record);
        if let RecordBody::Alert(alert) = &record.body {
            *self.alerts.entry(alert.verdict.dialect().unwrap_or_default()).or_default() += 1;
        }
        let record = Arc::new(record);
        for sink in &mut *self.sinks {
            match self.until {
                Some(until) => sink.write_until(&record, until),
                None => sink.write(&record),
            }
        }
    }
}

/// What a panic said.
fn words(said: Option<&(dyn Any + Send)>) -> &str {
    let said = said.and_then(|said| {
        said.downcast_ref::<String>().map(String::as_str).or_else(|| said.downcast_ref::<&str>().copied())
    });
    said.unwrap_or("it ended without a word")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crossbeam::channel::unbounded;
    use pithead_capture::{FileSource, MemorySource};

    use super::*;
    use crate::config::Config;

    /// Nothing is kept of a memory source's frames.
    struct Nothing;

    impl Taps for Nothing {
        fn account(&mut self) -> Option<CaptureStats> {
            None
        }

        fn stop(&mut self) {}
    }

    /// Frames of a golden capture, dealt out to so many sources.
    fn dealt(capture: &str, sources: usize, to: impl Fn(&[u8]) -> usize) -> Vec<Box<dyn PacketSource>> {
        let path = [concat!(env!("CARGO_MANIFEST_DIR"), "/../../pcaps/"), capture].concat();
        let mut file = FileSource::open(&[PathBuf::from(path)]).expect("a capture");
        let mut dealt = vec![MemorySource::new(); sources];
        while let Some(batch) = file.next_batch().expect("a sound capture") {
            for frame in batch.frames() {
                dealt[to(frame.bytes)].push_frame(frame);
            }
        }
        dealt.into_iter().map(|source| Box::new(source) as Box<dyn PacketSource>).collect()
    }

    fn told(sources: Vec<Box<dyn PacketSource>>) -> (Vec<Record>, Outcome) {
        let tools = Tools::new(Config::default()).expect("the defaults are sound");
        let mut records = Vec::new();
        let outlets = Outlets { sinks: &mut [], scrape: None, listener: &mut records };
        let limits = Limits { duration: None, frames: None, stats_every: Duration::from_secs(3600) };
        let (asks, asked) = unbounded();
        let sources = sources.into_iter().map(|source| (source, None)).collect();
        let mut taps = Nothing;
        let control = Control::start(&tools, sources, limits, Reload::new(None, asks), &mut taps, outlets)
            .expect("threads start");
        let outcome = control.run(&asked);
        (records, outcome)
    }

    /// What is said of each flow that mined: who, packets each way, and whether both sides were heard.
    fn miners(records: &[Record]) -> Vec<String> {
        let flow = |record: &Record| match &record.body {
            RecordBody::Flow(flow) => flow.verdict.as_ref().map(|verdict| {
                let summary = &flow.flow;
                let name = verdict.dialect().unwrap_or_default();
                format!("{} {:?} {name} {:?}", summary.source, summary.packets, verdict.certainty())
            }),
            _ => None,
        };
        let mut all: Vec<String> = records.iter().filter_map(flow).collect();
        all.sort();
        all
    }

    fn alerts(records: &[Record]) -> usize {
        records.iter().filter(|record| matches!(record.body, RecordBody::Alert(_))).count()
    }

    /// By the direction: who has the lower address in IPv4 over Ethernet.
    fn by_direction(bytes: &[u8]) -> usize {
        usize::from(bytes.get(26..30) > bytes.get(30..34))
    }

    #[test]
    fn the_two_directions_on_two_workers_are_one_flow_and_one_alert() {
        for capture in ["stratum-v1/cgminer.pcap", "demo.pcap"] {
            let (whole, _) = told(dealt(capture, 1, |_| 0));
            let (halves, outcome) = told(dealt(capture, 2, by_direction));
            assert!(!miners(&whole).is_empty());
            assert_eq!(miners(&halves), miners(&whole), "{capture}");
            assert_eq!(alerts(&halves), alerts(&whole), "{capture}");
            assert_eq!(outcome.stats.frames.unexplained(), 0);
        }
    }

    #[test]
    fn any_worker_may_have_any_frame_of_other_flows() {
        let (whole, _) = told(dealt("demo.pcap", 1, |_| 0));
        // By the sum of the addresses, which is the same both ways.
        let by_hosts = |bytes: &[u8]| {
            bytes.get(26..34).map_or(0, |hosts| hosts.iter().map(|b| usize::from(*b)).sum::<usize>() % 3)
        };
        let (shared, outcome) = told(dealt("demo.pcap", 3, by_hosts));
        assert_eq!(miners(&shared), miners(&whole));
        assert_eq!(outcome.stats.flows.flows, 65);
        assert!(outcome.errors.is_empty());
    }

    /// Panics at its second batch.
    struct Broken(MemorySource, bool);

    impl PacketSource for Broken {
        fn next_batch(&mut self) -> Result<Option<pithead_capture::Batch<'_>>, pithead_capture::Error> {
            assert!(!std::mem::replace(&mut self.1, true), "as this test wants");
            self.0.next_batch()
        }
    }

    #[test]
    fn a_worker_that_panics_ends_it_loudly_with_what_the_others_saw() {
        let mut sources = dealt("stratum-v1/cgminer.pcap", 1, |_| 0);
        sources.push(Box::new(Broken(MemorySource::new(), false)));
        sources.push(Box::new(Broken(MemorySource::new(), true)));
        let (records, outcome) = told(sources);
        assert_eq!(alerts(&records), 1);
        let [error] = &outcome.errors[..] else { panic!("one worker failed: {:?}", outcome.errors) };
        assert!(error.contains("worker 2 stopped: as this test wants"), "{error}");
        assert!(matches!(records.last().map(|record| &record.body), Some(RecordBody::Stats(_))));
    }
}
