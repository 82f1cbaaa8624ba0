//! From a shape to reasons.

use std::ops::RangeInclusive;

use pithead_flow::{Asks, Said, Shape};

use super::weights::{self, Trait};
use super::{Context, Reason, ports};

/// How many messages of one size are needed before anything is said of their times.
const FEW: u16 = 5;
/// Bytes of a share in a message: the smallest are Stratum V2's, and in JSON that of Bitcoin with the shortest names, which TLS makes larger; the
/// largest is Equihash's with its solution.
const SHARE: RangeInclusive<u16> = 62..=3600;
const SHARE_IN_TLS: RangeInclusive<u16> = 112..=3700;
/// Bytes of an answer to a share: JSON has no fewer.
const ANSWER: RangeInclusive<u16> = 22..=200;
const ANSWER_IN_TLS: RangeInclusive<u16> = 39..=240;
/// Bytes of a job: it holds at least a hash or a block's head in hexadecimal digits, and at most the branches of a large block.
const JOB: RangeInclusive<u16> = 200..=4000;
const JOB_IN_TLS: RangeInclusive<u16> = 217..=4100;

/// Whether enough was said to judge. Of a half of a flow only one side is known.
pub(super) fn is_enough(shape: &Shape) -> bool {
    shape.asks[0].said.count >= FEW || (shape.asked == 0 && shape.pushed >= FEW)
}

/// Everything that speaks for or against.
pub(super) fn all(shape: &Shape, context: &Context) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |told: Option<(Trait, String)>| {
        reasons.extend(told.map(|(Trait { name, weight }, text)| Reason { name, weight, text }));
    };
    // Whoever asks for work by a clock is known by that; of its shares there may be none for hours.
    if let Some(told) = polled(shape) {
        add(Some(told));
    } else {
        [sizes, times, answers, jobs, version_2, haste, prodded]
            .map(|look| look(shape))
            .into_iter()
            .for_each(&mut add);
    }
    surroundings(shape, context, &mut add);
    reasons
}

/// Of how many sizes the client's messages are.
fn sizes(shape: &Shape) -> Option<(Trait, String)> {
    let Said { size, count } = share(shape)?.said;
    let of = shape.asked;
    let told = format!("{count} of the client's {of} messages have {size} bytes");
    // Requests for work and hash rates are said beside shares, each in a size of its own.
    let known: u16 = shape.asks.iter().map(|asks| asks.said.count).filter(|count| *count >= 3).sum();
    match (part(count, of), part(known, of)) {
        (most, _) if most >= 0.6 && fits(size, shape, SHARE, SHARE_IN_TLS) => {
            Some((weights::SHARE_SIZES, told))
        }
        (_, known) if known < 0.7 => Some((weights::MANY_SIZES, told)),
        _ => None,
    }
}

/// When the messages of that size come.
fn times(shape: &Shape) -> Option<(Trait, String)> {
    let asks = share(shape)?;
    let gaps = asks.said.count.saturating_sub(1);
    let (mean, variation) = (asks.gaps.mean(gaps)?, asks.gaps.variation(gaps)?);
    let told = format!("they come {mean:.1} s apart on average, with a variation of {variation:.2}");
    match variation {
        0.55..=1.7 if mean >= 1.0 && gaps >= FEW => Some((weights::RANDOM_GAPS, told)),
        ..0.25 => Some((weights::CLOCKED, told)),
        _ => None,
    }
}

/// What comes back.
fn answers(shape: &Shape) -> Option<(Trait, String)> {
    let size = share(shape)?.said.size;
    let most = shape.answers[0];
    if shape.answered == 0 {
        return None;
    }
    let after = shape.delay.map(|delay| format!(", after {delay:.2} s on average")).unwrap_or_default();
    let told = format!(
        "{} of {} messages were answered{after}, {} of them with {} bytes",
        shape.answered, shape.asked, most.count, most.size
    );
    let (answered, alike) = (part(shape.answered, shape.asked), part(most.count, shape.answered));
    let soon = shape.delay.is_none_or(|delay| delay <= 1.0);
    let small = most.size < size && fits(most.size, shape, ANSWER, ANSWER_IN_TLS);
    // A pool refuses a share now and then, in other words.
    if answered >= 0.85 && alike >= 0.8 && soon && small {
        return Some((weights::SMALL_ANSWERS, told));
    }
    (answered >= 0.3 && (most.size > size || alike < 0.5)).then_some((weights::LARGE_ANSWERS, told))
}

/// What comes unasked.
fn jobs(shape: &Shape) -> Option<(Trait, String)> {
    let most = shape.pushes[0];
    let minutes = shape.watched.as_secs() / 60;
    if shape.pushed == 0 && shape.answered > 0 && minutes >= 4 {
        let told = format!("the server said nothing of its own accord in {minutes} minutes");
        return Some((weights::NO_JOBS, told));
    }
    let told = format!(
        "the server spoke of its own accord {} times, {} of them with {} bytes",
        shape.pushed, most.count, most.size
    );
    let is_job = most.size > shape.answers[0].size
        && (fits(most.size, shape, JOB, JOB_IN_TLS) || version_2(shape).is_some());
    // Twice is a coincidence: among many flows, looked at each minute, two of any size meet by chance.
    match most.count {
        3.. if is_job && part(most.count, shape.pushed) >= 0.6 => Some((weights::PUSHED_JOBS, told)),
        1.. if is_job && shape.pushed <= 4 => Some((weights::FEW_JOBS, told)),
        _ => None,
    }
}

/// Stratum V2's sizes on the wire, sealed: shares of 62 bytes, or of 63 and an extranonce of up to 32; success of 58, and jobs and targets.
fn version_2(shape: &Shape) -> Option<(Trait, String)> {
    let share = share(shape)?.said.size;
    let is_share = !shape.tls && (62..=95).contains(&share);
    let answer = shape.answers[0];
    let is_server = |said: &Said| said.count > 0 && matches!(said.size, 58 | 74 | 83 | 86 | 87);
    (is_share && answer.size == 58 && shape.pushes.iter().any(is_server)).then(|| {
        (
            weights::V2_SIZES,
            format!("shares of {share} bytes, answers of 58, pushes of {}", shape.pushes[0].size),
        )
    })
}

/// Work that is asked for by a clock and pushed besides, in one size, while hash rates are reported by another clock.
fn polled(shape: &Shape) -> Option<(Trait, String)> {
    let variation = |asks: &Asks| asks.gaps.variation(asks.said.count.saturating_sub(1));
    let by_clock = |asks: &&Asks| asks.said.count >= 8 && variation(asks).is_some_and(|cv| cv < 0.25);
    let mut clocked = shape.asks.iter().filter(by_clock);
    let (one, two) = (clocked.next()?.said.size, clocked.next()?.said.size);
    let (answer, push) = (shape.answers[0], shape.pushes[0]);
    let work = part(answer.count, shape.answered) >= 0.6
        && part(push.count, shape.pushed) >= 0.6
        && push.count >= 3
        && push.size.abs_diff(answer.size) <= 4
        && answer.size > one.max(two);
    work.then(|| {
        let told = format!(
            "messages of {one} and of {two} bytes come by a clock each; what answers, and {} times came unasked, has {} bytes",
            push.count, answer.size
        );
        (weights::POLLED_WORK, told)
    })
}

/// Messages that follow each other at once.
fn haste(shape: &Shape) -> Option<(Trait, String)> {
    (part(shape.hasty, shape.asked) > 0.25).then(|| {
        let told = format!(
            "{} of the client's {} messages follow another within a quarter of a second",
            shape.hasty, shape.asked
        );
        (weights::HASTY, told)
    })
}

/// A client that answers what it did not ask for, or speaks for no other reason. A miner works on, and finds its share at any time.
fn prodded(shape: &Shape) -> Option<(Trait, String)> {
    (shape.pushed >= 2 && part(shape.prodded, shape.pushed.min(shape.asked)) > 0.5).then(|| {
        let told = format!(
            "{} of the client's {} messages follow one of the {} that it did not ask for",
            shape.prodded, shape.asked, shape.pushed
        );
        (weights::PRODDED, told)
    })
}

/// What is known beside the shape.
fn surroundings(shape: &Shape, context: &Context, add: &mut impl FnMut(Option<(Trait, String)>)) {
    if let Some(hello) = context.hello {
        add((!hello.names_server)
            .then(|| (weights::NO_SERVER_NAME, "TLS without a server's name".to_owned())));
        add((!hello.names_protocol)
            .then(|| (weights::NO_PROTOCOL, "TLS without a protocol's name".to_owned())));
    }
    let port = context.port;
    if ports::is_pools(port) {
        add(Some((weights::POOL_PORT, format!("port {port} is one that pools like"))));
    } else if shape.tls && !ports::is_services(port) {
        add(Some((weights::ODD_PORT, format!("TLS on port {port}, which is no known service's"))));
    }
    add(context
        .pool
        .as_ref()
        .map(|name| (weights::POOL_NAME, format!("the address was looked up as {name}"))));
    add(context.mined_by.map(|host| (weights::MINED_BEFORE, format!("{host} mined there before"))));
    add((context.alike > 0).then(|| {
        let told = format!("the host says the same to {} other servers on port {port}", context.alike);
        (weights::FAN_OUT, told)
    }));
}

/// The messages that would be shares: the commonest of the client.
fn share(shape: &Shape) -> Option<&Asks> {
    Some(&shape.asks[0]).filter(|asks| asks.said.count >= FEW)
}

fn fits(size: u16, shape: &Shape, plain: RangeInclusive<u16>, tls: RangeInclusive<u16>) -> bool {
    if shape.tls { tls.contains(&size) } else { plain.contains(&size) }
}

fn part(some: u16, of: u16) -> f64 {
    if of == 0 { 0.0 } else { f64::from(some) / f64::from(of) }
}
