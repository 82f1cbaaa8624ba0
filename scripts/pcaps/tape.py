"""A recording: tcpdump on the cable, and afterwards the clock of a working day.

Frames are recorded as they really crossed. Their times are then moved: the first frame is set to `START`, and each `wait(seconds)` of the
script, which took a few milliseconds, is stretched to the seconds it stands for. Order and bytes stay as recorded. Leaves out any
other change, but for one: a VLAN tag, which this kernel may not know, can be put in as a switch's mirror port would.
"""

import pathlib
import signal
import struct
import subprocess
import time

# 2026-11-02 09:00:00 UTC, a Monday.
START = 1_793_610_000
# Long enough for the last frames of a step to have crossed the cable and been stamped.
SETTLE_SECONDS = 0.012
RECORD = struct.Struct("<IIII")


class Tape:
    """Records until `stop`, and writes `path` then."""

    def __init__(self, cable, path, vlan=None):
        self.path, self.vlan, self.waits = path, vlan, []
        self.raw = path.with_suffix(".raw")
        path.parent.mkdir(parents=True, exist_ok=True)
        words = [
            "tcpdump",
            "-i",
            "office0",
            "-U",
            "--immediate-mode",
            "-Z",
            "root",
            "-s",
            "0",
            "-w",
            self.raw,
            "not arp and not ip6 multicast",
        ]
        self.tcpdump = subprocess.Popen(cable.command("office", *words), stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.tcpdump.stderr.readline()):
            if not line:
                raise RuntimeError(f"{path.name}: tcpdump did not start")

    def wait(self, seconds):
        """Nothing happens for `seconds` of the recording's time."""
        time.sleep(SETTLE_SECONDS)
        self.waits.append((time.time(), seconds))
        time.sleep(0.001)

    def stop(self):
        """Ends the recording, sets its clock, and says what was recorded."""
        time.sleep(0.1)
        self.tcpdump.send_signal(signal.SIGINT)
        self.tcpdump.wait()
        self.tcpdump.stderr.close()
        header, frames = _read(self.raw)
        self.raw.unlink()
        frames = [(when, self._tagged(frame)) for when, frame in self._stretched(frames)]
        self.path.write_bytes(header + b"".join(_record(when, frame) for when, frame in frames))
        seconds = frames[-1][0] - frames[0][0] if frames else 0
        return f"{len(frames)} frames, {self.path.stat().st_size} bytes, {seconds:.0f} s"

    def _stretched(self, frames):
        waits, added, first = sorted(self.waits), 0.0, None
        for when, frame in sorted(frames, key=lambda pair: pair[0]):
            while waits and waits[0][0] <= when:
                added += waits.pop(0)[1]
            # Waits before the first frame are part of no capture.
            if first is None:
                first, added = when, 0.0
            yield START + when - first + added, frame

    def _tagged(self, frame):
        if self.vlan is None:
            return frame
        return frame[:12] + struct.pack(">HH", 0x8100, self.vlan) + frame[12:]


def _read(path: pathlib.Path):
    content, at, frames = path.read_bytes(), 24, []
    while at < len(content):
        seconds, micros, kept, _ = RECORD.unpack_from(content, at)
        at += RECORD.size
        frames.append((seconds + micros / 1e6, content[at : at + kept]))
        at += kept
    return content[:24], frames


def _record(when, frame):
    micros = round(when * 1e6)
    return RECORD.pack(micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame
