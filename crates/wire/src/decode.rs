//! From a frame to its innermost packet.

use crate::{Decoded, Discard, LinkType, Tags};
use std::net::IpAddr;

/// What to do about checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Do not look: captures on the sending host have wrong ones, and a decoy with a wrong one is read like any other.
    #[default]
    Ignore,
    /// Discard a packet whose IPv4 header, TCP or UDP checksum is wrong and whose bytes are all there.
    Verify,
}

/// Decodes a frame down to its innermost IP packet.
///
/// # Errors
/// Returns the reason for which the frame holds no packet.
pub fn decode(_link: LinkType, _frame: &[u8], _checksums: Checksums) -> Result<Decoded<'_>, Discard> {
    Err(Discard::UnsupportedLink)
}

/// Decodes the payload of a reassembled datagram: what follows the IP header whose addresses, protocol and tags are given.
///
/// # Errors
/// Returns the reason for which the datagram holds no packet.
pub fn decode_datagram(
    _source: IpAddr,
    _destination: IpAddr,
    _protocol: u8,
    _tags: Tags,
    _payload: &[u8],
    _checksums: Checksums,
) -> Result<Decoded<'_>, Discard> {
    Err(Discard::BadIpHeader)
}
