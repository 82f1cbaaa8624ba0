//! Files that can be read only from front to back: standard input, pipes, and what gzip or zstd has packed.
//!
//! One buffer of fixed size holds the part that is being walked, so memory does not grow with what a file unpacks to.

use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::format::{Fault, MAX_BLOCK};

/// Bytes of the buffer: room for the largest record that must be seen whole.
const BUFFER_BYTES: usize = MAX_BLOCK;
/// Packed bytes read at a time.
const PACKED_BYTES: usize = 128 * 1024;
/// Bytes unpacked at a time. A decoder that meets corrupt data drops what it unpacked in that step, so steps are small.
const STEP_BYTES: usize = 8 * 1024;
/// The largest window a zstd file may ask for, as a power of two: 128 MiB, the most that `zstd --ultra -22` writes.
const ZSTD_WINDOW_LOG: u32 = 27;
/// With less room than this behind the last byte, the buffer is moved to its front before reading on.
const ROOM_BYTES: usize = 64 * 1024;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// Tells by the first four bytes of a file.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        match *bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A zstd frame, or one that its tools skip: the parallel packer begins with such a one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A window onto a file that is read, and unpacked, from front to back.
pub(crate) struct Stream {
    decoder: Decoder,
    buffer: Vec<u8>,
    filled: usize,
    base: u64,
}

impl Stream {
    /// Begins to read, and unpacks what comes if it is packed.
    pub(crate) fn open(mut input: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(4);
        input.by_ref().take(4).read_to_end(&mut magic)?;
        let packing = Packing::of(&magic);
        let tally = Tally { input: Box::new(Cursor::new(magic).chain(input)), bytes: 0, failed: false };
        let decoder = Decoder::new(packing, tally)?;
        Ok(Self { decoder, buffer: vec![0; BUFFER_BYTES], filled: 0, base: 0 })
    }

    /// The bytes that are there now.
    pub(crate) fn region(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// How far into the unpacked file the region begins.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// Whether what is read is unpacked first.
    pub(crate) const fn is_packed(&self) -> bool {
        !matches!(self.decoder, Decoder::Plain(_))
    }

    /// Bytes taken from the file.
    pub(crate) fn consumed(&self) -> u64 {
        self.decoder.tally().bytes
    }

    /// See [`Content::refill`](crate::content::Content::refill). Needs no more than the largest record.
    pub(crate) fn refill(&mut self, cursor: &mut usize, need: usize) -> Result<bool, Fault> {
        self.make_room(cursor, need);
        while self.filled - *cursor < need {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.decoder.read(room) {
                Ok(0) => return Ok(false),
                Ok(bytes) => self.filled += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.decoder.fault(error)),
            }
        }
        Ok(true)
    }

    /// Moves what lies behind the cursor to the front where the rest of the buffer is too small. Never for each refill: then
    /// a large record that trickles in would be moved again and again.
    fn make_room(&mut self, cursor: &mut usize, need: usize) {
        let tight = self.buffer.len() - self.filled < ROOM_BYTES && *cursor >= self.buffer.len() / 2;
        if *cursor < self.filled && !tight && cursor.saturating_add(need) <= self.buffer.len() {
            return;
        }
        self.buffer.copy_within(*cursor..self.filled, 0);
        self.base += *cursor as u64;
        self.filled -= *cursor;
        *cursor = 0;
    }
}

/// What unpacks.
enum Decoder {
    Plain(Tally),
    Gzip(Box<MultiGzDecoder<BufReader<Tally>>>),
    Zstd(Box<ZstdDecoder<'static, BufReader<Tally>>>),
}

impl Decoder {
    fn new(packing: Packing, tally: Tally) -> io::Result<Self> {
        Ok(match packing {
            Packing::None => Self::Plain(tally),
            Packing::Gzip => {
                Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_BYTES, tally))))
            }
            Packing::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(BufReader::with_capacity(PACKED_BYTES, tally))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    /// Reads once: what a pipe holds now is not held back until more comes.
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let step = room.len().min(STEP_BYTES);
        match self {
            Self::Plain(tally) => tally.read(room),
            Self::Gzip(decoder) => decoder.read(room.get_mut(..step).unwrap_or_default()),
            Self::Zstd(decoder) => decoder.read(room.get_mut(..step).unwrap_or_default()),
        }
    }

    fn tally(&self) -> &Tally {
        match self {
            Self::Plain(tally) => tally,
            Self::Gzip(decoder) => decoder.get_ref().get_ref(),
            Self::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }

    /// Tells a disk that fails from packed data that makes no sense.
    fn fault(&self, error: io::Error) -> Fault {
        let packing = match self {
            _ if self.tally().failed => return Fault::Read(error),
            Self::Plain(_) => return Fault::Read(error),
            Self::Gzip(_) => "gzip",
            Self::Zstd(_) => "zstd",
        };
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                Fault::Damaged(format!("cut short: the {packing} data ends too early"))
            }
            _ => Fault::Damaged(format!("the {packing} data is corrupt ({error})")),
        }
    }
}

/// A file, the count of bytes read from it, and whether it failed.
struct Tally {
    input: Box<dyn Read + Send>,
    bytes: u64,
    failed: bool,
}

impl Read for Tally {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(room);
        match &read {
            Ok(bytes) => self.bytes += *bytes as u64,
            Err(error) => self.failed |= error.kind() != ErrorKind::Interrupted,
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, with interruptions, and at last an error.
    struct Trickle {
        bytes: Cursor<Vec<u8>>,
        calls: usize,
        fails: bool,
    }

    impl Read for Trickle {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(ErrorKind::Interrupted.into());
            }
            let read = self.bytes.read(&mut room[..1])?;
            if read == 0 && self.fails { Err(io::Error::other("disk on fire")) } else { Ok(read) }
        }
    }

    fn trickle(bytes: &[u8], fails: bool) -> Stream {
        let bytes = Cursor::new(bytes.to_vec());
        Stream::open(Box::new(Trickle { bytes, calls: 0, fails })).unwrap()
    }

    #[test]
    fn trickling_bytes_arrive_in_order() {
        let mut stream = trickle(b"abcdefgh", false);
        let mut cursor = 0;
        assert!(stream.refill(&mut cursor, 5).unwrap());
        assert_eq!(&stream.region()[cursor..], b"abcde");
        cursor += 5;
        assert!(stream.refill(&mut cursor, 2).unwrap());
        assert_eq!((stream.base(), &stream.region()[cursor..]), (5, &b"fg"[..]));
        assert!(!stream.refill(&mut cursor, 4).unwrap());
        assert_eq!(&stream.region()[cursor..], b"fgh");
        assert_eq!(stream.consumed(), 8);
    }

    #[test]
    fn a_failing_file_is_no_damage() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut packed, &[7; 1000]).unwrap();
        let packed = packed.finish().unwrap();
        for bytes in [&packed[..packed.len() - 9], b"plain"] {
            let mut stream = trickle(bytes, true);
            let fault = stream.refill(&mut 0, 2000).unwrap_err();
            assert!(matches!(fault, Fault::Read(_)), "{fault:?}");
        }
    }

    #[test]
    fn the_buffer_moves_to_the_front_when_it_is_used_up() {
        let bytes: Vec<u8> = (0..3 * BUFFER_BYTES).map(|index| (index / 1000) as u8).collect();
        let mut stream = Stream::open(Box::new(Cursor::new(bytes.clone()))).unwrap();
        let (mut cursor, mut at) = (0, 0);
        while stream.refill(&mut cursor, 1000).unwrap() {
            assert_eq!(stream.base() + cursor as u64, at as u64);
            assert_eq!(&stream.region()[cursor..cursor + 1000], &bytes[at..at + 1000]);
            cursor += 1000;
            at += 1000;
        }
        assert_eq!(at, bytes.len() / 1000 * 1000);
        assert_eq!(stream.buffer.len(), BUFFER_BYTES);
    }

    #[test]
    fn packing_is_told_by_the_first_bytes() {
        assert_eq!(Packing::of(&[0x1f, 0x8b, 8, 0]), Packing::Gzip);
        assert_eq!(Packing::of(&[0x28, 0xb5, 0x2f, 0xfd]), Packing::Zstd);
        assert_eq!(Packing::of(&[0x50, 0x2a, 0x4d, 0x18]), Packing::Zstd);
        assert_eq!(Packing::of(&[0xd4, 0xc3, 0xb2, 0xa1]), Packing::None);
        assert_eq!(Packing::of(&[0x1f]), Packing::None);
    }
}
