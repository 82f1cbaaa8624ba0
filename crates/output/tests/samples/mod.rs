//! One record of every kind, with and without what may be missing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use pithead_detect::behaviour::{Context, Hello, assess};
use pithead_detect::pools::Kind;
use pithead_detect::{App, DetectCounters, Evidence, Facts, Mining, Oddities, Shares, Stage, Where};
use pithead_flow::{
    Asks, Direction, End, FragmentCounters, Gaps, HostStats, Said, Shape, State, Summary, TableCounters,
    WatchCounters,
};
use pithead_output::{
    AlertRecord, Behaviour, Blocked, CaptureStats, FlowRecord, Frames, HostCounters, HostRecord, Listing,
    NameRecord, NameSource, NicAccount, Origin, Pool, QueueAccount, Record, RecordBody, Signature,
    StatsRecord, Terms, Verdict,
};
use pithead_wire::{Flags, Tags, Timestamp};

/// 2026-11-22T18:10:00.123456+0000.
const START: Timestamp = Timestamp::from_nanos(1_795_371_000_123_456_789);

const WALLET: &str =
    "4Examp1eWa11etExamp1eWa11etExamp1eWa11etExamp1eWa11etExamp1eWa11etExamp1eWa11etExamp1eWa11etExam";

/// Every record, each with a name for it.
pub(crate) fn all() -> Vec<(&'static str, Record)> {
    vec![
        ("alert", alert()),
        ("alert, met in its midst", alert_from_the_middle()),
        ("alert, reset", blocked(true)),
        ("alert, silence", blocked(false)),
        ("alert, behaviour", behaved()),
        ("flow", mined()),
        ("flow, so far", mining_on()),
        ("flow, silence", blocked_flow(false)),
        ("flow, reset", blocked_flow(true)),
        ("flow, nothing to do with mining", datagrams()),
        ("flow, watched", watched_flow()),
        ("dns query", name(Where::DnsQuery, App::Dns, None)),
        ("dns answer", name(Where::DnsAnswer, App::Dns, None)),
        ("tls name", name(Where::TlsSni, App::Tls, None)),
        ("tls certificate", name(Where::TlsCertificate, App::Tls, None)),
        ("http", name(Where::HttpHost, App::Http, None)),
        ("http connect", name(Where::HttpConnect, App::Http, Some(14_433))),
        ("socks", name(Where::Socks, App::Socks, Some(14_433))),
        ("host", host(Some("10.7.0.23".parse().unwrap()))),
        ("host, the others", host(None)),
        ("stats", stats(Some(HostCounters { known: 212, refused: 0 }))),
        ("stats, hosts not counted", stats(None)),
        ("stats of a tap", tapped()),
        ("stats of a tap, under way", under_way()),
        ("stats of a tap, not all known", tapping()),
    ]
}

/// The first alert: a miner logs in, and everything is known.
pub(crate) fn alert() -> Record {
    let verdict = Verdict::Session(Box::new(login()));
    let signature = Signature::of(&verdict);
    let flow = Summary {
        state: State::Established,
        flags: [Flags(0x1a), Flags(0x12)],
        packets: [3, 1],
        bytes: [757, 74],
        last: START.after(Duration::from_millis(250)),
        ..tcp()
    };
    let alert = AlertRecord { flow, app: App::Mining, verdict, pool: Some(pool()), signature };
    record(RecordBody::Alert(Box::new(alert)))
}

fn alert_from_the_middle() -> Record {
    let mining = Mining {
        dialect: "stratum-v1",
        stage: Stage::Subscribed,
        client: Direction::Backward,
        confirmed: false,
        facts: Facts { difficulty: Some(0.000_122_070_312_5), ..Facts::default() },
        shares: Shares::default(),
        evidence: Evidence {
            text: r#"{"params":["1f","5c1d0e7a"],"id":null,"method":"mining.notify"}"#.into(),
            direction: Direction::Forward,
            frame: 1,
        },
    };
    let verdict = Verdict::Session(Box::new(mining));
    let signature = Signature::of(&verdict);
    let flow = Summary {
        source: "[2001:db8::3333]:3333".parse().unwrap(),
        destination: "[2001:db8:0:7::23]:50112".parse().unwrap(),
        tags: Tags { vni: Some(5001), ..Tags::default() },
        ..tcp()
    };
    let pool = Some(Pool::at(flow.source));
    let alert = AlertRecord { flow, app: App::WebSocket, verdict, pool, signature };
    Record { origin: Origin::default(), ..record(RecordBody::Alert(Box::new(alert))) }
}

fn refusal(reset: bool) -> Verdict {
    Verdict::Blocked(Box::new(Blocked { reset, name: "xmr-eu1.nanopool.org".into(), frame: 12 }))
}

fn unanswered() -> Summary {
    Summary {
        state: State::New,
        flags: [Flags::SYN, Flags::default()],
        packets: [1, 0],
        bytes: [74, 0],
        last: START,
        ..tcp()
    }
}

fn blocked(reset: bool) -> Record {
    let verdict = refusal(reset);
    let signature = Signature::of(&verdict);
    let alert = AlertRecord { flow: unanswered(), app: App::Unknown, verdict, pool: Some(pool()), signature };
    record(RecordBody::Alert(Box::new(alert)))
}

/// What a miner under TLS looks like after some minutes.
fn behaviour() -> Behaviour {
    let (flow, share) = (tcp(), Said { size: 207, count: 38 });
    let mut asks = [Asks::default(); 3];
    asks[0] = Asks::new(share, (0..37).map(|n| [1.5, 3.0, 29.0, 4.0][n % 4]));
    let shape = Shape {
        client: Direction::Forward,
        tls: true,
        watched: Duration::from_secs(359),
        asks,
        asked: 38,
        answers: [Said { size: 87, count: 38 }, Said::default()],
        answered: 38,
        delay: Some(0.09),
        pushes: [Said { size: 415, count: 3 }, Said::default()],
        pushed: 3,
        push_gaps: Gaps::of([71.0, 160.0]),
        prodded: 0,
        hasty: 0,
        silence: 31,
    };
    let hello = Some(Hello { names_server: false, names_protocol: false });
    let context = Context { port: flow.destination.port(), hello, ..Context::default() };
    Behaviour { shape, assessment: assess(&shape, &context).unwrap(), frame: 311 }
}

fn behaved() -> Record {
    let verdict = Verdict::Behaviour(Box::new(behaviour()));
    let signature = Signature::of(&verdict);
    let alert = AlertRecord { flow: tcp(), app: App::Tls, verdict, pool: Some(pool()), signature };
    record(RecordBody::Alert(Box::new(alert)))
}

/// A flow that was watched, and that nothing was found of.
fn watched_flow() -> Record {
    let mut record = flow(tcp(), App::Tls, Some(End::Closed), None, Oddities::default());
    let RecordBody::Flow(flow) = &mut record.body else { unreachable!("it is a flow") };
    flow.watched = Some(Box::new(behaviour()));
    record
}

fn mined() -> Record {
    let mining = Mining {
        stage: Stage::Working,
        confirmed: true,
        shares: Shares { sent: 17, accepted: 16, rejected: 1 },
        ..login()
    };
    let oddities = Oddities { gaps: 1, lost_bytes: 1448, retransmissions: 2, ..Oddities::default() };
    flow(tcp(), App::Mining, Some(End::Closed), Some(Verdict::Session(Box::new(mining))), oddities)
}

fn mining_on() -> Record {
    let verdict = Verdict::Session(Box::new(login()));
    let flow_so_far =
        Summary { state: State::Established, flags: [Flags::ACK.union(Flags::URG), Flags::ACK], ..tcp() };
    flow(flow_so_far, App::Mining, None, Some(verdict), Oddities::default())
}

fn blocked_flow(reset: bool) -> Record {
    let (end, flow_then) = match reset {
        false => (End::Timeout, unanswered()),
        true => {
            let flags = [Flags::SYN, Flags::RST.union(Flags::ACK)];
            let then =
                Summary { state: State::Closed, flags, packets: [1, 1], bytes: [74, 60], ..unanswered() };
            (End::Closed, then)
        }
    };
    flow(flow_then, App::Unknown, Some(end), Some(refusal(reset)), Oddities::default())
}

fn datagrams() -> Record {
    flow(udp(), App::Quic, Some(End::Shutdown), None, Oddities::default())
}

fn flow(flow: Summary, app: App, end: Option<End>, verdict: Option<Verdict>, oddities: Oddities) -> Record {
    let pool = verdict.as_ref().map(|_| pool());
    let at = flow.last.after(Duration::from_secs(10));
    let body =
        RecordBody::Flow(Box::new(FlowRecord { flow, app, end, verdict, pool, watched: None, oddities }));
    Record { at, ..record(body) }
}

fn name(place: Where, app: App, port: Option<u16>) -> Record {
    let flow = if app == App::Dns { udp() } else { tcp() };
    let name = "xmr-eu1.nanopool.org".into();
    record(RecordBody::Name(Box::new(NameRecord { flow, app, place, name, port, listing: listing() })))
}

fn host(address: Option<IpAddr>) -> Record {
    let mut stats = HostStats {
        packets_out: 1_204,
        packets_in: 1_377,
        bytes_out: 181_311,
        bytes_in: 922_004,
        flows_out: 31,
        flows_in: 2,
        ..HostStats::default()
    };
    stats.peers.insert_address("198.51.100.7".parse().unwrap());
    stats.ports.insert(10_300);
    stats.seen(START);
    stats.seen(START.after(Duration::from_secs(95)));
    let body = RecordBody::Host(Box::new(HostRecord { address, stats }));
    Record { origin: Origin::default(), ..record(body) }
}

fn stats(hosts: Option<HostCounters>) -> Record {
    let stats = StatsRecord {
        version: "0.1.0".into(),
        elapsed: Duration::from_micros(41_700),
        files: Some(1),
        capture: None,
        frames: Frames {
            read: 1_000,
            bytes: 655_360,
            decoded: 990,
            discarded: [0, 8, 1, 0, 1, 0, 0, 0],
            in_flows: 970,
            fragments: 4,
            other_protocols: 16,
            refused: 0,
        },
        flows: TableCounters { flows: 87, packets: 970, refused: 0 },
        flows_ended: 87,
        fragments: FragmentCounters { received: 6, completed: 2, ..FragmentCounters::default() },
        detect: DetectCounters { inspected: 61, ..DetectCounters::default() },
        watch: WatchCounters { watched: 4, ..WatchCounters::default() },
        hosts,
        alerts: 3,
        forgotten: 0,
        jumps_back: 0,
    };
    Record { origin: Origin::default(), ..record(RecordBody::Stats(Box::new(stats))) }
}

/// The last word of a tap on one queue.
fn tapped() -> Record {
    let Record { body: RecordBody::Stats(stats), .. } = stats(None) else { panic!("they are sums") };
    let queue = QueueAccount {
        interface: "eth1".into(),
        queue: 0,
        mode: "native",
        terms: Terms {
            seen: Some(1_100),
            to_sockets: Some(1_060),
            no_socket: Some(0),
            filtered: Some(40),
            received: Some(1_000),
            rx_dropped: Some(60),
            rx_ring_full: Some(0),
            invalid: Some(0),
            fill_ring_empty: Some(60),
        },
    };
    let nic = NicAccount {
        interface: "eth1".into(),
        received: Some(1_103),
        missed: Some(3),
        no_buffer: Some(0),
        fifo: Some(0),
        over: Some(0),
        dropped: Some(0),
        crc: Some(0),
        length: Some(0),
    };
    let capture = CaptureStats {
        queues: vec![queue],
        nics: vec![nic],
        read: 1_000,
        events_dropped: 0,
        halves_joined: 0,
        closed: true,
    };
    let stats = StatsRecord { files: None, capture: Some(capture), ..*stats };
    Record { origin: Origin::default(), ..record(RecordBody::Stats(Box::new(stats))) }
}

/// The same while frames come, from a kernel that keeps no count of what was dropped, and a NIC that tells nothing.
fn tapping() -> Record {
    let Record { body: RecordBody::Stats(mut stats), .. } = tapped() else { panic!("they are sums") };
    let capture = stats.capture.as_mut().unwrap();
    capture.closed = false;
    capture.queues[0].terms.to_sockets = Some(1_064);
    let mut unknown = QueueAccount { queue: 1, ..capture.queues[0].clone() };
    unknown.terms.rx_dropped = None;
    capture.queues.push(unknown);
    capture.nics = vec![NicAccount { interface: "eth1".into(), ..NicAccount::default() }];
    Record { origin: Origin::default(), ..record(RecordBody::Stats(stats)) }
}

/// The same while frames come.
fn under_way() -> Record {
    let Record { body: RecordBody::Stats(mut stats), .. } = tapped() else { panic!("they are sums") };
    let capture = stats.capture.as_mut().unwrap();
    capture.closed = false;
    capture.queues[0].terms.to_sockets = Some(1_064);
    capture.queues[0].terms.seen = Some(1_104);
    Record { origin: Origin::default(), ..record(RecordBody::Stats(stats)) }
}

fn record(body: RecordBody) -> Record {
    let origin = Origin {
        file: Some("captures/office.pcap".into()),
        interface: Some("eth0".into()),
        number: Some(1_234),
    };
    Record { at: START.after(Duration::from_millis(250)), origin, body }
}

fn login() -> Mining {
    Mining {
        dialect: "cryptonote",
        stage: Stage::Attempt,
        client: Direction::Forward,
        confirmed: false,
        facts: Facts {
            user: Some(format!("{WALLET}.rig7")),
            wallet: Some(WALLET.into()),
            worker: Some("rig7".into()),
            agent: Some("XMRig/6.26.0 (Linux x86_64) libuv/1.51.0 gcc/13.3.0".into()),
            rig: Some("cellar".into()),
            algorithm: Some("rx/0".into()),
            coin: None,
            pool_host: None,
            pool_port: None,
            difficulty: Some(120_001.0),
            target: Some("b88d0600".into()),
        },
        shares: Shares::default(),
        evidence: Evidence {
            text: r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4Examp1eWa11et.rig7","pass":***}}"#.into(),
            direction: Direction::Forward,
            frame: 1_234,
        },
    }
}

fn pool() -> Pool {
    Pool {
        name: Some("xmr-eu1.nanopool.org".into()),
        address: Some("198.51.100.7".parse().unwrap()),
        port: Some(10_300),
        listing: Some(listing()),
        source: NameSource::Dns,
    }
}

fn listing() -> Listing {
    Listing { domain: "nanopool.org".into(), kind: Kind::Pool, coins: vec!["XMR".into()] }
}

fn tcp() -> Summary {
    Summary {
        id: 4_503_599_627_370_497,
        source: end("10.7.0.23:50112"),
        destination: end("198.51.100.7:10300"),
        protocol: 6,
        state: State::Closed,
        flags: [Flags(0x1b), Flags(0x12)],
        tags: Tags { vlan: [100, 7], vlans: 2, vni: None, depth: 2 },
        interface: 0,
        first: START,
        last: START.after(Duration::from_millis(95_250)),
        packets: [61, 48],
        bytes: [7_311, 22_004],
    }
}

fn udp() -> Summary {
    Summary {
        id: 77,
        source: end("10.7.0.23:40001"),
        destination: end("10.7.0.1:53"),
        protocol: 17,
        state: State::Datagrams,
        flags: [Flags::default(); 2],
        tags: Tags::default(),
        packets: [1, 1],
        bytes: [80, 96],
        ..tcp()
    }
}

fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
