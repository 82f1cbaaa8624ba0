//! Replays that are cut short: by signals, and by readers of events who have had enough.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use crate::support::{captures, command, events, of_type, pcap};
use crate::{MINER, ONE};

/// More than a pipe holds twice over, so that what was written before has been read once all of it is written.
const PIPES: usize = 256 * 1024;

/// The program, reading a capture from a pipe that stays open.
fn reading(options: &[&str]) -> Child {
    let mut command = command();
    command.args(["replay", "-"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("kill").args(["-s", name, &child.id().to_string()]).stderr(Stdio::null()).status();
    sent.expect("a signal is sent");
}

/// A capture with a miner and, behind it, frames of no interest.
fn miner_and_filler() -> Vec<u8> {
    let samples = captures::frames(&pcap(ONE));
    let mut file = captures::pcap_file(&samples);
    let filler = captures::frames(&pcap("benign/redis.pcap"));
    let filler = &captures::pcap_file(&filler)[24..];
    let wanted = file.len() + PIPES;
    while file.len() < wanted {
        file.extend(filler);
    }
    file
}

#[test]
fn a_signal_ends_the_reading_and_tells_what_was_found() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        for workers in ["1", "2"] {
            let mut child = reading(&["--eve", "-", "--workers", workers]);
            let mut stdin = child.stdin.take().expect("it was asked for");
            stdin.write_all(&miner_and_filler()).expect("the program reads");
            signal(&child, name);
            // Standard input stays open: the program must not wait for more.
            let output = child.wait_with_output().expect("the program ends");
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(status), "{err}");
            assert!(err.contains(&format!("cut short by SIG{name}")) && err.lines().count() == 1, "{err}");
            let events = events(&out);
            assert_eq!(of_type(&events, "alert").len(), 1, "{out}");
            assert_eq!(of_type(&events, "flow").len(), 1, "its flow has ended");
            let stats = &events.last().expect("a closing event")["stats"];
            assert_eq!(stats["frames"]["unexplained"], 0);
            assert!(out.ends_with("}\n") && stats["frames"]["read"].as_u64() > Some(100), "{out}");
            drop(stdin);
        }
    }
}

#[test]
fn a_signal_leaves_the_summary() {
    let mut child = reading(&[]);
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(&miner_and_filler()).expect("the program reads");
    signal(&child, "INT");
    let output = child.wait_with_output().expect("the program ends");
    assert!(String::from_utf8_lossy(&output.stdout).contains(MINER));
}

#[test]
fn what_was_cut_short_is_not_compared() {
    let expected = tempfile::NamedTempFile::new().expect("a file");
    let path = expected.path().display().to_string();
    let mut child = reading(&["--expect", &path]);
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(&miner_and_filler()).expect("the program reads");
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().expect("the program ends").status.code(), Some(130));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    // Nobody reads its events, so it cannot end in order.
    let mut child = reading(&["--eve", "-", "--flows"]);
    let mut stdin = child.stdin.take().expect("it was asked for");
    let feeder = std::thread::spawn(move || {
        let flows = captures::frames(&pcap("demo.pcap"));
        let file = captures::pcap_file(&flows);
        let _ = stdin.write_all(&file);
        let mut round = 0_u16;
        // Each round's flows are others, for each is another's host.
        while round < 2000 {
            round += 1;
            let mut again = flows.clone();
            for sample in &mut again {
                if let Some(octets) = sample.bytes.get_mut(27..29) {
                    octets.copy_from_slice(&round.to_be_bytes());
                }
            }
            if stdin.write_all(&captures::pcap_file(&again)[24..]).is_err() {
                return;
            }
        }
    });
    let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
    out.read_line(&mut String::new()).expect("a line");
    let ended = loop {
        signal(&child, "INT");
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
    };
    // By the signal itself, unless the rest of the events found room in the pipe after all.
    assert!(ended.signal() == Some(2) || ended.code() == Some(130), "{ended:?}");
    feeder.join().expect("it ends with its reader");
}

#[test]
fn a_reader_that_leaves_ends_the_reading() {
    let mut child = reading(&["--eve", "-", "--flows"]);
    let mut stdin = child.stdin.take().expect("it was asked for");
    let feeder = std::thread::spawn(move || {
        let file = captures::pcap_file(&captures::frames(&pcap("demo.pcap")));
        // For ever, unless the program ends.
        let mut sent = stdin.write_all(&file);
        while sent.is_ok() {
            sent = stdin.write_all(&file[24..]);
        }
    });
    let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
    out.read_line(&mut String::new()).expect("a line");
    drop(out);
    let mut complaints = String::new();
    child.stderr.take().expect("it was asked for").read_to_string(&mut complaints).expect("text");
    let status = child.wait().expect("the program ends");
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    feeder.join().expect("it ends with its reader");
}
