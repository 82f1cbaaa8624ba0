//! The block format: sections, each with its byte order and interfaces, and frames that name an interface.
//!
//! ```text
//! block  type 4 | length 4 | body, padded to 4 | length 4, again
//! ```
//!
//! What is looked into: section headers, interface descriptions, and the three kinds of blocks that carry frames. Every other
//! block is stepped over, of whatever size, after a look at both its lengths. Options are read of interfaces only.
//! See <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>.

use std::sync::Arc;

use pithead_wire::{LinkType, Timestamp};

use super::{
    Fault, MAX_BLOCK, MAX_FRAME, Stop, Walk, damaged, order::Order, pcap::too_long, resolution::Resolution,
};
use crate::{Interface, Slot, interface};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The only major version there is.
const MAJOR: u16 = 1;
/// The shortest block: type and length twice. A section's header is longer, and so are these first bytes of it.
const MIN_BLOCK: usize = 12;
/// Bytes of a block before its body, and behind it.
const HEAD: usize = 8;
const TAIL: usize = 4;
/// Bytes of a body before the frame's own, in blocks that say when it came and in those that do not.
const PACKET_HEAD: usize = 20;
const SIMPLE_HEAD: usize = 4;
/// The longest name of an interface that is kept, in bytes. Windows names are GUIDs of 50; a longer one is cut.
const MAX_NAME: usize = 256;

const OPTION_END: u16 = 0;
const OPTION_NAME: u16 = 2;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// Whether a file with these first bytes is one of this format. They read the same in both byte orders.
pub(super) const fn is_magic(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SECTION_HEADER
}

/// Finds the frames of a file of blocks.
#[derive(Debug)]
pub(crate) struct Pcapng {
    order: Order,
    /// The interfaces of this section.
    section: Vec<Described>,
    /// The block that is being stepped over, if one is.
    skipping: Option<Skip>,
    /// Whether an interface has been described whose frames can be decoded. Where none has been when the first frame comes,
    /// the whole file is refused; in a mixed file, every frame is lent.
    supported: bool,
    /// The time of the last frame that had one.
    last: Timestamp,
}

/// An interface, as much as its frames need.
#[derive(Clone, Copy, Debug)]
struct Described {
    link: LinkType,
    index: u16,
    snaplen: u32,
    resolution: Resolution,
}

/// A block's type and its length, as written and as padded.
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: u32,
    written: u32,
    len: usize,
}

/// A block that is being stepped over: `left` bytes, then its length again.
#[derive(Clone, Copy, Debug)]
struct Skip {
    head: Head,
    left: usize,
}

impl Pcapng {
    pub(super) const fn new() -> Self {
        Self {
            order: Order::Little,
            section: Vec::new(),
            skipping: None,
            supported: false,
            last: Timestamp::from_nanos(0),
        }
    }

    pub(super) fn walk(&mut self, walk: &mut Walk<'_>) -> Result<Stop, Fault> {
        while !walk.is_full() {
            if let Some(skip) = self.skipping {
                if let Some(stop) = self.step_over(skip, walk)? {
                    return Ok(stop);
                }
                continue;
            }
            let rest = walk.rest();
            let Some(head) = self.head(rest)? else { return Ok(Stop::Short(MIN_BLOCK)) };
            if !head.is_looked_into() {
                self.skipping = Some(Skip { head, left: head.len - TAIL });
                continue;
            }
            if head.len > MAX_BLOCK {
                return damaged(format!(
                    "a block of type {} claims {} bytes, more than {MAX_BLOCK}",
                    head.kind, head.len
                ));
            }
            let Some(block) = rest.get(..head.len) else { return Ok(Stop::Short(head.len)) };
            self.look_into(head, block, walk)?;
            walk.cursor += head.len;
        }
        Ok(Stop::Full)
    }

    pub(super) fn lack(&self, rest: &[u8], number: u64) -> Option<String> {
        if let Some(Skip { head, left }) = self.skipping {
            let have = head.len - TAIL - left + rest.len();
            return Some(format!("cut short: {have} of {} bytes of a block of type {}", head.len, head.kind));
        }
        let have = rest.len();
        if have == 0 {
            return None;
        }
        Some(match self.head(rest) {
            Ok(Some(head)) if head.carries_a_frame() => {
                format!("cut short: {have} of {} bytes of the block of frame {number}", head.len)
            }
            Ok(Some(head)) => {
                format!("cut short: {have} of {} bytes of a block of type {}", head.len, head.kind)
            }
            _ => format!("cut short: {have} of the first {MIN_BLOCK} bytes of a block"),
        })
    }

    /// Reads how a block begins; `None` where that is not all there. A section's header sets the byte order.
    #[inline]
    fn head(&self, rest: &[u8]) -> Result<Option<Head>, Fault> {
        let Some(first) = rest.first_chunk::<MIN_BLOCK>() else { return Ok(None) };
        let number = |order: Order, at| order.u32(first, at).unwrap_or_default();
        let order = match number(Order::Little, 0) {
            SECTION_HEADER => match number(Order::Little, 8) {
                BYTE_ORDER => Order::Little,
                order if order.swap_bytes() == BYTE_ORDER => Order::Big,
                other => {
                    return damaged(format!(
                        "a section's byte order reads {other:#010x}, not {BYTE_ORDER:#010x}"
                    ));
                }
            },
            _ => self.order,
        };
        let (kind, written) = (number(order, 0), number(order, 4));
        // Some writers forget the padding in the length. Wireshark forgives them, too.
        let len = (written as usize).next_multiple_of(4);
        if len < MIN_BLOCK {
            return damaged(format!("a block of type {kind} claims {written} bytes, fewer than {MIN_BLOCK}"));
        }
        Ok(Some(Head { kind, written, len }))
    }

    /// Steps over a block as far as it is there. `None` once it is behind the cursor.
    fn step_over(&mut self, mut skip: Skip, walk: &mut Walk<'_>) -> Result<Option<Stop>, Fault> {
        let step = skip.left.min(walk.rest().len());
        skip.left -= step;
        walk.cursor += step;
        self.skipping = Some(skip);
        if skip.left > 0 {
            return Ok(Some(Stop::Short(1)));
        }
        let Some(again) = self.order.u32(walk.rest(), 0) else { return Ok(Some(Stop::Short(TAIL))) };
        skip.head.agrees_with(again)?;
        walk.cursor += TAIL;
        self.skipping = None;
        Ok(None)
    }

    /// Takes what a whole block says.
    fn look_into(&mut self, head: Head, block: &[u8], walk: &mut Walk<'_>) -> Result<(), Fault> {
        if head.kind == SECTION_HEADER {
            return self.begin_section(head, block);
        }
        head.agrees_with(self.order.u32(block, head.len - TAIL).unwrap_or_default())?;
        let body = block.get(HEAD..head.len - TAIL).unwrap_or_default();
        if head.kind == INTERFACE_DESCRIPTION {
            return self.describe(body, walk);
        }
        let Some(slot) = self.frame(head.kind, body)? else {
            return damaged(format!("the block of frame {} is too short to hold one", walk.number()));
        };
        if slot.len as usize > MAX_FRAME {
            return damaged(too_long(walk.number(), slot.len));
        }
        if body.len() < slot.offset - HEAD + slot.len as usize {
            let (number, room) = (walk.number(), body.len() - (slot.offset - HEAD));
            return damaged(format!(
                "frame {number} claims {} bytes, its block has room for {room}",
                slot.len
            ));
        }
        if !self.supported {
            return Err(Fault::Unsupported(slot.link));
        }
        self.last = slot.at;
        walk.lend(slot);
        Ok(())
    }

    /// Begins a section: no interfaces yet, and perhaps another byte order.
    fn begin_section(&mut self, head: Head, block: &[u8]) -> Result<(), Fault> {
        let little = Order::Little.u32(block, 8) == Some(BYTE_ORDER);
        let order = if little { Order::Little } else { Order::Big };
        head.agrees_with(order.u32(block, head.len - TAIL).unwrap_or_default())?;
        let (Some(major), Some(minor), true) = (order.u16(block, 12), order.u16(block, 14), head.len >= 28)
        else {
            return damaged(format!("a section's header claims {} bytes, fewer than 28", head.written));
        };
        if major != MAJOR {
            return damaged(format!("version {major}.{minor} of pcapng is not known"));
        }
        self.order = order;
        self.section.clear();
        Ok(())
    }

    /// Takes an interface description: link type 2 | - 2 | snaplen 4 | options.
    fn describe(&mut self, body: &[u8], walk: &mut Walk<'_>) -> Result<(), Fault> {
        let (Some(link), Some(snaplen)) = (self.order.u16(body, 0), self.order.u32(body, 4)) else {
            return damaged("the description of an interface is too short");
        };
        let link = LinkType(link);
        let (mut name, mut tsresol, mut tsoffset) = (None, 6, 0);
        let mut options = body.get(8..).unwrap_or_default();
        while let Some((code, value)) = self.option(&mut options)? {
            match (code, value) {
                (OPTION_NAME, name_bytes) => name = named(name_bytes),
                (OPTION_TSRESOL, &[value]) => tsresol = value,
                (OPTION_TSOFFSET, &[a, b, c, d, e, f, g, h]) => {
                    tsoffset = self.order.i64([a, b, c, d, e, f, g, h]);
                }
                (OPTION_TSRESOL | OPTION_TSOFFSET, _) => {
                    return damaged(format!("option {code} of an interface has {} bytes", value.len()));
                }
                _ => {}
            }
        }
        let Some(index) = interface::add(walk.interfaces, Interface { name, link, file: walk.file }) else {
            return damaged("one interface too many over all files");
        };
        self.supported |= link.is_supported();
        let resolution = Resolution::new(tsresol, tsoffset);
        self.section.push(Described { link, index, snaplen, resolution });
        Ok(())
    }

    /// Takes the next option off the front: code 2 | length 2 | value, padded to 4. `None` at their end.
    fn option<'a>(&self, options: &mut &'a [u8]) -> Result<Option<(u16, &'a [u8])>, Fault> {
        let (Some(code), Some(len)) = (self.order.u16(options, 0), self.order.u16(options, 2)) else {
            return Ok(None);
        };
        if code == OPTION_END {
            return Ok(None);
        }
        let len = usize::from(len);
        let Some(value) = options.get(4..4 + len) else {
            return damaged(format!("option {code} of an interface claims {len} bytes, more than there are"));
        };
        *options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Ok(Some((code, value)))
    }

    /// Reads where the frame of a block lies, seen from the block's start. `None` if the block is too short to say.
    ///
    /// ```text
    /// enhanced  interface 4 |              time 4 + 4 | captured 4 | on the wire 4 | bytes | options
    /// obsolete  interface 2 | drops 2 |    time 4 + 4 | captured 4 | on the wire 4 | bytes | options
    /// simple                                                         on the wire 4 | bytes
    /// ```
    #[inline]
    fn frame(&self, kind: u32, body: &[u8]) -> Result<Option<Slot>, Fault> {
        let field = |at| self.order.u32(body, at);
        let named = match kind {
            ENHANCED_PACKET => field(0),
            OBSOLETE_PACKET => self.order.u16(body, 0).map(u32::from),
            _ => Some(0),
        };
        let Some(named) = named else { return Ok(None) };
        let Some(described) = self.section.get(named as usize) else {
            return damaged(format!(
                "a frame of interface {named}, where {} are described",
                self.section.len()
            ));
        };
        let Described { link, index: interface, snaplen, resolution } = *described;
        if kind == SIMPLE_PACKET {
            let Some(wire_len) = field(0) else { return Ok(None) };
            let len = if snaplen == 0 { wire_len } else { wire_len.min(snaplen) };
            // It has no time. That of the frame before is nearer to the truth than 1970.
            let at = self.last;
            return Ok(Some(Slot { offset: HEAD + SIMPLE_HEAD, len, wire_len, at, link, interface }));
        }
        let Some(head) = body.first_chunk::<PACKET_HEAD>() else { return Ok(None) };
        let field = |at| self.order.u32(head, at).unwrap_or_default();
        let (high, low, len, wire_len) = (field(4), field(8), field(12), field(16));
        let at = resolution.time(high, low);
        Ok(Some(Slot { offset: HEAD + PACKET_HEAD, len, wire_len, at, link, interface }))
    }
}

impl Head {
    const fn carries_a_frame(self) -> bool {
        matches!(self.kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET)
    }

    const fn is_looked_into(self) -> bool {
        self.carries_a_frame() || matches!(self.kind, SECTION_HEADER | INTERFACE_DESCRIPTION)
    }

    /// Checks the length at the block's end against that at its head.
    fn agrees_with(self, again: u32) -> Result<(), Fault> {
        if again == self.written {
            return Ok(());
        }
        let Self { kind, written, .. } = self;
        damaged(format!("a block of type {kind} claims {written} bytes at its head and {again} at its end"))
    }
}

/// The name in an option, without the zeros that some writers put behind it.
fn named(value: &[u8]) -> Option<Arc<str>> {
    let value = value.get(..MAX_NAME).unwrap_or(value);
    let name = String::from_utf8_lossy(value);
    let name = name.trim_end_matches('\0');
    (!name.is_empty()).then(|| name.into())
}
