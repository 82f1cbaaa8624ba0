"""The Stratum reference implementation's crates at both ends (scripts/pcaps/sv2): V2 sealed by Noise and in clear, and V1."""

import os
import subprocess

from ..catalogue import capture

SPECIFICATION = "https://github.com/stratum-mining/sv2-spec"
CRATES = "the crates noise_sv2, codec_sv2 and mining_sv2, in the small programs of scripts/pcaps/sv2"


def program(stage):
    """Builds the programs once, beside the project's other build products."""
    target = stage.root / "target" / "pcaps-sv2"
    manifest = stage.root / "scripts" / "pcaps" / "sv2" / "Cargo.toml"
    command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", manifest]
    subprocess.run(command, env=os.environ | {"CARGO_TARGET_DIR": str(target)}, check=True)
    return target / "debug" / "sv2-capture"


def session(stage, client, server, port, shares, *mode):
    binary = program(stage)
    stage.start("world", binary, "pool", socket_address(server, port), *mode, port=port)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    miner = stage.start("office", binary, "miner", socket_address(client, stage.port()), socket_address(server, port), *mode, **pipes)
    expect(miner, "ready")
    for _ in range(shares):
        stage.rest(12)
        miner.stdin.write("share\n")
        expect(miner, "done")
    miner.stdin.close()
    miner.wait()


def expect(miner, word):
    if (line := miner.stdout.readline().strip()) != word:
        raise RuntimeError(f"the miner said {line!r} where {word!r} was due")


def socket_address(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@capture("stratum-v2/noise", SPECIFICATION, by=CRATES)
def noise(stage):
    """A standard channel under Noise: 64 bytes, 234 bytes, then sealed records of a few sizes."""
    session(stage, "10.20.0.72", "203.0.113.55", 34254, 12)


@capture("stratum-v2/noise-ipv6", SPECIFICATION, by=CRATES)
def noise_ipv6(stage):
    """The same over IPv6, with few shares."""
    session(stage, "fd00:20::48", "2001:db8:113::12", 3336, 4)


@capture("stratum-v2-plain/plain", SPECIFICATION, by=CRATES)
def plain(stage):
    """Without encryption, as some farms do inside."""
    session(stage, "10.20.0.73", "203.0.113.56", 34250, 8, "plain")


@capture(
    "stratum-v1/reference",
    "https://github.com/stratum-mining/stratum",
    by="the crate sv1_api at both ends, in the programs of scripts/pcaps/sv2",
)
def version_1(stage):
    """The reference implementation's V1: notifications without an id, the error before the result; one share is stale."""
    session(stage, "10.20.0.89", "203.0.113.78", 34255, 6, "v1")
