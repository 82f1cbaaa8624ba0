//! WebSocket frames, one direction at a time, joined to messages.
//!
//! A [`Stream`] begins right behind the switch from HTTP; frames do not say where they begin, so it cannot join later.
//! Clients mask their frames and servers do not, but either is read both ways: web miners' back ends have been lenient.
//! Left out: the content of control frames, and decompression (permessage-deflate: such messages are told packed).
//! Layout: RFC 6455, section 5.

/// The most bytes of one message that are kept: mining messages are a few hundred bytes, and the first of a longer one are
/// enough to say what it is.
pub const MAX_MESSAGE: usize = 4096;

/// The longest frame header: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;
/// The longest payload of a control frame.
const MAX_CONTROL: u64 = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// What a [`Stream`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A message, text or binary, unmasked.
    Message {
        /// Its bytes, [`MAX_MESSAGE`] at most.
        text: &'a [u8],
        /// Whether there were more. It is then told as soon as that is seen, and the rest is passed over.
        truncated: bool,
    },
    /// The same of one that is compressed, as it was sent.
    Packed {
        /// Its bytes, [`MAX_MESSAGE`] at most, still packed.
        bytes: &'a [u8],
        /// As above.
        truncated: bool,
    },
    /// This side says no more; what follows is ignored.
    Close,
    /// These are no frames, or no longer; what follows is ignored, as nothing says where the next would begin.
    Broken,
}

/// Reads one direction of a WebSocket.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    header: [u8; MAX_HEADER],
    have: usize,
    frame: Frame,
    message: Message,
    /// The bytes of an unfinished message, at most [`MAX_MESSAGE`].
    kept: Vec<u8>,
    over: bool,
}

/// The frame whose payload is being read.
#[derive(Clone, Debug, Default)]
struct Frame {
    left: u64,
    opcode: u8,
    last: bool,
    mask: [u8; 4],
    /// Which byte of the mask comes next.
    turn: usize,
}

/// What the data frames of now belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Message {
    /// No message has begun.
    #[default]
    None,
    /// One that is kept.
    Kept,
    /// One that is kept and compressed.
    Packed,
    /// One that is passed over: it was told already.
    Passed,
}

impl Message {
    /// What there is to tell of it.
    const fn item(self, kept: &[u8], truncated: bool) -> Option<Item<'_>> {
        match self {
            Self::Kept => Some(Item::Message { text: kept, truncated }),
            Self::Packed => Some(Item::Packed { bytes: kept, truncated }),
            Self::None | Self::Passed => None,
        }
    }
}

impl Stream {
    /// A stream at the start of a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Item::Close`] or [`Item::Broken`] has been said.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Reads the next bytes and calls `sink` for everything that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Item<'_>)) {
        while !self.over && !bytes.is_empty() {
            bytes = if self.frame.left > 0 {
                self.payload(bytes, &mut sink)
            } else {
                self.begin(bytes, &mut sink)
            };
        }
    }

    /// Reads one byte of a header, and begins the frame when that was the last.
    fn begin<'b>(&mut self, bytes: &'b [u8], sink: &mut impl FnMut(Item<'_>)) -> &'b [u8] {
        let Some((first, rest)) = bytes.split_first() else { return bytes };
        if let Some(place) = self.header.get_mut(self.have) {
            *place = *first;
        }
        self.have += 1;
        let [flags, length, ..] = self.header;
        let wide = match length & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = length & MASKED != 0;
        if self.have < 2 || self.have < 2 + wide + if masked { 4 } else { 0 } {
            return rest;
        }
        self.have = 0;
        let long =
            self.header.iter().skip(2).take(wide).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        let mut mask = [0; 4];
        for (to, from) in mask.iter_mut().zip(self.header.iter().skip(2 + wide)).filter(|_| masked) {
            *to = *from;
        }
        let left = if wide == 0 { u64::from(length & !MASKED) } else { long };
        self.frame = Frame { left, opcode: flags & 0x0f, last: flags & FIN != 0, mask, turn: 0 };
        if self.enter(flags).is_none() {
            self.end(Item::Broken, sink);
        } else if left == 0 {
            self.leave(sink);
        }
        rest
    }

    /// Sees whether the frame may come here, and what it belongs to.
    fn enter(&mut self, flags: u8) -> Option<()> {
        let Frame { left, opcode, last, .. } = self.frame;
        let compressed = flags & COMPRESSED != 0;
        if flags & RESERVED != 0 || left > i64::MAX as u64 {
            return None;
        }
        match (opcode, self.message) {
            (TEXT | BINARY, Message::None) if compressed => {
                self.message = Message::Packed;
            }
            (TEXT | BINARY, Message::None) => self.message = Message::Kept,
            (CONTINUATION, Message::Kept | Message::Packed | Message::Passed) if !compressed => {}
            (CLOSE..=PONG, _) if !compressed && last && left <= MAX_CONTROL => {}
            _ => return None,
        }
        Some(())
    }

    /// Reads payload, and leaves the frame when that was all of it.
    fn payload<'b>(&mut self, bytes: &'b [u8], sink: &mut impl FnMut(Item<'_>)) -> &'b [u8] {
        let count = usize::try_from(self.frame.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (own, rest) = bytes.split_at(count);
        self.frame.left -= count as u64;
        if self.frame.opcode < CLOSE && matches!(self.message, Message::Kept | Message::Packed) {
            self.keep(own, sink);
        }
        if self.frame.left == 0 {
            self.leave(sink);
        }
        rest
    }

    fn keep(&mut self, own: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        let room = own.get(..MAX_MESSAGE - self.kept.len()).unwrap_or(own);
        let Frame { mask, turn, .. } = self.frame;
        let key = mask.iter().cycle().skip(turn);
        self.kept.extend(room.iter().zip(key).map(|(byte, key)| byte ^ key));
        self.frame.turn = (turn + room.len()) % mask.len();
        if room.len() < own.len() {
            let kept = std::mem::take(&mut self.kept);
            if let Some(item) = self.message.item(&kept, true) {
                sink(item);
            }
            self.message = Message::Passed;
        }
    }

    /// The frame is over; perhaps the message is, too.
    fn leave(&mut self, sink: &mut impl FnMut(Item<'_>)) {
        match self.frame.opcode {
            CLOSE => self.end(Item::Close, sink),
            CONTINUATION..CLOSE if self.frame.last => {
                // Given back rather than kept: between two messages minutes may pass.
                let kept = std::mem::take(&mut self.kept);
                if let Some(item) = std::mem::take(&mut self.message).item(&kept, false) {
                    sink(item);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, why: Item<'_>, sink: &mut impl FnMut(Item<'_>)) {
        self.kept = Vec::new();
        self.over = true;
        sink(why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::splits::{mutated, pieces};
    use super::*;
    use proptest::prelude::*;

    /// A frame as a sender writes it.
    fn frame(flags: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let masked = if mask.is_some() { MASKED } else { 0 };
        let mut bytes = vec![flags];
        match payload.len() {
            short @ 0..126 => bytes.push(masked | short as u8),
            middle @ 126..65536 => {
                bytes.push(masked | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(masked | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        let key = mask.unwrap_or_default();
        bytes.extend(mask.iter().flatten());
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    fn heard(bytes: &[u8], lengths: &[usize]) -> Vec<String> {
        let mut stream = Stream::new();
        let mut said = Vec::new();
        for piece in pieces(bytes, lengths) {
            stream.push(piece, |item| {
                said.push(match item {
                    Item::Message { text, truncated } => {
                        format!("{} {truncated}", String::from_utf8_lossy(text))
                    }
                    Item::Packed { bytes, truncated } => {
                        format!("packed {} {truncated}", String::from_utf8_lossy(bytes))
                    }
                    other => format!("{other:?}"),
                });
            });
            assert!(stream.kept.len() <= MAX_MESSAGE);
        }
        said
    }

    fn whole(bytes: &[u8]) -> Vec<String> {
        heard(bytes, &[bytes.len().max(1)])
    }

    #[test]
    fn the_example_of_the_standard() {
        // RFC 6455, section 5.7: "Hello", unmasked, masked, and in two fragments.
        let plain = b"\x81\x05\x48\x65\x6c\x6c\x6f";
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let two = b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f";
        assert_eq!(whole(&[&plain[..], masked, two].concat()), ["Hello false"; 3]);
    }

    #[test]
    fn control_frames_come_between_fragments() {
        let bytes = [
            frame(0x01, Some([1, 2, 3, 4]), b"{\"type\":"),
            frame(0x89, Some([5, 6, 7, 8]), b"ping"),
            frame(0x80, Some([9, 1, 2, 3]), b"\"auth\"}"),
            frame(0x82, None, b""),
            frame(0x88, None, b"\x03\xe8"),
            b"ignored".to_vec(),
        ];
        assert_eq!(whole(&bytes.concat()), ["{\"type\":\"auth\"} false", " false", "Close"]);
    }

    #[test]
    fn long_messages_are_cut_and_compressed_ones_told_so() {
        let long = "a".repeat(70_000);
        let bytes = [
            frame(0x81, Some([1, 2, 3, 4]), long.as_bytes()),
            frame(0xc1, None, b"squeezed"),
            frame(0x81, None, "b".repeat(MAX_MESSAGE).as_bytes()),
            frame(0x81, None, b"after"),
        ];
        let said = whole(&bytes.concat());
        assert_eq!(said[0], format!("{} true", &long[..MAX_MESSAGE]));
        assert_eq!(said[1], "packed squeezed false");
        assert_eq!(said[2].len(), MAX_MESSAGE + " false".len());
        assert_eq!(said[3], "after false");
    }

    #[test]
    fn what_are_no_frames_ends_the_reading() {
        for bytes in [
            &b"{\"id\":1}"[..],
            b"\x80\x00",                   // nothing to continue
            b"\x01\x00\x81\x00",           // a message inside a message
            b"\xa1\x00",                   // a reserved bit
            b"\x83\x00",                   // an unknown kind
            b"\x09\x00",                   // a ping in fragments
            b"\x89\x7e\x00\x7e",           // a long ping
            b"\xc8\x00",                   // a compressed close
            b"\x81\x7f\xff\0\0\0\0\0\0\0", // a length with a sign
        ] {
            let said = whole(bytes);
            assert_eq!(said, ["Broken"], "{bytes:?}");
        }
    }

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let flags = prop_oneof![4 => Just(0x81u8), 1 => Just(0x01), 1 => Just(0x80), 1 => Just(0x89), 1 => Just(0xc1)];
        let one = (flags, any::<Option<[u8; 4]>>(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(flags, mask, payload)| frame(flags, mask, &payload));
        prop::collection::vec(one, 1..6).prop_map(|frames| frames.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn messages_come_through(
            texts in prop::collection::vec(("[ -~]{0,200}", any::<Option<[u8; 4]>>(), 1usize..100), 0..5),
        ) {
            let mut bytes = Vec::new();
            for (text, mask, size) in &texts {
                let parts: Vec<&[u8]> = text.as_bytes().chunks(*size).collect();
                bytes.extend(frame(TEXT, *mask, parts.first().copied().unwrap_or_default()));
                parts.iter().skip(1).for_each(|part| bytes.extend(frame(CONTINUATION, *mask, part)));
                bytes.extend(frame(FIN, *mask, b""));
            }
            let expected: Vec<String> = texts.iter().map(|(text, ..)| format!("{text} false")).collect();
            prop_assert_eq!(whole(&bytes), expected);
        }

        #[test]
        fn the_same_is_said_however_the_bytes_are_cut(
            bytes in frames(),
            changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
            lengths in prop::collection::vec(1usize..60, 1..5),
        ) {
            let bytes = mutated(&bytes, &changes);
            prop_assert_eq!(heard(&bytes, &lengths), whole(&bytes));
            prop_assert_eq!(heard(&bytes, &[1]), whole(&bytes));
        }
    }
}
