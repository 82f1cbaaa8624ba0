//! A Stratum V2 pool and a miner (and their elders of V1) that talk to each other over TCP, so that make-pcaps can record them.
//!
//! `sv2-capture pool ADDRESS [plain|v1]` listens, serves one miner and ends with it.
//! `sv2-capture miner FROM ADDRESS [plain|v1]` connects, opens a channel, and then hands in one share for each line on standard input,
//! answering `done` on standard output once the pool has acknowledged it.
//!
//! Messages, framing and the Noise handshake are those of the Stratum Reference Implementation's crates. Shares are made up: nothing
//! is hashed. Any surprise ends the program, since a broken recording is worth nothing.

mod link;
mod miner;
mod pool;
mod v1;

use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["pool", address] => pool::serve(address, true),
        ["pool", address, "plain"] => pool::serve(address, false),
        ["pool", address, "v1"] => v1::serve(address),
        ["miner", from, address, "v1"] => v1::mine(from, address),
        ["miner", from, address] => miner::mine(from, address, true),
        ["miner", from, address, "plain"] => miner::mine(from, address, false),
        _ => Err("usage: sv2-capture pool ADDRESS [plain|v1] | miner FROM ADDRESS [plain|v1]".into()),
    }
}
