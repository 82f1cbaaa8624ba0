//! What the program says of itself: help, dialects, what `check` answers, man pages and completions.

use std::collections::BTreeSet;

use crate::support::{Scratch, events, fed, pithead, root};

#[test]
fn the_page_of_dialects_is_made_from_the_code() {
    let page = std::fs::read_to_string(root().join("docs/dialects.md")).expect("docs/dialects.md");
    let made = pithead(["dialects", "--markdown"]).ends_with(0).quietly().out;
    assert_eq!(page, made, "make it anew: pithead dialects --markdown > docs/dialects.md");
}

#[test]
fn dialects_are_the_same_in_every_form() {
    let names: Vec<String> = events(&pithead(["dialects", "--json"]).ends_with(0).quietly().out)
        .iter()
        .map(|dialect| {
            for field in ["title", "family", "source"] {
                assert!(dialect[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {dialect}");
            }
            assert!(dialect["signature_id"].is_u64() && dialect["anchors"].is_array(), "{dialect}");
            dialect["dialect"].as_str().expect("a name").to_owned()
        })
        .collect();
    assert!(names.is_sorted() && names.iter().any(|name| name == "stratum-v1"), "{names:?}");
    let (text, page) = (pithead(["dialects"]).out, pithead(["dialects", "--markdown"]).out);
    for name in &names {
        assert!(text.contains(&format!(" {name} ")), "{name} in\n{text}");
        assert!(page.contains(&format!("| `{name}` |")), "{name} in\n{page}");
    }
    assert!(text.ends_with(&format!("{} dialects\n", names.len())), "{text}");
}

#[test]
fn signatures_are_one_a_dialect() {
    let dialects = events(&pithead(["dialects", "--json"]).out);
    let ids: BTreeSet<u64> = dialects.iter().filter_map(|dialect| dialect["signature_id"].as_u64()).collect();
    assert_eq!(ids.len(), dialects.len());
}

#[test]
fn check_knows_names() {
    let check = |name: &str| pithead(["check", name]).ends_with(0).quietly();
    check("pool.supportxmr.com").says("is on the pool list as pool").says("XMR").says("never an alert");
    check("POOL.SupportXMR.com.").says("is on the pool list as pool");
    check("www.binance.com").says("no mining: exchange");
    check("notsupportxmr.com").says("not on the pool list");
    check("pool.supportxmr.com.example").says("not on the pool list");
    for written in [
        "pool.supportxmr.com:3333",
        "stratum+ssl://me.rig:x@pool.supportxmr.com:443/",
        "https://supportxmr.com/#x",
    ] {
        check(written).says("is on the pool list as pool");
    }
    for address in ["192.0.2.7", "192.0.2.7:3333", "2001:db8::7", "[2001:db8::7]:3333"] {
        check(address).says("an address; the pool list holds names only");
    }
}

#[test]
fn check_reads_a_list_of_lines() {
    let list =
        "supportxmr.com\n\nwww.example\n{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\nhello\n";
    let run = fed(["check", "-"], list.as_bytes()).ends_with(0).quietly();
    run.says("line 1: supportxmr.com: is on the pool list")
        .says("line 3: www.example: not on the pool list")
        .says("line 4: stratum-v1: ")
        .says("line 5: nothing: ");
    // One message on several lines is one message.
    let spread = "{\n\"id\": 1,\n\"method\": \"mining.subscribe\",\n\"params\": []\n}\n";
    let run = fed(["check", "-"], spread.as_bytes()).ends_with(0).quietly().says("stratum-v1: ");
    assert!(!run.out.contains("line 1"), "{}", run.out);
}

#[test]
fn check_knows_lines() {
    let check = |line: &str| pithead(["check", line]).ends_with(0).quietly();
    let line = r#"{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.0"]}"#;
    check(line).says("stratum-v1").says("proves mining").says("cgminer/4.12.0");
    fed(["check", "-"], line.as_bytes()).ends_with(0).quietly().says("proves mining");
    check("see mining.subscribe in the manual").says("nothing: ");
    check("hello").says("nothing: ");
    check("").says("nothing: ");
    check("-5").says("nothing: ");
    fed(["check", "-"], b"\xff\xfe").ends_with(1).complains("standard input");
}

#[test]
fn no_password_is_told() {
    let line = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"x","pass":"correct-horse","agent":"XMRig/6.26.0"}}"#;
    let run = pithead(["check", line]).ends_with(0);
    assert!(!run.out.contains("correct-horse"), "{}", run.out);
    let run = pithead(["check", r#"{"id":2,"method":"mining.authorize","params":["a.b","correct-horse"]}"#]);
    assert!(!run.out.contains("correct-horse"), "{}", run.out);
}

#[test]
fn help_mentions_every_command_and_option() {
    let help = pithead(["--help"]).ends_with(0).quietly();
    for word in [
        "replay",
        "tap",
        "top",
        "reload",
        "selftest",
        "doctor",
        "verify",
        "dialects",
        "check",
        "Exit status: 0",
    ] {
        assert!(help.out.contains(word), "{word} in\n{}", help.out);
    }
    for (command, options) in [
        ("replay", &["--eve", "--workers", "--expect", "--update", "--flows", "--hosts", "--quiet"][..]),
        ("replay", &["--home-net", "--config", "--checksums", "<FILE>", "standard input"]),
        ("verify", &["<DIR>", "--update", "--home-net", "--config", "--checksums"]),
        ("tap", &["--live", "--control", "--eve", "--mode", "--metrics"]),
        ("top", &["--control", "/run/pithead/control.sock"]),
        ("reload", &["--control", "--json", "pool_lists"]),
        ("selftest", &["--mode", "--json", "Exit status: 0"]),
        ("dialects", &["--json", "--markdown"]),
        ("check", &["<NAME|LINE>", "--config"]),
    ] {
        let help = pithead([command, "--help"]).ends_with(0).quietly();
        for option in options {
            assert!(help.out.contains(option), "{option} in\n{}", help.out);
        }
    }
    pithead(["help"]).ends_with(0).quietly().says("replay");
    pithead(["--version"]).ends_with(0).says(concat!("pithead ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn man_pages_and_completions_are_generated() {
    let scratch = Scratch::new();
    pithead(["generate", "man", &scratch.text("man")]).ends_with(0).quietly();
    assert!(scratch.read("man/pithead.1").contains("Names every machine that mines"));
    assert!(scratch.read("man/pithead-replay.1").contains("home\\-net"));
    assert!(!scratch.path("man/pithead-generate.1").exists(), "what is hidden has no page");
    pithead(["generate", "completions", &scratch.text("shells")]).ends_with(0).quietly();
    for file in ["pithead.bash", "_pithead", "pithead.fish"] {
        assert!(scratch.read(&format!("shells/{file}")).contains("home-net"), "{file}");
    }
    scratch.file("file", "");
    pithead(["generate", "man", &scratch.text("file/man")]).ends_with(1).complains("cannot write there");
}
