//! `pithead tap` on a cable of its own: what `replay` finds in a capture it finds on the link, and every frame is accounted for.
//!
//! Needs root, and says so where it is skipped.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pithead_capture::nic::Cable;
use serde_json::Value;
use support::{Scratch, captures, command, events, of_type, pcap, replay};

/// Runs `body` with a cable, in a network of its own.
fn with_cable(queues: u32, body: impl FnOnce(&Cable) + Send + 'static) {
    let tried = thread::spawn(move || match Cable::lay(queues) {
        Ok(cable) => body(&cable),
        Err(error) => println!("skipped: needs root: {error}"),
    });
    if let Err(panic) = tried.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A tap that is listening.
struct Tap {
    child: Child,
    /// Where it serves metrics, if it does.
    metrics: Option<String>,
    /// What it says on standard error, line by line.
    said: BufReader<std::process::ChildStderr>,
    /// What it said before it listened.
    before: String,
}

impl Tap {
    fn start(cable: &Cable, options: &[&str]) -> Self {
        let mut command = command();
        command.args(["tap", &cable.far, "--cache", "none"]).args(options);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut said = BufReader::new(child.stderr.take().expect("it was asked for"));
        let (mut line, mut metrics, mut before) = (String::new(), None, String::new());
        while !line.starts_with("listening on far0") {
            line.clear();
            let read = said.read_line(&mut line).expect("text");
            assert!(read > 0, "it ended before it listened: {:?} {before}", child.wait());
            before.push_str(&line);
            let place =
                line.strip_prefix("metrics at http://").and_then(|rest| rest.strip_suffix("/metrics\n"));
            metrics = metrics.or_else(|| place.map(str::to_owned));
        }
        Self { child, metrics, said, before }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("a signal is sent").success());
    }

    /// Ends it in order; its standard output, and what it said since it listened.
    fn end(mut self) -> (String, String) {
        self.signal("TERM");
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().expect("it was asked for").read_to_string(&mut out).expect("text");
        self.said.read_to_string(&mut err).expect("text");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{err}\n{out}");
        (out, err)
    }
}

/// The IPv4 packets of a capture, without their Ethernet headers.
fn packets(capture: &Path) -> Vec<Vec<u8>> {
    let frames = captures::frames(capture);
    let packet = |bytes: &[u8]| (bytes.get(12..14) == Some(&[8, 0])).then(|| bytes[14..].to_vec());
    frames.iter().filter_map(|frame| packet(&frame.bytes)).collect()
}

/// Sends all of them, with a rest now and then: nothing is to be lost.
#[track_caller]
fn send(cable: &Cable, packets: &[Vec<u8>]) {
    for (number, packet) in packets.iter().enumerate() {
        if let Err(refused) = cable.send(packet) {
            panic!("a packet to {:?} was not sent: {refused}", packet.get(16..20));
        }
        if number % 32 == 31 {
            thread::yield_now();
        }
    }
}

/// What is known of each miner, without times, flow ids and numbers of frames.
fn miners(events: &[Value]) -> Vec<String> {
    let told = |event: &&Value| {
        let mining = &event["mining"];
        let fields =
            ["dialect", "stage", "user", "agent", "pool", "confirmed"].map(|field| mining[field].to_string());
        format!("{} > {}:{} {}", event["src_ip"], event["dest_ip"], event["dest_port"], fields.join(" "))
    };
    let mut all: Vec<String> = of_type(events, "flow").iter().map(told).collect();
    all.sort();
    all
}

/// Every frame is in one place, of at least so many that were sent: the kernel sends some of its own.
#[track_caller]
fn adds_up(stats: &Value, sent: u64) {
    let (capture, frames) = (&stats["capture"], &stats["frames"]);
    let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("no {name}: {stats:#}"));
    let term = |name: &str| count(capture, name);
    assert!(term("seen") >= sent, "{capture:#}");
    assert_eq!(term("seen"), term("to_sockets") + term("no_socket") + term("filtered"));
    let lost = term("rx_dropped") + term("rx_ring_full") + term("invalid");
    assert_eq!(term("to_sockets"), term("received") + lost);
    assert_eq!(term("received"), count(frames, "read"));
    assert_eq!(count(frames, "read"), count(frames, "decoded") + count(frames, "discarded"));
    assert_eq!((term("unexplained"), count(frames, "unexplained")), (0, 0));
    assert_eq!(capture.get("on_their_way"), None, "nothing is on its way at the end");
}

#[test]
fn the_link_tells_what_the_capture_tells() {
    let office = pcap("demo.pcap");
    let expected = miners(&replay(&office, &["--eve", "-"]).ends_with(0).events());
    assert!(expected.len() >= 5, "{expected:#?}");
    for (mode, queues) in [("skb", 1), ("native", 1), ("native", 2)] {
        let (office, expected) = (office.clone(), expected.clone());
        with_cable(queues, move |cable| {
            let tap = Tap::start(cable, &["--mode", mode, "--eve", "-"]);
            let packets = packets(&office);
            send(cable, &packets);
            let (out, err) = tap.end();
            let events = events(&out);
            assert_eq!(miners(&events), expected, "{mode} with {queues}: {err}");
            let stats = &events.last().expect("a closing event")["stats"];
            assert_eq!(stats["capture"]["mode"], mode);
            assert_eq!(stats["capture"]["queues"].as_array().map(Vec::len), Some(queues as usize));
            adds_up(stats, packets.len() as u64);
            assert!(
                events.iter().all(|event| event.get("pcap_cnt").is_none()),
                "links have no frame numbers"
            );
            assert!(of_type(&events, "alert").iter().all(|alert| alert["in_iface"] == "far0"));
        });
    }
}

#[test]
fn hosts_and_flows_are_those_of_the_capture() {
    let office = pcap("demo.pcap");
    with_cable(1, move |cable| {
        let tap = Tap::start(cable, &["--mode", "native", "--eve", "-", "--flows", "--hosts"]);
        let packets = packets(&office);
        send(cable, &packets);
        let events = events(&tap.end().0);
        let stats = &events.last().expect("a closing event")["stats"];
        let sum = |field: &str| -> u64 {
            of_type(&events, "host").iter().map(|host| host["host"][field].as_u64().expect("a count")).sum()
        };
        assert_eq!(sum("pkts_sent"), stats["frames"]["in_flows"].as_u64().expect("a count"));
        assert_eq!(sum("bytes_sent"), sum("bytes_received"));
        assert_eq!(of_type(&events, "flow").len() as u64, stats["flows"]["ended"].as_u64().expect("a count"));
    });
}

#[test]
fn what_is_not_asked_for_is_counted_as_filtered() {
    with_cable(1, |cable| {
        let tap = Tap::start(cable, &["--mode", "skb", "--eve", "-", "--ports", "3333"]);
        let packets = packets(&pcap("demo.pcap"));
        send(cable, &packets);
        let events = events(&tap.end().0);
        let stats = &events.last().expect("a closing event")["stats"];
        adds_up(stats, packets.len() as u64);
        assert!(stats["capture"]["filtered"].as_u64() > Some(100), "{stats}");
        assert!(of_type(&events, "alert").iter().all(|alert| alert["dest_port"] == 3333));
    });
}

#[test]
fn it_ends_by_itself_when_told_to() {
    with_cable(1, |cable| {
        let tap = Tap::start(cable, &["--mode", "skb", "--stop-after", "100"]);
        send(cable, &packets(&pcap("demo.pcap")));
        let Tap { mut child, .. } = tap;
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        let mut tap = Tap::start(cable, &["--mode", "skb", "--duration", "200ms"]);
        assert_eq!(tap.child.wait().expect("it ends").code(), Some(0));
    });
}

#[test]
fn a_hangup_opens_the_events_anew() {
    with_cable(1, |cable| {
        let scratch = Scratch::new();
        let tap = Tap::start(
            cable,
            &["--mode", "skb", "--eve", &scratch.text("eve.json"), "--stats-every", "100ms"],
        );
        std::fs::rename(scratch.path("eve.json"), scratch.path("old.json"))
            .expect("it was there from the start");
        tap.signal("HUP");
        // The next sums are written to the new file, however long that takes.
        while !scratch.path("eve.json").exists() {
            thread::yield_now();
        }
        send(cable, &packets(&pcap("stratum-v1/cgminer.pcap")));
        let (out, _) = tap.end();
        assert!(out.contains("1 host mines."), "{out}");
        let new = events(&scratch.read("eve.json"));
        assert_eq!(of_type(&new, "alert").len(), 1);
        assert!(!of_type(&new, "stats").is_empty());
    });
}

/// The page of metrics once `ready` says that it is as awaited, however long that takes.
fn scrape(address: &str, ready: impl Fn(&str) -> bool) -> String {
    loop {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it answers");
        if ready(&page) {
            return page;
        }
        thread::yield_now();
    }
}

#[test]
fn a_configured_tap_serves_metrics_and_sends_alerts_to_syslog() {
    with_cable(1, |cable| {
        let scratch = Scratch::new();
        let log = UnixDatagram::bind(scratch.path("log")).expect("a socket");
        // The network of the cable is new, and so is its loopback interface: down.
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.expect("ip is there").success());
        let config = format!(
            "[tap]\ninterfaces = [\"{}\"]\nmode = \"skb\"\nstats_every = \"1h\"\n\
            [eve]\npath = \"eve.json\"\nrotate_bytes = 1000\nkeep = 50\n\
            [metrics]\nlisten = \"127.0.0.1:0\"\n[syslog]\nto = \"unix://{}\"\n",
            cable.far,
            scratch.text("log"),
        );
        let config = scratch.file("pithead.toml", config);
        let mut program = command();
        program.args(["tap", "--cache", "none", "--config"]).arg(&config);
        let tap = Tap::run(program);
        let packets = packets(&pcap("demo.pcap"));
        send(cable, &packets);
        let address = tap.metrics.clone().expect("it said where");
        let page = scrape(&address, |page| page.contains("pithead_alerts_total{dialect=\"cryptonote\"} 1\n"));
        let frames = page.lines().find_map(|line| line.strip_prefix("pithead_frames_total "));
        assert!(frames.and_then(|frames| frames.parse().ok()) >= Some(packets.len() as u64), "{page}");
        assert!(page.contains("pithead_capture_unexplained_frames 0\n"), "{page}");
        assert!(page.contains("pithead_capture_mode{interface=\"far0\",queue=\"0\",mode=\"skb\"} 1\n"));
        let (_, err) = tap.end();
        assert_eq!(err, "");
        // Lines are passed on many at a time, and none is torn between two files.
        let whole = (1..50).rev().map(|number| format!("eve.json.{number}")).chain(["eve.json".to_owned()]);
        let text: String =
            whole.filter_map(|name| std::fs::read_to_string(scratch.path(&name)).ok()).collect();
        let all = events(&text);
        assert_eq!(all.last().expect("an event")["event_type"], "stats");
        let alerts = of_type(&all, "alert").len();
        assert!(alerts >= 5 && scratch.path("eve.json.1").exists(), "{alerts}");
        log.set_nonblocking(true).expect("a socket");
        let mut bytes = vec![0; 65_536];
        let mut sent = 0;
        while let Ok(length) = log.recv(&mut bytes) {
            assert!(bytes[..length].starts_with(b"<28>1 "));
            sent += 1;
        }
        assert_eq!(sent, alerts);
    });
}

#[test]
fn a_reader_of_events_that_stops_reading_stops_nothing() {
    with_cable(1, |cable| {
        let mut tap = Tap::start(cable, &["--mode", "skb", "--eve", "-", "--flows"]);
        let packets = packets(&pcap("demo.pcap"));
        // Nobody reads what it says, which is more than a pipe holds, and a queue behind it.
        for round in 0..40_u8 {
            let again: Vec<Vec<u8>> = packets
                .iter()
                .map(|packet| {
                    let mut packet = packet.clone();
                    for octet in [14, 18] {
                        packet[octet] ^= round;
                    }
                    packet
                })
                .collect();
            send(cable, &again);
        }
        tap.signal("TERM");
        let mut err = String::new();
        // It ends by itself, although what waits cannot be written.
        tap.said.read_to_string(&mut err).expect("text");
        let ended = tap.child.wait().expect("it ends");
        assert_eq!(ended.code(), Some(1), "{err}");
        assert!(err.contains("standard output: takes no more events"), "{err}");
    });
}

/// Waits for a line that begins so, however long that takes.
#[track_caller]
fn awaits(tap: &mut Tap, begins: &str) {
    let mut line = String::new();
    while !line.starts_with(begins) {
        line.clear();
        let read = tap.said.read_line(&mut line).expect("text");
        assert!(read > 0, "it ended without a word of \"{begins}\"");
    }
}

fn ip(arguments: &str) {
    ip_says(arguments);
}

fn ip_says(arguments: &str) -> String {
    let done = Command::new("ip").args(arguments.split(' ')).output().expect("ip is there");
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

#[test]
fn a_link_that_vanishes_is_told_of_while_its_worker_is_busy_with_another() {
    with_cable(1, |cable| {
        ip("link add pha1 type veth peer name phb1");
        ip("link set pha1 up");
        ip("link set phb1 up");
        let mut program = command();
        program.args(["tap", "phb1", &cable.far, "--cache", "none", "--mode", "skb", "--eve", "-"]);
        let mut tap = Tap::run(program);
        let packets = packets(&pcap("demo.pcap"));
        let over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut sent = 0;
                while !over.load(Ordering::Relaxed) {
                    send(cable, &packets);
                    sent += packets.len() as u64;
                }
                sent
            });
            ip("link del pha1");
            awaits(&mut tap, "error: phb1: the interface is gone");
            over.store(true, Ordering::Relaxed);
            sender.join().expect("it sends")
        });
        tap.signal("TERM");
        let (mut out, mut err) = (String::new(), String::new());
        tap.child.stdout.take().expect("it was asked for").read_to_string(&mut out).expect("text");
        tap.said.read_to_string(&mut err).expect("text");
        assert_eq!(tap.child.wait().expect("it ends").code(), Some(1), "not all was seen");
        assert!(!err.contains("the interface is gone"), "told once: {err}");
        let events = events(&out);
        let stats = &events.last().expect("a closing event")["stats"];
        assert!(stats["frames"]["read"].as_u64() <= Some(sent + 100), "{stats}");
        assert!(of_type(&events, "alert").len() >= 5);
    });
}

#[test]
fn a_link_that_goes_down_is_waited_for_and_one_that_is_renamed_is_followed() {
    with_cable(1, |cable| {
        let mut tap = Tap::start(cable, &["--mode", "native", "--eve", "-"]);
        ip("link set far0 down");
        awaits(&mut tap, "warning: far0: is down; waiting for it");
        ip("link set far0 name phr0");
        awaits(&mut tap, "warning: far0: is called phr0 now");
        ip("link set phr0 up");
        awaits(&mut tap, "warning: phr0: is up again");
        // The other end sends once it has noticed that there is somebody.
        while !ip_says("link show near0").contains("LOWER_UP") {
            thread::yield_now();
        }
        let packets = packets(&pcap("stratum-v1/cgminer.pcap"));
        send(cable, &packets);
        let events = events(&tap.end().0);
        let alerts = of_type(&events, "alert");
        assert_eq!((alerts.len(), &alerts[0]["in_iface"]), (1, &Value::from("phr0")));
        let stats = &events.last().expect("a closing event")["stats"];
        adds_up(stats, packets.len() as u64);
        assert_eq!(stats["capture"]["nics"][0]["interface"], "phr0");
        assert!(
            stats["capture"]["nics"][0]["rx_packets"].as_u64() >= Some(packets.len() as u64),
            "{stats:#}"
        );
    });
}

#[test]
fn a_pipe_of_events_may_find_its_reader_late_and_lose_it() {
    with_cable(1, |cable| {
        let scratch = Scratch::new();
        let pipe = scratch.text("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
        let mut tap = Tap::start(cable, &["--mode", "skb", "--eve", &pipe, "--stats-every", "100ms"]);
        awaits(&mut tap, &format!("warning: {pipe}: nobody reads from this pipe; start its reader"));
        let read_some = || {
            let mut reader = BufReader::new(std::fs::File::open(&pipe).expect("it is opened for writing"));
            let mut line = String::new();
            reader.read_line(&mut line).expect("text");
            assert!(line.starts_with('{') && line.ends_with('\n'), "{line}");
        };
        read_some();
        awaits(&mut tap, &format!("warning: {pipe}: nobody reads from this pipe"));
        read_some();
        send(cable, &packets(&pcap("stratum-v1/cgminer.pcap")));
        tap.signal("TERM");
        let (mut out, mut err) = (String::new(), String::new());
        tap.child.stdout.take().expect("it was asked for").read_to_string(&mut out).expect("text");
        tap.said.read_to_string(&mut err).expect("text");
        assert_eq!(tap.child.wait().expect("it ends").code(), Some(1), "{err}");
        assert!(out.contains("1 host mines."), "it went on: {out}");
        assert!(err.contains(&format!("{pipe}: ")) && err.contains(" were lost"), "{err}");
    });
}

#[test]
fn a_disk_that_is_full_is_told_of_with_a_remedy_and_the_tap_goes_on() {
    with_cable(1, |cable| {
        let scratch = Scratch::new();
        scratch.file("disk/keep", "");
        let pithead = command();
        let mut program = Command::new("unshare");
        program.args(["--mount", "sh", "-c", "mount -t tmpfs -o size=8k none \"$0\" && exec \"$@\""]);
        program.arg(scratch.path("disk")).arg(pithead.get_program());
        program.args([
            "tap",
            &cable.far,
            "--cache",
            "none",
            "--mode",
            "skb",
            "--flows",
            "--stats-every",
            "100ms",
        ]);
        program.arg("--eve").arg(scratch.path("disk/eve.json"));
        let mut tap = Tap::run(program);
        let packets = packets(&pcap("demo.pcap"));
        send(cable, &packets);
        let eve = scratch.text("disk/eve.json");
        awaits(
            &mut tap,
            &format!(
                "warning: {eve}: cannot be written on: No space left on device (os error 28); \
            events are lost from here on, so make room there"
            ),
        );
        send(cable, &packets);
        tap.signal("TERM");
        let (mut out, mut err) = (String::new(), String::new());
        tap.child.stdout.take().expect("it was asked for").read_to_string(&mut out).expect("text");
        tap.said.read_to_string(&mut err).expect("text");
        assert_eq!(tap.child.wait().expect("it ends").code(), Some(1), "{err}");
        assert!(err.contains(&format!("error: {eve}: ")) && err.contains(" were lost"), "{err}");
        assert!(out.contains("5 hosts mine."), "{out}");
    });
}

#[test]
fn a_machine_without_huge_pages_is_told_so() {
    let set_aside = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
    with_cable(1, move |cable| {
        let tap = Tap::start(cable, &["--mode", "skb"]);
        let told = tap.before.contains("warning: far0: memory for frames is not in huge pages");
        let (_, err) = tap.end();
        // With some, whether they are enough is another's doing.
        assert!(told || set_aside.trim() != "0", "{err}");
    });
}

#[test]
fn a_file_of_events_begins_anew_wherever_it_is_named() {
    with_cable(1, |cable| {
        let scratch = Scratch::new();
        let config = scratch.file("pithead.toml", "[eve]\npath = \"eve.json\"\n");
        let config = config.to_str().expect("text").to_owned();
        scratch.file("eve.json", "{}\n".repeat(500));
        Tap::start(cable, &["--mode", "skb", "--config", &config, "--rotate-bytes", "1000"]).end();
        assert_eq!(scratch.read("eve.json.1").len(), 1500, "what an earlier run wrote");
        assert!(scratch.read("eve.json").contains("stats"));
    });
    let run = support::pithead(["tap", "lo", "--rotate-keep", "3"]).ends_with(1);
    run.complains("there is no file of events to begin anew: name one with --eve");
}

#[test]
fn a_link_that_is_not_there_is_named() {
    let run = support::pithead(["tap", "nolink0"]).ends_with(1);
    assert!(run.err.contains("nolink0"), "{}", run.err);
    support::pithead(["tap"]).ends_with(1).complains("no interface to listen on");
    support::pithead(["tap", "lo", "--cores", "9999"]).ends_with(1).complains("there is no core 9999");
    support::pithead(["tap", "lo", "--duration", "soon"]).ends_with(2);
}
