//! One file, from its first byte to its last or to where it is damaged.

use std::{path::Path, sync::Arc};

use crate::{
    Error, Interface, Place, Slot,
    content::Content,
    format::{Fault, Limits, MAGIC_BYTES, Stop, Walk, Walker},
    map::Mapped,
};

/// How many of a file's first bytes are shown when they mean nothing.
const SHOWN_BYTES: usize = 8;

/// A file that is being read.
pub(crate) struct Reading {
    content: Content,
    walker: Walker,
    cursor: usize,
    /// Frames found so far.
    frames: u64,
    /// What was met behind the frames that were found last.
    fault: Option<Fault>,
}

impl Reading {
    /// Opens a file and looks what it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut content =
            Content::open(path).map_err(|error| Error::Open { path: path.into(), cause: Arc::new(error) })?;
        if content.region().len() < MAGIC_BYTES {
            content.refill(&mut 0, MAGIC_BYTES).map_err(|fault| refuse(path, Place::default(), fault))?;
        }
        let first = content.region();
        if first.is_empty() {
            return Err(refuse(path, Place::default(), Fault::Damaged("it is empty".into())));
        }
        let Some(walker) = Walker::sniff(first) else {
            return Err(Error::NotACapture { path: path.into(), found: hexadecimal(first) });
        };
        Ok(Self { content, walker, cursor: 0, frames: 0, fault: None })
    }

    /// Finds the next frames and writes down where they lie in [`region`](Self::region); none at the end of the file.
    ///
    /// A fault is reported only by a call that finds no frame, so each whole frame before it has been lent.
    pub(crate) fn fill(
        &mut self,
        slots: &mut Vec<Slot>,
        interfaces: &mut Vec<Interface>,
        file: usize,
        limits: Limits,
    ) -> Result<(), Fault> {
        slots.clear();
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        loop {
            let Self { cursor, frames: before, .. } = *self;
            let region = self.content.region();
            let mut walk = Walk { region, cursor, slots, interfaces, before, file, limits, bytes: 0 };
            let stop = self.walker.walk(&mut walk);
            self.cursor = walk.cursor;
            if !slots.is_empty() {
                self.frames += slots.len() as u64;
                self.fault = stop.err();
                return Ok(());
            }
            if let Stop::Short(need) = stop?
                && !self.content.refill(&mut self.cursor, need)?
            {
                return self.end();
            }
        }
    }

    /// The memory in which the frames lie that were found last.
    pub(crate) fn region(&self) -> &[u8] {
        self.content.region()
    }

    /// That memory, where it is the file itself.
    pub(crate) const fn map(&self) -> Option<&Mapped> {
        self.content.map()
    }

    /// Frames found so far.
    pub(crate) const fn frames(&self) -> u64 {
        self.frames
    }

    /// How many bytes of the file on disk have been used up.
    pub(crate) fn consumed(&self) -> u64 {
        self.content.consumed(self.cursor)
    }

    /// What a fault means to the caller.
    pub(crate) fn error(&self, path: &Path, fault: Fault) -> Error {
        let offset = self.content.base() + self.cursor as u64;
        refuse(path, Place { offset, unpacked: self.content.is_packed(), frames: self.frames }, fault)
    }

    fn end(&self) -> Result<(), Fault> {
        let rest = self.content.region().get(self.cursor..).unwrap_or_default();
        match self.walker.lack(rest, self.frames + 1) {
            Some(reason) => Err(Fault::Damaged(reason)),
            None => Ok(()),
        }
    }
}

fn refuse(path: &Path, at: Place, fault: Fault) -> Error {
    let path = path.into();
    match fault {
        Fault::Damaged(reason) => Error::Damaged { path, at, reason },
        Fault::Read(cause) => Error::Read { path, at, cause: Arc::new(cause) },
        Fault::Unsupported(link) => Error::UnsupportedLink { path, link },
    }
}

fn hexadecimal(first: &[u8]) -> String {
    let shown: Vec<_> = first.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}
