//! The Community ID of a flow: a hash of its five-tuple that Zeek, Suricata, Wireshark and others compute alike, so that
//! their records of one flow can be joined. <https://github.com/corelight/community-id-spec>
//!
//! Version 1 with seed 0, which is what everybody uses. Only TCP and UDP: other protocols have no flows here.

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

const SEED: u16 = 0;

/// The Community ID of a flow between two endpoints, in either order; `protocol` is 6 or 17.
pub fn community_id(a: SocketAddr, b: SocketAddr, protocol: u8) -> String {
    let (low, high) = if (a.ip(), a.port()) <= (b.ip(), b.port()) { (a, b) } else { (b, a) };
    let mut hash = Sha1::new();
    hash.update(SEED.to_be_bytes());
    for end in [low, high] {
        match end.ip() {
            IpAddr::V4(address) => hash.update(address.octets()),
            IpAddr::V6(address) => hash.update(address.octets()),
        }
    }
    // The specification pads the protocol to the width of a port.
    hash.update([protocol, 0]);
    for end in [low, high] {
        hash.update(end.port().to_be_bytes());
    }
    format!("1:{}", STANDARD.encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification's baseline and from Zeek's tests.
    const PUBLISHED: [(&str, &str, u8, &str); 5] = [
        ("128.232.110.120:34855", "66.35.250.204:80", 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("192.168.1.52:54585", "8.8.8.8:53", 17, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ("1.2.3.4:1122", "5.6.7.8:3344", 6, "1:wCb3OG7yAFWelaUydu0D+125CLM="),
        ("1.2.3.4:1122", "5.6.7.8:3344", 17, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="),
        (
            "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943",
            "[2607:f8b0:400c:c03::1a]:25",
            6,
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
        ),
    ];

    #[test]
    fn agrees_with_what_is_published_both_ways_round() {
        for (a, b, protocol, id) in PUBLISHED {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(community_id(a, b, protocol), id);
            assert_eq!(community_id(b, a, protocol), id);
        }
    }

    #[test]
    fn ports_decide_between_equal_addresses() {
        let (a, b) = ("10.0.0.1:5".parse().unwrap(), "10.0.0.1:6".parse().unwrap());
        assert_eq!(community_id(a, b, 6), community_id(b, a, 6));
    }
}
