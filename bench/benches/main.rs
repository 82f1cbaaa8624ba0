//! How long things take, by the wall: `cargo bench` for all, `cargo bench -- flows` for those whose path holds this word.
//!
//! Figures are those of the machine and the moment; what is held in CI is `scripts/gates`.

mod decode;
mod dialects;
mod flows;
mod matcher;
mod pipeline;

fn main() {
    divan::main();
}
