//! An allocator that counts.
//!
//! It hands every call on to the system's allocator as it came, and counts those that ask for memory. One thread at a time is measured, so a
//! relaxed counter is exact.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often memory was asked for.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// The system's allocator with a counter before it: `#[global_allocator] static COUNTING: Counting = Counting;`
#[derive(Clone, Copy, Debug)]
pub struct Counting;

impl Counting {
    /// How often memory has been asked for, newly or for more of it.
    pub fn asked(self) -> u64 {
        ASKED.load(Relaxed)
    }
}

// SAFETY: every call goes to `System` with the arguments it came with, so `System` keeps the promises; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps what `alloc` asks of it, and the same is asked here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps what `alloc_zeroed` asks of it, and the same is asked here.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        // SAFETY: the block came from `System`, through `alloc`; the caller keeps the rest.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `System`, through `alloc`, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}
