//! The record of a flow that is watched, and what is read from it.

use std::time::Duration;

use pithead_wire::{Tcp, Timestamp};

use crate::flow::Direction;

/// Sizes that differ by no more are one: numbers in a message grow digits.
const ALIKE: u16 = 4;
/// How long an answer may take. Real pools answered within 0.31 s.
const PROMPT_MS: u32 = 2000;
/// What a client says so soon after something that it did not ask for is the answer to that.
const PRODDED_MS: u32 = 1000;
/// Segments of one side that follow each other within this, the first of them full, are one message; and a server's messages one answer.
const TOGETHER_MS: u32 = 50;
/// The least of a segment that its sender filled: the minimum of IPv6 less headers and options.
const FULL: u16 = 1160;
/// How often a flow is looked at while it is young, until when, and later: in minutes.
const OFTEN: u16 = 1;
const YOUNG: u16 = 15;
const SELDOM: u16 = 10;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

/// How a side's bytes are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    /// Nothing was read yet.
    #[default]
    Unknown,
    /// By the headers of TLS records; where the next one begins is known.
    Records,
    /// The same, behind a hole.
    Lost,
    /// By segments.
    Segments,
    /// By segments, the latest of which may be a part of a message.
    Open,
}

/// Messages of one size, or about it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// Bytes of the first of them.
    pub size: u16,
    /// How many there were.
    pub count: u16,
}

impl Said {
    const fn is_like(self, size: u16) -> bool {
        self.count > 0 && self.size.abs_diff(size) <= ALIKE
    }
}

/// The times between events, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaps {
    sum: f32,
    squares: f32,
}

impl Gaps {
    /// The sums over these, in seconds.
    pub fn of(seconds: impl IntoIterator<Item = f32>) -> Self {
        let mut gaps = Self::default();
        seconds.into_iter().for_each(|seconds| gaps.take(seconds));
        gaps
    }

    fn add(&mut self, ms: u32) {
        self.take(ms as f32 / 1000.0);
    }

    fn take(&mut self, seconds: f32) {
        self.sum += seconds;
        self.squares += seconds * seconds;
    }

    /// Their mean in seconds, of so many.
    pub fn mean(self, count: u16) -> Option<f64> {
        (count > 0).then(|| f64::from(self.sum) / f64::from(count))
    }

    /// Their coefficient of variation: 0 for what keeps its period, 1 for what comes at random.
    pub fn variation(self, count: u16) -> Option<f64> {
        let mean = self.mean(count).filter(|mean| *mean > 0.0 && count > 1)?;
        let n = f64::from(count);
        let variance = ((f64::from(self.squares) - n * mean * mean) / (n - 1.0)).max(0.0);
        Some(variance.sqrt() / mean)
    }
}

/// What a client said in one size, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asks {
    /// How large, how often.
    pub said: Said,
    /// The times between them: one fewer than there were.
    pub gaps: Gaps,
    last_ms: u32,
}

impl Asks {
    /// Messages of one size with these times between them, in seconds.
    pub fn new(said: Said, gaps: impl IntoIterator<Item = f32>) -> Self {
        Self { said, gaps: Gaps::of(gaps), last_ms: 0 }
    }
}

/// What a flow looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Which way the client speaks.
    pub client: Direction,
    /// Whether what was measured were TLS records, of either side.
    pub tls: bool,
    /// For how long the flow has been watched.
    pub watched: Duration,
    /// The commonest messages of the client, the commonest first.
    pub asks: [Asks; 3],
    /// All messages of the client.
    pub asked: u16,
    /// The sizes of what came back at once.
    pub answers: [Said; 2],
    /// How many of the client's messages were answered at once.
    pub answered: u16,
    /// How long those answers took on average, in seconds.
    pub delay: Option<f64>,
    /// The sizes of what the server said unasked.
    pub pushes: [Said; 2],
    /// How often it did.
    pub pushed: u16,
    /// The times between: one fewer than there were.
    pub push_gaps: Gaps,
    /// How often the client spoke within a second of that.
    pub prodded: u16,
    /// The client's messages that came within a quarter of a second of the one before.
    pub hasty: u16,
    /// The longest silence of both sides, in seconds.
    pub silence: u16,
}

/// What is kept of a flow that is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    began: Timestamp,
    /// Milliseconds since then of each side's latest message, and of the server's latest unasked one.
    last: [u32; 2],
    last_push: u32,
    /// Where each side's next record, or next byte, begins.
    next: [u32; 2],
    asks: [Asks; 3],
    answers: [Said; 2],
    pushes: [Said; 2],
    push_gaps: Gaps,
    delays_ms: u32,
    /// When the message began that may go on in the next segment.
    open_ms: u32,
    open: u16,
    told_minutes: u16,
    asked: u16,
    answered: u16,
    pushed: u16,
    prodded: u16,
    hasty: u16,
    silence_s: u16,
    /// Requests that wait for an answer.
    waiting: u8,
    readings: [Reading; 2],
    client: Direction,
}

const _: () = assert!(size_of::<Record>() <= 128);

impl Record {
    pub(super) fn new(client: Direction, began: Timestamp) -> Self {
        Self {
            began,
            last: [0; 2],
            last_push: 0,
            next: [0; 2],
            asks: [Asks::default(); 3],
            answers: [Said::default(); 2],
            pushes: [Said::default(); 2],
            push_gaps: Gaps::default(),
            delays_ms: 0,
            open_ms: 0,
            open: 0,
            told_minutes: 0,
            asked: 0,
            answered: 0,
            pushed: 0,
            prodded: 0,
            hasty: 0,
            silence_s: 0,
            waiting: 0,
            readings: [Reading::Unknown; 2],
            client,
        }
    }

    pub(super) fn side(&self, direction: Direction) -> Side {
        if direction == self.client { Side::Client } else { Side::Server }
    }

    /// Whether it is time to look at the flow. It counts as looked at then.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        let minutes = u16::try_from(self.ms(now) / 60_000).unwrap_or(u16::MAX);
        let pause = if minutes <= YOUNG { OFTEN } else { SELDOM };
        let due = minutes.saturating_sub(self.told_minutes) >= pause;
        if due {
            self.told_minutes = minutes;
        }
        due
    }

    /// Takes in a segment that holds something.
    pub(super) fn segment(&mut self, side: Side, tcp: &Tcp<'_>, now: Timestamp) {
        let ms = self.ms(now);
        let way = side as usize;
        match self.readings[way] {
            Reading::Records | Reading::Lost => self.records(side, tcp, ms),
            Reading::Segments | Reading::Open => self.bytes(side, tcp, ms),
            // A probe of a connection at rest is one byte that was said before.
            Reading::Unknown if tcp.payload_len == 1 => {}
            Reading::Unknown => {
                self.next[way] = tcp.sequence;
                if header(tcp.payload).is_some() {
                    self.readings[way] = Reading::Records;
                    self.records(side, tcp, ms);
                } else {
                    self.readings[way] = Reading::Segments;
                    self.bytes(side, tcp, ms);
                }
            }
        }
    }

    /// Counts the message that may have gone on: it has not.
    pub(super) fn flush(&mut self) {
        for side in [Side::Client, Side::Server] {
            let reading = &mut self.readings[side as usize];
            if *reading == Reading::Open {
                *reading = Reading::Segments;
                self.message(side, self.open, self.open_ms);
            }
        }
    }

    /// Reads on at the next record.
    fn records(&mut self, side: Side, tcp: &Tcp<'_>, ms: u32) {
        let way = side as usize;
        let ahead = tcp.sequence.wrapping_sub(self.next[way]).cast_signed();
        let lost = self.readings[way] == Reading::Lost || ahead > 0;
        let mut at = if lost { 0 } else { ahead.unsigned_abs() as usize };
        while at < tcp.payload_len {
            let Some((kind, size)) = tcp.payload.get(at..).and_then(header) else {
                // In the midst of a record, or a header that is cut: the next segment that begins with one will do.
                self.readings[way] = Reading::Lost;
                return;
            };
            self.readings[way] = Reading::Records;
            if kind == APPLICATION_DATA {
                self.message(side, size, ms);
            }
            at += HEADER + usize::from(size);
            self.next[way] = tcp.sequence.wrapping_add(at as u32);
        }
    }

    /// Counts bytes that were not said before.
    fn bytes(&mut self, side: Side, tcp: &Tcp<'_>, ms: u32) {
        let way = side as usize;
        let end = tcp.sequence.wrapping_add(tcp.payload_len as u32);
        let fresh = end.wrapping_sub(self.next[way]).cast_signed();
        if fresh <= 0 {
            return;
        }
        self.next[way] = end;
        let size = u16::try_from(tcp.payload_len.min(fresh.unsigned_abs() as usize)).unwrap_or(u16::MAX);
        if self.readings[way] == Reading::Open && ms.saturating_sub(self.open_ms) <= TOGETHER_MS {
            self.open = self.open.saturating_add(size);
        } else {
            self.flush();
            (self.readings[way], self.open, self.open_ms) = (Reading::Open, size, ms);
        }
        // A segment that its sender did not fill is the last of its message.
        if size < FULL {
            self.flush();
        }
    }

    fn message(&mut self, side: Side, size: u16, ms: u32) {
        let silence = ms.saturating_sub(self.last[0].max(self.last[1])) / 1000;
        self.silence_s = self.silence_s.max(u16::try_from(silence).unwrap_or(u16::MAX));
        match side {
            Side::Client => self.ask(size, ms),
            Side::Server => self.reply(size, ms),
        }
        self.last[side as usize] = ms;
    }

    fn ask(&mut self, size: u16, ms: u32) {
        if self.asked > 0 && ms.saturating_sub(self.last[0]) < 250 {
            self.hasty = self.hasty.saturating_add(1);
        }
        self.asked = self.asked.saturating_add(1);
        if self.pushed > 0 && self.last[0] < self.last_push && ms.saturating_sub(self.last_push) <= PRODDED_MS
        {
            self.prodded = self.prodded.saturating_add(1);
        }
        // Those before that were not answered in time will not be.
        if ms.saturating_sub(self.last[0]) > PROMPT_MS {
            self.waiting = 0;
        }
        self.waiting = self.waiting.saturating_add(1);
        let place = place(self.asks.map(|asks| asks.said), size);
        let Some(asks) = place.and_then(|place| self.asks.get_mut(place)) else { return };
        if asks.said.is_like(size) {
            if asks.said.count < u16::MAX {
                asks.gaps.add(ms.saturating_sub(asks.last_ms));
                asks.said.count += 1;
            }
        } else {
            *asks = Asks { said: Said { size, count: 1 }, ..Asks::default() };
        }
        asks.last_ms = ms;
    }

    fn reply(&mut self, size: u16, ms: u32) {
        let since = ms.saturating_sub(self.last[0]);
        if self.waiting > 0 && since <= PROMPT_MS {
            self.waiting -= 1;
            self.answered = self.answered.saturating_add(1);
            self.delays_ms = self.delays_ms.saturating_add(since);
            count(&mut self.answers, size);
        } else if ms.saturating_sub(self.last[1]) > TOGETHER_MS || self.last[1] == 0 {
            if self.pushed > 0 && self.pushed < u16::MAX {
                self.push_gaps.add(ms.saturating_sub(self.last_push));
            }
            self.pushed = self.pushed.saturating_add(1);
            self.last_push = ms;
            count(&mut self.pushes, size);
        }
    }

    /// What the flow looks like so far.
    pub(super) fn shape(&self) -> Shape {
        let mut asks = self.asks;
        asks.sort_by_key(|asks| std::cmp::Reverse(asks.said.count));
        let mut pushes = self.pushes;
        pushes.sort_by_key(|said| std::cmp::Reverse(said.count));
        let mut answers = self.answers;
        answers.sort_by_key(|said| std::cmp::Reverse(said.count));
        let is_tls = |reading: &Reading| matches!(reading, Reading::Records | Reading::Lost);
        let answered = f64::from(self.answered);
        Shape {
            client: self.client,
            tls: self.readings.iter().any(is_tls),
            watched: Duration::from_millis(u64::from(self.last[0].max(self.last[1]))),
            asks,
            asked: self.asked,
            answers,
            answered: self.answered,
            delay: (self.answered > 0).then(|| f64::from(self.delays_ms) / answered / 1000.0),
            pushes,
            pushed: self.pushed,
            push_gaps: self.push_gaps,
            prodded: self.prodded,
            hasty: self.hasty,
            silence: self.silence_s,
        }
    }

    /// Milliseconds since it began: enough for 49 days, where it stays.
    fn ms(&self, now: Timestamp) -> u32 {
        u32::try_from(now.since(self.began).as_millis()).unwrap_or(u32::MAX)
    }
}

/// Where a size is counted: with its like, in an empty place, or in that of a size that was met once or twice.
fn place<const N: usize>(said: [Said; N], size: u16) -> Option<usize> {
    said.iter().position(|said| said.is_like(size)).or_else(|| {
        let rarest = (0..N).min_by_key(|place| said[*place].count)?;
        (said[rarest].count <= 2).then_some(rarest)
    })
}

fn count<const N: usize>(said: &mut [Said; N], size: u16) {
    if let Some(place) = place(*said, size) {
        let said = &mut said[place];
        if said.is_like(size) {
            said.count = said.count.saturating_add(1);
        } else {
            *said = Said { size, count: 1 };
        }
    }
}

const HEADER: usize = 5;
const APPLICATION_DATA: u8 = 23;
/// The most that a record may hold, with what ciphers add (RFC 8446, section 5.2; RFC 5246 allows as much more).
const LARGEST: u16 = (1 << 14) + 2048;

/// The kind and the size of the TLS record that begins here, if one can.
fn header(bytes: &[u8]) -> Option<(u8, u16)> {
    let &[kind, 3, 0..=4, high, low] = bytes.first_chunk::<HEADER>()? else { return None };
    let size = u16::from_be_bytes([high, low]);
    ((20..=24).contains(&kind) && size > 0 && size <= LARGEST).then_some((kind, size))
}

impl Shape {
    /// What a flow looks like of which the two directions were seen apart: the client's side is known from here, the server's from `other`. Which
    /// of the server's messages answers which of the client's is not known; the smaller of two common sizes stands for the answers.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let (client, server) = if self.asked > 0 { (self, other) } else { (other, self) };
        let [one, two] = server.pushes;
        let (answers, pushes) = if two.count == 0 || one.size <= two.size { (one, two) } else { (two, one) };
        Self {
            tls: client.tls || server.tls,
            watched: client.watched.max(server.watched),
            answers: [answers, Said::default()],
            answered: answers.count,
            delay: None,
            pushes: [pushes, Said::default()],
            pushed: server.pushed.saturating_sub(answers.count),
            silence: client.silence.min(server.silence),
            ..*client
        }
    }
}
