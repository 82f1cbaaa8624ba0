//! `pithead bench`: short trials of the real program. What it measures is the machine's, so only its shape is held.

use serde_json::Value;

use super::ONE;
use super::support::{Scratch, pcap, pithead};

#[test]
fn each_size_has_its_rates_in_all_three_forms() {
    let scratch = Scratch::new();
    let (json, html) = (scratch.text("found.json"), scratch.text("found.html"));
    let short = ["bench", "--trial", "0.05", "--flows", "100", "--loss", "1", "--sizes", "imix,1518"];
    let run = pithead(short.into_iter().chain(["--json", &json, "--html", &html])).ends_with(0).quietly();
    run.says("without loss").says("imix").says("without a NIC");

    let found: Value = serde_json::from_str(&scratch.read("found.json")).expect("JSON");
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|row| row["load"].as_str()).collect::<Vec<_>>(), [Some("imix"), Some("1518")]);
    for row in rows {
        let rate = |name: &str| row[name].as_f64().expect("a rate");
        // Where all may be lost any rate will do.
        assert!(
            rate("pdr_fps") >= rate("ndr_fps") && rate("pdr_fps") > 0.0 && rate("flat_out_fps") > 0.0,
            "{row}"
        );
    }
    let page = scratch.read("found.html");
    assert!(page.starts_with("<!doctype html>") && page.matches("<tr><th>").count() == 3, "{page}");
}

#[test]
fn a_capture_is_sent_round() {
    let file = pcap(ONE).display().to_string();
    let run =
        pithead(["bench", "--file", &file, "--trial", "0.05", "--loss", "1", "--json", "-"]).ends_with(0);
    let found: Value = serde_json::from_str(&run.out).expect("JSON and nothing else");
    assert_eq!(found["rows"][0]["load"].as_str(), Some(&file[..]));
    assert_eq!(found["flows"], Value::Null);
}

#[test]
fn what_cannot_be_measured_is_said() {
    pithead(["bench", "--sizes", "63"]).ends_with(2).complains("64 to 1518");
    pithead(["bench", "--trial", "0"]).ends_with(2).complains("0.001 to 3600");
    pithead(["bench", "--loss", "2"]).ends_with(2).complains("from 0 to 1");
    pithead(["bench", "--file", "no-such.pcap", "--flows", "3"]).ends_with(2).complains("--flows");
    pithead(["bench", "--file", "no-such.pcap"]).ends_with(1).complains("no-such.pcap");
}
