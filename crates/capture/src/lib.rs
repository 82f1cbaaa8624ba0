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
//! Plain files are mapped and every worker walks them by itself; what can be read only once (standard input, gzip, zstd)
//! is read by one thread and shared out by [`Fanout`]. [`open`] picks. Live links are opened by `xdp::open`.
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
pub use source::{PacketSource, open};
pub use stop::Stop;
