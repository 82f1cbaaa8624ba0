//! Capture files: classic pcap, little-endian, nanoseconds (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>).

use std::io::{self, Write};

/// Writes frames to a capture.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a capture of Ethernet frames.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn new(mut out: W) -> io::Result<Self> {
        for word in [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, 1_u32] {
            out.write_all(&word.to_le_bytes())?;
        }
        Ok(Self { out })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write(&mut self, at_ns: u64, frame: &[u8]) -> io::Result<()> {
        let (seconds, nanos) = ((at_ns / 1_000_000_000) as u32, (at_ns % 1_000_000_000) as u32);
        let mut head = [0; 16];
        for (four, word) in
            head.chunks_exact_mut(4).zip([seconds, nanos, frame.len() as u32, frame.len() as u32])
        {
            four.copy_from_slice(&word.to_le_bytes());
        }
        self.out.write_all(&head)?;
        self.out.write_all(frame)
    }

    /// Hands over what is held back.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
