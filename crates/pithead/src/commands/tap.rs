//! `pithead tap`: live links in, miners out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use core_affinity::CoreId;
use crossbeam::channel::unbounded;
use ipnet::IpNet;
use pithead_capture::PacketSource;
use pithead_capture::nic;
use pithead_capture::xdp::{self, BusyPoll, Filter, Mode, Options, Others, Tap};
use pithead_output::{Behind, Config as SinkConfig, QUEUE_RECORDS, Record, RecordBody, Target};

use super::{configure, replay};
use crate::cli::{ModeArg, OthersArg, TapArgs};
use crate::live::{Control, Limits, Links};
use crate::run::Tools;
use crate::signals::Watch;
use crate::summary::{Summary, plural};

pub(super) fn run(args: &TapArgs) -> Result<ExitCode> {
    let mut config = configure(&args.common)?;
    (config.settings.all_flows, config.settings.hosts) = (args.flows, args.hosts);
    let tools = Tools::new(config)?;
    super::note_cache(&args.common, &tools.anchors);
    let cores = cores(args)?;
    let (orders, ordered) = unbounded();
    let watch = Watch::new(true, move |order| {
        let _ = orders.send(order);
    })?;
    let mut sinks: Vec<Behind> = args.eve.iter().map(|path| eve(path)).collect::<Result<_>>()?;
    let Tap { sources, control, warnings } =
        xdp::open(&args.interfaces, usize::from(args.workers.unwrap_or(0)), &options(args)?)?;
    warnings.iter().for_each(|warning| super::warn(warning));
    if !args.quiet {
        listening(&control);
    }
    let workers = sources.into_iter().enumerate().map(|(number, source)| {
        let core = cores.get(number % cores.len().max(1)).copied();
        (Box::new(source) as Box<dyn PacketSource>, core)
    });
    let mut summary = Summary::default();
    let mut links = Links::new(control);
    let mut note = |record: &Record| {
        // Sums are told again and again; those at the end are shown.
        if !matches!(record.body, RecordBody::Host(_)) {
            summary.note(record);
        }
    };
    let limits = Limits { duration: args.duration, frames: args.stop_after, stats_every: args.stats_every };
    let control = Control::start(&tools, workers.collect(), limits, &mut links, &mut sinks, &mut note)?;
    let outcome = control.run(&ordered);
    let mut failed = !outcome.errors.is_empty();
    failed |= !close(&mut sinks);
    let stdout_is_taken = args.eve.as_deref() == Some(Path::new("-"));
    if !args.quiet {
        replay::say(&summary.render(&outcome.stats), stdout_is_taken)?;
    }
    Ok(match watch.signal() {
        _ if failed => ExitCode::FAILURE,
        // A service that is stopped has done well.
        Some(_) | None => ExitCode::SUCCESS,
    })
}

/// Says what is listened to, and how.
fn listening(control: &xdp::Control) {
    let accounts = control.accounts();
    for port in control.ports() {
        let modes: BTreeSet<&str> = accounts
            .iter()
            .filter(|account| &account.place.interface == port.interface())
            .map(|account| account.place.mode.name())
            .collect();
        let modes: Vec<&str> = modes.into_iter().collect();
        anstream::eprintln!(
            "listening on {}: {}, mode {}",
            port.interface(),
            plural(port.queues() as usize, "queue"),
            modes.join(" and ")
        );
    }
}

/// A sink for events that holds up nobody.
fn eve(path: &Path) -> Result<Behind> {
    let (name, target) = if path == Path::new("-") {
        ("standard output".to_owned(), Target::Stdout)
    } else {
        (path.display().to_string(), Target::Append(PathBuf::from(path)))
    };
    let open = move || pithead_output::open(&SinkConfig::Eve(target.clone()));
    Ok(Behind::start(&name, QUEUE_RECORDS, Box::new(open))?)
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

/// What the command line says of the links.
fn options(args: &TapArgs) -> Result<Options> {
    Ok(Options {
        mode: args.mode.map(|mode| match mode {
            ModeArg::ZeroCopy => Mode::ZeroCopy,
            ModeArg::Native => Mode::Native,
            ModeArg::Skb => Mode::Skb,
        }),
        others: match args.others {
            OthersArg::Pass => Others::Pass,
            OthersArg::Drop => Others::Drop,
        },
        ports: args.ports.clone(),
        nets: args.nets.iter().map(|net| self::net(net)).collect::<Result<_>>()?,
        filter: args.filter.as_deref().map(Filter::compile).transpose()?,
        busy_poll: args.busy_poll.then(BusyPoll::default),
        ..Options::default()
    })
}

fn net(text: &str) -> Result<(std::net::IpAddr, u8)> {
    let net: IpNet = text
        .parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .with_context(|| format!("--nets: \"{text}\" is not a network such as 10.0.0.0/8"))?;
    Ok((net.network(), net.prefix_len()))
}

/// The cores that workers are pinned to, in turn: those that were named, or all that we may use, the NIC's own first.
fn cores(args: &TapArgs) -> Result<Vec<CoreId>> {
    let usable = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(text) = &args.cores {
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
    let near: BTreeSet<usize> = args
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
