//! A network namespace for one test: the test runs itself again in it. Needs root, `unshare` and `ip`, and says so where it is skipped.

use std::env;
use std::process::{Command, Stdio};

const INSIDE: &str = "PITHEAD_TEST_NAMESPACE";

/// Runs `body` in a namespace of its own, in a child of this process.
pub(crate) fn in_namespace(test: &str, body: fn()) {
    in_namespace_with(test, &[], body);
}

/// The same by a command line `with`, which may take rights away from it.
pub(crate) fn in_namespace_with(test: &str, with: &[&str], body: fn()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let mounted = "mount -t sysfs sysfs /sys && exec \"$0\" \"$@\"";
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--mount", "sh", "-c", mounted]);
    let allowed = inside.arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let ip = Command::new("ip").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !allowed || !ip {
        println!("skipped: {test}: needs root (a network namespace of its own), unshare and ip");
        return;
    }
    let this = env::current_exe().unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--mount", "sh", "-c", mounted]).args(with).arg(this);
    inside.args(["--exact", test, "--nocapture"]);
    assert!(inside.env(INSIDE, "1").status().unwrap().success(), "{test} failed in its namespace");
}

/// Runs `ip` with the words of this line.
pub(crate) fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status().unwrap();
    assert!(status.success(), "ip {line}");
}
