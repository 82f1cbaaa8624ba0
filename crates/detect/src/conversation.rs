//! What is kept of a TCP flow while it is looked into: both directions in order, what reads them, and what they said.

use std::borrow::Cow;

use pithead_flow::{Direction, Half, Oddities as StreamOddities, Piece};

use crate::app::App;
use crate::carriers::proxy_header::{self, Front};
use crate::carriers::{Host, socks};
use crate::course::Course;
use crate::event::{Oddities, Where};
use crate::framing::Pool;
use crate::judge::{Judge, Names};
use crate::nodes;
use crate::reader::{Found, Reader};
use crate::session::Session;

/// How many bytes can leave it open what a client begins with: a request of SOCKS 4a with the longest user and name, or a load balancer's
/// header with its extensions.
const OPENING: usize = 1024;

/// The record of a flow that is being looked into.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Forward and backward.
    pub(crate) halves: [Half; 2],
    pub(crate) talk: Talk,
    /// Where each direction goes on that is left alone; `None` for one that is read.
    resting: [Option<Rest>; 2],
    /// What was odd before a direction was left alone.
    past: Oddities,
}

/// A direction that is left alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// The sequence number expected next, if it is known.
    pub(crate) next: Option<u32>,
}

/// How much of a flow is read that says nothing of mining.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    /// Bytes of each direction that are read.
    pub(crate) each: u64,
    /// Bytes of both, read or not, after which its record is given up.
    pub(crate) patience: u64,
}

/// What the two directions say.
#[derive(Debug)]
pub(crate) struct Talk {
    readers: [Reader; 2],
    /// Bytes read, forward and backward.
    read: [u64; 2],
    /// The client's first bytes, until they say whether they begin a SOCKS handshake.
    opening: Option<Vec<u8>>,
    socks: Option<Box<socks::Handshake>>,
    /// What the handshake has taken of each direction, as long as it may yet turn out to be none.
    taken: [Vec<u8>; 2],
    /// Whether there was another reading of all that a direction had said.
    contested: [bool; 2],
    /// Turns, counted from the first byte.
    course: Course,
    /// Turns inside a tunnel, which begin anew.
    inside: Option<Box<Course>>,
    /// Whether that is HTTP's tunnel.
    tunnelled: bool,
    /// Other readings of first bytes that had to make room.
    pub(crate) readings_full: u64,
    pub(crate) session: Option<Box<Session>>,
    /// Bytes of each direction that may still be read without a sign.
    left: [u64; 2],
    /// Bytes that may still pass without a sign of mining.
    patience: u64,
    /// Whether a response of HTTP is awaited, forward and backward.
    awaits: [bool; 2],
    /// Names already spoken of.
    names: Names,
    dns: bool,
}

impl Conversation {
    /// A conversation about to begin. `starts`: sequence numbers of the first bytes, where the SYNs were seen. `opens`: whether nothing came
    /// before that.
    pub(crate) fn new(starts: [Option<u32>; 2], opens: bool, depth: Depth, dns: bool) -> Self {
        let mut halves = [Half::default(), Half::default()];
        for (half, start) in halves.iter_mut().zip(starts) {
            if let Some(start) = start {
                half.synchronize(start);
            }
        }
        let seen = |direction: Direction| opens || starts[direction.index()].is_some();
        let reader = |direction: Direction| Reader::new(direction, seen(direction), dns);
        let talk = Talk {
            readers: [reader(Direction::Forward), reader(Direction::Backward)],
            read: [0; 2],
            opening: Some(Vec::new()),
            socks: None,
            taken: [Vec::new(), Vec::new()],
            contested: [false; 2],
            course: Course::new(opens),
            inside: None,
            tunnelled: false,
            readings_full: 0,
            session: None,
            left: [depth.each; 2],
            patience: depth.patience,
            awaits: [false; 2],
            names: Names::default(),
            dns,
        };
        Self { halves, talk, resting: [None; 2], past: Oddities::default() }
    }

    /// A conversation taken up in its midst, both directions of which rest.
    pub(crate) fn resumed(next: Option<[u32; 2]>, depth: Depth) -> Self {
        let mut record = Self::new([None; 2], false, depth, false);
        record.resting = [0, 1].map(|way| Some(Rest { next: next.map(|next| next[way]) }));
        record.talk.readers.iter_mut().for_each(Reader::doubt);
        record.talk.course.spoil();
        record.talk.opening = None;
        record
    }

    /// How a direction rests, if it does.
    pub(crate) const fn resting(&mut self, direction: Direction) -> Option<&mut Rest> {
        self.resting[direction.index()].as_mut()
    }

    /// Reads a direction again, for so many bytes. `early`: what comes next came before its turn.
    pub(crate) fn wake(&mut self, direction: Direction, early: bool, bytes: u64) {
        let way = direction.index();
        let Some(rest) = self.resting[way].take() else { return };
        if let Some(next) = rest.next.filter(|_| early) {
            self.halves[way].synchronize(next);
        }
        self.talk.left[way] = bytes;
        self.talk.awaits[way] = false;
    }

    /// Leaves the directions alone that have been read enough. True when the flow has.
    pub(crate) fn settle(&mut self, pool: &mut Pool) -> bool {
        for direction in [Direction::Forward, Direction::Backward] {
            let way = direction.index();
            if self.resting[way].is_none() && self.talk.has_enough(direction) {
                self.past = self.oddities();
                let half = std::mem::take(&mut self.halves[way]);
                // The other direction's are in the sum as well, and go on counting from nothing.
                self.halves[1 - way].forget_oddities();
                self.resting[way] = Some(Rest { next: half.position() });
                self.talk.lay_aside(direction, pool);
            }
        }
        self.talk.is_given_up() || (self.resting.iter().all(Option::is_some) && !self.talk.is_mining())
    }

    /// Gives back its memory: it waits to be used again.
    pub(crate) fn empty(&mut self) {
        *self = Self::new([None; 2], false, Depth { each: 0, patience: 0 }, false);
    }

    /// The sequence numbers expected next, where both are known.
    pub(crate) fn next(&self) -> Option<[u32; 2]> {
        let next = |way: usize| match self.resting[way] {
            Some(rest) => rest.next,
            None => self.halves[way].position(),
        };
        Some([next(0)?, next(1)?])
    }

    /// What was odd about the bytes of both directions.
    pub(crate) fn oddities(&self) -> Oddities {
        let sum = |count: fn(&StreamOddities) -> u32| {
            self.halves.iter().map(|half| u64::from(count(half.oddities()))).sum()
        };
        let mut all = self.past;
        all.add(Oddities {
            gaps: sum(|odd| odd.gaps),
            lost_bytes: sum(|odd| odd.lost_bytes),
            conflicts: sum(|odd| odd.conflicts),
            out_of_order: sum(|odd| odd.out_of_order),
            retransmissions: sum(|odd| odd.retransmissions),
        });
        all
    }
}

impl Talk {
    /// Whether enough was read of a direction: all that it can tell, or its depth without a sign. What has begun may end.
    fn has_enough(&self, direction: Direction) -> bool {
        let way = direction.index();
        let reader = &self.readers[way];
        if self.left[way] > 0 {
            // One side's bytes may yet be contradicted, and the flow's verdict may come from the other.
            return self.session.is_none() && self.readers.iter().all(Reader::is_done);
        }
        let sign = reader.is_inside() || reader.is_talk() || self.session.is_some();
        !(sign
            || self.course.is_promising()
            || self.inside.as_ref().is_some_and(|inside| inside.is_promising()))
    }

    /// Leaves a direction alone.
    fn lay_aside(&mut self, direction: Direction, pool: &mut Pool) {
        let way = direction.index();
        self.readers[way].lay_aside(pool);
        self.left[way] = 0;
        self.course.spoil();
        if let Some(inside) = &mut self.inside {
            inside.spoil();
        }
        if direction == Direction::Forward {
            self.opening = None;
        }
    }

    /// Bytes of a direction that is left alone have passed.
    pub(crate) const fn pass(&mut self, bytes: usize) {
        self.patience = self.patience.saturating_sub(bytes as u64);
    }

    /// Whether a payload is the answer that a direction has been woken for.
    pub(crate) fn is_awaited(&self, direction: Direction, payload: &[u8]) -> bool {
        self.awaits[direction.index()] && payload.starts_with(b"HTTP/1.")
    }

    /// Whether something like mining was met.
    pub(crate) const fn has_sign(&self) -> bool {
        self.session.is_some()
    }

    fn is_mining(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_alerted())
    }

    /// Whether so much has passed without a sign that its record is better used for another.
    fn is_given_up(&self) -> bool {
        self.patience == 0 && !self.is_mining()
    }

    /// What came out of a direction's segments.
    pub(crate) fn take(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        pool: &mut Pool,
        judge: &mut Judge<'_>,
    ) {
        match piece {
            Piece::Data(bytes) => self.data(direction, bytes, pool, judge),
            Piece::Gap(_) => self.gap(direction, pool),
            Piece::Rival(window) => {
                let whole = self.read[direction.index()] <= window.len() as u64;
                self.rival(direction, window, whole, pool, judge);
            }
            Piece::Apart(bytes) => self.rival(direction, bytes, false, pool, judge),
        }
    }

    /// The next bytes of a direction.
    fn data(&mut self, direction: Direction, bytes: &[u8], pool: &mut Pool, judge: &mut Judge<'_>) {
        self.pass(bytes.len());
        let left = &mut self.left[direction.index()];
        *left = left.saturating_sub(bytes.len() as u64);
        self.read[direction.index()] += bytes.len() as u64;
        if self.readers[direction.index()].is_fresh()
            && let Some(app) = nodes::message(bytes)
        {
            judge.app(app);
        }
        let Self { course, session, names, .. } = self;
        course.count(direction, bytes, judge, session, names);
        if direction == Direction::Backward {
            self.answered(judge);
        }
        let Some(bytes) = self.opened(direction, bytes, judge) else { return };
        let rest = self.through_socks(direction, &bytes, judge);
        if rest.is_empty() {
            return;
        }
        let Self { readers: [forward, backward], inside, tunnelled, session, names, awaits, .. } = self;
        // What a SOCKS handshake took is none of the tunnel's turns.
        if let Some(inside) = inside.as_mut().filter(|_| !*tunnelled) {
            inside.count(direction, &rest, judge, session, names);
        }
        let counts = !*tunnelled || inside.as_ref().is_some_and(|inside| !inside.is_judged());
        let mut tunnel = Vec::new();
        let (reader, other) =
            if direction == Direction::Forward { (forward, backward) } else { (backward, forward) };
        reader.push(&rest, pool, &mut |found| match found {
            Found::Expect(kind) => {
                other.expect(kind);
                awaits[direction.reverse().index()] = true;
            }
            Found::Tunnel(bytes) if counts => tunnel.extend_from_slice(bytes),
            found => judge.found(&found, direction, session, names),
        });
        if !tunnel.is_empty() {
            // What was said to the proxy is none of the tunnel's turns.
            if !std::mem::replace(tunnelled, true) {
                *inside = Some(Box::new(Course::new(true)));
            }
            if let Some(inside) = inside {
                inside.count(direction, &tunnel, judge, session, names);
            }
        }
    }

    /// The flow has ended: an unfinished message is judged as far as it came, and its memory given back.
    pub(crate) fn end(&mut self, direction: Direction, pool: &mut Pool, judge: &mut Judge<'_>) {
        self.answered(judge); // by silence
        let held = if direction == Direction::Forward { self.opening.take() } else { None };
        let Self { readers, session, names, .. } = self;
        if let Some(held) = held {
            readers[0].push(&held, pool, &mut |found| judge.found(&found, direction, session, names));
        }
        readers[direction.index()].end(pool, &mut |found| judge.found(&found, direction, session, names));
    }

    /// Both directions have ended, so the last turn is complete.
    pub(crate) fn end_turns(&mut self, judge: &mut Judge<'_>) {
        let Self { course, inside, session, names, .. } = self;
        course.end(judge, session, names);
        if let Some(inside) = inside {
            inside.end(judge, session, names);
        }
    }

    /// Gives back what is held: the flow is no longer read.
    pub(crate) fn release(&mut self, pool: &mut Pool) {
        for reader in &mut self.readers {
            reader.gap(pool);
        }
    }

    /// Bytes are missing in a direction.
    fn gap(&mut self, direction: Direction, pool: &mut Pool) {
        self.readers[direction.index()].gap(pool);
        self.course.spoil();
        if let Some(inside) = &mut self.inside {
            inside.spoil();
        }
    }

    /// Another reading of recent bytes: read afresh, only for what it proves. If they are not the `whole` of what there was, what came before
    /// them counts.
    fn rival(
        &mut self,
        direction: Direction,
        window: &[u8],
        whole: bool,
        pool: &mut Pool,
        judge: &mut Judge<'_>,
    ) {
        let mut reader = Reader::new(direction, false, self.dns);
        self.contested[direction.index()] |= whole;
        if !whole && self.readers[direction.index()].doubts() {
            reader.doubt();
        }
        let Self { course, session, names, readings_full, .. } = self;
        judge.rival = true;
        reader.push(window, pool, &mut |found| judge.found(&found, direction, session, names));
        judge.rival = false;
        reader.gap(pool);
        if whole {
            course.contest(direction, window, readings_full, judge, session, names);
        }
    }

    /// Takes a load balancer's header off the client's bytes and decides whether SOCKS begins behind it. `None` while the bytes are too few
    /// to say: they are kept until then.
    fn opened<'b>(
        &mut self,
        direction: Direction,
        bytes: &'b [u8],
        judge: &mut Judge<'_>,
    ) -> Option<Cow<'b, [u8]>> {
        if direction == Direction::Backward {
            return Some(Cow::Borrowed(bytes));
        }
        let Some(mut held) = self.opening.take() else { return Some(Cow::Borrowed(bytes)) };
        let all = if held.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            held.extend_from_slice(bytes);
            Cow::Owned(held)
        };
        // What came along behind must not say more than if it had come later.
        let seen = all.get(..OPENING).unwrap_or(&all);
        let header = header_of(seen);
        let socks = header.and_then(|header| socks::looks_like_client(seen.get(header..)?));
        if socks.is_none() && all.len() < OPENING {
            self.opening = Some(all.into_owned());
            return None;
        }
        if socks == Some(true) {
            self.begin_socks(judge);
        }
        Some(match (all, header.unwrap_or(0)) {
            (all, 0) => all,
            (Cow::Borrowed(all), header) => Cow::Borrowed(all.get(header..).unwrap_or_default()),
            (Cow::Owned(mut all), header) => {
                all.drain(..header.min(all.len()));
                Cow::Owned(all)
            }
        })
    }

    /// The client's turn is over: then a greeting and nothing behind it is SOCKS.
    fn answered(&mut self, judge: &mut Judge<'_>) {
        let waits = |held: &mut Vec<u8>| {
            header_of(held).and_then(|header| held.get(header..)).is_some_and(socks::waits)
        };
        let Some(held) = self.opening.take_if(waits) else { return };
        self.begin_socks(judge);
        let greeting = header_of(&held).and_then(|header| held.get(header..)).unwrap_or_default();
        self.through_socks(Direction::Forward, greeting, judge);
    }

    fn begin_socks(&mut self, judge: &mut Judge<'_>) {
        self.socks = Some(Box::default());
        self.inside = Some(Box::new(Course::new(self.course.opens())));
        judge.app(App::Socks);
    }

    /// Takes a SOCKS handshake off the front; what it leaves is what the tunnel carries.
    fn through_socks<'b>(
        &mut self,
        direction: Direction,
        bytes: &'b [u8],
        judge: &mut Judge<'_>,
    ) -> Cow<'b, [u8]> {
        let Some(handshake) = &mut self.socks else { return Cow::Borrowed(bytes) };
        let forward = direction == Direction::Forward;
        let step = if forward { handshake.client(bytes) } else { handshake.server(bytes) };
        if let socks::Event::Target(target) = &step.event
            && let Some(Host::Name(name)) = &target.host
        {
            judge.name(name, Where::Socks, Some(target.port), &mut self.names);
        }
        let way = direction.index();
        if step.event == socks::Event::NotSocks {
            // What was taken for a handshake was something else. It is read after all, but as nothing better than text; unless the greeting
            // was contested, for then there may have been none.
            if !self.contested[Direction::Forward.index()] {
                self.readers[way].as_text();
            }
            let mut all = std::mem::take(&mut self.taken[way]);
            if all.is_empty() {
                return Cow::Borrowed(bytes);
            }
            all.extend_from_slice(bytes);
            return Cow::Owned(all);
        }
        let (taken, rest) = bytes.split_at_checked(step.consumed).unwrap_or((bytes, &[]));
        if step.event == socks::Event::More {
            self.taken[way].extend_from_slice(taken);
        } else {
            self.taken[way] = Vec::new();
        }
        Cow::Borrowed(rest)
    }
}

/// How long a load balancer's header is, if there is one. `None` while there are too few bytes to say.
fn header_of(bytes: &[u8]) -> Option<usize> {
    match proxy_header::strip(bytes) {
        Front::Plain => Some(0),
        Front::Proxied { consumed, .. } => Some(consumed),
        Front::More => None,
    }
}
