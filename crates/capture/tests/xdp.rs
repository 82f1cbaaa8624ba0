//! Live capture over veth pairs, as root, in a network namespace of the test's own.
//!
//! Each test runs itself again inside a fresh namespace (`unshare`), and is skipped, saying so, where that is not allowed. Frames
//! are UDP datagrams that the kernel sends out of one end, to a MAC address that is nobody's; the other end listens.
#![cfg(target_os = "linux")]

mod namespace;

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use namespace::{in_namespace, ip};
use pithead_capture::{
    Error, PacketSource,
    xdp::{self, Account, Mode, Options, Tap, XdpSource},
};

/// A pair `va` and `vb` with so many queues each. What `va` sends to 10.9.0.2 comes out of `vb`, addressed to others.
fn pair(queues: u32, mtu: u32) {
    let end = format!("numrxqueues {queues} numtxqueues {queues} mtu {mtu}");
    ip(&format!("link add va {end} type veth peer name vb {end}"));
    for end in ["va", "vb"] {
        ip(&format!("link set {end} addrgenmode none"));
        ip(&format!("link set {end} up"));
    }
    ip("addr add 10.9.0.1/24 dev va");
    ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:99 dev va");
}

/// Sends datagrams numbered from 0 on, padded to `payload` bytes, from `ports` different ports in turn.
fn send(count: u32, payload: usize, ports: u16) {
    let sockets: Vec<_> = (0..ports)
        .map(|_| UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 0)).unwrap())
        .collect();
    let mut bytes = vec![0; payload];
    for number in 0..count {
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        sockets[number as usize % sockets.len()].send_to(&bytes, "10.9.0.2:3333").unwrap();
    }
}

/// The numbers of all datagrams that arrive until `wanted` have, or ten seconds have gone by; and the length of the last frame.
fn receive(sources: &mut [XdpSource], wanted: usize) -> (Vec<u32>, usize) {
    let (mut numbers, mut last) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while numbers.len() < wanted && Instant::now() < deadline {
        for source in sources.iter_mut() {
            let batch = source.next_batch().unwrap().unwrap();
            assert!(batch.now().is_some() && batch.len() <= 64);
            for frame in batch.frames() {
                if let Some(number) = frame.bytes.get(42..46).filter(|_| frame.bytes[12..14] == [8, 0]) {
                    numbers.push(u32::from_be_bytes(number.try_into().unwrap()));
                    last = frame.bytes.len();
                }
            }
        }
    }
    (numbers, last)
}

fn open(options: &Options) -> Tap {
    xdp::open(&["vb"], 0, options).unwrap()
}

fn in_mode(mode: Mode) -> Options {
    Options { mode: Some(mode), ..Options::default() }
}

/// Both halves of the identity, to the last frame.
fn assert_accounted(accounts: &[Account]) {
    for Account { place, seen, taken } in accounts {
        let (seen, taken) = (seen.unwrap(), taken.unwrap());
        assert_eq!(seen.seen, seen.to_socket + seen.no_socket + seen.filtered, "{place:?}");
        let ends = taken.received + taken.rx_dropped + taken.rx_ring_full + taken.invalid;
        assert_eq!(seen.to_socket, ends, "{place:?}: {seen:?} {taken:?}");
    }
}

fn every_frame_arrives_once(mode: Mode, queues: u32) {
    pair(queues, 1500);
    let mut tap = open(&in_mode(mode));
    assert_eq!(tap.sources.len(), queues as usize);
    send(2000, 64, 16);
    let (mut numbers, last) = receive(&mut tap.sources, 2000);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
    assert_eq!(last, 42 + 64);
    tap.control.stop();
    let accounts = tap.control.accounts();
    assert_eq!(accounts.len(), queues as usize);
    assert!(accounts.iter().all(|account| account.place.mode == mode));
    assert_accounted(&accounts);
    let seen: u64 = accounts.iter().map(|account| account.seen.unwrap().to_socket).sum();
    assert!(seen >= 2000);
}

#[test]
fn native() {
    in_namespace("native", || every_frame_arrives_once(Mode::Native, 1));
}

#[test]
fn skb() {
    in_namespace("skb", || every_frame_arrives_once(Mode::Skb, 1));
}

#[test]
fn native_with_four_queues() {
    in_namespace("native_with_four_queues", || every_frame_arrives_once(Mode::Native, 4));
}

#[test]
fn skb_with_two_queues() {
    in_namespace("skb_with_two_queues", || every_frame_arrives_once(Mode::Skb, 2));
}

#[test]
fn the_best_mode_is_found_and_said() {
    in_namespace("the_best_mode_is_found_and_said", || {
        pair(1, 1500);
        let tap = open(&Options { huge_pages: false, ..Options::default() });
        assert_eq!(tap.sources[0].modes().collect::<Vec<_>>(), [Mode::Native]);
        assert_eq!(
            tap.warnings,
            [
                "vb: going on with the mode native: vb queue 0: cannot bind the AF_XDP socket: Operation not supported (os error 95); the driver cannot do zero copy: use the mode native"
            ]
        );
    });
}

#[test]
fn a_forced_mode_fails_with_cause_and_remedy() {
    in_namespace("a_forced_mode_fails_with_cause_and_remedy", || {
        pair(1, 1500);
        let error = xdp::open(&["vb"], 0, &in_mode(Mode::ZeroCopy)).unwrap_err();
        assert!(
            error.to_string().ends_with("the driver cannot do zero copy: use the mode native"),
            "{error}"
        );
        let error = xdp::open(&["nosuch"], 0, &Options::default()).unwrap_err();
        assert_eq!(error.to_string(), "nosuch: no such interface; 'ip -brief link' lists those there are");
        assert!(matches!(error, Error::Live { .. }));
    });
}
