//! What is known of a frame beside its bytes: what the program wrote down ahead of it, and how long it was before a mirror
//! cut it.

/// How many bytes the program writes ahead of a frame: `struct told` of the C file.
pub(super) const TOLD_BYTES: usize = 16;

/// Tells what the program wrote from whatever lay there before.
const MARK: u32 = 0x7069_7468;

/// What the driver knows of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// When it came, by the clock of the NIC; 0 where that is not known.
    pub nanos: u64,
    /// The VLAN tag that was taken off, as it would lie in the frame.
    pub tag: Option<[u8; 4]>,
}

impl Told {
    /// What lies ahead of a frame; `None` if the program did not write it.
    pub(super) fn read(bytes: [u8; TOLD_BYTES]) -> Option<Self> {
        let [n0, n1, n2, n3, n4, n5, n6, n7, type0, type1, tci0, tci1, m0, m1, m2, m3] = bytes;
        if u32::from_ne_bytes([m0, m1, m2, m3]) != MARK {
            return None;
        }
        // The kernel gives the type as it is in a frame, and the rest as a number.
        let [high, low] = u16::from_ne_bytes([tci0, tci1]).to_be_bytes();
        let tag = [type0, type1, high, low];
        let nanos = u64::from_ne_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        Some(Self { nanos, tag: (tag[..2] != [0, 0]).then_some(tag) })
    }
}

/// How long an Ethernet frame was on the wire: longer than it is here if a mirror cut it, as its IP header tells behind at most four VLAN
/// tags. What is not IP is taken to be whole.
pub(super) fn wire_len(frame: &[u8]) -> usize {
    let field = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    let mut at = 12;
    let mut tags = 0..4;
    let end = loop {
        match field(at) {
            Some(0x8100 | 0x88a8 | 0x9100) if tags.next().is_some() => at += 4,
            Some(0x0800) => break field(at + 4).map(|total| at + 2 + usize::from(total)),
            // 0 is said by packets longer than 64 KiB, and by no other.
            Some(0x86dd) => break field(at + 6).filter(|len| *len > 0).map(|len| at + 42 + usize::from(len)),
            _ => break None,
        }
    };
    end.unwrap_or(0).max(frame.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(nanos: u64, kind: [u8; 2], tci: u16, mark: u32) -> Option<Told> {
        let parts = [&nanos.to_ne_bytes()[..], &kind, &tci.to_ne_bytes(), &mark.to_ne_bytes()];
        Told::read(parts.concat().try_into().unwrap())
    }

    #[test]
    fn what_the_program_wrote_is_known_by_its_mark() {
        assert_eq!(told(5, [0x81, 0], 0x2007, MARK), Some(Told { nanos: 5, tag: Some([0x81, 0, 0x20, 7]) }));
        assert_eq!(told(0, [0, 0], 0, MARK), Some(Told::default()));
        assert_eq!(told(5, [0x81, 0], 0x2007, 0), None);
    }

    fn ethernet(tags: usize, kind: [u8; 2], rest: &[u8]) -> Vec<u8> {
        let tags = [0x81, 0, 0, 5].repeat(tags);
        [&[2; 12][..], &tags, &kind, rest].concat()
    }

    #[test]
    fn a_frame_that_was_cut_is_known_by_its_ip_header() {
        let v4 = |tags, len: u16| {
            let [high, low] = len.to_be_bytes();
            wire_len(&ethernet(tags, [8, 0], &[0x45, 0, high, low, 0, 0, 0, 0]))
        };
        assert_eq!((v4(0, 1500), v4(2, 1500), v4(4, 100)), (1514, 1522, 130));
        assert_eq!(v4(0, 4), 22, "shorter than what is there");
        assert_eq!(v4(5, 1500), 12 + 20 + 2 + 8, "behind too many tags");
        let v6 = |len: u16| {
            let [high, low] = len.to_be_bytes();
            wire_len(&ethernet(0, [0x86, 0xdd], &[0x60, 0, 0, 0, high, low, 6]))
        };
        assert_eq!((v6(1000), v6(0)), (1054, 21));
        assert_eq!(wire_len(&ethernet(0, [8, 6], &[0xff; 28])), 42, "ARP is whole");
    }

    proptest! {
        #[test]
        fn no_frame_is_shorter_than_what_is_there(bytes: Vec<u8>) {
            prop_assert!(wire_len(&bytes) >= bytes.len() && wire_len(&bytes) <= bytes.len().max(70_000));
        }
    }
}
