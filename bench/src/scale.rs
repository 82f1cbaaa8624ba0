//! What many flows cost: memory a flow, and the rate that is left.
//!
//! All flows begin, then a tenth of them ends in every second of the traffic's time and as many begin. Flows that have ended stay in the table until
//! their timeout, so more are tracked than are alive; what is told is a tracked flow. Memory is what the system says this process holds (its resident
//! set), before and after.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use pithead_traffic::{Generator, Recipe, Sizes};
use serde::{Deserialize, Serialize};

use crate::chunk::Chunk;
use crate::rates::thread_time;
use crate::{Tools, on_batch};

/// Frames made at a time: few enough to stay in the cache that the frames of a NIC would be in.
const CHUNK: usize = 4096;
/// Frames between two reports.
const EPOCH: u64 = 1 << 16;
/// Frames between two readings of the rate.
const WINDOW: u64 = 1 << 19;

/// What was measured.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Scale {
    /// Flows in the table at the end.
    pub tracked: u64,
    /// By how much the process grew.
    pub bytes: u64,
    /// Frames a second of processor time, the median of the readings after all flows had begun.
    pub rate: f64,
    /// Frames that found no room.
    pub refused: u64,
}

impl Scale {
    /// Bytes a tracked flow, all in.
    pub fn bytes_a_flow(&self) -> f64 {
        self.bytes as f64 / self.tracked as f64
    }
}

/// Measures with so many flows alive, for so long in the traffic's own time after all have begun. `inspect`: whether they are looked into.
///
/// # Errors
/// When there is no matching engine, or the system does not say how much memory is used.
pub fn measure(flows: u32, frames_per_second: u32, lasting: Duration, inspect: bool) -> Result<Scale> {
    let mut tools = Tools::new()?;
    tools.settings.limits.inspect = inspect;
    tools.settings.max_flows = flows as usize * 4;
    let new_flows_per_second = flows / 10;
    let recipe = Recipe {
        sizes: Sizes::Mean(127),
        flows,
        new_flows_per_second,
        frames_per_second,
        miners: 0.0,
        ..Recipe::default()
    };
    let mut generator = Generator::new(&recipe);
    let mut chunk = Chunk::new();
    chunk.fill(&mut generator, CHUNK);
    let before = resident()?;
    let mut pipeline = tools.pipeline(0, 1);
    let (mut frames, mut until) = (0, None);
    let (mut window, mut spent, mut rates) = (0, Duration::ZERO, Vec::new());
    loop {
        let started = thread_time();
        for batch in chunk.batches() {
            on_batch(&mut pipeline, &batch);
        }
        frames += CHUNK as u64;
        if frames.is_multiple_of(EPOCH) {
            // As a worker does; what it reports is not the table's.
            drop(pipeline.report(frames, false));
        }
        if generator.all_begun() {
            window += CHUNK as u64;
            spent += thread_time().saturating_sub(started);
            let end =
                *until.get_or_insert(frames + (lasting.as_secs_f64() * f64::from(frames_per_second)) as u64);
            if window >= WINDOW {
                rates.push(window as f64 / spent.as_secs_f64());
                (window, spent) = (0, Duration::ZERO);
            }
            if frames >= end && !rates.is_empty() {
                break;
            }
        }
        chunk.fill(&mut generator, CHUNK);
    }
    let bytes = resident()?.saturating_sub(before);
    let counters = pipeline.report(frames, false).counters;
    let tracked = counters.flows.flows - counters.flows_ended;
    Ok(Scale { tracked, bytes, rate: median(&mut rates), refused: counters.flows.refused })
}

/// How much memory this process holds.
fn resident() -> Result<u64> {
    let path = "/proc/self/status";
    let status = fs::read_to_string(path).with_context(|| format!("{path}: cannot be read"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse().ok())
        .with_context(|| format!("{path}: does not say VmRSS"))?;
    Ok(kib << 10)
}

/// The middle of some figures, of which there is at least one.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
