//! Mining by its shape: what a long, quiet flow looks like, held against what Stratum looks like under any wrapping.
//!
//! A share is a message of always the same size, sent when one is found, which is at random; a few tenths of a second later comes a small
//! answer of always the same size; and work is pushed, unasked and larger, at random too. Neither encryption nor another port nor a dialect that
//! nobody knows changes that. Each trait that a flow shows, or should and does not, is a [`Reason`] with a weight and a sentence with its
//! figures; the weights, with what was measured to set them, are in [`weights`]. What is added up is the logarithm of the odds, so that a
//! confidence follows, and all of it is told in the alert.
//!
//! Left out: anything learned that could not be said in words, and content.

mod ports;
mod reasons;
pub mod weights;

use std::net::IpAddr;

use pithead_flow::Shape;

pub use weights::{BLOCKED, BOTH_SIDES, ONE_SIDE, PRIOR, Trait, WEIGHTS};

/// What is known of a flow beside its shape.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The server's port.
    pub port: u16,
    /// What the client of TLS said of itself; `None` where its first words were not seen or are not TLS's.
    pub hello: Option<Hello>,
    /// The name on the pool list by which the client, or else anybody, came to the address.
    pub pool: Option<String>,
    /// Another host that mined at the same address and port.
    pub mined_by: Option<IpAddr>,
    /// How many other servers this host sends messages of the same size to, on the same port.
    pub alike: usize,
}

/// What a ClientHello leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Whether it names the server.
    pub names_server: bool,
    /// Whether it says what is to be spoken inside.
    pub names_protocol: bool,
}

/// Why a flow is, or is not, thought to mine.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Its name in events: see [`WEIGHTS`].
    pub name: &'static str,
    /// What it adds to the logarithm of the odds.
    pub weight: f64,
    /// The figures, in a sentence.
    pub text: String,
}

/// What a flow is thought to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// How likely it is that it mines, from 0 to 1.
    pub confidence: f64,
    /// Why, the heaviest first.
    pub reasons: Vec<Reason>,
}

impl Assessment {
    /// What these reasons come to.
    pub fn of(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        let odds: f64 = PRIOR + reasons.iter().map(|reason| reason.weight).sum::<f64>();
        Self { confidence: 1.0 / (1.0 + (-odds).exp()), reasons }
    }
}

/// Says what a flow's shape, in its context, speaks for. `None` while too little was said to judge.
pub fn assess(shape: &Shape, context: &Context) -> Option<Assessment> {
    reasons::is_enough(shape).then(|| Assessment::of(reasons::all(shape, context)))
}

#[cfg(test)]
mod tests;
