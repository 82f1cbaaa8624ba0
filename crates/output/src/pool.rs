//! A pool, as far as it is known: what it is called, where it is, and how its name came to be known.

use std::net::{IpAddr, SocketAddr};

use pithead_detect::Where;
use pithead_detect::pools::{Entry, Kind};

/// The other end of a miner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its host name as it was met, in lower case; `None` where only the address is known.
    pub name: Option<String>,
    /// Its address; `None` where a proxy is spoken to, and only the proxy knows.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// What the pool list says of the name; `None` for a name that is not on it, and for no name.
    pub listing: Option<Listing>,
    /// How the name came to be known.
    pub source: NameSource,
}

impl Pool {
    /// A pool of which only the address is known.
    pub const fn at(address: SocketAddr) -> Self {
        Self {
            name: None,
            address: Some(address.ip()),
            port: Some(address.port()),
            listing: None,
            source: NameSource::Address,
        }
    }

    /// The coin mined there, where the list leaves no choice.
    pub fn coin(&self) -> Option<&str> {
        match self.listing.as_ref()?.coins.as_slice() {
            [one] if one != MANY_COINS => Some(one),
            _ => None,
        }
    }
}

/// The list's word for more coins than can be named.
const MANY_COINS: &str = "multi";

/// What the pool list says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The name under which the pool is known: `nanopool.org` for `xmr-eu1.nanopool.org`.
    pub domain: String,
    /// What is behind it.
    pub kind: Kind,
    /// Tickers of the coins mined there, as the list has them.
    pub coins: Vec<String>,
}

impl From<Entry<'_>> for Listing {
    fn from(entry: Entry<'_>) -> Self {
        let coins = entry.coins.iter().map(|coin| coin.to_string()).collect();
        Self { domain: entry.pool_name().to_owned(), kind: entry.kind, coins }
    }
}

/// How the name of a pool came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The client, or another host, asked DNS for it, or DNS answered with the address.
    Dns,
    /// The TLS ClientHello of the flow.
    Sni,
    /// The server's TLS certificate.
    Certificate,
    /// The HTTP `Host` header or absolute URI.
    Http,
    /// The target of the HTTP CONNECT that the flow began with.
    Connect,
    /// The target of the SOCKS request that the flow began with.
    Socks,
    /// The miner or the pool said it in the session.
    Session,
    /// It is not known; there is only the address.
    Address,
}

impl NameSource {
    /// The source as events name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Sni => "sni",
            Self::Certificate => "certificate",
            Self::Http => "http",
            Self::Connect => "connect",
            Self::Socks => "socks",
            Self::Session => "session",
            Self::Address => "address",
        }
    }
}

impl From<Where> for NameSource {
    fn from(place: Where) -> Self {
        match place {
            Where::DnsQuery | Where::DnsAnswer => Self::Dns,
            Where::TlsSni => Self::Sni,
            Where::TlsCertificate => Self::Certificate,
            Where::HttpHost => Self::Http,
            Where::HttpConnect => Self::Connect,
            Where::Socks => Self::Socks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(coins: &[&str]) -> Pool {
        let coins = coins.iter().map(|coin| (*coin).to_owned()).collect();
        let listing = Listing { domain: "pool.example".into(), kind: Kind::Pool, coins };
        Pool { listing: Some(listing), ..Pool::at("192.0.2.1:3333".parse().unwrap()) }
    }

    #[test]
    fn a_coin_is_told_only_where_there_is_one() {
        assert_eq!(listed(&["XMR"]).coin(), Some("XMR"));
        assert_eq!(listed(&["XMR", "ZEC"]).coin(), None);
        assert_eq!(listed(&["multi"]).coin(), None);
        assert_eq!(listed(&[]).coin(), None);
        assert_eq!(Pool::at("192.0.2.1:3333".parse().unwrap()).coin(), None);
    }

    #[test]
    fn a_list_entry_is_known_by_its_registered_name() {
        let entry = Entry {
            domain: "xmr-eu1.nanopool.org",
            kind: Kind::Pool,
            coins: &["XMR".into()],
            ports: &[],
            source: "hive",
        };
        assert_eq!(Listing::from(entry).domain, "nanopool.org");
    }
}
