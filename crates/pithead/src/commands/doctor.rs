//! `pithead doctor`: whether this machine and these links can be tapped, told before and without capturing.
//!
//! It relies on what [`pithead_capture::nic`] and the kernel's files tell, and changes nothing. Each finding is ok, warn or fail: a
//! failure keeps a tap from starting or from seeing what it should, a warning costs speed or certainty. What is not known is said to
//! be unknown, which is a warning. Wherever a command mends it, the command is told.

mod link;
mod machine;
mod spread;

use std::process::ExitCode;

use anyhow::Result;
use pithead_capture::nic;

use super::finding::{Finding, Verdict};
use super::{finding, print};
use crate::cli::DoctorArgs;

pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let findings = examine(&args.interfaces);
    if args.json {
        print(&findings.iter().map(|finding| format!("{}\n", finding.json())).collect::<String>())?;
    } else {
        print(&page(&findings))?;
    }
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn examine(names: &[String]) -> Vec<Finding> {
    let mut nics = Vec::new();
    let mut unfound = Vec::new();
    for name in names {
        match nic::survey(name) {
            Ok(nic) => nics.push(nic),
            Err(error) => unfound.push(Finding::fail("link", error.to_string(), None).on(name)),
        }
    }
    let queues: u32 = nics.iter().filter_map(|nic| nic.rx_queues.clone().ok()).sum();
    let mut findings = machine::findings(queues.max(1));
    for nic in &nics {
        findings.extend(link::findings(nic).into_iter().map(|finding| finding.on(&nic.link.name)));
    }
    findings.extend(spread::pairs(&nics));
    findings.extend(unfound);
    findings
}

/// For people: what is found, under the machine or the link that it is about.
fn page(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut about = None;
    for finding in findings {
        if about != Some(&finding.interface) {
            text.push_str(finding.interface.as_deref().unwrap_or("machine"));
            text.push('\n');
            about = Some(&finding.interface);
        }
        text.push_str(&finding.lines());
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (ok, warn, fail) = (count(Verdict::Ok), count(Verdict::Warn), count(Verdict::Fail));
    text.push_str(&format!("{ok} ok, {warn} to look at, {fail} failed\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_each_link_once_and_counts() {
        let findings = [
            Finding::ok("kernel", "6.12"),
            Finding::warn("rings", "256 frames", Some("ethtool -G eth1 rx 4096".to_owned())).on("eth1"),
            Finding::fail("link", "is down", Some("ip link set dev eth1 up".to_owned())).on("eth1"),
        ];
        let page = anstream::adapter::strip_str(&page(&findings)).to_string();
        assert_eq!(
            page,
            "machine\n  ok    kernel        6.12\n\
             eth1\n  warn  rings         256 frames\n                      ethtool -G eth1 rx 4096\n\
             \x20 fail  link          is down\n                      ip link set dev eth1 up\n\
             1 ok, 1 to look at, 1 failed\n"
        );
    }
}
