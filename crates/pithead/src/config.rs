//! The configuration file: what was written, and what it means.
//!
//! `raw::RawConfig` is the file as written, unknown keys refused; [`Config::read`] makes of it, once, what the program works with. Everything has a
//! default, so no file is needed.

mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ipnet::IpNet;
use pithead_detect::pools::{List, Pools};
use pithead_detect::{Anchors, Limits};
use pithead_flow::{FragmentLimits, KeyTags, StreamLimits, Timeouts, WatchLimits};
use pithead_matcher::Cache;
#[cfg(target_os = "linux")]
use pithead_output::{Address, Rotation};
use pithead_wire::Checksums;

use self::raw::{Count, RawConfig, RawTag, in_words};
#[cfg(target_os = "linux")]
use self::raw::{Flag, RawEve, RawMetrics, RawSyslog, RawTap};
use crate::cache;
#[cfg(target_os = "linux")]
use crate::cli::{ModeArg, OthersArg};
use crate::pipeline::Settings;

/// Addresses that are ours unless something else is said: private and link-local ones, and those of carrier-grade NAT.
pub const HOME_NET: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// How sure is sure enough for an alert on behaviour alone.
const ALERT_AT: f64 = 0.9;

/// What the program works with.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is said of live links and of where their events go.
    #[cfg(target_os = "linux")]
    pub tap: TapConfig,
    /// How the pipelines work.
    pub settings: Settings,
    /// The most hosts that have a row of their own.
    pub max_hosts: usize,
    /// The most names that are remembered with their addresses.
    pub max_names: usize,
    /// How sure it must be, from 0 to 1, that a flow mines before it is alerted for its behaviour alone.
    pub alert_at: f64,
    /// Pool lists beside the one that comes with the program.
    pub pool_lists: Vec<PathBuf>,
    /// Where compiled patterns are kept from one start to the next, if anywhere.
    pub cache: Option<Cache>,
}

/// What the configuration says of live links; the command line outranks it.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug, Default)]
pub struct TapConfig {
    /// Interfaces to listen on.
    pub interfaces: Vec<String>,
    /// How frames come.
    pub mode: Option<ModeArg>,
    /// Worker threads.
    pub workers: Option<u64>,
    /// Cores for them.
    pub cores: Option<String>,
    /// Only these ports.
    pub ports: Vec<u16>,
    /// Only these networks.
    pub nets: Vec<IpNet>,
    /// Only frames that this expression asks for.
    pub filter: Option<String>,
    /// What becomes of frames that are not taken.
    pub others: Option<OthersArg>,
    /// Whether the workers do the driver's work.
    pub busy_poll: bool,
    /// Whether the NIC is made ready, and given back at the end.
    pub setup_nic: bool,
    /// With how many queues.
    pub queues: Option<u64>,
    /// Time between two stats events.
    pub stats_every: Option<Duration>,
    /// Where events go.
    pub eve: Option<PathBuf>,
    /// Whether every flow is told of.
    pub flows: bool,
    /// Whether hosts are told of.
    pub hosts: bool,
    /// When the file of events begins anew.
    pub rotation: Rotation,
    /// Where metrics are served.
    pub metrics: Option<String>,
    /// Where alerts go as syslog messages.
    pub syslog: Option<Address>,
    /// Where it listens for questions.
    pub control: Option<PathBuf>,
}

#[cfg(target_os = "linux")]
impl TapConfig {
    fn from_raw(tap: RawTap, eve: RawEve, metrics: RawMetrics, syslog: RawSyslog, base: &Path) -> Self {
        let is = |flag: Option<Flag>| flag.is_some_and(|flag| flag.0);
        Self {
            interfaces: tap.interfaces.0.into_iter().map(|interface| interface.0).collect(),
            mode: tap.mode.map(|mode| mode.0),
            workers: tap.workers.map(|workers| workers.0),
            cores: tap.cores.map(|cores| cores.0),
            ports: tap.ports.0.into_iter().map(|port| port.0).collect(),
            nets: tap.nets.0.into_iter().map(|net| net.0).collect(),
            filter: tap.filter.map(|filter| filter.0),
            others: tap.others.map(|others| others.0),
            busy_poll: is(tap.busy_poll),
            setup_nic: is(tap.setup_nic),
            queues: tap.queues.map(|queues| queues.0),
            stats_every: tap.stats_every.map(|time| time.0),
            eve: eve.path.map(|path| if path.0 == Path::new("-") { path.0 } else { base.join(path.0) }),
            flows: is(eve.flows),
            hosts: is(eve.hosts),
            rotation: Rotation {
                bytes: eve.rotate_bytes.map(|bytes| bytes.0),
                every: eve.rotate_every.map(|time| time.0),
                keep: eve
                    .keep
                    .map_or(Rotation::default().keep, |keep| u32::try_from(keep.0).unwrap_or(u32::MAX)),
            },
            metrics: metrics.listen.map(|listen| listen.0),
            syslog: syslog.to.map(|to| to.0),
            control: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::from_raw(RawConfig::default(), Path::new(""))
            .expect("the defaults are sound: a test reads them")
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// A file that cannot be read or does not say what it should: with line, column and reason.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read the configuration", path.display()))?;
        let raw = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let (line, column) = line_and_column(&text, at);
            anyhow!("{} line {line} column {column}: {}", path.display(), in_words(error.message()))
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::from_raw(raw, base).with_context(|| path.display().to_string())
    }

    fn from_raw(raw: RawConfig, base: &Path) -> Result<Self> {
        let (flows, fragments, streams, detect) =
            (Timeouts::default(), FragmentLimits::default(), StreamLimits::default(), Limits::default());
        let watch = WatchLimits::default();
        let seconds =
            |given: Option<Count<1>>, default| given.map_or(default, |given| Duration::from_secs(given.0));
        let size = |given: Option<Count<0>>, default| given.map_or(default, Count::size);
        let bytes = |given: Option<Count<0>>, default| given.map_or(default, |given| given.0);
        let home = match raw.home_net {
            Some(nets) => nets.0.into_iter().map(|net| net.0).collect(),
            None => home_nets(HOME_NET.iter().copied())?,
        };
        let settings = Settings {
            checksums: raw.checksums.map_or(Checksums::Ignore, |checksums| checksums.0),
            // A flow takes about 115 bytes here, one of IPv6 147, so a full table 115 to 147 MB.
            max_flows: raw.flows.max.map_or(1_000_000, Count::size),
            key_tags: KeyTags {
                vlan: raw.flows.tags.0.iter().any(|tag| matches!(tag, RawTag::Vlan)),
                vni: raw.flows.tags.0.iter().any(|tag| matches!(tag, RawTag::Vni)),
            },
            timeouts: Timeouts {
                new: seconds(raw.flows.new_timeout_s, flows.new),
                established: seconds(raw.flows.established_timeout_s, flows.established),
                closed: seconds(raw.flows.closed_timeout_s, flows.closed),
                datagrams: seconds(raw.flows.udp_timeout_s, flows.datagrams),
            },
            fragments: FragmentLimits {
                memory_bytes: size(raw.fragments.max_bytes, fragments.memory_bytes),
                datagrams: size(raw.fragments.max_datagrams, fragments.datagrams),
                timeout: seconds(raw.fragments.timeout_s, fragments.timeout),
                ..fragments
            },
            limits: Limits {
                inspect: true,
                depth_bytes: bytes(raw.detect.depth_bytes, detect.depth_bytes),
                resume_bytes: bytes(raw.detect.resume_bytes, detect.resume_bytes),
                patience_bytes: bytes(raw.detect.patience_bytes, detect.patience_bytes),
                records: size(raw.detect.max_records, detect.records),
                messages: size(raw.detect.max_messages, detect.messages),
                windows: size(raw.detect.max_windows, detect.windows),
                stream: StreamLimits {
                    held_segments: size(raw.streams.held_segments, streams.held_segments),
                    held_bytes: size(raw.streams.held_bytes, streams.held_bytes),
                    ..streams
                },
            },
            watch: WatchLimits { flows: size(raw.behaviour.max_flows, watch.flows), ..watch },
            all_flows: false,
            halves: false,
            hosts: false,
            home,
        };
        Ok(Self {
            #[cfg(target_os = "linux")]
            tap: TapConfig {
                control: raw.control.socket.map(|socket| base.join(socket.0)),
                ..TapConfig::from_raw(raw.tap, raw.eve, raw.metrics, raw.syslog, base)
            },
            settings,
            max_hosts: size(raw.hosts.max, 100_000),
            max_names: size(raw.names.max, 100_000),
            alert_at: raw.behaviour.confidence.map_or(ALERT_AT, |confidence| confidence.0),
            pool_lists: raw.pool_lists.0.into_iter().map(|list| base.join(list)).collect(),
            cache: raw.cache.map_or_else(cache::usual, |folder| {
                cache::in_folder(&folder.0).map(|cache| Cache::new(base.join(cache.folder())))
            }),
        })
    }

    /// The compiled patterns, from the cache where they are there.
    ///
    /// # Errors
    /// When the matching engine cannot be used on this machine.
    pub fn anchors(&self) -> Result<Anchors> {
        self.cache.as_ref().map_or_else(Anchors::new, Anchors::cached).context("cannot compile the patterns")
    }

    /// The pool list that comes with the program, and those named beside it.
    ///
    /// # Errors
    /// A list that cannot be read, or a line in it that is wrong: with line, column and reason.
    pub fn pools(&self) -> Result<Pools> {
        let mut list = List::builtin();
        for path in &self.pool_lists {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{}: cannot read the pool list", path.display()))?;
            list.merge(&List::parse(&path.display().to_string(), &text)?);
        }
        Ok(Pools::new(list))
    }
}

/// Networks as they are written: `10.0.0.0/8`, or an address alone.
pub fn home_nets<'a>(nets: impl IntoIterator<Item = &'a str>) -> Result<Vec<IpNet>> {
    nets.into_iter().map(home_net).collect()
}

fn home_net(net: &str) -> Result<IpNet> {
    let net = net.trim();
    net.parse()
        .or_else(|_| net.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| anyhow!("home net \"{net}\" is not a network such as 10.0.0.0/8"))
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("pithead.toml");
        std::fs::write(&path, text).expect("a file");
        Config::read(&path)
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Config::default().settings.home.len(), HOME_NET.len());
        assert_eq!(read("").expect("an empty file").settings.max_flows, 1_000_000);
    }

    #[test]
    fn what_is_written_counts() {
        let config = read(
            "home_net = [\"192.0.2.0/24\", \"2001:db8::1\"]\nchecksums = \"verify\"\n[flows]\nmax = 7\n",
        )
        .expect("a file");
        assert_eq!((config.settings.home.len(), config.settings.max_flows), (2, 7));
        assert_eq!(config.settings.checksums, Checksums::Verify);
        let tags = read("[flows]\ntags = [\"vni\"]\n").expect("a file").settings.key_tags;
        assert_eq!(tags, KeyTags { vlan: false, vni: true });
        let other = format!("{:#}", read("[flows]\ntags = [\"mpls\"]\n").expect_err("no such tag"));
        assert!(
            other.contains("line 2 column 8") && other.contains("must be \"vlan\" or \"vni\""),
            "{other}"
        );
    }

    #[test]
    fn errors_say_where() {
        let unknown = format!("{:#}", read("[flows]\nmax = 7\nmxa = 8\n").expect_err("an unknown key"));
        assert!(unknown.contains("line 3 column 1") && unknown.contains("mxa"), "{unknown}");
        let kind = format!("{:#}", read("[flows]\nmax = \"many\"\n").expect_err("a text for a number"));
        assert!(kind.contains("line 2 column 7"), "{kind}");
        let net = format!("{:#}", read("home_net = [\"10.0.0.0/99\"]\n").expect_err("no network"));
        assert!(net.contains("line 1 column 12: home net \"10.0.0.0/99\""), "{net}");
    }
}
