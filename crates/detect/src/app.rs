//! What a flow speaks, mining or not.

/// An application protocol, by the names that events give it in `app_proto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum App {
    /// Not known (yet).
    #[default]
    Unknown,
    /// DNS over UDP or TCP.
    Dns,
    /// HTTP/1.
    Http,
    /// WebSocket.
    WebSocket,
    /// TLS.
    Tls,
    /// SOCKS 4 or 5.
    Socks,
    /// QUIC; named, not decrypted.
    Quic,
    /// JSON or text messages of a mining dialect.
    Mining,
    /// Nodes of the Bitcoin network and its kin.
    BitcoinP2p,
    /// Nodes of the Monero network (Levin).
    MoneroP2p,
    /// Nodes of the Ethereum network (RLPx over TCP, discovery over UDP).
    EthereumP2p,
}

impl App {
    const ALL: [Self; 11] = [
        Self::Unknown,
        Self::Dns,
        Self::Http,
        Self::WebSocket,
        Self::Tls,
        Self::Socks,
        Self::Quic,
        Self::Mining,
        Self::BitcoinP2p,
        Self::MoneroP2p,
        Self::EthereumP2p,
    ];

    /// The name in events; none while it is not known.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => return None,
            Self::Dns => "dns",
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Tls => "tls",
            Self::Socks => "socks",
            Self::Quic => "quic",
            Self::Mining => "stratum",
            Self::BitcoinP2p => "bitcoin-p2p",
            Self::MoneroP2p => "monero-p2p",
            Self::EthereumP2p => "ethereum-p2p",
        })
    }

    /// The protocol noted in a flow's mark.
    pub fn from_mark(mark: u8) -> Self {
        Self::ALL.get(usize::from(mark)).copied().unwrap_or_default()
    }

    /// The note for a flow's mark.
    pub const fn mark(self) -> u8 {
        self as u8
    }
}
