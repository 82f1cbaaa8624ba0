//! The XDP program of one interface: told what to keep, and attached for as long as this process lives.

use std::{
    fmt,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use aya::maps::{Array, LpmTrie, Map, MapData, MapError, PerCpuArray, XskMap, lpm_trie::Key};

use super::{
    bpf::{self, Code, Failure, Purpose, failed},
    options::{Options, Others},
};

/// What the program counted for one queue, over all cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Frames that came.
    pub seen: u64,
    /// Of those, frames that were sent to the queue's socket.
    pub to_socket: u64,
    /// Of those, frames whose queue has no socket.
    pub no_socket: u64,
    /// Of those, frames that were not asked for.
    pub filtered: u64,
}

type Nets<A> = LpmTrie<MapData, A, u32>;
type Filters = (Array<MapData, u64>, Nets<[u8; 4]>, Nets<[u8; 16]>);

/// What the program is told: `struct settings` of the C file.
type Settings = [u32; 5];

/// A program with its maps.
pub(super) struct Program {
    code: Code,
    settings: Settings,
    settings_map: Array<MapData, Settings>,
    sockets: XskMap<MapData>,
    tallies: PerCpuArray<MapData, [u64; 4]>,
    /// Filled once. The code names them by descriptor, so they stay open until it is loaded.
    _filters: Filters,
    /// Takes the program off when it is closed, by us or by our end.
    link: Option<OwnedFd>,
}

impl Program {
    /// Puts the program together for so many queues. Nothing runs yet.
    pub(super) fn new(queues: u32, options: &Options) -> Result<Self, Failure> {
        let nets = |v4: bool| options.nets.iter().filter(|(net, _)| net.is_ipv4() == v4).count() as u32;
        let entries = [
            ("SOCKETS", queues),
            ("TALLIES", queues),
            ("NETS4", nets(true).max(1)),
            ("NETS6", nets(false).max(1)),
        ];
        let object = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tap.bpf.o"));
        let filter = options.filter.as_ref().map(|filter| ("expression", filter.program()));
        let mut code = Code::new(object, &entries, filter)?;
        let others = match options.others {
            Others::Drop => 1,
            Others::Pass => 2,
        };
        let settings = [
            0,
            others,
            u32::from(!options.ports.is_empty()),
            u32::from(!options.nets.is_empty()),
            u32::from(filter.is_some()),
        ];
        let mut program = Self {
            settings,
            settings_map: code.take_map("SETTINGS", Map::Array)?,
            sockets: code.take_map("SOCKETS", Map::XskMap)?,
            tallies: code.take_map("TALLIES", Map::PerCpuArray)?,
            _filters: filters(&mut code, options)?,
            code,
            link: None,
        };
        program.tell()?;
        Ok(program)
    }

    fn tell(&mut self) -> Result<(), Failure> {
        self.settings_map.set(0, self.settings, 0).map_err(failed("tell the XDP program what to do"))
    }

    /// Lets the program run on an interface, in the driver or behind it, until it is dropped or this process ends. Says whether it
    /// writes down what the driver knows of a frame, which it does wherever the driver can tell.
    pub(super) fn attach(&mut self, ifindex: u32, in_driver: bool, in_pieces: bool) -> Result<bool, Failure> {
        let attach = |name: &str, bound_to| -> Result<OwnedFd, Failure> {
            let program = self.code.load(name, Purpose { in_pieces, bound_to })?;
            bpf::attach(program.as_fd(), ifindex, in_driver).map_err(failed(bpf::ATTACH))
        };
        let (silent, telling) =
            if in_pieces { ("tap_pieces", "tap_pieces_told") } else { ("tap_whole", "tap_whole_told") };
        // Whatever is in its way (an old kernel, a driver that knows nothing) is in the way of that one alone.
        let told = in_driver.then(|| attach(telling, Some(ifindex)).ok()).flatten();
        let tells = told.is_some();
        self.link = Some(match told {
            Some(link) => link,
            None => attach(silent, None)?,
        });
        Ok(tells)
    }

    /// Takes the program off the interface. What it counted can still be read.
    pub(super) fn detach(&mut self) {
        self.link = None;
    }

    /// Sends the frames of a queue to a socket from now on. It must be bound to that queue.
    pub(super) fn set_socket(&mut self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Failure> {
        let set = self.sockets.set(queue, socket.as_raw_fd(), 0);
        set.map_err(failed("send the queue's frames to its socket"))
    }

    /// Counts, and hands out frames, from now on.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.settings[0] = 1;
        self.tell()
    }

    /// What was counted for a queue.
    pub(super) fn seen(&self, queue: u32) -> Result<Seen, MapError> {
        let mut sum = Seen::default();
        for [seen, to_socket, no_socket, filtered] in self.tallies.get(&queue, 0)?.iter() {
            sum.seen += seen;
            sum.to_socket += to_socket;
            sum.no_socket += no_socket;
            sum.filtered += filtered;
        }
        Ok(sum)
    }
}

const FILTER: &str = "set up the filter";

fn filters(code: &mut Code, options: &Options) -> Result<Filters, Failure> {
    let mut ports: Array<_, u64> = code.take_map("PORTS", Map::Array)?;
    for (word, bits) in port_bits(&options.ports).iter().enumerate().filter(|(_, bits)| **bits != 0) {
        ports.set(word as u32, bits, 0).map_err(failed(FILTER))?;
    }
    let mut v4: Nets<[u8; 4]> = code.take_map("NETS4", Map::LpmTrie)?;
    let mut v6: Nets<[u8; 16]> = code.take_map("NETS6", Map::LpmTrie)?;
    for (net, prefix_bits) in &options.nets {
        let bits = u32::from(*prefix_bits);
        let inserted = match net {
            IpAddr::V4(net) => v4.insert(&Key::new(bits, net.octets()), 1, 0),
            IpAddr::V6(net) => v6.insert(&Key::new(bits, net.octets()), 1, 0),
        };
        inserted.map_err(failed(FILTER))?;
    }
    Ok((ports, v4, v6))
}

/// A bit for each port, by its number as it lies in a frame.
fn port_bits(ports: &[u16]) -> [u64; 1024] {
    let mut bits = [0u64; 1024];
    for port in ports {
        let port = u16::from_ne_bytes(port.to_be_bytes());
        bits[usize::from(port >> 6)] |= 1 << (port & 63);
    }
    bits
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attached = self.link.is_some();
        f.debug_struct("Program")
            .field("settings", &self.settings)
            .field("attached", &attached)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdp::{Classic, Filter};

    /// What a filter of the kernel's makes of each frame; `None` where programs may not be loaded.
    fn verdicts(filter: Filter, frames: &[Vec<u8>]) -> Option<Vec<bool>> {
        let options = Options { filter: Some(filter), ..Options::default() };
        let mut program = match Program::new(1, &options) {
            Err(failure) if failure.cause.raw_os_error() == Some(libc::EPERM) => {
                println!("skipped: needs CAP_BPF");
                return None;
            }
            made => made.unwrap(),
        };
        let loaded = program.code.load("tap_pieces", Purpose { in_pieces: true, bound_to: None }).unwrap();
        program.begin().unwrap();
        let verdicts = frames.iter().map(|frame| {
            let before = program.seen(0).unwrap();
            bpf::run_once(loaded.as_fd(), frame).unwrap();
            let after = program.seen(0).unwrap();
            assert_eq!(after.seen, before.seen + 1);
            after.filtered == before.filtered
        });
        Some(verdicts.collect())
    }

    fn udp(port: u16, len: usize) -> Vec<u8> {
        let [high, low] = port.to_be_bytes();
        let mut frame = vec![0; len.max(42)];
        frame[12] = 8;
        frame[14] = 0x45;
        frame[23] = 17;
        (frame[36], frame[37]) = (high, low);
        frame
    }

    #[test]
    fn classic_code_runs_in_the_kernel() {
        // tcpdump -y EN10MB -ddd udp port 3333
        let lines = "40 0 0 12\n21 0 6 34525\n48 0 0 20\n21 0 15 17\n40 0 0 54\n21 12 0 3333\n40 0 0 56\n21 10 11 3333\n21 0 10 2048\n48 0 0 23\n21 0 8 17\n40 0 0 20\n69 6 0 8191\n177 0 0 14\n72 0 0 14\n21 2 0 3333\n72 0 0 16\n21 0 1 3333\n6 0 0 262144\n6 0 0 0";
        let code: Vec<_> = lines.lines().map(|line| Classic::parse(line).unwrap()).collect();
        let short = udp(3333, 42)[..36].to_vec();
        let frames = [udp(3333, 60), udp(3334, 60), short, udp(3333, 3000)];
        if let Some(verdicts) = verdicts(Filter::from_classic(&code).unwrap(), &frames) {
            assert_eq!(verdicts, [true, false, false, true]);
        }
    }

    /// The kernel's verdict against libpcap's own, on frames that meet every branch.
    #[cfg(feature = "pcap-filter")]
    #[test]
    fn expressions_mean_in_the_kernel_what_libpcap_says() {
        let mut frames: Vec<Vec<u8>> = vec![vec![0; 14], udp(53, 60), udp(3333, 1400), udp(3333, 3000)];
        for len in [14, 20, 34, 41] {
            frames.push(udp(3333, 60)[..len].to_vec());
        }
        let mut other = udp(3333, 80);
        (other[23], other[26], other[30], other[47]) = (6, 10, 192, 2); // TCP with SYN, 10.0.0.0 to 192.0.0.0
        frames.push(other.clone());
        other.splice(12..12, [0x81, 0, 0, 5]);
        frames.push(other);
        let mut six = vec![0u8; 80];
        (six[12], six[13], six[14], six[20], six[56], six[57]) = (0x86, 0xdd, 0x60, 6, 13, 5);
        frames.push(six);
        for seed in 1u32..200 {
            let mut frame = frames[seed as usize % 11].clone();
            let (at, with) = (seed.wrapping_mul(2_654_435_761) as usize % frame.len(), seed as u8);
            frame[at] ^= with;
            frames.push(frame);
        }
        for expression in [
            "tcp",
            "udp port 3333",
            "ip6",
            "vlan 5 and tcp",
            "net 10.0.0.0/8",
            "less 100",
            "greater 1000",
            "not arp",
            "tcp[tcpflags] & tcp-syn != 0",
            "ip[2:2] > 576",
            "udp[8:4] = 0",
            "ether[3000] = 0",
            "ip[0] & 0xf * 4 = 20",
            "tcp port 3333 and (host 10.0.0.0 or portrange 1-1024)",
            "ip[8] / 2 + 1 - 3 = 4 or ether[0] << 2 >> 1 = 6",
            "len % 7 = 3",
            "ether[12:4] ^ 0x01020304 = 5",
            "ip[ip[0]:1] = 0",
            "ether multicast",
            "ip proto 6 or ip6 proto 6",
        ] {
            let dead = pcap::Capture::dead(pcap::Linktype::ETHERNET).unwrap();
            let oracle = dead.compile(expression, true).unwrap();
            let expected: Vec<_> = frames.iter().map(|frame| oracle.filter(frame)).collect();
            let Some(verdicts) = verdicts(Filter::compile(expression).unwrap(), &frames) else { return };
            assert_eq!(verdicts, expected, "{expression}");
        }
    }
}
