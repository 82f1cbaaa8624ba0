//! Compiles the XDP program of live capture, so that no compiled object lies in the repository.

use std::{env, path::Path, process::Command};

/// The program of a tap, and the generator of tests and benchmarks.
const PROGRAMS: [&str; 2] = ["tap", "flood"];

fn main() {
    println!("cargo::rerun-if-env-changed=CLANG");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return; // live capture is left out there
    }
    for program in PROGRAMS {
        compile(program);
    }
}

fn compile(program: &str) {
    let source = format!("src/xdp/{program}.bpf.c");
    println!("cargo::rerun-if-changed={source}");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let object = Path::new(&out).join(program).with_extension("bpf.o");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let target = match env::var("CARGO_CFG_TARGET_ENDIAN").as_deref() {
        Ok("big") => "bpfeb",
        _ => "bpfel",
    };
    // -g for the types that maps are described by; v3 for comparisons of 32 bits, known since Linux 5.1.
    let status = Command::new(&clang)
        .args([
            "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-target", target, "-mcpu=v3", "-c", &source, "-o",
        ])
        .arg(&object)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            panic!(
                "{clang} cannot compile {source}: {status}; clang 11 or newer with the BPF target is needed"
            )
        }
        Err(error) => {
            panic!("{clang}: {error}; it compiles the XDP program: install clang, or name it in CLANG")
        }
    }
}
