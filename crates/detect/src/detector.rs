//! Looks into flows: the one door through which packets come into this crate.
//!
//! A TCP flow has a record from its first payload on, for as long as there is something to learn: until its protocol has told all
//! that it tells, or until so many bytes have passed without a sign of mining. After that one comparison a payload remains, which
//! takes the flow up again where a message seems to begin. A flow that mines keeps its record, since its shares are counted.

use std::sync::Arc;

use pithead_flow::{Direction, Ended, Flow, Segment, Sighting as Frame, StreamLimits};
use pithead_wire::{Flags, Tcp, Timestamp, Udp};

use crate::anchors::{Anchors, Scanner};
use crate::app::App;
use crate::carriers::dns;
use crate::conversation::{Conversation, Depth};
use crate::dialect::DIALECTS;
use crate::event::{Body, Cause, Event, Oddities};
use crate::framing::Pool;
use crate::gate::{self, Credit, Pass};
use crate::json::Tokens;
use crate::judge::Judge;
use crate::nodes;
use crate::pools::Pools;

/// How much is looked at and held.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whether anything is looked into. If not, flows are counted and told of, and nothing is found: what the rest of the line costs.
    pub inspect: bool,
    /// Bytes of each direction that are read without a sign of mining, counted from the first ones seen. 2 KiB: a login comes in the first few
    /// hundred, also behind a banner or a proxy's answer. What has begun by then, a message, a head or a hello, is read to its end.
    pub depth_bytes: u64,
    /// Bytes of a direction that are read when it is taken up again later. 2 KiB: two messages of the usual length.
    pub resume_bytes: u64,
    /// Bytes of a flow that may pass without a sign of mining before its record is given up. 64 KiB: as much as a receiver takes without an
    /// answer.
    pub patience_bytes: u64,
    /// Flows that are looked into at the same time. 65,536: a second's worth of new flows on a busy 10G link.
    pub records: usize,
    /// Unfinished messages held at the same time, 4 KiB each.
    pub messages: usize,
    /// Directions of WebSockets of which 32 KiB are kept, that packed messages may refer back to. 256: 8 MiB; more browsers than mine behind one
    /// link.
    pub windows: usize,
    /// How each direction is put in order.
    pub stream: StreamLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inspect: true,
            depth_bytes: 2 << 10,
            resume_bytes: 2 << 10,
            patience_bytes: 64 << 10,
            records: 65_536,
            messages: 16_384,
            windows: 256,
            stream: StreamLimits::default(),
        }
    }
}

impl Limits {
    /// The same with another depth; `None`: every payload byte is read, for as long as there is something that can be.
    #[must_use]
    pub const fn with_depth(self, bytes: Option<u64>) -> Self {
        let Some(depth_bytes) = bytes else {
            return Self { depth_bytes: u64::MAX, resume_bytes: u64::MAX, patience_bytes: u64::MAX, ..self };
        };
        let patience_bytes =
            if self.patience_bytes > depth_bytes { self.patience_bytes } else { depth_bytes };
        Self { depth_bytes, patience_bytes, ..self }
    }
}

/// What the detector did and could not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectCounters {
    /// Flows looked into.
    pub inspected: u64,
    /// Flows taken up again.
    pub resumed: u64,
    /// Payloads judged alone since there was no room for a record.
    pub records_full: u64,
    /// Messages judged by their first piece since there was no room to hold it.
    pub messages_full: u64,
    /// Packed messages of WebSockets that were read without those before them since there was no room to keep these.
    pub windows_full: u64,
    /// Readings of contested first bytes that were given up for later ones.
    pub readings_full: u64,
    /// What was odd in the streams looked into.
    pub oddities: Oddities,
}

impl DetectCounters {
    /// Adds what a record has counted that is about to go.
    fn close(&mut self, record: &Conversation) {
        self.oddities.add(record.oddities());
        self.readings_full += record.talk.readings_full;
    }
}

/// Of which flows the end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Of those that mine.
    Miners,
    /// Of all.
    All,
    /// Of all, with what hints at mining and is no proof alone: the other half of the flow may be somebody else's.
    Hints,
}

/// The detector of a worker.
#[derive(Debug)]
pub struct Detector {
    mind: Mind,
    messages: Pool,
    records: Vec<Option<Box<Conversation>>>,
    free: Vec<u32>,
    /// Records that may be used again.
    #[allow(clippy::vec_box, reason = "they move between lists, and are large")]
    spare: Vec<Box<Conversation>>,
    limits: Limits,
    counters: DetectCounters,
}

impl Detector {
    /// A detector that shares its patterns and its pool list with others.
    pub fn new(anchors: &Anchors, pools: Arc<Pools>, limits: Limits) -> Self {
        Self {
            mind: Mind { scanner: anchors.scanner(), pools, tokens: Tokens::default(), plain: Vec::new() },
            messages: Pool::new(limits.messages, limits.windows),
            records: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            limits,
            counters: DetectCounters::default(),
        }
    }

    /// Goes on with another pool list: names that are met from here on are looked up in it.
    pub fn take_pools(&mut self, pools: Arc<Pools>) {
        self.mind.pools = pools;
    }

    /// What was done so far.
    pub fn counters(&self) -> DetectCounters {
        let (messages_full, windows_full) = (self.messages.refusals(), self.messages.unpacking.refusals());
        DetectCounters { messages_full, windows_full, ..self.counters }
    }

    /// Looks into a TCP segment; what it leads to is added to `out`. `before`: when the flow's packet before it came.
    pub fn tcp(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        before: Timestamp,
        frame: Frame,
        out: &mut Vec<Event>,
    ) {
        if !self.limits.inspect {
            return;
        }
        if !flow.has_record() {
            let pass = if flow.is_done() {
                self.consider(flow, direction, tcp, before, frame.at)
            } else {
                Pass::Read
            };
            if tcp.payload.is_empty() || pass == Pass::No {
                return;
            }
            if !self.open(flow, direction, pass, tcp.payload.len()) {
                return self.alone(flow, direction, tcp, frame, out);
            }
        }
        let Some(index) = flow.record() else { return };
        let Some(mut record) = self.records.get_mut(index as usize).and_then(Option::take) else { return };
        let reads = self.goes_on(&mut record, flow, direction, tcp, before, frame.at);
        self.read(&mut record, flow, direction, tcp, reads, frame, out);
        if record.settle(&mut self.messages) {
            self.counters.close(&record);
            record.talk.release(&mut self.messages);
            flow.set_done(true);
            flow.set_next(record.next());
            flow.set_record(None);
            self.free.push(index);
            record.empty();
            self.spare.push(record);
        } else {
            self.records[index as usize] = Some(record);
        }
    }

    /// Whether a segment of a flow that is left alone is worth reading. Keeps track of where both directions are.
    fn consider(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        before: Timestamp,
        now: Timestamp,
    ) -> Pass {
        let way = direction.index();
        let mut credit = flow.credit().map(Credit);
        credit.iter_mut().for_each(|credit| credit.earn(before, now));
        let mut pass = Pass::No;
        if !tcp.payload.is_empty() {
            let next = flow.next();
            // Whatever is under way in TLS, no credit would find a word in it.
            let mut none = Credit::default();
            let sealed = flow.app() == App::Tls.mark();
            let credit = if sealed { &mut none } else { &mut credit[way] };
            pass = gate::pass(tcp.payload, tcp.sequence, next.map(|next| next[way]), before, now, credit);
            if pass == Pass::Scan && !self.mind.scanner.is_worth_reading(tcp.payload) {
                pass = Pass::No;
            }
            if pass == Pass::No {
                let mut next = next.unwrap_or_else(|| {
                    let mut next = [tcp.acknowledgment; 2];
                    next[way] = tcp.sequence;
                    next
                });
                gate::advance(&mut next[way], tcp);
                flow.set_next(Some(next));
            }
        }
        flow.set_credit(credit.map(|credit| credit.0));
        pass
    }

    /// Whether the direction is read: it may rest, and this segment may wake it.
    fn goes_on(
        &mut self,
        record: &mut Conversation,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        before: Timestamp,
        now: Timestamp,
    ) -> bool {
        let awaited = record.talk.has_sign() || record.talk.is_awaited(direction, tcp.payload);
        let Some(rest) = record.resting(direction) else { return true };
        if tcp.payload.is_empty() {
            return false;
        }
        let way = direction.index();
        let mut credit = flow.credit().map(Credit);
        credit.iter_mut().for_each(|credit| credit.earn(before, now));
        let mut pass = gate::pass(tcp.payload, tcp.sequence, rest.next, before, now, &mut credit[way]);
        flow.set_credit(credit.map(|credit| credit.0));
        if awaited && pass == Pass::No {
            pass = Pass::Read;
        }
        if pass == Pass::Scan && !self.mind.scanner.is_worth_reading(tcp.payload) {
            pass = Pass::No;
        }
        if pass == Pass::No {
            gate::advance(rest.next.get_or_insert(tcp.sequence), tcp);
            record.talk.pass(tcp.payload.len());
            return false;
        }
        record.wake(direction, pass == Pass::Early, self.resume(pass, tcp.payload.len()));
        true
    }

    /// How much is read of a direction that is taken up again.
    fn resume(&self, pass: Pass, len: usize) -> u64 {
        if pass == Pass::Scan { self.limits.resume_bytes.min(len as u64) } else { self.limits.resume_bytes }
    }

    /// Looks into a UDP datagram.
    pub fn udp(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        udp: &Udp<'_>,
        frame: Frame,
        out: &mut Vec<Event>,
    ) {
        if !self.limits.inspect {
            return;
        }
        // Multicast DNS and LLMNR share the format.
        const DNS: [u16; 3] = [53, 5353, 5355];
        if DNS.contains(&udp.source_port) || DNS.contains(&udp.destination_port) {
            if let Ok(message) = dns::parse(udp.payload) {
                self.mind.judge(flow, frame, out).dns(&message, direction);
            }
        } else if flow.app() == App::Unknown.mark()
            && let Some(app) = nodes::datagram(udp.payload)
        {
            flow.set_app(app.mark());
        }
    }

    /// Says what there is to say of a flow that has ended.
    pub fn finish(&mut self, ended: &mut Ended, tell: Tell, out: &mut Vec<Event>) {
        let (end, at, sequence, number) = (ended.end, ended.at, ended.last_frame, ended.last_number);
        let flow = &mut ended.flow();
        let frame = Frame { at: flow.last(), sequence, number, interface: flow.interface(), wire_len: 0 };
        let mut mining = None;
        let mut oddities = Oddities::default();
        if let Some(index) = flow.record()
            && let Some(mut record) = self.records.get_mut(index as usize).and_then(Option::take)
        {
            self.drain(&mut record, flow, frame, out);
            oddities = record.oddities();
            self.counters.close(&record);
            self.free.push(index);
            mining = record
                .talk
                .session
                .as_ref()
                .filter(|session| session.is_alerted() || (tell == Tell::Hints && session.is_hint()))
                .and_then(|session| session.mining(DIALECTS[session.dialect()].name()))
                .map(Box::new);
            record.empty();
            self.spare.push(record);
        }
        flow.set_record(None);
        let cause = Cause { sequence, number };
        let app = App::from_mark(flow.app());
        // Data in the SYN may have told more than that nobody answered.
        if flow.is_unanswered() && !flow.is_alerted() {
            let reset = flow.flags()[1].contains(Flags::RST);
            let body = Body::Unanswered { reset, end };
            out.push(Event { cause, at, flow: flow.summary(), app, body });
        }
        // A flow without a record was alerted by a payload alone; it has ended all the same.
        if tell != Tell::Miners || flow.is_alerted() || mining.is_some() {
            let body = Body::Flow { end: Some(end), mining, oddities };
            out.push(Event { cause, at, flow: flow.summary(), app, body });
        }
    }

    /// Opens a record for a flow. False when there is no room.
    fn open(&mut self, flow: &mut Flow<'_>, direction: Direction, pass: Pass, len: usize) -> bool {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.records.len() < self.limits.records => {
                self.records.push(None);
                self.records.len() as u32 - 1
            }
            None => return false,
        };
        let record = self.conversation(flow, direction, pass, len);
        if flow.is_done() {
            self.counters.resumed += 1;
        } else {
            self.counters.inspected += 1;
        }
        let record = match self.spare.pop() {
            Some(mut place) => {
                *place = record;
                place
            }
            None => Box::new(record),
        };
        self.records[index as usize] = Some(record);
        flow.set_record(Some(index));
        true
    }

    fn conversation(&self, flow: &Flow<'_>, direction: Direction, pass: Pass, len: usize) -> Conversation {
        let Limits { depth_bytes, patience_bytes, .. } = self.limits;
        let depth = Depth { each: depth_bytes, patience: patience_bytes };
        if flow.is_done() {
            let mut record = Conversation::resumed(flow.next(), depth);
            record.wake(direction, pass == Pass::Early, self.resume(pass, len));
            return record;
        }
        let dns = [flow.source().port(), flow.destination().port()].contains(&53);
        let starts = flow.isn().map(|isn| isn.map(|isn| isn.wrapping_add(1)));
        // Data may come with the SYN, before anybody answers it.
        let opens = starts.iter().all(Option::is_some) || (starts[0].is_some() && flow.is_unanswered());
        Conversation::new(starts, opens, depth, dns)
    }

    /// Judges a segment by itself.
    fn alone(
        &mut self,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        frame: Frame,
        out: &mut Vec<Event>,
    ) {
        self.counters.records_full += 1;
        let Limits { resume_bytes, patience_bytes, .. } = self.limits;
        let depth = Depth { each: resume_bytes, patience: patience_bytes };
        let mut record = Conversation::new([None; 2], false, depth, false);
        self.read(&mut record, flow, direction, tcp, true, frame, out);
        self.drain(&mut record, flow, frame, out);
    }

    #[allow(clippy::too_many_arguments, reason = "all that is known of a segment and where it belongs")]
    fn read(
        &mut self,
        record: &mut Conversation,
        flow: &mut Flow<'_>,
        direction: Direction,
        tcp: &Tcp<'_>,
        reads: bool,
        frame: Frame,
        out: &mut Vec<Event>,
    ) {
        let way = direction.index();
        let other_reads = record.resting(direction.reverse()).is_none();
        let Conversation { halves, talk, .. } = record;
        let limits = self.limits.stream;
        let (mut judge, messages) = (self.mind.judge(flow, frame, out), &mut self.messages);
        let mut sequence = tcp.sequence;
        if tcp.flags.contains(Flags::SYN) {
            sequence = sequence.wrapping_add(1);
            if reads {
                halves[way].synchronize(sequence);
            }
        }
        if tcp.flags.contains(Flags::ACK) && other_reads {
            let other = direction.reverse();
            halves[other.index()].acknowledged(tcp.acknowledgment, &limits, &mut |piece| {
                talk.take(other, piece, messages, &mut judge);
            });
        }
        // What a reset carries is a reason for people, if anything, and no part of the stream.
        if reads && !tcp.payload.is_empty() && !tcp.flags.contains(Flags::RST) {
            let segment = Segment { sequence, payload: tcp.payload, payload_len: tcp.payload_len };
            halves[way].push(segment, &limits, &mut |piece| {
                talk.take(direction, piece, messages, &mut judge);
            });
        }
    }

    /// Reads what is still held back when a flow ends.
    fn drain(&mut self, record: &mut Conversation, flow: &mut Flow<'_>, frame: Frame, out: &mut Vec<Event>) {
        let Conversation { halves, talk, .. } = record;
        let limits = self.limits.stream;
        let (mut judge, messages) = (self.mind.judge(flow, frame, out), &mut self.messages);
        for direction in [Direction::Forward, Direction::Backward] {
            halves[direction.index()].finish(&limits, &mut |piece| {
                talk.take(direction, piece, messages, &mut judge);
            });
            talk.end(direction, messages, &mut judge);
        }
        talk.end_turns(&mut judge);
    }
}

/// What is asked about everything that is read.
#[derive(Debug)]
struct Mind {
    scanner: Scanner,
    pools: Arc<Pools>,
    tokens: Tokens,
    /// Room for a message without its escapes.
    plain: Vec<u8>,
}

impl Mind {
    fn judge<'a>(&'a mut self, flow: &'a mut Flow<'_>, frame: Frame, out: &'a mut Vec<Event>) -> Judge<'a> {
        let Self { scanner, pools, tokens, plain } = self;
        Judge { scanner, tokens, plain, pools, flow: flow.lend(), frame, rival: false, out }
    }
}
