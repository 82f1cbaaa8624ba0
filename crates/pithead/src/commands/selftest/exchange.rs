//! What is sent: a few miners and their pool among ordinary flows, the same frames each time, and what is to be said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use pithead_traffic::{Generator, Recipe, SCRIPTS, Script, Sizes};
use pithead_wire::{self as wire, Checksums, Decoded, LinkType, Transport};

/// Enough that every miner has said all of its words, and fewer than a socket's ring holds: nothing is lost because we are slow.
const FRAMES: usize = 2_000;
const FLOWS: u32 = 64;
/// Of these flows, two, on a host each.
const MINERS: f64 = 0.063;
/// What they speak.
const DIALECT: &str = "stratum-v1";
/// By which a share that is sent is known.
const SHARE: &[u8] = b"\"mining.submit\"";

/// Everything that is sent.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Ethernet frames.
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) miners: Vec<Miner>,
    /// Flows, those of the miners among them.
    pub(super) flows: usize,
}

/// A miner, as it will be known by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Miner {
    pub(super) dialect: &'static str,
    pub(super) client: SocketAddr,
    pub(super) pool: SocketAddr,
    /// Shares that it sends.
    pub(super) shares: u64,
}

/// Which way a segment of a miner's flow goes, and what it says.
struct Words<'f> {
    from_client: bool,
    client: SocketAddr,
    pool: SocketAddr,
    payload: &'f [u8],
}

impl Exchange {
    pub(super) fn new() -> Self {
        let script = Script::of(DIALECT).unwrap_or(&SCRIPTS[0]);
        let recipe = Recipe {
            sizes: Sizes::Imix,
            flows: FLOWS,
            new_flows_per_second: 0,
            frames_per_second: 1_000,
            miners: MINERS,
            dialects: vec![script],
            ..Recipe::default()
        };
        let mut generator = Generator::new(&recipe);
        let frame = |generator: &mut Generator| {
            let mut frame = Vec::new();
            generator.append(&mut frame);
            frame
        };
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| frame(&mut generator)).collect();
        let mut miners: BTreeMap<SocketAddr, Miner> = BTreeMap::new();
        for words in frames.iter().filter_map(|frame| words(frame, script.port)) {
            let Words { from_client, client, pool, payload } = words;
            let miner =
                miners.entry(client).or_insert(Miner { dialect: script.dialect, client, pool, shares: 0 });
            miner.shares += u64::from(from_client && memmem(payload, SHARE));
        }
        let flows: BTreeSet<_> = frames.iter().filter_map(|frame| ends(frame)).collect();
        Self { frames, miners: miners.into_values().collect(), flows: flows.len() }
    }

    /// The same, but that nobody who mines says a word: what the test must not be content with.
    pub(super) fn without_words(mut self) -> Self {
        let port = self.miners.first().map_or(0, |miner| miner.pool.port());
        self.frames.retain(|frame| words(frame, port).is_none_or(|words| words.payload.is_empty()));
        self
    }

    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn decode(frame: &[u8]) -> Option<wire::Packet<'_>> {
    match wire::decode(LinkType::ETHERNET, frame, Checksums::Ignore) {
        Ok(Decoded::Packet(packet)) => Some(packet),
        _ => None,
    }
}

/// What is said to or by the pool at this port, if the frame is such a one's.
fn words(frame: &[u8], port: u16) -> Option<Words<'_>> {
    let packet = decode(frame)?;
    let Transport::Tcp(tcp) = packet.transport else { return None };
    let source = SocketAddr::new(packet.source, tcp.source_port);
    let destination = SocketAddr::new(packet.destination, tcp.destination_port);
    let from_client = destination.port() == port;
    let (client, pool) = if from_client { (source, destination) } else { (destination, source) };
    (pool.port() == port).then_some(Words { from_client, client, pool, payload: tcp.payload })
}

/// Both ends of a frame's flow, the lower first.
fn ends(frame: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let packet = decode(frame)?;
    let (source, destination) = match &packet.transport {
        Transport::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
        Transport::Udp(udp) => (udp.source_port, udp.destination_port),
        _ => return None,
    };
    let source = SocketAddr::new(packet.source, source);
    let destination = SocketAddr::new(packet.destination, destination);
    Some((source.min(destination), source.max(destination)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hosts_of_their_own_mine_and_send_shares() {
        let exchange = Exchange::new();
        let hosts: BTreeSet<_> = exchange.miners.iter().map(|miner| miner.client.ip()).collect();
        assert_eq!((exchange.miners.len(), hosts.len()), (2, 2), "{:?}", exchange.miners);
        assert!(exchange.miners.iter().all(|miner| miner.shares == 4), "{:?}", exchange.miners);
        assert!(exchange.flows > 60 && exchange.frames.len() == FRAMES);
    }

    #[test]
    fn without_their_words_miners_only_shake_hands() {
        let (whole, silent) = (Exchange::new(), Exchange::new().without_words());
        assert_eq!(silent.miners, whole.miners);
        let port = whole.miners[0].pool.port();
        let of_miners =
            |exchange: &Exchange| exchange.frames.iter().filter(|frame| words(frame, port).is_some()).count();
        assert!(of_miners(&silent) >= 6 && of_miners(&silent) < of_miners(&whole));
        assert!(!silent.frames.iter().any(|frame| memmem(frame, b"mining.")));
    }
}
