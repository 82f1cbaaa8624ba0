//! The decoder against `etherparse`: two readings of one frame must agree.

use etherparse::{LinkExtSlice, PacketBuilder, SlicedPacket, TransportSlice, VlanId};
use pithead_wire::{Checksums, Decoded, LinkType, Packet, Tcp, Transport, Udp, decode};
use proptest::prelude::*;

/// What to build: addresses of either version, ports, a kind of tagging, a transport and its payload.
#[derive(Clone, Debug)]
struct Plan {
    v6: bool,
    source: [u8; 16],
    destination: [u8; 16],
    ports: (u16, u16),
    vlans: Vec<u16>,
    tcp: Option<(u32, u32, u8)>,
    options: usize,
    payload: Vec<u8>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let addresses = (any::<bool>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    // No port of a tunnel: etherparse does not look inside those.
    let ports = (0..2000_u16, 10_000..u16::MAX);
    let vlans = prop::collection::vec(1..4095_u16, 0..=2);
    let tcp = prop::option::of((any::<u32>(), any::<u32>(), 0..64_u8));
    let payload = prop::collection::vec(any::<u8>(), 0..64);
    (addresses, ports, vlans, tcp, 0..10_usize, payload).prop_map(
        |(addresses, ports, vlans, tcp, options, payload)| {
            let (v6, source, destination) = addresses;
            Plan { v6, source, destination, ports, vlans, tcp, options, payload }
        },
    )
}

fn build(plan: &Plan) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (source, destination) = (plan.source, plan.destination);
    let v4 = |bytes: [u8; 16]| [bytes[0], bytes[1], bytes[2], bytes[3]];
    let id = |at: usize| VlanId::try_new(plan.vlans[at]).expect("twelve bits");
    let ip = match (plan.vlans.len(), plan.v6) {
        (0, false) => ethernet.ipv4(v4(source), v4(destination), 64),
        (0, true) => ethernet.ipv6(source, destination, 64),
        (1, false) => ethernet.single_vlan(id(0)).ipv4(v4(source), v4(destination), 64),
        (1, true) => ethernet.single_vlan(id(0)).ipv6(source, destination, 64),
        (_, false) => ethernet.double_vlan(id(0), id(1)).ipv4(v4(source), v4(destination), 64),
        (_, true) => ethernet.double_vlan(id(0), id(1)).ipv6(source, destination, 64),
    };
    let mut frame = Vec::new();
    let written = match plan.tcp {
        None => ip.udp(plan.ports.0, plan.ports.1).write(&mut frame, &plan.payload),
        Some((sequence, acknowledgment, flags)) => {
            let mut tcp = ip.tcp(plan.ports.0, plan.ports.1, sequence, 1024);
            let bit = |bit: u8| flags & bit != 0;
            tcp = if bit(1) { tcp.fin() } else { tcp };
            tcp = if bit(2) { tcp.syn() } else { tcp };
            tcp = if bit(4) { tcp.rst() } else { tcp };
            tcp = if bit(8) { tcp.psh() } else { tcp };
            tcp = if bit(16) { tcp.ack(acknowledgment) } else { tcp };
            let no_operation = vec![1; plan.options * 4];
            tcp.options_raw(&no_operation).expect("at most 40 bytes").write(&mut frame, &plan.payload)
        }
    };
    written.expect("a vector takes all");
    frame
}

fn packet(frame: &[u8], checksums: Checksums) -> Packet<'_> {
    match decode(LinkType::ETHERNET, frame, checksums) {
        Ok(Decoded::Packet(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

fn agree(ours: &Packet<'_>, theirs: &SlicedPacket<'_>) {
    let ip = theirs.net.as_ref().expect("a network layer");
    let (source, destination) = match ip {
        etherparse::NetSlice::Ipv4(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        etherparse::NetSlice::Ipv6(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        etherparse::NetSlice::Arp(_) => panic!("no address resolution was built"),
    };
    let ours_addresses: (std::net::IpAddr, std::net::IpAddr) = (ours.source, ours.destination);
    assert_eq!(ours_addresses, (source, destination));
    match (&ours.transport, theirs.transport.as_ref().expect("a transport")) {
        (Transport::Tcp(ours), TransportSlice::Tcp(theirs)) => tcp_agrees(ours, theirs),
        (Transport::Udp(ours), TransportSlice::Udp(theirs)) => udp_agrees(ours, theirs),
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

fn tcp_agrees(ours: &Tcp<'_>, theirs: &etherparse::TcpSlice<'_>) {
    let ports = (theirs.source_port(), theirs.destination_port());
    assert_eq!((ours.source_port, ours.destination_port), ports);
    let numbers = (theirs.sequence_number(), theirs.acknowledgment_number());
    assert_eq!((ours.sequence, ours.acknowledgment), numbers);
    let bits = [theirs.fin(), theirs.syn(), theirs.rst(), theirs.psh(), theirs.ack(), theirs.urg()];
    let flags = bits.iter().rev().fold(0, |flags, bit| flags << 1 | u8::from(*bit));
    assert_eq!(ours.flags.0 & 0x3f, flags);
    assert_eq!((ours.payload, ours.payload_len), (theirs.payload(), theirs.payload().len()));
}

fn udp_agrees(ours: &Udp<'_>, theirs: &etherparse::UdpSlice<'_>) {
    let ports = (theirs.source_port(), theirs.destination_port());
    assert_eq!((ours.source_port, ours.destination_port), ports);
    assert_eq!((ours.payload, ours.payload_len), (theirs.payload(), theirs.payload().len()));
}

/// Whether we promise to read what etherparse has read.
fn readable(theirs: &SlicedPacket<'_>) -> bool {
    // It reads through MACsec that only signs.
    let tagged = theirs.link_exts.iter().all(|header| matches!(header, LinkExtSlice::Vlan(_)));
    tagged
        && match &theirs.transport {
            Some(TransportSlice::Tcp(_)) => true,
            // Only a jumbogram may leave its length out, as receivers see it; etherparse lets every datagram.
            Some(TransportSlice::Udp(udp)) => udp.length() != 0,
            _ => false,
        }
}

proptest! {
    #[test]
    fn reads_what_etherparse_built_as_it_does(plan in plans()) {
        let mut frame = build(&plan);
        // As Ethernet pads short frames.
        frame.resize(frame.len().max(60), 0);
        let ours = packet(&frame, Checksums::Verify);
        agree(&ours, &SlicedPacket::from_ethernet(&frame).expect("its own frame"));
        prop_assert_eq!(&ours.tags.vlan[..usize::from(ours.tags.vlans)], &plan.vlans[..]);
        prop_assert_eq!(usize::from(ours.tags.depth), plan.vlans.len());
    }

    #[test]
    fn refuses_no_damage_that_etherparse_reads(plan in plans(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut frame = build(&plan);
        // Behind the hardware addresses, and within the headers for the most part.
        let at = 12 + at.index(frame.len() - 12);
        frame[at] = to;
        let Ok(theirs) = SlicedPacket::from_ethernet(&frame) else { return Ok(()) };
        if !readable(&theirs) {
            return Ok(());
        }
        let ours = packet(&frame, Checksums::Ignore);
        // The damage may have made a tunnel of it; nothing else may differ.
        if usize::from(ours.tags.depth) == theirs.link_exts.len() {
            agree(&ours, &theirs);
        }
    }
}
