//! Live links, by AF_XDP: one socket for each queue of an interface, and every frame accounted for.
//!
//! ```text
//!   NIC ─▶ XDP program ─▶ socket of the queue ─▶ RX ring ─▶ Queue ─▶ XdpSource ─▶ Batch
//!          (Port: needs                          fill ring ◀─┘       (one a worker)
//!           privileges)
//! ```
//!
//! A [`Port`] is what needs privileges: the program, promiscuity, and making sockets. A [`Queue`] is what reads: it binds a socket that
//! it was handed, and needs none. [`open()`] does both in one process.
//!
//! Of every frame it is known what became of it: *seen* by the program = *to socket* + *no socket* + *filtered* ([`Seen`]), and
//! *to socket* = *received* + *rx dropped* + *rx ring full* + *invalid* ([`Taken`]). Both hold to the last frame once traffic has stopped
//! and the rings are empty.
//!
//! Nothing is ever sent. Unsafe code is layered, each file needing only those before: `syscall`, `mmap`, `ring` (index
//! arithmetic), `umem` (memory for frames), `exchange` (who owns which chunk).

mod blame;
mod bpf;
#[doc(hidden)]
pub mod double;
mod exchange;
mod filter;
#[doc(hidden)]
pub mod flood;
mod mmap;
mod open;
mod options;
mod port;
mod program;
mod queue;
mod ring;
mod source;
mod syscall;
mod told;
mod umem;

pub use filter::{Classic, Filter};
pub use open::{Account, Control, Tap, open};
pub use options::{BusyPoll, Mode, Options, Others};
pub use port::{Place, Port};
pub use program::Seen;
pub use queue::{Meter, Queue, Taken};
pub use source::XdpSource;
