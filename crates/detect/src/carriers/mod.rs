//! What mining travels in: names, TLS, HTTP, WebSocket, SOCKS.
//!
//! Each parser is fed the in-order bytes of one direction of a flow, in pieces of any size, and tells its caller what it
//! found; one byte at a time gives the same items as all at once. Each owns a bounded state: the most it ever holds is a
//! named constant in its file, nothing is allocated before bytes have to be kept, and what was cut says so in its item.
//!
//! Relied on: the bytes are contiguous. A gap ends a parser; the caller drops it and begins a new one where the next bytes
//! look like a beginning. Left out: clocks, files, decryption, decompression, and any opinion about what is a miner.

mod cursor;
pub mod dns;
pub mod http;
pub mod name;
pub mod proxy_header;
pub mod socks;
pub mod tls;
pub mod websocket;

pub use name::{Authority, Host, Name};

#[cfg(test)]
mod splits;
