//! Names of pools: a list that people read and write, and the look-up that the rest of the room asks.
//!
//! A name that a host looks up, greets or asks for stands for its intentions, not for what it does: the answer here is "this name
//! belongs to nanopool.org, a pool", and what follows from it is decided elsewhere. Names match whole or at a dot, never inside a
//! label, and the longest listed name decides, so a harmless parent of a mining name (and the reverse) can be listed too.
//!
//! It relies on nothing but the list. It leaves out addresses, which change hands, and guessing from words in names: `whirlpool`,
//! `minecraft` and `method` are why.

mod entry;
mod latest;
mod list;
mod lookup;
mod reading;

pub use entry::{Entry, Kind, PortRange};
pub use latest::{Latest, Reader};
pub use list::{List, MAX_ENTRIES};
pub use lookup::Pools;
pub use reading::Error;
