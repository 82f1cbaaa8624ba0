//! Where a body ends: by its length, by its last chunk, or with the connection.
//!
//! Nothing is kept but a few counters; the bytes of a body are told as they pass.

/// What the next bytes of a message were.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'b> {
    /// Content.
    Content(&'b [u8]),
    /// Chunk sizes, line ends, trailers.
    Framing,
    /// Its last byte has been read.
    End,
    /// This is no chunked body.
    Broken,
}

/// How much of a body is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes; never 0.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// All that comes.
    UntilClose,
}

impl Body {
    /// Reads from the front of `bytes`, and says what it was and how many bytes that were: at least one.
    ///
    /// A body of a known length ends with its content; [`Body::is_over`] tells.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> (usize, Part<'b>) {
        match self {
            Self::UntilClose => (bytes.len(), Part::Content(bytes)),
            Self::Length(left) => {
                let content = front(bytes, left);
                (content.len(), Part::Content(content))
            }
            Self::Chunked(chunks) => chunks.read(bytes),
        }
    }

    /// Whether a body of a known length has been read to its end.
    pub(super) fn is_over(&self) -> bool {
        *self == Self::Length(0)
    }
}

/// At most `left` bytes from the front, counted off.
fn front<'b>(bytes: &'b [u8], left: &mut u64) -> &'b [u8] {
    let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= count as u64;
    bytes.get(..count).unwrap_or(bytes)
}

/// The place in a chunked body (RFC 9112, section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the digits of a size.
    Size { digits: u8, size: u64 },
    /// Behind the digits, in an extension or at the line end.
    SizeEnd { size: u64 },
    /// In the content of a chunk.
    Content(u64),
    /// Behind the content, before its line end.
    ContentEnd,
    /// In the trailer; whether the current line is empty so far.
    Trailer { blank: bool },
}

impl Chunks {
    /// Before the first size.
    pub(super) const START: Self = Self::Size { digits: 0, size: 0 };

    fn read<'b>(&mut self, bytes: &'b [u8]) -> (usize, Part<'b>) {
        if let Self::Content(left) = self {
            let content = front(bytes, left);
            if *left == 0 {
                *self = Self::ContentEnd;
            }
            return (content.len(), Part::Content(content));
        }
        for (index, byte) in bytes.iter().enumerate() {
            let used = index + 1;
            match self.step(*byte) {
                Some(true) => return (used, Part::End),
                None => return (used, Part::Broken),
                Some(false) if matches!(self, Self::Content(_)) => return (used, Part::Framing),
                Some(false) => {}
            }
        }
        (bytes.len(), Part::Framing)
    }

    /// One byte that is not content: whether it was the last, or `None` where it cannot be.
    fn step(&mut self, byte: u8) -> Option<bool> {
        *self = match (&*self, byte) {
            (Self::Size { digits: 0, .. }, b'\r' | b'\n' | b';' | b' ' | b'\t') => return None,
            (Self::Size { size, .. }, b'\n') => Self::sized(*size),
            (Self::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => Self::SizeEnd { size: *size },
            (Self::Size { digits, size }, _) => {
                let digit = char::from(byte).to_digit(16).filter(|_| *digits < 16)?;
                Self::Size { digits: digits + 1, size: size << 4 | u64::from(digit) }
            }
            (Self::SizeEnd { size }, b'\n') => Self::sized(*size),
            (Self::SizeEnd { size }, _) => Self::SizeEnd { size: *size },
            (Self::ContentEnd, b'\r') => Self::ContentEnd,
            (Self::ContentEnd, b'\n') => Self::START,
            (Self::ContentEnd, _) => return None,
            (Self::Trailer { blank: true }, b'\n') => return Some(true),
            (Self::Trailer { .. }, b'\n') => Self::Trailer { blank: true },
            (Self::Trailer { blank }, b'\r') => Self::Trailer { blank: *blank },
            (Self::Trailer { .. }, _) => Self::Trailer { blank: false },
            (Self::Content(left), _) => Self::Content(*left),
        };
        Some(false)
    }

    fn sized(size: u64) -> Self {
        if size == 0 { Self::Trailer { blank: true } } else { Self::Content(size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> (Vec<u8>, Option<bool>) {
        let mut body = Body::Chunked(Chunks::START);
        let mut content = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (used, part) = body.read(rest);
            assert!(used > 0);
            rest = &rest[used..];
            match part {
                Part::Content(piece) => content.extend_from_slice(piece),
                Part::Framing => {}
                Part::End => return (content, Some(true)),
                Part::Broken => return (content, Some(false)),
            }
        }
        (content, None)
    }

    #[test]
    fn chunks_are_joined() {
        let (content, end) = whole(b"3\r\nabc\r\n0A;name=x\r\n0123456789\r\n0\r\nA: b\r\n\r\n");
        assert_eq!((content.as_slice(), end), (&b"abc0123456789"[..], Some(true)));
        assert_eq!(whole(b"1\na\n0\n\n"), (b"a".to_vec(), Some(true)), "bare line ends");
        assert_eq!(whole(b"5\r\nab"), (b"ab".to_vec(), None));
    }

    #[test]
    fn what_is_no_chunk_is_broken() {
        for bytes in
            [&b"\r\n"[..], b"x\r\n", b"-1\r\n", b"1\r\nab", b"11111111111111111\r\n", b";\r\n", b"{}"]
        {
            assert_eq!(whole(bytes).1, Some(false), "{bytes:?}");
        }
    }

    #[test]
    fn a_length_is_counted_off() {
        let mut body = Body::Length(3);
        assert_eq!(body.read(b"ab"), (2, Part::Content(b"ab")));
        assert!(!body.is_over());
        assert_eq!(body.read(b"cd"), (1, Part::Content(b"c")));
        assert!(body.is_over());
        assert_eq!(Body::Length(u64::MAX).read(b"ab").0, 2);
    }
}
