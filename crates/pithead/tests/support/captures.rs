//! Captures taken apart and put together: frames of golden captures, and a plain writer of pcap files.

use std::path::{Path, PathBuf};

use pithead_capture::{FileSource, PacketSource};
use pithead_wire::{LinkType, Timestamp};

/// A frame on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub bytes: Vec<u8>,
    pub wire_len: u32,
    pub at: Timestamp,
    pub link: LinkType,
}

impl Sample {
    /// A whole Ethernet frame.
    pub fn ethernet(bytes: Vec<u8>, at: Timestamp) -> Self {
        let wire_len = u32::try_from(bytes.len()).expect("a frame is small");
        Self { bytes, wire_len, at, link: LinkType::ETHERNET }
    }
}

/// The frames of a capture.
pub fn frames(capture: &Path) -> Vec<Sample> {
    let paths: [PathBuf; 1] = [capture.to_owned()];
    let mut source = FileSource::open(&paths).expect("a capture");
    let mut samples = Vec::new();
    while let Some(batch) = source.next_batch().expect("a sound capture") {
        samples.extend(batch.frames().map(|frame| Sample {
            bytes: frame.bytes.to_vec(),
            wire_len: frame.wire_len,
            at: frame.at,
            link: frame.link,
        }));
    }
    samples
}

/// A pcap file's first 24 bytes: little-endian, nanoseconds.
pub fn pcap_head(link: u32) -> Vec<u8> {
    let words = [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, link];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A pcap file of Ethernet frames.
pub fn pcap_file<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Vec<u8> {
    let mut file = pcap_head(1);
    for sample in samples {
        assert_eq!(sample.link, LinkType::ETHERNET, "a pcap file has one link type");
        let nanos = sample.at.nanos();
        let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        for word in [seconds as u32, rest as u32, sample.bytes.len() as u32, sample.wire_len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&sample.bytes);
    }
    file
}

/// The same bytes, packed by gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

/// The same bytes, packed by zstd.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes it")
}
