"""The stage: the cable, the tape that is running, and the programs and sockets a capture's script uses.

A script is a function of one argument, the stage. `line` opens a real TCP connection, both ends of which the script holds; where a
real program speaks, `office` and `world` run it. Leaves out concurrency: a script is one thread, so each run sends the same things in
the same order.
"""

import pathlib
import random
import shutil
import socket
import subprocess
import time
import zlib

from . import directory, net
from .tape import Tape

# Source ports follow from the capture's name, so that two runs of a script give the same flows.
FIRST_PORT, PORT_SPAN = 40_000, 20_000


class Stage:
    """Everything a capture's script can do."""

    def __init__(self, root):
        self.root, self.cable = root, net.Cable()
        self.scratch = root / "target" / "pcaps-scratch"
        self.tape, self.programs, self.listeners = None, [], {}

    def __enter__(self):
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.cable.__enter__()
        for settings in self._settings():
            settings.mkdir(parents=True)
            (settings / "resolv.conf").write_text(f"nameserver {directory.RESOLVER}\n")
        return self

    def __exit__(self, *_):
        self.strike()
        self.cable.__exit__()
        for settings in self._settings():
            shutil.rmtree(settings, ignore_errors=True)

    def perform(self, capture):
        """Runs one capture's script, and says what came of it."""
        self.path = self.root / "pcaps" / f"{capture.name}.pcap"
        self.vlan = capture.vlan
        self.random = random.Random(capture.name)
        self.next_port = FIRST_PORT + zlib.crc32(capture.name.encode()) % PORT_SPAN
        if not capture.late:
            self.roll()
        try:
            capture.script(self)
        finally:
            self.strike()
            result = self.tape.stop()
            self.tape = None
        return result

    def roll(self):
        """Starts the tape; only captures that begin in mid-stream call it themselves."""
        self.tape = Tape(self.cable, self.path, self.vlan)

    def wait(self, seconds):
        """Nothing happens for `seconds` of the recording's time."""
        if self.tape:
            self.tape.wait(seconds)

    def rest(self, mean):
        """Waits as long as a miner may between two shares: finds are a Poisson process."""
        self.wait(round(self.random.expovariate(1 / mean), 3))

    def hex(self, digits):
        """So many hexadecimal digits, the same at each run."""
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def bytes(self, count):
        return self.random.randbytes(count)

    def port(self):
        """The next source port."""
        self.next_port += 1
        return self.next_port

    def listener(self, address, port):
        """A listening socket in the world, closed when the capture ends."""
        if (address, port) not in self.listeners:
            with self.cable.inside("world"):
                listener = socket.socket(net.family(address), socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen()
            self.listeners[address, port] = listener
        return self.listeners[address, port]

    def line(self, client, server, port, source_port=None):
        """Opens a TCP connection from the office host `client` to `server`."""
        listener = self.listener(server, port)
        near = self.dial(client, server, port, source_port)
        far, _ = listener.accept()
        return Line(self, near, far)

    def dial(self, client, server, port, source_port=None, timeout=5):
        """The office's end of a connection to whatever listens at `server`."""
        with self.cable.inside("office"):
            near = socket.socket(net.family(client), socket.SOCK_STREAM)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.settimeout(timeout)
        near.bind((client, source_port or self.port()))
        near.connect((server, port))
        return near

    def datagram(self, client, server, port, request, answer=None):
        """Sends one datagram, and lets the server send another back."""
        with self.cable.inside("world"):
            far = socket.socket(net.family(server), socket.SOCK_DGRAM)
        with self.cable.inside("office"):
            near = socket.socket(net.family(client), socket.SOCK_DGRAM)
        with near, far:
            far.bind((server, port))
            near.bind((client, self.port()))
            near.sendto(request, (server, port))
            _, sender = far.recvfrom(65_535)
            if answer is not None:
                far.sendto(answer, sender)
                near.recvfrom(65_535)

    def office(self, *words, check=True, feed=None):
        """Runs a program in the office to its end and returns what it printed."""
        done = subprocess.run(self.cable.command("office", *words), input=feed, capture_output=True, timeout=30, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{words[0]} failed with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def start(self, side, *words, port=None, **options):
        """Starts a program; it is ended when the capture ends. With `port`, returns once something listens there."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        program = subprocess.Popen(self.cable.command(side, *words), **options)
        self.programs.append(program)
        if port is not None:
            self.await_listener(side, program, port)
        return program

    def resolver(self):
        """Starts the name server that both namespaces ask."""
        self.start("world", *directory.dnsmasq(self.scratch), port=53)

    def look_up(self, client, name, *words):
        """A host in the office asks for a name, with dig."""
        return self.office(
            "dig", "-b", f"{client}#{self.port()}", f"@{directory.RESOLVER}", "+short", "+tries=1", "+nocookie", name, *words
        )

    def strike(self):
        """Ends what a script has started."""
        for program in reversed(self.programs):
            program.terminate()
            program.wait()
        for listener in self.listeners.values():
            listener.close()
        self.programs, self.listeners = [], {}

    def await_listener(self, side, program, port):
        """Returns once something in `side` listens at this port."""
        # Asked of the kernel, not by a connection: that would be in the recording.
        for _ in range(200):
            listening = subprocess.run(self.cable.command(side, "ss", "-Hlntu", f"sport = :{port}"), capture_output=True, check=True)
            if listening.stdout:
                return
            if program.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{program.args[4:]} does not listen on port {port}")

    def _settings(self):
        # Where `ip netns exec` finds the files to lay over /etc.
        return [pathlib.Path("/etc/netns") / name for name in self.cable.names.values()]


class Line:
    """A TCP connection of which the script holds both ends. What one side says, the other has read before the call returns."""

    def __init__(self, stage, near, far):
        self.stage, self.near, self.far = stage, near, far
        for end in (near, far):
            end.settimeout(5)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def client(self, *messages):
        """The client says these, in one segment where they fit. Text is a line; bytes are sent as they are."""
        _say(self.near, self.far, messages)

    def server(self, *messages):
        """The server says these."""
        _say(self.far, self.near, messages)

    def client_pieces(self, message, *cuts):
        """The client says `message` in several segments, cut at these offsets."""
        self._pieces(self.near, self.far, _encoded(message), cuts)

    def server_pieces(self, message, *cuts):
        self._pieces(self.far, self.near, _encoded(message), cuts)

    def close(self):
        """The client hangs up, then the server."""
        for end in (self.near, self.far):
            end.close()
            time.sleep(0.003)

    def _pieces(self, speaker, hearer, message, cuts):
        for start, end in zip((0, *cuts), (*cuts, len(message))):
            _say(speaker, hearer, [message[start:end]])
            self.stage.wait(0.02)


def _encoded(message):
    return message if isinstance(message, bytes) else message.encode() + b"\n"


def _say(speaker, hearer, messages):
    said = b"".join(map(_encoded, messages))
    speaker.sendall(said)
    heard = b""
    while len(heard) < len(said):
        part = hearer.recv(65_535)
        if not part:
            raise RuntimeError("the line was closed in mid-message")
        heard += part
    time.sleep(0.002)
