//! `pithead replay` when all goes well.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::{
    Scratch, captures, command, events, fed, golden, of_type, pcap, pithead, replay, short,
};
use crate::{ESCAPE, MINER, ONE};

#[test]
fn the_summary_names_the_miner() {
    let run = replay(&pcap(ONE), &[]).ends_with(0).quietly();
    let run = run.says(MINER).says("203.0.113.10:3333").says("stratum-v1").says("cgminer/4.12.0");
    let run = run.says("37 frames").says("working").says("4 sent").says("1 host mines.");
    let head = run.out.lines().next().unwrap_or_default().to_owned();
    assert!(head.contains("Mpps") && head.contains("Gbit/s") && head.ends_with("; 1 flow"), "{head}");
}

#[test]
fn without_miners_it_says_so_and_ends_well() {
    replay(&pcap("benign/redis.pcap"), &[]).ends_with(0).quietly().says("No miners.");
}

#[test]
fn the_office_has_more_than_one() {
    let run = replay(&pcap("demo.pcap"), &[]).ends_with(0).quietly();
    run.says("pool.supportxmr.com").says("blocked").says("by proxy").says("hosts mine");
}

#[test]
fn events_on_standard_output_are_alone_there() {
    let run = replay(&pcap(ONE), &["--eve", "-"]).ends_with(0).quietly();
    let events = run.events();
    assert!(events.iter().all(|event| event["event_type"].is_string() && event["timestamp"].is_string()));
    let [alert] = of_type(&events, "alert")[..] else { panic!("one alert: {}", run.out) };
    assert_eq!((&alert["src_ip"], &alert["dest_port"]), (&MINER.into(), &3333.into()));
    assert_eq!(of_type(&events, "flow").len(), 1);
    let closing = events.last().expect("a closing event");
    assert_eq!(closing["event_type"], "stats");
    assert_eq!(closing["stats"]["frames"]["unexplained"], 0);
}

#[test]
fn events_to_a_file_leave_the_summary() {
    let scratch = Scratch::new();
    replay(&pcap(ONE), &["--eve", &scratch.text("eve.json")]).ends_with(0).says("1 host mines.");
    let from_file = scratch.read("eve.json");
    let alone = replay(&pcap(ONE), &["--eve", "-"]).out;
    let without_time = |text: &str| {
        let mut events = events(text);
        for event in &mut events {
            if let Some(stats) = event.get_mut("stats") {
                stats["seconds"] = 0.into();
            }
        }
        events
    };
    assert_eq!(without_time(&from_file), without_time(&alone));
}

#[test]
fn quiet_is_quiet() {
    let run = replay(&pcap(ONE), &["--quiet"]).ends_with(0).quietly();
    assert_eq!(run.out, "");
}

#[test]
fn every_way_in_gives_the_same_events() {
    let scratch = Scratch::new();
    let plain = std::fs::read(pcap(ONE)).expect("a capture");
    // The name stays, since events carry it, and the folder, since that is part of it.
    let events = |bytes: &[u8]| {
        let path = scratch.file("one", bytes);
        let mut events = replay(&path, &["--eve", "-"]).ends_with(0).quietly().events();
        events.pop();
        events
    };
    let expected = events(&plain);
    assert_eq!(events(&captures::gzip(&plain)), expected);
    assert_eq!(events(&captures::zstd(&plain)), expected);
    let mut from_pipe = fed(["replay", "-", "--eve", "-"], &plain).ends_with(0).quietly().events();
    from_pipe.pop();
    for event in &mut from_pipe {
        assert_eq!(event["pcap_filename"], "-");
        event["pcap_filename"] = scratch.text("one").into();
    }
    assert_eq!(from_pipe, expected);
    fed(["replay", "-"], &captures::gzip(&plain)).ends_with(0).says(MINER);
}

#[test]
fn several_files_are_one_stream() {
    let (office, one) = (pcap("demo.pcap"), pcap(ONE));
    let names = [&one, &office, &one].map(|path| path.display().to_string());
    let run = pithead(["replay", &names[0], &names[1], &names[2], "--eve", "-"]).ends_with(0);
    let events = run.events();
    let frames = |path| captures::frames(path).len();
    let closing = events.last().expect("a closing event");
    assert_eq!(closing["stats"]["files"], 3);
    assert_eq!(closing["stats"]["frames"]["read"], 2 * frames(&one) + frames(&office));
    let files: Vec<_> = of_type(&events, "alert").iter().map(|alert| &alert["pcap_filename"]).collect();
    assert!(
        files.contains(&&names[0].as_str().into()) && files.contains(&&names[1].as_str().into()),
        "{files:?}"
    );
    // Frames are numbered in their file, as other programs show them.
    assert!(of_type(&events, "alert").iter().all(|alert| alert["pcap_cnt"].as_u64() <= Some(2000)));
}

#[test]
fn captures_without_frames_are_counted_as_read() {
    let scratch = Scratch::new();
    let empty = scratch.file("none.pcap", captures::pcap_head(1)).display().to_string();
    let (one, text) = (pcap(ONE).display().to_string(), scratch.file("x", "text").display().to_string());
    for workers in ["1", "3"] {
        let run =
            pithead(["replay", &empty, &one, &text, &empty, "--eve", "-", "--workers", workers]).ends_with(1);
        assert_eq!(run.events().last().expect("a closing event")["stats"]["files"], 3);
    }
    let packed = captures::gzip(&captures::pcap_head(1));
    let packed = scratch.file("none.pcap.gz", packed).display().to_string();
    let run = pithead(["replay", &packed, &packed, "--eve", "-", "--workers", "2"]).ends_with(0);
    assert_eq!(run.events().last().expect("a closing event")["stats"]["files"], 2);
}

#[test]
fn a_stream_cut_into_files_is_the_same_stream() {
    let scratch = Scratch::new();
    let samples = captures::frames(&pcap(ONE));
    let (begin, end) = samples.split_at(samples.len() / 2);
    let begin = scratch.file("1.pcap", captures::pcap_file(begin)).display().to_string();
    let end = scratch.file("2.pcap", captures::pcap_file(end)).display().to_string();
    let run = pithead(["replay", &begin, &end]).ends_with(0);
    run.says("37 frames").says("4 sent").says("4 accepted").says("1 host mines.");
}

#[test]
fn flows_and_hosts_are_told_when_asked_for() {
    let run = replay(&pcap("demo.pcap"), &["--eve", "-", "--flows", "--hosts"]).ends_with(0);
    let events = run.events();
    let stats = &events.last().expect("a closing event")["stats"];
    assert_eq!(stats["flows"]["ended"], of_type(&events, "flow").len());
    let hosts = of_type(&events, "host");
    assert!(hosts.len() > 5, "{}", hosts.len());
    let seen = of_type(&events, "host").iter().any(|host| host.to_string().contains("10.20.0.20"));
    assert!(seen, "the office's server is a host of ours");
    replay(&pcap("demo.pcap"), &["--hosts"]).says("others").says("packets out");
}

#[test]
fn no_output_that_is_no_terminal_has_colours() {
    for options in [&[][..], &["--hosts"], &["--eve", "-"], &["--eve", "-", "--flows"]] {
        let run = replay(&pcap("demo.pcap"), options).ends_with(0).quietly();
        assert!(!run.out.contains(ESCAPE), "{options:?}");
    }
    for args in
        [&["dialects"][..], &["check", "pool.supportxmr.com"], &["--help"], &["replay", "no such file"]]
    {
        let run = pithead(args);
        assert!(!run.out.contains(ESCAPE) && !run.err.contains(ESCAPE), "{args:?}");
    }
}

#[test]
fn tables_fit_their_terminal_and_break_no_word() {
    for columns in [60, 80, 90, 120, 200] {
        let mut command = command();
        command.arg("replay").arg(pcap("demo.pcap")).arg("--hosts").env("COLUMNS", columns.to_string());
        let output = command.output().expect("the program runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let widest = text.lines().skip(2).map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{columns}:\n{text}");
        for whole in
            ["pool.supportxmr.com", "10.20.0.14", "name and address", "accepted", "203.0.113.64:3333"]
        {
            assert!(text.contains(whole), "{columns}: {whole} is broken:\n{text}");
        }
    }
}

#[test]
fn numbers_of_hosts_have_their_thousands_apart() {
    let run = replay(&pcap("demo.pcap"), &["--hosts"]).ends_with(0);
    assert!(run.out.contains("180,926"), "{}", run.out);
}

#[test]
fn ways_to_mine_are_not_counted_as_hosts() {
    let scratch = Scratch::new();
    let samples = captures::frames(&pcap(ONE));
    let mut other = samples.clone();
    for sample in &mut other {
        // The pool's port, 3333, in either direction of TCP over IPv4 without options, in Ethernet.
        for at in [34, 36] {
            if sample.bytes[at..at + 2] == 3333_u16.to_be_bytes() {
                sample.bytes[at..at + 2].copy_from_slice(&3334_u16.to_be_bytes());
            }
        }
    }
    let path = scratch.file("two.pcap", captures::pcap_file(samples.iter().chain(&other)));
    replay(&path, &[]).ends_with(0).says("1 host mines, in 2 ways (by dialect and pool).");
}

#[test]
fn no_color_outranks_a_terminal() {
    let output = command()
        .args(["replay", &pcap("demo.pcap").display().to_string()])
        .env("NO_COLOR", "1")
        .output()
        .expect("the program runs");
    assert!(output.status.success() && !output.stdout.contains(&0x1b));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let many: Vec<_> = golden();
    let mut child = command()
        .arg("replay")
        .args(many.iter().cycle().take(many.len() * 8))
        .args(["--eve", "-", "--flows"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
    out.read_line(&mut line).expect("a line");
    drop(out);
    let mut complaints = String::new();
    child.stderr.take().expect("it was asked for").read_to_string(&mut complaints).expect("text");
    let status = child.wait().expect("the program ends");
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    assert!(line.ends_with("}\n"), "{line}");
}

#[test]
fn a_reader_that_leaves_before_the_summary_is_no_error() {
    for args in
        [&["dialects"][..], &["check", "pool.supportxmr.com"], &["verify", "."], &["dialects", "--json"]]
    {
        let mut child = command()
            .args(args)
            .current_dir(crate::support::root().join("pcaps/benign"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let mut complaints = String::new();
        child.stderr.take().expect("it was asked for").read_to_string(&mut complaints).expect("text");
        assert_eq!((child.wait().expect("it ends").code(), complaints.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn any_capture_can_be_summed_up() {
    for capture in golden() {
        let run = replay(&capture, &["--workers", "2", "--hosts"]).ends_with(0).quietly();
        assert!(!run.out.contains("unexplained"), "{}: {}", short(&capture), run.out);
    }
}
