//! Segments in any order, overlapping, lying, from far away: memory stays in bounds, and a stream about which nobody lied
//! comes out as it was sent.
//!
//! Input: the first sequence number, then for each segment a byte of choices (kind, honest or not, cut by the capture or
//! not), the distance from where the stream began, the length as one byte, and for a liar the bytes.
#![no_main]

use pithead_flow::{Half, Piece, Segment, StreamLimits};
use pithead_fuzz::Choices;

/// What an honest sender sends at each place: no two places near each other look alike.
fn honest(place: u32) -> u8 {
    (place.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

/// Follows the places of what is lent out, as long as they are known.
struct Reader {
    place: Option<u32>,
    /// Before anything is lent out the stream may move to another place without a word; so many bytes in their places are
    /// no coincidence.
    sure: bool,
    liar: bool,
}

impl Reader {
    fn read(&mut self, piece: Piece<'_>) {
        match (piece, self.place) {
            (Piece::Data(bytes), Some(place)) => {
                let as_sent =
                    (0..).zip(bytes).all(|(offset, byte)| *byte == honest(place.wrapping_add(offset)));
                assert!(as_sent || self.liar || !self.sure, "at {place}: {bytes:?}");
                self.sure |= as_sent && bytes.len() >= 8;
                self.place = as_sent.then_some(place.wrapping_add(bytes.len() as u32));
            }
            (Piece::Gap(0), _) => self.place = None,
            (Piece::Gap(missing), Some(place)) => self.place = Some(place.wrapping_add(missing as u32)),
            _ => {}
        }
    }
}

pithead_fuzz::target!(|input| {
    let limits =
        StreamLimits { held_segments: 4, held_bytes: 512, history: 128, presentations: 3, conflicts: 4 };
    let mut choices = Choices(input);
    let start = choices.long();
    let mut half = Half::new();
    half.synchronize(start);
    let mut reader = Reader { place: Some(start), sure: false, liar: false };
    while !choices.is_over() {
        let choice = choices.byte();
        let sequence = start.wrapping_add(match choice & 0x30 {
            0x30 => choices.long(),
            _ => u32::from(choices.word()),
        });
        match choice & 7 {
            0 => half.acknowledged(sequence, &limits, &mut |piece| reader.read(piece)),
            1 => half.synchronize(sequence),
            _ => {
                let length = usize::from(choices.byte());
                let payload: Vec<u8> = if choice & 0x80 != 0 {
                    reader.liar = true;
                    choices.bytes(length).to_vec()
                } else {
                    (0..length as u32).map(|offset| honest(sequence.wrapping_add(offset))).collect()
                };
                let payload_len = payload.len() + usize::from(choice & 0x40);
                let segment = Segment { sequence, payload: &payload, payload_len };
                half.push(segment, &limits, &mut |piece| reader.read(piece));
            }
        }
        assert!(half.memory() <= limits.most_memory(), "{} bytes", half.memory());
    }
    half.finish(&limits, &mut |piece| reader.read(piece));
});
