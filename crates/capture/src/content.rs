//! The bytes of one file, as a region that can be walked: the whole of it where it can be mapped, else a window onto it.

use std::{fs::File, io, io::Read, path::Path};

use crate::{
    format::Fault,
    map::{self, Mapped},
    stream::{Packing, Stream},
};

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Where the bytes of a file are.
pub(crate) enum Content {
    /// All of them, in memory that the kernel fills as it is touched.
    Mapped(Mapped),
    /// The part that is being walked.
    Streamed(Stream),
}

impl Content {
    /// Opens a file, or standard input for `-`, and looks whether it is packed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if is_standard_input(path) {
            return Stream::open(Box::new(io::stdin())).map(Self::Streamed);
        }
        let file = File::open(path)?;
        if file.metadata()?.is_file()
            && let Ok(map) = map::map(&file)
            && Packing::of(&map) == Packing::None
        {
            return Ok(Self::Mapped(map));
        }
        // Packed, or a pipe, or a file of a kind that cannot be mapped.
        Stream::open(Box::new(file) as Box<dyn Read + Send>).map(Self::Streamed)
    }

    /// The bytes that are there now.
    pub(crate) fn region(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Streamed(stream) => stream.region(),
        }
    }

    /// The same, where it is the file itself.
    pub(crate) const fn map(&self) -> Option<&Mapped> {
        match self {
            Self::Mapped(map) => Some(map),
            Self::Streamed(_) => None,
        }
    }

    /// How far into the file (once unpacked) the region begins.
    pub(crate) const fn base(&self) -> u64 {
        match self {
            Self::Mapped(_) => 0,
            Self::Streamed(stream) => stream.base(),
        }
    }

    /// Whether the region holds what was unpacked from the file.
    pub(crate) const fn is_packed(&self) -> bool {
        match self {
            Self::Mapped(_) => false,
            Self::Streamed(stream) => stream.is_packed(),
        }
    }

    /// Brings more bytes into the region, so that `need` or more lie behind `cursor`, which moves with them. What lay before the
    /// cursor may be gone. False when the file ends before.
    pub(crate) fn refill(&mut self, cursor: &mut usize, need: usize) -> Result<bool, Fault> {
        match self {
            Self::Mapped(_) => Ok(false),
            Self::Streamed(stream) => stream.refill(cursor, need),
        }
    }

    /// How many bytes of the file on disk have been used up, with the cursor where it is.
    pub(crate) fn consumed(&self, cursor: usize) -> u64 {
        match self {
            Self::Mapped(_) => cursor as u64,
            Self::Streamed(stream) => stream.consumed(),
        }
    }
}

/// Whether the path stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

/// Whether the path names a regular file, whose length is known and which can be read more than once.
pub(crate) fn is_regular(path: &Path) -> bool {
    !is_standard_input(path) && path.metadata().is_ok_and(|meta| meta.is_file())
}
