//! A place in a slice: the checked reads that every binary carrier needs.
//!
//! A read that would pass the end gives `None` and moves nothing, so that `?` is all the error handling a parser has.

/// Reads big-endian fields from the front of a slice.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `N` bytes, as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes, most significant first.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three bytes, most significant first.
    pub(super) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[high, middle, low]| u32::from_be_bytes([0, high, middle, low]))
    }

    /// A byte that says a length, and that many bytes.
    pub(super) fn short_block(&mut self) -> Option<&'a [u8]> {
        let mut ahead = self.clone();
        let length = ahead.u8()?;
        let block = ahead.take(usize::from(length))?;
        *self = ahead;
        Some(block)
    }

    /// Two bytes that say a length, and that many bytes.
    pub(super) fn block(&mut self) -> Option<&'a [u8]> {
        let mut ahead = self.clone();
        let length = ahead.u16()?;
        let block = ahead.take(usize::from(length))?;
        *self = ahead;
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn reads_in_order_and_stops_at_the_end() {
        let mut cursor = Cursor::new(&[1, 0, 2, 0, 0, 3, 2, 8, 9, 0, 1, 7, 5]);
        assert_eq!(cursor.u8(), Some(1));
        assert_eq!(cursor.u16(), Some(2));
        assert_eq!(cursor.u24(), Some(3));
        assert_eq!(cursor.short_block(), Some(&[8, 9][..]));
        assert_eq!(cursor.block(), Some(&[7][..]));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.rest(), &[5]);
        assert_eq!(cursor.short_block(), None, "five bytes are promised and none are there");
        assert_eq!(cursor.rest(), &[5], "a failed read moves nothing");
    }
}
