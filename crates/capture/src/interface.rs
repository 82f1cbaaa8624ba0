//! The interfaces that a source's frames name.

use std::sync::Arc;

use pithead_wire::LinkType;

/// How many interfaces one source can tell apart: [`Frame::interface`](crate::Frame::interface) has 16 bits.
///
/// Files that describe more are damaged at the first too many.
pub const MAX_INTERFACES: usize = 1 << 16;

/// An interface on which frames were captured, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`, where the file says.
    pub name: Option<Arc<str>>,
    /// What the first bytes of its frames are.
    pub link: LinkType,
    /// Which of the source's files describes it.
    pub file: usize,
}

/// Adds an interface and returns its index; `None` when there is no room for another.
pub(crate) fn add(interfaces: &mut Vec<Interface>, interface: Interface) -> Option<u16> {
    let index = u16::try_from(interfaces.len()).ok()?;
    interfaces.push(interface);
    Some(index)
}
