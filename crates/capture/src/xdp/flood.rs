//! A generator inside the kernel, for tests and benchmarks: it has an interface receive frames faster than any program could send them.
//!
//! The kernel runs a program of ours on copies of one frame as if they had come in, and the program redirects each of them out of an
//! interface (`BPF_PROG_TEST_RUN` with live frames, Linux 5.18). Over a veth pair they arrive at the other end. Never used by a tap, which
//! sends nothing; not part of the stable interface.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, OwnedFd},
};

use aya::maps::{Array, Map, MapData};

use super::bpf::{self, Code, Purpose};
use crate::{Error, nic};

/// Frames that are sent out of one interface.
pub struct Flood {
    program: OwnedFd,
    ifindex: u32,
    _settings: Array<MapData, [u32; 2]>,
}

impl Flood {
    /// Frames for `interface`, which differ in their source address and port, so that they are of `flows` flows.
    pub fn new(interface: &str, flows: u32) -> Result<Self, Error> {
        let ifindex = nic::survey(interface)?.link.index;
        let refused = |reason: String| Error::Refused { place: interface.to_owned(), reason };
        let object = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/flood.bpf.o"));
        let made = Code::new(object, &[], None).and_then(|mut code| {
            let mut settings: Array<_, [u32; 2]> = code.take_map("SETTINGS", Map::Array)?;
            settings.set(0, [ifindex, flows.max(1)], 0).map_err(bpf::failed("set up the generator"))?;
            let purpose = Purpose { in_pieces: false, bound_to: None };
            Ok(Self { program: code.load("flood", purpose)?, ifindex, _settings: settings })
        });
        made.map_err(|failure| refused(format!("cannot {}: {}", failure.what, failure.cause)))
    }

    /// Sends so many frames, UDP datagrams of `bytes` bytes each, and waits until all are on their way.
    ///
    /// # Errors
    /// What the kernel says: too old (Linux 5.18), or not allowed.
    pub fn send(&self, frames: u32, bytes: usize) -> io::Result<()> {
        self.send_like(&datagram(bytes), frames)
    }

    /// Sends so many frames like this one, an IPv4 packet over Ethernet without options and not longer than 1500 bytes, which will differ in
    /// their source. Its checksums are not kept up.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_like(&self, frame: &[u8], frames: u32) -> io::Result<()> {
        bpf::run_live(self.program.as_fd(), self.ifindex, frame, frames)
    }
}

/// A UDP datagram of so many bytes with its headers, at least 42; no checksum, as it is changed underway.
pub fn datagram(bytes: usize) -> Vec<u8> {
    let bytes = bytes.clamp(42, 1500);
    let mut frame = vec![0u8; bytes];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x99]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[16..18].copy_from_slice(&(bytes as u16 - 14).to_be_bytes());
    (frame[22], frame[23]) = (64, 17);
    frame[26..30].copy_from_slice(&Ipv4Addr::new(10, 0, 0, 0).octets());
    frame[30..34].copy_from_slice(&Ipv4Addr::new(10, 9, 0, 2).octets());
    frame[36..38].copy_from_slice(&3333u16.to_be_bytes());
    frame[38..40].copy_from_slice(&(bytes as u16 - 34).to_be_bytes());
    frame
}
