//! What cannot be read: one line that says which, where and why, exit status 1, and nothing lost that was found before.

use crate::support::{Run, Scratch, captures, fed, of_type, pcap, pithead, replay};
use crate::{MINER, ONE};

/// The whole record after which a capture of [`ONE`] is cut: its alert lies before.
const FRAMES_KEPT: usize = 20;

/// Where the frames of a pcap file begin, and where the last ends.
fn boundaries(file: &[u8]) -> Vec<usize> {
    let mut at = 24;
    let mut all = vec![at];
    while at < file.len() {
        let length = file[at + 8..at + 12].try_into().expect("four bytes");
        at += 16 + u32::from_le_bytes(length) as usize;
        all.push(at);
    }
    all
}

/// One line of complaint, exit status 1.
#[track_caller]
fn fails_in_one_line(run: Run) -> Run {
    let run = run.ends_with(1);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    run.complains("error: ")
}

fn cut(by: usize) -> (Vec<u8>, usize) {
    let file = captures::pcap_file(&captures::frames(&pcap(ONE)));
    let at = boundaries(&file)[FRAMES_KEPT];
    (file[..at + by].to_vec(), at)
}

#[test]
fn a_truncated_capture_keeps_what_was_whole() {
    let scratch = Scratch::new();
    for by in [1, 8, 15, 16, 17] {
        let (file, at) = cut(by);
        let path = scratch.file("cut.pcap", &file);
        for workers in ["1", "3"] {
            let run = fails_in_one_line(replay(&path, &["--eve", "-", "--workers", workers]));
            let run = run.complains("cut.pcap").complains(&format!("at byte {at}"));
            let events = run.events();
            assert_eq!(of_type(&events, "alert").len(), 1);
            let stats = &events.last().expect("a closing event")["stats"];
            assert_eq!(stats["frames"]["read"], FRAMES_KEPT);
        }
        fails_in_one_line(replay(&path, &[])).says(MINER);
        let packed = scratch.file("cut.pcap.gz", captures::gzip(&file));
        fails_in_one_line(replay(&packed, &["--workers", "2"]))
            .says(MINER)
            .complains(&format!("at unpacked byte {at}: "));
        fails_in_one_line(fed(["replay", "-"], &file)).says(MINER).complains("standard input");
    }
}

#[test]
fn a_torn_archive_keeps_what_was_whole() {
    let scratch = Scratch::new();
    let file = captures::pcap_file(&captures::frames(&pcap("demo.pcap")));
    for (name, packed) in [("x.gz", captures::gzip(&file)), ("x.zst", captures::zstd(&file))] {
        let path = scratch.file(name, &packed[..packed.len() * 9 / 10]);
        fails_in_one_line(replay(&path, &["--eve", "-"]))
            .complains(name)
            .complains("at unpacked byte")
            .says("\"stats\"");
    }
}

#[test]
fn damage_at_the_beginning_promises_no_frames() {
    let scratch = Scratch::new();
    let packed = captures::gzip(&captures::pcap_file(&captures::frames(&pcap(ONE))));
    let path = scratch.file("x.pcap.gz", &packed[..8]);
    fails_in_one_line(replay(&path, &[])).complains("no frame of it was read");
}

#[test]
fn a_corrupt_record_ends_its_file() {
    let scratch = Scratch::new();
    let mut file = captures::pcap_file(&captures::frames(&pcap(ONE)));
    let at = boundaries(&file)[FRAMES_KEPT];
    file[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let path = scratch.file("corrupt.pcap", &file);
    let run = fails_in_one_line(replay(&path, &["--eve", "-"])).complains(&format!("damaged at byte {at}"));
    assert_eq!(of_type(&run.events(), "alert").len(), 1);
}

#[test]
fn the_files_after_a_damaged_one_are_read() {
    let scratch = Scratch::new();
    let damaged = scratch.file("cut.pcap", cut(5).0).display().to_string();
    let sound = pcap("demo.pcap").display().to_string();
    for workers in ["1", "2"] {
        let run = pithead(["replay", &damaged, &sound, "--workers", workers]);
        fails_in_one_line(run).says(MINER).says("pool.supportxmr.com").complains("cut.pcap");
    }
}

#[test]
fn damage_is_not_mistaken_for_a_difference() {
    let scratch = Scratch::new();
    let path = scratch.file("cut.pcap", cut(5).0);
    let expected = scratch.file("x.jsonl", "").display().to_string();
    replay(&path, &["--expect", &expected]).ends_with(1);
}

#[test]
fn damage_writes_no_expectations() {
    let scratch = Scratch::new();
    let path = scratch.file("cut.pcap", cut(5).0);
    replay(&path, &["--expect", &scratch.text("x.jsonl"), "--update"]).ends_with(1).complains("cut.pcap");
    assert!(!scratch.path("x.jsonl").exists(), "half a capture's events are not what is expected of it");
}

#[test]
fn a_link_type_that_is_not_read_is_named() {
    let scratch = Scratch::new();
    for (link, name) in [(105, "IEEE802_11 (105)"), (220, "(220)"), (4711, "4711")] {
        let mut file = captures::pcap_head(link);
        file.extend([0; 16]);
        let path = scratch.file("radio.pcap", file);
        fails_in_one_line(replay(&path, &["--eve", "-"])).complains("radio.pcap").complains(name);
    }
}

#[test]
fn what_is_no_capture_is_called_so() {
    let scratch = Scratch::new();
    let some: [(&str, &[u8], &str); 4] = [
        ("text", b"timestamp,host\n1,2\n", "not a capture"),
        ("elf", b"\x7fELF\x02\x01\x01\0", "not a capture"),
        ("empty", b"", "empty"),
        ("short", b"\xd4\xc3", "not a capture"),
    ];
    for (name, bytes, reason) in some {
        let path = scratch.file(name, bytes);
        fails_in_one_line(replay(&path, &[])).complains(name).complains(reason);
        let run = fails_in_one_line(fed(["replay", "-", "--workers", "2"], bytes));
        run.complains("standard input").complains(reason);
    }
    fails_in_one_line(replay(&scratch.file("x.gz", captures::gzip(b"hello, world")), &[]))
        .complains("not a capture");
}

#[test]
fn a_capture_without_frames_is_sound() {
    let scratch = Scratch::new();
    let path = scratch.file("none.pcap", captures::pcap_head(1));
    let run = replay(&path, &["--eve", "-", "--hosts"]).ends_with(0).quietly();
    let events = run.events();
    assert_eq!(events.last().expect("a closing event")["stats"]["frames"]["read"], 0);
    replay(&path, &[]).ends_with(0).says("0 frames").says("No miners.");
}

#[test]
fn a_file_that_is_not_there_stops_the_replay_before_it_begins() {
    let scratch = Scratch::new();
    let missing = scratch.text("missing.pcap");
    let sound = pcap(ONE).display().to_string();
    let eve = scratch.text("eve.json");
    let run = fails_in_one_line(pithead(["replay", &sound, &missing, "--eve", &eve]));
    assert_eq!(run.complains("missing.pcap").complains("No such file").out, "");
    assert!(!scratch.path("eve.json").exists(), "nothing was to be written");
    fails_in_one_line(pithead(["replay", &scratch.text("")]))
        .complains("a folder")
        .complains("pithead verify");
}

#[test]
fn a_capture_is_never_written_over() {
    let scratch = Scratch::new();
    let path = scratch.copy(&pcap(ONE), "one.pcap");
    let before = std::fs::read(&path).expect("a capture");
    let itself = path.display().to_string();
    fails_in_one_line(replay(&path, &["--eve", &itself])).complains("one.pcap").complains("capture");
    std::fs::hard_link(&path, scratch.path("also.pcap")).expect("a link");
    fails_in_one_line(replay(&path, &["--eve", &scratch.text("also.pcap")])).complains("also.pcap");
    assert_eq!(std::fs::read(&path).expect("a capture"), before);
}

#[test]
fn events_that_cannot_be_written_are_an_error() {
    let scratch = Scratch::new();
    let nowhere = scratch.text("no/such/folder/eve.json");
    fails_in_one_line(replay(&pcap(ONE), &["--eve", &nowhere])).complains("no/such/folder/eve.json");
    if std::path::Path::new("/dev/full").exists() {
        replay(&pcap(ONE), &["--eve", "/dev/full"]).ends_with(1).complains("/dev/full");
    }
}
