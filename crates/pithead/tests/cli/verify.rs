//! `pithead verify`: a folder of captures against the events expected of each.

use crate::ONE;
use crate::support::{Scratch, captures, pcap, pithead};

/// A folder with three captures in two formats and as many folders, and what is expected of them.
fn folder() -> Scratch {
    let scratch = Scratch::new();
    scratch.copy(&pcap(ONE), "a/one.pcap");
    scratch.copy(&pcap("benign/redis.pcap"), "a/b/none.pcap");
    let packed = captures::gzip(&std::fs::read(pcap("demo.pcap")).expect("a capture"));
    scratch.file("office.pcap.gz", packed);
    scratch.file("a/notes.txt", "not a capture");
    verify(&scratch, &["--update"]).ends_with(0).quietly().says("3 captures: 0 as expected, 3 written");
    scratch
}

fn verify(scratch: &Scratch, options: &[&str]) -> crate::support::Run {
    let folder = scratch.text("");
    pithead(["verify", &folder].iter().chain(options))
}

#[test]
fn captures_that_give_what_is_expected() {
    let scratch = folder();
    for name in ["a/one.expected.jsonl", "a/b/none.expected.jsonl", "office.expected.jsonl"] {
        assert!(scratch.read(name).contains("\"stats\""), "{name}");
    }
    verify(&scratch, &[]).ends_with(0).quietly().says("3 captures: 3 as expected\n");
}

#[test]
fn a_difference_is_shown_with_its_capture() {
    let scratch = folder();
    let expected = scratch.read("a/one.expected.jsonl");
    scratch.file("a/one.expected.jsonl", expected.replace("\"working\"", "\"refused\""));
    let run = verify(&scratch, &[]).ends_with(3);
    run.says("one.pcap: ").says("expected \"refused\", found \"working\"").says("2 as expected, 1 different");
}

#[test]
fn a_capture_of_which_nothing_is_expected_is_no_success() {
    let scratch = folder();
    std::fs::remove_file(scratch.path("a/one.expected.jsonl")).expect("a file");
    scratch.file("empty.pcap", captures::pcap_head(1));
    let run = verify(&scratch, &[]).ends_with(1).says("4 captures: 2 as expected, 2 without expectations");
    let run = run.complains("one.pcap: not compared: it holds 3 events, and there is no one.expected.jsonl");
    run.complains("empty.pcap: not compared: it holds no frame, and there is no empty.expected.jsonl");
}

#[test]
fn a_damaged_capture_of_which_nothing_is_expected_is_damaged() {
    let scratch = folder();
    let whole = std::fs::read(pcap(ONE)).expect("a capture");
    scratch.file("torn.pcap", &whole[..whole.len() - 3]);
    verify(&scratch, &[])
        .ends_with(1)
        .complains("torn.pcap: damaged at byte")
        .says("3 as expected, 1 failed");
}

#[test]
fn damage_fails_and_the_rest_is_still_verified() {
    let scratch = folder();
    scratch.file("a/one.expected.jsonl", "{");
    let run = verify(&scratch, &[]).ends_with(1).says("2 as expected, 1 failed");
    run.complains("one.expected.jsonl line 1 column");
    verify(&scratch, &["--update"]).ends_with(1).says("2 written, 1 failed");
    assert_eq!(scratch.read("a/one.expected.jsonl"), "{");

    let scratch = folder();
    let expected = scratch.read("a/one.expected.jsonl");
    let whole = std::fs::read(scratch.path("a/one.pcap")).expect("a capture");
    scratch.file("a/one.pcap", &whole[..whole.len() - 3]);
    verify(&scratch, &[]).ends_with(1).complains("one.pcap: damaged at byte").says("2 as expected, 1 failed");
    verify(&scratch, &["--update"]).ends_with(1);
    assert_eq!(scratch.read("a/one.expected.jsonl"), expected);
}

#[test]
fn a_folder_without_captures_is_a_mistake() {
    let scratch = Scratch::new();
    scratch.file("notes.txt", "");
    verify(&scratch, &[]).ends_with(1).complains("no captures in this folder");
    pithead(["verify", &scratch.text("none")]).ends_with(1).complains("none");
    pithead(["verify", &scratch.text("notes.txt")]).ends_with(1).complains("notes.txt");
}

#[test]
fn settings_count_here_too() {
    let scratch = folder();
    let wrong = scratch.file("wrong.toml", "[flows]\nmaximum = 1\n").display().to_string();
    verify(&scratch, &["--config", &wrong]).ends_with(1).complains("line 2 column 1");
    let tiny = scratch.file("tiny.toml", "[flows]\nmax = 1\n").display().to_string();
    verify(&scratch, &["--config", &tiny]).ends_with(3).says("2 as expected, 1 different");
}
