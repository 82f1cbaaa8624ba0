//! A queue without a NIC: the same rings over plain memory, with a [`Feeder`] in the place of the kernel.
//!
//! For tests and benchmarks, which meet the very code that a live link meets. The feeder does what the kernel does in the mode
//! native: takes a chunk from the fill ring, copies a frame into it behind the driver's headroom, and names it in the RX ring. Not part of
//! the stable interface.
#![allow(unsafe_code)]

use std::{io, os::unix::net::UnixStream, sync::Arc};

use super::{
    exchange::Exchange,
    mmap::Mapping,
    options::{HEADROOM, Mode, Options},
    port::Place,
    queue::Queue,
    ring::{Consumer, Descriptor, Producer},
    syscall::Layout,
    umem::Umem,
};

/// Where the parts of a ring lie here: the indices on lines of their own, as in the kernel.
const LAYOUT: Layout = Layout { producer: 0, consumer: 64, flags: 128, entries: 192 };

/// A queue, and what feeds it. `first` is where the rings' indices begin.
pub fn pair(options: &Options, first: u32) -> io::Result<(Queue, Feeder)> {
    let (exchange, feeder) = rings(options.ring_frames, options.chunk_bytes, first)?;
    let (ours, theirs) = UnixStream::pair()?;
    let place = Place {
        interface: "memory".into(),
        ifindex: 0,
        queue: 0,
        mode: Mode::Native,
        in_pieces: true,
        tells: false,
    };
    Ok((Queue::over(ours.into(), place, exchange), Feeder { _wire: Some(theirs), ..feeder }))
}

/// Rings over plain memory, and both of their ends.
pub(super) fn rings(frames: u32, chunk_bytes: u32, first: u32) -> io::Result<(Exchange, Feeder)> {
    let umem = Umem::new(frames, chunk_bytes, false)?;
    let (chunks, kernel_bytes) = (umem.memory(), umem.kernel_bytes());
    let (fill, rx) = (ring(frames, first)?, ring(frames, first)?);
    let producer = Producer::new(Arc::clone(&fill), LAYOUT, frames);
    let exchange = Exchange::new(umem, producer, Consumer::new(Arc::clone(&rx), LAYOUT, frames));
    let (fill, rx) = (Consumer::new(fill, LAYOUT, frames), Producer::new(rx, LAYOUT, frames));
    Ok((exchange, Feeder { fill, rx, chunks, kernel_bytes, chunk_bytes, _wire: None }))
}

fn ring(entries: u32, first: u32) -> io::Result<Arc<Mapping>> {
    let memory = Mapping::anonymous(LAYOUT.entries + entries as usize * size_of::<Descriptor>(), false)?;
    for offset in [LAYOUT.producer, LAYOUT.consumer] {
        // SAFETY: a word of the mapping, which lives on; nobody else knows it yet.
        unsafe { memory.word(offset).write(first.into()) };
    }
    Ok(Arc::new(memory))
}

/// Plays the kernel for one queue.
#[derive(Debug)]
pub struct Feeder {
    fill: Consumer<u64>,
    rx: Producer<Descriptor>,
    chunks: Arc<Mapping>,
    kernel_bytes: usize,
    chunk_bytes: u32,
    /// What the queue takes for its socket.
    _wire: Option<UnixStream>,
}

impl Feeder {
    /// Hands over a frame, in several chunks where one is too small. False, and nothing done, when there are too few chunks or there is no
    /// room in the RX ring: what the kernel would count as dropped.
    pub fn offer(&mut self, frame: &[u8]) -> bool {
        let room = (self.chunk_bytes - HEADROOM) as usize;
        let pieces = frame.len().div_ceil(room).max(1) as u32;
        if self.fill.ready(pieces) < pieces || self.rx.room(pieces) < pieces {
            return false;
        }
        for (ahead, piece) in frame.chunks(room).enumerate() {
            let Some(chunk) = self.fill.peek(ahead as u32) else { return false };
            let address = (chunk & !u64::from(self.chunk_bytes - 1)) + u64::from(HEADROOM);
            assert!(address as usize + piece.len() <= self.kernel_bytes, "the fill ring names {chunk}");
            // SAFETY: it lies in the mapping, as has just been seen. The chunk came out of the fill ring, so whoever lends frames has given
            // it up until it is named in the RX ring.
            unsafe {
                let to = self.chunks.base().add(address as usize).as_ptr();
                to.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
            }
            let options = if ahead as u32 + 1 < pieces { libc::XDP_PKT_CONTD } else { 0 };
            self.rx.push(Descriptor { address, len: piece.len() as u32, options });
        }
        self.fill.release(pieces);
        true
    }

    /// Shows the reader all that was offered.
    pub fn publish(&mut self) {
        self.rx.publish();
    }

    /// How many chunks wait to be filled, up to `wanted`.
    pub fn free(&mut self, wanted: u32) -> u32 {
        self.fill.ready(wanted)
    }

    /// Names a piece of memory in the RX ring, whether or not it makes sense; takes a chunk for it if one is given.
    #[cfg(test)]
    pub(super) fn offer_raw(&mut self, descriptor: Descriptor) {
        assert_eq!(self.rx.room(1), 1);
        self.rx.push(descriptor);
    }

    /// The same as [`offer`](Self::offer), with what the driver knows of the frame written ahead of it.
    #[cfg(test)]
    pub(super) fn offer_told(&mut self, frame: &[u8], told: [u8; super::told::TOLD_BYTES]) -> bool {
        let Some(chunk) = (self.fill.ready(1) == 1).then(|| self.fill.peek(0)).flatten() else {
            return false;
        };
        let address = (chunk & !u64::from(self.chunk_bytes - 1)) + u64::from(HEADROOM) - told.len() as u64;
        // SAFETY: as in `offer`: the chunk is ours while it is in the fill ring.
        unsafe {
            let to = self.chunks.base().add(address as usize).as_ptr();
            to.copy_from_nonoverlapping(told.as_ptr(), told.len());
        }
        self.offer(frame)
    }

    /// Takes a chunk out of the fill ring.
    #[cfg(test)]
    pub(super) fn take_chunk(&mut self) -> Option<u64> {
        let chunk = (self.fill.ready(1) == 1).then(|| self.fill.peek(0)).flatten()?;
        self.fill.release(1);
        Some(chunk)
    }
}
