//! Frames in memory that can be sent round and round.
//!
//! Each round has other addresses, as when a capture is replayed with unique addresses: the same flows again would be retransmissions, which cost less
//! than new flows do. Both addresses of a packet change by the same bits, so that both directions stay together and networks stay what they are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pithead_capture::{FileSource, PacketSource, Slot};
use pithead_traffic::{Generator, Recipe};
use pithead_wire::{LinkType, Timestamp};

/// The most bytes of frames that are held, a worker.
const MAX_BYTES: usize = 256 << 20;
/// Bytes of made-up frames: more than caches hold on most machines.
const MADE_BYTES: usize = 48 << 20;

/// Frames in memory.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) name: String,
    region: Vec<u8>,
    slots: Vec<Slot>,
    /// The round that each frame's addresses are of.
    rounds: Vec<u16>,
}

impl Load {
    /// Made-up frames, in which every flow ends.
    pub(super) fn made(recipe: &Recipe) -> Self {
        let mut load = Self::named(recipe.sizes.to_string());
        let mut generator = Generator::new(recipe);
        let mut frame = Vec::with_capacity(2048);
        while load.region.len() < MADE_BYTES || !generator.all_begun() {
            frame.clear();
            generator.append(&mut frame);
            load.push(&frame, LinkType::ETHERNET);
        }
        frame.clear();
        while generator.append_end(&mut frame).is_some() {
            load.push(&frame, LinkType::ETHERNET);
            frame.clear();
        }
        load
    }

    /// A capture's frames.
    pub(super) fn of_file(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let mut load = Self::named(name.clone());
        let paths: [PathBuf; 1] = [path.to_owned()];
        let mut source = FileSource::open(&paths)?;
        while let Some(batch) = source.next_batch().with_context(|| name.clone())? {
            for frame in batch.frames() {
                load.push(frame.bytes, frame.link);
            }
            if load.region.len() > MAX_BYTES {
                bail!(
                    "{name}: has more than {} MiB of frames; cut a part from it, which is sent round and round",
                    MAX_BYTES >> 20
                );
            }
        }
        if load.slots.is_empty() {
            bail!("{name}: holds no frames");
        }
        Ok(load)
    }

    fn named(name: String) -> Self {
        Self { name, region: Vec::new(), slots: Vec::new(), rounds: Vec::new() }
    }

    fn push(&mut self, frame: &[u8], link: LinkType) {
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let at = Timestamp::default();
        self.slots.push(Slot { offset: self.region.len(), len, wire_len: len, at, link, interface: 0 });
        self.rounds.push(0);
        self.region.extend_from_slice(frame);
    }

    /// How many frames there are before they come round.
    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of a frame, in the mean.
    pub(super) fn mean_len(&self) -> f64 {
        self.region.len() as f64 / self.slots.len().max(1) as f64
    }

    /// The bytes that slots name places in.
    pub(super) fn region(&self) -> &[u8] {
        &self.region
    }

    /// Makes a frame ready to be sent in this round: where it is.
    pub(super) fn ready(&mut self, index: usize, round: u64) -> Option<Slot> {
        let (slot, written) = (*self.slots.get(index)?, self.rounds.get_mut(index)?);
        // A frame that was lost in a round was not touched in it, so each knows its own.
        let change = (*written ^ round as u16).to_be_bytes();
        *written = round as u16;
        if slot.link == LinkType::ETHERNET && change != [0, 0] {
            let frame = self.region.get_mut(slot.offset..slot.offset + slot.len as usize)?;
            readdress(frame, change);
        }
        Some(slot)
    }
}

/// Changes two bytes in the middle of both addresses.
fn readdress(frame: &mut [u8], change: [u8; 2]) {
    let places = match frame.get(12..14) {
        Some([0x08, 0x00]) => [27, 31],
        Some([0x86, 0xdd]) => [27, 43],
        _ => return,
    };
    for place in places {
        if let Some(bytes) = frame.get_mut(place..place + 2) {
            bytes.iter_mut().zip(change).for_each(|(byte, change)| *byte ^= change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pithead_traffic::Sizes;
    use pithead_wire::{Checksums, Decoded, decode};
    use std::collections::HashSet;

    fn addresses(load: &mut Load, round: u64) -> Vec<(std::net::IpAddr, std::net::IpAddr)> {
        (0..200)
            .map(|index| {
                let slot = load.ready(index, round).expect("a frame");
                let bytes = &load.region()[slot.offset..][..slot.len as usize];
                match decode(slot.link, bytes, Checksums::Ignore) {
                    Ok(Decoded::Packet(packet)) => (packet.source, packet.destination),
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn every_round_has_addresses_of_its_own_and_the_first_ones_come_back() {
        for ipv6 in [0.0, 1.0] {
            let recipe = Recipe { sizes: Sizes::Fixed(64), flows: 20, ipv6, ..Recipe::default() };
            let mut load = Load::made(&recipe);
            let first = addresses(&mut load, 0);
            let second: HashSet<_> = addresses(&mut load, 1).into_iter().collect();
            let later: HashSet<_> = addresses(&mut load, 700).into_iter().collect();
            assert!(first.iter().all(|pair| !second.contains(pair) && !later.contains(pair)));
            assert!(second.is_disjoint(&later));
            assert_eq!(addresses(&mut load, 65_536), first);
        }
    }

    #[test]
    fn a_frame_without_addresses_stays_as_it_is() {
        for frame in [&b""[..], &[0; 13], &[8; 60], &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45]] {
            let mut changed = frame.to_vec();
            readdress(&mut changed, [1, 2]);
            assert_eq!(changed, frame);
        }
    }
}
