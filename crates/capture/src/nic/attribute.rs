//! Netlink attributes: how the kernel writes a list of typed values, and how we do.
//!
//! ```text
//! length u16 │ kind u16 │ value, padded to 4 bytes │ length u16 │ kind u16 │ …
//! ```
//! The length counts its own four bytes and not the padding; two bits of the kind are flags, and every number is in the host's
//! byte order ([include/uapi/linux/netlink.h](https://github.com/torvalds/linux/blob/v6.18/include/uapi/linux/netlink.h)).
//!
//! What the kernel sends is trusted no further than a capture is: a list that contradicts itself ends there.

/// The bits of a kind that are no part of it: nested, and network byte order.
const KIND_FLAGS: u16 = 0xc000;
/// Says that an attribute holds attributes.
const NESTED: u16 = 0x8000;
const HEAD: usize = 4;

/// A list of attributes, as it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the first attribute of this kind.
    pub(super) fn find(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// The attributes inside the first one of this kind.
    pub(super) fn nested(self, kind: u16) -> Option<Self> {
        self.find(kind).map(Self)
    }

    /// An unsigned number of one, two, four or eight bytes: the kernel's `uint` comes in four or eight, by its value.
    pub(super) fn number(self, kind: u16) -> Option<u64> {
        let value = self.find(kind)?;
        Some(match value.len() {
            1 => value[0].into(),
            2 => u16::from_ne_bytes(value.try_into().ok()?).into(),
            4 => u32::from_ne_bytes(value.try_into().ok()?).into(),
            8 => u64::from_ne_bytes(value.try_into().ok()?),
            _ => return None,
        })
    }

    /// A number that fits into 32 bits.
    pub(super) fn number32(self, kind: u16) -> Option<u32> {
        self.number(kind)?.try_into().ok()
    }

    /// A text, without the zero byte that ends it.
    pub(super) fn text(self, kind: u16) -> Option<&'a str> {
        let value = self.find(kind)?;
        let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
        std::str::from_utf8(value.get(..end)?).ok()
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);
    type IntoIter = Walk<'a>;

    fn into_iter(self) -> Walk<'a> {
        Walk(self.0)
    }
}

/// Goes through a list of attributes.
pub(super) struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, _) = self.0.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & !KIND_FLAGS;
        let value = self.0.get(HEAD..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A list of attributes in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Body(pub(super) Vec<u8>);

impl Body {
    pub(super) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(HEAD + value.len())
            .expect("attributes of ours are names, numbers and short tables");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn number32(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub(super) fn nest(self, kind: u16, inner: &Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Body::default().number32(1, 7).text(2, "rx-lro").bytes(3, &[]);
        let Body(bytes) = Body::default().nest(1, &inner).bytes(5, &[1]).number32(2, 1500);
        let list = Attributes(&bytes);
        assert_eq!(list.number(5), Some(1));
        assert_eq!(list.number32(2), Some(1500));
        let nest = list.nested(1).expect("the nest");
        assert_eq!(nest.number(1), Some(7));
        assert_eq!(nest.text(2), Some("rx-lro"));
        assert_eq!(nest.find(3), Some(&[][..]));
        assert_eq!(nest.find(4), None);
    }

    #[test]
    fn a_number_has_the_width_it_came_with() {
        let Body(bytes) = Body::default().bytes(1, &(5u64 << 32).to_ne_bytes()).bytes(2, &[1, 2, 3]);
        assert_eq!(Attributes(&bytes).number(1), Some(5 << 32));
        assert_eq!(Attributes(&bytes).number32(1), None, "never the lower half of a number");
        assert_eq!(Attributes(&bytes).number(2), None);
    }

    #[test]
    fn a_length_that_cannot_be_ends_the_list() {
        for length in [0u16, 3, 9] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([1, 0, 0, 0, 0, 0]);
            assert_eq!(Attributes(&bytes).into_iter().count(), 0, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let list = Attributes(&bytes);
            let walked: usize = list.into_iter().map(|(_, value)| HEAD + value.len()).sum();
            prop_assert!(walked <= bytes.len());
            for kind in 0..8 {
                let _ = (list.number(kind), list.text(kind), list.nested(kind).map(|nest| nest.into_iter().count()));
            }
        }
    }
}
