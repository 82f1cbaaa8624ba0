//! What every link tells of itself, over rtnetlink: its number, state, MTU, kind, XDP program and counters.
//!
//! The numbers are those of [include/uapi/linux/if_link.h](https://github.com/torvalds/linux/blob/v6.18/include/uapi/linux/if_link.h).

use super::attribute::{Attributes, Body};
use super::netlink::{About, Netlink};
use super::{Known, Unknown};

const GET_LINK: u16 = 18; // RTM_GETLINK
/// `ifinfomsg`: family u8, unused u8, type u16, index i32, flags u32, change u32.
const HEAD: usize = 16;
/// `IFNAMSIZ`, less the zero byte. What is longer is refused with an error of its own.
const LONGEST_NAME: usize = 15;
const UP: u32 = 0x1; // IFF_UP
const LOOPBACK: u32 = 0x8; // IFF_LOOPBACK
const NAME: u16 = 3; // IFLA_IFNAME
const MTU: u16 = 4; // IFLA_MTU
const MASTER: u16 = 10; // IFLA_MASTER
const KINDS: u16 = 18; // IFLA_LINKINFO
const KIND: u16 = 1; // IFLA_INFO_KIND
const STATISTICS: u16 = 23; // IFLA_STATS64
const PROMISCUITY: u16 = 30; // IFLA_PROMISCUITY
const CARRIER: u16 = 33; // IFLA_CARRIER
const XDP: u16 = 43; // IFLA_XDP
const XDP_PROGRAM: u16 = 4; // IFLA_XDP_PROG_ID

/// A link, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name it goes by now.
    pub name: String,
    /// Its number, which stays when it is renamed.
    pub index: u32,
    /// Whether it was set up (`ip link set dev NAME up`).
    pub up: bool,
    /// Whether there is somebody at the other end.
    pub carrier: Known<bool>,
    /// Whether it is the loopback link.
    pub loopback: bool,
    /// The most bytes of a packet, without the link's own header.
    pub mtu: Known<u32>,
    /// How many programs asked for frames that are addressed to others.
    pub promiscuity: Known<u32>,
    /// What made it, for links without hardware: `veth`, `bridge`, `vlan`.
    pub kind: Option<String>,
    /// Whether it is part of a bridge or a bond.
    pub enslaved: bool,
    /// The number of the XDP program that it runs.
    pub xdp_program: Option<u32>,
    /// The counters, in the order of `rtnl_link_stats64`.
    pub(super) counters: Vec<u64>,
}

/// Asks for one link by name. `Ok(None)` where there is none.
pub(super) fn ask(netlink: &mut Netlink, name: &str) -> Known<Option<Link>> {
    // A zero byte would end the name for the kernel, and another link be found.
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
        return Ok(None);
    }
    let body = Body::default().text(NAME, name);
    request(netlink, &[&[0; HEAD], &body.0[..]].concat())
}

/// Asks for one link by its number, which it keeps when it is renamed. `Ok(None)` where it is gone.
pub(super) fn ask_number(netlink: &mut Netlink, index: u32) -> Known<Option<Link>> {
    let mut head = [0; HEAD];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    request(netlink, &head)
}

fn request(netlink: &mut Netlink, body: &[u8]) -> Known<Option<Link>> {
    let mut link = None;
    match netlink.ask(GET_LINK, About::One, body, |answer| link = read(answer)) {
        Ok(()) => Ok(link),
        Err(Unknown::Gone) => Ok(None),
        Err(unknown) => Err(unknown),
    }
}

fn read(answer: &[u8]) -> Option<Link> {
    let (head, list) = answer.split_first_chunk::<HEAD>()?;
    let word = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (index, flags, list) = (word(4), word(8), Attributes(list));
    let counters = list.find(STATISTICS).unwrap_or_default();
    Some(Link {
        name: list.text(NAME)?.to_owned(),
        index,
        up: flags & UP != 0,
        carrier: list.number(CARRIER).map(|carrier| carrier != 0).ok_or(Unknown::Untold),
        loopback: flags & LOOPBACK != 0,
        mtu: list.number32(MTU).ok_or(Unknown::Untold),
        promiscuity: list.number32(PROMISCUITY).ok_or(Unknown::Untold),
        kind: list.nested(KINDS).and_then(|kinds| kinds.text(KIND)).map(str::to_owned),
        enslaved: list.number(MASTER).is_some(),
        xdp_program: list.nested(XDP).and_then(|xdp| xdp.number32(XDP_PROGRAM)),
        counters: counters.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_link_is_known() {
        let mut netlink = Netlink::route().expect("a netlink socket needs no right");
        let lo = ask(&mut netlink, "lo").expect("an answer").expect("every network namespace has it");
        assert_eq!((lo.name.as_str(), lo.loopback, lo.kind), ("lo", true, None));
        assert!(lo.index > 0 && lo.counters.len() >= 23);
        let again = ask_number(&mut netlink, lo.index).expect("an answer").map(|link| link.name);
        assert_eq!(again.as_deref(), Some("lo"));
        assert_eq!(ask_number(&mut netlink, u32::MAX >> 1), Ok(None));
        assert_eq!(ask(&mut netlink, "pithead-none"), Ok(None));
        assert_eq!(ask(&mut netlink, "lo\0o"), Ok(None));
        assert_eq!(ask(&mut netlink, "a name that no link can have"), Ok(None));
    }

    #[test]
    fn half_an_answer_is_no_link() {
        assert_eq!(read(&[0; 12]), None);
        assert_eq!(read(&[0; HEAD]), None, "a link without a name");
    }
}
