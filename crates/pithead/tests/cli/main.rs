//! The whole program, as people and scripts call it: the real binary, real files, what it prints and how it ends.
//!
//! What events say is not asked here: `golden` holds them against the expected ones. Nothing here depends on a dialect but that the
//! plainest of them, Stratum V1 as cgminer speaks it, is recognised.

mod bad_input;
mod bench;
mod cache;
#[cfg(target_os = "linux")]
mod dist;
#[cfg(target_os = "linux")]
mod doctor;
mod expectations;
mod pages;
mod replay;
#[cfg(target_os = "linux")]
mod selftest;
mod settings;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod verify;

/// The golden capture that these tests use where any would do.
const ONE: &str = "stratum-v1/cgminer.pcap";
/// Its miner.
const MINER: &str = "10.20.0.21";

/// Escape sequences begin with it.
const ESCAPE: char = '\u{1b}';
