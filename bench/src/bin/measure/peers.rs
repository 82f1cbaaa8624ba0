//! Makes of the runs that scripts/bench-peers timed a table, a file to keep, and the page that shows the latest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args as Arguments;
use pithead_bench::plot::{Line, Panel, svg};
use pithead_bench::rates::rate;
use pithead_bench::scale::{Scale, median};
use pithead_bench::{Tools, recipe};
use pithead_capture::{FileSource, PacketSource};
use pithead_traffic::{Recipe, Sizes};
use serde::Serialize;

/// Makes of timed runs a table, a file to keep and a page.
#[derive(Debug, Arguments)]
pub(super) struct Args {
    /// The timed runs: round, capture, tool, seconds by the wall, of the user and of the system, with tabs between
    #[arg(value_name = "RUNS")]
    runs: PathBuf,
    /// A capture: NAME=FILE
    #[arg(long, value_name = "NAME=FILE", value_parser = named)]
    capture: Vec<(String, PathBuf)>,
    /// A line about what was run, such as a version
    #[arg(long, value_name = "TEXT")]
    note: Vec<String>,
    /// What the main capture is called
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The page whose figures are to be replaced, and the picture beside it
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Ten million flows as well: some gigabytes and a minute
    #[arg(long)]
    many_flows: bool,
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("must be NAME=FILE")?;
    Ok((name.to_owned(), PathBuf::from(file)))
}

/// Seconds of each round.
#[derive(Clone, Debug, Default, Serialize)]
struct Runs {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Capture {
    frames: u64,
    bytes: u64,
}

/// A line of the table: how one capture is read, in which unit, and where it must stand.
#[derive(Debug, Serialize)]
struct Row {
    against: String,
    by_wall: f64,
    by_cpu: Option<f64>,
    unit: &'static str,
    must: f64,
    aim: f64,
}

#[derive(Debug, Serialize)]
struct Point {
    /// Bytes, flows or workers.
    at: f64,
    mpps: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_a_flow: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Results {
    title: String,
    notes: Vec<String>,
    captures: BTreeMap<String, Capture>,
    seconds: BTreeMap<String, BTreeMap<String, Runs>>,
    table: Vec<Row>,
    by_size: Vec<Point>,
    by_flows: Vec<Point>,
    by_workers: Vec<Point>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let seconds = read(&args.runs)?;
    let mut captures = BTreeMap::new();
    for (name, file) in &args.capture {
        captures.insert(name.clone(), count(file)?);
    }
    let tools = Tools::new()?;
    let by_workers = by_workers(&tools)?;
    let mut table = table(&seconds, &captures);
    if let [one, two, ..] = &by_workers[..] {
        table.push(row(
            "one worker, by two in memory on two queues",
            two.mpps / one.mpps,
            None,
            "times",
            (1.9, 1.9),
        ));
    }
    let by_flows = by_flows(args.many_flows)?;
    let at = |flows: f64| by_flows.iter().find(|point| point.at == flows);
    if let (Some(few), Some(many)) = (at(1e5), at(1e7)) {
        table.push(row("100,000 flows, by 10,000,000", many.mpps / few.mpps, None, "times", (0.6, 0.6)));
    }
    let results = Results {
        title: args.title.clone(),
        notes: args.note.clone(),
        captures,
        seconds,
        table,
        by_size: by_size(&tools)?,
        by_flows,
        by_workers,
    };
    let page = markdown(&results);
    print!("{page}");
    fs::write(&args.out, serde_json::to_string_pretty(&results)? + "\n")
        .with_context(|| format!("{}: cannot be written", args.out.display()))?;
    if let Some(path) = &args.page {
        publish(path, &page, &results)?;
    }
    Ok(())
}

/// Seconds by capture and tool.
fn read(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, Runs>>> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut seconds: BTreeMap<String, BTreeMap<String, Runs>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [_, capture, tool, wall, user, system] = fields[..] else {
            anyhow::bail!("{}: not six fields: {line}", path.display());
        };
        let number = |text: &str| {
            text.parse::<f64>().with_context(|| format!("{}: no number: {line}", path.display()))
        };
        let runs = seconds.entry(capture.to_owned()).or_default().entry(tool.to_owned()).or_default();
        runs.wall.push(number(wall)?);
        runs.cpu.push(number(user)? + number(system)?);
    }
    Ok(seconds)
}

fn count(file: &PathBuf) -> Result<Capture> {
    let mut source = FileSource::open(std::slice::from_ref(file))?;
    let mut capture = Capture { frames: 0, bytes: 0 };
    while let Some(batch) = source.next_batch()? {
        capture.frames += batch.len() as u64;
        capture.bytes += batch.frames().map(|frame| frame.bytes.len() as u64).sum::<u64>();
    }
    Ok(capture)
}

fn row(against: &str, by_wall: f64, by_cpu: Option<f64>, unit: &'static str, (must, aim): (f64, f64)) -> Row {
    Row { against: against.to_owned(), by_wall, by_cpu, unit, must, aim }
}

/// Where pithead stands against the others, round by round, so that a machine that slows down half-way slows both.
fn table(
    seconds: &BTreeMap<String, BTreeMap<String, Runs>>,
    captures: &BTreeMap<String, Capture>,
) -> Vec<Row> {
    let runs = |capture: &str, tool: &str| seconds.get(capture)?.get(tool);
    let mut rows = Vec::new();
    let peers = [
        ("suricata", "Suricata, one thread, mining rules", (12.0, 20.0)),
        ("ndpi", "nDPI's ndpiReader", (6.0, 12.0)),
        ("tcpdump", "tcpdump with one port as its filter", (0.5, 1.0)),
        ("stats", "ourselves without detection", (0.55, 0.8)),
    ];
    for (tool, against, wanted) in peers {
        if let (Some(peer), Some(ours)) = (runs("main", tool), runs("main", "pithead")) {
            let (wall, cpu) = (ratio(&peer.wall, &ours.wall), ratio(&peer.cpu, &ours.cpu));
            rows.push(row(against, wall, Some(cpu), "times as fast", wanted));
        }
    }
    if let (Some(one), Some(two)) = (runs("main", "pithead"), runs("main", "pithead-2")) {
        rows.push(row(
            "one worker, by two on this file",
            ratio(&one.wall, &two.wall),
            None,
            "times as fast",
            (1.4, 1.4),
        ));
    }
    let absolute = [
        ("small", "frames of 127 bytes in the mean", 1e6, false, "Mpps", (8.0, 12.0)),
        ("large", "every payload byte, frames of 774 bytes in the mean", 1e9, true, "Gbit/s", (15.0, 15.0)),
    ];
    for (name, against, unit_size, bits, unit, wanted) in absolute {
        let tool = if bits { "pithead-unlimited" } else { "pithead" };
        if let (Some(ours), Some(capture)) = (runs(name, tool), captures.get(name)) {
            let amount = if bits { capture.bytes as f64 * 8.0 } else { capture.frames as f64 };
            let by = |seconds: &[f64]| amount / median(&mut seconds.to_vec()) / unit_size;
            rows.push(row(against, by(&ours.wall), Some(by(&ours.cpu)), unit, wanted));
        }
    }
    rows
}

fn ratio(theirs: &[f64], ours: &[f64]) -> f64 {
    // A run too short for the clock is taken to have lasted a tick.
    let mut pairs: Vec<_> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours.max(0.001)).collect();
    median(&mut pairs)
}

fn by_size(tools: &Tools) -> Result<Vec<Point>> {
    let point = |size: u32| {
        let recipe = Recipe { sizes: Sizes::Fixed(size), ..Recipe::default() };
        Ok(Point { at: f64::from(size), mpps: rate(tools, &recipe, 1)? / 1e6, bytes_a_flow: None })
    };
    [64, 128, 256, 512, 1024, 1280, 1518].into_iter().map(point).collect()
}

/// Each in a process of its own, whose memory is its own.
fn by_flows(many: bool) -> Result<Vec<Point>> {
    let this = std::env::current_exe().context("this program does not know where it lies")?;
    let name = this.display();
    let numbers = ["1000", "10000", "100000", "1000000", "10000000"];
    let mut points = Vec::new();
    for flows in &numbers[..if many { 5 } else { 4 }] {
        let output = Command::new(&this)
            .args(["scale", flows, "--json"])
            .output()
            .with_context(|| format!("{name}: cannot be started"))?;
        let measured: Scale = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("{name} scale {flows}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
        })?;
        let at: f64 = flows.parse()?;
        let bytes_a_flow = (at >= 1e6).then(|| measured.bytes_a_flow());
        points.push(Point { at, mpps: measured.rate / 1e6, bytes_a_flow });
    }
    Ok(points)
}

fn by_workers(tools: &Tools) -> Result<Vec<Point>> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let recipe = recipe("imix", 2)?;
    let point = |workers: usize| {
        Ok(Point { at: workers as f64, mpps: rate(tools, &recipe, workers)? / 1e6, bytes_a_flow: None })
    };
    (1..=cores).map(point).collect()
}

fn markdown(results: &Results) -> String {
    let mut page = format!(
        "On {}; medians of rounds in turn, the whole process, from a warm page cache.\n\n",
        results.title
    );
    page += "| against | by the wall | by processor time | must | aim |\n|---|---|---|---|---|\n";
    for Row { against, by_wall, by_cpu, unit, must, aim } in &results.table {
        let cpu = by_cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.2}"));
        page += &format!("| {against} | **{by_wall:.2}** {unit} | {cpu} | {must} | {aim} |\n");
    }
    for point in results.by_flows.iter().filter(|point| point.bytes_a_flow.is_some()) {
        let bytes = point.bytes_a_flow.unwrap_or_default();
        page += &format!(
            "| bytes a tracked flow, {:.0} M flows alive | **{bytes:.0}** | - | 192 | 128 |\n",
            point.at / 1e6
        );
    }
    page += "\n| capture | frames | bytes | tool | seconds | of the processor |\n|---|---|---|---|---|---|\n";
    for (name, tools) in &results.seconds {
        for (tool, runs) in tools {
            let (frames, bytes) =
                results.captures.get(name).map_or((0, 0), |capture| (capture.frames, capture.bytes));
            let middle = |seconds: &[f64]| median(&mut seconds.to_vec());
            page += &format!(
                "| {name} | {frames} | {bytes} | {tool} | {:.3} | {:.3} |\n",
                middle(&runs.wall),
                middle(&runs.cpu)
            );
        }
    }
    page += "\n";
    for note in &results.notes {
        page += &format!("- {note}\n");
    }
    page
}

/// Replaces what stands between the marks of a page, and the picture beside it.
fn publish(path: &Path, figures: &str, results: &Results) -> Result<()> {
    const BEGIN: &str = "<!-- figures: written by scripts/bench-peers --publish -->\n";
    const END: &str = "<!-- end of figures -->\n";
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{name}: has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{name}: has no line {END}"))?;
    fs::write(path, format!("{before}{BEGIN}{figures}{END}{after}"))
        .with_context(|| format!("{name}: cannot be written"))?;
    let picture = path.with_extension("svg");
    fs::write(&picture, svg(&panels(results)))
        .with_context(|| format!("{}: cannot be written", picture.display()))
}

fn panels(results: &Results) -> Vec<Panel> {
    let line = |name: &str, points: &[Point]| {
        let points = points.iter().map(|point| (point.at, point.mpps)).collect();
        Line { name: name.to_owned(), dashed: false, points }
    };
    // What fits on ten gigabits: preamble and gap take 20 bytes more (IEEE 802.3).
    let full = |size: f64| 10e9 / ((size + 20.0) * 8.0) / 1e6;
    let link = results.by_size.iter().map(|point| (point.at, full(point.at))).collect();
    let link = Line { name: "10 GbE, full".to_owned(), dashed: true, points: link };
    let panel = |title: &str, x: &str, lines| Panel { title: title.to_owned(), x: x.to_owned(), lines };
    let mut panels = vec![
        panel("Mpps by frame size, 10 k flows", "bytes", vec![line("1 worker", &results.by_size), link]),
        panel("Mpps by flows, 127 B mean", "flows alive", vec![line("1 worker", &results.by_flows)]),
    ];
    if results.by_workers.len() > 1 {
        let one = results.by_workers.first().map_or(0.0, |point| point.mpps);
        let ideal = results.by_workers.iter().map(|point| (point.at, one * point.at)).collect();
        let ideal = Line { name: "in proportion".to_owned(), dashed: true, points: ideal };
        panels.push(panel(
            "Mpps by workers, IMIX",
            "workers",
            vec![line("measured", &results.by_workers), ideal],
        ));
    }
    panels
}
