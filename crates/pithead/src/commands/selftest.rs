//! `pithead selftest`: whether this machine would have caught a miner, shown on a cable of its own.
//!
//! A known exchange of miners and their pool goes among ordinary flows through a veth pair and, at its other end, through what `tap` is
//! made of. It needs what `tap` needs and a network namespace, sends nothing to any other link, and leaves nothing behind.

mod exchange;
mod judge;
mod trial;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use pithead_output::{Record, RecordBody, json};
use serde_json::{Value, json};

use self::exchange::Exchange;
use self::trial::Seen;
use super::finding::{Finding, Verdict};
use super::{configure, print};
use crate::cli::SelftestArgs;
use crate::run::Tools;
use crate::summary::{counted, plural};

pub(super) fn run(args: &SelftestArgs) -> Result<ExitCode> {
    let tools = Tools::new(configure(&args.common)?)?;
    super::note_cache(&args.common, &tools.anchors);
    let started = Instant::now();
    let whole = Exchange::new();
    let exchange = if args.without_words { whole.without_words() } else { whole };
    let seen = trial::run(&tools, &exchange, args.mode.map(Into::into));
    let outcome = Outcome::new(&exchange, seen, started.elapsed().as_secs_f64());
    print(&if args.json { format!("{}\n", outcome.json()) } else { outcome.page() })?;
    Ok(if outcome.caught() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of it.
struct Outcome<'e> {
    exchange: &'e Exchange,
    seen: Option<Seen>,
    findings: Vec<Finding>,
    seconds: f64,
}

impl<'e> Outcome<'e> {
    fn new(exchange: &'e Exchange, seen: Result<Seen>, seconds: f64) -> Self {
        let mut findings = Vec::new();
        let seen = match seen {
            Ok(seen) => {
                findings.push(match &seen.instead {
                    None => Finding::ok("mode", seen.mode),
                    Some(why) => Finding::warn("mode", format_args!("{}: {why}", seen.mode), None),
                });
                findings.extend(seen.errors.iter().map(|error| Finding::fail("trial", error, None)));
                findings.extend(judge::findings(exchange, &seen.records, &seen.stats));
                Some(seen)
            }
            // It names its remedy itself.
            Err(error) => {
                findings.push(Finding::fail("trial", format_args!("{error:#}"), None));
                None
            }
        };
        Self { exchange, seen, findings, seconds }
    }

    fn caught(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Fail)
    }

    /// For people.
    fn page(&self) -> String {
        let Self { exchange, findings, seconds, .. } = self;
        let mut text = format!(
            "sent {} ({}) in {}; miners among them: {}\n",
            counted(exchange.frames.len() as u64, "frame"),
            counted(exchange.bytes() as u64, "byte"),
            plural(exchange.flows, "flow"),
            exchange.miners.len(),
        );
        findings.iter().for_each(|finding| text.push_str(&finding.lines()));
        text.push_str(&match (&self.seen, self.caught()) {
            (None, _) => "Whether this machine would have caught them is not known.\n".to_owned(),
            (Some(_), true) => format!("This machine would have caught them. It took {seconds:.1} s.\n"),
            (Some(_), false) => "This machine would not have caught them.\n".to_owned(),
        });
        text
    }

    /// For machines: one object.
    fn json(&self) -> Value {
        let Self { exchange, findings, .. } = self;
        let miners = exchange.miners.iter().map(|miner| {
            json!({
                "dialect": miner.dialect,
                "src_ip": miner.client.ip(),
                "src_port": miner.client.port(),
                "dest_ip": miner.pool.ip(),
                "dest_port": miner.pool.port(),
                "shares": miner.shares,
            })
        });
        let events = |wanted: fn(&RecordBody) -> bool| -> Vec<Value> {
            let records = self.seen.iter().flat_map(|seen| &seen.records);
            records.filter(|record| wanted(&record.body)).map(event).collect()
        };
        let stats = events(|body| matches!(body, RecordBody::Stats(_))).pop();
        json!({
            "verdict": match (&self.seen, self.caught()) {
                (None, _) => "unknown",
                (_, true) => "caught",
                (_, false) => "missed",
            },
            "seconds": (self.seconds * 1e3).round() / 1e3,
            "mode": self.seen.as_ref().map(|seen| seen.mode.name()),
            "sent": {
                "frames": exchange.frames.len(),
                "bytes": exchange.bytes(),
                "flows": exchange.flows,
                "miners": miners.collect::<Vec<_>>(),
            },
            "stats": stats.map(|mut event| event["stats"].take()),
            "alerts": events(|body| matches!(body, RecordBody::Alert(_))),
            "checks": findings.iter().map(Finding::json).collect::<Vec<_>>(),
        })
    }
}

/// A record as an event has it.
fn event(record: &Record) -> Value {
    serde_json::from_str(&json(record)).unwrap_or_default()
}
