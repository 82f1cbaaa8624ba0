//! A network namespace with nothing in it but a cable of our own, to try a capture on.
//!
//! The namespace belongs to the thread that asks for it and to the threads and processes it starts from then on, and goes away with the
//! last of them, the cable with it. So nothing on the machine's own links is seen or changed, and nothing is left behind. Needs
//! CAP_SYS_ADMIN for the namespace, and CAP_NET_ADMIN and CAP_NET_RAW in it.
//!
//! Only IPv4 packets can be sent, through a raw socket, which is all that a look at the machine needs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};

use super::attribute::Body;
use super::link;
use super::netlink::{About, Netlink};
use super::{Known, Unknown};
use crate::Error;

const NEW_LINK: u16 = 16; // RTM_NEWLINK
const NEW_ADDRESS: u16 = 20; // RTM_NEWADDR
const NAME: u16 = 3; // IFLA_IFNAME
const KINDS: u16 = 18; // IFLA_LINKINFO
const KIND: u16 = 1; // IFLA_INFO_KIND
const KIND_SETTINGS: u16 = 2; // IFLA_INFO_DATA
const PEER: u16 = 1; // VETH_INFO_PEER
const TX_QUEUES: u16 = 31; // IFLA_NUM_TX_QUEUES
const RX_QUEUES: u16 = 32; // IFLA_NUM_RX_QUEUES
const ADDRESS: u16 = 1; // IFA_ADDRESS
const LOCAL: u16 = 2; // IFA_LOCAL
const UP: u32 = 0x1; // IFF_UP
/// Asking nobody for hardware addresses: IFF_NOARP.
const QUIET: u32 = 0x80;
const IPV4: u8 = 2; // AF_INET

/// The two ends of a cable, in a network namespace of its own.
#[derive(Debug)]
pub struct Cable {
    /// The end that is listened to.
    pub far: String,
    socket: OwnedFd,
}

impl Cable {
    /// Moves this thread into a new network namespace and lays a cable there, with so many queues at the end that is listened to.
    ///
    /// # Errors
    /// Where this process may not, or the kernel has no namespaces or no veth.
    pub fn lay(queues: u32) -> Result<Self, Error> {
        let fail = |what: &'static str| move |cause: Unknown| Error::Cable { what, cause: cause.to_string() };
        own_network().map_err(fail("a network namespace cannot be made"))?;
        let mut netlink = Netlink::route().map_err(fail("the namespace cannot be furnished"))?;
        lay(&mut netlink, "near0", "far0", queues).map_err(fail("a veth pair cannot be made"))?;
        for end in ["far0", "near0"] {
            raise(&mut netlink, end).map_err(fail("the ends of a veth pair cannot be set up"))?;
        }
        // Every address is at the other end, as far as the kernel knows, so packets with any addresses leave by it.
        let near = link::ask(&mut netlink, "near0").and_then(|near| near.ok_or(Unknown::Gone));
        // A prefix of no bits makes no route, nor does one that begins at 0.
        let nets = (0..8_u8).map(|bit| (Ipv4Addr::new(1 << bit, 0, 0, 1), 8 - bit));
        let addressed = near.and_then(|near| {
            nets.into_iter().try_for_each(|(net, prefix)| address(&mut netlink, near.index, net, prefix))
        });
        addressed.map_err(fail("an address cannot be given"))?;
        let kind = Some(ipproto::RAW); // packets come with their headers
        let socket = socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, kind);
        let socket = socket.map_err(|cause| fail("a raw socket cannot be opened")(cause.into()))?;
        Ok(Self { far: "far0".to_owned(), socket })
    }

    /// Sends an IPv4 packet, header and all.
    ///
    /// # Errors
    /// What the kernel says where it does not take it.
    pub fn send(&self, packet: &[u8]) -> Known<()> {
        let to: [u8; 4] =
            packet.get(16..20).and_then(|bytes| bytes.try_into().ok()).ok_or(Unknown::Untold)?;
        sendto(&self.socket, packet, SendFlags::empty(), &SocketAddrV4::new(to.into(), 0))?;
        Ok(())
    }
}

/// Parts this thread from the network of the others.
#[allow(unsafe_code)]
fn own_network() -> Known<()> {
    // SAFETY: what makes `unshare` unsafe is that a thread which no longer shares memory maps or files with its process breaks what
    // others assume. A network namespace is neither: sockets that are open stay in theirs, and new ones are made in the new.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }?;
    Ok(())
}

fn lay(netlink: &mut Netlink, near: &str, far: &str, queues: u32) -> Known<()> {
    let end =
        |name: &str| Body::default().text(NAME, name).number32(TX_QUEUES, queues).number32(RX_QUEUES, queues);
    // An end that is up before it has the other is refused, so both are set up afterwards.
    let head = link_head(0, QUIET);
    let peer = Body([&head[..], &end(far).0].concat());
    let kind = Body::default().text(KIND, "veth").nest(KIND_SETTINGS, &Body::default().nest(PEER, &peer));
    let near = end(near).nest(KINDS, &kind);
    netlink.ask(NEW_LINK, About::New, &[&head[..], &near.0].concat(), |_| {})
}

/// Sets a link up.
fn raise(netlink: &mut Netlink, name: &str) -> Known<()> {
    let link = link::ask(netlink, name)?.ok_or(Unknown::Gone)?;
    netlink.ask(NEW_LINK, About::One, &link_head(link.index, UP), |_| {})
}

/// `ifinfomsg`: the link's number, the flags that it is to have, and which of them are meant.
fn link_head(index: u32, flags: u32) -> [u8; 16] {
    let mut head = [0; 16];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..].copy_from_slice(&flags.to_ne_bytes());
    head
}

fn address(netlink: &mut Netlink, index: u32, address: Ipv4Addr, prefix: u8) -> Known<()> {
    // `ifaddrmsg`: family, length of the prefix, flags, scope, and the link.
    let head = [&[IPV4, prefix, 0, 0][..], &index.to_ne_bytes()].concat();
    let body = Body::default().bytes(LOCAL, &address.octets()).bytes(ADDRESS, &address.octets());
    netlink.ask(NEW_ADDRESS, About::New, &[head, body.0].concat(), |_| {})
}

#[cfg(test)]
mod tests {
    use super::super::survey;
    use super::*;

    #[test]
    fn a_cable_carries_packets_with_any_addresses_and_leaves_nothing_behind() {
        let tried = std::thread::spawn(|| {
            let cable = Cable::lay(2)?;
            let before = survey(&cable.far)?.statistics;
            let mut packet = [0; 28];
            packet[0] = 0x45;
            packet[9] = 17;
            packet[12..16].copy_from_slice(&[203, 0, 113, 7]);
            packet[16..20].copy_from_slice(&[192, 0, 2, 9]);
            cable.send(&packet).expect("a packet");
            let far = survey(&cable.far)?;
            assert_eq!(far.rx_queues, Ok(2));
            Ok::<_, Error>(far.statistics.since(&before).received)
        });
        match tried.join().expect("the thread ends") {
            Ok(received) => assert!(received >= Some(1), "{received:?}"),
            Err(error) => eprintln!("skipped: needs root: {error}"),
        }
        assert!(survey("far0").is_err(), "the cable was in a namespace of the thread's own");
    }
}
