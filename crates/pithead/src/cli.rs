//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
#[cfg(target_os = "linux")]
use pithead_capture::xdp::Mode;
use pithead_traffic::Sizes;

/// Names every machine that mines cryptocurrency on a network, with proof.
#[derive(Debug, Parser)]
#[command(
    name = "pithead",
    version,
    about,
    long_about = "Names every machine that mines cryptocurrency on a network, with proof.\n\n\
        Reads frames from capture files and says which hosts mine, for which pool, with which software, and how it knows.",
    after_help = "Exit status: 0 when all went well, miners or not; 1 for an error; 2 for a wrong command line; \
        3 when events differ from those expected; 130 or 143 when SIGINT or SIGTERM cut it short.",
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read capture files and name the miners in them
    Replay(ReplayArgs),
    /// Watch live links and name the miners on them
    #[cfg(target_os = "linux")]
    Tap(Box<TapArgs>),
    /// Draw how a running tap goes: rates, losses, workers, miners
    #[cfg(target_os = "linux")]
    Top(ControlArgs),
    /// Have a running tap read its pool lists anew
    #[cfg(target_os = "linux")]
    Reload(ReloadArgs),
    /// Replay every capture of a folder and compare with the NAME.expected.jsonl beside it
    Verify(VerifyArgs),
    /// List the mining protocols that can be recognised
    Dialects(DialectsArgs),
    /// Say what the pool list makes of a host name, or the dialects of a line of text
    Check(CheckArgs),
    /// Say whether this machine and these links can be tapped, and what mends it where not
    #[cfg(target_os = "linux")]
    Doctor(DoctorArgs),
    /// Send a known exchange of miners over a cable of its own, and say whether this machine would have caught it
    #[cfg(target_os = "linux")]
    Selftest(SelftestArgs),
    /// Measure how many frames a second this machine takes without losing one
    Bench(BenchArgs),
    /// Write the shell completions or the man pages
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// What both `replay` and `verify` take.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Read settings from this file (TOML)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Networks whose addresses are ours [default: private, link-local and carrier-grade NAT ones]
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',')]
    pub home_net: Vec<String>,
    /// Bytes of each direction that are read without a sign of mining; unlimited reads all of them [default: 2048]
    #[arg(long, value_name = "BYTES|unlimited", value_parser = depth)]
    pub depth: Option<Depth>,
    /// What to do about checksums [default: ignore]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub checksums: Option<ChecksumsArg>,
    /// Keep compiled patterns in this folder; none keeps nothing [default: the user's cache folder, /var/cache/pithead for root]
    #[arg(long, value_name = "DIR|none", value_hint = ValueHint::DirPath)]
    pub cache: Option<PathBuf>,
}

/// How much is read of a direction without a sign of mining.
#[derive(Clone, Copy, Debug)]
pub enum Depth {
    /// So many bytes.
    Bytes(u64),
    /// All of them.
    Unlimited,
}

fn depth(text: &str) -> Result<Depth, String> {
    if text == "unlimited" {
        return Ok(Depth::Unlimited);
    }
    text.parse().map(Depth::Bytes).map_err(|_| "a number of bytes, or unlimited".to_owned())
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Captures (pcap or pcapng, plain, gzip or zstd), read as one stream in this order; - is standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Write events (EVE JSON) to this file; - is standard output, which then carries nothing else
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub eve: Option<PathBuf>,
    /// Worker threads [default: one a core, one alone for small files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
    /// Compare the events with those in this file (JSON lines); exit status 3 when they differ
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub expect: Option<PathBuf>,
    /// Write the events to the file of --expect instead of comparing
    #[arg(long, requires = "expect")]
    pub update: bool,
    /// Tell of every flow at its end, not only of those that mine
    #[arg(long)]
    pub flows: bool,
    /// Tell what each host of ours sent and received
    #[arg(long)]
    pub hosts: bool,
    /// Count flows and hosts, and look into nothing: what the rest costs
    #[arg(long, hide = true)]
    pub stats_only: bool,
    /// No progress bar and no summary
    #[arg(long, short)]
    pub quiet: bool,
    /// Settings and networks.
    #[command(flatten)]
    pub common: Common,
    /// Frames handed on at a time; the events never depend on it
    #[arg(long, hide = true, default_value_t = pithead_capture::BATCH_FRAMES, value_name = "N")]
    pub batch: usize,
}

/// Arguments of `tap`.
#[cfg(target_os = "linux")]
#[derive(Args, Debug)]
#[command(
    after_help = "SIGINT and SIGTERM end it in order. SIGUSR2 reads pool lists anew, SIGHUP does too and opens outputs anew."
)]
pub struct TapArgs {
    /// Interfaces to listen on, such as the two fibres of an optical tap [default: those of the configuration]
    #[arg(value_name = "IFACE")]
    pub interfaces: Vec<String>,
    /// Write events (EVE JSON) to this file, at its end; - is standard output, which then carries nothing else. SIGHUP opens it anew
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub eve: Option<PathBuf>,
    /// How frames come; fails where it cannot be [default: the best that works]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Worker threads; each takes every so many-th queue of every interface [default: one a queue]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Cores for the workers, such as 2,4-7; none pins nothing [default: all, the NIC's own first]
    #[arg(long, value_name = "LIST|none")]
    pub cores: Option<String>,
    /// End after so long, such as 90s, 15m or 2h
    #[arg(long, value_name = "TIME", value_parser = crate::commands::length_of_time)]
    pub duration: Option<Duration>,
    /// End after so many frames, or a few more
    #[arg(long, value_name = "FRAMES")]
    pub stop_after: Option<u64>,
    /// Time between two stats events [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = crate::commands::length_of_time)]
    pub stats_every: Option<Duration>,
    /// Only TCP and UDP with one of these ports
    #[arg(long, value_name = "PORT,...", value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Only frames from or to these networks
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',')]
    pub nets: Vec<String>,
    /// Only frames that this expression asks for, in the language of tcpdump
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// What becomes of frames that are not taken: on a port that this host uses itself they must pass [default: pass]
    #[arg(long, value_enum)]
    pub others: Option<OthersArg>,
    /// Make the NIC ready (symmetric hash, ring sizes, no LRO, GRO, VLAN stripping and pause frames), and give it back as it was at the end
    #[arg(long)]
    pub setup_nic: bool,
    /// With so many receive queues
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub queues: Option<u32>,
    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9469
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<String>,
    /// Send alerts to a syslog server (RFC 5424): udp://HOST:PORT, tcp://HOST:PORT or unix:///dev/log
    #[arg(long, value_name = "URL")]
    pub syslog: Option<pithead_output::Address>,
    /// Begin the file of events anew once it has so many bytes, as EVE.1, EVE.2 and so on
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub rotate_bytes: Option<u64>,
    /// Begin it anew once it is so old
    #[arg(long, value_name = "TIME", value_parser = crate::commands::length_of_time)]
    pub rotate_every: Option<Duration>,
    /// Keep so many old files of events [default: 7]
    #[arg(long, value_name = "N")]
    pub rotate_keep: Option<u32>,
    /// Listen for questions at this unix socket: 'pithead top' and 'pithead reload' ask there
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub control: Option<PathBuf>,
    /// Draw on this terminal how it goes: rates, losses, workers, miners
    #[arg(long)]
    pub live: bool,
    /// Do the driver's work in the workers instead of in interrupts
    #[arg(long)]
    pub busy_poll: bool,
    /// Tell of every flow at its end, not only of those that mine
    #[arg(long)]
    pub flows: bool,
    /// Tell what each host of ours sent and received, with every stats event
    #[arg(long)]
    pub hosts: bool,
    /// Say nothing but errors and warnings
    #[arg(long, short)]
    pub quiet: bool,
    /// Settings and networks.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `top`, and of whatever else asks a running tap.
#[cfg(target_os = "linux")]
#[derive(Args, Debug)]
pub struct ControlArgs {
    /// The socket at which the tap listens: its --control, or what its configuration names
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, default_value = crate::control::USUAL)]
    pub control: PathBuf,
}

/// Arguments of `reload`.
#[cfg(target_os = "linux")]
#[derive(Args, Debug)]
#[command(
    after_help = "The lists named by pool_lists in the tap's configuration are read, tested, and taken into use as a whole; when one is bad, what was in use stays. \
    Other settings that have changed take effect at the next start, and are named. SIGHUP and SIGUSR2 ask for the same."
)]
pub struct ReloadArgs {
    /// Where to ask.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Write the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// How frames come.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// The NIC writes into our memory
    ZeroCopy,
    /// The driver hands frames over, copied once
    Native,
    /// The kernel does, behind the driver; works everywhere
    Skb,
}

#[cfg(target_os = "linux")]
impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::ZeroCopy => Self::ZeroCopy,
            ModeArg::Native => Self::Native,
            ModeArg::Skb => Self::Skb,
        }
    }
}

/// What becomes of frames that are not taken.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OthersArg {
    /// They go on to this host's network stack
    Pass,
    /// They end there, as is right for the port of a tap
    Drop,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Folder with captures, searched with its subfolders
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Write what is found to the NAME.expected.jsonl files instead of comparing
    #[arg(long)]
    pub update: bool,
    /// Settings and networks.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `dialects`.
#[derive(Args, Debug)]
pub struct DialectsArgs {
    /// Write a table for the documentation (Markdown)
    #[arg(long)]
    pub markdown: bool,
    /// Write JSON lines
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// A host name, or a line as a miner or a pool sends it; - reads standard input
    #[arg(value_name = "NAME|LINE", allow_hyphen_values = true)]
    pub text: String,
    /// Read settings from this file (TOML)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The links to look at; none for the machine alone
    #[arg(value_name = "INTERFACE", value_hint = ValueHint::Other)]
    pub interfaces: Vec<String>,
    /// Write JSON lines
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `selftest`.
#[cfg(target_os = "linux")]
#[derive(Args, Debug)]
#[command(
    after_help = "The cable is a veth pair in a network namespace that goes away with the program; no other link is touched. Needs root.\n\n\
    Exit status: 0 when every miner was named, nobody else was, and every frame is accounted for; 1 when not, or when it could not be tried."
)]
pub struct SelftestArgs {
    /// How frames come; fails where it cannot be [default: native, else skb: no cable has zero copy]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Let the miners say nothing, so that there is nothing to catch: then it must fail
    #[arg(long, hide = true)]
    pub without_words: bool,
    /// Settings and networks.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `bench`.
#[derive(Args, Debug)]
#[command(
    after_help = "Frames lie in memory and arrive by the clock, so what a NIC and its driver cost comes on top. Links are not measured yet.\n\
    Trials of a second are quick; RFC 2544 asks for --trial 60."
)]
pub struct BenchArgs {
    /// Send the frames of this capture, round and round with new addresses, instead of made-up ones
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["sizes", "flows", "miners"])]
    pub file: Option<PathBuf>,
    /// Frame sizes: 64 to 1518, imix, mean:N
    #[arg(
        long,
        value_name = "SIZE,...",
        value_delimiter = ',',
        default_value = "64,128,256,512,1024,1280,1518,imix"
    )]
    pub sizes: Vec<Sizes>,
    /// Flows alive at the same time
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub flows: u32,
    /// Which share of the flows mines, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.002", value_parser = share)]
    pub miners: f64,
    /// Worker threads, each with a queue of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Frames that may wait in a queue, as in a NIC's ring
    #[arg(long, value_name = "FRAMES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..=1_048_576))]
    pub queue: u32,
    /// How long a trial is, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub trial: Duration,
    /// The share of frames that may be lost for the second rate, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.005", value_parser = share)]
    pub loss: f64,
    /// Write what was found as JSON; - is standard output, in place of the table
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write it as a page for a browser
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Settings and networks.
    #[command(flatten)]
    pub common: Common,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "must be a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be from 0 to 1".to_owned()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.001..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be from 0.001 to 3600 seconds".to_owned())
    }
}

/// Arguments of `generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// What to write
    #[arg(value_enum)]
    pub what: Generate,
    /// The folder to write to
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Completions for bash, zsh, fish, elvish and PowerShell
    Completions,
    /// A man page a command
    Man,
}

/// What to do about checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChecksumsArg {
    /// Do not look
    Ignore,
    /// Discard and count packets whose checksums are wrong
    Verify,
}
