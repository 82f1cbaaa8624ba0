//! The cache of compiled patterns: what it leaves, when it is believed, and that events never depend on it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pithead_matcher::EngineKind;

use crate::support::{Run, Scratch, command, pcap, pithead, replay};
use crate::{MINER, ONE};

/// A user without rights.
const NOBODY: u32 = 65534;

fn cached(cache: &str) -> Run {
    replay(&pcap(ONE), &["--cache", cache]).ends_with(0).says(MINER).says("stratum-v1")
}

/// What is in a cache. With Aho-Corasick that is nothing, and so there is nothing to be tested.
fn kept(cache: &Path) -> Option<PathBuf> {
    if EngineKind::best() != EngineKind::Hyperscan {
        eprintln!("skipped: this CPU does not run Hyperscan, whose patterns are kept");
        return None;
    }
    let files: Vec<PathBuf> =
        fs::read_dir(cache).expect("a cache").map(|file| file.expect("a file").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next()
}

#[test]
fn the_second_start_takes_what_the_first_left() {
    let scratch = Scratch::new();
    cached(&scratch.text("cache")).quietly();
    let Some(file) = kept(&scratch.path("cache")) else { return };
    let identity =
        || file.metadata().map(|metadata| (metadata.ino(), metadata.mtime_nsec())).expect("a file");
    let before = identity();
    cached(&scratch.text("cache")).quietly();
    assert_eq!(identity(), before, "it was not written again");
}

#[test]
fn a_damaged_file_is_replaced() {
    let scratch = Scratch::new();
    cached(&scratch.text("cache"));
    let Some(file) = kept(&scratch.path("cache")) else { return };
    let whole = fs::read(&file).expect("a file");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    for damaged in [&[], b"nonsense".as_slice(), &whole[..whole.len() / 2], &flipped] {
        fs::write(&file, damaged).expect("a file");
        cached(&scratch.text("cache")).quietly();
        assert_eq!(fs::read(&file).expect("a file"), whole);
    }
}

#[test]
fn a_folder_that_others_write_to_is_left_alone_and_named_if_asked_for() {
    let scratch = Scratch::new();
    cached(&scratch.text("cache"));
    let Some(file) = kept(&scratch.path("cache")) else { return };
    fs::write(&file, "theirs").expect("a file");
    fs::set_permissions(scratch.path("cache"), Permissions::from_mode(0o777)).expect("a folder of ours");
    cached(&scratch.text("cache")).complains("note: ").complains("others may write to it");
    assert_eq!(fs::read(&file).expect("a file"), b"theirs");
    // Nobody asked for the usual one.
    let mut usual = command();
    usual.env("CACHE_DIRECTORY", scratch.path("cache")).arg("replay").arg(pcap(ONE));
    let output = usual.output().expect("the program starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(fs::read(&file).expect("a file"), b"theirs");
}

#[test]
fn none_keeps_nothing() {
    let scratch = Scratch::new();
    let mut program = command();
    program.env("CACHE_DIRECTORY", scratch.path("cache"));
    let config = scratch.file("p.toml", "cache = \"none\"\n");
    for option in [["--cache", "none"], ["--config", &config.display().to_string()]] {
        let output = program.arg("replay").arg(pcap(ONE)).args(option).output().expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        program = command();
        program.env("CACHE_DIRECTORY", scratch.path("cache"));
    }
    assert!(!scratch.path("cache").exists());
}

#[test]
fn the_configuration_names_a_folder_beside_it() {
    let scratch = Scratch::new();
    let config = scratch.file("etc/p.toml", "cache = \"kept\"\n").display().to_string();
    replay(&pcap(ONE), &["--config", &config]).ends_with(0).quietly();
    let _ = kept(&scratch.path("etc/kept"));
    pithead(["check", "mining.subscribe", "--config", &config]).ends_with(0).quietly();
}

#[test]
fn a_program_with_more_rights_than_its_user_does_not_take_the_users_patterns() {
    let scratch = Scratch::new();
    let program = scratch.path("pithead");
    fs::copy(env!("CARGO_BIN_EXE_pithead"), &program).expect("a copy");
    let capture = scratch.file("one.pcap", fs::read(pcap(ONE)).expect("a capture"));
    let theirs = scratch.path("theirs");
    fs::create_dir(&theirs).expect("a folder");
    fs::set_permissions(scratch.path(""), Permissions::from_mode(0o755)).expect("a folder of ours");
    if chown(&theirs, Some(NOBODY), None).is_err() {
        eprintln!("skipped: running as another user needs root");
        return;
    }
    let run = || {
        let mut command = Command::new(&program);
        command.uid(NOBODY).arg("replay").arg(&capture).arg("--cache").arg(&theirs);
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    // With the user's own rights it is the user's to say.
    assert_eq!(run(), "");
    if kept(&theirs).is_none() {
        return;
    }
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).expect("a program of ours");
    assert!(run().contains("it belongs to user 65534"), "set-user-id");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a program of ours");
    match Command::new("setcap").arg("cap_net_raw+ep").arg(&program).status() {
        Ok(status) if status.success() => {
            assert!(run().contains("it belongs to user 65534"), "capabilities");
        }
        other => eprintln!("skipped: capabilities on a file need setcap, which says {other:?}"),
    }
}
