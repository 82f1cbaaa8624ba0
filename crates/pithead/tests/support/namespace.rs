//! A network namespace of a test's own, in which it may make links and send frames. Needs root and iproute2.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Run;

/// A network namespace that goes away with the test, and all links in it.
pub struct Namespace(String);

impl Namespace {
    /// A new one; `None`, and a word about it, where this process may make none.
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pithead-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match Command::new("ip").args(["netns", "add", &name]).output() {
            Ok(output) if output.status.success() => {
                let this = Self(name);
                this.ip("link set lo up");
                Some(this)
            }
            Ok(output) => {
                eprintln!(
                    "skipped: no network namespace: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                eprintln!("skipped: no network namespace: ip (iproute2): {error}");
                None
            }
        }
    }

    /// Runs `ip` in it.
    #[track_caller]
    pub fn ip(&self, line: &str) {
        self.run("ip", line.split_whitespace()).ends_with(0);
    }

    /// Runs any program in it.
    pub fn run<A: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = A>) -> Run {
        let output = self.command(program).args(args).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("what is written is UTF-8");
        Run { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// A command that would run in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG", "COLUMNS"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs pithead in it.
    pub fn pithead<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run(env!("CARGO_BIN_EXE_pithead"), args)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}
