//! Counts flows and hosts of captures without looking into them: the ceiling that detection is held against.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use pithead_bench::Stats;
use pithead_capture::{FileSource, PacketSource};

/// Counts flows and hosts of captures with one worker and without detection, as a yardstick for `pithead replay`.
#[derive(Debug, Parser)]
struct Args {
    /// Captures, read as one stream
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The most flows
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_flows: usize,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stats: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let mut source = FileSource::open(&args.files)?;
    let mut stats = Stats::new(args.max_flows);
    while let Some(batch) = source.next_batch()? {
        stats.on_batch(&batch);
    }
    let (packets, flows, hosts) = stats.finish();
    println!("{packets} packets in {flows} flows of {hosts} hosts");
    Ok(())
}
