//! The Internet checksum, RFC 1071.
//!
//! Only looked at on request; sums 32-bit words, which come to the same 16-bit sum once folded.

use std::net::IpAddr;

/// Whether bytes that contain their own checksum add up, given the sum of what else it covers.
// Out of line, since it is rarely asked for.
#[inline(never)]
pub(crate) fn holds(bytes: &[u8], covered: u64) -> bool {
    fold(covered + sum(bytes)) == 0xffff
}

/// The sum of the pseudo-header that TCP and UDP checksums cover.
#[inline(always)]
pub(crate) fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u64 {
    address(source) + address(destination) + u64::from(protocol) + length as u64
}

#[inline(always)]
fn address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

#[inline(always)]
fn sum(bytes: &[u8]) -> u64 {
    // 64 bits hold the sum of 2^32 words, far more than a frame has.
    let (words, rest) = bytes.as_chunks::<4>();
    let total: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0; 4];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    total + u64::from(u32::from_be_bytes(last))
}

const fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, 16 bits at a time with the carry brought round.
    fn plain(bytes: &[u8]) -> u16 {
        bytes.chunks(2).fold(0, |sum: u16, pair| {
            let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
            let (sum, carry) = sum.overflowing_add(word);
            sum + u16::from(carry)
        })
    }

    #[test]
    fn adds_up_the_example_of_the_rfc() {
        // RFC 1071 section 3.
        assert_eq!(fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert!(holds(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x22, 0x0d], 0));
        assert!(!holds(&[], 0));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(fold(sum(&bytes)), u64::from(plain(&bytes)));
        }
    }
}
