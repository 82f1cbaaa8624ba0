//! What events say, beyond their form.

mod samples;

use pithead_detect::{Evidence, Mining};
use pithead_flow::Direction;
use pithead_output::{Record, RecordBody, Verdict, json};
use proptest::prelude::*;
use serde_json::Value;

fn event(name: &str) -> Value {
    let record = samples::all().into_iter().find(|(known, _)| *known == name).unwrap().1;
    serde_json::from_str(&json(&record)).unwrap()
}

/// The sample alert with its mining changed.
fn alert_with(change: impl FnOnce(&mut Mining)) -> Record {
    let mut record = samples::alert();
    let RecordBody::Alert(alert) = &mut record.body else { unreachable!("it is an alert") };
    let Verdict::Session(mining) = &mut alert.verdict else { unreachable!("it is a session") };
    change(mining);
    record
}

#[test]
fn the_same_record_is_the_same_text() {
    for ((_, first), (_, second)) in samples::all().iter().zip(&samples::all()) {
        assert_eq!(json(first), json(second));
    }
}

#[test]
fn an_alert_reads_as_suricata_writes_it() {
    let alert = event("alert");
    assert_eq!(alert["timestamp"], "2026-11-22T18:10:00.373456+0000");
    assert_eq!(alert["alert"]["signature"], "PITHEAD Miner Monero XMRig login");
    assert_eq!(alert["alert"]["category"], "Crypto mining");
    assert_eq!(alert["alert"]["action"], "allowed");
    assert_eq!(alert["alert"]["metadata"]["mitre_technique_id"], serde_json::json!(["T1496"]));
    assert_eq!(alert["vlan"], serde_json::json!([100, 7]));
    assert_eq!(alert["mining"]["difficulty"].to_string(), "120001");
    assert_eq!(alert["mining"]["coin"], "XMR", "the pool mines nothing else");
}

#[test]
fn the_miner_is_the_source_whoever_spoke_first() {
    let alert = event("alert, met in its midst");
    assert_eq!(alert["src_ip"], "2001:db8:0:7::23");
    assert_eq!(alert["dest_port"], 3333);
    assert_eq!(alert["flow"]["pkts_toserver"], 48);
    assert_eq!(alert["flow"]["bytes_toclient"], 7311);
    assert_eq!(alert["mining"]["evidence"]["direction"], "to_client");
    assert_eq!(alert["mining"]["roles"]["src"], "client");
    assert_eq!(alert["tunnel"]["vni"], 5001);
}

#[test]
fn control_bits_turn_with_the_flow() {
    let flow = event("flow");
    assert_eq!(flow["tcp"]["tcp_flags_ts"], "1b");
    assert_eq!(flow["tcp"]["tcp_flags_tc"], "12");
    assert_eq!(flow["tcp"]["tcp_flags"], "1b");
    assert_eq!(flow["tcp"]["rst"], Value::Null, "only bits that were seen are named");
    assert_eq!(flow["flow"]["age"], 95);
}

#[test]
fn a_blocked_miner_has_no_dialect() {
    let alert = event("alert, reset");
    assert_eq!(alert["alert"]["signature"], "PITHEAD Miner Pool connection blocked");
    assert_eq!(alert["alert"]["signature_id"], 33_332_001);
    assert_eq!(alert["mining"]["stage"], "blocked");
    assert_eq!(alert["mining"]["blocked_by"], "reset");
    assert_eq!(alert["mining"]["dialect"], Value::Null);
}

#[test]
fn a_name_alone_is_never_an_alert() {
    for name in ["dns query", "dns answer", "tls name", "tls certificate", "http", "http connect", "socks"] {
        let event = event(name);
        assert!(
            ["dns", "tls", "http"].iter().any(|kind| event["event_type"] == *kind && event[kind].is_object())
        );
        assert_eq!(event["alert"], Value::Null);
        assert_eq!(event["mining"]["pool"]["listed"], true);
    }
}

#[test]
fn the_counters_of_frames_add_up_in_plain_sight() {
    let stats = event("stats");
    let count = |name: &str| stats["stats"]["frames"][name].as_u64().unwrap();
    assert_eq!(count("read"), count("decoded") + count("discarded"));
    assert_eq!(count("decoded"), count("in_flows") + count("not_tcp_udp") + count("refused"));
    assert_eq!(count("unexplained"), 0);
}

#[test]
fn nothing_is_empty_to_say_that_it_is_not_known() {
    fn no_blanks(value: &Value, place: &str) {
        match value {
            Value::Null => panic!("{place} is null"),
            Value::String(text) => assert!(!text.is_empty(), "{place} is empty"),
            Value::Array(items) => {
                assert!(!items.is_empty(), "{place} is empty");
                items.iter().for_each(|item| no_blanks(item, place));
            }
            Value::Object(fields) => {
                assert!(!fields.is_empty(), "{place} is empty");
                fields.iter().for_each(|(key, inner)| no_blanks(inner, &format!("{place}/{key}")));
            }
            _ => {}
        }
    }
    for (name, record) in samples::all() {
        no_blanks(&serde_json::from_str(&json(&record)).unwrap(), name);
    }
    let blank = alert_with(|mining| {
        mining.facts.user = Some(String::new());
        mining.facts.difficulty = Some(f64::NAN);
    });
    let blank: Value = serde_json::from_str(&json(&blank)).unwrap();
    no_blanks(&blank, "alert");
}

proptest! {
    /// Texts come from the network: whatever they hold, an event stays one line and says the same when read.
    #[test]
    fn any_text_stays_within_its_line(user in "\\PC*|[\\x00-\\x1f\"\\\\\u{2028}]*", text in any::<String>()) {
        let record = alert_with(|mining| {
            mining.facts.user = Some(user.clone());
            mining.evidence = Evidence { text: text.clone(), direction: Direction::Backward, frame: 7 };
        });
        let line = json(&record);
        prop_assert!(!line.contains(['\n', '\r']));
        let event: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(event["mining"]["user"].as_str().unwrap_or_default(), user);
        prop_assert_eq!(event["mining"]["evidence"]["text"].as_str(), Some(text.as_str()));
    }
}
