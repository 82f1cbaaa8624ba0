//! Why a frame could not be decoded.

/// A reason for which a frame could not be decoded. Indexes a row of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Discard {
    /// The frame's link type is one that this crate does not know.
    UnsupportedLink,
    /// The frame carries no IP: ARP, LLDP, spanning tree and the like.
    NotIp,
    /// The link-layer header, a tag or a tunnel header is cut short.
    TruncatedLink,
    /// The IP header is cut short, or its lengths contradict each other.
    BadIpHeader,
    /// The TCP or UDP header is cut short, or its lengths contradict each other.
    BadTransport,
    /// More layers of encapsulation, or more IP extension headers, than are followed.
    TooDeep,
    /// A checksum is wrong, and checksums were to be verified.
    BadChecksum,
    /// A fragment whose offset and length go past the largest datagram.
    BadFragment,
}

impl Discard {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::UnsupportedLink,
        Self::NotIp,
        Self::TruncatedLink,
        Self::BadIpHeader,
        Self::BadTransport,
        Self::TooDeep,
        Self::BadChecksum,
        Self::BadFragment,
    ];

    /// The reason as a counter's name: `not_ip`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnsupportedLink => "unsupported_link",
            Self::NotIp => "not_ip",
            Self::TruncatedLink => "truncated_link",
            Self::BadIpHeader => "bad_ip_header",
            Self::BadTransport => "bad_transport",
            Self::TooDeep => "too_deep",
            Self::BadChecksum => "bad_checksum",
            Self::BadFragment => "bad_fragment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_in_their_places_under_names_of_their_own() {
        for (place, reason) in Discard::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(Discard::ALL.iter().filter(|other| other.name() == reason.name()).count(), 1);
        }
    }
}
