//! Settings: the configuration file, networks of ours, checksums, pool lists.

use crate::support::{Scratch, captures, of_type, pcap, pithead, replay};
use crate::{MINER, ONE};

#[test]
fn a_wrong_configuration_is_named_by_place() {
    let scratch = Scratch::new();
    for (text, place, reason) in [
        ("[flows]\nmax = 7\nmxa = 8\n", "line 3 column 1", "mxa"),
        (
            "[flows]\nmax = \"many\"\n",
            "line 2 column 7",
            "must be a whole number, 1 or more, not the text \"many\"",
        ),
        ("home_net = [\n", "line", "column"),
        ("checksums = \"maybe\"\n", "line 1 column 13", "must be \"ignore\" or \"verify\""),
        ("# ours\nhome_net = [\"10.0.0.0/99\"]\n", "line 2 column 12", "10.0.0.0/99"),
        ("[flows]\nmax = -1\n", "line 2 column 7", "must be a whole number, 1 or more, not the number -1"),
        ("[flows]\nmax = 0\n", "line 2 column 7", "must be a whole number, 1 or more, not the number 0"),
        ("[flows]\nudp_timeout_s = 0\n", "line 2 column 17", "1 or more"),
        ("[fragments]\ntimeout_s = 0\n", "line 2 column 13", "1 or more"),
        ("[names]\nmax = 1.5\n", "line 2 column 7", "must be a whole number, not the number 1.5"),
        ("[hosts]\nmax = true\n", "line 2 column 7", "not true"),
        ("flows = 7\n", "line 1 column 9", "must be a table of settings, not the number 7"),
        ("home_net = \"10.0.0.0/8\"\n", "line 1 column 12", "must be a list in [ ], not the text"),
        ("home_net = [7]\n", "line 1 column 13", "must be a text in quotes, not the number 7"),
    ] {
        let path = scratch.file("p.toml", text).display().to_string();
        let run = replay(&pcap(ONE), &["--config", &path]).ends_with(1);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        run.complains("p.toml").complains(place).complains(reason);
    }
    replay(&pcap(ONE), &["--config", &scratch.text("none.toml")]).ends_with(1).complains("none.toml");
}

#[test]
fn what_the_configuration_says_counts() {
    let scratch = Scratch::new();
    let path =
        scratch.file("p.toml", "home_net = [\"203.0.113.0/24\"]\n[hosts]\nmax = 1\n").display().to_string();
    let events = replay(&pcap(ONE), &["--config", &path, "--hosts", "--eve", "-"]).ends_with(0).events();
    let hosts = of_type(&events, "host");
    assert_eq!(hosts.len(), 2, "the pool and the others: {hosts:?}");
    assert!(hosts.iter().any(|host| host.to_string().contains("203.0.113.10")));
    // The command line outranks the file.
    let events =
        replay(&pcap(ONE), &["--config", &path, "--home-net", "10.20.0.0/16", "--hosts", "--eve", "-"])
            .events();
    assert!(of_type(&events, "host").iter().any(|host| host.to_string().contains(MINER)));
}

#[test]
fn a_network_that_is_none_is_refused() {
    for net in ["10.0.0.0/99", "office", "10.0.0.0/8,", "10.0.0.0/8,x"] {
        replay(&pcap(ONE), &["--home-net", net])
            .ends_with(1)
            .complains("is not a network such as 10.0.0.0/8");
    }
    replay(&pcap(ONE), &["--home-net", "10.0.0.0/8,2001:db8::/32,192.0.2.1"]).ends_with(0).says(MINER);
}

#[test]
fn bad_checksums_are_dropped_only_when_asked_for() {
    let scratch = Scratch::new();
    let mut samples = captures::frames(&pcap(ONE));
    for sample in &mut samples {
        // The checksum of TCP in IPv4 without options, in Ethernet.
        sample.bytes[14 + 20 + 16] ^= 0x55;
    }
    let path = scratch.file("bad.pcap", captures::pcap_file(&samples));
    replay(&path, &[]).ends_with(0).says(MINER);
    replay(&path, &["--checksums", "ignore"]).ends_with(0).says(MINER);
    replay(&path, &["--checksums", "verify"]).ends_with(0).says("No miners.").says("37 bad checksum");
    replay(&path, &["--checksums", "perhaps"]).ends_with(2);
}

#[test]
fn pool_lists_are_read_beside_the_configuration() {
    let scratch = Scratch::new();
    let config = scratch.file("etc/p.toml", "pool_lists = [\"more.csv\"]\n").display().to_string();
    let check = |name: &str| pithead(["check", name, "--config", &config]);
    check("stratum.own.example").ends_with(1).complains("more.csv");
    scratch.file("etc/more.csv", "domain,kind,coins,ports,source\nown.example,nonsense,,,\n");
    check("stratum.own.example").ends_with(1).complains("more.csv line 2 column 13");
    let list = "domain,kind,coins,ports,source\nown.example,pool,XMR,3333,us\n";
    scratch.file("etc/more.csv", list);
    check("stratum.own.example").ends_with(0).says("is on the pool list as pool");
    check("notown.example").ends_with(0).says("not on the pool list");
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    let one = pcap(ONE).display().to_string();
    for args in [
        &[][..],
        &["replay"],
        &["replay", &one, "--wrokers", "2"],
        &["replay", &one, "--workers", "0"],
        &["replay", &one, "--workers", "65"],
        &["replay", &one, "--update"],
        &["verify"],
        &["check"],
        &["mine"],
        &["dialects", "--json", "--markdown"],
    ] {
        let run = pithead(args).ends_with(2);
        assert!(run.err.contains("--help") && run.out.is_empty(), "{args:?}: {}", run.err);
    }
}
