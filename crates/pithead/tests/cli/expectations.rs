//! `--expect` and `--update`: a replay held against what it gave before.

use crate::ONE;
use crate::support::{Scratch, events, pcap, replay};

fn written(scratch: &Scratch) -> String {
    let path = scratch.text("x.jsonl");
    replay(&pcap(ONE), &["--expect", &path, "--update"]).ends_with(0).quietly();
    path
}

#[test]
fn what_was_written_is_met_again_from_anywhere() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let moved = scratch.copy(&pcap(ONE), "elsewhere/another-name.pcap");
    for workers in ["1", "2", "5"] {
        replay(&pcap(ONE), &["--expect", &path, "--workers", workers]).ends_with(0).quietly();
        replay(&moved, &["--expect", &path, "--workers", workers]).ends_with(0).quietly();
    }
}

#[test]
fn volatile_fields_are_left_out() {
    let scratch = Scratch::new();
    written(&scratch);
    for event in events(&scratch.read("x.jsonl")) {
        assert!(event.get("pcap_filename").is_none(), "{event}");
        assert!(event.pointer("/stats/seconds").is_none() && event.pointer("/stats/version").is_none());
    }
}

#[test]
fn another_value_is_shown_by_its_field() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    scratch.file("x.jsonl", scratch.read("x.jsonl").replace("cgminer/4.12.0", "cgminer/4.11.0"));
    let run = replay(&pcap(ONE), &["--expect", &path]).ends_with(3).says("1 host mines.");
    run.complains("/mining/agent: expected \"cgminer/4.11.0\", found \"cgminer/4.12.0\"")
        .complains("events differ");
}

#[test]
fn events_missing_and_new_are_shown_one_by_one() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let expected = scratch.read("x.jsonl");
    let without_the_first: String = expected.lines().skip(1).map(|line| format!("{line}\n")).collect();
    scratch.file("x.jsonl", &without_the_first);
    replay(&pcap(ONE), &["--expect", &path])
        .ends_with(3)
        .complains("+ {\"alert\"")
        .complains("0 changed, 0 missing, 1 new");
    let alert = expected.lines().next().expect("an event");
    scratch.file("x.jsonl", format!("{expected}{alert}\n"));
    replay(&pcap(ONE), &["--expect", &path]).ends_with(3).complains("0 changed, 1 missing, 0 new");
}

#[test]
fn an_expectation_that_is_not_there_is_an_error() {
    let scratch = Scratch::new();
    let run = replay(&pcap(ONE), &["--expect", &scratch.text("none.jsonl"), "--eve", &scratch.text("eve")]);
    run.ends_with(1).complains("none.jsonl").complains("--update");
    assert!(!scratch.path("none.jsonl").exists() && !scratch.path("eve").exists());
}

#[test]
fn a_damaged_expectation_is_named_by_place_and_kept() {
    let scratch = Scratch::new();
    for (damage, place) in [
        ("{\"event_type\":\"stats\"}\n{\"event_type\" 7}\n", "line 2 column 15"),
        ("{\"event_type\":\"stats\"}\n\nnull\n", "line 3 column 1"),
        ("{\"event_type\":\"sta", "line 1 column"),
        ("{\"event_type\":7}", "line 1 column 1"),
    ] {
        let path = scratch.file("x.jsonl", damage).display().to_string();
        for options in [&["--expect", &path][..], &["--expect", &path, "--update"]] {
            replay(&pcap(ONE), options).ends_with(1).complains("x.jsonl").complains(place);
            assert_eq!(scratch.read("x.jsonl"), damage);
        }
    }
}

#[test]
fn an_expectation_that_is_no_text_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.file("x.jsonl", b"\xff\xfe{}").display().to_string();
    for options in [&["--expect", &path][..], &["--expect", &path, "--update"]] {
        replay(&pcap(ONE), options).ends_with(1).complains("x.jsonl");
        assert_eq!(std::fs::read(scratch.path("x.jsonl")).expect("the file"), b"\xff\xfe{}");
    }
}

#[test]
fn an_update_replaces_what_is_sound() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let expected = scratch.read("x.jsonl");
    scratch.file("x.jsonl", "{\"event_type\":\"stats\"}\n");
    replay(&pcap(ONE), &["--expect", &path, "--update"]).ends_with(0);
    assert_eq!(scratch.read("x.jsonl"), expected);
    let left: Vec<_> = std::fs::read_dir(scratch.path("")).expect("the folder").collect();
    assert_eq!(left.len(), 1, "no draft stays behind");
}

#[test]
fn expected_and_written_at_once() {
    let scratch = Scratch::new();
    let path = written(&scratch);
    let run = replay(&pcap(ONE), &["--expect", &path, "--eve", "-"]).ends_with(0).quietly();
    assert_eq!(run.events().len(), events(&scratch.read("x.jsonl")).len());
}
