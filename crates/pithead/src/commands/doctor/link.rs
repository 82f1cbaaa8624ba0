//! What is found of one link.

use pithead_capture::nic::{Nic, Unknown};

use super::finding::Finding;
use super::spread;

/// What a chunk of 4 KiB holds beside the driver's 256 bytes, less an Ethernet header and two tags: drivers take no more in one piece.
const ONE_PIECE_BYTES: u32 = 4096 - 256 - 22;
/// A ring that holds what comes in while a worker is away for a few milliseconds.
const RING_FRAMES: u32 = 4096;

/// All findings of a link.
pub(super) fn findings(nic: &Nic) -> Vec<Finding> {
    let mut findings =
        vec![state(nic), driver(nic), queues(nic), holders(nic), mode(nic), mtu(nic), spread::one(nic)];
    findings.extend(offloads(nic));
    if has_hardware(nic) {
        findings.extend([rings(nic), pause(nic), node(nic), interrupts(nic)]);
    } else {
        findings.push(Finding::ok(
            "hardware",
            "none, so no rings, pause frames, memory node or interrupts to look at",
        ));
    }
    findings.extend([promiscuous(nic), lost(nic)]);
    findings
}

/// Links that the kernel made of nothing have a kind (`veth`, `bridge`), or are the loopback.
fn has_hardware(nic: &Nic) -> bool {
    nic.link.kind.is_none() && !nic.link.loopback
}

fn state(nic: &Nic) -> Finding {
    let name = &nic.link.name;
    if !nic.link.up {
        return Finding::fail(
            "link",
            "is down, and takes no socket",
            Some(format!("ip link set dev {name} up")),
        );
    }
    match &nic.link.carrier {
        Ok(true) => {
            let speed =
                nic.speed.as_ref().map_or_else(|_| String::new(), |speed| format!(", {speed} Mbit/s"));
            Finding::ok("link", format_args!("up{speed}"))
        }
        Ok(false) => Finding::warn("link", "up, but nobody is at the other end: check cable and peer", None),
        Err(why) => Finding::unknown("link", format_args!("whether anybody is at the other end is {why}")),
    }
}

fn driver(nic: &Nic) -> Finding {
    match &nic.driver {
        Ok(driver) => Finding::ok("driver", driver),
        Err(_) if nic.link.loopback => Finding::ok("driver", "none: this is the loopback link"),
        Err(why) => Finding::unknown("driver", why),
    }
}

fn queues(nic: &Nic) -> Finding {
    let max =
        nic.channels.as_ref().map(|channels| channels.rx.max + channels.combined.max).unwrap_or_default();
    match &nic.rx_queues {
        Ok(queues) if max > *queues => {
            Finding::ok("queues", format_args!("{queues} receive, of at most {max}"))
        }
        Ok(queues) => Finding::ok("queues", format_args!("{queues} receive")),
        Err(why) => {
            let text =
                format!("how many receive is unknown: {why}; what an unwatched queue gets would pass unseen");
            Finding::fail("queues", text, None)
        }
    }
}

fn holders(nic: &Nic) -> Finding {
    let name = &nic.link.name;
    if let Some(program) = nic.link.xdp_program {
        let remedy = format!(
            "bpftool net show dev {name}   # tells whose it is; 'ip link set dev {name} xdp off' takes it off"
        );
        let text = format!("an XDP program (number {program}) is attached already, perhaps by another tap");
        return Finding::fail("in use", text, Some(remedy));
    }
    let Ok(queues) = &nic.queues else {
        return Finding::ok("in use", "by no XDP program");
    };
    let held: Vec<String> =
        queues.iter().filter(|queue| queue.held).map(|queue| queue.id.to_string()).collect();
    if held.is_empty() {
        return Finding::ok("in use", "by no XDP program and no AF_XDP socket");
    }
    let text = format!(
        "another program holds an AF_XDP socket on queue {}: end it, a queue has one at a time",
        held.join(", ")
    );
    Finding::fail("in use", text, Some("ss --xdp --processes".to_owned()))
}

fn mode(nic: &Nic) -> Finding {
    match &nic.xdp {
        Ok(xdp) if xdp.zero_copy => Finding::ok("zero copy", "the driver has it"),
        Ok(xdp) if xdp.native => Finding::warn(
            "zero copy",
            "not with this driver; native mode, which copies each frame once",
            None,
        ),
        Ok(_) => Finding::warn(
            "zero copy",
            "not with this driver, nor native mode; SKB mode, which is several times slower",
            None,
        ),
        Err(why) => Finding::unknown(
            "zero copy",
            format_args!("{why} (Linux 6.3 tells); 'pithead tap' finds out by trying"),
        ),
    }
}

fn mtu(nic: &Nic) -> Finding {
    let mtu = match &nic.link.mtu {
        Ok(mtu) => *mtu,
        Err(why) => return Finding::unknown("MTU", why),
    };
    let too_long = nic.statistics.length.unwrap_or_default();
    if too_long > 0 {
        let text = format!(
            "{mtu}, and {too_long} frames were refused for their length: it has to be that of the tapped link"
        );
        return Finding::warn("MTU", text, Some(format!("ip link set dev {} mtu 9000", nic.link.name)));
    }
    if mtu <= ONE_PIECE_BYTES {
        return Finding::ok("MTU", mtu);
    }
    let pieces = match &nic.xdp {
        Ok(xdp) if xdp.zero_copy && xdp.zero_copy_buffers.as_ref().is_ok_and(|most| *most > 1) => {
            Ok("zero copy")
        }
        Ok(xdp) if xdp.multi_buffer => Ok("native mode"),
        Ok(_) => Err("the driver does not take them in pieces, so only SKB mode sees them"),
        Err(_) => Err("whether the driver takes them in pieces is unknown"),
    };
    match pieces {
        Ok(mode) => Finding::ok("MTU", format_args!("{mtu}; long frames come in pieces in {mode}")),
        Err(why) => {
            let remedy = format!(
                "ip link set dev {} mtu 1500   # if the tapped link has no longer frames",
                nic.link.name
            );
            Finding::warn("MTU", format_args!("{mtu}: longer than one buffer holds, and {why}"), Some(remedy))
        }
    }
}

/// What merges frames into ones that were never on the wire, or takes something off them.
fn offloads(nic: &Nic) -> Vec<Finding> {
    let features = match &nic.features {
        Ok(features) => features,
        Err(why) => return vec![Finding::unknown("offloads", why)],
    };
    let name = &nic.link.name;
    let turn_off = |feature: &str| Some(format!("ethtool -K {name} {feature} off"));
    let mut findings = Vec::new();
    for (feature, what) in [("rx-lro", "LRO"), ("rx-gro-hw", "hardware GRO")] {
        if features.active.contains(feature) {
            let text = format!("{what} is on: the NIC merges frames, and XDP does not start");
            findings.push(Finding::fail("offloads", text, turn_off(feature)));
        }
    }
    if features.active.contains("rx-gro") {
        let text = "GRO is on: in SKB mode frames are merged before they are seen";
        findings.push(Finding::warn("offloads", text, turn_off("gro")));
    }
    // What has no wire has no tags that hardware could take off: veth hands them over in metadata, which its XDP puts back.
    if has_hardware(nic) && features.active.contains("rx-vlan-hw-parse") {
        let text = if nic.xdp.as_ref().is_ok_and(|xdp| xdp.vlan_tag) {
            "VLAN tags are taken off by the NIC; the driver can be asked for them"
        } else {
            "VLAN tags are taken off by the NIC, and the driver cannot be asked for them: flows of several VLANs look like one"
        };
        findings.push(Finding::warn("offloads", text, turn_off("rxvlan")));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("offloads", "none that hide or change frames"));
    }
    findings
}

fn rings(nic: &Nic) -> Finding {
    match &nic.rx_ring {
        Ok(ring) if ring.now < ring.max.min(RING_FRAMES) => Finding::warn(
            "rings",
            format_args!("{} frames each, of at most {}: bursts are lost in the NIC", ring.now, ring.max),
            Some(format!("ethtool -G {} rx {}", nic.link.name, ring.max.min(RING_FRAMES))),
        ),
        Ok(ring) => Finding::ok("rings", format_args!("{} frames each, of at most {}", ring.now, ring.max)),
        Err(why) => Finding::unknown("rings", why),
    }
}

fn pause(nic: &Nic) -> Finding {
    match &nic.pause {
        Ok(pause) if pause.rx || pause.tx => Finding::warn(
            "pause frames",
            "on: when this NIC is full it would slow down the link that it watches",
            Some(format!("ethtool -A {} autoneg off rx off tx off", nic.link.name)),
        ),
        Ok(_) => Finding::ok("pause frames", "off"),
        Err(Unknown::Untold) => Finding::ok("pause frames", "the driver has none"),
        Err(why) => Finding::unknown("pause frames", why),
    }
}

fn node(nic: &Nic) -> Finding {
    match (&nic.numa_node, &nic.near) {
        (Ok(node), Ok(near)) => {
            Finding::ok("memory node", format_args!("{node}, with {} processors", near.len()))
        }
        (Ok(node), Err(_)) => Finding::ok("memory node", node),
        (Err(Unknown::Untold), _) => Finding::ok("memory node", "none of its own: all memory is as near"),
        (Err(why), _) => Finding::unknown("memory node", why),
    }
}

fn interrupts(nic: &Nic) -> Finding {
    let interrupts = match &nic.interrupts {
        Ok(interrupts) => interrupts,
        Err(why) => return Finding::unknown("interrupts", why),
    };
    let placed: Vec<_> =
        interrupts.iter().filter_map(|(number, cores)| Some((number, cores.as_ref().ok()?))).collect();
    let Some((first, _)) = placed.first() else {
        return Finding::unknown("interrupts", "where they go is not told");
    };
    let far = |cores: &std::collections::BTreeSet<u32>| {
        nic.near.as_ref().is_ok_and(|near| !near.is_empty() && cores.is_disjoint(near))
    };
    if let Some((number, _)) = placed.iter().find(|(_, cores)| far(cores)) {
        let near = nic.near.as_ref().ok().and_then(|near| near.first()).copied().unwrap_or_default();
        return Finding::warn(
            "interrupts",
            format_args!("interrupt {number} wakes processors of another memory node"),
            Some(format!("echo {near} > /proc/irq/{number}/smp_affinity_list   # and stop irqbalance")),
        );
    }
    let mut cores: Vec<u32> = placed.iter().flat_map(|(_, cores)| cores.iter().copied()).collect();
    cores.sort_unstable();
    cores.dedup();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if cores.len() == 1
        && placed.len() > 1
        && processors > 1
        && nic.rx_queues.as_ref().is_ok_and(|queues| *queues > 1)
    {
        return Finding::warn(
            "interrupts",
            format_args!("all {} wake processor {}", placed.len(), cores[0]),
            Some(format!(
                "echo 1 > /proc/irq/{first}/smp_affinity_list   # one processor for each, and stop irqbalance"
            )),
        );
    }
    Finding::ok("interrupts", format_args!("{}, on {} processors", placed.len(), cores.len()))
}

fn promiscuous(nic: &Nic) -> Finding {
    if nic.link.enslaved {
        let text = "part of a bridge or bond, which gets no frame that a tap takes";
        return Finding::warn(
            "promiscuous",
            text,
            Some(format!("ip link set dev {} nomaster", nic.link.name)),
        );
    }
    match &nic.link.promiscuity {
        Ok(0) => Finding::ok("promiscuous", "not now; a tap makes it so while it runs"),
        Ok(programs) => Finding::ok("promiscuous", format_args!("already, for {programs} others")),
        Err(why) => Finding::unknown("promiscuous", why),
    }
}

fn lost(nic: &Nic) -> Finding {
    let now = &nic.statistics;
    let counters = [
        ("missed", now.missed),
        ("fifo", now.fifo),
        ("over", now.over),
        ("without a buffer", now.no_buffer),
        ("dropped by hardware", now.hardware_dropped),
    ];
    let told: Vec<String> = counters
        .iter()
        .filter_map(|(name, count)| Some(format!("{} {name}", count.filter(|count| *count > 0)?)))
        .collect();
    if !told.is_empty() {
        return Finding::warn(
            "lost so far",
            format_args!("{} since the link was made", told.join(", ")),
            None,
        );
    }
    match now.received {
        Some(received) => {
            Finding::ok("lost so far", format_args!("none of {received} frames, by the counters there are"))
        }
        None => Finding::unknown("lost so far", "the link has no counters"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use pithead_capture::nic::{self, Channels, Features, Limited, Pause, Queue, XdpFeatures};

    use super::super::finding::Verdict;
    use super::*;

    /// A card with two queues and nothing to complain about, made of a link that is everywhere.
    fn card() -> Nic {
        let mut nic = nic::survey("lo").expect("every namespace has it");
        nic.link.name = "eth1".to_owned();
        nic.link.loopback = false;
        nic.link.up = true;
        nic.link.carrier = Ok(true);
        nic.link.mtu = Ok(1500);
        nic.link.xdp_program = None;
        nic.driver = Ok("ixgbe".to_owned());
        nic.rx_queues = Ok(2);
        nic.channels = Ok(Channels { combined: Limited { now: 2, max: 16 }, ..Channels::default() });
        nic.queues = Ok((0..2).map(|id| Queue { id, interrupt: Ok(40 + id), held: false }).collect());
        nic.rx_ring = Ok(Limited { now: 4096, max: 8192 });
        nic.pause = Ok(Pause { autoneg: false, rx: false, tx: false });
        nic.features = Ok(Features::default());
        nic.xdp = Ok(XdpFeatures {
            native: true,
            zero_copy: true,
            multi_buffer: true,
            zero_copy_buffers: Ok(5),
            timestamp: true,
            vlan_tag: true,
        });
        nic.numa_node = Ok(0);
        nic.near = Ok(BTreeSet::from([0, 1]));
        nic.interrupts = Ok(BTreeMap::from([(40, Ok(BTreeSet::from([0]))), (41, Ok(BTreeSet::from([1])))]));
        nic.rss = Ok(nic::Rss {
            function: nic::HashFunction::Toeplitz,
            key: nic::symmetric_key(40),
            table: vec![0, 1],
            transform: 0,
        });
        nic.statistics = nic::Statistics { received: Some(9), ..nic::Statistics::default() };
        nic
    }

    /// The one finding that is not ok after this change.
    #[track_caller]
    fn amiss(change: impl FnOnce(&mut Nic)) -> (Verdict, &'static str, String) {
        let mut nic = card();
        change(&mut nic);
        let mut found: Vec<_> =
            findings(&nic).into_iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        let Finding { verdict, check, remedy, .. } = found.remove(0);
        (verdict, check, remedy.unwrap_or_default())
    }

    #[test]
    fn a_good_card_has_nothing_amiss() {
        let amiss: Vec<_> =
            findings(&card()).into_iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
        assert_eq!(amiss, []);
    }

    #[test]
    fn each_fault_is_found_by_itself_with_its_remedy() {
        let on = |feature: &str| {
            Ok(Features { active: BTreeSet::from([feature.to_owned()]), ..Features::default() })
        };
        let fail = |check, remedy: &str| (Verdict::Fail, check, remedy.to_owned());
        let warn = |check, remedy: &str| (Verdict::Warn, check, remedy.to_owned());
        assert_eq!(amiss(|nic| nic.link.up = false), fail("link", "ip link set dev eth1 up"));
        assert_eq!(amiss(|nic| nic.link.carrier = Ok(false)), warn("link", ""));
        assert_eq!(amiss(|nic| nic.rx_queues = Err(Unknown::Untold)), fail("queues", ""));
        assert_eq!(amiss(|nic| nic.features = on("rx-lro")), fail("offloads", "ethtool -K eth1 rx-lro off"));
        assert_eq!(amiss(|nic| nic.features = on("rx-gro")), warn("offloads", "ethtool -K eth1 gro off"));
        assert_eq!(
            amiss(|nic| nic.features = on("rx-vlan-hw-parse")),
            warn("offloads", "ethtool -K eth1 rxvlan off")
        );
        assert_eq!(
            amiss(|nic| nic.rx_ring = Ok(Limited { now: 512, max: 2048 })),
            warn("rings", "ethtool -G eth1 rx 2048")
        );
        let paused = Pause { autoneg: true, rx: true, tx: true };
        assert_eq!(
            amiss(|nic| nic.pause = Ok(paused)),
            warn("pause frames", "ethtool -A eth1 autoneg off rx off tx off")
        );
        assert_eq!(
            amiss(|nic| nic.link.enslaved = true),
            warn("promiscuous", "ip link set dev eth1 nomaster")
        );
        assert_eq!(amiss(|nic| nic.statistics.missed = Some(3)), warn("lost so far", ""));
        assert_eq!(
            amiss(|nic| nic.statistics.length = Some(3)),
            warn("MTU", "ip link set dev eth1 mtu 9000")
        );
    }

    #[test]
    fn who_is_there_already_is_told() {
        let (verdict, check, remedy) = amiss(|nic| nic.link.xdp_program = Some(42));
        assert_eq!((verdict, check), (Verdict::Fail, "in use"));
        assert!(remedy.contains("bpftool net show dev eth1"), "{remedy}");
        let (verdict, check, _) = amiss(|nic| nic.queues.as_mut().expect("set above")[1].held = true);
        assert_eq!((verdict, check), (Verdict::Fail, "in use"));
    }

    #[test]
    fn long_frames_need_a_driver_that_takes_them_in_pieces() {
        let jumbo = |nic: &mut Nic| nic.link.mtu = Ok(9000);
        let mut nic = card();
        jumbo(&mut nic);
        assert_eq!(mtu(&nic).verdict, Verdict::Ok);
        let (verdict, check, _) = amiss(|nic| {
            jumbo(nic);
            let xdp = nic.xdp.as_mut().expect("set above");
            (xdp.multi_buffer, xdp.zero_copy_buffers) = (false, Ok(1));
        });
        assert_eq!((verdict, check), (Verdict::Warn, "MTU"));
    }

    #[test]
    fn interrupts_on_one_processor_or_on_the_wrong_node() {
        let one = |core| Ok(BTreeSet::from([core]));
        let (verdict, check, remedy) =
            amiss(|nic| nic.interrupts = Ok(BTreeMap::from([(40, one(9)), (41, one(0))])));
        assert_eq!((verdict, check), (Verdict::Warn, "interrupts"));
        assert!(remedy.starts_with("echo 0 > /proc/irq/40/smp_affinity_list"), "{remedy}");
        assert_eq!(amiss(|nic| nic.interrupts = Err(Unknown::Untold)).1, "interrupts");
    }
}
