//! `pithead check`: what the pool list makes of a name, or the dialects of a line.

use std::io::Read;
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use pithead_detect::carriers::Name;
use pithead_detect::pools::Pools;
use pithead_detect::{Anchors, Carrier, DIALECTS, Facts, Finding, HttpHead, Message, Tokens, Weight};
use pithead_flow::Direction;

use super::print;
use crate::cli::CheckArgs;
use crate::config::Config;

/// The most that is read from standard input: 1 MiB holds every message there is, and a long list of names.
const INPUT_BYTES: u64 = 1 << 20;

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let check = Check { pools: config.pools()?, anchors: config.anchors()? };
    let answer = if args.text == "-" {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .take(INPUT_BYTES)
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        check.whole_or_lines(text.trim())
    } else {
        check.one(args.text.trim()).text
    };
    print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

struct Check {
    pools: Pools,
    anchors: Anchors,
}

struct Answer {
    text: String,
    /// Whether it is a name, or a message of some dialect.
    understood: bool,
}

impl Check {
    /// One message may stand on several lines, and each line may be one: the first line tells which.
    fn whole_or_lines(&self, text: &str) -> String {
        let whole = self.one(text);
        let first = text.lines().next().unwrap_or_default();
        if first.len() == text.len() || (whole.understood && !self.one(first.trim()).understood) {
            return whole.text;
        }
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        lines.map(|(number, line)| format!("line {}: {}", number + 1, self.one(line).text)).collect()
    }

    fn one(&self, text: &str) -> Answer {
        let host = host(text);
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            let text = format!("{host}: an address; the pool list holds names only\n");
            return Answer { text, understood: true };
        }
        match Name::from_bytes(host.as_bytes()) {
            Some(name) if host.contains('.') && !host.contains(char::is_whitespace) => {
                Answer { text: about_name(&self.pools, name.as_str()), understood: true }
            }
            _ => about_line(&self.anchors, text),
        }
    }
}

/// The host of `stratum+tcp://user@host:port/path`, or what was given, where it is not of that form.
fn host(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = if rest.len() < text.len() {
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    } else {
        rest
    };
    if rest.parse::<IpAddr>().is_ok() {
        return rest;
    }
    match rest.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => rest,
    }
}

fn about_name(pools: &Pools, name: &str) -> String {
    let Some(entry) = pools.nearest(name) else {
        return format!("{name}: not on the pool list ({} names)\n", pools.list().len());
    };
    let mut text = format!(
        "{name}: {} {}\n",
        if entry.kind.is_mining() { "is on the pool list as" } else { "is known, and no mining:" },
        entry.kind.name()
    );
    let ports: Vec<String> = entry
        .ports
        .iter()
        .map(|range| {
            let ports = if range.start == range.end {
                range.start.to_string()
            } else {
                format!("{}-{}", range.start, range.end)
            };
            format!("{ports}{}", if range.tls { " (TLS)" } else { "" })
        })
        .collect();
    for (what, value) in [
        ("entry", entry.domain.to_owned()),
        ("coins", entry.coins.join(" ")),
        ("ports", ports.join(", ")),
        ("source", entry.source.to_owned()),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {what:7} {value}\n"));
        }
    }
    if entry.kind.is_mining() {
        text.push_str("  A name alone gives dns, tls or http events, never an alert.\n");
    }
    text
}

fn about_line(anchors: &Anchors, line: &str) -> Answer {
    let candidates = anchors.scanner().candidates(line.as_bytes());
    let mut text = String::new();
    for (index, dialect) in DIALECTS.iter().enumerate().filter(|(index, _)| candidates >> index & 1 == 1) {
        for carrier in [Carrier::Stream, Carrier::Http, Carrier::WebSocket] {
            let Some(finding) = examine(index, line, carrier) else { continue };
            let within = match carrier {
                Carrier::Stream => "",
                Carrier::Http => " in HTTP",
                Carrier::WebSocket => " in a WebSocket",
            };
            let proves = match finding.weight {
                Weight::Proof => "proves mining",
                Weight::Hint => "fits mining; the other side must fit too",
                Weight::Context => "makes sense in a mining session only",
            };
            text.push_str(&format!("{}{within}: {:?}, {proves}\n", dialect.name(), finding.what));
            text.push_str(&facts(&finding.facts));
            break;
        }
    }
    let understood = !text.is_empty();
    if !understood {
        let why = if candidates == 0 {
            "no dialect's words are in it"
        } else {
            "words of mining are in it, but it has no message's shape"
        };
        text = format!("nothing: {why}\n");
    }
    Answer { text, understood }
}

fn examine(dialect: usize, line: &str, carrier: Carrier) -> Option<Finding> {
    let mut tokens = Tokens::default();
    let head = HttpHead { request: true, post: true, ..HttpHead::default() };
    let message = Message {
        text: line.as_bytes(),
        json: tokens.read(line.as_bytes()),
        carrier,
        head: (carrier == Carrier::Http).then_some(&head),
        direction: Direction::Forward,
        truncated: false,
    };
    DIALECTS[dialect].examine(&message, None)
}

fn facts(facts: &Facts) -> String {
    let Facts { user, wallet, worker, agent, rig, algorithm, coin, pool_host, pool_port, difficulty, target } =
        facts;
    let said = [
        ("user", user.clone()),
        ("wallet", wallet.clone()),
        ("worker", worker.clone()),
        ("agent", agent.clone()),
        ("rig", rig.clone()),
        ("algorithm", algorithm.clone()),
        ("coin", coin.clone()),
        ("pool host", pool_host.clone()),
        ("pool port", pool_port.map(|port| port.to_string())),
        ("difficulty", difficulty.map(|difficulty| difficulty.to_string())),
        ("target", target.clone()),
    ];
    said.into_iter().filter_map(|(what, value)| Some(format!("  {what:10} {}\n", value?))).collect()
}
