//! Nodes of coin networks, and QUIC: named in the flow record, so that nobody takes them for miners.

use crate::app::App;

/// Network magics that begin every message of a Bitcoin node or one of its kin.
const BITCOIN: &[[u8; 4]] = &[
    [0xf9, 0xbe, 0xb4, 0xd9], // Bitcoin
    [0x0b, 0x11, 0x09, 0x07], // Bitcoin testnet
    [0xfa, 0xbf, 0xb5, 0xda], // Bitcoin regtest
    [0xfb, 0xc0, 0xb6, 0xdb], // Litecoin
    [0xc0, 0xc0, 0xc0, 0xc0], // Dogecoin
    [0xbf, 0x0c, 0x6b, 0xbd], // Dash
    [0x24, 0xe9, 0x27, 0x64], // Zcash
    [0xe3, 0xe1, 0xf3, 0xe8], // Bitcoin Cash
];

/// Levin, Monero's framing: a fixed signature. <https://github.com/monero-project/monero/blob/master/docs/LEVIN_PROTOCOL.md>
const LEVIN: [u8; 8] = [0x01, 0x21, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01];

/// What a TCP stream is in which a message begins with these bytes, if it is a node's. Holds in the midst of a stream, too.
pub(crate) fn message(head: &[u8]) -> Option<App> {
    if BITCOIN.iter().any(|magic| head.starts_with(magic)) && head.get(4..16).is_some_and(is_command) {
        return Some(App::BitcoinP2p);
    }
    if head.starts_with(&LEVIN) {
        return Some(App::MoneroP2p);
    }
    None
}

/// What a TCP stream is whose first turn is so long and begins with these bytes, if it is a node's.
pub(crate) fn opening(head: &[u8], first_turn: u64) -> Option<App> {
    // RLPx, EIP-8: the size of the handshake in two bytes, then so many bytes that look random.
    let size = u64::from(u16::from_be_bytes([*head.first()?, *head.get(1)?]));
    let plausible = (280..800).contains(&size) && first_turn == size + 2;
    let random = head.get(2..34)?.iter().filter(|byte| byte.is_ascii_graphic()).count() < 24;
    (plausible && random).then_some(App::EthereumP2p)
}

/// A command name, padded with zeros: `version\0\0\0\0\0`.
fn is_command(name: &[u8]) -> bool {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    end > 2 && name[..end].iter().all(u8::is_ascii_lowercase) && name[end..].iter().all(|byte| *byte == 0)
}

/// What a UDP datagram is, if it is a node's or QUIC's.
pub(crate) fn datagram(payload: &[u8]) -> Option<App> {
    // QUIC, RFC 9000 section 17.2: long header, fixed bit, a version that is in use, connection ids of sane length.
    if payload.len() >= 1200 && payload.first()? & 0xc0 == 0xc0 {
        let version = payload.get(1..5)?;
        if matches!(version, [0, 0, 0, 1] | [0x6b, 0x33, 0x43, 0xcf] | [0xff, 0, 0, _])
            && *payload.get(5)? <= 20
        {
            return Some(App::Quic);
        }
    }
    // discv4: hash, signature, kind, then an RLP list. <https://github.com/ethereum/devp2p/blob/master/discv4.md>
    let recovery = *payload.get(96)?;
    let kind = *payload.get(97)?;
    let list = *payload.get(98)?;
    (recovery <= 3 && (1..=6).contains(&kind) && list >= 0xc0 && payload.len() <= 1280)
        .then_some(App::EthereumP2p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named() {
        let mut version = vec![0xf9, 0xbe, 0xb4, 0xd9];
        version.extend_from_slice(b"version\0\0\0\0\0");
        assert_eq!(message(&version), Some(App::BitcoinP2p));
        assert_eq!(message(&[&LEVIN[..], &[0; 40]].concat()), Some(App::MoneroP2p));
        let auth = [&[0x01, 0xab][..], &[0x9c; 94]].concat();
        assert_eq!(opening(&auth, 0x1ab + 2), Some(App::EthereumP2p));
        assert_eq!(opening(&auth, 900), None);
        assert_eq!(opening(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 37), None);
    }
}
