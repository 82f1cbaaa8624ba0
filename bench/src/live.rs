//! What detection costs on a live link, beside a loop that only counts frames.
//!
//! In memory the rings are a double's, filled as the kernel fills them and emptied by the source that a tap uses; what is measured is
//! the processor time of emptying them. Over a cable (a veth pair in a namespace of its own) frames come from a generator inside the
//! kernel, on another core, at a rate that neither loop keeps up with; what is measured is what each of them gets.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pithead::Pipeline;
use pithead_capture::PacketSource;
use pithead_capture::nic::Cable;
use pithead_capture::xdp::flood::{Flood, datagram};
use pithead_capture::xdp::{self, Mode, Options, double};
use pithead_traffic::{Generator, Recipe};

use crate::rates::thread_time;
use crate::{Tools, on_batch};

/// Who gets the frames: nobody but a counter, or the whole pipeline.
pub enum Reader {
    /// Counts frames.
    Counts,
    /// Finds miners in them.
    Detects(Box<Pipeline>),
}

impl Reader {
    /// Both, each new.
    #[must_use]
    pub fn both(tools: &Tools) -> [Self; 2] {
        [Self::Counts, Self::Detects(Box::new(tools.pipeline(0, 1)))]
    }

    /// Takes one batch. How many frames there were.
    fn take(&mut self, source: &mut dyn PacketSource) -> Result<u64> {
        let Some(batch) = source.next_batch()? else { return Ok(0) };
        if let Self::Detects(pipeline) = self {
            on_batch(pipeline, &batch);
            if let Some(now) = batch.now() {
                pipeline.on_time(now);
            }
        }
        Ok(batch.len() as u64)
    }
}

/// Processor time of a frame in memory, once all flows have begun and `warm` more frames have gone by: for the one that counts, and the one
/// that detects.
///
/// # Errors
/// When there is too little memory.
pub fn in_memory(tools: &Tools, recipe: &Recipe, frames: usize) -> Result<[Duration; 2]> {
    let mut generator = Generator::new(recipe);
    let (mut warm, mut bytes) = (Frames::default(), Vec::new());
    while !generator.all_begun() || warm.ends.len() < frames {
        warm.push(&mut generator, &mut bytes);
    }
    let mut measured = Frames::default();
    while measured.ends.len() < frames {
        measured.push(&mut generator, &mut bytes);
    }
    let mut costs = [Duration::ZERO; 2];
    for (cost, mut reader) in costs.iter_mut().zip(Reader::both(tools)) {
        let options = Options { wait: Duration::ZERO, ..Options::default() };
        let (queue, mut feeder) = double::pair(&options, 0).context("rings in memory")?;
        let mut source = xdp::XdpSource::new(vec![queue], &options);
        warm.send_through(&mut feeder, &mut source, &mut reader)?;
        let took = measured.send_through(&mut feeder, &mut source, &mut reader)?;
        *cost = took / u32::try_from(measured.ends.len())?;
    }
    Ok(costs)
}

/// Frames in memory, one behind the other.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    fn push(&mut self, generator: &mut Generator, frame: &mut Vec<u8>) {
        frame.clear();
        generator.append(frame);
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
    }

    /// Fills the ring and empties it in turn, until all have gone through. The time that emptying took.
    fn send_through(
        &self,
        feeder: &mut double::Feeder,
        source: &mut dyn PacketSource,
        reader: &mut Reader,
    ) -> Result<Duration> {
        let (mut took, mut start, mut next) = (Duration::ZERO, 0, 0);
        while next < self.ends.len() {
            while let Some(&end) = self.ends.get(next)
                && feeder.offer(&self.bytes[start..end])
            {
                (start, next) = (end, next + 1);
            }
            feeder.publish();
            let before = thread_time();
            while reader.take(source)? > 0 {}
            took += thread_time().saturating_sub(before);
        }
        Ok(took)
    }
}

/// What one loop got of the frames over the cable.
#[derive(Clone, Copy, Debug)]
pub struct Got {
    /// Frames that came to the XDP program.
    pub seen: u64,
    /// Frames that were lent to the loop.
    pub received: u64,
    /// How many a second, while frames came.
    pub per_second: f64,
    /// Frames that are in no account. Not 0 is a bug.
    pub unexplained: i64,
}

/// Frames to send: bytes and how many of them at a time.
pub type Load = Vec<(Vec<u8>, u32)>;

/// Frames of 64 bytes.
#[must_use]
pub fn small() -> Load {
    vec![(datagram(60), 8192)]
}

/// Seven of 64 bytes to four of 570 and one of 1514, the longest that an Ethernet without a checksum carries; and one in a thousand a miner's.
#[must_use]
pub fn imix() -> Load {
    vec![(datagram(60), 7168), (datagram(566), 4096), (datagram(1500), 1024), (subscription(), 12)]
}

/// A miner's first words, in the midst of a connection.
fn subscription() -> Vec<u8> {
    let words = b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cpuminer/2.5.1\"]}\n";
    let mut frame = datagram(54 + words.len());
    frame[23] = 6;
    frame[38..54].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    frame[54..].copy_from_slice(words);
    frame
}

/// Lays a cable, sends some `frames` over it, and lets `reader` take what it can.
///
/// # Errors
/// Where this process may not, or the kernel cannot.
pub fn over_a_cable(load: &Load, frames: u64, flows: u32, mut reader: Reader) -> Result<Got> {
    let cable = Cable::lay(1)?;
    let options = Options { mode: Some(Mode::Native), huge_pages: false, ..Options::default() };
    let mut tap = xdp::open(&[&cable.far], 1, &options)?;
    let flood = Flood::new("near0", flows)?;
    let load = load.clone();
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while sent < frames {
            for (frame, count) in &load {
                flood.send_like(frame, *count)?;
                sent += u64::from(*count);
            }
        }
        std::io::Result::Ok(())
    });
    let source = &mut tap.sources[0];
    let (mut received, mut first, mut last) = (0, None, Instant::now());
    let mut idle = 0;
    while !sender.is_finished() || idle < 32 {
        let taken = reader.take(source)?;
        idle = if taken == 0 { idle + 1 } else { 0 };
        if taken > 0 {
            last = Instant::now();
            first.get_or_insert(last);
            received += taken;
        }
    }
    sender.join().expect("the sender does not panic").context("the generator inside the kernel")?;
    tap.control.stop();
    while reader.take(source)? > 0 {}
    let account = tap.control.accounts().pop().context("an account")?;
    let (seen, taken) = (account.seen.context("what came")?, account.taken.context("what became of it")?);
    let ends = taken.received + taken.invalid + taken.rx_dropped + taken.rx_ring_full;
    let unexplained = (seen.seen - seen.no_socket - seen.filtered) as i64 - ends as i64;
    let span = last.saturating_duration_since(first.unwrap_or(last)).as_secs_f64().max(1e-9);
    Ok(Got { seen: seen.seen, received, per_second: received as f64 / span, unexplained })
}
