"""A cable between two network namespaces of the test's own: frames go in at one end, a tap watches the other.

Relies on iproute2 and root. Nothing but the test sends on it: no address, no neighbour discovery, no ARP.
"""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import time

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
# As many frames are sent before the receiver gets a turn. A veth end holds 256 before the other has taken them.
BURST = 64
SO_SNDBUFFORCE = 32
# More than any link's queue holds.
HURRIED_BYTES = 256 << 20
# Long enough for a worker to have taken a frame before one that comes on another queue: then both know which was first. What was seconds
# apart may be told in another order if it is mixed up, and gets more time.
SHORT_PAUSE, LONG, LONG_PAUSE = 0.002, 0.5, 0.02


class Namespace:
    """A network namespace, for as long as the `with` lasts."""

    made = 0

    def __init__(self):
        Namespace.made += 1
        self.name = f"pithead-live-{os.getpid()}-{Namespace.made}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        # Whatever comes up here says nothing by itself.
        run(*self.command("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)

    def ip(self, *words):
        run("ip", "-n", self.name, *words)

    def command(self, *words):
        """The words that run a program inside."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    @contextlib.contextmanager
    def inside(self):
        """Sockets made within the `with` belong here; the calling thread comes back afterwards."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())


class Cable:
    """Two namespaces joined by veth pairs: `near0`, `near1`... in the one that sends, `tap0`, `tap1`... in the one that is tapped."""

    def __init__(self, queues=1, mtu=1500, pairs=1):
        self.queues, self.mtu, self.pairs = queues, mtu, pairs
        self.near, self.far = Namespace(), Namespace()

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        with self.stack:
            self.stack.enter_context(self.near)
            self.stack.enter_context(self.far)
            for pair in range(self.pairs):
                self._plug(pair)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _plug(self, pair):
        size = ["numrxqueues", self.queues, "numtxqueues", self.queues, "mtu", self.mtu]
        near, tap = f"near{pair}", f"tap{pair}"
        self.near.ip("link", "add", near, *size, "type", "veth", "peer", "name", tap, *size, "netns", self.far.name)
        for namespace, end in ((self.near, near), (self.far, tap)):
            namespace.ip("link", "set", end, "arp", "off", "up")

    def taps(self):
        return [f"tap{pair}" for pair in range(self.pairs)]

    def sender(self, pair=0):
        return Sender(self.near, f"near{pair}")


class Sender:
    """Sends frames over one link, as they are, and knows that the link took them all."""

    def __init__(self, namespace, device):
        self.namespace, self.device = namespace, device
        with namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind((device, 0))
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hurry(self):
        """From now on no frame waits for those before it to be taken off the link: it is dropped there instead."""
        self.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, HURRIED_BYTES)

    def send(self, frames):
        """Sends every frame, a burst at a time, and says how many the link dropped."""
        before = self._dropped()
        for number, frame in enumerate(frames, 1):
            self._send(frame)
            if number % BURST == 0:
                time.sleep(0)  # the other end's interrupt may want this processor
        return self._dropped() - before

    def pace(self, frames):
        """Sends frames with their times, with a pause between two, longer where theirs was."""
        before, last = self._dropped(), None
        for when, frame in frames:
            if last is not None:
                time.sleep(_pause(when - last))
            self._send(frame)
            last = when
        return self._dropped() - before

    def _send(self, frame):
        while True:
            try:
                self.socket.send(frame)
                self.sent += 1
                return
            except OSError as error:
                if error.errno != 105:  # ENOBUFS: the queue is full for a moment
                    raise
                time.sleep(0.0005)

    def _dropped(self):
        words = ["ip", "-n", self.namespace.name, "-s", "-j", "link", "show", "dev", self.device]
        import json

        return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)[0]["stats64"]["tx"]["dropped"]


def _pause(seconds):
    return LONG_PAUSE if seconds > LONG else SHORT_PAUSE


def run(*words):
    subprocess.run([str(word) for word in words], check=True)


def _setns(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
