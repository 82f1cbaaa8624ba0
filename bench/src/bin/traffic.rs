//! Makes traffic and writes it as a capture, to a file or to standard output.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use pithead_traffic::{Generator, Recipe, SCRIPTS, Script, Sizes, Writer};

/// Makes traffic to measure with, as a pcap file: the same bytes for the same arguments.
///
/// Flows begin with handshakes, then say what TLS, the web, DNS, tunnels or miners say, then carry bodies of the wanted sizes. Clients are of 10.0.0.0/8
/// (fd00::/32), servers of 198.18.0.0/15 (2001:2::/48).
#[derive(Debug, Parser)]
#[command(
    name = "traffic",
    after_help = "Examples:\n  traffic --sizes mean:127 --flows 78000 --frames 1200000 small.pcap\n  \
                  traffic --sizes imix --miners 0.01 --dialects stratum-v1,cryptonote - | pithead replay -"
)]
struct Args {
    /// The capture to write; - is standard output
    #[arg(value_name = "FILE")]
    out: PathBuf,
    /// Frame sizes of bodies: 64 to 1518 as on the wire, imix (7 of 64, 4 of 570, 1 of 1518), or mean:N over all frames as captured
    #[arg(long, value_name = "SIZES", default_value = "mean:774")]
    sizes: Sizes,
    /// How many frames
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    frames: u64,
    /// How many flows are alive at the same time
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    flows: u32,
    /// How many flows end in a second, and as many begin [default: a tenth of the flows]
    #[arg(long, value_name = "N")]
    new_flows: Option<u32>,
    /// How many frames a second has
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Which share of the flows mines, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.002, value_parser = share)]
    miners: f64,
    /// What the miners speak [default: everything there is a script for]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    dialects: Vec<String>,
    /// Which share of the flows is IPv6, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    ipv6: f64,
    /// Another number, other bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// End with a reset of every flow that is still alive; these frames come on top
    #[arg(long)]
    end: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be from 0 to 1".to_owned()) }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("traffic: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let generator = Generator::new(&recipe(args)?);
    if args.out.as_os_str() == "-" {
        let out = io::stdout();
        if out.is_terminal() {
            bail!("standard output is a terminal, and a capture is no text: name a file, or pipe it on");
        }
        match write(args, generator, out.lock()) {
            // Whoever read has had enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.context("standard output: cannot be written on"),
        }
    } else {
        let name = args.out.display();
        let file = File::create(&args.out).with_context(|| format!("{name}: cannot be created"))?;
        write(args, generator, file).with_context(|| format!("{name}: cannot be written on"))
    }
}

fn recipe(args: &Args) -> Result<Recipe> {
    let dialects: Vec<&Script> = if args.dialects.is_empty() {
        SCRIPTS.iter().collect()
    } else {
        args.dialects.iter().map(|name| script(name)).collect::<Result<_>>()?
    };
    Ok(Recipe {
        sizes: args.sizes,
        flows: args.flows,
        new_flows_per_second: args.new_flows.unwrap_or(args.flows / 10),
        frames_per_second: args.rate,
        miners: args.miners,
        dialects,
        ipv6: args.ipv6,
        seed: args.seed,
        ..Recipe::default()
    })
}

fn script(name: &str) -> Result<&'static Script> {
    Script::of(name).with_context(|| {
        let names: Vec<_> = SCRIPTS.iter().map(|script| script.dialect).collect();
        format!("{name}: there is no script for this dialect; there is one for {}", names.join(", "))
    })
}

fn write(args: &Args, mut generator: Generator, out: impl Write) -> io::Result<()> {
    let mut capture = Writer::new(BufWriter::with_capacity(1 << 20, out))?;
    let mut frame = Vec::with_capacity(2048);
    for _ in 0..args.frames {
        frame.clear();
        let made = generator.append(&mut frame);
        capture.write(made.at_ns, &frame)?;
    }
    if args.end {
        frame.clear();
        while let Some(made) = generator.append_end(&mut frame) {
            capture.write(made.at_ns, &frame)?;
            frame.clear();
        }
    }
    capture.flush()
}
