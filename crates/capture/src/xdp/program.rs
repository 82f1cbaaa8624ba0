//! The XDP program of one interface: loaded, told what to keep, and attached for as long as this process lives.

use std::{
    error, io,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, LpmTrie, Map, MapError, PerCpuArray, XskMap, lpm_trie::Key},
    programs::{Xdp, XdpMode, links::FdLink},
    sys::NetlinkError,
};

use super::options::{Options, Others};

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

/// A step that failed, and what the system said.
#[derive(Debug)]
pub(super) struct Failure {
    pub what: &'static str,
    pub cause: io::Error,
}

/// The same for any error of the loader: what the system said lies somewhere in its chain of causes.
fn failed<E: error::Error + 'static>(what: &'static str) -> impl Fn(E) -> Failure {
    move |error| {
        let mut link: Option<&(dyn error::Error + 'static)> = Some(&error);
        while let Some(error) = link {
            let said = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            let said = said.or_else(|| error.downcast_ref::<NetlinkError>()?.raw_os_error());
            if let Some(number) = said {
                return Failure { what, cause: io::Error::from_raw_os_error(number) };
            }
            link = error.source();
        }
        Failure { what, cause: io::Error::other(error.to_string()) }
    }
}

/// A loaded program with its maps.
#[derive(Debug)]
pub(super) struct Program {
    loaded: Ebpf,
    /// Detaches when it is closed, by us or by our end.
    link: Option<FdLink>,
}

impl Program {
    /// Loads the program for so many queues. Nothing runs yet.
    pub(super) fn load(queues: u32, options: &Options) -> Result<Self, Failure> {
        let nets =
            |want_v4: bool| options.nets.iter().filter(|(net, _)| net.is_ipv4() == want_v4).count() as u32;
        let others: u32 = match options.others {
            Others::Drop => 1,
            Others::Pass => 2,
        };
        let (by_ports, by_nets) = (u32::from(!options.ports.is_empty()), u32::from(!options.nets.is_empty()));
        let loaded = EbpfLoader::new()
            .map_max_entries("SOCKETS", queues)
            .map_max_entries("TALLIES", queues)
            .map_max_entries("NETS4", nets(true).max(1))
            .map_max_entries("NETS6", nets(false).max(1))
            .override_global("OTHERS", &others, true)
            .override_global("BY_PORTS", &by_ports, true)
            .override_global("BY_NETS", &by_nets, true)
            .load(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tap.bpf.o")))
            .map_err(failed("load the XDP program"))?;
        let mut program = Self { loaded, link: None };
        program.fill(options).map_err(failed("set up the filter"))?;
        Ok(program)
    }

    fn fill(&mut self, options: &Options) -> Result<(), MapError> {
        let mut bits = [0u64; 1024];
        for port in &options.ports {
            let port = u16::from_ne_bytes(port.to_be_bytes()); // as it lies in a frame
            bits[usize::from(port >> 6)] |= 1 << (port & 63);
        }
        let mut ports: Array<_, u64> = self.map_mut("PORTS")?.try_into()?;
        for (word, bits) in bits.iter().enumerate().filter(|(_, bits)| **bits != 0) {
            ports.set(word as u32, bits, 0)?;
        }
        for (net, prefix_bits) in &options.nets {
            match net {
                IpAddr::V4(net) => {
                    let mut nets: LpmTrie<_, [u8; 4], u32> = self.map_mut("NETS4")?.try_into()?;
                    nets.insert(&Key::new(u32::from(*prefix_bits), net.octets()), 1, 0)?;
                }
                IpAddr::V6(net) => {
                    let mut nets: LpmTrie<_, [u8; 16], u32> = self.map_mut("NETS6")?.try_into()?;
                    nets.insert(&Key::new(u32::from(*prefix_bits), net.octets()), 1, 0)?;
                }
            }
        }
        Ok(())
    }

    /// Lets the program run on an interface, in the driver or behind it, until it is dropped or this process ends.
    pub(super) fn attach(&mut self, ifindex: u32, in_driver: bool, in_pieces: bool) -> Result<(), Failure> {
        let name = if in_pieces { "tap_pieces" } else { "tap_whole" };
        let mode = if in_driver { XdpMode::Driver } else { XdpMode::Skb };
        let program = self.loaded.program_mut(name).ok_or_else(|| missing(name));
        let program = program.and_then(|program| program.try_into().map_err(io::Error::other));
        let program: &mut Xdp = program.map_err(failed("find the XDP program"))?;
        if program.fd().is_err() {
            program.load().map_err(failed("load the XDP program"))?;
        }
        let what = "attach the XDP program";
        let link = program.attach_to_if_index(ifindex, mode).map_err(failed(what))?;
        let link = program.take_link(link).map_err(failed(what))?;
        // Before Linux 5.9 there are no links, and what is attached the old way outlives a process that is killed.
        let link = FdLink::try_from(link).map_err(|_| io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        self.link = Some(link.map_err(failed("attach the XDP program by a link, as Linux 5.9 can"))?);
        Ok(())
    }

    /// Takes the program off the interface. What it counted can still be read.
    pub(super) fn detach(&mut self) {
        self.link = None;
    }

    /// Sends the frames of a queue to a socket from now on. It must be bound to that queue.
    pub(super) fn set_socket(&mut self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Failure> {
        let map =
            self.map_mut("SOCKETS").and_then(|map| XskMap::try_from(map)?.set(queue, socket.as_raw_fd(), 0));
        map.map_err(failed("send the queue's frames to its socket"))
    }

    /// Counts, and hands out frames, from now on.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        let map = self.map_mut("BEGUN").and_then(|map| Array::<_, u32>::try_from(map)?.set(0, 1, 0));
        map.map_err(failed("start the XDP program"))
    }

    /// What was counted for a queue.
    pub(super) fn seen(&self, queue: u32) -> Result<Seen, Failure> {
        let tallies = self.loaded.map("TALLIES").ok_or(MapError::KeyNotFound);
        let tallies = tallies.and_then(|map| PerCpuArray::<_, [u64; 4]>::try_from(map)?.get(&queue, 0));
        let mut sum = Seen::default();
        for [seen, to_socket, no_socket, filtered] in tallies.map_err(failed("read what was counted"))?.iter()
        {
            sum.seen += seen;
            sum.to_socket += to_socket;
            sum.no_socket += no_socket;
            sum.filtered += filtered;
        }
        Ok(sum)
    }

    fn map_mut(&mut self, name: &str) -> Result<&mut Map, MapError> {
        self.loaded.map_mut(name).ok_or(MapError::KeyNotFound)
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("there is no {name} in the object that was built in"))
}
