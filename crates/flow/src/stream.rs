//! One direction of a TCP connection, put in order by sequence number.
//!
//! A [`Half`] takes segments as they were captured and lends out the byte stream piece by piece. It trusts nobody: bytes
//! claimed twice with different content are shown in both readings, since which one the receiver took depends on its
//! system, on checksums and on hop counts that a sensor cannot see; and a segment from far away moves the position only as
//! long as the stream does not go on where it was. It relies on nothing but sequence numbers: no clock, no flags. What the
//! bytes mean is left to others, and so is which of two connections on the same ports a segment belongs to.
//!
//! In order, a segment costs a copy of at most `history` bytes and no allocation once the history has grown.

mod limits;
mod oddities;
mod pieces;
mod window;

pub use limits::StreamLimits;
pub use oddities::Oddities;
pub(crate) use pieces::Pieces;

use oddities::bump;
use pieces::ahead_of;
use window::{Front, Overlaid, Window};

/// How far from the expected position a segment may lie and still belong there. The usual receive windows are smaller.
const REACH: u32 = 1 << 20;

/// Among so many first bytes of a stream a NUL may be meant: binary messages begin with up to three.
const OPENING: u32 = 3;

/// The most bytes taken from one segment; only a jumbogram could hold more.
const LONGEST: usize = REACH as usize;

/// A TCP segment's place and payload.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Sequence number of the first payload byte (one more than that of a SYN in the same segment).
    pub sequence: u32,
    /// The payload bytes that the capture kept.
    pub payload: &'a [u8],
    /// How many payload bytes there were on the wire. The tail beyond `payload` is given as a gap once it is acknowledged
    /// or later bytes come, for a false length must not make us deaf to the bytes themselves.
    pub payload_len: usize,
}

/// What a [`Half`] lends out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes in order.
    Data(&'a [u8]),
    /// So many bytes are missing here, 0 if nobody knows how many. What follows does not adjoin what came before.
    Gap(u64),
    /// Another reading of recent bytes, from as far back as they are kept. It need not end where `Data` does.
    ///
    /// Shown when content was contradicted ([`Oddities::conflicts`] tells) and when late bytes completed what had been
    /// given as a gap or lay before the first segment seen.
    Rival(&'a [u8]),
    /// Bytes from so far away that they belong to nothing said so far; [`Data`](Self::Data) only once others go on from there.
    Apart(&'a [u8]),
}

type Sink<'s> = dyn FnMut(Piece<'_>) + 's;

/// One direction of a TCP connection.
#[derive(Clone, Debug)]
pub struct Half {
    window: Window,
    /// The place left at the last jump, in case the stream goes on there.
    spare: Option<Box<Window>>,
    held: Pieces,
    /// How far the receiver has acknowledged; never behind the window's end.
    acked: u32,
    /// How far the bytes reach that were sent, going by the length of a sliced segment; never behind the window's end.
    cut: u32,
    /// The first sequence number ever set or seen.
    start: u32,
    shown: u32,
    inspected: u32,
    oddities: Oddities,
    /// A position is known.
    begun: bool,
    /// Something was delivered.
    delivered: bool,
    /// The second reading holds bytes that have not been shown.
    unshown: bool,
    /// The spare place was seen once only.
    suspected: bool,
}

impl Default for Half {
    fn default() -> Self {
        Self::new()
    }
}

impl Half {
    /// A stream of which nothing is known; its first segment will fix where it begins.
    pub const fn new() -> Self {
        Self {
            window: Window::at(0, true),
            spare: None,
            held: Pieces::new(),
            acked: 0,
            cut: 0,
            start: 0,
            shown: 0,
            inspected: 0,
            oddities: Oddities::new(),
            begun: false,
            delivered: false,
            unshown: false,
            suspected: false,
        }
    }

    /// Notes a SYN: the stream's first byte has this number.
    ///
    /// A SYN that comes when another position is known moves nothing by itself; the stream will go on at whichever place
    /// the next bytes belong to.
    pub fn synchronize(&mut self, sequence: u32) {
        if !self.begun {
            return self.begin(sequence, false);
        }
        let early = ahead_of(self.window.front(), sequence);
        // Segments can overtake their SYN. The window is open to them already.
        let late_syn = self.window.is_open() && (0..=REACH as i32).contains(&early);
        if sequence != self.start && !late_syn {
            self.spare = Some(Box::new(Window::at(sequence, false)));
            self.suspected = false;
        }
    }

    /// Takes a segment and lends out what it completes.
    pub fn push(&mut self, segment: Segment<'_>, limits: &StreamLimits, sink: &mut Sink<'_>) {
        let Segment { sequence, payload, payload_len } = segment;
        let payload = payload.get(..LONGEST).unwrap_or(payload);
        let wire = payload_len.min(LONGEST).max(payload.len());
        if wire == 0 {
            return;
        }
        if !self.choose(sequence, payload, limits, sink) {
            return;
        }
        let ahead = ahead_of(sequence, self.window.end());
        if wire == 1 && ahead == -1 {
            return self.probe(payload);
        }
        let late = if ahead < 0 { self.compare(sequence, payload, limits) } else { Late::Nothing };
        let old = ahead.min(0).unsigned_abs() as usize;
        if wire > old {
            let new = payload.get(old..).unwrap_or_default();
            self.accept(
                sequence.wrapping_add(old as u32),
                new,
                (wire - old - new.len()) as u32,
                limits,
                sink,
            );
        }
        self.show_late(late, sequence, payload, limits, sink);
        self.show_pending(limits, sink);
    }

    /// Notes that the receiver acknowledged all bytes before `ack`. What it has and we never saw is lost to us: if later
    /// bytes are held, the gap before them is skipped at once.
    ///
    /// While nothing is held there is no hurry, and the bytes may still come: the two directions of a connection are
    /// often captured with some delay between them.
    pub fn acknowledged(&mut self, ack: u32, limits: &StreamLimits, sink: &mut Sink<'_>) {
        let reach = 0..=REACH as i32;
        let plausible = self.begun && reach.contains(&ahead_of(ack, self.window.end()));
        if plausible && ahead_of(ack, self.acked) > 0 {
            self.acked = ack;
            self.skip_cut(limits, sink);
            self.skip_lost(limits, sink);
        }
        // The other side may be about to answer what was not shown yet.
        if plausible {
            self.show_pending(limits, sink);
        }
    }

    /// Ends the stream: lends out what is held, with gaps.
    pub fn finish(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        self.flush(limits, sink);
        // A FIN is acknowledged as if it were a byte.
        let unseen = self.acked.wrapping_sub(self.window.end());
        let sliced = self.cut.wrapping_sub(self.window.end());
        if self.begun && (unseen > 1 || sliced > 0) {
            self.skip(unseen.max(sliced), limits, sink);
        }
        self.show_pending(limits, sink);
    }

    /// The sequence number that is expected next, if one is known.
    pub fn position(&self) -> Option<u32> {
        self.begun.then(|| self.window.end())
    }

    /// What was unusual so far.
    pub const fn oddities(&self) -> &Oddities {
        &self.oddities
    }

    /// Counts what is unusual anew.
    pub const fn forget_oddities(&mut self) {
        self.oddities = Oddities::new();
    }

    /// Bytes of memory held beyond the `Half` itself.
    pub fn memory(&self) -> usize {
        let spare = self.spare.as_ref().map_or(0, |spare| spare.memory() + size_of::<Window>());
        self.window.memory() + spare + self.held.memory()
    }

    /// Forgets what was acknowledged or sliced beyond the window's end.
    fn expect_no_more(&mut self) {
        (self.acked, self.cut) = (self.window.end(), self.window.end());
    }

    fn begin(&mut self, sequence: u32, open: bool) {
        self.window = Window::at(sequence, open);
        (self.start, self.begun) = (sequence, true);
        self.expect_no_more();
    }
}

/// Where segments belong.
impl Half {
    /// Moves to the place where a segment belongs, if that is not the current one. False: it belongs nowhere yet.
    fn choose(&mut self, sequence: u32, payload: &[u8], limits: &StreamLimits, sink: &mut Sink<'_>) -> bool {
        if !self.begun {
            self.begin(sequence, true);
            return true;
        }
        let end = self.window.end();
        let continues_spare = self.spare.as_ref().is_some_and(|spare| spare.end() == sequence);
        if sequence == end || (near(sequence, end) && !continues_spare) {
            return true;
        }
        let belongs =
            |spare: &Window| if self.suspected { continues_spare } else { near(sequence, spare.end()) };
        if !self.spare.as_deref().is_some_and(belongs) {
            self.suspect(sequence, payload, limits, sink);
            return false;
        }
        self.flush(limits, sink);
        if let Some(spare) = &mut self.spare {
            std::mem::swap(&mut self.window, spare);
        }
        self.suspected = false;
        self.expect_no_more();
        bump(&mut self.oddities.resyncs, 1);
        if self.delivered {
            sink(Piece::Gap(0));
        }
        // The gap broke what was said here before. The window still has it in one piece.
        self.unshown |= !self.window.is_empty();
        true
    }

    /// Keeps a segment from far away until another one goes on from there: a single one may have been sent for us alone, and moving there and
    /// back would break what is said here. What it says is shown.
    fn suspect(&mut self, sequence: u32, payload: &[u8], limits: &StreamLimits, sink: &mut Sink<'_>) {
        let mut place = Window::at(sequence, true);
        place.append(payload, limits.history);
        self.spare = Some(Box::new(place));
        self.suspected = true;
        if self.inspected >= limits.conflicts {
            bump(&mut self.oddities.uninspected, 1);
        } else if !payload.is_empty() {
            self.inspected += 1;
            sink(Piece::Apart(payload));
        }
    }

    /// Takes the new bytes of a segment, which begin at the window's end or later.
    fn accept(
        &mut self,
        sequence: u32,
        new: &[u8],
        missing: u32,
        limits: &StreamLimits,
        sink: &mut Sink<'_>,
    ) {
        let in_turn = sequence == self.window.end();
        let after_loss = ahead_of(sequence, self.lost_until()) <= 0;
        if self.held.is_empty() && (in_turn || after_loss) {
            self.skip(sequence.wrapping_sub(self.window.end()), limits, sink);
            return self.deliver(new, missing, limits, sink);
        }
        let placed = self.held.insert(self.window.end(), sequence, new, missing);
        if !in_turn && placed.fresh {
            bump(&mut self.oddities.out_of_order, 1);
        }
        if placed.overlap && !placed.conflict {
            bump(&mut self.oddities.retransmissions, 1);
        }
        self.drain(limits, sink);
        self.skip_lost(limits, sink);
        self.relieve(limits, sink);
    }

    /// Delivers what is held and has got its turn.
    fn drain(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        while let Some(piece) = self.held.take_ready(self.window.end()) {
            let passed = self.window.end().wrapping_sub(piece.start);
            let new = piece.bytes.get(passed as usize..).unwrap_or_default();
            self.deliver(new, piece.missing, limits, sink);
            self.settle(limits, sink);
        }
    }

    /// Compares the rivals that were held with what has been delivered in their place.
    fn settle(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        while let Some(rival) = self.held.take_rival(self.window.end()) {
            // What this rival is about to overwrite has not been seen together with the newest bytes.
            self.show_pending(limits, sink);
            self.window.overlay(rival.start, &rival.bytes);
            bump(&mut self.oddities.conflicts, 1);
            self.show_late(Late::Conflict, rival.start, &rival.bytes, limits, sink);
        }
    }

    /// No byte before this position is worth waiting for.
    fn lost_until(&self) -> u32 {
        if ahead_of(self.acked, self.cut) > 0 { self.acked } else { self.cut }
    }

    /// Gives up what a sliced segment held, once that is known to have arrived. Until then, the length may be a lie.
    fn skip_cut(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        let end = self.window.end();
        let sure = self.acked.wrapping_sub(end).min(self.cut.wrapping_sub(end));
        let until_held = self.held.head().map_or(u32::MAX, |head| head.wrapping_sub(end));
        self.skip(sure.min(until_held), limits, sink);
    }

    /// Gives up gaps of bytes that will not come.
    fn skip_lost(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        while let Some(head) = self.held.head() {
            if ahead_of(head, self.lost_until()) > 0 {
                return;
            }
            self.skip_to(head, limits, sink);
        }
    }

    /// Gives up gaps until no more is held than allowed.
    fn relieve(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        while self.held.count() > limits.held_segments || self.held.bytes() > limits.held_bytes {
            let Some(head) = self.held.head() else { return self.held = Pieces::new() };
            bump(&mut self.oddities.held_overflow, 1);
            self.skip_to(head, limits, sink);
        }
    }

    fn flush(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        while let Some(head) = self.held.head() {
            self.skip_to(head, limits, sink);
        }
    }

    /// Skips the gap before the first held piece, and delivers from there.
    fn skip_to(&mut self, head: u32, limits: &StreamLimits, sink: &mut Sink<'_>) {
        self.skip(head.wrapping_sub(self.window.end()), limits, sink);
        self.drain(limits, sink);
    }

    fn skip(&mut self, count: u32, limits: &StreamLimits, sink: &mut Sink<'_>) {
        if count == 0 {
            return;
        }
        if count as usize >= limits.history {
            // Too wide to keep as a hole. If the gap was a lie, the stream will go on at its near side.
            let end = self.window.end();
            let near_side = std::mem::replace(&mut self.window, Window::at(end, true));
            self.spare = Some(Box::new(near_side));
            self.suspected = false;
        }
        self.window.skip(count, limits.history);
        self.catch_up();
        bump(&mut self.oddities.gaps, 1);
        bump(&mut self.oddities.lost_bytes, count);
        self.delivered = true;
        sink(Piece::Gap(u64::from(count)));
    }

    fn deliver(&mut self, bytes: &[u8], missing: u32, limits: &StreamLimits, sink: &mut Sink<'_>) {
        if !bytes.is_empty() {
            self.window.append(bytes, limits.history);
            self.unshown |= self.window.differs();
            self.delivered = true;
            sink(Piece::Data(bytes));
        }
        self.catch_up();
        let sent = self.window.end().wrapping_add(missing);
        if ahead_of(sent, self.cut) > 0 {
            self.cut = sent;
            self.skip_cut(limits, sink);
        }
    }

    /// Keeps what is known of the future from falling behind.
    fn catch_up(&mut self) {
        let end = self.window.end();
        for position in [&mut self.acked, &mut self.cut] {
            if ahead_of(*position, end) < 0 {
                *position = end;
            }
        }
    }
}

/// What a segment says about bytes before the window's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Nothing,
    /// Bytes that were missing, now in the window.
    Completion,
    /// Bytes that were never seen, from before the window.
    Stray,
    Conflict,
}

/// Other readings.
impl Half {
    /// A single byte just before the expected one is a keep-alive probe: no conflict, and nothing to show for itself.
    ///
    /// Its content is garbage, mostly NUL. Any other byte is remembered in the second reading, or else a message sent byte
    /// by byte, each after a decoy, would pass as a row of probes. A NUL is remembered where bytes are contested anyway, and at
    /// the very beginning.
    fn probe(&mut self, payload: &[u8]) {
        let opening = self.window.end().wrapping_sub(self.start) <= OPENING;
        let nul_counts = opening || self.window.differs();
        if let Some(&byte) = payload.first().filter(|&&byte| byte != 0 || nul_counts) {
            self.unshown |= self.window.amend_last(byte);
        }
    }

    fn compare(&mut self, sequence: u32, payload: &[u8], limits: &StreamLimits) -> Late {
        let front = self.window.extend_front(sequence, payload, limits.history);
        let (late, counter) = match (front, self.window.overlay(sequence, payload)) {
            (_, Overlaid::Conflict) => (Late::Conflict, &mut self.oddities.conflicts),
            (Front::Joined, _) | (_, Overlaid::Filled) => (Late::Completion, &mut self.oddities.out_of_order),
            (Front::Apart, _) => (Late::Stray, &mut self.oddities.out_of_order),
            (Front::Untouched, Overlaid::Known) => (Late::Nothing, &mut self.oddities.retransmissions),
        };
        bump(counter, 1);
        late
    }

    fn show_late(&mut self, late: Late, from: u32, bytes: &[u8], limits: &StreamLimits, sink: &mut Sink<'_>) {
        if late != Late::Nothing && self.inspected >= limits.conflicts {
            bump(&mut self.oddities.uninspected, 1);
        } else if late != Late::Nothing {
            self.inspected += 1;
            self.unshown &= late == Late::Stray;
            self.show(late, from, bytes, sink);
        }
        self.window.trim(limits.history);
    }

    fn show(&self, late: Late, from: u32, bytes: &[u8], sink: &mut Sink<'_>) {
        let reading = if late == Late::Stray { &[] } else { self.window.reading(from) };
        if !reading.is_empty() {
            sink(Piece::Rival(reading));
        }
        if late == Late::Conflict {
            // Where decoys come now before, now after the real segment, neither reading is right throughout.
            let patched = self.window.patched(from, bytes);
            if patched != reading && patched != bytes {
                sink(Piece::Rival(&patched));
            }
        }
        if late != Late::Completion && bytes != reading && !bytes.is_empty() {
            sink(Piece::Rival(bytes));
        }
    }

    /// Shows the second reading again if it has grown.
    fn show_pending(&mut self, limits: &StreamLimits, sink: &mut Sink<'_>) {
        if !std::mem::take(&mut self.unshown) || self.shown >= limits.presentations {
            return;
        }
        self.shown += 1;
        let reading = self.window.reading(self.window.end());
        if !reading.is_empty() {
            sink(Piece::Rival(reading));
        }
    }
}

fn near(sequence: u32, end: u32) -> bool {
    ahead_of(sequence, end).unsigned_abs() <= REACH
}

#[cfg(test)]
mod tests;
