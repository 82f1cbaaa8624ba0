//! Alerts over each transport of syslog, in the form of RFC 5424.

mod samples;

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;

use pithead_output::{Address, Record, Sink, SyslogSink, json};

fn record(name: &str) -> Record {
    samples::all().into_iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn alerts_arrive_over_each_transport_and_nothing_else_does() {
    let (sums, alert) = (record("stats"), record("alert"));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sink = SyslogSink::open(&Address::Udp(udp.local_addr().unwrap().to_string())).unwrap();
    sink.write(&sums).unwrap();
    sink.write(&alert).unwrap();
    let mut bytes = [0; 65_536];
    let length = udp.recv(&mut bytes).unwrap();
    let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
    let words: Vec<&str> = text.splitn(8, ' ').collect();
    assert_eq!((words[0], words[1]), ("<28>1", "2026-11-22T18:10:00.373456Z"), "{text}");
    assert_eq!(words[3..7], ["pithead", &std::process::id().to_string(), "alert", "-"], "{text}");
    assert_eq!(words[7], json(&alert));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let unix = UnixDatagram::bind(&path).unwrap();
    SyslogSink::open(&Address::Unix(path)).unwrap().write(&alert).unwrap();
    assert_eq!(unix.recv(&mut bytes).unwrap(), length);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sink = SyslogSink::open(&Address::Tcp(listener.local_addr().unwrap().to_string())).unwrap();
    sink.write(&alert).unwrap();
    sink.write(&alert).unwrap();
    drop(sink);
    let mut stream = String::new();
    listener.accept().unwrap().0.read_to_string(&mut stream).unwrap();
    assert_eq!(stream, format!("{length} {text}").repeat(2), "each with its length");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = SyslogSink::open(&Address::Tcp(nobody.to_string())).unwrap_err().to_string();
    assert!(error.starts_with(&format!("tcp://{nobody}: cannot be opened")), "{error}");
}
