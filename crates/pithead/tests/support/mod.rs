//! What the tests of the whole program share: the golden captures, scratch folders, and the real binary.
#![allow(dead_code, unreachable_pub)] // each test takes what it needs

pub mod captures;
pub mod craft;
pub mod line;
pub mod namespace;
pub mod steps;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A golden capture, by its name under `pcaps`.
pub fn pcap(name: &str) -> PathBuf {
    let path = root().join("pcaps").join(name);
    assert!(path.is_file(), "{}: no such golden capture", path.display());
    path
}

/// Every golden capture, sorted by name.
pub fn golden() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join("pcaps"), &mut found);
    found.sort();
    assert!(found.len() > 50, "the golden captures are there");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            collect(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "pcap" || ending == "pcapng") {
            found.push(entry);
        }
    }
}

/// The name of a golden capture as people say it: `stratum-v1/cgminer`.
pub fn short(capture: &Path) -> String {
    let inside = capture.strip_prefix(root().join("pcaps")).unwrap_or(capture);
    inside.with_extension("").display().to_string()
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    /// The same, if it ended with this status.
    #[track_caller]
    pub fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "output:\n{}\nerrors:\n{}", self.out, self.err);
        self
    }

    /// The same, if standard output says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.out.contains(text),
            "{text:?} is not in the output:\n{}\nerrors:\n{}",
            self.out,
            self.err
        );
        self
    }

    /// The same, if standard error says this.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.err.contains(text),
            "{text:?} is not in the errors:\n{}\noutput:\n{}",
            self.err,
            self.out
        );
        self
    }

    /// The same, if it had nothing to complain about.
    #[track_caller]
    pub fn quietly(self) -> Self {
        assert_eq!(self.err, "", "output:\n{}", self.out);
        self
    }

    /// Standard output as events.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        events(&self.out)
    }
}

/// JSON lines as events.
#[track_caller]
pub fn events(lines: &str) -> Vec<Value> {
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    lines.lines().map(event).collect()
}

/// Those of a type.
pub fn of_type<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event_type"] == kind).collect()
}

/// The command, nothing of this terminal's settings with it.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pithead"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG", "COLUMNS"] {
        command.env_remove(name);
    }
    // All tests keep their patterns in one place, which is not the user's.
    command.env("CACHE_DIRECTORY", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

/// Runs the program.
pub fn pithead<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    fed(args, &[])
}

/// Runs the program with these bytes on standard input.
pub fn fed<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &[u8]) -> Run {
    let mut command = command();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let input = input.to_vec();
    // Beside it, since the program may write more than a pipe holds before it has read all. It need not read at all.
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the program ends");
    feeder.join().expect("the input is written");
    let text = |bytes| String::from_utf8(bytes).expect("what is written is UTF-8");
    // A signal has no exit status, and no test expects one.
    let status = output.status.code().unwrap_or(-1);
    Run { status, out: text(output.stdout), err: text(output.stderr) }
}

/// Runs `pithead replay FILE OPTIONS...`.
pub fn replay(file: &Path, options: &[&str]) -> Run {
    let mut args: Vec<&OsStr> = vec!["replay".as_ref(), file.as_os_str()];
    args.extend(options.iter().map(OsStr::new));
    pithead(args)
}

/// A folder that goes away with the test.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    /// The path of a file in it, which need not be there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as text, for command lines.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Copies a golden capture, or anything else.
    pub fn copy(&self, from: &Path, name: &str) -> PathBuf {
        self.file(name, std::fs::read(from).expect("a file"))
    }

    /// What a file says.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }
}
