//! What packets add up to: flows, streams, datagrams, hosts.
//!
//! `flow` relies on `wire` for headers. It reads no clock: time is what frames say, so a file gives the same answer every
//! time. It does not know what mining is; it keeps a few bytes a flow in which `detect` notes what it wants.
#![deny(unsafe_code)]

mod clock;
mod flow;
mod fragments;
mod host;
mod index;
mod key;
mod line;
mod prefetch;
mod slab;
mod stream;
mod table;
mod watched;
mod wheel;

pub use clock::{Clock, Moved};
pub use flow::{Direction, End, Ended, Flow, State, Summary};
pub use fragments::*;
pub use host::*;
pub use key::{KeyTags, owner};
pub use stream::*;
pub use table::{FlowTable, Lookup, Observed, Sighting, TableCounters, Timeouts};
pub use watched::{Asks, Gaps, Said, Shape, Watch, WatchCounters, WatchLimits};
