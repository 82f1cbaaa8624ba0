//! Who talks to whom: the key of a flow, its stable id, and which worker it belongs to.

use std::net::{IpAddr, SocketAddr};

use pithead_wire::Timestamp;

/// The five-tuple of a flow, the same for both of its directions.
///
/// VLAN ids and virtual-network ids are left out: tap aggregators tag the two directions of one flow differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    low: SocketAddr,
    high: SocketAddr,
    protocol: u8,
}

impl Key {
    /// The key of packets between two endpoints, in either order.
    pub fn new(a: SocketAddr, b: SocketAddr, protocol: u8) -> Self {
        let (low, high) = if (a.ip(), a.port()) <= (b.ip(), b.port()) { (a, b) } else { (b, a) };
        Self { low, high, protocol }
    }

    /// The id of the flow of this key that began at `first`: stable between runs, machines and numbers of workers,
    /// above 0 and below 2^53, so that readers which keep numbers as doubles (most JSON tools) keep it exactly.
    pub fn flow_id(&self, first: Timestamp) -> u64 {
        let mut hash = Fnv::new();
        for end in [self.low, self.high] {
            hash.address(end.ip());
            hash.bytes(&end.port().to_be_bytes());
        }
        hash.bytes(&[self.protocol]);
        hash.bytes(&first.nanos().to_be_bytes());
        (hash.finish() & ((1 << 53) - 1)).max(1)
    }
}

/// The worker, of `workers`, to whom packets between two addresses belong, in either order.
///
/// The innermost address pair decides, so the fragments and both directions of a flow stay together. The hash is fixed:
/// which worker meets which flow is part of what makes a replay repeatable.
pub fn owner(a: IpAddr, b: IpAddr, workers: usize) -> usize {
    if workers < 2 {
        return 0;
    }
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let mut hash = Fnv::new();
    hash.address(low);
    hash.address(high);
    (hash.finish() % workers as u64) as usize
}

/// FNV-1a with a final mix (Fowler, Noll and Vo; the mix is MurmurHash3's): small, fixed, and good enough for ids and for
/// splitting work. Tables use a seeded hash instead, since their keys are chosen by whoever sends.
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
        let mut hash = self.0;
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash
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
        let (a, b) = (end("10.0.0.1:40000"), end("192.0.2.7:3333"));
        let at = Timestamp::from_nanos(17);
        assert_eq!(Key::new(a, b, 6), Key::new(b, a, 6));
        assert_eq!(Key::new(a, b, 6).flow_id(at), Key::new(b, a, 6).flow_id(at));
        for workers in 1..9 {
            assert_eq!(owner(a.ip(), b.ip(), workers), owner(b.ip(), a.ip(), workers));
        }
    }

    #[test]
    fn ids_differ_by_time_and_fit_a_double() {
        let key = Key::new(end("10.0.0.1:1"), end("10.0.0.2:2"), 17);
        let (one, two) = (key.flow_id(Timestamp::from_nanos(1)), key.flow_id(Timestamp::from_nanos(2)));
        assert_ne!(one, two);
        assert!(one < 1 << 53 && two < 1 << 53);
    }

    #[test]
    fn workers_share_the_load() {
        let mut counts = [0; 4];
        for n in 0..1000_u32 {
            counts[owner(IpAddr::from(n.to_be_bytes()), IpAddr::from([192, 0, 2, 1]), 4)] += 1;
        }
        assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
    }
}
