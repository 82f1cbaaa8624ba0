//! Prints what many flows cost: memory a flow and rate, from a thousand flows to as many as are asked for.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args as Arguments;
use pithead_bench::scale;

/// Measures bytes a flow and the rate with many flows, a tenth of them new in each second of the traffic's time.
///
/// Each number of flows has a process of its own, so that one's memory is not counted as the next one's.
#[derive(Debug, Arguments)]
pub(super) struct Args {
    /// How many flows are alive at the same time
    #[arg(value_name = "FLOWS", required = true, value_delimiter = ',')]
    flows: Vec<u32>,
    /// Frames a second, in the traffic's own time
    #[arg(long, default_value_t = 10_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds that it goes on after all flows have begun, in the traffic's own time
    #[arg(long, default_value_t = 3.0, value_name = "S")]
    seconds: f64,
    /// Count flows only, and look into none
    #[arg(long)]
    stats_only: bool,
    /// Print the figures as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let [flows] = args.flows[..] else { return each(args) };
    let scale = scale::measure(flows, args.rate, Duration::from_secs_f64(args.seconds), !args.stats_only)?;
    if args.json {
        println!("{}", serde_json::to_string(&scale)?);
        return Ok(());
    }
    println!(
        "{flows} flows alive, {} tracked: {:.1} bytes a tracked flow, {:.3} Mpps, {} frames refused",
        scale.tracked,
        scale.bytes_a_flow(),
        scale.rate / 1e6,
        scale.refused
    );
    Ok(())
}

fn each(args: &Args) -> Result<()> {
    let this = std::env::current_exe().context("this program does not know where it lies")?;
    for flows in &args.flows {
        let mut command = Command::new(&this);
        command.arg("scale").arg(flows.to_string()).args([
            "--rate",
            &args.rate.to_string(),
            "--seconds",
            &args.seconds.to_string(),
        ]);
        command.args(args.json.then_some("--json")).args(args.stats_only.then_some("--stats-only"));
        let status = command.status().with_context(|| format!("{}: cannot be started", this.display()))?;
        if !status.success() {
            bail!("{flows} flows: {status}");
        }
    }
    Ok(())
}
