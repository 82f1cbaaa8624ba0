//! Where frames come from: capture files, memory, and (to come) live links.
//!
//! A source *lends* frames in batches and takes them back at the next call, so nothing can keep one past it. Only this
//! crate knows what a file format or a NIC is. It knows nothing of what frames mean.

mod batch;

pub use batch::{Batch, Frame, Slot};
