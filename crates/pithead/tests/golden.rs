//! The golden captures: each raises exactly what is expected of it, in words that the schema knows, and tells no password.
//!
//! A capture is found by itself: `pcaps/DIALECT/NAME.pcap`, with `NAME.expected.jsonl` beside it, which `pithead verify pcaps --update`
//! writes. What the neighbours in `pcaps/benign` have in common is that nothing of them is alerted.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pithead_output::SCHEMA;
use serde_json::Value;
use support::captures;
use support::{Scratch, golden, of_type, pithead, replay, root, short};

/// Folders that are named after something else than a dialect, and what.
const NO_DIALECT: [&str; 5] = [
    "benign",  // neighbours that must stay silent
    "names",   // names alone, which are events but no alerts
    "blocked", // miners that were kept from speaking at all
    "socks",   // any dialect behind a proxy
    "connect", // the same
];

/// Captures of miners in which no miner is certain, and why.
const NO_ALERT: [&str; 2] = [
    "connect/tls",      // what is said in the tunnel is sealed; the name of the target is told
    "socks/socks5-tls", // the same
];

/// Dialects without a folder of captures, and why.
const NO_FOLDER: [&str; 1] = [
    "primecoin", // known by its first bytes only, which are tested beside its code
];

/// The folder that a capture lies in; nothing for the office, which lies in none.
fn folder(capture: &Path) -> Option<String> {
    short(capture).split_once('/').map(|(folder, _)| folder.to_owned())
}

fn events(capture: &Path) -> Vec<Value> {
    replay(capture, &["--eve", "-", "--flows", "--hosts"]).ends_with(0).quietly().events()
}

fn alerts(capture: &Path) -> usize {
    of_type(&events(capture), "alert").len()
}

#[test]
fn each_raises_exactly_what_is_expected() {
    let pcaps = root().join("pcaps");
    let lacking: Vec<_> = golden()
        .iter()
        .filter(|capture| !capture.with_extension("expected.jsonl").is_file())
        .map(|c| short(c))
        .collect();
    assert!(
        lacking.is_empty(),
        "without expectations: {lacking:?}; look at what `pithead verify pcaps --update` writes"
    );
    let run = pithead(["verify".as_ref(), pcaps.as_os_str()]).ends_with(0).quietly();
    run.says(&format!("{} captures: {0} as expected\n", golden().len()));
}

#[test]
fn no_expectation_outlives_its_capture() {
    for folder in golden().iter().filter_map(|capture| capture.parent()).collect::<BTreeSet<_>>() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Some(stem) = path.to_str().and_then(|path| path.strip_suffix(".expected.jsonl")) else {
                continue;
            };
            let there =
                ["pcap", "pcapng"].iter().any(|ending| Path::new(&format!("{stem}.{ending}")).is_file());
            assert!(there, "{} expects something of no capture", path.display());
        }
    }
}

#[test]
fn neighbours_stay_silent() {
    for capture in golden().iter().filter(|capture| folder(capture).as_deref() == Some("benign")) {
        let events = events(capture);
        assert_eq!(of_type(&events, "alert").len(), 0, "{}", short(capture));
        assert!(
            of_type(&events, "flow").iter().all(|flow| flow.get("mining").is_none()),
            "{}",
            short(capture)
        );
    }
}

#[test]
fn every_other_capture_of_a_session_alerts() {
    for capture in golden() {
        let silent = matches!(folder(&capture).as_deref(), Some("benign" | "names"))
            || NO_ALERT.contains(&&*short(&capture));
        assert_eq!(alerts(&capture) == 0, silent, "{}", short(&capture));
    }
}

#[test]
fn names_alone_are_told_and_not_alerted() {
    for capture in golden().iter().filter(|capture| folder(capture).as_deref() == Some("names")) {
        let events = events(capture);
        let named = events
            .iter()
            .filter(|event| ["dns", "tls", "http"].iter().any(|kind| event["event_type"] == *kind));
        let named: Vec<_> = named.collect();
        assert!(!named.is_empty(), "{}", short(capture));
        assert!(named.iter().all(|event| event.pointer("/mining/pool/name").is_some()), "{}", short(capture));
    }
}

/// A flow may be alerted before its dialect shows: of all that begin with the same `mining.subscribe`, the job tells which it is. So the
/// last word of an alerted flow counts, too.
#[test]
fn a_folder_is_named_after_its_dialect() {
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for capture in golden() {
        let Some(folder) = folder(&capture) else { continue };
        let spoken = folders.entry(folder).or_default();
        for event in events(&capture) {
            let alerted = event["event_type"] == "alert" || event["flow"]["alerted"] == true;
            if let (true, Some(dialect)) = (alerted, event["mining"]["dialect"].as_str()) {
                spoken.insert(dialect.to_owned());
            }
        }
    }
    for (folder, spoken) in &folders {
        assert!(NO_DIALECT.contains(&folder.as_str()) || spoken.contains(folder), "{folder}: {spoken:?}");
    }
    for proxied in ["socks", "connect"] {
        assert!(!folders[proxied].is_empty(), "{proxied}");
    }
    for dialect in pithead_detect::DIALECTS.iter().map(|dialect| dialect.name()) {
        assert!(folders.contains_key(dialect) || NO_FOLDER.contains(&dialect), "{dialect} has no capture");
    }
}

#[test]
fn blocked_miners_have_the_stage_blocked() {
    for capture in golden().iter().filter(|capture| folder(capture).as_deref() == Some("blocked")) {
        for alert in of_type(&events(capture), "alert") {
            assert_eq!(alert["mining"]["stage"], "blocked", "{}", short(capture));
            assert!(alert.pointer("/mining/pool/name").is_some(), "{}", short(capture));
        }
    }
}

#[test]
fn behind_a_proxy_the_target_is_the_pool() {
    for proxy in ["socks", "connect"] {
        for capture in golden().iter().filter(|capture| folder(capture).as_deref() == Some(proxy)) {
            for alert in of_type(&events(capture), "alert") {
                assert_eq!(alert["mining"]["pool"]["source"], proxy, "{}", short(capture));
            }
        }
    }
}

#[test]
fn a_flow_is_alerted_once() {
    for capture in golden() {
        let events = events(&capture);
        let alerts = of_type(&events, "alert");
        let flows: BTreeSet<u64> = alerts.iter().filter_map(|alert| alert["flow_id"].as_u64()).collect();
        assert_eq!(alerts.len(), flows.len(), "{}", short(&capture));
        let ended = of_type(&events, "flow");
        for id in flows {
            let last = ended.iter().rev().find(|flow| flow["flow_id"] == id);
            assert!(
                last.is_some_and(|flow| flow["flow"]["alerted"] == true),
                "{}: flow {id}",
                short(&capture)
            );
        }
    }
}

#[test]
fn alerts_say_what_others_look_for() {
    for capture in golden() {
        for alert in of_type(&events(&capture), "alert") {
            let (said, mining) = (&alert["alert"], &alert["mining"]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            assert!(text(&said["signature"]).starts_with("PITHEAD Miner "), "{}: {said}", short(&capture));
            assert_eq!(said["category"], "Crypto mining");
            assert_eq!(
                (&mining["roles"]["src"], &mining["roles"]["dest"]),
                (&"client".into(), &"server".into())
            );
            let evidence = text(&mining["evidence"]["text"]);
            assert!((1..=256).contains(&evidence.len()), "{}: {evidence:?}", short(&capture));
            assert!(evidence.chars().all(|c| !c.is_control()), "{}: {evidence:?}", short(&capture));
            assert!(alert["flow_id"].as_u64().is_some_and(|id| id < 1 << 53));
            let miner = text(&alert["src_ip"]);
            let ours = ["10.20.", "fd00:20:"].iter().any(|net| miner.starts_with(net));
            // The proxies of the coinhive and ZIP-301 captures have pools upstream: they are miners outside of the office.
            assert!(
                ours || short(&capture).contains("proxy") || short(&capture).contains("back-end"),
                "{}: {miner}",
                short(&capture)
            );
        }
    }
}

#[test]
fn every_event_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let whole = jsonschema::validator_for(&schema).expect("it is a schema");
    let mut parts: BTreeMap<String, jsonschema::Validator> = BTreeMap::new();
    for capture in golden() {
        for event in events(&capture) {
            let kind = event["event_type"].as_str().expect("a type").to_owned();
            assert!(
                whole.is_valid(&event)
                    || {
                        // The part for this type says more exactly what is wrong than the whole.
                        let part = parts.entry(kind.clone()).or_insert_with(|| {
                    let part = serde_json::json!({"$ref": format!("#/$defs/{kind}_event"), "$defs": schema["$defs"]});
                    jsonschema::validator_for(&part).expect("a part of the schema is one")
                });
                        let faults: Vec<String> = part
                            .iter_errors(&event)
                            .map(|fault| format!("{}: {fault}", fault.instance_path()))
                            .collect();
                        panic!("{}: {faults:#?}\n{event:#}", short(&capture))
                    }
            );
        }
    }
}

/// Whatever the password is, the events are the same: so nothing of it is in them.
#[test]
fn no_password_is_told() {
    let scratch = Scratch::new();
    let (mut changed, mut captures_changed) = (0, 0);
    for capture in golden() {
        let mut samples = captures::frames(&capture);
        let count: usize = samples.iter_mut().map(|sample| hide(&mut sample.bytes)).sum();
        if count == 0 {
            continue;
        }
        (changed, captures_changed) = (changed + count, captures_changed + 1);
        let path = scratch.file("x.pcap", captures::pcap_file(&samples));
        let told = |path: &Path| -> Vec<Value> {
            let mut events = events(path);
            for event in &mut events {
                *event = pithead_output::normalize(event);
            }
            events
        };
        assert_eq!(told(&path), told(&capture), "{}", short(&capture));
    }
    assert!(changed > 30 && captures_changed > 20, "{changed} passwords in {captures_changed} captures");
}

/// Puts tildes in a password's place, whichever way it is written, and counts how many there were.
fn hide(bytes: &mut [u8]) -> usize {
    let mut count = 0;
    for key in [&b"\"pass\""[..], b"\"password\""] {
        for at in places(bytes, key) {
            count += usize::from(hide_string(bytes, at + key.len()).is_some());
        }
    }
    for key in [&b"mining.authorize\""[..], b"mining.login\""] {
        for at in places(bytes, key) {
            let Some(params) = places(&bytes[at..], b"\"params\"").first().map(|params| at + params + 8)
            else {
                continue;
            };
            let Some(user) = string(bytes, params) else { continue };
            count += usize::from(hide_string(bytes, user.end + 1).is_some());
        }
    }
    // Base64 of example:example, and of example with tildes.
    for at in places(bytes, b"ZXhhbXBsZTpleGFtcGxl") {
        bytes[at..at + 20].copy_from_slice(b"ZXhhbXBsZTp+fn5+fn5+");
        count += 1;
    }
    count
}

fn places(bytes: &[u8], key: &[u8]) -> Vec<usize> {
    bytes.windows(key.len()).enumerate().filter(|(_, window)| *window == key).map(|(at, _)| at).collect()
}

/// The inside of the JSON string that follows after nothing but colons, commas, brackets and blanks.
fn string(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let start = from + bytes.get(from..)?.iter().position(|byte| !b":,[ ".contains(byte))?;
    let inside = bytes.get(start + 1..).filter(|_| bytes.get(start) == Some(&b'"'))?;
    let length = inside.iter().position(|byte| *byte == b'"')?;
    Some(start + 1..start + 1 + length)
}

fn hide_string(bytes: &mut [u8], from: usize) -> Option<()> {
    let found = string(bytes, from).filter(|found| !found.is_empty())?;
    bytes[found].fill(b'~');
    Some(())
}
