//! Packed content: bodies of HTTP in gzip or deflate, and messages of a WebSocket (permessage-deflate, RFC 7692).
//!
//! A message is short, so it is kept packed until it is whole, 4 KiB at most, and then unpacked in one go, again 4 KiB at most: whatever it
//! would blow up to, and however slowly it comes, no flow has a decoder of its own. The messages of a WebSocket may refer back to those before, up
//! to 32 KiB; only such a flow keeps that much, and only so many flows do. Check sums are not compared: the receiver may not, either.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::framing::MESSAGE_BYTES;

/// How far back packed bytes may refer (RFC 1951).
const WINDOW: usize = 32 << 10;
/// The most bytes of a message or body that are kept packed.
pub(crate) const PACKED_BYTES: usize = MESSAGE_BYTES;
/// The most bytes that they are unpacked to: of what is longer no more would be looked at.
const PLAIN_BYTES: usize = MESSAGE_BYTES;
/// So many bytes of a body tell whether it is JSON, unless it begins with as many blanks.
const FRONT: usize = 32;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 1950, or without its header, as some servers have it.
    Deflate,
}

impl Coding {
    /// What the first bytes of gzip are, whatever they are said to be.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(&[0x1f, 0x8b, 8]).then_some(Self::Gzip)
    }
}

/// What unpacks, shared by the flows of a worker.
#[derive(Debug, Default)]
pub(crate) struct Unpacking {
    /// Made when something packed is met for the first time.
    unpacker: Option<Box<Unpacker>>,
    /// How many flows may still have a window.
    windows: usize,
    refusals: u64,
}

impl Unpacking {
    /// For at most so many windows of 32 KiB.
    pub(crate) const fn new(windows: usize) -> Self {
        Self { unpacker: None, windows, refusals: 0 }
    }

    /// How many messages were unpacked without those before them, since there was no room for a window.
    pub(crate) const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The beginning of a body's content, a few letters of it.
    pub(crate) fn front(&mut self, coding: Coding, packed: &[u8]) -> &[u8] {
        self.unpacker.get_or_insert_default().body(coding, packed, FRONT)
    }

    /// The content of a body, as far as it is there and is looked at.
    pub(crate) fn body(&mut self, coding: Coding, packed: &[u8]) -> &[u8] {
        self.unpacker.get_or_insert_default().body(coding, packed, PLAIN_BYTES)
    }

    /// A message of a WebSocket, which may go on from those before. `cut`: there was more of it.
    pub(crate) fn message(&mut self, packed: &[u8], cut: bool, window: &mut Window) -> (&[u8], bool) {
        if !window.held && self.windows > 0 {
            self.windows -= 1;
            window.held = true;
        }
        self.refusals += u64::from(!window.held);
        let (plain, whole) = self.unpacker.get_or_insert_default().message(packed, &window.plain);
        let whole = whole && !cut;
        if window.held {
            window.note(plain, whole);
        }
        (plain, whole)
    }

    /// Takes back the room for a window.
    pub(crate) fn give(&mut self, window: &mut Window) {
        self.windows += usize::from(std::mem::take(window).held);
    }
}

/// What one side of a WebSocket said last, unpacked.
#[derive(Debug, Default)]
pub(crate) struct Window {
    plain: Vec<u8>,
    held: bool,
}

impl Window {
    /// Adds a message. If not all of it is known, nobody knows where what came before it lies: messages that refer back have holes from then
    /// on.
    fn note(&mut self, plain: &[u8], whole: bool) {
        if !whole {
            self.plain.clear();
            self.plain.resize(WINDOW, 0);
            return;
        }
        let surplus = (self.plain.len() + plain.len()).saturating_sub(WINDOW).min(self.plain.len());
        self.plain.drain(..surplus);
        self.plain.extend_from_slice(plain);
    }
}

/// The decoder of a worker, and room for what it unpacks behind what it may refer back to.
#[derive(Default)]
struct Unpacker {
    state: DecompressorOxide,
    room: Vec<u8>,
}

impl Unpacker {
    fn body(&mut self, coding: Coding, packed: &[u8], most: usize) -> &[u8] {
        self.room.resize(WINDOW + PLAIN_BYTES, 0);
        let (mut rest, mut filled) = (packed, 0);
        while filled < most
            && let Some(content) = content(coding, rest)
        {
            let (status, used, made) = self.run(content, filled, most);
            filled += made;
            if status != TINFLStatus::Done || coding != Coding::Gzip {
                break;
            }
            // Another member may follow its check sum and length.
            rest = content.get(used + 8..).unwrap_or_default();
        }
        &self.room[..filled]
    }

    /// The message, and whether that is all of it.
    fn message(&mut self, packed: &[u8], before: &[u8]) -> (&[u8], bool) {
        self.room.clear();
        self.room.extend_from_slice(before);
        self.room.resize(before.len() + PLAIN_BYTES, 0);
        let (mut rest, mut filled) = (packed, before.len());
        loop {
            let (status, used, made) = self.run(rest, filled, self.room.len());
            filled += made;
            rest = rest.get(used..).unwrap_or_default();
            // A sender may also end each message for good.
            if status != TINFLStatus::Done || rest.is_empty() || made == 0 {
                let whole = matches!(status, TINFLStatus::Done | TINFLStatus::NeedsMoreInput);
                return (&self.room[before.len()..filled], whole);
            }
        }
    }

    /// Unpacks one stream into the room from `at` to `end`: how it went, how many bytes were read and how many made.
    fn run(&mut self, packed: &[u8], at: usize, end: usize) -> (TINFLStatus, usize, usize) {
        self.state.init();
        let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        decompress(&mut self.state, packed, &mut self.room[..end], at, flags)
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").finish_non_exhaustive()
    }
}

/// What is behind the header of a body.
fn content(coding: Coding, packed: &[u8]) -> Option<&[u8]> {
    match (coding, packed) {
        (Coding::Gzip, _) => gzip_content(packed),
        (Coding::Deflate, [method, flags, rest @ ..]) => {
            let header = method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31);
            Some(if header { rest } else { packed })
        }
        (Coding::Deflate, _) => None,
    }
}

/// What is behind the header of a gzip member (RFC 1952, section 2.3).
fn gzip_content(packed: &[u8]) -> Option<&[u8]> {
    const CHECKED: u8 = 2;
    const EXTRA: u8 = 4;
    const NAMED: u8 = 8;
    const COMMENTED: u8 = 16;
    let flags = *packed.get(3)?;
    Coding::of(packed)?;
    let mut rest = packed.get(10..)?;
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for _ in 0..(flags & (NAMED | COMMENTED)).count_ones() {
        rest = rest.get(memchr::memchr(0, rest)? + 1..)?;
    }
    if flags & CHECKED != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compress, Compression, FlushCompress, GzBuilder, write};
    use proptest::prelude::*;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let named = GzBuilder::new().filename("a.json").comment("b").extra(&b"cd"[..]);
        let mut packer = named.write(Vec::new(), Compression::default());
        packer.write_all(text).expect("memory");
        packer.finish().expect("memory")
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut packer = write::ZlibEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).expect("memory");
        packer.finish().expect("memory")
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut packer = write::DeflateEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).expect("memory");
        packer.finish().expect("memory")
    }

    /// Packs as RFC 7692 has it.
    fn packed(packer: &mut Compress, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 100);
        packer.compress_vec(text, &mut out, FlushCompress::Sync).expect("memory");
        out.truncate(out.len() - 4);
        out
    }

    #[test]
    fn bodies_of_all_codings() {
        let text = br#"{"id":1,"method":"getwork","params":[]}"#;
        let mut unpacking = Unpacking::new(0);
        assert_eq!(unpacking.body(Coding::Gzip, &gzip(text)), text);
        assert_eq!(
            unpacking.body(Coding::Gzip, &[gzip(text), gzip(b" {}")].concat()),
            [&text[..], b" {}"].concat()
        );
        assert_eq!(unpacking.body(Coding::Deflate, &zlib(text)), text);
        assert_eq!(unpacking.body(Coding::Deflate, &raw(text)), text);
        assert_eq!(unpacking.front(Coding::Gzip, &gzip(text)), &text[..FRONT]);
        assert_eq!(unpacking.body(Coding::Gzip, b"\x1f\x8b\x08"), b"");
        assert_eq!(unpacking.body(Coding::Gzip, b"{}"), b"");
    }

    #[test]
    fn a_bomb_is_cut() {
        let bomb = vec![b'['; 10_000_000];
        let mut unpacking = Unpacking::new(1);
        assert_eq!(unpacking.body(Coding::Gzip, &gzip(&bomb)).len(), PLAIN_BYTES);
        assert_eq!(unpacking.body(Coding::Deflate, &raw(&bomb)).len(), PLAIN_BYTES);
        let mut window = Window::default();
        let (plain, whole) = unpacking.message(&raw(&bomb), false, &mut window);
        assert_eq!((plain.len(), whole), (PLAIN_BYTES, false));
        assert_eq!(window.plain.len(), WINDOW);
        // A bomb of members: each is read, and makes nothing.
        let empty = gzip(b"").repeat(200);
        assert_eq!(unpacking.body(Coding::Gzip, &empty), b"");
    }

    #[test]
    fn messages_refer_back_and_a_loss_leaves_holes() {
        let job = |turn: u32| {
            format!("{{\"method\":\"job\",\"params\":{{\"job_id\":\"{turn:08x}\",\"target\":\"b88d0600\"}}}}")
        };
        let (mut packer, mut unpacking) = (Compress::new(Compression::default(), false), Unpacking::new(1));
        let mut window = Window::default();
        for turn in 0..2000 {
            let message = packed(&mut packer, job(turn).as_bytes());
            let (plain, whole) = unpacking.message(&message, false, &mut window);
            assert!(whole && plain == job(turn).as_bytes(), "{turn}");
        }
        assert!(window.plain.len() <= WINDOW);
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(9000)
        .collect();
        let long = packed(&mut packer, &noise);
        unpacking.message(&long[..PACKED_BYTES], true, &mut window);
        // What goes on from it has holes; what stands alone is whole.
        let onwards = packed(&mut packer, job(2000).as_bytes());
        assert_ne!(unpacking.message(&onwards, false, &mut window).0, job(2000).as_bytes());
        let alone = packed(&mut Compress::new(Compression::default(), false), job(2001).as_bytes());
        assert_eq!(unpacking.message(&alone, false, &mut window), (job(2001).as_bytes(), true));
        unpacking.give(&mut window);
        assert_eq!(unpacking.windows, 1);
    }

    #[test]
    fn without_room_each_message_stands_alone() {
        let (mut packer, mut unpacking) = (Compress::new(Compression::default(), false), Unpacking::new(0));
        let mut window = Window::default();
        let first = packed(&mut packer, b"{\"method\":\"login\"}");
        assert_eq!(unpacking.message(&first, false, &mut window), (&b"{\"method\":\"login\"}"[..], true));
        unpacking.message(&packed(&mut packer, b"{\"method\":\"login\"}"), false, &mut window);
        assert_eq!((unpacking.refusals(), window.plain.len()), (2, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(packed in proptest::collection::vec(any::<u8>(), 0..300), times in 1_usize..4) {
            let mut unpacking = Unpacking::new(1);
            let mut window = Window::default();
            for _ in 0..times {
                prop_assert!(unpacking.body(Coding::Gzip, &packed).len() <= PLAIN_BYTES);
                prop_assert!(unpacking.body(Coding::Deflate, &packed).len() <= PLAIN_BYTES);
                let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &packed].concat();
                prop_assert!(unpacking.body(Coding::Gzip, &gzip).len() <= PLAIN_BYTES);
                prop_assert!(unpacking.message(&packed, false, &mut window).0.len() <= PLAIN_BYTES);
                prop_assert!(window.plain.len() <= WINDOW);
            }
        }
    }
}
