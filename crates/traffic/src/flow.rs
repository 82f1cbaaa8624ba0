//! One flow, from its first frame to its last.
//!
//! Sixteen bytes a flow, so that ten million fit where a bench runs: all that a flow is, but for how far it has come, follows from its number.

use crate::content::Content;
use crate::dice::{Dice, mix};
use crate::header::{ACK, Ends, FIN, PSH, RST, SYN, Segment};
use crate::script::{Line, Script};

/// The longest payload of a segment.
const SEGMENT: usize = 1448;
/// Lines of a script that are said one round trip after the other; the rest takes its time.
const HASTY: u16 = 6;

/// The steps of a TCP flow. Between `TALK` and `BODY` lies what is said first.
const SYN_SENT: u16 = 0;
const SYN_ANSWERED: u16 = 1;
const ACKED: u16 = 2;
const TALK: u16 = 3;
const BODY: u16 = u16::MAX - 3;
const CLOSING: u16 = u16::MAX - 2;
const CLOSED_BY_SERVER: u16 = u16::MAX - 1;
const OVER: u16 = u16::MAX;

/// What a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tls,
    Web,
    Names,
    /// As of a tunnel: 24 flows of 100.
    Datagrams,
    Miner(u16),
}

/// What all flows share.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) content: Content,
    /// The lines of the scripts, cut into segments, and the ports of their pools.
    scripts: Vec<(u16, Vec<Line>)>,
    clients: u32,
    miners: u64,
    ipv6: u64,
}

impl Cast {
    pub(crate) fn new(
        content: Content,
        scripts: &[&'static Script],
        flows: u32,
        miners: u64,
        ipv6: u64,
    ) -> Self {
        let scripts: Vec<_> = scripts.iter().map(|script| (script.port, segments(script.lines()))).collect();
        let miners = if scripts.is_empty() { 0 } else { miners };
        // Sixteen flows a host, until the network is full.
        Self { content, scripts, clients: (flows / 16).clamp(1, (1 << 24) - 2), miners, ipv6 }
    }

    fn kind(&self, id: u32) -> Kind {
        let lot = mix(u64::from(id) | 1 << 32);
        if lot >> 32 < self.miners {
            return Kind::Miner((id as usize % self.scripts.len()) as u16);
        }
        match lot as u32 % 100 {
            0..60 => Kind::Tls,
            60..72 => Kind::Web,
            72..76 => Kind::Names,
            _ => Kind::Datagrams,
        }
    }

    fn ends(&self, id: u32, kind: Kind) -> Ends {
        let port = match kind {
            Kind::Tls => 443,
            Kind::Web => 80,
            Kind::Names => 53,
            Kind::Datagrams => 51_820,
            Kind::Miner(script) => self.scripts[usize::from(script)].0,
        };
        Ends::new(id, self.clients, port, mix(u64::from(id) | 2 << 32) >> 32 < self.ipv6)
    }
}

fn segments(lines: Vec<Line>) -> Vec<Line> {
    let cut = |line: Line| {
        let Line { from_client, bytes } = line;
        bytes.chunks(SEGMENT).map(|part| Line { from_client, bytes: part.to_vec() }).collect::<Vec<_>>()
    };
    lines.into_iter().flat_map(cut).collect()
}

/// What is to happen to a flow after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Its next frame comes a round trip later.
    Soon,
    /// Its next frame comes whenever it is its turn.
    Sometime,
    /// It has ended.
    Over,
}

/// A flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    id: u32,
    /// The next sequence number of the client and of the server; of datagrams, how many there were.
    sequence: [u32; 2],
    step: u16,
}

impl Flow {
    /// Flow number `id`, of which nothing was sent.
    pub(crate) const fn new(id: u32) -> Self {
        let first = mix(id as u64);
        Self { id, sequence: [first as u32, (first >> 32) as u32], step: SYN_SENT }
    }

    /// Makes its next frame its last, or the first of its last.
    pub(crate) const fn close(&mut self) {
        self.step = CLOSING;
    }

    /// Appends its next frame. `len` is what the body's frames are to have.
    pub(crate) fn append(&mut self, cast: &Cast, len: usize, dice: &mut Dice, out: &mut Vec<u8>) -> Next {
        let kind = cast.kind(self.id);
        let ends = cast.ends(self.id, kind);
        match kind {
            Kind::Names => self.name(cast, &ends, out),
            Kind::Datagrams => self.datagram(cast, &ends, len, dice, out),
            Kind::Tls | Kind::Web | Kind::Miner(_) => self.segment(cast, kind, &ends, len, dice, out),
        }
    }

    /// Appends a reset, if it is a flow that can be reset.
    pub(crate) fn reset(&mut self, cast: &Cast, out: &mut Vec<u8>) -> bool {
        let kind = cast.kind(self.id);
        if matches!(kind, Kind::Names | Kind::Datagrams) || matches!(self.step, SYN_SENT | OVER) {
            return false;
        }
        self.step = OVER;
        self.say(&cast.ends(self.id, kind), true, RST | ACK, &[], out);
        true
    }

    fn name(&mut self, cast: &Cast, ends: &Ends, out: &mut Vec<u8>) -> Next {
        let asked = self.sequence[0];
        let from_client = asked.is_multiple_of(2);
        let named = cast.content.named(mix(u64::from(self.id) << 32 | u64::from(asked / 2)));
        let message = if from_client { &named.query } else { &named.answer };
        ends.udp(out, from_client, &[&(asked as u16 / 2).to_be_bytes(), &message[2..]]);
        self.sequence[0] = asked.wrapping_add(1);
        self.after_datagram(if from_client { Next::Soon } else { Next::Sometime })
    }

    fn datagram(&mut self, cast: &Cast, ends: &Ends, len: usize, dice: &mut Dice, out: &mut Vec<u8>) -> Next {
        let from = dice.next();
        let len = len.saturating_sub(ends.udp_bytes()).max(8);
        // The head of a tunnel's data (WireGuard's), as far as a reader looks.
        let parts = [&[4, 0, 0, 0][..], cast.content.noise(from, len - 4)];
        ends.udp(out, from >> 62 == 0, &parts);
        self.after_datagram(Next::Sometime)
    }

    fn after_datagram(&mut self, next: Next) -> Next {
        if self.step == CLOSING { Next::Over } else { next }
    }

    fn segment(
        &mut self,
        cast: &Cast,
        kind: Kind,
        ends: &Ends,
        len: usize,
        dice: &mut Dice,
        out: &mut Vec<u8>,
    ) -> Next {
        let (from_client, flags, then) = match self.step {
            SYN_SENT => (true, SYN, SYN_ANSWERED),
            SYN_ANSWERED => (false, SYN | ACK, ACKED),
            ACKED => (true, ACK, TALK),
            CLOSING => (true, FIN | ACK, CLOSED_BY_SERVER),
            CLOSED_BY_SERVER => (false, FIN | ACK, OVER),
            OVER => (true, ACK, OVER),
            BODY => {
                self.body(cast, kind, ends, len, dice, out);
                return Next::Sometime;
            }
            line => return self.talk(cast, kind, ends, line - TALK, out),
        };
        let last = self.step == OVER;
        self.say(ends, from_client, flags, &[], out);
        self.step = then;
        if last { Next::Over } else { Next::Soon }
    }

    /// Says the line of this number, of those that come before the body.
    fn talk(&mut self, cast: &Cast, kind: Kind, ends: &Ends, number: u16, out: &mut Vec<u8>) -> Next {
        let named = cast.content.named(u64::from(self.id));
        let (from_client, bytes, more) = match (kind, number) {
            (Kind::Miner(script), _) => {
                let lines = &cast.scripts[usize::from(script)].1;
                let line = &lines[usize::from(number)];
                (line.from_client, &line.bytes, lines.len() > usize::from(number) + 1)
            }
            (Kind::Tls, 0) => (true, &named.client_hello, true),
            (Kind::Tls, _) => (false, &cast.content.server_hello, false),
            (_, 0) => (true, &named.request, true),
            (..) => (false, &cast.content.response, false),
        };
        self.say(ends, from_client, PSH | ACK, &[bytes], out);
        let mines = matches!(kind, Kind::Miner(_));
        self.step = match (more, mines) {
            (true, _) => TALK + number + 1,
            (false, true) => CLOSING,
            (false, false) => BODY,
        };
        if more && number < HASTY { Next::Soon } else { Next::Sometime }
    }

    fn body(&mut self, cast: &Cast, kind: Kind, ends: &Ends, len: usize, dice: &mut Dice, out: &mut Vec<u8>) {
        let from = dice.next();
        let from_client = from >> 62 == 0;
        let room = len.saturating_sub(ends.tcp_bytes()).min(1460);
        // Of the shortest frames half only acknowledge, as most of a real link's do.
        if room == 0 || (room <= 6 && from >> 61 & 1 == 0) {
            return self.say(ends, from_client, ACK, &[], out);
        }
        let content = &cast.content;
        match kind {
            // A record of its own (RFC 8446, 5.2), so that records begin where segments do.
            Kind::Tls if room > 5 => {
                let [high, low] = (room as u16 - 5).to_be_bytes();
                let parts = [&[23, 3, 3, high, low][..], content.noise(from, room - 5)];
                self.say(ends, from_client, ACK, &parts, out);
            }
            Kind::Web => self.say(ends, false, ACK, &[content.text(from, room)], out),
            Kind::Tls | Kind::Names | Kind::Datagrams | Kind::Miner(_) => {
                self.say(ends, from_client, ACK, &[content.noise(from, room)], out);
            }
        }
    }

    fn say(&mut self, ends: &Ends, from_client: bool, flags: u8, payload: &[&[u8]], out: &mut Vec<u8>) {
        let (own, other) = if from_client { (0, 1) } else { (1, 0) };
        let acknowledgment = if flags & ACK > 0 { self.sequence[other] } else { 0 };
        ends.tcp(out, &Segment { from_client, sequence: self.sequence[own], acknowledgment, flags, payload });
        let bytes: usize = payload.iter().map(|part| part.len()).sum();
        let taken = bytes as u32 + u32::from(flags & (SYN | FIN) > 0);
        self.sequence[own] = self.sequence[own].wrapping_add(taken);
    }
}
