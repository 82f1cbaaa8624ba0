//! A tap that runs, as it is asked over its control socket and drawn on a terminal: the real binary on a cable of its own.
//!
//! Needs root, and tmux for the terminals; says so where it is skipped.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use pithead_capture::nic::Cable;
use serde_json::{Value, json};
use support::{Run, Scratch, captures, command, pcap, pithead};

/// How long something is awaited that has to come, on however busy a machine.
const LONG: Duration = Duration::from_secs(60);

/// Runs `body` with a cable, in a network of its own.
fn with_cable(body: impl FnOnce(&Cable) + Send + 'static) {
    let tried = thread::spawn(move || match Cable::lay(1) {
        Ok(cable) => body(&cable),
        Err(error) => println!("skipped: needs root: {error}"),
    });
    if let Err(panic) = tried.join() {
        std::panic::resume_unwind(panic);
    }
}

fn send(cable: &Cable, capture: &Path) {
    for frame in captures::frames(capture) {
        if frame.bytes.get(12..14) == Some(&[8, 0]) {
            cable.send(&frame.bytes[14..]).expect("a packet is sent");
        }
    }
}

/// Waits until `ready` gives something.
#[track_caller]
fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(began.elapsed() < LONG, "{what} did not come");
        thread::yield_now();
    }
}

/// A tap in the background, and what it says, line by line.
struct Tap {
    child: Child,
    said: std::sync::mpsc::Receiver<String>,
}

impl Tap {
    fn start(cable: &Cable, scratch: &Scratch, config: &str) -> Self {
        let settings = format!(
            "{config}\n[tap]\ninterfaces = [\"{}\"]\nmode = \"skb\"\n[control]\nsocket = \"control.sock\"\n[eve]\npath = \"eve.json\"\n",
            cable.far
        );
        let config = scratch.file("pithead.toml", settings);
        let mut child = command()
            .args(["tap", "--cache", "none", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (says, said) = channel();
        let lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(says.send(line))));
        let tap = Self { child, said };
        tap.says("listening on");
        tap
    }

    /// Waits for a line that has this in it.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        until(words, || self.said.recv_timeout(LONG).ok().filter(|line| line.contains(words)))
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.signal("TERM");
        let ended = self.child.wait().expect("it ends");
        if !thread::panicking() {
            assert_eq!(ended.code(), Some(0));
        }
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

/// Asks one thing.
fn ask(scratch: &Scratch, command: &str) -> Value {
    let mut stream = UnixStream::connect(scratch.path("control.sock")).expect("it listens");
    stream.write_all(format!("{}\n", json!({ "command": command })).as_bytes()).expect("it reads");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    let mut answer: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(answer["return"], "OK", "{answer}");
    answer["message"].take()
}

fn reload(scratch: &Scratch) -> Run {
    pithead(["reload", "--control", &scratch.text("control.sock")])
}

#[test]
fn a_tap_tells_how_it_goes() {
    with_cable(|cable| {
        let scratch = Scratch::new();
        let _tap = Tap::start(cable, &scratch, "");
        send(cable, &pcap("stratum-v1/cgminer.pcap"));
        let status = until("a miner", || {
            Some(ask(&scratch, "status")).filter(|status| status["miners"]["total"] == 1)
        });
        let miner = &status["miners"]["listed"][0];
        assert_eq!((&miner["host"], &miner["dialect"]), (&"10.20.0.21".into(), &"stratum-v1".into()));
        assert_eq!(status["alerts"], json!({ "stratum-v1": 1 }));
        assert_eq!(status["stats"]["capture"]["mode"], "skb");
        assert_eq!(status["workers"].as_array().map(Vec::len), Some(1));
        let counters = ask(&scratch, "dump-counters");
        assert!(counters["frames"]["read"].as_u64() > Some(10), "{counters:#}");
    });
}

#[test]
fn lists_are_reloaded_whole_and_bad_ones_not_at_all() {
    with_cable(|cable| {
        let scratch = Scratch::new();
        let list = |entry: &str| {
            scratch.file("ours.csv", format!("domain,kind,coins,ports,source\n{entry}\n"));
        };
        list("one.example,pool,,,");
        let tap = Tap::start(cable, &scratch, "pool_lists = [\"ours.csv\"]");
        let names = || ask(&scratch, "status")["pools"].as_u64().expect("a count");
        let before = names();
        list("one.example,pool,,,\ntwo.example,pool,,,");
        let run = reload(&scratch).ends_with(0).quietly();
        assert!(run.out.contains("names of pools are in use"), "{}", run.out);
        assert_eq!(names(), before + 1);
        tap.says("reloaded: ");
        list("one.example,dragon,,,");
        reload(&scratch).ends_with(1).complains("line 2").complains("what was in use stays in use");
        assert_eq!(names(), before + 1);
        tap.says("not reloaded");
        // By either signal, and what waits for a start is said.
        list("one.example,pool,,,\ntwo.example,pool,,,\nthree.example,pool,,,");
        tap.signal("USR2");
        until("the third name", || (names() == before + 2).then_some(()));
        let config = scratch.read("pithead.toml").replace("mode = \"skb\"", "mode = \"native\"");
        scratch.file("pithead.toml", config);
        list("one.example,pool,,,");
        tap.signal("HUP");
        let said = tap.says("tap take effect at the next start");
        assert!(said.starts_with("reloaded: "), "{said}");
        assert_eq!(names(), before);
    });
}

#[test]
fn where_nobody_listens_is_said_with_a_remedy() {
    let scratch = Scratch::new();
    let path = scratch.text("none.sock");
    pithead(["reload", "--control", &path]).ends_with(1).complains("none.sock").complains("no tap listens");
    let told = pithead(["reload", "--json", "--control", &path]).ends_with(1).quietly().out;
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON")["return"], "NOK");
    pithead(["top", "--control", &path]).ends_with(1).complains("standard output is no terminal");
    pithead(["tap", "lo", "--live"]).ends_with(1).complains("standard output is no terminal");
}

/// A terminal of tmux's, on a server of its own.
struct Terminal(String);

impl Terminal {
    /// Runs a line of shell in one of this size; `None`, and a word about it, where there is no tmux.
    fn start(scratch: &Scratch, columns: u16, rows: u16, line: &str) -> Option<Self> {
        let socket = scratch.text("tmux.sock");
        let started = Command::new("tmux")
            .args(["-S", &socket, "-f", "/dev/null", "new-session", "-d"])
            .args(["-x", &columns.to_string(), "-y", &rows.to_string(), "sh"])
            .status();
        if !started.is_ok_and(|status| status.success()) {
            println!("skipped: needs tmux");
            return None;
        }
        let terminal = Self(socket);
        terminal.keys(&[line, "Enter"]);
        Some(terminal)
    }

    fn keys(&self, keys: &[&str]) {
        let sent = Command::new("tmux").args(["-S", &self.0, "send-keys"]).args(keys).status();
        assert!(sent.expect("tmux is there").success());
    }

    fn screen(&self) -> String {
        let output = Command::new("tmux").args(["-S", &self.0, "capture-pane", "-p"]).output();
        String::from_utf8_lossy(&output.expect("tmux is there").stdout).into_owned()
    }

    /// Waits until the screen has this.
    #[track_caller]
    fn shows(&self, words: &str) -> String {
        let mut last = String::new();
        let began = Instant::now();
        while began.elapsed() < LONG {
            last = self.screen();
            if last.contains(words) {
                return last;
            }
        }
        panic!("{words:?} is not on the screen:\n{last}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-S", &self.0, "kill-server"]).status();
    }
}

#[test]
fn top_draws_a_tap_and_gives_the_terminal_back() {
    with_cable(|cable| {
        let scratch = Scratch::new();
        let _tap = Tap::start(cable, &scratch, "");
        let program = env!("CARGO_BIN_EXE_pithead");
        let line = format!("{program} top --control {}; echo left with $?", scratch.text("control.sock"));
        let Some(terminal) = Terminal::start(&scratch, 80, 24, &line) else { return };
        terminal.shows("none so far");
        send(cable, &pcap("stratum-v1/cgminer.pcap"));
        let screen = terminal.shows("10.20.0.21");
        assert!(screen.contains("1 miner by last seen") && screen.contains("unexplained      0"), "{screen}");
        terminal.keys(&["s"]);
        terminal.shows("1 miner by first seen");
        terminal.keys(&["?"]);
        terminal.shows("any key closes it");
        terminal.keys(&["x"]);
        terminal.shows("1 miner by first seen");
        terminal.keys(&["q"]);
        let screen = terminal.shows("left with 0");
        assert!(!screen.contains("miner by"), "{screen}");
        // What is typed is seen again.
        terminal.keys(&["echo given $((40 + 2)) back", "Enter"]);
        terminal.shows("given 42 back");
    });
}

#[test]
fn a_signal_ends_a_screen_in_order() {
    with_cable(|cable| {
        let scratch = Scratch::new();
        let program = env!("CARGO_BIN_EXE_pithead");
        let (far, number) = (&cable.far, scratch.text("number"));
        // The server of the terminal is in this network, since it is started from here.
        let tap = format!("{program} tap {far} --mode skb --cache none --live");
        let line = format!("sh -c 'echo $$ > {number}; exec {tap}'; echo left with $?");
        let Some(terminal) = Terminal::start(&scratch, 100, 30, &line) else { return };
        terminal.shows("none so far");
        send(cable, &pcap("stratum-v1/cgminer.pcap"));
        terminal.shows("10.20.0.21");
        let process = scratch.read("number").trim().parse().expect("a number");
        signal(process, "TERM");
        let screen = terminal.shows("left with 0");
        assert!(screen.contains("1 host mines."), "{screen}");
    });
}
