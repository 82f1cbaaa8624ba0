//! Prints what detection costs on a live link, beside a loop that only counts frames.

use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use pithead_bench::Tools;
use pithead_bench::live::{Load, Reader, imix, in_memory, over_a_cable, small};
use pithead_bench::scale::median;
use pithead_traffic::{Recipe, Sizes};

/// Counts frames, and detects miners in them, on rings in memory and over a veth pair; each in turn, in one run.
///
/// In memory: processor time of a frame. Over the veth pair: frames a second that each loop gets of more than either can take, which a
/// generator inside the kernel sends from another core. That needs root and Linux 5.18, and is left out, saying so, without.
#[derive(Debug, Parser)]
struct Args {
    /// Frames of a measurement in memory
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    memory_frames: usize,
    /// Frames that are sent over the veth pair in a measurement
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    cable_frames: u64,
    /// Flows
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    flows: u32,
    /// Measurements of which the median is told
    #[arg(long, value_name = "N", default_value_t = 5)]
    times: usize,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("live: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let tools = Tools::new()?;
    println!("in memory, {} flows: ns of processor time a frame", args.flows);
    println!("{:<24}{:>10}{:>10}{:>12}", "", "counting", "detecting", "difference");
    for sizes in [Sizes::Fixed(64), Sizes::Imix, Sizes::Mean(774)] {
        memory(args, &tools, sizes)?;
    }
    println!("over a veth pair, mode native, {} flows: million frames a second", args.flows);
    println!("{:<24}{:>10}{:>10}{:>12}  lost by each", "", "counting", "detecting", "ratio");
    for (name, load) in [("64 bytes", small()), ("imix, 0.1 % Stratum", imix())] {
        if let Err(error) = cable(args, &tools, name, &load) {
            println!("skipped: {name}: {error:#}");
        }
    }
    Ok(())
}

fn memory(args: &Args, tools: &Tools, sizes: Sizes) -> Result<()> {
    let recipe =
        Recipe { sizes, flows: args.flows, new_flows_per_second: args.flows / 10, ..Recipe::default() };
    let (mut counting, mut detecting) = (Vec::new(), Vec::new());
    for _ in 0..args.times {
        let [counts, detects] = in_memory(tools, &recipe, args.memory_frames)?;
        counting.push(counts.as_nanos() as f64);
        detecting.push(detects.as_nanos() as f64);
    }
    let (counting, detecting) = (median(&mut counting), median(&mut detecting));
    println!("{:<24}{counting:>10.0}{detecting:>10.0}{:>12.0}", sizes.to_string(), detecting - counting);
    Ok(())
}

fn cable(args: &Args, tools: &Tools, name: &str, load: &Load) -> Result<()> {
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    let (mut seen, mut received, mut unexplained) = ([0; 2], [0; 2], 0);
    for _ in 0..args.times {
        let mut pair = [0.0; 2];
        for (which, reader) in Reader::both(tools).into_iter().enumerate() {
            // A thread of its own: the cable's namespace is its thread's.
            let (load, frames, flows) = (load.clone(), args.cable_frames, args.flows);
            let measured = thread::scope(|scope| {
                scope.spawn(move || over_a_cable(&load, frames, flows, reader)).join().ok()
            });
            let got = measured.context("the reader panicked")??;
            pair[which] = got.per_second / 1e6;
            rates[which].push(pair[which]);
            seen[which] += got.seen;
            received[which] += got.received;
            unexplained += got.unexplained;
        }
        ratios.push(pair[1] / pair[0]);
    }
    let lost = |which: usize| 100.0 - 100.0 * received[which] as f64 / (seen[which] as f64).max(1.0);
    let (lost, [counting, detecting]) = ([lost(0), lost(1)], &mut rates);
    println!(
        "{name:<24}{:>10.2}{:>10.2}{:>12.2}  {:.1} %, {:.1} %; {unexplained} frames unexplained",
        median(counting),
        median(detecting),
        median(&mut ratios),
        lost[0],
        lost[1]
    );
    if lost[1] == 0.0 {
        println!("{:<24}nothing was lost: the generator was the limit, and the ratio says little", "");
    }
    Ok(())
}
