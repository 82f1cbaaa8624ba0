//! The same frames give the same events: for any number of workers, any batch size, and whichever way the frames come in.
//!
//! Without it an expected event would mean nothing. Events are compared byte for byte after sorting; only the seconds that a run took
//! are left out.

mod support;

use std::path::{Path, PathBuf};

use pithead_wire::Timestamp;
use serde_json::Value;
use support::captures::{self, Sample};
use support::{Run, Scratch, fed, golden, of_type, pithead, short};

/// Ways to divide the work, the first of which is the plainest.
const WAYS: [&[&str]; 7] = [
    &["--workers", "1"],
    &["--workers", "2"],
    &["--workers", "3"],
    &["--workers", "8"],
    &["--workers", "1", "--batch", "1"],
    &["--workers", "3", "--batch", "7"],
    &["--workers", "2", "--batch", "4096"],
];

/// Sorted lines, without the time that it took.
fn lines(run: &Run) -> Vec<String> {
    let mut lines: Vec<String> = run.out.lines().map(without_seconds).collect();
    lines.sort();
    lines
}

fn without_seconds(line: &str) -> String {
    let Some((before, after)) = line.split_once("\"seconds\":") else { return line.to_owned() };
    let (_, rest) = after.split_once(',').expect("more follows");
    format!("{before}{rest}")
}

fn replayed(files: &[PathBuf], options: &[&[&str]]) -> Run {
    let files = files.iter().map(|file| file.as_os_str());
    let options = options.iter().copied().flatten().map(AsRef::as_ref);
    let ways = ["--eve", "-"].map(AsRef::as_ref);
    pithead(["replay".as_ref()].into_iter().chain(files).chain(ways).chain(options)).ends_with(0).quietly()
}

/// Replays the files in every way, and returns the events.
#[track_caller]
fn agree(files: &[PathBuf], options: &[&str]) -> Vec<Value> {
    let expected = replayed(files, &[WAYS[0], options]);
    explained(&expected);
    for way in &WAYS[1..] {
        let found = replayed(files, &[way, options]);
        same(&lines(&expected), &lines(&found), &format!("{way:?} {options:?}"));
    }
    expected.events()
}

#[track_caller]
fn same(expected: &[String], found: &[String], what: &str) {
    if expected == found {
        return;
    }
    let missing: Vec<_> = expected.iter().filter(|line| found.binary_search(line).is_err()).take(3).collect();
    let surplus: Vec<_> = found.iter().filter(|line| expected.binary_search(line).is_err()).take(3).collect();
    panic!("{what}: of {} events\nmissing {missing:#?}\nnew {surplus:#?}", expected.len());
}

/// Every frame is accounted for.
#[track_caller]
fn explained(run: &Run) {
    let events = run.events();
    let stats = &events.last().expect("a closing event")["stats"];
    let frames = &stats["frames"];
    let count = |name: &str| frames[name].as_u64().expect("a count");
    assert_eq!(count("unexplained"), 0, "{frames}");
    assert_eq!(count("read"), count("decoded") + count("discarded"), "{frames}");
    assert_eq!(count("decoded"), count("in_flows") + count("not_tcp_udp") + count("refused"), "{frames}");
    assert_eq!(stats["flows"]["packets"], frames["in_flows"]);
    assert_eq!(stats["flows"]["begun"], stats["flows"]["ended"]);
    assert_eq!(stats["alerts"], of_type(&events, "alert").len());
}

/// The packets that the hosts and the others sent are the packets in flows; so are those that they received, and the flows.
#[track_caller]
fn hosts_add_up(events: &[Value]) {
    let stats = &events.last().expect("a closing event")["stats"];
    let sum = |field: &str| -> u64 {
        of_type(events, "host").iter().map(|host| host["host"][field].as_u64().expect("a count")).sum()
    };
    let (packets, flows) = (&stats["frames"]["in_flows"], &stats["flows"]["ended"]);
    assert_eq!([sum("pkts_sent"), sum("pkts_received")].map(Value::from), [packets.clone(), packets.clone()]);
    assert_eq!([sum("flows_begun"), sum("flows_accepted")].map(Value::from), [flows.clone(), flows.clone()]);
    assert_eq!(sum("bytes_sent"), sum("bytes_received"));
}

#[test]
fn each_capture_alone() {
    for capture in golden() {
        let files = [capture.clone()];
        let expected = replayed(&files, &[WAYS[0], &["--flows", "--hosts"]]);
        explained(&expected);
        hosts_add_up(&expected.events());
        for way in [WAYS[3], WAYS[5]] {
            let found = replayed(&files, &[way, &["--flows", "--hosts"]]);
            same(&lines(&expected), &lines(&found), &format!("{} {way:?}", short(&capture)));
        }
    }
}

#[test]
fn all_captures_as_one_stream() {
    let mut files = golden();
    let events = agree(&files, &[]);
    assert!(of_type(&events, "alert").len() > 20);
    let events = agree(&files, &["--flows", "--hosts"]);
    hosts_add_up(&events);
    // Times go back from one to the next.
    files.reverse();
    hosts_add_up(&agree(&files, &["--flows", "--hosts"]));
}

#[test]
fn hosts_add_up_when_the_table_is_full() {
    let scratch = Scratch::new();
    let config = scratch.file("p.toml", "[hosts]\nmax = 3\n").display().to_string();
    let events = agree(&golden(), &["--hosts", "--config", &config]);
    hosts_add_up(&events);
    assert_eq!(of_type(&events, "host").len(), 4, "three and the others");
    let events = agree(&golden(), &["--hosts", "--home-net", "127.0.0.0/8"]);
    hosts_add_up(&events);
}

#[test]
fn from_a_file_a_pipe_or_an_archive() {
    let scratch = Scratch::new();
    for capture in golden().iter().step_by(7) {
        let plain = std::fs::read(capture).expect("a capture");
        let from_file = scratch.copy(capture, "x");
        let expected = lines(&replayed(std::slice::from_ref(&from_file), &[WAYS[0], &["--flows"]]));
        let name = format!("\"pcap_filename\":\"{}\"", from_file.display());
        for way in [WAYS[0], WAYS[5]] {
            let args = ["replay", "-", "--eve", "-", "--flows"];
            let mut run = fed(args.iter().chain(way), &plain).ends_with(0).quietly();
            run.out = run.out.replace("\"pcap_filename\":\"-\"", &name);
            same(&expected, &lines(&run), &format!("{} from a pipe, {way:?}", short(capture)));
            for packed in [captures::gzip(&plain), captures::zstd(&plain)] {
                let path = scratch.file("x", packed);
                let found = lines(&replayed(&[path], &[way, &["--flows"]]));
                same(&expected, &found, &format!("{} packed, {way:?}", short(capture)));
            }
        }
    }
}

/// Moves a frame to other hosts: the third octet of every IPv4 address of the office becomes another. Checksums are left alone, since
/// nobody asks for them.
fn moved(sample: &Sample, to: u8) -> Sample {
    let mut sample = sample.clone();
    for at in [26, 30] {
        if sample.bytes.get(12..14) == Some(&[8, 0]) && sample.bytes.get(at..at + 3) == Some(&[10, 20, 0]) {
            sample.bytes[at + 2] = to;
        }
    }
    sample
}

fn all_of(captures: &[PathBuf]) -> Vec<Sample> {
    let ethernet = |path: &PathBuf| captures::frames(path);
    let mut samples: Vec<Sample> = captures.iter().flat_map(ethernet).collect();
    samples.retain(|sample| sample.link == pithead_wire::LinkType::ETHERNET);
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// So many frames, of all golden captures at once, over and over: other hosts and a later time each round.
fn crowd(count: usize) -> Vec<Sample> {
    let samples = all_of(&golden());
    let length = 4 * 3600 * 1_000_000_000_i64;
    let rounds = (0..=u8::MAX).flat_map(|round| {
        samples.iter().map(move |sample| {
            let at = Timestamp::from_nanos(sample.at.nanos() + i64::from(round) * length);
            Sample { at, ..moved(sample, round) }
        })
    });
    rounds.take(count).collect()
}

#[test]
fn more_frames_than_an_epoch_holds() {
    let scratch = Scratch::new();
    // Two whole epochs, each of 65,536 frames, and part of a third; also exactly one, and one frame more.
    for count in [150_000, 65_536, 65_537] {
        let path = scratch.file("crowd.pcap", captures::pcap_file(&crowd(count)));
        let expected = replayed(std::slice::from_ref(&path), &[WAYS[0], &["--hosts"]]);
        explained(&expected);
        hosts_add_up(&expected.events());
        assert_eq!(expected.events().last().expect("a closing event")["stats"]["frames"]["read"], count);
        let ways: &[usize] = if count > 100_000 { &[3, 4, 5, 6] } else { &[5] };
        for way in ways {
            let found = replayed(std::slice::from_ref(&path), &[WAYS[*way], &["--hosts"]]);
            same(&lines(&expected), &lines(&found), &format!("{count} frames, {:?}", WAYS[*way]));
        }
    }
}

#[test]
fn cut_into_files_at_any_place() {
    let scratch = Scratch::new();
    let samples = all_of(&golden());
    let whole = scratch.file("whole.pcap", captures::pcap_file(&samples));
    let plain = |run: &Run| -> Vec<String> {
        let mut found: Vec<String> =
            run.events().iter().filter(|event| event["event_type"] != "stats").map(placeless).collect();
        found.sort();
        found
    };
    let expected = plain(&replayed(&[whole], &[WAYS[0], &["--flows", "--hosts"]]));
    for pieces in [2, 3, 11] {
        let length = samples.len().div_ceil(pieces);
        let files: Vec<PathBuf> = samples
            .chunks(length)
            .enumerate()
            .map(|(index, piece)| scratch.file(&format!("{index}.pcap"), captures::pcap_file(piece)))
            .collect();
        let found = plain(&replayed(&files, &[WAYS[1], &["--flows", "--hosts"]]));
        same(&expected, &found, &format!("{pieces} files"));
    }
}

/// An event without the file and the numbers in it.
fn placeless(event: &Value) -> String {
    let mut event = event.clone();
    for (place, field) in [("", "pcap_filename"), ("", "pcap_cnt"), ("/mining/evidence", "frame")] {
        if let Some(Value::Object(fields)) = event.pointer_mut(place) {
            fields.remove(field);
        }
    }
    event.to_string()
}

#[test]
fn twice_is_once() {
    let path: &Path = &support::pcap("demo.pcap");
    let files = [path.to_owned()];
    let options: [&[&str]; 2] = [WAYS[3], &["--flows", "--hosts"]];
    // Not even the order differs.
    let events = |run: Run| -> Vec<String> { run.out.lines().map(without_seconds).collect() };
    assert_eq!(events(replayed(&files, &options)), events(replayed(&files, &options)));
}
