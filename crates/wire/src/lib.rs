//! Bytes to headers: what a frame says, as views into the frame.
//!
//! `wire` relies on nothing but `core` and `std::net`, allocates nothing, keeps no state and reads no clock. A frame that
//! cannot be decoded is a one-byte [`Discard`], never an error value: malformed traffic is data, and junk must
//! cost less than honest packets. Reassembly (of fragments and of TCP) needs memory and lives in `flow`.
#![forbid(unsafe_code)]

mod checksum;
#[cfg(test)]
mod craft;
mod decode;
mod discard;
mod ethernet;
mod extension;
mod framing;
mod gre;
mod ip;
mod link;
mod mpls;
mod nsh;
mod overlay;
mod packet;
mod ppp;
mod time;
mod trail;
mod transport;

pub use decode::{Checksums, decode, decode_datagram, decode_into, plain_pair};
pub use discard::Discard;
pub use link::LinkType;
pub use packet::{Decoded, Flags, Fragment, Packet, Tags, Tcp, Transport, Udp};
pub use time::Timestamp;
pub use trail::MAX_LAYERS;
