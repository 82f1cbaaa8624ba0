//! Files that are cut, flipped or made up: each whole frame before the damage is lent, then there is one error with its place.

mod common;

use std::path::PathBuf;

use common::*;
use pithead_capture::{Error, MAX_FRAME, MemorySource, PacketSource, Place, Stop, contract, open};
use proptest::prelude::*;

/// The frames of a file with these bytes, and the one error behind them, if there is one.
fn read(bytes: &[u8]) -> (usize, Option<Error>) {
    let folder = Folder::new();
    let path = [folder.file("capture", bytes)];
    let (frames, mut errors) = contract::collect(&mut source(&path));
    assert!(errors.len() <= 1, "{errors:?}");
    (frames.len(), errors.pop().map(|(before, error)| (assert_eq!(before, frames.len()), error).1))
}

/// The same, where the error has to be damage: frames, offset, reason.
#[track_caller]
fn damage(bytes: &[u8]) -> (usize, u64, String) {
    match read(bytes) {
        (frames, Some(Error::Damaged { at, reason, .. })) => {
            assert_eq!(at.frames, frames as u64, "the frames before it are counted");
            (frames, at.offset, reason)
        }
        other => panic!("not damaged: {other:?}"),
    }
}

fn three(len: usize) -> Vec<Sample> {
    vec![Sample { bytes: vec![7; len], wire_len: len as u32, nanos: 1_000_000_000 }; 3]
}

#[test]
fn a_cut_names_the_frame_and_what_is_missing() {
    let pcap = Pcap::new(false, Pcap::MICROS).file(&three(60));
    let cut = |end: usize| damage(&pcap[..end]);
    assert_eq!(cut(pcap.len() - 48), (2, 24 + 2 * 76, "cut short: 12 of 60 bytes of frame 3".into()));
    assert_eq!(cut(24 + 76 + 5), (1, 100, "cut short: 5 of 16 bytes of the header of frame 2".into()));
    assert_eq!(cut(10), (0, 0, "cut short: 10 of 24 bytes of the file's header".into()));
    assert_eq!(cut(0), (0, 0, "it is empty".into()));

    let ng = Pcapng::new(true).file(&three(60));
    let (whole, at) = (ng.len(), ng.len() - 108);
    assert_eq!(
        damage(&ng[..whole - 1]),
        (2, at as u64, "cut short: 107 of 108 bytes of the block of frame 3".into())
    );
    assert_eq!(damage(&ng[..at + 7]).2, "cut short: 7 of the first 12 bytes of a block");
    let skipped = [&ng[..], &Pcapng::new(true).block(4, &[0; 88])].concat();
    assert_eq!(damage(&skipped[..whole + 50]).2, "cut short: 50 of 100 bytes of a block of type 4");
    assert_eq!(damage(&skipped[..whole + 98]).2, "cut short: 98 of 100 bytes of a block of type 4");
}

#[test]
fn offsets_are_those_of_the_unpacked_file() {
    let pcap = Pcap::new(false, Pcap::MICROS).file(&three(60));
    for packed in [gzip(&pcap[..150]), zstd(&pcap[..150])] {
        assert_eq!(damage(&packed), (1, 100, "cut short: 34 of 60 bytes of frame 2".into()));
    }
    assert_eq!(damage(&gzip(b"")).2, "it is empty");
}

#[test]
fn packed_files_that_are_cut_or_corrupt() {
    let samples = samples(5000);
    let pcap = Pcap::new(false, Pcap::MICROS).file(&samples);
    for (packed, name) in [(gzip(&pcap), "gzip"), (zstd(&pcap), "zstd")] {
        let (frames, offset, reason) = damage(&packed[..packed.len() / 2]);
        assert!(frames > 1000 && offset > 100_000, "{name}: {frames} frames, offset {offset}");
        assert_eq!(reason, format!("cut short: the {name} data ends too early"));
        let joined = [&packed[..], b"something else"].concat();
        let (frames, offset, reason) = damage(&joined);
        assert_eq!((frames, offset), (5000, pcap.len() as u64));
        assert!(reason.starts_with(&format!("the {name} data is corrupt (")), "{reason}");
    }
}

#[test]
fn lengths_beyond_belief_are_damage_and_not_allocated() {
    let (head, mut records) =
        (Pcap::new(true, Pcap::NANOS).header(), Pcap::new(true, Pcap::NANOS).record(&three(60)[0]));
    records.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9]);
    let reason = "frame 2 claims 4294967295 bytes, more than the 262144 that a capture can hold";
    assert_eq!(damage(&[head, records].concat()), (1, 100, reason.into()));

    let ng = Pcapng::new(false);
    let mut block = ng.enhanced(0, 0, &[0; 40], 40);
    block[20..24].copy_from_slice(&41u32.to_le_bytes());
    let begun = [ng.section(), ng.interface(1, 0, &[])].concat();
    // The comment behind the bytes is room, too: only more than the whole block holds is known to be wrong.
    assert_eq!(read(&[&begun[..], &block].concat()).0, 1);
    block[20..24].copy_from_slice(&100u32.to_le_bytes());
    let (frames, offset, reason) = damage(&[&begun[..], &block].concat());
    assert_eq!((frames, offset), (0, begun.len() as u64));
    assert_eq!(reason, "frame 1 claims 100 bytes, its block has room for 56");
    block[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        damage(&[&begun[..], &block].concat()).2,
        "a block of type 6 claims 4294967296 bytes, more than 1048576"
    );
    block[..4].copy_from_slice(&77u32.to_le_bytes());
    let reason = format!("cut short: {} of 4294967296 bytes of a block of type 77", block.len());
    assert_eq!(damage(&[&begun[..], &block].concat()).2, reason);
}

#[test]
fn the_largest_frame_is_read() {
    let largest = three(MAX_FRAME);
    for bytes in
        [gzip(&Pcap::new(false, Pcap::MICROS).file(&largest)), zstd(&Pcapng::new(true).file(&largest))]
    {
        assert!(matches!(read(&bytes), (3, None)));
    }
    let larger = three(MAX_FRAME + 1);
    assert_eq!(damage(&Pcap::new(false, Pcap::MICROS).file(&larger)).0, 0);
    assert_eq!(damage(&Pcapng::new(false).file(&larger)).0, 0);
}

#[test]
fn blocks_that_contradict_themselves() {
    let ng = Pcapng::new(false);
    let begun = [ng.section(), ng.interface(1, 0, &[])].concat();
    let reason = |block: &[u8]| damage(&[&begun[..], block].concat()).2;
    for kind in [1, 2, 3, 6, 77, 0x0a0d_0d0a] {
        let mut block = if kind == 0x0a0d_0d0a { ng.section() } else { ng.block(kind, &[0; 24]) };
        *block.last_mut().unwrap() = 1;
        assert!(reason(&block).contains("bytes at its head and 167772"), "{}", reason(&block));
    }
    assert_eq!(reason(&ng.block(6, &[0; 16])), "the block of frame 1 is too short to hold one");
    assert_eq!(reason(&ng.block(1, &[0; 4])), "the description of an interface is too short");
    assert_eq!(reason(&ng.enhanced(1, 0, &[], 0)), "a frame of interface 1, where 1 are described");
    assert_eq!(
        reason(&[6, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]),
        "a block of type 6 claims 8 bytes, fewer than 12"
    );
    assert_eq!(reason(&ng.interface(1, 0, &[(9, &[6, 6])])), "option 9 of an interface has 2 bytes");
    assert_eq!(
        reason(&ng.block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 99, 0, 1, 2, 3, 4])),
        "option 2 of an interface claims 99 bytes, more than there are"
    );
    assert!(reason(&ng.block(0x0a0d_0d0a, &[9; 16])).starts_with("a section's byte order reads 0x09090909"));
    let mut section = ng.section();
    section[12] = 2;
    assert_eq!(reason(&section), "version 2.0 of pcapng is not known");
    let short = [&begun[..28], &ng.simple(&[], 0)].concat();
    assert_eq!(damage(&short).2, "a frame of interface 0, where 0 are described");
}

#[test]
fn interfaces_without_end_are_bounded() {
    let ng = Pcapng::new(false);
    let bytes = [ng.section(), ng.interface(1, 0, &[]).repeat(70_000)].concat();
    let (frames, offset, reason) = damage(&bytes);
    assert_eq!((frames, offset, &*reason), (0, 28 + 65_536 * 20, "one interface too many over all files"));
}

#[test]
fn what_is_no_capture_is_named_by_its_first_bytes() {
    for (bytes, hex) in [(&b"PK\x03\x04 and more"[..], "50 4b 03 04 20 61 6e 64"), (b"ab", "61 62")] {
        for bytes in [bytes.to_vec(), gzip(bytes), zstd(bytes)] {
            let (frames, error) = read(&bytes);
            assert!(matches!(&error, Some(Error::NotACapture { found, .. }) if found == hex), "{error:?}");
            assert_eq!(frames, 0);
        }
    }
}

#[test]
fn links_that_cannot_be_decoded_are_refused() {
    let ng = Pcapng::new(false);
    let bytes = [ng.section(), ng.interface(105, 0, &[]), ng.enhanced(0, 0, b"frame", 5)].concat();
    let pcap = Pcap { link: 105, ..Pcap::new(false, Pcap::MICROS) }.file(&three(9));
    for bytes in [bytes, pcap] {
        let (frames, error) = read(&bytes);
        assert!(matches!(error, Some(Error::UnsupportedLink { link, .. }) if link.0 == 105), "{error:?}");
        assert_eq!(frames, 0);
    }
}

#[test]
fn the_next_file_is_read_after_each_error_and_by_each_receiver() {
    let folder = Folder::new();
    let good = Pcap::new(false, Pcap::MICROS).file(&three(60));
    let bytes = [good.clone(), good[..120].to_vec(), gzip(&good), b"nonsense".to_vec(), vec![], zstd(&good)];
    let named = |(index, bytes): (usize, &Vec<u8>)| folder.file(&index.to_string(), bytes);
    let mut paths: Vec<PathBuf> = bytes.iter().enumerate().map(named).collect();
    paths.push(folder.path(""));
    for receivers in [1, 3] {
        let sources = open(&paths, receivers, 64, &Stop::new(), nobodys()).unwrap();
        let collected: Vec<_> = std::thread::scope(|scope| {
            let collect =
                |mut source: Box<dyn PacketSource>| scope.spawn(move || contract::collect(&mut source));
            let threads: Vec<_> = sources.into_iter().map(collect).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (frames, errors) in collected {
            let (places, errors): (Vec<_>, Vec<_>) = errors.into_iter().unzip();
            assert_eq!((frames.len(), places), (10, vec![4, 7, 7, 10]));
            assert_eq!(frames[9].file, 5);
            assert!(
                matches!(
                    errors[..],
                    [
                        Error::Damaged { at: Place { offset: 100, .. }, .. },
                        Error::NotACapture { .. },
                        Error::Damaged { at: Place { offset: 0, frames: 0, .. }, .. },
                        Error::Read { .. } | Error::Open { .. }
                    ]
                ),
                "{errors:?}"
            );
        }
    }
}

/// Files of every kind, to be damaged.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    (0..5usize, any::<bool>(), 0..40usize).prop_map(|(kind, big, count)| {
        let samples = samples(count);
        match kind {
            0 => Pcap::new(big, Pcap::MICROS).file(&samples),
            1 => Pcap::new(big, Pcap::MODIFIED).file(&samples),
            2 => gzip(&Pcapng::new(big).file(&samples)),
            3 => zstd(&Pcap::new(big, Pcap::NANOS).file(&samples)),
            _ => Pcapng::new(big).file(&samples),
        }
    })
}

/// Reads a file mapped, one frame at a time, and as a stream: all must agree, and none may panic.
fn all_ways_agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let (path, packed) = ([folder.file("capture", bytes)], [folder.file("packed", &gzip(bytes))]);
    let (frames, errors) = contract::collect(&mut source(&path));
    let (singly, _) = contract::collect(&mut source(&path).with_batch_frames(1));
    prop_assert_eq!(&frames, &singly);
    prop_assert!(errors.len() <= 1);
    prop_assert!(errors.iter().all(|(before, _)| *before == frames.len()));
    if !matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]) {
        let (streamed, same_errors) = contract::collect(&mut source(&packed));
        prop_assert_eq!(&frames, &streamed);
        let place = |(_, error): &(usize, Error)| match error {
            Error::Damaged { at, reason, .. } => (at.offset, reason.clone()),
            other => (0, other.to_string().replace("packed", "capture")),
        };
        let places = |errors: &[_]| errors.iter().map(place).collect::<Vec<_>>();
        prop_assert_eq!(places(&errors), places(&same_errors));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn cut_files_lend_the_frames_before_the_cut(count in 0..30usize, big: bool, ng: bool, cut in 0.0..1.0f64) {
        let samples = samples(count);
        let bytes = if ng { Pcapng::new(big).file(&samples) } else { Pcap::new(big, Pcap::NANOS).file(&samples) };
        let bytes = &bytes[..(bytes.len() as f64 * cut) as usize];
        let folder = Folder::new();
        let (frames, _) = contract::collect(&mut source(&[folder.file("cut", bytes)]));
        let mut expected: MemorySource = memory(&samples[..frames.len()]);
        prop_assert_eq!(&frames, &contract::collect(&mut expected).0);
        // Not one whole frame is missing: what comes next does not fit.
        if let Some(next) = samples.get(frames.len()) {
            let used: usize = match ng {
                true => Pcapng::new(big).file(&samples[..=frames.len()]).len(),
                false => Pcap::new(big, Pcap::NANOS).file(&samples[..=frames.len()]).len(),
            };
            prop_assert!(used > bytes.len(), "{next:?} is whole");
        }
        all_ways_agree(bytes)?;
    }

    #[test]
    fn flipped_files_never_panic(mut bytes in any_file(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        all_ways_agree(&bytes)?;
    }

    #[test]
    fn noise_behind_a_header_never_panics(big: bool, ng: bool, noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = if ng { Pcapng::new(big).file(&[]) } else { Pcap::new(big, Pcap::MICROS).header() };
        bytes.extend(noise);
        all_ways_agree(&bytes)?;
    }
}
