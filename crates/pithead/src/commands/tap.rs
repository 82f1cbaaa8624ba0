//! `pithead tap`: live links in, miners out.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use core_affinity::CoreId;
use crossbeam::channel::{Sender, unbounded};
use ipnet::IpNet;
use pithead_capture::PacketSource;
use pithead_capture::nic::{self, Arranged, Driver, Wish};
use pithead_capture::xdp::{self, BusyPoll, Filter, Options, Others, Tap};
use pithead_output::{Behind, Config as SinkConfig, Record, RecordBody, Rotation, Scrape, Target};
use sd_notify::NotifyState;

use super::{configure, replay};
use crate::cli::{OthersArg, TapArgs};
use crate::config::TapConfig;
use crate::control::{self, Socket};
use crate::live::{Ask, Control, Limits, Links, Listener, Outlets, Question};
use crate::reload::Reload;
use crate::run::Tools;
use crate::screen;
use crate::signals::{Order, Watch};
use crate::status::Miners;
use crate::summary::{Summary, plural};

/// Time between two stats events.
const STATS_EVERY: Duration = Duration::from_secs(60);

pub(super) fn run(args: &TapArgs) -> Result<ExitCode> {
    if args.live {
        screen::check()?;
    }
    let mut config = configure(&args.common)?;
    let plan = Plan::new(args, config.tap.clone())?;
    (config.settings.all_flows, config.settings.hosts) = (plan.tap.flows, plan.tap.hosts);
    let tools = Tools::new(config)?;
    super::note_cache(&args.common, &tools.anchors);
    let cores = cores(&plan.tap)?;
    let (asks, asked) = unbounded();
    let signals = asks.clone();
    let watch = Watch::new(true, move |order| {
        let _ = signals.send(Ask::Signal(order));
    })?;
    let mut sinks = plan.sinks()?;
    let scrape = plan.tap.metrics.as_deref().map(Scrape::listen).transpose()?;
    let _socket = plan.tap.control.as_deref().map(|path| Socket::listen(path, asks.clone())).transpose()?;
    // Before any socket: rings and queues are made anew. Given back after all of them, when this is dropped.
    let _arranged = plan.tap.setup_nic.then(|| arrange(&plan.tap, args.quiet)).transpose()?;
    let workers = plan.tap.workers.map_or(0, |workers| usize::try_from(workers).unwrap_or(usize::MAX));
    let Tap { sources, control, warnings } = xdp::open(&plan.tap.interfaces, workers, &plan.options()?)?;
    warnings.iter().for_each(|warning| super::warn(warning));
    queues_are(&control, plan.tap.queues)?;
    let workers = sources.into_iter().enumerate().map(|(number, source)| {
        let core = cores.get(number % cores.len().max(1)).copied();
        (Box::new(source) as Box<dyn PacketSource>, core)
    });
    let mut kept = Kept::default();
    let said = if args.quiet { String::new() } else { listening(&control, scrape.as_ref()) };
    let mut links = Links::new(control);
    let limits = Limits {
        duration: args.duration,
        frames: args.stop_after,
        stats_every: plan.tap.stats_every.unwrap_or(STATS_EVERY),
    };
    let outlets = Outlets { sinks: &mut sinks, scrape: scrape.as_ref(), listener: &mut kept };
    let reload = Reload::new(args.common.config.clone(), asks.clone());
    let control = Control::start(&tools, workers.collect(), limits, reload, &mut links, outlets)?;
    anstream::eprint!("{said}");
    let drawn = args.live.then(|| Drawn::start(asks)).transpose()?;
    // Nobody to tell is fine: then no service manager has started us.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let outcome = control.run(&asked);
    // The terminal is given back before anything else is said.
    let drawn = drawn.map_or(Ok(()), Drawn::end);
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    let mut failed = !outcome.errors.is_empty();
    failed |= !close(&mut sinks);
    if let Err(error) = drawn {
        super::complain(&format!("the screen: {error:#}"));
        failed = true;
    }
    let stdout_is_taken = plan.tap.eve.as_deref() == Some(Path::new("-"));
    if !args.quiet {
        replay::say(&kept.0.render(&outcome.stats), stdout_is_taken)?;
    }
    // A service that was stopped by a signal has done well. Another one ends it at once, so it is waited for until here.
    drop(watch);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The summary, but for what hosts sent and received: that is told again and again.
#[derive(Default)]
struct Kept(Summary);

impl Listener for Kept {
    fn note(&mut self, record: &Record) {
        if !matches!(record.body, RecordBody::Host(_)) {
            self.0.note(record);
        }
    }

    fn miners(&self) -> Miners {
        self.0.miners_now()
    }
}

/// A screen on a thread of its own, which asks the control thread as anybody does.
struct Drawn {
    thread: JoinHandle<Result<()>>,
    over: Arc<AtomicBool>,
}

impl Drawn {
    /// Begins to draw. When somebody has seen enough, the tap is asked to end.
    fn start(asks: Sender<Ask>) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let draw = move || {
            let mut ask = || {
                let status = control::put(Question::Status, &asks).map_err(|why| anyhow!(why))?;
                Ok(serde_json::from_value(status)?)
            };
            let drawn = screen::run(&mut ask, &ended);
            let _ = asks.send(Ask::Signal(Order::End));
            // The tap may have come to its end while it was asked: that is none of the screen's failures.
            if ended.load(Ordering::Relaxed) { Ok(()) } else { drawn }
        };
        let thread = thread::Builder::new().name("screen".into()).spawn(draw);
        Ok(Self { thread: thread.context("no thread can be started for the screen")?, over })
    }

    fn end(self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("it broke off; this is a bug, please report it"))?
    }
}

/// What is to be done: the command line, and what the configuration says where that is silent.
struct Plan {
    tap: TapConfig,
}

impl Plan {
    fn new(args: &TapArgs, mut tap: TapConfig) -> Result<Self> {
        if !args.interfaces.is_empty() {
            tap.interfaces.clone_from(&args.interfaces);
        }
        if tap.interfaces.is_empty() {
            bail!(
                "no interface to listen on: name one, or set interfaces in [tap] of the configuration; 'ip link' lists them"
            );
        }
        if args.live && args.eve.as_deref().or(tap.eve.as_deref()) == Some(Path::new("-")) {
            bail!(
                "events and the screen cannot both have standard output: give --eve a file, or leave --live"
            );
        }
        if !args.ports.is_empty() {
            tap.ports.clone_from(&args.ports);
        }
        if !args.nets.is_empty() {
            tap.nets = args.nets.iter().map(|net| self::net(net)).collect::<Result<_>>()?;
        }
        tap.filter = args.filter.clone().or(tap.filter);
        tap.mode = args.mode.or(tap.mode);
        tap.workers = args.workers.map(u64::from).or(tap.workers);
        tap.cores = args.cores.clone().or(tap.cores);
        tap.others = args.others.or(tap.others);
        tap.queues = args.queues.map(u64::from).or(tap.queues);
        tap.stats_every = args.stats_every.or(tap.stats_every);
        tap.eve = args.eve.clone().or(tap.eve);
        tap.metrics = args.metrics.clone().or(tap.metrics);
        tap.control = args.control.clone().or(tap.control);
        tap.syslog = args.syslog.clone().or(tap.syslog);
        tap.rotation.bytes = args.rotate_bytes.or(tap.rotation.bytes);
        tap.rotation.every = args.rotate_every.or(tap.rotation.every);
        tap.rotation.keep = args.rotate_keep.unwrap_or(tap.rotation.keep);
        if tap.eve.is_none() && tap.rotation != Rotation::default() {
            bail!(
                "there is no file of events to begin anew: name one with --eve, or set path in [eve] of the configuration"
            );
        }
        tap.busy_poll |= args.busy_poll;
        tap.setup_nic |= args.setup_nic;
        tap.flows |= args.flows;
        tap.hosts |= args.hosts;
        Ok(Self { tap })
    }

    /// Each behind a queue, so that none holds up anything.
    fn sinks(&self) -> Result<Vec<Behind>> {
        let mut sinks = Vec::new();
        if let Some(path) = &self.tap.eve {
            let (name, target) = if path == Path::new("-") {
                ("standard output".to_owned(), Target::Stdout)
            } else {
                (path.display().to_string(), Target::Append(path.clone(), self.tap.rotation.clone()))
            };
            sinks.push(Behind::start(&name, SinkConfig::Eve(target))?);
        }
        if let Some(address) = &self.tap.syslog {
            sinks.push(Behind::start(&address.to_string(), SinkConfig::Syslog(address.clone()))?);
        }
        Ok(sinks)
    }

    /// What is said of the links.
    fn options(&self) -> Result<Options> {
        let tap = &self.tap;
        Ok(Options {
            mode: tap.mode.map(Into::into),
            others: match tap.others {
                Some(OthersArg::Drop) => Others::Drop,
                Some(OthersArg::Pass) | None => Others::Pass,
            },
            ports: tap.ports.clone(),
            nets: tap.nets.iter().map(|net| (net.network(), net.prefix_len())).collect(),
            filter: tap.filter.as_deref().map(Filter::compile).transpose()?,
            busy_poll: tap.busy_poll.then(BusyPoll::default),
            ..Options::default()
        })
    }
}

/// Makes the NICs ready.
fn arrange(tap: &TapConfig, quiet: bool) -> Result<Vec<Arranged>> {
    let queues = tap.queues.map(u32::try_from).transpose().context("--queues: more than any NIC has")?;
    let wish = Wish { queues, ..Wish::default() };
    let mut arranged = Vec::new();
    for name in &tap.interfaces {
        let nic = nic::survey(name)?;
        let driver = Driver::new(&nic).map_err(|unknown| anyhow!("{name}: cannot be set up: {unknown}"))?;
        let done = Arranged::new(name, driver, nic::plan(&nic, &wish))?;
        for step in done.steps().iter().filter(|_| !quiet) {
            anstream::eprintln!("{name}: set to {} (it was {})", step.to, step.from);
        }
        arranged.push(done);
    }
    Ok(arranged)
}

/// Makes sure that there are as many queues as were asked for.
fn queues_are(control: &xdp::Control, wanted: Option<u64>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    match control.ports().iter().find(|port| u64::from(port.queues()) != wanted) {
        Some(port) => bail!(
            "{}: has {}, and {wanted} were asked for; --setup-nic sets them, as does: ethtool -L {0} combined {wanted}",
            port.interface(),
            plural(port.queues() as usize, "queue"),
        ),
        None => Ok(()),
    }
}

/// What is listened to, and how.
fn listening(control: &xdp::Control, scrape: Option<&Scrape>) -> String {
    let accounts = control.accounts();
    let mut text = String::new();
    if let Some(scrape) = scrape {
        text.push_str(&format!("metrics at http://{}/metrics\n", scrape.address()));
    }
    for port in control.ports() {
        let modes: BTreeSet<&str> = accounts
            .iter()
            .filter(|account| &account.place.interface == port.interface())
            .map(|account| account.place.mode.name())
            .collect();
        let modes: Vec<&str> = modes.into_iter().collect();
        let queues = plural(port.queues() as usize, "queue");
        text.push_str(&format!(
            "listening on {}: {queues}, mode {}\n",
            port.interface(),
            modes.join(" and ")
        ));
    }
    text
}

/// Lets the sinks pass on what waits. False if something was lost for another reason than a reader who left.
fn close(sinks: &mut [Behind]) -> bool {
    let mut whole = true;
    for sink in sinks {
        let finished = sink.finish();
        if sink.is_closed() {
            continue;
        }
        if let Some(trouble) = sink.trouble() {
            super::complain(&trouble);
        }
        if !finished {
            super::complain(&format!(
                "{}: takes no more events; those that waited for it are lost",
                sink.name()
            ));
        }
        if sink.lost() > 0 {
            super::complain(&format!(
                "{}: {} of {} were lost",
                sink.name(),
                sink.lost(),
                plural((sink.lost() + sink.written()) as usize, "event")
            ));
        }
        whole &= finished && sink.lost() == 0;
    }
    whole
}

fn net(text: &str) -> Result<IpNet> {
    text.parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .with_context(|| format!("--nets: \"{text}\" is not a network such as 10.0.0.0/8"))
}

/// The cores that workers are pinned to, in turn: those that were named, or all that we may use, the NIC's own first.
fn cores(tap: &TapConfig) -> Result<Vec<CoreId>> {
    let usable = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(text) = &tap.cores {
        if text == "none" {
            return Ok(Vec::new());
        }
        let wanted = core_list(text)?;
        if let Some(missing) = wanted.iter().find(|id| !usable.iter().any(|core| core.id == **id)) {
            bail!(
                "--cores: there is no core {missing} for us; see the Cpus_allowed_list of /proc/self/status"
            );
        }
        return Ok(wanted.into_iter().map(|id| CoreId { id }).collect());
    }
    let near: BTreeSet<usize> = tap
        .interfaces
        .iter()
        .filter_map(|name| nic::survey(name).ok()?.near.ok())
        .flatten()
        .map(|core| core as usize)
        .collect();
    let (mut first, rest): (Vec<CoreId>, Vec<CoreId>) =
        usable.into_iter().partition(|core| near.contains(&core.id));
    first.extend(rest);
    Ok(first)
}

/// A list such as `2,4-7`.
fn core_list(text: &str) -> Result<Vec<usize>> {
    let wrong = || format!("--cores: \"{text}\" is not a list of cores such as 2,4-7");
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) =
            (first.trim().parse().with_context(wrong)?, last.trim().parse().with_context(wrong)?);
        if last < first || last - first > 4096 {
            bail!(wrong());
        }
        cores.extend(first..=last);
    }
    Ok(cores)
}

/// A length of time such as `90`, `90s`, `15m`, `2h` or `1d`; no unit means seconds.
pub(crate) fn length_of_time(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err("must be a length of time such as 90s, 15m, 2h or 1d".to_owned()),
    };
    let number: f64 =
        number.parse().map_err(|_| "must be a length of time such as 90s, 15m, 2h or 1d".to_owned())?;
    let length = Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if length.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_listed_singly_and_in_ranges() {
        assert_eq!(core_list("2,4-7").expect("a list"), [2, 4, 5, 6, 7]);
        for wrong in ["", "a", "3-1", "1-", "0-99999999"] {
            assert!(core_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        let seconds = |text| length_of_time(text).map(|length| length.as_secs_f64());
        assert_eq!((seconds("90"), seconds("1.5h"), seconds("250ms")), (Ok(90.0), Ok(5400.0), Ok(0.25)));
        for wrong in ["", "s", "5 weeks", "-1s", "0", "1e99d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
