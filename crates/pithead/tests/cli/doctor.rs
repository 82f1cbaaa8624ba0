//! `pithead doctor` on links that are really there. What it makes of every kind of card is asked beside its code.

use serde_json::Value;

use super::ESCAPE;
use super::support::namespace::Namespace;
use super::support::{command, events, pithead};

/// What is said of a link, or with `None` of the machine.
fn said<'f>(findings: &'f [Value], link: Option<&str>, check: &str) -> &'f Value {
    let about = |finding: &&Value| finding["interface"].as_str() == link && finding["check"] == check;
    findings.iter().find(about).unwrap_or_else(|| panic!("nothing about {check}: {findings:#?}"))
}

#[test]
fn the_machine_is_looked_at_alone() {
    let run = pithead(["doctor", "--json"]).quietly();
    let findings = run.events();
    for check in ["kernel", "BPF", "capabilities", "memlock", "huge pages", "matcher"] {
        let finding = said(&findings, None, check);
        assert!(
            ["ok", "warn", "fail"].contains(&finding["verdict"].as_str().expect("a verdict")),
            "{finding}"
        );
        assert!(!finding["text"].as_str().expect("a text").is_empty(), "{finding}");
    }
    let failed = findings.iter().any(|finding| finding["verdict"] == "fail");
    assert_eq!(run.status, i32::from(failed), "{}", run.out);
}

#[test]
fn a_link_that_is_not_there_fails() {
    let run = pithead(["doctor", "pithead-none"]).ends_with(1).quietly();
    let run = run.says("pithead-none: no such interface");
    assert!(!run.out.contains(ESCAPE), "no colours on a pipe");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let output =
        |name: &str| command().args(["doctor", "lo"]).env(name, "1").output().expect("it runs").stdout;
    assert!(output("CLICOLOR_FORCE").contains(&(ESCAPE as u8)));
    assert!(!output("NO_COLOR").contains(&(ESCAPE as u8)));
}

#[test]
fn a_veth_is_known_for_what_it_is() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.ip("link add tap0 numrxqueues 4 numtxqueues 4 mtu 9000 type veth peer name peer0 numrxqueues 4 numtxqueues 4");
    let findings = events(&namespace.pithead(["doctor", "--json", "tap0"]).ends_with(1).quietly().out);
    let down = said(&findings, Some("tap0"), "link");
    assert_eq!((&down["verdict"], &down["remedy"]), (&"fail".into(), &"ip link set dev tap0 up".into()));
    namespace.ip("link set dev tap0 up");
    namespace.ip("link set dev peer0 up");
    let findings = events(&namespace.pithead(["doctor", "--json", "tap0", "peer0"]).quietly().out);
    assert_eq!(said(&findings, Some("tap0"), "link")["verdict"], "ok");
    assert_eq!(said(&findings, Some("tap0"), "driver")["text"], "veth");
    assert_eq!(said(&findings, Some("tap0"), "queues")["text"], "4 receive");
    assert_eq!(said(&findings, Some("tap0"), "promiscuous")["verdict"], "ok");
    assert_eq!(said(&findings, Some("tap0"), "in use")["verdict"], "ok");
    let zero_copy = said(&findings, Some("tap0"), "zero copy")["text"].as_str().expect("a text").to_owned();
    assert!(
        zero_copy.starts_with("not with this driver; native mode") || zero_copy.starts_with("unknown"),
        "{zero_copy}"
    );
}
