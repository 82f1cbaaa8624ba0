//! Flows whose two directions came to different workers: joined by their ends into one flow, one alert and one record.
//!
//! Where a link's hash is not symmetric, and in tunnels whose hash follows the outer ports, each worker sees one direction. It follows
//! its half like any flow seen from one side: a half that holds proof alerts at once. Here the halves meet. The first of them that
//! anything is told of gives the flow its id; the alert of the other is swallowed; and the end of the first to end waits
//! for the other's, so that one record has the packets of both, and counts as heard from both sides where both told of mining.
//!
//! Halves tell of hints as well, which are no proof by themselves: with a half that was alerted they show that both sides were heard, and
//! two halves that hint at the same are alerted when they have met, which is at the end of the flow. A hint that stays alone is not told.
//!
//! What is left out: an answer in one half is not matched to its request in the other, so shares count as sent only.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pithead_detect::{Body, Event, Mining};
use pithead_flow::{Direction, State, Summary};
use pithead_wire::Timestamp;

use crate::recent::Recent;

/// How long the end of a half waits for the other's: closed flows end 10 s after their last packet, and both sides close about at once.
const WAIT: Duration = Duration::from_secs(20);
/// Halves of one flow are never further apart than this; what is, is another flow over the same ports.
const APART: Duration = Duration::from_secs(60);

/// Both ends, in either order, and the protocol.
type Key = (SocketAddr, SocketAddr, u8);

/// What is known of a flow of which a half was told.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: u64,
    last: Timestamp,
    alerted: bool,
}

/// Halves that wait for their other half.
#[derive(Debug)]
pub(crate) struct Halves {
    known: Recent<Key, Known>,
    /// Ends that wait, and since when.
    ended: Recent<Key, (Timestamp, Event)>,
    /// The same by when they came; some may have been joined since.
    order: VecDeque<(Timestamp, Key)>,
    joined: u64,
    /// Whether flows are told of that do not mine.
    all_flows: bool,
}

impl Halves {
    /// Room for so many flows.
    pub(crate) fn new(capacity: usize, all_flows: bool) -> Self {
        let order = VecDeque::new();
        Self { known: Recent::new(capacity), ended: Recent::new(capacity), order, joined: 0, all_flows }
    }

    /// Flows that were joined.
    pub(crate) const fn joined(&self) -> u64 {
        self.joined
    }

    /// Halves that were forgotten for want of room.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.known.forgotten() + self.ended.forgotten()
    }

    /// Takes an event on its way, and gives what is to be told now. Whole flows pass as they are; the event of a half gets the id of its flow,
    /// and the end of a half waits until the other has ended too.
    pub(crate) fn take(&mut self, mut event: Event, now: Timestamp) -> Vec<Event> {
        let key = key(&event.flow);
        if !is_half(&event.flow) {
            self.known.remove(&key);
            return vec![event];
        }
        let known = self.know(key, &event.flow, matches!(event.body, Body::Alert(_)));
        event.flow.id = known.id;
        match event.body {
            Body::Alert(_) if known.alerted => return Vec::new(),
            Body::Flow { end: Some(_), .. } => {}
            _ => return vec![event],
        }
        match self.ended.remove(&key) {
            Some((_, other)) if fit(&other.flow, &event.flow) => {
                self.joined += 1;
                self.known.remove(&key);
                self.told(join(other, event), known.alerted, true)
            }
            // Another flow over the same ports, which has had its time.
            Some((_, other)) => {
                self.wait(key, event, now);
                self.told(other, known.alerted, false)
            }
            None => {
                self.wait(key, event, now);
                Vec::new()
            }
        }
    }

    /// Gives back the ends that have waited long enough, or all of them where no more will come.
    pub(crate) fn release(&mut self, now: Option<Timestamp>) -> Vec<Event> {
        let mut released = Vec::new();
        while let Some((since, key)) = self.order.front().copied() {
            if now.is_some_and(|now| now.since(since) <= WAIT) {
                break;
            }
            self.order.pop_front();
            // Joined since, and what waits now is another flow's over the same ports.
            if self.ended.get(&key).is_none_or(|(waiting, _)| *waiting != since) {
                continue;
            }
            let alerted = self.known.remove(&key).is_some_and(|known| known.alerted);
            if let Some((_, event)) = self.ended.remove(&key) {
                released.extend(self.told(event, alerted, false));
            }
        }
        released
    }

    /// What is told at the end of a flow: the alert that only both halves could raise, and the flow if anybody asked for it.
    fn told(&self, mut end: Event, alerted: bool, joined: bool) -> Vec<Event> {
        let Body::Flow { mining, .. } = &mut end.body else { return vec![end] };
        if alerted {
            return vec![end];
        }
        match mining.clone().filter(|mining| joined && mining.confirmed) {
            Some(mining) => {
                let alert = Event { body: Body::Alert(mining), ..end.clone() };
                vec![alert, end]
            }
            None => {
                *mining = None;
                if self.all_flows { vec![end] } else { Vec::new() }
            }
        }
    }

    fn wait(&mut self, key: Key, event: Event, now: Timestamp) {
        self.order.push_back((now, key));
        self.ended.put(key, (now, event));
    }

    /// What is known of the half's flow, before this event of it. Its id is that of the half which was told of first.
    fn know(&mut self, key: Key, half: &Summary, alerts: bool) -> Known {
        let before = self.known.get(&key).copied().filter(|known| half.first.since(known.last) <= APART);
        let before = before.unwrap_or(Known { id: half.id, last: half.last, alerted: false });
        let alerted = before.alerted || alerts;
        self.known.put(key, Known { last: before.last.max(half.last), alerted, ..before });
        before
    }
}

/// Whether one direction only was seen, of more than an unanswered request.
pub(crate) const fn is_half(flow: &Summary) -> bool {
    (flow.packets[0] == 0) != (flow.packets[1] == 0)
}

fn key(flow: &Summary) -> Key {
    let place = |end: SocketAddr| -> (IpAddr, u16) { (end.ip(), end.port()) };
    let (a, b) = (flow.source, flow.destination);
    if place(a) <= place(b) { (a, b, flow.protocol) } else { (b, a, flow.protocol) }
}

/// Who sent the packets of a half.
const fn sender(half: &Summary) -> SocketAddr {
    if half.packets[0] > 0 { half.source } else { half.destination }
}

/// Whether two halves of the same ends are those of one flow.
fn fit(a: &Summary, b: &Summary) -> bool {
    sender(a) != sender(b) && a.first.since(b.last) <= APART && b.first.since(a.last) <= APART
}

/// One flow of two halves that fit, as the one that began first has it.
fn join(a: Event, b: Event) -> Event {
    let (mut whole, other) = if a.flow.first <= b.flow.first { (a, b) } else { (b, a) };
    let turned = whole.flow.source != other.flow.source;
    let place = |direction: usize| if turned { 1 - direction } else { direction };
    for direction in 0..2 {
        whole.flow.packets[direction] += other.flow.packets[place(direction)];
        whole.flow.bytes[direction] += other.flow.bytes[place(direction)];
        let flags = other.flow.flags[place(direction)];
        whole.flow.flags[direction] = whole.flow.flags[direction].union(flags);
    }
    whole.flow.last = whole.flow.last.max(other.flow.last);
    if other.flow.state == State::Closed {
        whole.flow.state = State::Closed;
    }
    whole.at = whole.at.max(other.at);
    whole.cause = whole.cause.max(other.cause);
    if let (Body::Flow { mining, oddities, .. }, Body::Flow { mining: more, oddities: others, .. }) =
        (&mut whole.body, other.body)
    {
        oddities.add(others);
        let more = more.map(|more| if turned { turn(more) } else { more });
        if mining.is_none() {
            whole.app = other.app;
        }
        *mining = match (mining.take(), more) {
            (Some(one), Some(two)) => Some(both(one, two)),
            (one, two) => one.or(two),
        };
    }
    whole
}

/// The same seen from the other end.
fn turn(mut mining: Box<Mining>) -> Box<Mining> {
    mining.client = Direction::reverse(mining.client);
    mining.evidence.direction = Direction::reverse(mining.evidence.direction);
    mining
}

/// What two halves told of one session.
fn both(mut one: Box<Mining>, two: Box<Mining>) -> Box<Mining> {
    // What a server says hints at no dialect of its own where several share an answer.
    one.confirmed |= one.client == two.client;
    one.stage = one.stage.max(two.stage);
    one.shares.sent = one.shares.sent.max(two.shares.sent);
    one.shares.accepted = one.shares.accepted.max(two.shares.accepted);
    one.shares.rejected = one.shares.rejected.max(two.shares.rejected);
    let mut facts = two.facts;
    facts.learn(one.facts);
    one.facts = facts;
    one
}

#[cfg(test)]
mod tests {
    use pithead_detect::{App, Cause, Oddities};
    use pithead_flow::End;
    use pithead_wire::{Flags, Tags};

    use super::*;

    const MINER: &str = "10.0.0.1:4000";
    const POOL: &str = "192.0.2.1:3333";

    fn half(id: u64, from_miner: bool, seconds: i64) -> Event {
        let at = Timestamp::new(seconds, 0);
        let (mut packets, mut bytes, mut flags) = ([0, 0], [0, 0], [Flags::default(); 2]);
        let direction = usize::from(!from_miner);
        (packets[direction], bytes[direction], flags[direction]) = (7, 700, Flags::ACK);
        let flow = Summary {
            id,
            source: MINER.parse().expect("an address"),
            destination: POOL.parse().expect("an address"),
            protocol: 6,
            state: State::Established,
            flags,
            tags: Tags::default(),
            interface: 0,
            first: at,
            last: at.after(Duration::from_secs(5)),
            packets,
            bytes,
        };
        let body = Body::Flow { end: Some(End::Closed), mining: None, oddities: Oddities::default() };
        Event { cause: Cause { sequence: id, number: id }, at, flow, app: App::Unknown, body }
    }

    #[test]
    fn two_halves_are_one_flow_with_the_id_of_the_first() {
        let mut halves = Halves::new(10, true);
        let now = Timestamp::new(100, 0);
        assert!(halves.take(half(1, true, 90), now).is_empty(), "it waits");
        let mut back = half(2, false, 91);
        // As if the pool's side had been taken for the initiator.
        std::mem::swap(&mut back.flow.source, &mut back.flow.destination);
        back.flow.packets.swap(0, 1);
        back.flow.bytes.swap(0, 1);
        let [whole] = &halves.take(back, now)[..] else { panic!("they have met") };
        assert_eq!((whole.flow.id, whole.flow.packets, whole.flow.bytes), (1, [7, 7], [700, 700]));
        assert_eq!((halves.joined(), halves.release(None).len()), (1, 0));
    }

    #[test]
    fn a_half_whose_other_never_comes_is_told_alone() {
        let mut halves = Halves::new(10, true);
        assert!(halves.take(half(1, true, 90), Timestamp::new(100, 0)).is_empty());
        assert!(halves.release(Some(Timestamp::new(110, 0))).is_empty());
        assert_eq!(halves.release(Some(Timestamp::new(121, 0))).len(), 1);
        assert!(halves.release(None).is_empty());
    }

    #[test]
    fn the_same_ports_later_are_another_flow() {
        let mut halves = Halves::new(10, true);
        let now = Timestamp::new(100, 0);
        assert!(halves.take(half(1, true, 90), now).is_empty());
        let first = halves.take(half(2, true, 92), now);
        assert_eq!(first.len(), 1, "the one before has had its time");
        let far = halves.take(half(3, false, 500), now);
        assert_eq!((far[0].flow.packets, halves.joined()), ([7, 0], 0), "nor does this one fit");
    }

    fn hinting(mut event: Event) -> Event {
        let evidence = pithead_detect::Evidence { text: "x".into(), direction: Direction::Forward, frame: 1 };
        let mining = Mining {
            dialect: "eth-proxy",
            stage: pithead_detect::Stage::Attempt,
            client: Direction::Forward,
            confirmed: false,
            facts: pithead_detect::Facts::default(),
            shares: pithead_detect::Shares::default(),
            evidence,
        };
        if let Body::Flow { mining: told, .. } = &mut event.body {
            *told = Some(Box::new(mining));
        }
        event
    }

    #[test]
    fn two_hints_are_an_alert_and_one_is_nothing() {
        let mut halves = Halves::new(10, false);
        let now = Timestamp::new(100, 0);
        assert!(halves.take(hinting(half(1, true, 90)), now).is_empty());
        let told = halves.take(hinting(half(2, false, 91)), now);
        let [Event { body: Body::Alert(mining), .. }, Event { body: Body::Flow { .. }, .. }] = &told[..]
        else {
            panic!("an alert and its flow: {told:?}")
        };
        assert!(mining.confirmed);
        assert!(halves.take(hinting(half(3, true, 300)), now).is_empty());
        assert!(halves.release(None).is_empty(), "a hint alone is not told");
    }

    #[test]
    fn the_second_alert_of_a_flow_is_swallowed() {
        let mut halves = Halves::new(10, false);
        let now = Timestamp::new(100, 0);
        let alert = |from_miner, id| {
            let event = hinting(half(id, from_miner, 90));
            let Body::Flow { mining: Some(mining), .. } = event.body.clone() else { panic!("it hints") };
            Event { body: Body::Alert(mining), ..event }
        };
        assert_eq!(halves.take(alert(true, 1), now).len(), 1);
        assert!(halves.take(alert(false, 2), now).is_empty());
        assert!(halves.take(half(2, false, 90), now).is_empty());
        let told = halves.take(hinting(half(1, true, 90)), now);
        assert_eq!((told.len(), told[0].flow.id), (1, 1));
    }

    #[test]
    fn whole_flows_pass() {
        let mut halves = Halves::new(10, true);
        let mut whole = half(1, true, 90);
        whole.flow.packets = [7, 7];
        assert_eq!(halves.take(whole, Timestamp::default()).len(), 1);
    }
}
