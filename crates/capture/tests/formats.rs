//! Every variant of every format gives the frames that were written, at any batch size.

mod common;

use std::path::{Path, PathBuf};

use common::*;
use pithead_capture::{FileSource, PacketSource, Stop, contract, open};
use pithead_wire::{LinkType, Timestamp};

/// Checks that a file with these bytes holds just these frames: plain and packed, for one reader and for two.
fn check(bytes: &[u8], expected: &pithead_capture::MemorySource) {
    let folder = Folder::new();
    let path = [folder.file("capture", bytes)];
    contract::check(expected, |size| source(&path).with_batch_frames(size));
    for packed in [gzip(bytes), zstd(bytes)] {
        let path = [folder.file("packed", &packed)];
        contract::check(expected, |size| source(&path).with_batch_frames(size));
        contract::check(expected, |size| beside_a_drained_one(&path, size));
    }
    contract::check(expected, |size| beside_a_drained_one(&path, size));
}

/// One of two sources over the same files, while another thread drains the other.
fn beside_a_drained_one(paths: &[PathBuf], size: usize) -> Box<dyn PacketSource> {
    let mut sources = open(paths, 2, size, &Stop::new(), nobodys()).unwrap();
    let mut other = sources.pop().unwrap();
    std::thread::spawn(move || contract::collect(&mut other));
    sources.pop().unwrap()
}

#[test]
fn classic_files_in_every_variant() {
    let samples = samples(150);
    for magic in [Pcap::MICROS, Pcap::NANOS, Pcap::MODIFIED] {
        for big in [false, true] {
            check(&Pcap::new(big, magic).file(&samples), &memory(&samples));
        }
    }
}

#[test]
fn nanoseconds_are_kept() {
    let samples = [Sample { bytes: vec![1, 2], wire_len: 2, nanos: 1_700_000_000_123_456_789 }];
    check(&Pcap::new(true, Pcap::NANOS).file(&samples), &memory(&samples));
    check(&Pcapng::new(true).file(&samples), &memory(&samples));
}

#[test]
fn classic_seconds_reach_to_2106() {
    let samples = [Sample { bytes: vec![1, 2], wire_len: 2, nanos: 4_294_967_295_000_000_000 }];
    check(&Pcap::new(false, Pcap::MICROS).file(&samples), &memory(&samples));
}

#[test]
fn the_upper_half_of_a_link_type_is_not_part_of_it() {
    let samples = samples(3);
    let pcap = Pcap { link: 0x5400_0001, ..Pcap::new(true, Pcap::MICROS) };
    check(&pcap.file(&samples), &memory(&samples));
}

#[test]
fn a_header_without_frames_is_a_capture() {
    for bytes in
        [Pcap::new(false, Pcap::MICROS).header(), Pcapng::new(false).section(), Pcapng::new(true).file(&[])]
    {
        check(&bytes, &memory(&[]));
    }
}

#[test]
fn blocks_in_either_order() {
    let samples = samples(150);
    for big in [false, true] {
        check(&Pcapng::new(big).file(&samples), &memory(&samples));
    }
}

#[test]
fn sections_interfaces_and_kinds_of_blocks() {
    let (mut bytes, mut expected) = (Vec::new(), memory(&[]));
    let all = samples(9);
    for (section, big) in [false, true, false].into_iter().enumerate() {
        let ng = Pcapng::new(big);
        bytes.extend(ng.section());
        bytes.extend(ng.interface(1, 64, &[(2, b"wan\0"), (9, &[6])]));
        bytes.extend(ng.interface(105, 0, &[]));
        bytes.extend(ng.block(4, b"names"));
        bytes.extend(ng.interface(1, 0, &[(14, &ng.0.u64(1_700_000_000)), (9, &[0x80 | 10])]));
        bytes.extend(ng.block(0x8000_0bad, &[]));
        let first = section as u16 * 3;
        for (index, sample) in all.iter().enumerate() {
            let Sample { bytes: frame, wire_len, nanos } = sample;
            let (block, interface, at) = match index % 3 {
                0 => (ng.enhanced(0, *nanos as u64 / 1000, frame, *wire_len), 0, *nanos),
                1 => (ng.obsolete(2, 512, frame, *wire_len), 2, 1_700_000_000_500_000_000),
                _ => (ng.simple(&frame[..frame.len().min(64)], *wire_len), 0, 1_700_000_000_500_000_000),
            };
            bytes.extend(block);
            let frame = if index % 3 == 2 { &frame[..frame.len().min(64)] } else { frame };
            let sample = Sample { bytes: frame.to_vec(), wire_len: *wire_len, nanos: at };
            extend(&mut expected, &[sample], first + interface);
        }
    }
    check(&bytes, &expected);

    let folder = Folder::new();
    let mut source = source(&[folder.file("mixed", &bytes)]);
    contract::collect(&mut source);
    let names: Vec<_> = source.interfaces().iter().map(|interface| interface.name.as_deref()).collect();
    assert_eq!(names, [Some("wan"), None, None].repeat(3));
    assert_eq!(source.interfaces()[4].link, LinkType(105));
}

#[test]
fn in_a_mixed_file_frames_of_any_link_are_lent() {
    let ng = Pcapng::new(false);
    let bytes = [
        ng.section(),
        ng.interface(1, 0, &[]),
        ng.interface(105, 0, &[]),
        ng.enhanced(1, 0, b"802.11", 6),
        ng.enhanced(0, 0, b"ether", 5),
    ]
    .concat();
    let folder = Folder::new();
    let (frames, errors) = contract::collect(&mut source(&[folder.file("mixed", &bytes)]));
    let links: Vec<_> = frames.iter().map(|kept| (kept.frame.link, kept.frame.interface)).collect();
    assert_eq!(links, [(LinkType(105), 1), (LinkType::ETHERNET, 0)]);
    assert!(errors.is_empty());
}

#[test]
fn huge_blocks_that_mean_nothing_are_stepped_over() {
    let ng = Pcapng::new(true);
    let samples = samples(80);
    let file = ng.file(&samples);
    let bytes = [&ng.section(), &ng.block(0xbad, &vec![7; 5 << 20])[..], &file].concat();
    check(&bytes, &memory(&samples));
}

#[test]
fn a_length_without_its_padding_is_forgiven() {
    let ng = Pcapng::new(false);
    let mut block = ng.enhanced(0, 5_000, b"abcde", 5);
    let (end, len) = (block.len() - 4, block.len() as u32 - 2);
    block[4..8].copy_from_slice(&len.to_le_bytes());
    block[end..].copy_from_slice(&len.to_le_bytes());
    let sample = Sample { bytes: b"abcde".to_vec(), wire_len: 5, nanos: 5_000_000 };
    let bytes = [ng.section(), ng.interface(1, 0, &[]), block.clone(), block].concat();
    check(&bytes, &memory(&[sample.clone(), sample]));
}

#[test]
fn packed_files_may_be_joined() {
    let samples = samples(100);
    let bytes = Pcap::new(false, Pcap::NANOS).file(&samples);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let folder = Folder::new();
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(first), &zstd(second)].concat();
    for packed in [[gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat(), skipped] {
        let path = [folder.file("packed", &packed)];
        contract::check(&memory(&samples), |size| source(&path).with_batch_frames(size));
    }
}

#[test]
fn several_files_are_one_stream() {
    let (folder, all) = (Folder::new(), samples(200));
    let (mut expected, mut paths) = (memory(&[]), Vec::new());
    for (index, part) in all.chunks(50).enumerate() {
        let bytes = match index {
            0 | 3 => Pcap::new(index == 0, Pcap::NANOS).file(part),
            _ => Pcapng::new(true).file(part),
        };
        let bytes = if index == 1 { gzip(&bytes) } else { bytes };
        paths.push(folder.file(&index.to_string(), &bytes));
        extend(&mut expected, part, index as u16);
        expected.begin_file();
    }
    contract::check(&expected, |size| source(&paths).with_batch_frames(size));
    contract::check(&expected, |size| beside_a_drained_one(&paths, size));

    let mut source = source(&paths);
    assert_eq!(source.path(2), Some(&*paths[2]));
    assert_eq!(source.path(4), None);
    let total = paths.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(source.position(), (0, Some(total)));
    contract::collect(&mut source);
    assert_eq!(source.position(), (total, Some(total)));
    let eth7 = Some("eth7");
    let interfaces = [(0, None), (1, eth7), (2, eth7), (3, None)].map(|(file, name)| ethernet(file, name));
    assert_eq!(source.interfaces(), interfaces);
}

#[test]
fn receivers_of_a_stream_learn_its_interfaces() {
    let folder = Folder::new();
    let path = [folder.file("packed", &zstd(&Pcapng::new(false).file(&samples(5))))];
    for mut source in open(&path, 2, 64, &Stop::new(), nobodys()).unwrap() {
        contract::collect(&mut source);
        assert_eq!(source.interfaces(), [ethernet(0, Some("eth7"))]);
        let size = path[0].metadata().unwrap().len();
        assert_eq!(source.position(), (size, Some(size)));
    }
}

#[test]
fn a_pipe_lends_what_has_arrived() {
    let folder = Folder::new();
    let path = folder.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let samples = samples(20);
    let bytes = Pcap::new(false, Pcap::NANOS).file(&samples);
    let writer = {
        let (path, bytes) = (path.clone(), bytes);
        std::thread::spawn(move || {
            let mut pipe = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            bytes.chunks(11).for_each(|chunk| std::io::Write::write_all(&mut pipe, chunk).unwrap());
        })
    };
    let mut source = FileSource::open(&[path]).unwrap();
    assert_eq!(source.position(), (0, None));
    let (frames, errors) = contract::collect(&mut source);
    writer.join().unwrap();
    assert_eq!((frames.len(), errors.len()), (20, 0));
    assert_eq!(frames[19].bytes, samples[19].bytes);
    assert_eq!(frames[19].frame.at, Timestamp::from_nanos(samples[19].nanos));
}

#[test]
fn names_mean_nothing() {
    let folder = Folder::new();
    let bytes = Pcapng::new(false).file(&samples(2));
    let path = folder.file("capture.pcap.gz", &bytes);
    assert_eq!(contract::collect(&mut source(&[path])).0.len(), 2);
    assert!(FileSource::open(&[]).unwrap().next_batch().unwrap().is_none());
    assert!(FileSource::open(&[Path::new("no such file").into()]).is_err());
}

#[test]
fn a_stop_ends_all_sources_behind_the_same_frame() {
    let folder = Folder::new();
    let paths = [folder.file("x.pcap", &Pcap::new(false, Pcap::MICROS).file(&samples(100_000)))];
    for (ahead, behind) in [(0, 0), (1, 0), (5_000, 0), (9_000, 8_500), (20_000, 300), (30_000, 0)] {
        let stop = Stop::new();
        let mut sources = open(&paths, 2, 64, &stop, nobodys()).unwrap();
        let mut lent = [0, 0];
        for (source, (lent, wanted)) in sources.iter_mut().zip(lent.iter_mut().zip([ahead, behind])) {
            while *lent < wanted {
                *lent += source.next_batch().unwrap().unwrap().len();
            }
        }
        stop.now();
        let rest = |source: &mut dyn PacketSource| contract::collect(source).0.len();
        let total = [lent[0] + rest(&mut sources[0]), lent[1] + rest(&mut sources[1])];
        assert_eq!(total[0], total[1], "{ahead} and {behind}");
        // The one that is ahead has a chunk in its hands, four may wait for it, and another is in the making.
        assert!((ahead..=ahead + 6 * 8192).contains(&total[0]), "{total:?} after {ahead}");
    }
}
