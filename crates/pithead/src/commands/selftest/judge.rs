//! What is to be thought of what was seen: whether every frame is there and accounted for, every miner named, and nobody else.

use std::net::SocketAddr;

use pithead_flow::Summary;
use pithead_output::{AlertRecord, CaptureStats, FlowRecord, Record, RecordBody, StatsRecord, Verdict};

use super::super::finding::Finding;
use super::exchange::{Exchange, Miner};
use crate::summary::{counted, grouped};

/// All there is to find of what was sent, by what was seen of it.
pub(super) fn findings(exchange: &Exchange, records: &[Record], stats: &StatsRecord) -> Vec<Finding> {
    let mut findings = vec![frames(exchange, stats), account(stats)];
    findings.extend(exchange.miners.iter().map(|miner| caught(miner, records)));
    findings.push(others(exchange, records));
    findings
}

fn frames(exchange: &Exchange, stats: &StatsRecord) -> Finding {
    let (sent, read) = (exchange.frames.len() as u64, stats.frames.read);
    let text = format!("{} sent, {} seen", grouped(sent), grouped(read));
    if read == sent {
        return Finding::ok("frames", text);
    }
    let lost = stats.capture.as_ref().and_then(CaptureStats::lost);
    let known = lost.map_or("how many of them were lost on the way is unknown".to_owned(), |lost| {
        format!("{} of them lost on the way, as far as is known", grouped(lost))
    });
    Finding::fail("frames", format_args!("{text}; {known}"), Some("pithead doctor".to_owned()))
}

/// Whether the account adds up, term by term.
fn account(stats: &StatsRecord) -> Finding {
    let Some(capture) = &stats.capture else { return Finding::unknown("account", "no link told of any") };
    let sums = capture.sums();
    let terms = [
        ("seen", sums.seen),
        ("filtered", sums.filtered),
        ("no socket", sums.no_socket),
        ("to sockets", sums.to_sockets),
        ("received", sums.received),
        ("dropped", sums.rx_dropped),
        ("ring full", sums.rx_ring_full),
        ("invalid", sums.invalid),
        ("unexplained", capture.unexplained()),
    ];
    let term = |(name, count): (&str, Option<u64>)| match count {
        Some(count) => format!("{name} {}", grouped(count)),
        None => format!("{name} unknown"),
    };
    let text = terms.map(term).join(", ");
    match capture.unexplained() {
        Some(0) if stats.frames.unexplained() == 0 => Finding::ok("account", text),
        Some(_) => Finding::fail("account", text, None),
        None => Finding::warn("account", text, None),
    }
}

fn caught(miner: &Miner, records: &[Record]) -> Finding {
    let Miner { client, pool, dialect, .. } = miner;
    let missed =
        |what| Finding::fail("alert", format_args!("{what} {client}, which spoke {dialect} to {pool}"), None);
    let is_its = |flow: &Summary| ends(flow) == (*client, *pool) || ends(flow) == (*pool, *client);
    let alert = alerts(records).find(|alert| is_its(&alert.flow));
    let Some(alert) = alert else { return missed("nothing was said of") };
    let end = records.iter().find_map(|record| match &record.body {
        RecordBody::Flow(flow) if is_its(&flow.flow) => Some(&**flow),
        _ => None,
    });
    match (&alert.verdict, end.and_then(session)) {
        (Verdict::Session(said), Some(whole)) => {
            let text = format!(
                "{client} mines for {pool}: {}, {}, {} of {} accepted",
                said.dialect,
                whole.facts.agent.as_deref().unwrap_or("agent unknown"),
                whole.shares.accepted,
                counted(whole.shares.sent, "share"),
            );
            let right = said.dialect == *dialect && whole.confirmed && whole.shares.sent == miner.shares;
            if right { Finding::ok("alert", text) } else { missed(&format!("not all was said ({text}) of")) }
        }
        (Verdict::Session(_), None) => missed("its flow's end was not told of"),
        (Verdict::Blocked(_), _) => missed("blocked, it was said, was"),
        (Verdict::Behaviour(_), _) => missed("only what its flow looks like was told of"),
    }
}

/// Whether nothing was said of those who do not mine.
fn others(exchange: &Exchange, records: &[Record]) -> Finding {
    let is_miner = |alert: &&AlertRecord| {
        exchange.miners.iter().any(|miner| {
            let (source, destination) = ends(&alert.flow);
            [source, destination].contains(&miner.client)
        })
    };
    let false_ones: Vec<_> = alerts(records).filter(|alert| !is_miner(alert)).collect();
    let others = counted((exchange.flows - exchange.miners.len()) as u64, "other flow");
    match false_ones.first() {
        None => Finding::ok("silence", format_args!("about {others}")),
        Some(alert) => {
            let (source, destination) = ends(&alert.flow);
            let count = counted(false_ones.len() as u64, "alert");
            Finding::fail(
                "silence",
                format_args!("{count} about {others}, the first about {source} and {destination}"),
                None,
            )
        }
    }
}

fn alerts(records: &[Record]) -> impl Iterator<Item = &AlertRecord> {
    records.iter().filter_map(|record| match &record.body {
        RecordBody::Alert(alert) => Some(&**alert),
        _ => None,
    })
}

fn session(flow: &FlowRecord) -> Option<&pithead_detect::Mining> {
    match &flow.verdict {
        Some(Verdict::Session(mining)) => Some(mining),
        _ => None,
    }
}

const fn ends(flow: &Summary) -> (SocketAddr, SocketAddr) {
    (flow.source, flow.destination)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use pithead_capture::{MemorySource, PacketSource};
    use pithead_output::{QueueAccount, Terms};
    use pithead_wire::Timestamp;

    use super::super::super::finding::Verdict as Found;
    use super::*;
    use crate::aggregator::Aggregator;
    use crate::config::Config;
    use crate::pipeline::Pipeline;
    use crate::run::Tools;

    /// What is made of these frames, as if a link had carried them.
    fn seen(frames: &[Vec<u8>]) -> (Vec<Record>, StatsRecord) {
        let tools = Tools::new(Config::default()).expect("the defaults are sound");
        let mut pipeline =
            Pipeline::new(Arc::new(tools.config.settings.clone()), &tools.anchors, tools.pools.clone(), 0, 1);
        let mut source = MemorySource::new();
        for (number, frame) in frames.iter().enumerate() {
            source.push(frame, Timestamp::from_nanos(number as i64 * 1_000_000));
        }
        while let Some(batch) = source.next_batch().expect("memory") {
            pipeline.on_frames(batch.frames());
        }
        pipeline.finish();
        let mut aggregator = Aggregator::live(&tools.config, tools.pools.clone(), 1);
        aggregator.absorb(0, &mut pipeline.report(frames.len() as u64, true));
        let mut records = Vec::new();
        aggregator.emit(|_| true, &mut |record| records.push(record));
        let count = Some(frames.len() as u64);
        let none = Some(0);
        let terms = Terms {
            seen: count,
            to_sockets: count,
            no_socket: none,
            filtered: none,
            received: count,
            rx_dropped: none,
            rx_ring_full: none,
            invalid: none,
            fill_ring_empty: none,
        };
        let queues = vec![QueueAccount { mode: "skb", terms, ..QueueAccount::default() }];
        let read = aggregator.frames_read();
        aggregator.set_capture(Some(CaptureStats { queues, read, closed: true, ..CaptureStats::default() }));
        (records, aggregator.stats(Duration::ZERO))
    }

    fn failed(exchange: &Exchange, frames: &[Vec<u8>]) -> Vec<&'static str> {
        let (records, stats) = seen(frames);
        let findings = findings(exchange, &records, &stats);
        findings.iter().filter(|finding| finding.verdict != Found::Ok).map(|finding| finding.check).collect()
    }

    #[test]
    fn all_that_was_sent_and_seen_is_well() {
        let exchange = Exchange::new();
        assert_eq!(failed(&exchange, &exchange.frames), [""; 0]);
    }

    #[test]
    fn miners_that_are_not_named_fail_it() {
        let silent = Exchange::new().without_words();
        assert_eq!(failed(&silent, &silent.frames), ["alert", "alert"]);
    }

    #[test]
    fn a_share_that_is_missing_fails_it() {
        let exchange = Exchange::new();
        let is_share = |frame: &Vec<u8>| frame.windows(15).any(|words| words == b"\"mining.submit\"");
        let last = exchange.frames.iter().rposition(is_share).expect("a share");
        let mut frames = exchange.frames.clone();
        frames.remove(last);
        assert_eq!(failed(&exchange, &frames), ["frames", "alert"]);
    }

    #[test]
    fn an_alert_about_others_fails_it() {
        let mut exchange = Exchange::new();
        exchange.miners.pop();
        assert_eq!(failed(&exchange, &exchange.frames), ["silence"]);
    }

    #[test]
    fn an_account_that_does_not_add_up_fails_it() {
        let exchange = Exchange::new();
        let (_, mut stats) = seen(&exchange.frames);
        let capture = stats.capture.as_mut().expect("it was given");
        capture.queues[0].terms.filtered = Some(1);
        assert_eq!(account(&stats).verdict, Found::Fail);
        let capture = stats.capture.as_mut().expect("it was given");
        capture.queues[0].terms.filtered = None;
        let finding = account(&stats);
        assert!(finding.verdict == Found::Warn && finding.text.contains("filtered unknown"), "{finding:?}");
    }
}
