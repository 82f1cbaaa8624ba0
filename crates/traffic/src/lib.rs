//! Made-up traffic to measure with: frames of wanted sizes, in a wanted number of flows, some of which mine.
//!
//! A [`Generator`] follows a [`Recipe`] and writes one Ethernet frame after the other, with handshakes, sequence numbers and checksums as a
//! real stack sends them. The same recipe gives the same bytes on every machine and in every version of this crate's dependencies, since it has
//! none. Miners say what the sessions of the detector's own tests say.
//!
//! It knows nothing of what reads its frames, which is why it names no other room: what is measured must not be made of what measures. It leaves
//! out loss, reordering, fragments and tunnels; captures of real programs are in `pcaps`.
//!
//! ```
//! use pithead_traffic::{Generator, Recipe, Sizes};
//!
//! let recipe = Recipe { sizes: Sizes::Imix, flows: 100, ..Recipe::default() };
//! let mut frames = Vec::new();
//! let made = Generator::new(&recipe).append(&mut frames);
//! assert_eq!(frames.len(), made.len);
//! ```
#![forbid(unsafe_code)]

mod content;
mod dice;
mod flow;
mod generator;
mod header;
mod pcap;
mod recipe;
mod script;

pub use generator::{Generator, Made};
pub use pcap::Writer;
pub use recipe::{Recipe, Sizes, UnknownSizes};
pub use script::{SCRIPTS, Script};
