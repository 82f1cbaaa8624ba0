//! `dns`, `tls` and `http`: where a name was met.

use pithead_detect::Where;
use serde::Serialize;

use crate::record::NameRecord;

/// A name asked for, or answered.
#[derive(Debug, Serialize)]
pub(super) struct Dns<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    rrname: &'a str,
}

impl<'a> Dns<'a> {
    pub(super) fn new(record: &'a NameRecord) -> Option<Self> {
        let kind = match record.place {
            Where::DnsQuery => "query",
            Where::DnsAnswer => "answer",
            _ => return None,
        };
        Some(Self { kind, rrname: &record.name })
    }
}

/// A name in a handshake.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tls<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjectaltname: Option<[&'a str; 1]>,
}

impl<'a> Tls<'a> {
    pub(super) fn new(record: &'a NameRecord) -> Option<Self> {
        let name = record.name.as_str();
        match record.place {
            Where::TlsSni => Some(Self { sni: Some(name), ..Self::default() }),
            Where::TlsCertificate => Some(Self { subjectaltname: Some([name]), ..Self::default() }),
            _ => None,
        }
    }
}

/// A name that a request is for.
#[derive(Debug, Serialize)]
pub(super) struct Http<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<&'static str>,
}

impl<'a> Http<'a> {
    pub(super) fn new(record: &'a NameRecord) -> Option<Self> {
        let http_method = match record.place {
            Where::HttpConnect => Some("CONNECT"),
            // SOCKS has no type of event of its own: to whoever reads them, it is one more proxy that was asked for a name.
            Where::HttpHost | Where::Socks => None,
            _ => return None,
        };
        Some(Self { hostname: &record.name, http_port: record.port, http_method })
    }
}
