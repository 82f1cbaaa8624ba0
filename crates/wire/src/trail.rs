//! The way in: which tags a decoder has met so far, how deep it is, and what it does about checksums.

use crate::{Checksums, Decoded, Discard, Packet, Tags};

/// How many headers (tags, labels, tunnels) are peeled off before the innermost IP header.
///
/// A provider's double tag, its label stack, a mobile network's tunnel and a cloud overlay together stay below this;
/// nesting beyond it is made on purpose, to make each frame as dear as many. Counted as [`Discard::TooDeep`].
pub const MAX_LAYERS: u8 = 8;

/// What every decoding step returns.
pub(crate) type Outcome<'a> = Result<Decoded<'a>, Discard>;

/// What is handed from each layer to the next one in.
#[derive(Clone, Copy)]
pub(crate) struct Trail {
    pub(crate) tags: Tags,
    pub(crate) checksums: Checksums,
}

impl Trail {
    /// The trail at the frame's first byte.
    #[inline]
    pub(crate) const fn new(checksums: Checksums) -> Self {
        Self { tags: Tags { vlan: [0; 2], vlans: 0, vni: None, depth: 0 }, checksums }
    }

    /// The trail one layer further in, unless that is one too many.
    ///
    /// Every step that may meet itself again inside goes through here: this is what bounds recursion.
    #[inline]
    pub(crate) const fn deeper(mut self) -> Result<Self, Discard> {
        if self.tags.depth >= MAX_LAYERS {
            return Err(Discard::TooDeep);
        }
        self.tags.depth += 1;
        Ok(self)
    }

    /// The trail with a VLAN id noted, if there is still a place for it.
    pub(crate) const fn with_vlan(mut self, id: u16) -> Self {
        match self.tags.vlans {
            0 => self.tags.vlan[0] = id,
            1 => self.tags.vlan[1] = id,
            _ => return self,
        }
        self.tags.vlans += 1;
        self
    }

    /// The trail with a virtual network's identifier noted in place of any outer one.
    pub(crate) const fn with_vni(mut self, vni: u32) -> Self {
        self.tags.vni = Some(vni);
        self
    }
}

/// What a tunnel packet counts as: what is inside where that is IP, and the packet itself where it is not.
///
/// An IP packet inside that is damaged further in (its transport, its checksum, its depth) was a tunnelled packet beyond
/// doubt, and its reason stands.
pub(crate) fn inner_or_outer<'a>(inner: Outcome<'a>, outer: Packet<'a>) -> Outcome<'a> {
    match inner {
        Err(Discard::NotIp | Discard::TruncatedLink | Discard::BadIpHeader) => Ok(Decoded::Packet(outer)),
        inner => inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_at_the_last_layer() {
        let mut trail = Trail::new(Checksums::Ignore);
        for depth in 0..MAX_LAYERS {
            assert_eq!(trail.tags.depth, depth);
            trail = trail.deeper().expect("below the limit");
        }
        assert_eq!(trail.deeper().err(), Some(Discard::TooDeep));
    }

    #[test]
    fn notes_two_vlans_and_the_innermost_network() {
        let trail =
            Trail::new(Checksums::Ignore).with_vlan(7).with_vlan(8).with_vlan(9).with_vni(1).with_vni(2);
        assert_eq!(trail.tags, Tags { vlan: [7, 8], vlans: 2, vni: Some(2), depth: 0 });
    }
}
