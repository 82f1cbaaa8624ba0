//! Host names, and what stands in front of them: the words in which every carrier says where it goes.
//!
//! A [`Name`] lives inline, so that one can be kept for each flow without the heap. Only what a resolver or a pool list
//! could hold is a name; anything else is refused here, so that nobody downstream meets strange bytes.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

/// The longest name that DNS can carry, in text, without the trailing dot.
pub const MAX_NAME: usize = 253;

/// A host name in lower case, 1 to 253 bytes of `a-z`, `0-9`, `-`, `_`, `.` and `*`, without a trailing dot.
#[derive(Clone)]
pub struct Name {
    bytes: [u8; MAX_NAME],
    length: u8,
}

impl Name {
    /// The name that `text` spells: one trailing dot is dropped and capitals become small.
    ///
    /// `None` when nothing is left, when it is longer than a name can be, when a label is empty, or when there is a byte
    /// that no host name has.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        let mut bytes = [0; MAX_NAME];
        let place = bytes.get_mut(..text.len()).filter(|place| !place.is_empty())?;
        let mut before = b'.';
        for (to, from) in place.iter_mut().zip(text) {
            *to = LETTERS[usize::from(*from)];
            if *to == 0 || (*to == b'.' && before == b'.') {
                return None;
            }
            before = *to;
        }
        let length = u8::try_from(text.len()).ok()?;
        (before != b'.').then_some(Self { bytes, length })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII was let in, so the default is never seen.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The name as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Each byte as a name holds it; 0 for those that no name has.
static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        letters[byte as usize] = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => byte,
            b'A'..=b'Z' => byte.to_ascii_lowercase(),
            _ => 0,
        };
        byte += 1;
    }
    letters
};

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where somebody wants to go: a name to be looked up, or an address.
#[allow(clippy::large_enum_variant, reason = "names are the rule, and stay off the heap on purpose")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A host name.
    Name(Name),
    /// An address written out.
    Address(IpAddr),
}

impl Host {
    /// The host that `text` spells: an address (IPv6 in brackets or bare), else a name.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let spelled = std::str::from_utf8(text).ok()?;
        if let Ok(address) = spelled.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        match spelled.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => Some(Self::Address(inside.parse::<Ipv6Addr>().ok()?.into())),
            None => Name::from_bytes(text).map(Self::Name),
        }
    }

    /// The name, where it is one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A host and, where one was said, a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port; `None` where it was left to the scheme.
    pub port: Option<u16>,
}

impl Authority {
    /// The authority that `text` spells, as in a `Host` header: user information before an `@` is passed over.
    ///
    /// `None` when the host is none or the port is no number; an empty port counts as not said.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let text = text.rsplit(|byte| *byte == b'@').next()?.trim_ascii();
        // The colons of a bracketed address come before its bracket, those of a bare one number more than one.
        let bare = !text.starts_with(b"[") && text.iter().filter(|byte| **byte == b':').count() > 1;
        let colon = text.iter().rposition(|byte| matches!(byte, b':' | b']')).filter(|_| !bare);
        let Some((host, port)) = colon.and_then(|at| text.split_at_checked(at)) else {
            return Some(Self { host: Host::from_bytes(text)?, port: None });
        };
        match port.strip_prefix(b":") {
            None => Some(Self { host: Host::from_bytes(text)?, port: None }),
            Some(b"") => Some(Self { host: Host::from_bytes(host)?, port: None }),
            Some(digits) => {
                let port = std::str::from_utf8(digits).ok()?.parse().ok()?;
                Some(Self { host: Host::from_bytes(host)?, port: Some(port) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Option<String> {
        Name::from_bytes(text.as_bytes()).map(|name| name.to_string())
    }

    #[test]
    fn names_are_small_and_end_without_a_dot() {
        assert_eq!(name("Pool.Example.ORG.").as_deref(), Some("pool.example.org"));
        assert_eq!(name("_stratum._tcp.x").as_deref(), Some("_stratum._tcp.x"));
        assert_eq!(name("*.pool.example").as_deref(), Some("*.pool.example"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "..", "a..b", ".a", "a b", "a/b", "a:1", "pöol.example", "a\0"] {
            assert_eq!(name(text), None, "{text:?}");
        }
        assert_eq!(name(&"a".repeat(254)), None);
        assert_eq!(name(&format!("{}.", "a".repeat(253))).map(|name| name.len()), Some(253));
    }

    #[test]
    fn equal_names_hash_alike_whatever_was_left_in_the_array() {
        let set: std::collections::HashSet<Name> =
            ["a.b", "A.B.", "a.c"].iter().filter_map(|text| Name::from_bytes(text.as_bytes())).collect();
        assert_eq!(set.len(), 2);
        assert!(Name::from_bytes(b"a.b") < Name::from_bytes(b"a.c"));
    }

    #[test]
    fn authorities_in_every_spelling() {
        let spelled =
            |text: &str| Authority::from_bytes(text.as_bytes()).map(|it| (it.host.to_string(), it.port));
        assert_eq!(spelled("pool.example:3333"), Some(("pool.example".into(), Some(3333))));
        assert_eq!(spelled(" Pool.example "), Some(("pool.example".into(), None)));
        assert_eq!(spelled("pool.example:"), Some(("pool.example".into(), None)));
        assert_eq!(spelled("user:x@pool.example:80"), Some(("pool.example".into(), Some(80))));
        assert_eq!(spelled("192.0.2.1:80"), Some(("192.0.2.1".into(), Some(80))));
        assert_eq!(spelled("[2001:db8::1]:443"), Some(("2001:db8::1".into(), Some(443))));
        assert_eq!(spelled("[2001:db8::1]"), Some(("2001:db8::1".into(), None)));
        assert_eq!(spelled("2001:db8::1"), Some(("2001:db8::1".into(), None)));
        for text in ["", ":80", "a:b:c", "a:99999", "a:x", "[::1", "[pool]:1", "a b:1"] {
            assert_eq!(spelled(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_name_that_reads_back_or_none(text in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(name) = Name::from_bytes(&text) {
                prop_assert_eq!(Name::from_bytes(name.as_bytes()), Some(name));
            }
            if let Some(authority) = Authority::from_bytes(&text) {
                prop_assert!(!authority.host.to_string().is_empty());
            }
        }
    }
}
