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
        let mut code = Code::new(object, &entries, None)?;
        let others = match options.others {
            Others::Drop => 1,
            Others::Pass => 2,
        };
        let settings =
            [0, others, u32::from(!options.ports.is_empty()), u32::from(!options.nets.is_empty()), 0];
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
