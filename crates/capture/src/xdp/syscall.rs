//! The system calls of live capture, each as one safe function.
//!
//! What is unsafe about them is that the kernel is handed addresses. Here these are only those of local values that outlive
//! the call; memory that outlives it is mapped in `mmap.rs` and registered by [`register`], whose caller keeps it.
#![allow(unsafe_code)]

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
    time::Duration,
};

/// What `XDP_STATISTICS` counts for one socket, as far as it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Frames that found no free chunk.
    pub rx_dropped: u64,
    /// Frames that found the RX ring full.
    pub rx_ring_full: u64,
    /// Entries of the fill ring that named no chunk.
    pub fill_invalid: u64,
    /// Times that the kernel found the fill ring empty.
    pub fill_ring_empty: u64,
}

/// Where the parts of a ring lie in its mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub producer: usize,
    pub consumer: usize,
    pub flags: usize,
    pub entries: usize,
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn open_socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no address.
    let fd = checked(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A new AF_XDP socket, bound to nothing. Needs CAP_NET_RAW.
pub(super) fn xdp_socket() -> io::Result<OwnedFd> {
    open_socket(libc::AF_XDP, libc::SOCK_RAW)
}

/// A packet socket that receives nothing: it was given no protocol. Needs CAP_NET_RAW.
pub(super) fn packet_socket() -> io::Result<OwnedFd> {
    open_socket(libc::AF_PACKET, libc::SOCK_RAW)
}

fn set<T>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let len = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: the address and length are those of `value`, which outlives the call.
    checked(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, ptr::from_ref(value).cast(), len) })
        .map(drop)
}

/// Reads an option into `value`; says how many bytes the kernel wrote.
fn read<T>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &mut T) -> io::Result<usize> {
    let mut len = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: the address and length are those of `value`, which outlives the call. All types that this file passes consist of
    // integers, for which any bytes are a value.
    checked(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, ptr::from_mut(value).cast(), &raw mut len)
    })?;
    Ok(len as usize)
}

/// Sets the size of one of the rings, in entries.
pub(super) fn set_ring(fd: BorrowedFd<'_>, ring: libc::c_int, entries: u32) -> io::Result<()> {
    set(fd, libc::SOL_XDP, ring, &entries)
}

/// Tells the kernel that frames of this socket may be written to `len` bytes at `base`.
///
/// The kernel holds on to those pages until the socket is closed, whatever becomes of the mapping, so a caller that unmaps them
/// early harms nobody but itself.
pub(super) fn register(fd: BorrowedFd<'_>, base: *const u8, len: usize, chunk_bytes: u32) -> io::Result<()> {
    let memory = libc::xdp_umem_reg {
        addr: base as u64,
        len: len as u64,
        chunk_size: chunk_bytes,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    set(fd, libc::SOL_XDP, libc::XDP_UMEM_REG, &memory)
}

/// Where the kernel laid out the RX ring and the fill ring.
pub(super) fn ring_layouts(fd: BorrowedFd<'_>) -> io::Result<(Layout, Layout)> {
    const NONE: libc::xdp_ring_offset = libc::xdp_ring_offset { producer: 0, consumer: 0, desc: 0, flags: 0 };
    let mut offsets = libc::xdp_mmap_offsets { rx: NONE, tx: NONE, fr: NONE, cr: NONE };
    let len = read(fd, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS, &mut offsets)?;
    if len != mem::size_of_val(&offsets) {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)); // before Linux 5.4: no flags in the rings
    }
    let layout = |ring: libc::xdp_ring_offset| Layout {
        producer: ring.producer as usize,
        consumer: ring.consumer as usize,
        flags: ring.flags as usize,
        entries: ring.desc as usize,
    };
    Ok((layout(offsets.rx), layout(offsets.fr)))
}

/// Binds a socket to one queue of an interface.
pub(super) fn bind(fd: BorrowedFd<'_>, ifindex: u32, queue: u32, flags: u16) -> io::Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: flags,
        sxdp_ifindex: ifindex,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    let len = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address and length are those of a local value, which outlives the call.
    checked(unsafe { libc::bind(fd.as_raw_fd(), ptr::from_ref(&address).cast(), len) }).map(drop)
}

/// Lets this socket's calls do the driver's work, so many frames at a time. Needs CAP_NET_ADMIN.
pub(super) fn prefer_busy_poll(fd: BorrowedFd<'_>, time: Duration, budget: u32) -> io::Result<()> {
    let micros = libc::c_int::try_from(time.as_micros()).unwrap_or(libc::c_int::MAX);
    let budget = libc::c_int::try_from(budget).unwrap_or(libc::c_int::MAX);
    set(fd, libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, &(1 as libc::c_int))?;
    set(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL, &micros)?;
    set(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL_BUDGET, &budget)
}

/// What the kernel counted for this socket.
pub(super) fn statistics(fd: BorrowedFd<'_>) -> io::Result<Statistics> {
    let mut counted = libc::xdp_statistics {
        rx_dropped: 0,
        rx_invalid_descs: 0,
        tx_invalid_descs: 0,
        rx_ring_full: 0,
        rx_fill_ring_empty_descs: 0,
        tx_ring_empty_descs: 0,
    };
    let len = read(fd, libc::SOL_XDP, libc::XDP_STATISTICS, &mut counted)?;
    if len != mem::size_of_val(&counted) {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)); // before Linux 5.9: no word of full rings
    }
    Ok(Statistics {
        rx_dropped: counted.rx_dropped,
        rx_ring_full: counted.rx_ring_full,
        fill_invalid: counted.rx_invalid_descs,
        fill_ring_empty: counted.rx_fill_ring_empty_descs,
    })
}

/// Whether a bound socket shares its memory with the driver.
pub(super) fn is_zero_copy(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut options = libc::xdp_options { flags: 0 };
    read(fd, libc::SOL_XDP, libc::XDP_OPTIONS, &mut options)?;
    Ok(options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
}

/// Makes an interface promiscuous for as long as the socket is open.
pub(super) fn join_promiscuous(fd: BorrowedFd<'_>, ifindex: u32) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: ifindex as libc::c_int,
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
}

/// Wakes the driver up, or does its work where busy polling was asked for. Never waits.
pub(super) fn kick(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no bytes are asked for, so none are written.
    let result = unsafe {
        let nowhere = ptr::null_mut();
        libc::recvfrom(fd.as_raw_fd(), nowhere, 0, libc::MSG_DONTWAIT, ptr::null_mut(), ptr::null_mut())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A descriptor to wait for.
pub(super) fn readable(fd: BorrowedFd<'_>) -> libc::pollfd {
    libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }
}

/// Waits until one of `fds` has something to read, and says true, or until so much time has gone by. A signal ends the wait early.
pub(super) fn wait(fds: &mut [libc::pollfd], at_most: Duration) -> io::Result<bool> {
    let timeout = libc::timespec {
        tv_sec: at_most.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: at_most.subsec_nanos().into(),
    };
    // SAFETY: the addresses and lengths are those of values that outlive the call.
    let result =
        unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, &raw const timeout, ptr::null()) };
    match checked(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        other => other.map(|ready| ready > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_nothing_ends() {
        assert!(!wait(&mut [], Duration::ZERO).unwrap());
    }
}
