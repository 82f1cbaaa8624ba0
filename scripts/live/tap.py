"""`pithead tap`, started in a namespace and read when it has ended; and `pithead replay` of the same frames, to compare with."""

import json
import pathlib
import signal
import subprocess
import tempfile
import threading

from . import events

# A tap that gets all its frames ends by itself; one that does not is told to, and then has to say what became of them.
PATIENCE_SECONDS = 20


class Failed(Exception):
    """The program did not do what it was asked for."""


class Tap:
    """A tap on links of a namespace. Ready when made; `finish` waits for its end, which comes after so many frames."""

    def __init__(self, program, namespace, interfaces, frames, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.eve = pathlib.Path(self.folder.name) / "eve.jsonl"
        words = [program, "tap", *interfaces, "--eve", self.eve, "--stop-after", frames, *options]
        command = namespace.command(*words)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = []
        waiting = set(interfaces)
        while waiting:
            line = self.process.stderr.readline()
            self.said.append(line)
            if not line:
                raise Failed(f"pithead tap ended before it listened: {''.join(self.said)}")
            if line.startswith("listening on "):
                waiting.discard(line.split()[2].rstrip(":"))
        # Both pipes are read to the end, so that it never waits for us.
        self.readers = [threading.Thread(target=self._gather, args=(pipe,)) for pipe in (self.process.stdout, self.process.stderr)]
        for reader in self.readers:
            reader.start()

    def _gather(self, pipe):
        for line in pipe:
            self.said.append(line)

    def finish(self):
        """The events, and the last counters."""
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop(signal.SIGTERM)
        for reader in self.readers:
            reader.join()
        if self.process.returncode != 0:
            raise Failed(f"pithead tap ended with {self.process.returncode}: {''.join(self.said)}")
        found, stats = events.read(self.eve)
        self.folder.cleanup()
        if not stats:
            raise Failed("pithead tap wrote no stats")
        return found, stats[-1]["stats"]

    def stop(self, number):
        """Sends the program itself a signal: what was started is `ip`, which becomes it."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)


def replay(program, capture):
    """The events of a capture in a file."""
    words = [program, "replay", capture, "--eve", "-", "--quiet"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"pithead replay {capture}: {done.stderr}")
    return [event for event in map(json.loads, done.stdout.splitlines()) if event["event_type"] != "stats"]


def faults(stats, sent, mode=None):
    """What does not add up in the last counters of a tap to which `sent` frames were sent; nothing where all does."""
    capture, found = stats["capture"], []
    count = lambda name: capture.get(name, 0)

    def hold(what, left, right):
        if left != right:
            found.append(f"{what}: {left} is not {right}; all of it: {json.dumps(capture)}")

    for name in ("seen", "to_sockets", "no_socket", "filtered", "received", "rx_dropped", "rx_ring_full", "invalid", "unexplained"):
        if name not in capture:
            found.append(f"{name} is not known")
    hold("seen, of those sent", count("seen"), sent)
    hold("to sockets + no socket + filtered", count("to_sockets") + count("no_socket") + count("filtered"), count("seen"))
    ends = count("received") + count("rx_dropped") + count("rx_ring_full") + count("invalid")
    hold("received + rx dropped + rx ring full + invalid", ends, count("to_sockets"))
    hold("decoded + discarded", stats["frames"]["decoded"] + sum(stats.get("discards", {}).values()), count("received"))
    hold("unexplained", count("unexplained"), 0)
    hold("frames for which no queue had a socket", count("no_socket"), 0)
    if mode is not None:
        hold("mode", capture.get("mode"), mode)
    return found
