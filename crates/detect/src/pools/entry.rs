//! One listed name: what is behind it, and what is known of it.
//!
//! Plain values, made by `list`. What follows from a kind for a host that asks for the name is decided elsewhere.

use std::fmt;
use std::sync::Arc;

/// One name and what is known of it, lent by the list that keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name, in lower case, without a dot at the end. It stands for the names below it too.
    pub domain: &'a str,
    /// What is behind it.
    pub kind: Kind,
    /// Tickers of the coins mined there; `multi` among them means more than can be named.
    pub coins: &'a [Arc<str>],
    /// Ports known to speak to miners. There may be others.
    pub ports: &'a [PortRange],
    /// Who says so, as keys that the head of the list explains.
    pub source: &'a str,
}

impl<'a> Entry<'a> {
    /// The name to show for the pool: the domain that somebody registered, `nanopool.org` for `xmr-eu1.nanopool.org`.
    pub fn pool_name(&self) -> &'a str {
        let labels = if below_shared_suffix(self.domain) { 3 } else { 2 };
        let start = self.domain.rmatch_indices('.').nth(labels - 1).map_or(0, |(dot, _)| dot + 1);
        &self.domain[start..]
    }

    /// The coin, where the name tells: `None` where there are several or none is known.
    pub fn coin(&self) -> Option<&'a str> {
        match self.coins {
            [one] if **one != *"multi" => Some(one),
            _ => None,
        }
    }

    /// Whether the list knows this port as one for miners.
    pub fn lists_port(&self, port: u16) -> bool {
        self.ports.iter().any(|range| (range.start..=range.end).contains(&port))
    }
}

/// Suffixes of two labels under which anyone gets a name: the owner is told by the label before. Besides these, `co.in` and the
/// like. The list's names need no more than this, so the public suffix list (15 000 lines) is not carried along.
const SHARED: [&str; 12] = [
    "amazonaws.com",
    "cdn77.org",
    "cloudfront.net",
    "ddns.net",
    "duckdns.org",
    "github.io",
    "herokuapp.com",
    "myeffect.net",
    "netlify.com",
    "now.sh",
    "pp.ua",
    "us.to",
];

fn below_shared_suffix(domain: &str) -> bool {
    let start = domain.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    let suffix = &domain[start..];
    let registry = suffix.split_once('.').is_some_and(|(second, top)| {
        top.len() == 2 && ["ac", "co", "com", "edu", "gov", "net", "org"].contains(&second)
    });
    registry || SHARED.contains(&suffix)
}

/// What is behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A mining pool.
    Pool,
    /// Passes miners' work on to a pool.
    Proxy,
    /// Sells hash rate: miners work for whoever pays.
    Market,
    /// Mining in browsers: the script or its server.
    Webminer,
    /// Wallets and payments.
    Wallet,
    /// Coins are traded there.
    Exchange,
    /// Looks like mining, or is listed as mining by others, and is not.
    Lookalike,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Pool,
        Self::Proxy,
        Self::Market,
        Self::Webminer,
        Self::Wallet,
        Self::Exchange,
        Self::Lookalike,
    ];

    /// Whether the name means mining; the other kinds are listed to keep quiet about.
    pub fn is_mining(self) -> bool {
        matches!(self, Self::Pool | Self::Proxy | Self::Market | Self::Webminer)
    }

    /// The word for it in lists and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Proxy => "proxy",
            Self::Market => "market",
            Self::Webminer => "webminer",
            Self::Wallet => "wallet",
            Self::Exchange => "exchange",
            Self::Lookalike => "lookalike",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Ports from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub start: u16,
    /// The last port; the same as the first for a single one.
    pub end: u16,
    /// Whether TLS is spoken there.
    pub tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(domain: &'a str, coins: &'a [Arc<str>]) -> Entry<'a> {
        let ports = &[PortRange { start: 12000, end: 12999, tls: false }];
        Entry { domain, kind: Kind::Pool, coins, ports, source: "" }
    }

    #[test]
    fn the_pool_is_named_by_its_registered_domain() {
        for (domain, name) in [
            ("xmr-eu1.nanopool.org", "nanopool.org"),
            ("nanopool.org", "nanopool.org"),
            ("randomxmonero.auto.nicehash.com", "nicehash.com"),
            ("pool.eth.pp.ua", "eth.pp.ua"),
            ("krb.devphp.org.ua", "devphp.org.ua"),
            ("www.moonbit.co.in", "moonbit.co.in"),
            ("us.to", "us.to"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(entry(domain, &[]).pool_name(), name);
        }
    }

    #[test]
    fn a_coin_is_told_only_where_there_is_one() {
        let [xmr, zeph, multi] = ["XMR", "ZEPH", "multi"].map(Arc::from);
        assert_eq!(entry("a.b", &[Arc::clone(&xmr)]).coin(), Some("XMR"));
        assert_eq!(entry("a.b", &[xmr, zeph]).coin(), None);
        assert_eq!(entry("a.b", &[multi]).coin(), None);
        assert_eq!(entry("a.b", &[]).coin(), None);
    }

    #[test]
    fn ports_are_listed_with_both_ends() {
        let listed = |port| entry("a.b", &[]).lists_port(port);
        assert!(!listed(11999) && listed(12000) && listed(12999) && !listed(13000));
    }

    #[test]
    fn every_kind_is_in_all() {
        let names: std::collections::HashSet<_> = Kind::ALL.map(Kind::name).into();
        assert_eq!(names.len(), 7);
    }
}
