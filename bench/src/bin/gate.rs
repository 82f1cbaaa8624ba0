//! Holds what a frame costs against numbers in the tree: instructions, allocations, and bytes a flow.
//!
//! These are steady where time is not: the same on a busy machine, and nearly so on another one. Instructions are counted by callgrind, which runs this program
//! again, once a trace; allocations by an allocator that counts, in the same run; bytes by what the system says. Wall time is printed and never judged.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use pithead::Pipeline;
use pithead_bench::counting::Counting;
use pithead_bench::{Tools, in_memory, recipe, run, scale};
use pithead_capture::MemorySource;
use pithead_traffic::{Generator, Recipe};
use serde::{Deserialize, Serialize};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Frames before the count begins, and frames that are counted.
const FRAMES: usize = 30_000;
/// How far a figure may be above its number, and how far below before one is asked to write down the better one.
const SLACK: f64 = 0.05;
/// Flows of the memory gate.
const FLOWS: u32 = 500_000;

/// What the traces stand for. `fresh` has a new flow every twenty frames and some miners, the others have settled.
const GATES: [&str; 3] = ["small", "large", "fresh"];

/// Holds what a frame costs against the numbers in bench/gates.toml.
#[derive(Debug, Parser)]
struct Args {
    /// Write what is measured to bench/gates.toml instead of comparing
    #[arg(long)]
    update: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Run one trace and print what was counted: what callgrind is given
    #[command(hide = true)]
    Trace { name: String },
    /// Measure bytes a flow
    #[command(hide = true)]
    Memory,
}

/// Figures by gate: instructions a frame, allocations in a thousand frames, bytes a flow.
type Figures = BTreeMap<String, f64>;

#[derive(Debug, Deserialize, Serialize)]
struct Gates {
    instructions_a_frame: Figures,
    allocations_in_1000_frames: Figures,
    bytes_a_flow: Figures,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.part {
        Some(Part::Trace { name }) => trace(name).map(|()| true),
        Some(Part::Memory) => memory().map(|()| true),
        None => gates(args.update),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a trace, counted from where it has settled.
fn trace(name: &str) -> Result<()> {
    let tools = Tools::new()?;
    let mut generator = Generator::new(&recipe_of(name)?);
    let mut warm = in_memory(&mut generator, FRAMES);
    let mut frames = in_memory(&mut generator, FRAMES);
    let mut pipeline = tools.pipeline(0, 1);
    run(&mut warm, &mut pipeline)?;
    let (before, started) = (COUNTING.asked(), Instant::now());
    measured(&mut frames, &mut pipeline)?;
    let (asked, took) = (COUNTING.asked() - before, started.elapsed());
    let counters = pipeline.report(2 * FRAMES as u64, true).counters;
    if counters.frames.decoded != 2 * FRAMES as u64 {
        bail!("{name}: {} of {} frames were decoded", counters.frames.decoded, 2 * FRAMES);
    }
    println!("allocations {asked}\nnanoseconds {}", took.as_nanos());
    Ok(())
}

/// By this name callgrind finds where to count.
#[inline(never)]
fn measured(frames: &mut MemorySource, pipeline: &mut Pipeline) -> Result<()> {
    black_box(run(frames, pipeline)?);
    Ok(())
}

fn recipe_of(name: &str) -> Result<Recipe> {
    if name != "fresh" {
        return Ok(Recipe { miners: 0.0, ..recipe(name, 20)? });
    }
    // New flows a second, of a million frames.
    Ok(Recipe { miners: 0.02, new_flows_per_second: 50_000, ..recipe("imix", 20)? })
}

fn memory() -> Result<()> {
    let scale = scale::measure(FLOWS, 1_000_000, Duration::from_secs(2), true)?;
    println!("bytes {}\nflows {}", scale.bytes, scale.tracked);
    Ok(())
}

/// Measures everything; whether all is well.
fn gates(update: bool) -> Result<bool> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("gates.toml");
    let name = path.display();
    let found = measure()?;
    if update {
        let text = format!(
            "# Written by scripts/gates --update; held by scripts/gates, with 5 % slack.\n\n{}",
            toml::to_string(&found)?
        );
        fs::write(&path, text).with_context(|| format!("{name}: cannot be written"))?;
        println!("gates: {name} written");
        return Ok(true);
    }
    let text =
        fs::read_to_string(&path).with_context(|| format!("{name}: cannot be read; --update writes it"))?;
    let wanted: Gates =
        toml::from_str(&text).with_context(|| format!("{name}: not as --update writes it"))?;
    let mut well = compare("instructions a frame", &found.instructions_a_frame, &wanted.instructions_a_frame);
    well &= compare(
        "allocations in 1000 frames",
        &found.allocations_in_1000_frames,
        &wanted.allocations_in_1000_frames,
    );
    well &= compare("bytes a flow", &found.bytes_a_flow, &wanted.bytes_a_flow);
    Ok(well)
}

fn measure() -> Result<Gates> {
    let mut gates = Gates {
        instructions_a_frame: Figures::new(),
        allocations_in_1000_frames: Figures::new(),
        bytes_a_flow: Figures::new(),
    };
    for name in GATES {
        let (instructions, _) = counted(name)?;
        gates.instructions_a_frame.insert(name.to_owned(), round(instructions / FRAMES as f64));
        let said = again(&mut Command::new(this()?), &["trace", name])?;
        gates
            .allocations_in_1000_frames
            .insert(name.to_owned(), round(number(&said, "allocations")? * 1000.0 / FRAMES as f64));
        println!(
            "gates: {name}: {:.2} Mpps (not judged)",
            FRAMES as f64 * 1000.0 / number(&said, "nanoseconds")?
        );
    }
    let said = again(&mut Command::new(this()?), &["memory"])?;
    let bytes = number(&said, "bytes")? / number(&said, "flows")?;
    gates.bytes_a_flow.insert(format!("at_{FLOWS}"), round(bytes));
    Ok(gates)
}

/// Instructions between the beginning and the end of `measured`, and what callgrind said.
fn counted(name: &str) -> Result<(f64, String)> {
    let profile = std::env::temp_dir().join(format!("gate-{}-{name}.callgrind", std::process::id()));
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--toggle-collect=*gate*measured*"]);
    callgrind.arg(format!("--callgrind-out-file={}", profile.display())).arg(this()?);
    let said = again(&mut callgrind, &["trace", name])?;
    let text = fs::read_to_string(&profile)
        .with_context(|| format!("{}: callgrind left no profile", profile.display()))?;
    fs::remove_file(&profile).with_context(|| format!("{}: cannot be removed", profile.display()))?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let total: f64 = total
        .and_then(|total| total.trim().parse().ok())
        .with_context(|| format!("{}: the profile has no total", profile.display()))?;
    if total == 0.0 {
        bail!("{name}: callgrind has not found where to count");
    }
    Ok((total, said))
}

fn this() -> Result<PathBuf> {
    std::env::current_exe().context("this program does not know where it lies")
}

/// Runs this program again, and gives what it printed.
fn again(command: &mut Command, args: &[&str]) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .args(args)
        .output()
        .with_context(|| format!("{program}: cannot be started; scripts/setup --ci brings it"))?;
    if !output.status.success() {
        bail!("{program} {}: {}\n{}", args.join(" "), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn number(said: &str, word: &str) -> Result<f64> {
    said.lines()
        .find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
        .with_context(|| format!("{word}: not in what was printed:\n{said}"))
}

/// To a tenth: more is noise, and makes each update a larger difference than it is.
fn round(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

/// Holds figures against their numbers and prints both; whether none is too high.
fn compare(what: &str, found: &Figures, wanted: &Figures) -> bool {
    let mut well = true;
    for (name, &figure) in found {
        let Some(&number) = wanted.get(name) else {
            println!(
                "gates: {what}, {name}: {figure}, and no number to hold it against; scripts/gates --update writes it"
            );
            well = false;
            continue;
        };
        let verdict = if figure > number * (1.0 + SLACK) {
            well = false;
            "TOO HIGH: find out why, or, if it has to be so, scripts/gates --update"
        } else if figure < number * (1.0 - SLACK) {
            "lower: scripts/gates --update keeps it there"
        } else {
            "ok"
        };
        println!("gates: {what}, {name}: {figure}, number {number}: {verdict}");
    }
    well
}
