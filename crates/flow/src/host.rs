//! What each host sent and received, summed over its flows.
//!
//! Hosts are fed from the counters of flows, not from packets, so this costs nothing per packet. A table takes a fixed
//! number of hosts; the traffic of those that found no room is summed in one row, so the whole always adds up. It does not
//! know which hosts are ours: the caller adds only those.

mod sketch;

pub use sketch::Sketch;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use pithead_wire::Timestamp;
use std::net::IpAddr;

/// Sums over flows, seen from a host.
///
/// Merging is commutative and associative and the default is its neutral element: any order gives the same sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStats {
    /// Packets it sent.
    pub packets_out: u64,
    /// Packets it received.
    pub packets_in: u64,
    /// Bytes it sent.
    pub bytes_out: u64,
    /// Bytes it received.
    pub bytes_in: u64,
    /// Flows it began.
    pub flows_out: u64,
    /// Flows that others began with it.
    pub flows_in: u64,
    /// The earliest time of its packets.
    pub first_seen: Option<Timestamp>,
    /// The latest time of its packets.
    pub last_seen: Option<Timestamp>,
    /// The addresses it spoke with.
    pub peers: Sketch,
    /// The service ports it spoke to, or was spoken to on.
    pub ports: Sketch,
}

impl HostStats {
    /// Notes that packets were seen at this time.
    pub fn seen(&mut self, at: Timestamp) {
        self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
        self.last_seen = self.last_seen.max(Some(at));
    }

    /// Adds another sum to this one. Counters stop at their highest value.
    pub fn merge(&mut self, other: &Self) {
        let counters = [
            (&mut self.packets_out, other.packets_out),
            (&mut self.packets_in, other.packets_in),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.flows_out, other.flows_out),
            (&mut self.flows_in, other.flows_in),
        ];
        for (counter, more) in counters {
            *counter = counter.saturating_add(more);
        }
        for at in [other.first_seen, other.last_seen].into_iter().flatten() {
            self.seen(at);
        }
        self.peers.merge(&other.peers);
        self.ports.merge(&other.ports);
    }
}

/// Hosts and their sums, up to a fixed number of hosts.
#[derive(Clone, Debug)]
pub struct HostTable {
    hosts: HashMap<IpAddr, HostStats, RandomState>,
    capacity: usize,
    others: HostStats,
    refused: u64,
}

impl HostTable {
    /// A table with room for so many hosts. Memory, about 250 bytes a host, is taken as hosts come.
    pub fn new(capacity: usize) -> Self {
        Self { hosts: HashMap::default(), capacity, others: HostStats::default(), refused: 0 }
    }

    /// Adds to a host's sums, or to those of the others if the table is full and does not know the host.
    pub fn add(&mut self, address: IpAddr, delta: &HostStats) {
        if let Some(stats) = self.hosts.get_mut(&address) {
            stats.merge(delta);
        } else if self.hosts.len() < self.capacity {
            self.hosts.insert(address, delta.clone());
        } else {
            self.others.merge(delta);
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Adds to the sums of the others: the traffic of addresses that are to have no row.
    pub fn add_others(&mut self, delta: &HostStats) {
        self.others.merge(delta);
    }

    /// Adds all sums of another table. Which hosts find room follows from their addresses, not from how they were stored.
    pub fn merge(&mut self, other: &Self) {
        for (address, stats) in other.iter() {
            self.add(address, stats);
        }
        self.others.merge(&other.others);
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// Takes out all that was added, as a table of its own, and begins anew with the same capacity.
    pub fn drain(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.capacity))
    }

    /// Forgets all that was added, but keeps the memory for what will be.
    pub fn clear(&mut self) {
        self.hosts.clear();
        self.others = HostStats::default();
        self.refused = 0;
    }

    /// The hosts, sorted by address: IPv4 first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (IpAddr, &HostStats)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(address, stats)| (*address, stats)).collect();
        hosts.sort_unstable_by_key(|(address, _)| *address);
        hosts.into_iter()
    }

    /// One host's sums.
    pub fn find(&self, address: IpAddr) -> Option<&HostStats> {
        self.hosts.get(&address)
    }

    /// The sums of the hosts that found no room.
    pub const fn others(&self) -> &HostStats {
        &self.others
    }

    /// How many additions went to the others because the table was full.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many hosts the table holds.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether nothing was added, neither to a host nor to the others.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.refused == 0 && self.others == HostStats::default()
    }

    /// How many hosts the table can hold.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn stats() -> impl Strategy<Value = HostStats> {
        let counter = || prop_oneof![0..5000_u64, any::<u64>()];
        let times = prop::collection::vec(any::<i64>(), 0..3);
        let items = || prop::collection::vec(any::<u16>(), 0..5);
        (counter(), counter(), counter(), counter(), times, items(), items()).prop_map(
            |(packets_out, packets_in, bytes_out, flows_in, times, peers, ports)| {
                let mut stats =
                    HostStats { packets_out, packets_in, bytes_out, flows_in, ..HostStats::default() };
                times.into_iter().for_each(|at| stats.seen(Timestamp::from_nanos(at)));
                peers.into_iter().for_each(|peer| stats.peers.insert(u64::from(peer)));
                ports.into_iter().for_each(|port| stats.ports.insert(u64::from(port)));
                stats
            },
        )
    }

    fn sum<'a>(all: impl IntoIterator<Item = &'a HostStats>) -> HostStats {
        let mut sum = HostStats::default();
        all.into_iter().for_each(|stats| sum.merge(stats));
        sum
    }

    fn total(table: &HostTable) -> HostStats {
        let mut total = sum(table.iter().map(|(_, stats)| stats));
        total.merge(table.others());
        total
    }

    fn host(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn a_full_table_adds_to_the_others() {
        let mut table = HostTable::new(2);
        let packet = HostStats { packets_out: 1, ..HostStats::default() };
        for last in [9, 3, 7, 3, 1] {
            table.add(host(last), &packet);
        }
        assert_eq!(table.iter().map(|(address, _)| address).collect::<Vec<_>>(), [host(3), host(9)]);
        assert_eq!(table.find(host(3)).map(|stats| stats.packets_out), Some(2));
        assert_eq!((table.others().packets_out, table.refused()), (2, 2));
        table.add_others(&packet);
        assert_eq!((table.others().packets_out, table.refused()), (3, 2));
    }

    #[test]
    fn a_drained_table_is_empty_and_can_be_filled_again() {
        let mut table = HostTable::new(1);
        table.add(host(1), &HostStats::default());
        table.add(host(2), &HostStats::default());
        let drained = table.drain();
        assert_eq!((drained.len(), drained.refused()), (1, 1));
        assert!(table.is_empty() && table.capacity() == 1);
        table.merge(&drained);
        assert_eq!((table.len(), table.refused()), (1, 1));
        table.clear();
        assert!(table.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn merging_knows_no_order(one in stats(), two in stats(), three in stats()) {
            let expected = sum([&one, &two, &three]);
            prop_assert_eq!(&sum([&three, &one, &two]), &expected);
            let mut right = two.clone();
            right.merge(&three);
            prop_assert_eq!(&sum([&one, &right]), &expected);
            prop_assert_eq!(&sum([&expected, &HostStats::default()]), &expected);
        }

        #[test]
        fn hosts_and_others_are_all_that_was_added(
            added in prop::collection::vec((0..20_u8, stats()), 0..40),
            capacity in 0..25_usize,
            parts in 1..4_usize,
        ) {
            let mut tables = vec![HostTable::new(capacity); parts];
            for (turn, (last, delta)) in added.iter().enumerate() {
                tables[turn % parts].add(host(*last), delta);
            }
            let mut whole = HostTable::new(capacity);
            tables.iter_mut().for_each(|table| whole.merge(&table.drain()));
            prop_assert_eq!(total(&whole), sum(added.iter().map(|(_, delta)| delta)));
            prop_assert!(whole.len() <= capacity);
        }
    }
}
