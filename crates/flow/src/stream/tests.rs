//! Streams as captures hold them, and worse ones.

use super::*;
use proptest::prelude::*;

/// What a half lent out, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lent {
    Data(Vec<u8>),
    Gap(u64),
    Rival(Vec<u8>),
}

impl Lent {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Data(bytes) | Self::Rival(bytes) => bytes,
            Self::Gap(_) => &[],
        }
    }
}

/// A half, and all that it lent out.
struct Line {
    half: Half,
    limits: StreamLimits,
    lent: Vec<Lent>,
}

impl Line {
    fn new() -> Self {
        Self { half: Half::new(), limits: StreamLimits::default(), lent: Vec::new() }
    }

    fn begun(sequence: u32) -> Self {
        let mut line = Self::new();
        line.half.synchronize(sequence);
        line
    }

    fn with(&mut self, step: impl FnOnce(&mut Half, &StreamLimits, &mut Sink<'_>)) -> &mut Self {
        let lent = &mut self.lent;
        step(&mut self.half, &self.limits, &mut |piece| {
            lent.push(match piece {
                Piece::Data(bytes) => Lent::Data(bytes.to_vec()),
                Piece::Gap(count) => Lent::Gap(count),
                Piece::Rival(bytes) | Piece::Apart(bytes) => Lent::Rival(bytes.to_vec()),
            });
        });
        self
    }

    fn push(&mut self, sequence: u32, payload: &[u8]) -> &mut Self {
        self.push_sliced(sequence, payload, payload.len())
    }

    fn push_sliced(&mut self, sequence: u32, payload: &[u8], payload_len: usize) -> &mut Self {
        self.with(|half, limits, sink| half.push(Segment { sequence, payload, payload_len }, limits, sink))
    }

    fn acknowledged(&mut self, ack: u32) -> &mut Self {
        self.with(|half, limits, sink| half.acknowledged(ack, limits, sink))
    }

    fn finish(&mut self) -> &mut Self {
        self.with(|half, limits, sink| half.finish(limits, sink))
    }

    /// The main reading: bytes as text, gaps as `<n>`.
    fn data(&self) -> String {
        let show = |lent: &Lent| match lent {
            Lent::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Lent::Gap(count) => format!("<{count}>"),
            Lent::Rival(_) => String::new(),
        };
        self.lent.iter().map(show).collect()
    }

    fn rivals(&self) -> Vec<&[u8]> {
        self.lent.iter().filter(|lent| matches!(lent, Lent::Rival(_))).map(Lent::bytes).collect()
    }

    /// Whether some reading holds these bytes in one stretch.
    fn says(&self, wanted: &[u8]) -> bool {
        let mut readings: Vec<Vec<u8>> = self.rivals().into_iter().map(<[u8]>::to_vec).collect();
        let mut run = Vec::new();
        for lent in &self.lent {
            match lent {
                Lent::Data(bytes) => run.extend_from_slice(bytes),
                Lent::Gap(_) => readings.push(std::mem::take(&mut run)),
                Lent::Rival(_) => {}
            }
        }
        readings.push(run);
        readings.iter().any(|reading| reading.windows(wanted.len()).any(|part| part == wanted))
    }

    fn oddities(&self) -> Oddities {
        *self.half.oddities()
    }
}

#[test]
fn segments_in_order_pass_through() {
    let mut line = Line::begun(1);
    line.push(1, b"hello ").push(7, b"world").finish();
    assert_eq!(line.data(), "hello world");
    assert!(line.rivals().is_empty());
    assert_eq!(line.oddities(), Oddities::default());
}

#[test]
fn a_segment_ahead_waits_for_its_turn() {
    let mut line = Line::begun(1);
    line.push(7, b"world");
    assert_eq!(line.data(), "");
    line.push(1, b"hello ");
    assert_eq!(line.data(), "hello world");
    assert_eq!(line.oddities(), Oddities { out_of_order: 1, ..Oddities::default() });
}

#[test]
fn repetitions_are_ignored_and_overlaps_give_what_is_new() {
    let mut line = Line::begun(1);
    line.push(1, b"hello ").push(1, b"hello ").push(4, b"lo world").push(1, b"hello world!");
    assert_eq!(line.data(), "hello world!");
    assert_eq!(line.oddities(), Oddities { retransmissions: 3, ..Oddities::default() });
}

#[test]
fn keep_alive_probes_are_no_conflict_and_window_probes_are_bytes() {
    let mut line = Line::begun(1);
    line.push(1, b"ping\n").push(5, b"\0").push(5, b"").push(5, b"?").push(5, b"\n");
    assert_eq!((line.data().as_str(), line.rivals().len()), ("ping\n", 0));
    assert_eq!(line.oddities(), Oddities::default());
    line.push(6, b"p").push(6, b"pong\n");
    assert_eq!(line.data(), "ping\npong\n");
}

#[test]
fn a_message_in_single_bytes_each_after_a_decoy_is_still_read() {
    let mut line = Line::begun(1);
    for (sequence, byte) in (1..).zip(b"login\n") {
        line.push(sequence, b"x").push(sequence, &[*byte]);
    }
    line.finish();
    assert!(line.says(b"login\n"), "{:?}", line.lent);
    assert_eq!(line.oddities().conflicts, 0);
}

#[test]
fn a_sliced_tail_is_a_gap() {
    let mut line = Line::begun(1);
    line.push_sliced(1, b"abc", 10).push(11, b"def").push_sliced(20, b"mno", 5).push(14, b"ghijkl");
    line.finish();
    assert_eq!(line.data(), "abc<7>defghijklmno<2>");
    assert_eq!(line.oddities().lost_bytes, 9);
    let mut line = Line::begun(1);
    line.push_sliced(1, b"abc", 10).acknowledged(11);
    assert_eq!(line.data(), "abc<7>");
}

#[test]
fn a_false_length_does_not_make_deaf() {
    let mut line = Line::begun(1);
    line.push_sliced(1, b"log", 60_000).push(4, b"in\n").acknowledged(7).push(7, b"next\n");
    assert_eq!((line.data().as_str(), line.rivals().len()), ("login\nnext\n", 0));
}

#[test]
fn acknowledged_bytes_that_never_came_are_skipped() {
    let mut line = Line::begun(1);
    line.push(1, b"abc").push(7, b"ghi").acknowledged(4);
    assert_eq!(line.data(), "abc");
    line.acknowledged(10);
    assert_eq!(line.data(), "abc<3>ghi");
    // The receiver may be captured before the sender.
    line.acknowledged(16).push(10, b"jkl").push(16, b"pqr");
    assert_eq!(line.data(), "abc<3>ghijkl<3>pqr");
}

#[test]
fn bytes_later_than_their_gap_complete_the_window() {
    let mut line = Line::begun(1);
    line.push(1, b"abc").push(7, b"ghi").acknowledged(10).push(4, b"def");
    assert_eq!(line.rivals(), [b"abcdefghi"]);
    assert_eq!(line.oddities().conflicts, 0);
}

#[test]
fn the_end_tells_what_is_held_and_what_was_acknowledged() {
    let mut line = Line::begun(1);
    line.push(1, b"abc").push(7, b"ghi").finish();
    assert_eq!(line.data(), "abc<3>ghi");
    line.acknowledged(11).finish();
    assert_eq!(line.data(), "abc<3>ghi", "a FIN is no byte");
    line.acknowledged(20).finish();
    assert_eq!(line.data(), "abc<3>ghi<10>");
}

#[test]
fn reversed_segments_in_mid_stream_are_joined() {
    let mut line = Line::new();
    line.push(1006, b"world").push(1000, b"hello ");
    assert_eq!((line.data().as_str(), line.rivals()), ("world", vec![&b"hello world"[..]]));
    line.push(1011, b"!");
    assert_eq!(line.data(), "world!");
    let mut line = Line::new();
    line.push(1006, b"ghi").push(1000, b"abc").push(1003, b"def");
    assert!(line.says(b"abcdefghi"), "{:?}", line.lent);
}

#[test]
fn segments_that_overtook_their_syn_are_joined() {
    let mut line = Line::new();
    line.push(1006, b"world");
    line.half.synchronize(1000);
    line.push(1000, b"hello ");
    assert!(line.says(b"hello world"));
    assert_eq!(line.oddities().resyncs, 0);
}

#[test]
fn too_much_held_gives_up_the_gap() {
    let mut line = Line::begun(0);
    for turn in 0..=64 {
        line.push(10 + 2 * turn, b"xy");
    }
    assert_eq!(line.oddities().held_overflow, 1);
    assert!(line.data().starts_with("<10>xyxy"));
    let mut line = Line::begun(0);
    line.push(10, &[b'x'; 40_000]).push(50_010, &[b'y'; 40_000]);
    assert_eq!(line.oddities().held_overflow, 1);
    assert_eq!(line.data().len(), "<10>".len() + 40_000);
}

#[test]
fn a_segment_from_far_away_does_not_blind() {
    for far in [500_000_000_u32, 3_000_000_000] {
        let mut line = Line::begun(1);
        line.push(1, b"log").push(far, b"junk").push(4, b"in\n").push(7, b"next\n");
        assert_eq!(line.data(), "login\nnext\n");
        assert!(line.says(b"junk"), "{:?}", line.lent);
        assert_eq!(line.oddities().resyncs, 0);
    }
}

#[test]
fn a_stream_goes_on_where_two_segments_do() {
    let mut line = Line::begun(1);
    line.push(1, b"log")
        .push(500_000_000, b"far")
        .push(500_000_003, b" away\n")
        .push(4, b"in\n")
        .push(7, b"next\n");
    assert_eq!(line.data(), "log<0> away\n<0>in\nnext\n");
    assert!(line.says(b"far away\n") && line.says(b"login\n"), "{:?}", line.lent);
    assert_eq!(line.oddities().resyncs, 2);
}

#[test]
fn junk_held_far_ahead_does_not_blind() {
    let mut line = Line::begun(1);
    line.push(1, b"log");
    for turn in 0..70 {
        line.push(500_000 + 2 * turn, b"xx");
    }
    line.push(4, b"in\n").push(7, b"next\n");
    assert!(line.says(b"login\n") && line.says(b"next\n"), "{:?}", line.lent);
}

#[test]
fn a_false_syn_moves_nothing_and_a_true_one_does() {
    let mut line = Line::begun(1);
    line.push(1, b"log");
    line.half.synchronize(900_000_000);
    line.push(4, b"in\n");
    assert_eq!(line.data(), "login\n");
    line.push(900_000_000, b"again\n");
    assert_eq!(line.data(), "login\n<0>again\n");
    let mut line = Line::begun(1);
    line.half.synchronize(900_000_000);
    line.push(1, b"login\n");
    assert_eq!(line.data(), "login\n", "nothing had been said at the other place");
}

#[test]
fn decoys_before_and_after_the_real_segments() {
    // Each as pairs of (part, content); parts are three bytes.
    let orders: [&[(u32, &[u8])]; 6] = [
        &[(0, b"XXX"), (0, b"log"), (1, b"YYY"), (1, b"in\n")],
        &[(0, b"log"), (0, b"XXX"), (1, b"in\n"), (1, b"YYY")],
        &[(0, b"log"), (0, b"XXX"), (1, b"YYY"), (1, b"in\n")],
        &[(0, b"XXX"), (0, b"log"), (1, b"in\n"), (1, b"YYY")],
        &[(0, b"XXX"), (0, b"log"), (0, b"XXX"), (1, b"YYY"), (1, b"in\n"), (1, b"YYY")],
        &[(1, b"YYY"), (1, b"in\n"), (0, b"XXX"), (0, b"log")],
    ];
    for order in orders {
        let mut line = Line::begun(1);
        for &(part, content) in order {
            line.push(1 + 3 * part, content);
        }
        line.finish();
        assert!(line.says(b"login\n"), "{order:?} {:?}", line.lent);
        assert_eq!(line.oddities().conflicts, 2, "{order:?}");
    }
}

#[test]
fn a_conflict_with_what_is_held_shows_both() {
    let mut line = Line::begun(1);
    line.push(4, b"in\n").push(4, b"YY\n").push(1, b"log");
    assert_eq!(line.data(), "login\n");
    assert!(line.says(b"logYY\n"));
    let mut line = Line::begun(1);
    line.push(4, b"YY\n").push(1, b"login\n");
    assert_eq!(line.data(), "logYY\n");
    assert!(line.says(b"login\n"));
}

#[test]
fn presentations_are_bounded() {
    let mut line = Line::begun(0);
    line.push(0, b"first!").push(0, b"second");
    let StreamLimits { presentations, conflicts, .. } = StreamLimits::default();
    for turn in 0..500 {
        line.push(6 + 2 * turn, b"ab");
    }
    let repeated = line.rivals().len();
    assert!(repeated <= presentations as usize + 2, "{repeated}");
    for turn in 0..2000_u32 {
        line.push(600, &turn.to_be_bytes());
    }
    assert!(line.rivals().len() <= repeated + 3 * conflicts as usize);
    assert_eq!(line.oddities().conflicts, 1 + 2000);
    assert_eq!(line.oddities().uninspected, 1 + 2000 - conflicts);
}

/// Cuts `text` at the given places.
fn cut(text: &[u8], cuts: &[usize]) -> Vec<(usize, Vec<u8>)> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|pair| (pair[0], text[pair[0]..pair[1]].to_vec())).collect()
}

fn start() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (0..3000_u32).prop_map(|back| 0_u32.wrapping_sub(back))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_of_segments_gives_the_string(
        text in prop::collection::vec(any::<u8>(), 1..3000),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
        extra in prop::collection::vec((any::<usize>(), any::<usize>()), 0..20),
        order in any::<u64>(),
        start in start(),
    ) {
        let mut segments = cut(&text, &cuts);
        for (one, other) in extra {
            let (from, to) = (one % text.len(), other % text.len());
            segments.push((from.min(to), text[from.min(to)..=from.max(to)].to_vec()));
        }
        segments.sort_by_key(|(at, bytes)| (*at as u64 + 7 * bytes.len() as u64 + 1).wrapping_mul(order | 1));
        let mut line = Line::begun(start);
        for (at, bytes) in &segments {
            // A lone last byte is taken for a probe, which is as good as a repetition.
            line.push(start.wrapping_add(*at as u32), bytes);
        }
        let data: Vec<u8> = line.lent.iter().flat_map(|lent| match lent {
            Lent::Data(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(data, text);
        prop_assert_eq!(line.half.held.memory(), 0);
    }

    #[test]
    fn both_versions_of_a_text_are_read(
        text in prop::collection::vec(b'a'..=b'z', 8..600),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        changed in any::<usize>(),
        decoy_first in any::<bool>(),
        behind in 0..4_usize,
        start in start(),
    ) {
        let mut segments = cut(&text, &cuts);
        let chosen = changed % segments.len();
        let decoy = (segments[chosen].0, segments[chosen].1.to_ascii_uppercase());
        prop_assume!(decoy.1.len() > 1);
        let mut other = text.clone();
        other[decoy.0..decoy.0 + decoy.1.len()].copy_from_slice(&decoy.1);
        let place = if decoy_first { chosen } else { (chosen + 1 + behind).min(segments.len()) };
        segments.insert(place, decoy);
        let mut line = Line::begun(start);
        for (at, bytes) in &segments {
            line.push(start.wrapping_add(*at as u32), bytes);
        }
        line.finish();
        prop_assert!(line.says(&text) && line.says(&other), "{:?}", line.lent);
        prop_assert_eq!(line.oddities().conflicts, 1);
    }

    #[test]
    fn what_is_lent_out_is_what_was_sent(
        steps in prop::collection::vec((any::<bool>(), 0..4000_usize, 1..500_usize, 0..3_usize), 1..60),
        start in start(),
    ) {
        let text: Vec<u8> = (0..2000_u16).flat_map(u16::to_be_bytes).collect();
        let mut line = Line::begun(start);
        for (acknowledge, from, len, sliced) in steps {
            let to = (from + len).min(text.len());
            if acknowledge {
                line.acknowledged(start.wrapping_add(from as u32));
            } else {
                let kept = to.min(from + (len >> sliced));
                line.push_sliced(start.wrapping_add(from as u32), &text[from..kept], to - from);
            }
        }
        line.finish();
        let mut at = 0;
        for lent in &line.lent {
            match lent {
                Lent::Gap(count) => at += *count as usize,
                Lent::Data(bytes) => {
                    prop_assert_eq!(text.get(at..at + bytes.len()), Some(&bytes[..]));
                    at += bytes.len();
                }
                Lent::Rival(bytes) => prop_assert!(text.windows(bytes.len()).any(|part| part == bytes)),
            }
        }
        prop_assert!(line.oddities().conflicts == 0 && line.oddities().resyncs == 0);
    }

    #[test]
    fn random_segments_stay_within_memory(
        steps in prop::collection::vec((0..6_u8, any::<u32>(), 0..3000_usize, any::<u8>()), 1..200),
        start in start(),
    ) {
        let bytes: Vec<u8> = (0..=255).cycle().take(4000).collect();
        let mut line = Line::begun(start);
        let mut delivered = 0;
        for (kind, place, len, shift) in steps {
            let near = start.wrapping_add(place % 20_000);
            let payload = &bytes[usize::from(shift)..usize::from(shift) + len];
            match kind {
                0 => line.acknowledged(near),
                1 => line.push(place, payload),
                2 => line.push_sliced(near, &payload[..len / 2], len),
                3 if shift == 0 => { line.half.synchronize(place); &mut line }
                _ => line.push(near, &payload[..len.min(700)]),
            };
            prop_assert!(line.half.memory() <= line.limits.most_memory(), "{}", line.half.memory());
            prop_assert!(line.lent.iter().all(|lent| !matches!(lent, Lent::Rival(bytes) if bytes.len() > 8000)));
            delivered += line.lent.len();
            line.lent.clear();
        }
        line.finish();
        prop_assert!(line.half.held.is_empty());
        prop_assert!(delivered < 100_000);
    }
}
