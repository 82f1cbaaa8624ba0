//! What the machine brings: kernel, rights, memory, and the library that looks for patterns.

use std::fs;

use pithead_detect::Anchors;

use super::finding::Finding;

/// The memory of one queue's frames, as a tap asks for it by default.
const QUEUE_BYTES: u64 = 8 << 20;
const HUGE_PAGE_BYTES: u64 = 2 << 20;

/// What is found on a machine whose taps would have this many queues in all.
pub(super) fn findings(queues: u32) -> Vec<Finding> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let rights = Rights::in_status(&status);
    vec![
        kernel(&line("/proc/sys/kernel/osrelease")),
        compiler(&line("/proc/sys/net/core/bpf_jit_enable")),
        capabilities(rights),
        memlock(&limits, rights, u64::from(queues) * QUEUE_BYTES),
        huge_pages(&line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"), queues),
        matcher(),
    ]
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn kernel(release: &str) -> Finding {
    let mut numbers = release.split(['.', '-', '+']).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Finding::unknown("kernel", format_args!("/proc/sys/kernel/osrelease says '{release}'"));
    };
    let lacks = match (major, minor) {
        (..5, _) | (5, ..9) => {
            let text =
                format!("{release}: no XDP program that goes with its process; Linux 5.9 or newer is needed");
            return Finding::fail("kernel", text, None);
        }
        (5, ..11) => {
            "no busy polling, which came with 5.11, no jumbo frames (6.6), and zero copy cannot be foretold (6.3)"
        }
        (5, _) | (6, ..3) => {
            "no jumbo frames, which came with 6.6, and whether zero copy is possible cannot be foretold (6.3)"
        }
        (6, ..6) => "no jumbo frames, which came with 6.6",
        _ => return Finding::ok("kernel", release),
    };
    Finding::warn("kernel", format_args!("{release}: {lacks}"), None)
}

fn compiler(enabled: &str) -> Finding {
    match enabled {
        "" => Finding::unknown(
            "BPF",
            "no /proc/sys/net/core/bpf_jit_enable: compiled always, or not allowed to look",
        ),
        "0" => Finding::warn(
            "BPF",
            "programs are interpreted, some ten times slower than compiled",
            Some("sysctl -w net.core.bpf_jit_enable=1".to_owned()),
        ),
        _ => Finding::ok("BPF", "programs are compiled"),
    }
}

/// The rights of this process, a bit each, as in `linux/capability.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rights(Option<u64>);

const NET_ADMIN: (u32, &str) = (12, "CAP_NET_ADMIN");
const NET_RAW: (u32, &str) = (13, "CAP_NET_RAW");
const IPC_LOCK: (u32, &str) = (14, "CAP_IPC_LOCK");
const SYS_ADMIN: (u32, &str) = (21, "CAP_SYS_ADMIN");
const PERFMON: (u32, &str) = (38, "CAP_PERFMON");
const BPF: (u32, &str) = (39, "CAP_BPF");

impl Rights {
    fn in_status(status: &str) -> Self {
        let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        Self(field.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()))
    }

    fn has(self, (bit, _): (u32, &str)) -> bool {
        self.0.is_some_and(|bits| bits >> bit & 1 == 1)
    }
}

fn capabilities(rights: Rights) -> Finding {
    if rights.0.is_none() {
        return Finding::unknown("capabilities", "no CapEff in /proc/self/status");
    }
    // Old name and new: CAP_SYS_ADMIN holds what CAP_BPF and CAP_PERFMON were split off from.
    let has = |right| rights.has(right) || ([BPF, PERFMON].contains(&right) && rights.has(SYS_ADMIN));
    let missing: Vec<&str> = [NET_RAW, NET_ADMIN, BPF, PERFMON]
        .into_iter()
        .filter(|right| !has(*right))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Finding::ok(
            "capabilities",
            "CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON, which are all that a tap needs",
        );
    }
    let program =
        std::env::current_exe().map_or_else(|_| "pithead".to_owned(), |path| path.display().to_string());
    Finding::fail(
        "capabilities",
        format_args!(
            "{} missing: sockets, promiscuous mode and the XDP program need them",
            missing.join(", ")
        ),
        Some(format!(
            "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock=ep {program}   # or run it as root"
        )),
    )
}

fn memlock(limits: &str, rights: Rights, needed: u64) -> Finding {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let soft = row.and_then(|row| row.split_whitespace().next());
    let needs = format!("a tap of these links locks {} MiB", needed >> 20);
    if rights.has(IPC_LOCK) {
        return Finding::ok("memlock", format_args!("no limit, by CAP_IPC_LOCK; {needs}"));
    }
    match soft.map(|soft| (soft, soft.parse::<u64>())) {
        None => Finding::unknown("memlock", "no 'Max locked memory' in /proc/self/limits"),
        Some(("unlimited", _)) => Finding::ok("memlock", format_args!("no limit; {needs}")),
        Some((_, Ok(soft))) if soft >= needed => {
            Finding::ok("memlock", format_args!("{} KiB; {needs}", soft >> 10))
        }
        Some((soft, number)) => {
            let limit = number.map_or_else(|_| soft.to_owned(), |soft| format!("{} KiB", soft >> 10));
            let remedy =
                "ulimit -l unlimited   # or LimitMEMLOCK=infinity in the systemd unit, or CAP_IPC_LOCK";
            Finding::fail("memlock", format_args!("{limit}; {needs}"), Some(remedy.to_owned()))
        }
    }
}

fn huge_pages(free: &str, queues: u32) -> Finding {
    let needed = u64::from(queues) * QUEUE_BYTES.div_ceil(HUGE_PAGE_BYTES);
    match free.parse::<u64>() {
        Err(_) => Finding::unknown("huge pages", "this kernel has none of 2 MiB"),
        Ok(free) if free >= needed => Finding::ok(
            "huge pages",
            format_args!("{free} of 2 MiB free; a tap of these links takes {needed}"),
        ),
        Ok(free) => Finding::warn(
            "huge pages",
            format_args!(
                "{free} of 2 MiB free, and a tap of these links would take {needed}: it will use ordinary pages"
            ),
            Some(format!("sysctl -w vm.nr_hugepages={needed}")),
        ),
    }
}

fn matcher() -> Finding {
    match Anchors::new() {
        Ok(anchors) => {
            let engine = anchors.engine();
            match engine.cpu {
                Some(_) => Finding::ok("matcher", engine),
                None => {
                    Finding::warn("matcher", format_args!("{engine}, which is slower than Hyperscan"), None)
                }
            }
        }
        Err(error) => Finding::fail("matcher", error, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const ALL: Rights = Rights(Some(u64::MAX));
    const NONE: Rights = Rights(Some(0));

    #[test]
    fn kernels() {
        for (release, verdict) in [
            ("6.18.44-generic", Verdict::Ok),
            ("7.3.4+deb13-cloud-amd64", Verdict::Ok),
            ("6.1.0-44-amd64", Verdict::Warn),
            ("5.10.0", Verdict::Warn),
            ("5.4.0-200-generic", Verdict::Fail),
            ("unreadable", Verdict::Warn),
        ] {
            assert_eq!(kernel(release).verdict, verdict, "{release}");
        }
    }

    #[test]
    fn missing_rights_are_named() {
        assert_eq!(capabilities(ALL).verdict, Verdict::Ok);
        let finding = capabilities(NONE);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(
            finding.text.starts_with("CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON missing"),
            "{finding:?}"
        );
        let older = Rights::in_status("Name:\tpithead\nCapEff:\t0000000000203000\n");
        assert_eq!(capabilities(older).verdict, Verdict::Ok, "CAP_SYS_ADMIN holds CAP_BPF");
        assert_eq!(capabilities(Rights::in_status("")).verdict, Verdict::Warn);
    }

    #[test]
    fn locked_memory_has_to_hold_the_frames_of_all_queues() {
        let limits = |soft: &str| {
            format!("Max open files    1024   4096   files\nMax locked memory    {soft}    {soft}    bytes\n")
        };
        assert_eq!(memlock(&limits("65536"), NONE, 8 << 20).verdict, Verdict::Fail);
        assert_eq!(memlock(&limits("65536"), ALL, 8 << 20).verdict, Verdict::Ok);
        assert_eq!(memlock(&limits("8388608"), NONE, 8 << 20).verdict, Verdict::Ok);
        assert_eq!(memlock(&limits("8388608"), NONE, 16 << 20).verdict, Verdict::Fail);
        assert_eq!(memlock(&limits("unlimited"), NONE, 16 << 20).verdict, Verdict::Ok);
        assert_eq!(memlock("", NONE, 1).verdict, Verdict::Warn);
    }

    #[test]
    fn huge_pages_for_every_queue() {
        assert_eq!(huge_pages("8", 2).verdict, Verdict::Ok);
        let short = huge_pages("7", 2);
        assert_eq!(
            (short.verdict, short.remedy.as_deref()),
            (Verdict::Warn, Some("sysctl -w vm.nr_hugepages=8"))
        );
        assert_eq!(huge_pages("", 2).verdict, Verdict::Warn);
    }
}
