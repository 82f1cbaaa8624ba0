//! The straight line: frame, packet, flow, finding.
//!
//! A pipeline has no clock, thread, socket or file. Several of them share the work by the innermost address pair: each is shown every
//! frame and keeps its own, so that all of them agree on the time, on fragments, and on which frame was which.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use pithead_capture::Frame;
use pithead_detect::pools::Pools;
use pithead_detect::{Anchors, App, Body, Cause, Detector, Event, Limits, Tell};
use pithead_flow::{
    Clock, Direction, Flow, FlowTable, FragmentLimits, Fragments, HostStats, KeyTags, Lookup, Moved, Shape,
    Sighting, Timeouts, Watch, WatchLimits, owner,
};
use pithead_wire::{
    self as wire, Checksums, Decoded, Discard, Flags, Fragment, LinkType, Packet, Timestamp, Transport,
};

use crate::report::Report;

/// How many frames are read before the first of them is looked at: enough that memory has time to answer, few enough that what was read
/// stays in the nearest cache.
const AHEAD: usize = 32;
/// How many fragmented datagrams may lie in each other.
const NESTED: u8 = 3;

/// Whose of several workers' a frame is, told without what came before it; `None`: all of them have to look.
pub(crate) fn taker(frame: &Frame<'_>, checksums: Checksums, workers: usize) -> Option<u16> {
    let (source, destination) = match wire::plain_pair(frame.link, frame.bytes) {
        Some(pair) => pair,
        None => match wire::decode(frame.link, frame.bytes, checksums) {
            Ok(Decoded::Packet(packet)) => (packet.source, packet.destination),
            Ok(Decoded::Fragment(_)) => return None,
            Err(_) => return Some(0),
        },
    };
    u16::try_from(owner(source, destination, workers)).ok()
}

/// How a pipeline is to work. Shared by all of them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to do about checksums.
    pub checksums: Checksums,
    /// The most flows of a worker.
    pub max_flows: usize,
    /// Which tags tell flows apart.
    pub key_tags: KeyTags,
    /// When flows end.
    pub timeouts: Timeouts,
    /// How much is held of unfinished datagrams.
    pub fragments: FragmentLimits,
    /// How much the detector looks at and holds.
    pub limits: Limits,
    /// Which flows are watched.
    pub watch: WatchLimits,
    /// Whether every flow is told of at its end, or only those that mine.
    pub all_flows: bool,
    /// Whether the other half of a flow may be another worker's, so that the ends of halves are told of as well.
    pub halves: bool,
    /// Whether hosts are summed up.
    pub hosts: bool,
    /// Which addresses are ours.
    pub home: Vec<IpNet>,
}

/// One worker's share of the work.
#[derive(Debug)]
pub struct Pipeline {
    settings: Arc<Settings>,
    me: usize,
    workers: usize,
    clock: Clock,
    fragments: Fragments,
    flows: FlowTable,
    detector: Detector,
    watch: Watch,
    report: Report,
}

impl Pipeline {
    /// Pipeline number `me` of `workers`.
    pub fn new(
        settings: Arc<Settings>,
        anchors: &Anchors,
        pools: Arc<Pools>,
        me: usize,
        workers: usize,
    ) -> Self {
        Self {
            me,
            workers,
            clock: Clock::default(),
            fragments: Fragments::new(settings.fragments),
            flows: FlowTable::new(settings.max_flows, settings.timeouts).with_tags(settings.key_tags),
            detector: Detector::new(anchors, pools, settings.limits),
            // Who looks for nothing watches nothing.
            watch: Watch::new(if settings.limits.inspect {
                settings.watch
            } else {
                WatchLimits { flows: 0, ..settings.watch }
            }),
            report: Report::new(),
            settings,
        }
    }

    /// Goes on with another pool list. Flows that are under way keep what they have shown.
    pub fn take_pools(&mut self, pools: Arc<Pools>) {
        self.detector.take_pools(pools);
    }

    /// Takes a frame.
    pub fn on_frame(&mut self, frame: Frame<'_>) {
        self.on_frames(std::iter::once(frame));
    }

    /// Takes frames, in the order in which they were captured. How many are taken at a time makes no difference to what comes of them.
    ///
    /// Each is read first, and the memory asked for that its flow will be looked for in; by the time its turn comes it is there.
    pub fn on_frames<'a>(&mut self, mut frames: impl Iterator<Item = Frame<'a>>) {
        let mut ahead = [const { Read::NOTHING }; AHEAD];
        loop {
            let mut count = 0;
            for (place, frame) in ahead.iter_mut().zip(&mut frames) {
                self.read(frame, place);
                count += 1;
            }
            let read = &mut ahead[..count];
            if read.is_empty() {
                return;
            }
            for lookup in read.iter_mut().filter_map(|read| read.lookup.as_mut()) {
                self.flows.approach(lookup);
            }
            read.iter().for_each(|read| self.on_read(read));
        }
    }

    /// Reads a frame, as far as that does not depend on those before it. What comes of it is written where it will be looked for: it is
    /// some cache lines long.
    #[inline(always)]
    fn read<'a>(&self, frame: Frame<'a>, to: &mut Read<'a>) {
        to.frame = frame;
        to.is_others = frame.taker.is_some_and(|taker| usize::from(taker) != self.me);
        to.lookup = None;
        if to.is_others {
            return;
        }
        wire::decode_into(&mut to.decoded, frame.link, frame.bytes, self.settings.checksums);
        if let Ok(Decoded::Packet(packet)) = &to.decoded
            && self.is_mine(packet.source, packet.destination)
        {
            to.lookup = self.flows.lookup(packet);
        }
    }

    #[inline]
    fn on_read(&mut self, read: &Read<'_>) {
        let frame = &read.frame;
        let moved = self.clock.observe(frame.at);
        if moved != Moved::Within {
            self.flows.tick(moved, &self.clock);
            self.take_ended();
        }
        if read.is_others {
            return;
        }
        match (&read.decoded, &read.lookup) {
            (Ok(Decoded::Packet(packet)), Some(lookup)) => {
                self.count(frame, None);
                self.on_packet(packet, lookup, frame);
            }
            (Ok(Decoded::Packet(packet)), None) => {
                if self.is_mine(packet.source, packet.destination) {
                    self.count(frame, None);
                    self.report.counters.frames.other_protocols += 1;
                }
            }
            (Ok(Decoded::Fragment(fragment)), _) => self.on_fragment(fragment, frame),
            // Of frames that nobody has dealt out, one without addresses is the first's.
            (Err(reason), _) if self.me == 0 || frame.taker.is_some() => self.count(frame, Some(*reason)),
            (Err(_), _) => {}
        }
    }

    /// Notes that the frames from here on are another file's.
    pub fn on_file(&mut self, first_sequence: u64, file: usize) {
        self.report.files.push((first_sequence, file));
    }

    /// Notes an error of the source.
    pub fn on_error(&mut self, error: String) {
        self.report.errors.push(error);
    }

    /// Ends all flows: no more frames will come.
    pub fn finish(&mut self) {
        while self.flows.finish(self.clock.now()) {
            self.take_ended();
        }
    }

    /// Moves time on where no frame does: a link may be silent.
    pub fn on_time(&mut self, now: Timestamp) {
        let moved = self.clock.observe(now);
        if moved != Moved::Within {
            self.flows.tick(moved, &self.clock);
            self.take_ended();
        }
    }

    /// Gives up the newest events beyond so many since the last report, and counts them.
    pub fn keep_events(&mut self, most: usize) {
        let surplus = self.report.events.len().saturating_sub(most);
        if surplus > 0 {
            self.report.events.truncate(most);
            self.report.counters.events_dropped += surplus as u64;
        }
    }

    /// Hands over what has happened since the last report.
    pub fn report(&mut self, until: u64, last: bool) -> Report {
        Report { last, ..self.exchange(Report::new(), until) }
    }

    /// The same, going on with `empty`, a report in which nothing is noted yet.
    pub fn exchange(&mut self, empty: Report, until: u64) -> Report {
        let counters = &mut self.report.counters;
        counters.flows = self.flows.counters();
        counters.detect = self.detector.counters();
        counters.watch = self.watch.counters();
        counters.jumps_back = self.clock.jumps_back();
        counters.fragments = *self.fragments.counters();
        counters.frames.refused = counters.flows.refused;
        counters.frames.in_flows = counters.flows.packets;
        let fresh = Report { counters: *counters, ..empty };
        let mut report = std::mem::replace(&mut self.report, fresh);
        (report.until, report.now) = (until, self.clock.now());
        report
    }

    fn is_mine(&self, a: IpAddr, b: IpAddr) -> bool {
        owner(a, b, self.workers) == self.me
    }

    /// Counts a frame as decoded, or as discarded for a reason.
    fn count(&mut self, frame: &Frame<'_>, discarded: Option<Discard>) {
        let frames = &mut self.report.counters.frames;
        frames.read += 1;
        frames.bytes += u64::from(frame.wire_len);
        match discarded {
            None => frames.decoded += 1,
            Some(reason) => frames.discarded[reason as usize] += 1,
        }
    }

    fn on_packet(&mut self, packet: &Packet<'_>, lookup: &Lookup, frame: &Frame<'_>) {
        let seen = sighting(frame);
        // Ended flows are taken before this packet's is looked at, in whose place they may have been.
        let observed = self.flows.observe(lookup, packet, seen, &self.clock);
        self.take_ended();
        let Some(observed) = observed else { return };
        let mut flow = self.flows.at(observed.place, lookup);
        let events = &mut self.report.events;
        show(&mut self.detector, &mut flow, observed.direction, packet, observed.before, seen, events);
        if let Transport::Tcp(tcp) = &packet.transport
            && Watch::concerns(&flow, observed.before, seen.at)
            && let Some(shape) = self.watch.observe(&mut flow, observed.direction, tcp, seen.at)
            && !flow.is_alerted()
        {
            let cause = Cause { sequence: seen.sequence, number: seen.number };
            events.push(watched(&flow, shape, cause, seen.at));
        }
    }

    /// Shows the detector another reading of a packet that has been counted.
    fn inspect(&mut self, packet: &Packet<'_>, seen: Sighting) {
        if let Some((mut flow, direction)) = self.flows.find(packet) {
            let events = &mut self.report.events;
            show(&mut self.detector, &mut flow, direction, packet, seen.at, seen, events);
        }
    }

    /// A piece of a datagram. Every worker puts all of them together, since nobody knows whose the whole will be; each frame is counted by
    /// the owner of its own addresses, and the packet inside by the owner of the innermost ones.
    fn on_fragment(&mut self, fragment: &Fragment<'_>, frame: &Frame<'_>) {
        let outcome = self.reassemble(fragment, frame, 0);
        if !self.is_mine(fragment.source, fragment.destination) {
            return;
        }
        match outcome {
            Progress::Held => {
                self.count(frame, None);
                self.report.counters.frames.fragments += 1;
            }
            Progress::Whole => self.count(frame, None),
            Progress::Useless(reason) => self.count(frame, Some(reason)),
        }
    }

    /// Adds a fragment and goes on with the datagram that it completes, which may be a tunnel's and hold a fragment again.
    fn reassemble(&mut self, fragment: &Fragment<'_>, frame: &Frame<'_>, depth: u8) -> Progress {
        let Some(whole) = self.fragments.push(fragment, frame.at) else { return Progress::Held };
        let again = whole.again;
        let head = (whole.source, whole.destination, whole.protocol, whole.tags);
        // Fragments are rare, and one inside may need the table that lends these bytes.
        let payload = whole.payload.to_vec();
        let rival = whole.rival.map(<[u8]>::to_vec);
        let (source, destination, protocol, tags) = head;
        let checksums = self.settings.checksums;
        let read = |payload| wire::decode_datagram(source, destination, protocol, tags, payload, checksums);
        let outcome = match read(&payload) {
            Ok(Decoded::Packet(packet)) => {
                if self.is_mine(packet.source, packet.destination) {
                    if again {
                        self.inspect(&packet, sighting(frame));
                    } else {
                        self.on_datagram(&packet, frame);
                    }
                }
                if again { Progress::Held } else { Progress::Whole }
            }
            Ok(Decoded::Fragment(inner)) if depth < NESTED => self.reassemble(&inner, frame, depth + 1),
            Ok(Decoded::Fragment(_)) => Progress::Useless(Discard::TooDeep),
            Err(_) if again => Progress::Held,
            Err(reason) => Progress::Useless(reason),
        };
        if let Some(Ok(Decoded::Packet(packet))) = rival.as_deref().map(read)
            && self.is_mine(packet.source, packet.destination)
        {
            self.inspect(&packet, sighting(frame));
        }
        outcome
    }

    /// A packet that fragments made up.
    fn on_datagram(&mut self, packet: &Packet<'_>, frame: &Frame<'_>) {
        match self.flows.lookup(packet) {
            Some(lookup) => self.on_packet(packet, &lookup, frame),
            None => self.report.counters.frames.other_protocols += 1,
        }
    }

    /// Says what there is to say of flows that have ended, if any have.
    #[inline]
    fn take_ended(&mut self) {
        if self.flows.has_ended() {
            self.tell_ended();
        }
    }

    #[inline(never)]
    fn tell_ended(&mut self) {
        let Self { flows, detector, watch, report, settings, .. } = self;
        for mut ended in flows.ended() {
            report.counters.flows_ended += 1;
            if settings.hosts {
                add_hosts(report, &ended.flow(), &settings.home);
            }
            let cause = Cause { sequence: ended.last_frame, number: ended.last_number };
            let at = ended.at;
            if let Some(shape) = watch.finish(&ended.flow()) {
                report.events.push(watched(&ended.flow(), shape, cause, at));
            }
            let half = settings.halves && is_half(&ended.flow());
            let tell = match (settings.all_flows, half) {
                (_, true) => Tell::Hints,
                (true, false) => Tell::All,
                (false, false) => Tell::Miners,
            };
            detector.finish(&mut ended, tell, &mut report.events);
        }
    }
}

/// What a watched flow looks like.
fn watched(flow: &Flow<'_>, shape: Shape, cause: Cause, at: Timestamp) -> Event {
    let (flow, app) = (flow.summary(), App::from_mark(flow.app()));
    Event { cause, at, flow, app, body: Body::Watched(Box::new(shape)) }
}

/// Whether a TCP connection that came about was seen in one direction only.
fn is_half(flow: &Flow<'_>) -> bool {
    let summary = flow.summary();
    let [forward, backward] = summary.flags;
    summary.protocol == TCP
        && crate::halves::is_half(&summary)
        && forward.union(backward).contains(Flags::ACK)
}

/// IANA's number.
const TCP: u8 = 6;

fn show(
    detector: &mut Detector,
    flow: &mut Flow<'_>,
    direction: Direction,
    packet: &Packet<'_>,
    before: Timestamp,
    seen: Sighting,
    out: &mut Vec<Event>,
) {
    match &packet.transport {
        Transport::Tcp(tcp) => detector.tcp(flow, direction, tcp, before, seen, out),
        Transport::Udp(udp) => detector.udp(flow, direction, udp, seen, out),
        Transport::Other(_) => {}
    }
}

/// A frame that has been read.
struct Read<'a> {
    frame: Frame<'a>,
    /// Whether it is known to be another worker's: of these only the time is looked at.
    is_others: bool,
    decoded: Result<Decoded<'a>, Discard>,
    /// Where its flow is looked for, if it is ours and has one.
    lookup: Option<Lookup>,
}

impl Read<'_> {
    const NOTHING: Self = Self {
        frame: Frame {
            bytes: &[],
            wire_len: 0,
            at: Timestamp::from_nanos(0),
            link: LinkType::ETHERNET,
            interface: 0,
            number: 0,
            sequence: 0,
            taker: None,
        },
        is_others: false,
        decoded: Err(Discard::NotIp),
        lookup: None,
    };
}

/// What became of a fragment.
enum Progress {
    Held,
    Whole,
    Useless(Discard),
}

const fn sighting(frame: &Frame<'_>) -> Sighting {
    Sighting {
        at: frame.at,
        sequence: frame.sequence,
        number: frame.number,
        interface: frame.interface,
        wire_len: frame.wire_len,
    }
}

/// Adds a flow to the sums of its two hosts. Each packet is sent by one host and received by one, so over all rows and the
/// others' the packets sent, and those received, are the packets in flows exactly.
fn add_hosts(report: &mut Report, flow: &Flow<'_>, home: &[IpNet]) {
    let (source, destination) = (flow.source(), flow.destination());
    let (packets, bytes) = (flow.packets(), flow.bytes());
    let ends = [(source.ip(), destination.ip(), 0), (destination.ip(), source.ip(), 1)];
    for (address, peer, out) in ends {
        let mut delta = HostStats {
            packets_out: packets[out],
            packets_in: packets[1 - out],
            bytes_out: bytes[out],
            bytes_in: bytes[1 - out],
            flows_out: u64::from(out == 0),
            flows_in: u64::from(out == 1),
            ..HostStats::default()
        };
        delta.seen(flow.first());
        delta.seen(flow.last());
        delta.peers.insert_address(peer);
        delta.ports.insert(u64::from(destination.port()));
        if home.iter().any(|net| net.contains(&address)) {
            report.hosts.add(address, &delta);
        } else {
            report.hosts.add_others(&delta);
        }
    }
}
