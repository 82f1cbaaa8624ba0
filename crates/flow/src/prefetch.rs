//! Hints to the machine about memory: the one file of this crate with unsafe code, behind safe functions.
//!
//! A flow's line is a miss to memory for every packet once there are some hundred thousand flows. Asked for a batch ahead, it is there
//! when its packet's turn comes; and in huge pages the way to it is short. No hint changes a byte or can fail: a machine that does
//! not know one is merely slower.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// Asks for the line on which a value begins.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing that a program could see, and the reference is valid anyway.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Asks for huge pages under memory that is about to be used.
pub(crate) fn huge<T>(memory: &[MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        /// The only size of page that the kernel takes for this, on all of the usual machines, is a multiple of it.
        const PAGE: usize = 4096;
        let (start, bytes) = (memory.as_ptr().addr(), size_of_val(memory));
        let inside = start.next_multiple_of(PAGE) - start;
        let whole = bytes.saturating_sub(inside) / PAGE * PAGE;
        if whole == 0 {
            return;
        }
        let first = memory.as_ptr().cast::<libc::c_void>().wrapping_byte_add(inside).cast_mut();
        // SAFETY: the advice is about whole pages inside of a slice that we hold. It does not change what they contain.
        let _ = unsafe { libc::madvise(first, whole, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}
