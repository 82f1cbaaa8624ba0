//! The straight line, pipelines and aggregator, in one thread and over frames in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use pithead::{Aggregator, Config, Pipeline};
use pithead_capture::{Frame, MemorySource, PacketSource};
use pithead_detect::{Anchors, pools::Pools};
use pithead_output::{FlowRecord, Record, RecordBody, StatsRecord, Verdict};

use pithead_wire::Checksums;

use super::captures::Sample;

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| Anchors::new().expect("the patterns compile"));
static POOLS: LazyLock<Arc<Pools>> =
    LazyLock::new(|| Arc::new(Config::default().pools().expect("the list that comes with the program")));

/// What came of some frames.
#[derive(Debug)]
pub struct Told {
    pub records: Vec<Record>,
    pub stats: StatsRecord,
}

/// Runs frames through the line, with everything told that can be.
pub fn run(samples: &[Sample]) -> Told {
    divided(samples, 1, 64)
}

/// The same, divided among so many workers and lent so many frames at a time.
pub fn divided(samples: &[Sample], workers: usize, batch: usize) -> Told {
    configured(Config::default(), samples, workers, batch)
}

/// The same, and every byte is read.
pub fn unlimited(samples: &[Sample]) -> Told {
    let mut config = Config::default();
    config.settings.limits = config.settings.limits.with_depth(None);
    configured(config, samples, 1, 64)
}

/// The same, and packets with wrong checksums are left out.
pub fn verified(samples: &[Sample]) -> Told {
    let mut config = Config::default();
    config.settings.checksums = Checksums::Verify;
    configured(config, samples, 1, 64)
}

fn configured(mut config: Config, samples: &[Sample], workers: usize, batch: usize) -> Told {
    (config.settings.all_flows, config.settings.hosts) = (true, true);
    let settings = Arc::new(config.settings.clone());
    let mut source = source(samples, batch);
    let mut pipelines: Vec<Pipeline> = (0..workers)
        .map(|me| Pipeline::new(settings.clone(), &ANCHORS, POOLS.clone(), me, workers))
        .collect();
    while let Some(batch) = source.next_batch().expect("memory is sound") {
        pipelines.iter_mut().for_each(|pipeline| pipeline.on_frames(batch.frames()));
    }
    let mut aggregator = Aggregator::new(&config, POOLS.clone(), vec!["memory".into()], workers);
    let mut records = Vec::new();
    let finish = |mut pipeline: Pipeline| {
        pipeline.finish();
        pipeline.report(samples.len() as u64, true)
    };
    let reports = pipelines.into_iter().map(finish).collect();
    aggregator.merge(reports, &mut |record| records.push(record));
    aggregator.finish(Duration::ZERO, &mut |record| records.push(record));
    Told { records, stats: aggregator.stats(Duration::ZERO) }
}

fn source(samples: &[Sample], batch: usize) -> MemorySource {
    let mut source = MemorySource::new().with_batch_frames(batch);
    for Sample { bytes, wire_len, at, link } in samples {
        let (wire_len, at, link) = (*wire_len, *at, *link);
        source.push_frame(Frame {
            bytes,
            wire_len,
            at,
            link,
            interface: 0,
            number: 0,
            sequence: 0,
            taker: None,
        });
    }
    source
}

impl Told {
    /// What is said of every miner when it is alerted: the flow, who, how far, what the messages told, and whom it mines for. The frame
    /// and the words that made it certain are left out: they may be others where frames are others.
    pub fn alerts(&self) -> BTreeSet<String> {
        let alert = |record: &Record| match &record.body {
            RecordBody::Alert(alert) => {
                let flow = (alert.flow.id, alert.verdict.client());
                let (dialect, stage) = (alert.verdict.dialect(), alert.verdict.stage());
                let told = match &alert.verdict {
                    Verdict::Session(mining) => format!("{:?}", mining.facts),
                    Verdict::Blocked(blocked) => blocked.name.clone(),
                    // What a flow looks like changes with its frames.
                    Verdict::Behaviour(_) => String::new(),
                };
                Some(format!(
                    "{flow:?} {dialect:?} {stage:?} {:?}\n  {told}\n  {:?}",
                    alert.signature, alert.pool
                ))
            }
            _ => None,
        };
        self.records.iter().filter_map(alert).collect()
    }

    /// What is said of every miner when its flow ends: also the shares.
    pub fn ends(&self) -> BTreeSet<String> {
        let end = |flow: &FlowRecord| match flow.verdict.as_ref()? {
            Verdict::Session(mining) => Some(format!(
                "{} {} {:?} {:?}\n  {:?}\n  {:?}",
                flow.flow.id, mining.dialect, mining.stage, mining.shares, mining.facts, flow.pool
            )),
            Verdict::Blocked(_) | Verdict::Behaviour(_) => None,
        };
        self.flows().filter(|flow| flow.end.is_some()).filter_map(end).collect()
    }

    /// Every flow that has ended or was reported on.
    pub fn flows(&self) -> impl Iterator<Item = &FlowRecord> {
        self.records.iter().filter_map(|record| match &record.body {
            RecordBody::Flow(flow) => Some(&**flow),
            _ => None,
        })
    }

    /// Which flows were alerted, and in which dialect.
    pub fn miners(&self) -> BTreeSet<(u64, &'static str)> {
        let miner = |record: &Record| match &record.body {
            RecordBody::Alert(alert) => Some((alert.flow.id, alert.verdict.dialect().unwrap_or("blocked"))),
            _ => None,
        };
        self.records.iter().filter_map(miner).collect()
    }

    /// Checks that every frame is accounted for, and that hosts, flows and frames agree.
    pub fn adds_up(&self) -> Result<(), String> {
        let frames = &self.stats.frames;
        if frames.unexplained() != 0 {
            return Err(format!("{} frames are unexplained: {frames:?}", frames.unexplained()));
        }
        let mut hosts = [0; 4];
        for record in &self.records {
            if let RecordBody::Host(host) = &record.body {
                let of = &host.stats;
                for (sum, more) in
                    hosts.iter_mut().zip([of.packets_out, of.packets_in, of.flows_out, of.flows_in])
                {
                    *sum += more;
                }
            }
        }
        let flows = self.flows().filter(|flow| flow.end.is_some()).count() as u64;
        if hosts != [frames.in_flows, frames.in_flows, flows, flows] || flows != self.stats.flows.flows {
            return Err(format!("hosts {hosts:?}, {flows} flows ended, {:?}, {frames:?}", self.stats.flows));
        }
        Ok(())
    }
}
