//! Live capture over veth pairs, as root, in a network namespace of the test's own.
//!
//! Each test runs itself again inside a fresh namespace (`unshare`), and is skipped, saying so, where that is not allowed. Frames
//! are UDP datagrams that the kernel sends out of one end, to a MAC address that is nobody's; the other end listens.
#![cfg(target_os = "linux")]

mod namespace;

use std::{
    env,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use namespace::{in_namespace, in_namespace_with, ip};
use pithead_capture::{
    Error, PacketSource,
    xdp::{self, Account, BusyPoll, Mode, Options, Port, Queue, Tap, XdpSource, flood::Flood},
};

/// A child of a test, in the same namespace: another test, to be run by hand only, for what needs a process of its own.
fn child(test: &str, with: &[&str], stdin: Stdio) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(with[0]);
    child.args(&with[1..]).arg(env::current_exe().unwrap()).args([
        "--exact",
        test,
        "--ignored",
        "--nocapture",
    ]);
    let mut child = child.stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, said.filter_map(|line| Some(line.strip_prefix("child: ")?.to_owned())))
}

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
fn overload_is_counted_to_the_last_frame() {
    in_namespace("overload_is_counted_to_the_last_frame", || {
        pair(1, 1500);
        let mut tap = open(&Options { ring_frames: 64, ..in_mode(Mode::Native) });
        send(5000, 64, 1);
        let (first, _) = receive(&mut tap.sources, 64);
        assert_eq!(first.len(), 64);
        assert!(tap.sources[0].next_batch().unwrap().unwrap().is_empty(), "gives back what was lent");
        send(64, 64, 1);
        assert_eq!(receive(&mut tap.sources, 64).0.len(), 64);
        tap.control.stop();
        let accounts = tap.control.accounts();
        assert_accounted(&accounts);
        let taken = accounts[0].taken.unwrap();
        assert!(taken.rx_dropped >= 5000 - 64 && taken.received >= 128, "{taken:?}");
        assert!(taken.fill_ring_empty > 0, "{taken:?}");
    });
}

#[test]
fn two_million_frames_are_accounted_for() {
    in_namespace("two_million_frames_are_accounted_for", || {
        pair(1, 1500);
        let mut tap = open(&in_mode(Mode::Native));
        let flood = Flood::new("va", 1000).unwrap();
        let sender = thread::spawn(move || flood.send(2_000_000, 64).unwrap());
        let mut idle = 0;
        while !sender.is_finished() || idle < 3 {
            idle = if tap.sources[0].next_batch().unwrap().unwrap().is_empty() { idle + 1 } else { 0 };
        }
        tap.control.stop();
        while !tap.sources[0].next_batch().unwrap().unwrap().is_empty() {}
        let accounts = tap.control.accounts();
        assert_accounted(&accounts);
        let (seen, taken) = (accounts[0].seen.unwrap(), accounts[0].taken.unwrap());
        // What veth itself has no room for never comes to the program, and is veth's to count.
        println!("{seen:?} {taken:?}");
        assert!(seen.seen > 100_000 && taken.received > 0, "{seen:?} {taken:?}");
    });
}

#[test]
fn only_what_was_asked_for_is_received() {
    in_namespace("only_what_was_asked_for_is_received", || {
        pair(1, 1500);
        let nets = vec![("10.9.0.2".parse().unwrap(), 32), ("fd00::".parse().unwrap(), 8)];
        let mut tap = open(&Options { ports: vec![3333], nets, ..in_mode(Mode::Native) });
        let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
        ip("neigh add 10.9.0.3 lladdr 02:00:00:00:00:98 dev va");
        for to in ["10.9.0.2:3334", "10.9.0.3:3333", "10.9.0.2:13320"] {
            socket.send_to(&[0xff; 64], to).unwrap();
        }
        send(10, 64, 1);
        assert_eq!(receive(&mut tap.sources, 10).0, (0..10).collect::<Vec<_>>());
        tap.control.stop();
        let accounts = tap.control.accounts();
        assert_accounted(&accounts);
        let seen = accounts[0].seen.unwrap();
        assert_eq!(seen.to_socket, 10);
        assert!(seen.filtered >= 3, "{seen:?}");
    });
}

/// Has every frame that leaves `va` be given a tag that the kernel keeps beside it.
fn tags_are_pushed() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("vlan.o");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vlan.bpf.c");
    let done = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    done(Command::new("clang").args(["-O2", "-target", "bpf", "-c", source, "-o"]).arg(&object))
        && done(Command::new("tc").args(["qdisc", "add", "dev", "va", "clsact"]))
        && done(
            Command::new("tc")
                .args(["filter", "add", "dev", "va", "egress", "bpf", "da", "obj"])
                .arg(&object)
                .args(["sec", "classifier"]),
        )
}

#[test]
fn a_vlan_tag_that_was_taken_off_is_put_back() {
    in_namespace("a_vlan_tag_that_was_taken_off_is_put_back", || {
        pair(1, 1500);
        if !tags_are_pushed() {
            println!("skipped: a_vlan_tag_that_was_taken_off_is_put_back: needs tc with BPF, and clang");
            return;
        }
        let mut tap = open(&in_mode(Mode::Native));
        send(1, 100, 1);
        let deadline = Instant::now() + Duration::from_secs(10);
        let frame = loop {
            assert!(Instant::now() < deadline, "no frame came");
            let batch = tap.sources[0].next_batch().unwrap().unwrap();
            let found = batch.frames().find(|frame| frame.bytes[..6] == [2, 0, 0, 0, 0, 0x99]);
            if let Some(frame) = found {
                break frame.bytes.to_vec();
            }
        };
        assert_eq!((&frame[12..18], frame.len()), (&[0x81, 0, 0, 5, 8, 0][..], 46 + 100));
    });
}

fn jumbo_frames_arrive_whole(mode: Mode) {
    pair(1, 9000);
    let mut tap = open(&in_mode(mode));
    for payload in [100, 1750, 1751, 4000, 8972] {
        send(20, payload, 1);
        assert_eq!(receive(&mut tap.sources, 20), ((0..20).collect(), payload + 42));
    }
    tap.control.stop();
    assert_accounted(&tap.control.accounts());
}

#[test]
fn jumbo_frames_arrive_whole_natively() {
    in_namespace("jumbo_frames_arrive_whole_natively", || jumbo_frames_arrive_whole(Mode::Native));
}

#[test]
fn jumbo_frames_arrive_whole_behind_the_driver() {
    in_namespace("jumbo_frames_arrive_whole_behind_the_driver", || jumbo_frames_arrive_whole(Mode::Skb));
}

#[test]
fn an_mtu_too_long_for_the_driver_is_said() {
    in_namespace("an_mtu_too_long_for_the_driver_is_said", || {
        pair(1, 9000);
        let whole = Options { pieces: Some(false), ..in_mode(Mode::Native) };
        let error = xdp::open(&["vb"], 0, &whole).unwrap_err().to_string();
        assert!(
            error.starts_with("vb: cannot attach the XDP program: ") && error.contains("lower the MTU"),
            "{error}"
        );
        let tap = open(&Options { mode: None, ..whole });
        assert_eq!(tap.sources[0].modes().next(), Some(Mode::Skb));
        assert!(tap.warnings[1].starts_with("vb: going on with the mode skb"), "{:?}", tap.warnings);
    });
}

#[test]
fn busy_polling_brings_the_same_frames() {
    in_namespace("busy_polling_brings_the_same_frames", || {
        pair(2, 1500);
        let mut tap = open(&Options { busy_poll: Some(BusyPoll::default()), ..in_mode(Mode::Native) });
        send(1000, 64, 8);
        let (mut numbers, _) = receive(&mut tap.sources, 1000);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn frames_of_a_queue_without_a_socket_are_counted() {
    in_namespace("frames_of_a_queue_without_a_socket_are_counted", || {
        pair(2, 1500);
        let options = in_mode(Mode::Native);
        let mut port = Port::attach("vb", true, &options).unwrap();
        let queue =
            Queue::bind(port.socket(&options).unwrap(), port.place(0, Mode::Native), &options).unwrap();
        port.admit(0, queue.socket()).unwrap();
        send(100, 64, 16);
        assert_eq!(port.seen(0).unwrap().seen, 0, "nothing is counted before it begins");
        port.begin().unwrap();
        send(100, 64, 16);
        port.detach();
        let (with, without) = (port.seen(0).unwrap(), port.seen(1).unwrap());
        assert!(with.to_socket > 0 && with.no_socket == 0, "{with:?}");
        assert!(without.no_socket > 0 && without.to_socket == 0, "{without:?}");
        assert_eq!(with.seen + without.seen, with.to_socket + without.no_socket);
        assert!(with.seen + without.seen >= 100);
    });
}

#[test]
fn a_queue_that_is_taken_is_waited_for_and_then_named() {
    in_namespace("a_queue_that_is_taken_is_waited_for_and_then_named", || {
        pair(1, 1500);
        let options = Options { patience: Duration::from_millis(20), ..in_mode(Mode::Native) };
        let port = Port::attach("vb", true, &options).unwrap();
        let bind = |options: &Options| {
            Queue::bind(port.socket(options).unwrap(), port.place(0, Mode::Native), options)
        };
        let first = bind(&options).unwrap();
        let error = bind(&options).unwrap_err().to_string();
        assert_eq!(
            error,
            "vb queue 0: cannot bind the AF_XDP socket: Device or resource busy (os error 16); another program listens on this queue: end it ('ss --xdp' shows sockets)"
        );
        let other = xdp::open(&["vb"], 0, &options).unwrap_err().to_string();
        assert!(other.contains("another XDP program is attached"), "{other}");
        // The kernel lets go of a closed socket only a moment later.
        drop(first);
        bind(&in_mode(Mode::Native)).unwrap();
    });
}

#[test]
fn an_interface_set_down_is_waited_for() {
    in_namespace("an_interface_set_down_is_waited_for", || {
        pair(1, 1500);
        let mut tap = open(&in_mode(Mode::Native));
        send(10, 64, 1);
        assert_eq!(receive(&mut tap.sources, 10).0.len(), 10);
        ip("link set vb down");
        for _ in 0..50 {
            assert!(tap.sources[0].next_batch().unwrap().is_some());
        }
        ip("link set vb up");
        // The other end takes up to a second to notice its carrier, and sends nothing before that.
        let deadline = Instant::now() + Duration::from_secs(10);
        while tap.sources[0].next_batch().unwrap().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "no frame since it is up again");
            send(1, 64, 1);
        }
        tap.control.stop();
        while !tap.sources[0].next_batch().unwrap().unwrap().is_empty() {}
        assert_accounted(&tap.control.accounts());
    });
}

#[test]
fn an_interface_that_vanishes_is_told_once_after_its_last_frame() {
    in_namespace("an_interface_that_vanishes_is_told_once_after_its_last_frame", || {
        pair(1, 1500);
        let mut tap = open(&in_mode(Mode::Native));
        send(10, 64, 1);
        ip("link del vb");
        let source = &mut tap.sources[0];
        let mut frames = 0;
        let error = loop {
            match source.next_batch() {
                Ok(batch) => frames += batch.unwrap().len(),
                Err(error) => break error,
            }
        };
        assert!(frames >= 10);
        assert_eq!(error.to_string(), "vb: the interface is gone; bring it back and start again");
        assert!(source.next_batch().unwrap().is_none());
        assert_accounted(&tap.control.accounts());
    });
}

#[test]
fn a_killed_process_leaves_no_program_behind() {
    in_namespace("a_killed_process_leaves_no_program_behind", || {
        pair(1, 1500);
        let (mut process, mut said) = child("holds_a_tap", &["env"], Stdio::piped());
        assert_eq!(said.next().as_deref(), Some("listening"));
        let shown = || {
            String::from_utf8(Command::new("ip").args(["-d", "link", "show", "vb"]).output().unwrap().stdout)
                .unwrap()
        };
        assert!(shown().contains("prog/xdp") && shown().contains("promiscuity 1"), "{}", shown());
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(!shown().contains("prog/xdp") && shown().contains("promiscuity 0"), "{}", shown());
        open(&in_mode(Mode::Native));
    });
}

#[test]
#[ignore = "a part of another test"]
fn holds_a_tap() {
    let _tap = open(&in_mode(Mode::Native));
    println!("child: listening");
    std::io::stdin().lines().next();
}

#[test]
fn a_reader_needs_no_capability() {
    in_namespace("a_reader_needs_no_capability", || {
        pair(1, 1500);
        let options = in_mode(Mode::Native);
        let mut port = Port::attach("vb", true, &options).unwrap();
        let socket = port.socket(&options).unwrap();
        let bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
        let stdin = Stdio::from(socket.try_clone().unwrap());
        let (mut process, mut said) = child("reads_from_a_socket_it_was_handed", &bare, stdin);
        assert_eq!(said.next().as_deref(), Some("bound"));
        port.admit(0, socket.as_fd()).unwrap();
        port.begin().unwrap();
        send(10, 64, 1);
        assert_eq!(said.next().as_deref(), Some("10 frames"));
        assert!(process.wait().unwrap().success());
    });
}

#[test]
#[ignore = "a part of another test"]
fn reads_from_a_socket_it_was_handed() {
    let options = Options { ring_frames: 1024, ..in_mode(Mode::Native) };
    assert!(Port::attach("vb", true, &options).unwrap_err().to_string().contains("CAP_BPF"));
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let index = std::fs::read_to_string("/sys/class/net/vb/ifindex").unwrap();
    let place = xdp::Place {
        interface: "vb".into(),
        ifindex: index.trim().parse().unwrap(),
        queue: 0,
        mode: Mode::Native,
        in_pieces: false,
        tells: false,
    };
    let queue = Queue::bind(socket, place, &options).unwrap();
    println!("child: bound");
    let mut sources = [XdpSource::new(vec![queue], &options)];
    println!("child: {} frames", receive(&mut sources, 10).0.len());
}

#[test]
fn too_little_memory_to_lock_is_said() {
    let little =
        ["prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"];
    in_namespace_with("too_little_memory_to_lock_is_said", &little, || {
        pair(1, 1500);
        let error = xdp::open(&["vb"], 0, &Options { ring_frames: 64, ..in_mode(Mode::Native) })
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("vb queue 0: cannot register memory for frames: "), "{error}");
        assert!(error.contains("ulimit -l unlimited"), "{error}");
    });
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
        assert!(matches!(error, Error::NoSuchLink { .. }));
    });
}
