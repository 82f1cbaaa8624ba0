//! Handshake messages, joined over records and segments.

use super::Next;

/// The most bytes of one handshake message that are kept. Hellos with every extension in use, and leaf certificates with
/// their long lists of names, are well below; what is longer is read as far as it was kept.
pub const MAX_HANDSHAKE: usize = 16 * 1024;

const HEADER: usize = 4;

/// The place in a sequence of handshake messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Handshake {
    header: [u8; HEADER],
    have: usize,
    kept: Vec<u8>,
    /// Bytes of the current message that are still to be kept.
    wanted: usize,
    /// Bytes behind those that are to be passed over.
    unwanted: usize,
}

impl Handshake {
    /// Reads `bytes` and shows `see` each message as soon as all of it that is `wanted` is there; of others, the kind alone.
    ///
    /// Stops at the first that says something other than [`Next::More`].
    pub(super) fn read(
        &mut self,
        mut bytes: &[u8],
        wanted: impl Fn(u8) -> bool,
        mut see: impl FnMut(u8, &[u8]) -> Next,
    ) -> Next {
        while !bytes.is_empty() {
            if self.wanted == 0 && self.unwanted > 0 {
                let passed = self.unwanted.min(bytes.len());
                self.unwanted -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let next = if self.wanted == 0 {
                self.begin(&mut bytes, &wanted, &mut see)
            } else {
                self.keep(&mut bytes, &mut see)
            };
            if !matches!(next, Next::More) {
                return next;
            }
        }
        Next::More
    }

    /// Reads of a header what is there.
    fn begin(
        &mut self,
        bytes: &mut &[u8],
        wanted: impl Fn(u8) -> bool,
        see: &mut impl FnMut(u8, &[u8]) -> Next,
    ) -> Next {
        let mut used = 0;
        for (to, from) in self.header.iter_mut().skip(self.have).zip(bytes.iter()) {
            *to = *from;
            used += 1;
        }
        *bytes = bytes.get(used..).unwrap_or_default();
        self.have += used;
        if self.have < HEADER {
            return Next::More;
        }
        self.have = 0;
        let [kind, high, middle, low] = self.header;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.wanted = if wanted(kind) { length.min(MAX_HANDSHAKE) } else { 0 };
        self.unwanted = length - self.wanted;
        if self.wanted == 0 { see(kind, &[]) } else { Next::More }
    }

    /// Takes what is wanted of a message.
    fn keep(&mut self, bytes: &mut &[u8], see: &mut impl FnMut(u8, &[u8]) -> Next) -> Next {
        let (part, rest) = bytes.split_at(self.wanted.min(bytes.len()));
        *bytes = rest;
        self.wanted -= part.len();
        let [kind, ..] = self.header;
        match (self.wanted, self.kept.is_empty()) {
            (0, true) => see(kind, part),
            (0, false) => {
                let mut whole = std::mem::take(&mut self.kept);
                whole.extend_from_slice(part);
                see(kind, &whole)
            }
            _ => {
                self.kept.extend_from_slice(part);
                Next::More
            }
        }
    }

    /// Lets go of an unfinished message.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).kept
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.kept.len()
    }
}
