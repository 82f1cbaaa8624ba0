//! What packets add up to: flows, streams, datagrams, hosts.
//!
//! `flow` relies on `wire` for headers. It reads no clock: time is what frames say, so a file gives the same answer every
//! time. It does not know what mining is; it keeps one byte a flow in which `detect` notes what the flow speaks.
#![forbid(unsafe_code)]

mod clock;
mod flow;
mod fragments;
mod host;
mod key;
mod stream;
mod table;
mod wheel;

pub use clock::{Clock, Moved};
pub use flow::{Direction, End, Flow, Mark, State, Summary};
pub use fragments::*;
pub use host::*;
pub use key::{Key, owner};
pub use stream::*;
pub use table::{FlowTable, Observed, Sighting, TableCounters, Timeouts};
