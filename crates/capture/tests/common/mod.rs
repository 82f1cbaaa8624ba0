//! Writers of capture files: small, plain, and able to write what no sane program would.
#![allow(dead_code, unreachable_pub)] // each test takes what it needs

use std::{io::Write, path::PathBuf};

use pithead_capture::{Deal, FileSource, Frame, Interface, MemorySource};
use pithead_wire::{LinkType, Timestamp};

/// Leaves every frame to whoever looks.
pub fn nobodys() -> Box<Deal> {
    Box::new(|_| None)
}

/// A frame to be written: bytes, length on the wire, nanoseconds.
#[derive(Clone, Debug)]
pub struct Sample {
    pub bytes: Vec<u8>,
    pub wire_len: u32,
    pub nanos: i64,
}

/// Frames of many lengths, the empty one and odd ones among them, at times that run back now and then.
pub fn samples(count: usize) -> Vec<Sample> {
    (0..count)
        .map(|index| {
            let len = (index * 37) % 211;
            let step = if index % 10 == 9 { -3_000 } else { 1_000 };
            Sample {
                bytes: (0..len).map(|at| (at * 7 + index) as u8).collect(),
                wire_len: (len + if index % 4 == 0 { 1000 } else { 0 }) as u32,
                nanos: 1_700_000_000_123_456_000 + index as i64 * step,
            }
        })
        .collect()
}

/// The source that a file with these frames should equal.
pub fn memory(samples: &[Sample]) -> MemorySource {
    let mut source = MemorySource::new();
    extend(&mut source, samples, 0);
    source
}

/// Adds frames of one interface to the file begun last.
pub fn extend(source: &mut MemorySource, samples: &[Sample], interface: u16) {
    for Sample { bytes, wire_len, nanos } in samples {
        let (wire_len, at, link) = (*wire_len, Timestamp::from_nanos(*nanos), LinkType::ETHERNET);
        source.push_frame(Frame {
            bytes,
            wire_len,
            at,
            link,
            interface,
            number: 0,
            sequence: 0,
            taker: None,
        });
    }
}

pub fn ethernet(file: usize, name: Option<&str>) -> Interface {
    Interface { name: name.map(Into::into), link: LinkType::ETHERNET, file }
}

/// A folder that goes away with the test, and the files in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub fn source(paths: &[PathBuf]) -> FileSource {
    FileSource::open(paths).unwrap()
}

/// Byte order of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Big(pub bool);

impl Big {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        if self.0 { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

/// A way to write the classic format.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    pub big: Big,
    pub magic: u32,
    pub link: u32,
}

impl Pcap {
    pub const MICROS: u32 = 0xa1b2_c3d4;
    pub const NANOS: u32 = 0xa1b2_3c4d;
    pub const MODIFIED: u32 = 0xa1b2_cd34;

    pub fn new(big: bool, magic: u32) -> Self {
        Self { big: Big(big), magic, link: 1 }
    }

    pub fn header(self) -> Vec<u8> {
        let Self { big, magic, link } = self;
        let (version, lens) =
            ([big.u16(2), big.u16(4)], [big.u32(0), big.u32(0), big.u32(65535), big.u32(link)]);
        [&big.u32(magic)[..], version.as_flattened(), lens.as_flattened()].concat()
    }

    pub fn record(self, Sample { bytes, wire_len, nanos }: &Sample) -> Vec<u8> {
        let big = self.big;
        let unit = if self.magic == Self::NANOS { 1 } else { 1000 };
        let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000) / unit);
        let head =
            [seconds as u32, fraction as u32, bytes.len() as u32, *wire_len].map(|field| big.u32(field));
        let more: &[u8] = if self.magic == Self::MODIFIED { &[9; 8] } else { &[] };
        [head.as_flattened(), more, bytes].concat()
    }

    pub fn file(self, samples: &[Sample]) -> Vec<u8> {
        let records = samples.iter().flat_map(|sample| self.record(sample));
        self.header().into_iter().chain(records).collect()
    }
}

/// A way to write the format of blocks.
#[derive(Clone, Copy, Debug)]
pub struct Pcapng(pub Big);

impl Pcapng {
    pub fn new(big: bool) -> Self {
        Self(Big(big))
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = &[0; 3][..body.len().next_multiple_of(4) - body.len()];
        let len = self.0.u32((body.len() + padding.len() + 12) as u32);
        [&self.0.u32(kind)[..], &len, body, padding, &len].concat()
    }

    pub fn section(self) -> Vec<u8> {
        let big = self.0;
        let body = [&big.u32(0x1a2b_3c4d)[..], &big.u16(1), &big.u16(0), &big.u64(u64::MAX)].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = &[0; 3][..value.len().next_multiple_of(4) - value.len()];
        [&self.0.u16(code)[..], &self.0.u16(value.len() as u16), value, padding].concat()
    }

    pub fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let options: Vec<u8> = options.iter().flat_map(|(code, value)| self.option(*code, value)).collect();
        let end = if options.is_empty() { vec![] } else { self.option(0, &[]) };
        let body = [&self.0.u16(link)[..], &[0, 0], &self.0.u32(snaplen), &options, &end].concat();
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, units: u64, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        let head = [interface, (units >> 32) as u32, units as u32, bytes.len() as u32, wire_len];
        let comment = self.option(1, b"a comment");
        let padding = &[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()];
        self.block(
            6,
            &[head.map(|field| self.0.u32(field)).as_flattened(), bytes, padding, &comment].concat(),
        )
    }

    pub fn obsolete(self, interface: u16, units: u64, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        let head =
            [(units >> 32) as u32, units as u32, bytes.len() as u32, wire_len].map(|field| self.0.u32(field));
        self.block(2, &[&self.0.u16(interface)[..], &[0, 3], head.as_flattened(), bytes].concat())
    }

    pub fn simple(self, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        self.block(3, &[&self.0.u32(wire_len)[..], bytes].concat())
    }

    /// A file with one interface that counts nanoseconds.
    pub fn file(self, samples: &[Sample]) -> Vec<u8> {
        let head = [self.section(), self.interface(1, 0, &[(2, b"eth7"), (9, &[9])])].concat();
        let blocks = samples.iter().flat_map(|Sample { bytes, wire_len, nanos }| {
            self.enhanced(0, u64::try_from(*nanos).unwrap(), bytes, *wire_len)
        });
        head.into_iter().chain(blocks).collect()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
