//! The classic format: one header, then records.
//!
//! ```text
//! file    magic 4 | major 2 | minor 2 | - 8 | snaplen 4 | link type 4
//! record  seconds 4 | fraction 4 | captured 4 | on the wire 4 | [ modified: interface 4, protocol 2, kind 1, - 1 ] | bytes
//! ```
//!
//! The magic tells byte order, unit of the fraction, and record header. Snaplen is ignored: writers are known to exceed it.
//! See <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>; the modified kind is from an old patch of libpcap for Linux.

use pithead_wire::{LinkType, Timestamp};

use super::{Fault, MAX_FRAME, Stop, Walk, damaged, order::Order};
use crate::{Interface, Slot, interface};

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const MODIFIED_RECORD_HEADER: usize = 24;
/// The only major version there has been since 1998.
const MAJOR: u16 = 2;
/// Minor version before which the two lengths of a record were the other way round. In this version itself, both ways are found.
const SWAPPED_BEFORE: u16 = 3;

/// Finds the frames of a classic file.
#[derive(Debug)]
pub(crate) struct Pcap {
    order: Order,
    record_header: usize,
    /// Nanoseconds in a unit of the fraction.
    unit: u32,
    /// What the file's header says, once it has been read.
    header: Option<Header>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    minor: u16,
    link: LinkType,
    interface: u16,
}

/// A record's header.
struct Record {
    at: Timestamp,
    len: u32,
    wire_len: u32,
}

impl Pcap {
    /// The walker for a file with this magic, if it is one of this format.
    pub(super) const fn sniff(magic: [u8; 4]) -> Option<Self> {
        const MICROS: u32 = 0xa1b2_c3d4;
        const NANOS: u32 = 0xa1b2_3c4d;
        const MODIFIED: u32 = 0xa1b2_cd34;
        // The first byte of each is a1 in the writer's order, and never the last.
        let (order, magic) = match magic[0] {
            0xa1 => (Order::Big, u32::from_be_bytes(magic)),
            _ => (Order::Little, u32::from_le_bytes(magic)),
        };
        let (unit, record_header) = match magic {
            MICROS => (1000, RECORD_HEADER),
            NANOS => (1, RECORD_HEADER),
            MODIFIED => (1000, MODIFIED_RECORD_HEADER),
            _ => return None,
        };
        Some(Self { order, record_header, unit, header: None })
    }

    pub(super) fn walk(&mut self, walk: &mut Walk<'_>) -> Result<Stop, Fault> {
        let header = match self.header {
            Some(header) => header,
            None => match self.begin(walk)? {
                Some(header) => *self.header.insert(header),
                None => return Ok(Stop::Short(FILE_HEADER)),
            },
        };
        // So that the order is not asked for at each number.
        match self.order {
            Order::Little => self.records(Order::Little, header, walk),
            Order::Big => self.records(Order::Big, header, walk),
        }
    }

    #[inline(always)]
    fn records(&self, order: Order, header: Header, walk: &mut Walk<'_>) -> Result<Stop, Fault> {
        while !walk.is_full() {
            let rest = walk.rest();
            let Some(record) = self.record(order, rest, header.minor) else {
                return Ok(Stop::Short(self.record_header));
            };
            if record.len as usize > MAX_FRAME {
                return damaged(too_long(walk.number(), record.len));
            }
            let whole = self.record_header + record.len as usize;
            if rest.len() < whole {
                return Ok(Stop::Short(whole));
            }
            let Record { at, len, wire_len } = record;
            let Header { link, interface, .. } = header;
            walk.lend(Slot { offset: self.record_header, len, wire_len, at, link, interface });
            walk.cursor += whole;
        }
        Ok(Stop::Full)
    }

    pub(super) fn lack(&self, rest: &[u8], number: u64) -> Option<String> {
        let have = rest.len();
        let Some(header) = self.header else {
            return Some(format!("cut short: {have} of {FILE_HEADER} bytes of the file's header"));
        };
        let record_header = self.record_header;
        if rest.is_empty() {
            return None;
        }
        Some(match self.record(self.order, rest, header.minor) {
            None => format!("cut short: {have} of {record_header} bytes of the header of frame {number}"),
            Some(Record { len, .. }) => {
                format!("cut short: {} of {len} bytes of frame {number}", have.saturating_sub(record_header))
            }
        })
    }

    /// Reads the file's header; `None` where it is not all there.
    fn begin(&self, walk: &mut Walk<'_>) -> Result<Option<Header>, Fault> {
        let Some(head) = walk.rest().first_chunk::<FILE_HEADER>() else { return Ok(None) };
        let field = |at| self.order.u16(head, at).unwrap_or_default();
        let (major, minor) = (field(4), field(6));
        if major > MAJOR {
            return damaged(format!("version {major}.{minor} of pcap is not known"));
        }
        // The upper half of the field says how long the frame check sequence is, which nothing here needs to know.
        let link = LinkType(self.order.u32(head, 20).unwrap_or_default() as u16);
        if !link.is_supported() {
            return Err(Fault::Unsupported(link));
        }
        let Some(interface) =
            interface::add(walk.interfaces, Interface { name: None, link, file: walk.file })
        else {
            return damaged("one interface too many over all files");
        };
        walk.cursor += FILE_HEADER;
        Ok(Some(Header { minor, link, interface }))
    }

    /// Reads a record's header; `None` where it is not all there.
    #[inline(always)]
    fn record(&self, order: Order, rest: &[u8], minor: u16) -> Option<Record> {
        if rest.len() < self.record_header {
            return None;
        }
        let head = rest.first_chunk::<RECORD_HEADER>()?;
        let [seconds, fraction] = [order.u32(head, 0)?, order.u32(head, 4)?];
        let (mut len, mut wire_len) = (order.u32(head, 8)?, order.u32(head, 12)?);
        if minor < SWAPPED_BEFORE || (minor == SWAPPED_BEFORE && len > wire_len) {
            (len, wire_len) = (wire_len, len);
        }
        // 32 bits of seconds end in 2106, well before 63 bits of nanoseconds; a fraction above one second is carried.
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * u64::from(self.unit);
        Some(Record { at: Timestamp::from_nanos(nanos as i64), len, wire_len })
    }
}

/// Why a frame of such a length is not believed.
pub(super) fn too_long(number: u64, len: u32) -> String {
    format!("frame {number} claims {len} bytes, more than the {MAX_FRAME} that a capture can hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_magics_and_no_other() {
        let told = |magic: u32| Pcap::sniff(magic.to_be_bytes()).map(|p| (p.order, p.unit, p.record_header));
        assert_eq!(told(0xa1b2_c3d4), Some((Order::Big, 1000, 16)));
        assert_eq!(told(0xd4c3_b2a1), Some((Order::Little, 1000, 16)));
        assert_eq!(told(0xa1b2_3c4d), Some((Order::Big, 1, 16)));
        assert_eq!(told(0x4d3c_b2a1), Some((Order::Little, 1, 16)));
        assert_eq!(told(0xa1b2_cd34), Some((Order::Big, 1000, 24)));
        assert_eq!(told(0x34cd_b2a1), Some((Order::Little, 1000, 24)));
        for magic in [0, 0x0a0d_0d0a, 0xa1b2_c3d5, 0xffff_ffff] {
            assert_eq!(told(magic), None);
        }
    }

    #[test]
    fn lengths_of_old_versions_are_put_right() {
        let pcap = Pcap::sniff(*b"\xa1\xb2\xc3\xd4").unwrap();
        let mut head = [0; 16];
        head[11] = 90;
        head[15] = 60;
        let lengths =
            |minor| pcap.record(Order::Big, &head, minor).map(|record| (record.len, record.wire_len));
        assert_eq!(lengths(2), Some((60, 90)));
        assert_eq!(lengths(3), Some((60, 90)));
        assert_eq!(lengths(4), Some((90, 60)));
    }

    #[test]
    fn the_last_second_of_32_bits_fits() {
        let pcap = Pcap::sniff(*b"\xa1\xb2\xc3\xd4").unwrap();
        let record = pcap.record(Order::Big, &[0xff; 16], 4).unwrap();
        assert_eq!(record.at.nanos(), 4_294_967_295_000_000_000 + 4_294_967_295_000);
    }
}
