//! The trial: frames through a cable of our own, listened to by what `tap` listens with.
//!
//! The cable's namespace, the cable and the program on it go away with the threads of the trial, however those end.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use crossbeam::channel::unbounded;
use pithead_capture::nic::{Cable, Known};
use pithead_capture::xdp::{self, Mode, Options, Tap};
use pithead_output::{Record, StatsRecord};

use super::exchange::Exchange;
use crate::live::{Control, Limits, Links, Outlets};
use crate::reload::Reload;
use crate::run::Tools;

/// How long frames are waited for. They take milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where everybody is who asks something in the exchange. What the kernel says by itself on a new link is filtered out, and counted.
const CLIENTS: ([u8; 4], u8) = ([10, 0, 0, 0], 8);
/// Frames sent before others get a turn: fewer than wait in a queue of the kernel's.
const AT_ONCE: usize = 32;

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) mode: Mode,
    /// Why it is not the best that a cable has.
    pub(super) instead: Option<String>,
    pub(super) records: Vec<Record>,
    pub(super) stats: StatsRecord,
    /// What went wrong meanwhile.
    pub(super) errors: Vec<String>,
}

/// Sends it all and listens, in this mode or the best that a cable has.
pub(super) fn run(tools: &Tools, exchange: &Exchange, mode: Option<Mode>) -> Result<Seen> {
    // A thread of its own, since it moves to another network.
    thread::scope(|scope| {
        let trial = scope.spawn(|| {
            let cable = Cable::lay(1)?;
            let (tap, mode, instead) = listen(&cable, mode)?;
            watch(tools, exchange, &cable, tap).map(|seen| Seen { mode, instead, ..seen })
        });
        trial.join().map_err(|_| anyhow!("the trial broke off; this is a bug, please report it"))?
    })
}

/// Opens the far end. No cable has zero copy, so nothing is to be said of its being tried in vain.
fn listen(cable: &Cable, mode: Option<Mode>) -> Result<(Tap, Mode, Option<String>)> {
    let open = |mode| {
        let nets = vec![(CLIENTS.0.into(), CLIENTS.1)];
        xdp::open(&[&cable.far], 1, &Options { mode: Some(mode), nets, ..Options::default() })
    };
    match (open(mode.unwrap_or(Mode::Native)), mode) {
        (Ok(tap), _) => Ok((tap, mode.unwrap_or(Mode::Native), None)),
        (Err(error), Some(_)) => Err(error.into()),
        // What keeps both from working is told of the second.
        (Err(error), None) => Ok((open(Mode::Skb)?, Mode::Skb, Some(error.to_string()))),
    }
}

fn watch(tools: &Tools, exchange: &Exchange, cable: &Cable, tap: Tap) -> Result<Seen> {
    let Tap { sources, control, .. } = tap;
    let (mut links, mut records) = (Links::new(control), Vec::new());
    let outlets = Outlets { sinks: &mut [], scrape: None, listener: &mut records };
    let limits = Limits {
        duration: Some(PATIENCE),
        frames: Some(exchange.frames.len() as u64),
        stats_every: PATIENCE * 2,
    };
    let sources = sources.into_iter().map(|source| (Box::new(source) as _, None)).collect();
    let (asks, asked) = unbounded();
    let control = Control::start(tools, sources, limits, Reload::new(None, asks), &mut links, outlets)?;
    let (sent, outcome) = thread::scope(|scope| {
        let sender = scope.spawn(|| send(cable, &exchange.frames));
        (sender.join(), control.run(&asked))
    });
    let sent = sent.map_err(|_| anyhow!("the sender broke off; this is a bug, please report it"))?;
    let mut errors = outcome.errors;
    errors.extend(sent.err().map(|refused| format!("the kernel did not take a frame to send: {refused}")));
    Ok(Seen { mode: Mode::Native, instead: None, records, stats: outcome.stats, errors })
}

fn send(cable: &Cable, frames: &[Vec<u8>]) -> Known<()> {
    for some in frames.chunks(AT_ONCE) {
        for packet in some.iter().filter_map(|frame| frame.get(14..)) {
            cable.send(packet)?;
        }
        thread::yield_now();
    }
    Ok(())
}
