//! Where frames come from: capture files, memory, and live links.
//!
//! A source *lends* frames in batches and takes them back at the next call, so nothing can keep one past it. Only this
//! crate knows what a file format or a NIC is. It knows nothing of what frames mean.
//!
//! ```text
//! paths ─▶ FileSource ─▶ Reading ─▶ Content (a map, or a stream's buffer)
//!                           └─────▶ Walker  (pcap or pcapng: finds frames in a region, copies none)
//! ```
//!
//! One worker walks plain files, which are mapped, by itself. For several, and where reading may wait (standard input), a thread of its own
//! finds the frames and shares them out: [`Fanout`]. [`open`] picks. Live links are opened by `xdp::open`.
#![deny(unsafe_code)]

mod batch;
mod content;
#[doc(hidden)]
pub mod contract;
mod error;
mod fanout;
mod file;
mod format;
mod interface;
mod map;
mod memory;
#[cfg(target_os = "linux")]
pub mod nic;
mod reading;
mod source;
mod stop;
mod stream;
#[cfg(target_os = "linux")]
pub mod xdp;

pub use batch::{Batch, Frame, Slot};
pub use error::{Error, Place};
pub use fanout::{Branch, Fanout};
pub use file::{BATCH_FRAMES, FileSource};
pub use format::{MAX_BLOCK, MAX_FRAME};
pub use interface::{Interface, MAX_INTERFACES};
pub use memory::MemorySource;
pub use source::{Deal, PacketSource, open};
pub use stop::Stop;
