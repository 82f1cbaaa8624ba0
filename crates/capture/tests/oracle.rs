//! The same files through another reader: `pcap-parser`.

mod common;

use common::*;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader, traits::PcapNGPacketBlock};
use pithead_capture::contract;
use proptest::prelude::*;

/// A frame as both readers see it: bytes, length on the wire, nanoseconds.
type Seen = (Vec<u8>, u32, i64);

fn theirs(bytes: &[u8]) -> Vec<Seen> {
    let mut reader = create_reader(1 << 20, std::io::Cursor::new(bytes.to_vec())).unwrap();
    let (mut frames, mut unit, mut interfaces) = (Vec::new(), 1000, Vec::new());
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        unit = if header.is_nanosecond_precision() { 1 } else { 1000 }
                    }
                    PcapBlockOwned::Legacy(block) => {
                        let nanos = i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * unit;
                        frames.push((block.data.to_vec(), block.origlen, nanos));
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                        interfaces.push((block.ts_resolution().unwrap(), block.if_tsoffset));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                        let (resolution, offset) = interfaces[block.if_id as usize];
                        let (seconds, fraction) = block.decode_ts(offset as u64, resolution);
                        let nanos = u128::from(fraction) * 1_000_000_000 / u128::from(resolution);
                        frames.push((
                            block.packet_data().to_vec(),
                            block.origlen,
                            i64::from(seconds) * 1_000_000_000 + nanos as i64,
                        ));
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
            }
            Err(PcapError::Eof) => return frames,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("the oracle fails: {error:?}"),
        }
    }
}

fn ours(bytes: &[u8]) -> Vec<Seen> {
    let folder = Folder::new();
    let (frames, errors) = contract::collect(&mut source(&[folder.file("capture", bytes)]));
    assert!(errors.is_empty(), "{errors:?}");
    frames.into_iter().map(|kept| (kept.bytes, kept.frame.wire_len, kept.frame.at.nanos())).collect()
}

fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (prop::collection::vec(any::<u8>(), 0..90), 0..2000u32, 0..4_000_000_000_000_000_000i64);
    let sample =
        sample.prop_map(|(bytes, more, nanos)| Sample { wire_len: bytes.len() as u32 + more, bytes, nanos });
    prop::collection::vec(sample, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn classic_files_read_the_same(samples in any_samples(), big: bool, nanos: bool) {
        let magic = if nanos { Pcap::NANOS } else { Pcap::MICROS };
        let bytes = Pcap::new(big, magic).file(&samples);
        prop_assert_eq!(ours(&bytes), theirs(&bytes));
    }

    #[test]
    fn sections_read_the_same(
        sections in prop::collection::vec((any::<bool>(), 0..=9u8, 0..1_000_000u32, any_samples()), 1..4),
    ) {
        let mut bytes = Vec::new();
        for (big, tsresol, offset, samples) in sections {
            let ng = Pcapng::new(big);
            bytes.extend(ng.section());
            // In a section of the other byte order the oracle reads this option the wrong way round.
            let offset = if big { 0 } else { offset };
            bytes.extend(ng.interface(1, 0, &[(9, &[tsresol]), (14, &ng.0.u64(offset.into()))]));
            for Sample { bytes: frame, wire_len, nanos } in samples {
                let units = nanos as u64 / 10u64.pow(9 - u32::from(tsresol));
                bytes.extend(ng.enhanced(0, units, &frame, wire_len));
            }
        }
        prop_assert_eq!(ours(&bytes), theirs(&bytes));
    }
}
