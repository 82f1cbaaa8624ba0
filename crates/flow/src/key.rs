//! Who talks to whom: the key of a flow, its stable id, and which worker it belongs to.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pithead_wire::{Packet, Tags, Timestamp, Transport};

/// Which tags tell flows apart that have the same five-tuple.
///
/// None, unless asked for: tap aggregators tag the two directions of one flow differently, and GTP-U has an identifier for each
/// direction, so that the halves of every flow would fall apart. With them, networks that use the same private addresses are not mixed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyTags {
    /// VLAN ids.
    pub vlan: bool,
    /// Identifiers of virtual networks.
    pub vni: bool,
}

impl KeyTags {
    /// Whether any tag belongs in the key.
    #[inline]
    pub(crate) const fn any(self) -> bool {
        self.vlan || self.vni
    }

    /// What of a packet's tags belongs in the key: 0 where nothing does.
    #[inline]
    pub(crate) const fn of(self, tags: &Tags) -> u64 {
        let mut network = 0;
        if self.vlan {
            network |= (tags.vlan[0] as u64) << 12 | tags.vlan[1] as u64 | (tags.vlans as u64) << 24;
        }
        if self.vni
            && let Some(vni) = tags.vni
        {
            network |= 1 << 63 | (vni as u64) << 28;
        }
        network
    }
}

/// Two addresses, the lower end's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    V4([u32; 2]),
    V6([u128; 2]),
}

/// The five-tuple of a flow, the same for both of its directions, and what [`KeyTags`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pair: Pair,
    /// The lower end's first.
    pub(crate) ports: [u16; 2],
    pub(crate) udp: bool,
    pub(crate) network: u64,
}

impl Key {
    /// The key of packets between two endpoints, in either order, and whether the first of them is the upper end.
    #[cfg(test)]
    fn new(a: SocketAddr, b: SocketAddr, udp: bool) -> (Self, bool) {
        Self::between(&a.ip(), &b.ip(), [a.port(), b.port()], udp, 0)
    }

    /// The key of a TCP or UDP packet, and whether its source is the upper end. `None` for other protocols.
    #[inline(always)]
    pub(crate) fn of(packet: &Packet<'_>, tags: KeyTags) -> Option<(Self, bool)> {
        let (ports, udp) = match &packet.transport {
            Transport::Tcp(tcp) => ([tcp.source_port, tcp.destination_port], false),
            Transport::Udp(udp) => ([udp.source_port, udp.destination_port], true),
            Transport::Other(_) => return None,
        };
        Some(Self::between(&packet.source, &packet.destination, ports, udp, tags.of(&packet.tags)))
    }

    #[inline(always)]
    fn between(a: &IpAddr, b: &IpAddr, ports: [u16; 2], udp: bool, network: u64) -> (Self, bool) {
        let (IpAddr::V4(a), IpAddr::V4(b)) = (a, b) else {
            return Self::between_wide(wide(*a), wide(*b), ports, udp, network);
        };
        // An end is one number, and which is the upper one a single comparison without a branch.
        let end = |address: &Ipv4Addr, port: u16| u64::from(address.to_bits()) << 16 | u64::from(port);
        let (a, b) = (end(a, ports[0]), end(b, ports[1]));
        let ends = [a.min(b), a.max(b)];
        let pair = Pair::V4(ends.map(|end| (end >> 16) as u32));
        (Self { pair, ports: ends.map(|end| end as u16), udp, network }, a > b)
    }

    #[inline(never)]
    fn between_wide(a: u128, b: u128, ports: [u16; 2], udp: bool, network: u64) -> (Self, bool) {
        let swapped = (a, ports[0]) > (b, ports[1]);
        let (pair, ports) = if swapped { ([b, a], [ports[1], ports[0]]) } else { ([a, b], ports) };
        (Self { pair: Pair::V6(pair), ports, udp, network }, swapped)
    }

    /// A hash that nobody outside can foresee: keys are chosen by whoever sends.
    #[inline]
    pub(crate) fn hash(&self, seed: &foldhash::fast::RandomState) -> u64 {
        let mut hasher = seed.build_hasher();
        let rest = u64::from(self.ports[0]) << 32 | u64::from(self.ports[1]) << 16 | u64::from(self.udp);
        match self.pair {
            Pair::V4([low, high]) => hasher.write_u64(u64::from(low) << 32 | u64::from(high)),
            Pair::V6([low, high]) => {
                hasher.write_u128(low);
                hasher.write_u128(high);
            }
        }
        hasher.write_u64(rest ^ self.network);
        hasher.finish()
    }

    /// The lower and the upper end.
    pub(crate) fn ends(&self) -> [SocketAddr; 2] {
        let addresses = match self.pair {
            Pair::V4(pair) => pair.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            Pair::V6(pair) => pair.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        };
        [0, 1].map(|end| SocketAddr::new(addresses[end], self.ports[end]))
    }

    /// The id of the flow of this key that began at `first`: stable between runs, machines and numbers of workers,
    /// above 0 and below 2^53, so that readers which keep numbers as doubles (most JSON tools) keep it exactly.
    pub(crate) fn flow_id(&self, first: Timestamp) -> u64 {
        let mut hash = Fnv::new();
        for end in self.ends() {
            hash.address(end.ip());
            hash.bytes(&end.port().to_be_bytes());
        }
        hash.bytes(&[if self.udp { 17 } else { 6 }]);
        hash.bytes(&first.nanos().to_be_bytes());
        if self.network != 0 {
            hash.bytes(&self.network.to_be_bytes());
        }
        (hash.finish() & ((1 << 53) - 1)).max(1)
    }
}

const fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The worker, of `workers`, to whom packets between two addresses belong, in either order.
///
/// The innermost address pair decides, so the fragments and both directions of a flow stay together. The hash is fixed:
/// which worker meets which flow is part of what makes a replay repeatable. Tables have another one, with a seed, since their keys are
/// chosen by whoever sends; here the worst that a sender can do is to load one worker.
#[inline]
pub fn owner(a: IpAddr, b: IpAddr, workers: usize) -> usize {
    if workers < 2 {
        return 0;
    }
    let words = match (a, b) {
        // Added up and multiplied, either order is the same.
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let (a, b) = (u64::from(a.to_bits()), u64::from(b.to_bits()));
            (a + b) << 32 ^ (a ^ b)
        }
        (a, b) => {
            let (a, b) = (wide(a), wide(b));
            let both = a.wrapping_add(b).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ (a ^ b);
            (both >> 64) as u64 ^ both as u64
        }
    };
    let mixed = mix(words.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // The high half of a product: a share for each without a division.
    ((u128::from(mixed) * workers as u128) >> 64) as usize
}

/// MurmurHash3's final mix.
const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash
}

/// FNV-1a (Fowler, Noll and Vo) with a final mix: small, fixed, and good enough for ids.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.bytes(&v4.octets()),
            IpAddr::V6(v6) => self.bytes(&v6.octets()),
        }
    }

    const fn finish(self) -> u64 {
        mix(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().expect("an address in a test")
    }

    #[test]
    fn both_directions_share_key_id_and_worker() {
        for (a, b) in [
            ("10.0.0.1:40000", "192.0.2.7:3333"),
            ("[2001:db8::9]:1", "[2001:db8::1]:2"),
            ("10.0.0.1:2", "10.0.0.1:1"),
        ] {
            let (a, b, at) = (end(a), end(b), Timestamp::from_nanos(17));
            let ((there, swapped), (back, other)) = (Key::new(a, b, false), Key::new(b, a, false));
            assert_eq!((there, swapped), (back, !other));
            assert_eq!(there.ends()[usize::from(swapped)], a);
            assert_eq!(there.flow_id(at), back.flow_id(at));
            let seed = foldhash::fast::RandomState::default();
            assert_eq!(there.hash(&seed), back.hash(&seed));
            for workers in 1..9 {
                assert_eq!(owner(a.ip(), b.ip(), workers), owner(b.ip(), a.ip(), workers));
            }
        }
    }

    #[test]
    fn ids_differ_by_time_and_network_and_fit_a_double() {
        let (key, _) = Key::new(end("10.0.0.1:1"), end("10.0.0.2:2"), true);
        let tagged = Key { network: 7, ..key };
        let (one, two) = (key.flow_id(Timestamp::from_nanos(1)), key.flow_id(Timestamp::from_nanos(2)));
        assert_ne!(one, two);
        assert_ne!(one, tagged.flow_id(Timestamp::from_nanos(1)));
        assert!(one < 1 << 53 && two < 1 << 53);
        // Published in events since the first version.
        assert_eq!(one, 1_437_518_902_255_143);
    }

    #[test]
    fn tags_count_as_asked() {
        let tags = Tags { vlan: [5, 6], vlans: 2, vni: Some(77), depth: 3 };
        let of = |vlan, vni| KeyTags { vlan, vni }.of(&tags);
        assert_eq!(of(false, false), 0);
        let all = [of(true, false), of(false, true), of(true, true)];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2] && !all.contains(&0));
        assert_ne!(KeyTags { vlan: true, vni: true }.of(&Tags { vni: Some(78), ..tags }), all[2]);
        assert_ne!(KeyTags { vlan: true, vni: true }.of(&Tags { vlan: [5, 7], ..tags }), all[2]);
    }

    #[test]
    fn workers_share_the_load() {
        for base in [[192, 0, 2, 1], [10, 0, 0, 1]] {
            let mut counts = [0; 4];
            for n in 0..1000_u32 {
                counts[owner(IpAddr::from(n.to_be_bytes()), IpAddr::from(base), 4)] += 1;
            }
            assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
            let mut counts = [0; 4];
            for n in 0..1000_u128 {
                counts[owner(IpAddr::from((n << 64).to_be_bytes()), IpAddr::from([9; 16]), 4)] += 1;
            }
            assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
        }
    }
}
