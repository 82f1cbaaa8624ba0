//! `pithead selftest`: it must find what it sends, and must not be content where there was nothing to find. Needs root, and says so where it
//! is skipped.

use serde_json::Value;

use super::support::{Run, pithead};

/// What came of it in JSON; `None` where it could not be tried, which it then says with the remedy.
fn tried(args: &[&str]) -> Option<(Run, Value)> {
    let run = pithead(["selftest", "--json", "--cache", "none"].iter().chain(args)).quietly();
    let told: Value = serde_json::from_str(&run.out).expect("one object");
    if told["verdict"] == "unknown" && run.out.contains("namespace cannot be made") {
        assert_eq!(run.status, 1);
        assert!(run.out.contains("needs root"), "{}", run.out);
        eprintln!("skipped: {}", told["checks"][0]["text"]);
        return None;
    }
    Some((run, told))
}

/// Names of the checks that failed.
fn failed(told: &Value) -> Vec<&str> {
    let checks = told["checks"].as_array().expect("checks").iter();
    checks
        .filter(|check| check["verdict"] == "fail")
        .map(|check| check["check"].as_str().expect("a name"))
        .collect()
}

#[test]
fn what_is_sent_is_caught_and_accounted_for_in_either_mode() {
    for mode in ["native", "skb"] {
        let Some((run, told)) = tried(&["--mode", mode]) else { return };
        assert_eq!((run.status, failed(&told)), (0, vec![]), "{told:#}");
        assert_eq!((&told["verdict"], &told["mode"]), (&"caught".into(), &mode.into()));
        let miners = told["sent"]["miners"].as_array().expect("miners");
        let alerts = told["alerts"].as_array().expect("alerts");
        assert!(miners.len() >= 2 && alerts.len() == miners.len(), "{told:#}");
        for miner in miners {
            let its = |alert: &&Value| {
                ["src_ip", "src_port", "dest_ip", "dest_port"]
                    .iter()
                    .all(|field| alert[field] == miner[field])
            };
            assert_eq!(alerts.iter().filter(its).count(), 1, "{miner}");
        }
        let capture = &told["stats"]["capture"];
        assert_eq!(capture["received"], told["sent"]["frames"]);
        assert_eq!((&capture["unexplained"], &capture["mode"]), (&0.into(), &mode.into()));
    }
}

#[test]
fn it_fails_where_the_miners_say_nothing() {
    let Some((run, told)) = tried(&["--without-words"]) else { return };
    assert_eq!((run.status, &told["verdict"]), (1, &"missed".into()));
    let miners = told["sent"]["miners"].as_array().expect("miners").len();
    assert_eq!(failed(&told), vec!["alert"; miners]);
    assert_eq!(told["alerts"], Value::Array(vec![]));
}

#[test]
fn people_are_told_in_words() {
    let run = pithead(["selftest", "--cache", "none"]).quietly();
    if run.status != 0 {
        run.says("namespace cannot be made").says("needs root").says("is not known");
        return;
    }
    run.says("This machine would have caught them.").says("unexplained 0");
}

#[test]
fn a_mode_that_no_cable_has_is_an_error_with_a_remedy() {
    let Some((run, told)) = tried(&["--mode", "zero-copy"]) else { return };
    assert_eq!((run.status, &told["verdict"], failed(&told)), (1, &"unknown".into(), vec!["trial"]));
    assert!(run.out.contains("use the mode native"), "{}", run.out);
}
