//! Alerts as syslog messages (RFC 5424), each with its event as JSON: over UDP (RFC 5426), TCP (RFC 6587, octet counting), or the socket
//! of the system's own log.
//!
//! Only alerts are sent: a log that people read is no place for sums and flows.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::eve::json;
use crate::record::{Record, RecordBody};
use crate::sink::{Error, Sink};
use crate::time::rfc5424;

/// Facility daemon (3), severity warning (4).
const PRIORITY: u8 = 3 * 8 + 4;
/// How long a connection, or a write to it, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The usual port, for UDP as for TCP.
const PORT: u16 = 514;

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `udp://HOST[:PORT]`.
    Udp(String),
    /// `tcp://HOST[:PORT]`.
    Tcp(String),
    /// `unix:///dev/log`, or any datagram socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not udp://HOST[:PORT], tcp://HOST[:PORT] or unix:///PATH");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        if rest.is_empty() {
            return Err(wrong());
        }
        let bracketed = rest.starts_with('[');
        let has_port = if bracketed { rest.contains("]:") } else { rest.contains(':') };
        let host = if has_port { rest.to_owned() } else { format!("{rest}:{PORT}") };
        match scheme {
            "udp" => Ok(Self::Udp(host)),
            "tcp" => Ok(Self::Tcp(host)),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Udp(host) => write!(f, "udp://{host}"),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[derive(Debug)]
enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

/// Sends alerts to a syslog server.
#[derive(Debug)]
pub struct SyslogSink {
    target: String,
    line: Line,
    host: String,
}

impl SyslogSink {
    /// Connects to where messages go.
    ///
    /// # Errors
    /// A name that cannot be resolved, or a server that does not answer.
    pub fn open(address: &Address) -> Result<Self, Error> {
        let target = address.to_string();
        let line = connect(address).map_err(|cause| Error::Open { target: target.clone(), cause })?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self { target, line, host: printable(host.trim()) })
    }
}

fn connect(address: &Address) -> io::Result<Line> {
    match address {
        Address::Udp(host) => {
            let to = resolve(host)?;
            let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            Ok(Line::Udp(socket))
        }
        Address::Tcp(host) => {
            let stream = TcpStream::connect_timeout(&resolve(host)?, PATIENCE)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Line::Tcp(stream))
        }
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(Line::Unix(socket))
        }
    }
}

fn resolve(host: &str) -> io::Result<std::net::SocketAddr> {
    host.to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// A name as RFC 5424 wants it: printable ASCII without blanks, or `-`.
fn printable(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

impl Sink for SyslogSink {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        if !is_message(record) {
            return Ok(());
        }
        let message = message(record, &self.host);
        let sent = match &mut self.line {
            Line::Udp(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Line::Unix(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Line::Tcp(stream) => stream.write_all(format!("{} {message}", message.len()).as_bytes()),
        };
        // A server that went away is to be connected to again, which is not what a reader who left means.
        sent.map_err(|cause| Error::Write { target: self.target.clone(), cause })
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether a record is sent at all.
pub(crate) const fn is_message(record: &Record) -> bool {
    matches!(record.body, RecordBody::Alert(_))
}

/// One message, whose id is the type of the event.
fn message(record: &Record, host: &str) -> String {
    let process = std::process::id();
    format!("<{PRIORITY}>1 {} {host} pithead {process} alert - {}", rfc5424(record.at), json(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_urls() {
        let parse = |text: &str| text.parse::<Address>();
        assert_eq!(parse("udp://log.example"), Ok(Address::Udp("log.example:514".into())));
        assert_eq!(parse("tcp://[2001:db8::1]:6514"), Ok(Address::Tcp("[2001:db8::1]:6514".into())));
        assert_eq!(parse("tcp://[2001:db8::1]"), Ok(Address::Tcp("[2001:db8::1]:514".into())));
        assert_eq!(parse("unix:///dev/log"), Ok(Address::Unix("/dev/log".into())));
        for wrong in ["log.example", "http://x", "udp://", "://x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_hosts_are_printable() {
        assert_eq!((printable(" a b\n"), printable("")), ("ab".into(), "-".into()));
    }
}
