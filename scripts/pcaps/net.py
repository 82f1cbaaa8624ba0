"""Two network namespaces joined by one cable: `office`, where hosts are, and `world`, where servers are.

Relies on iproute2 and root. Leaves out routing beyond one hop, and any way to the real network: there is none.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess

CABLE = "office0"
OFFICE_V4, OFFICE_V6 = "10.20.0.", "fd00:20::"
OFFICE_HOSTS = range(11, 100)
GATEWAY_V4, GATEWAY_V6 = "10.20.0.1", "fd00:20::1"
# Documentation prefixes (RFC 5737, RFC 3849) play the Internet. `DARK` is routed to nowhere: packets to it vanish, as in a firewall that drops.
WORLD_V4 = [f"203.0.113.{n}" for n in range(10, 90)] + [f"198.51.100.{n}" for n in range(10, 90)]
WORLD_V6 = [f"2001:db8:113::{n:x}" for n in range(0x10, 0x30)]
DARK = "192.0.2.0/24"
PROHIBITED = "192.0.2.128/25"
MAC = {"office": "02:00:00:20:00:02", "world": "02:00:00:20:00:01"}

CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
# ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO of linux/ethtool.h: with them off, frames are as a tap would see them, checksums included.
OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)
LIBC = ctypes.CDLL(None, use_errno=True)


class Cable:
    """The two namespaces, for as long as the `with` lasts."""

    def __init__(self):
        self.names = {side: f"pithead-{side}-{os.getpid()}" for side in ("office", "world")}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        for name in self.names.values():
            _ip("netns", "add", name)
        office, world = self.names["office"], self.names["world"]
        _ip("-n", office, "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", world)
        for side, name in self.names.items():
            self._batch(side, self._addresses(side))
            self._sysctl(side)
            with self.inside(side):
                _offloads_off(CABLE)

    def __exit__(self, *_):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)

    def command(self, side, *words):
        """The words that run a program inside `side`."""
        return ["ip", "netns", "exec", self.names[side], *map(str, words)]

    @contextlib.contextmanager
    def inside(self, side):
        """Sockets made within the `with` belong to `side`; the calling thread comes back afterwards."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.names[side]}") as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def _addresses(self, side):
        # Neighbours are fixed, so that no ARP or neighbour discovery runs between the frames that matter.
        yield f"link set {CABLE} address {MAC[side]} addrgenmode none up"
        yield "link set lo up"
        if side == "office":
            for n in OFFICE_HOSTS:
                yield f"addr add {OFFICE_V4}{n}/24 dev {CABLE}"
                yield f"addr add {OFFICE_V6}{n:x}/64 dev {CABLE} nodad"
            yield f"neigh replace {GATEWAY_V4} lladdr {MAC['world']} dev {CABLE} nud permanent"
            yield f"neigh replace {GATEWAY_V6} lladdr {MAC['world']} dev {CABLE} nud permanent"
            # quickack: a delayed acknowledgement would fall behind the pause that follows it.
            yield f"route add default via {GATEWAY_V4} quickack 1"
            yield f"route add ::/0 via {GATEWAY_V6} quickack 1"
            return
        for address in WORLD_V4:
            yield f"addr add {address}/32 dev lo"
        for address in WORLD_V6:
            yield f"addr add {address}/128 dev lo nodad"
        yield f"addr add {GATEWAY_V4}/24 dev {CABLE}"
        yield f"addr add {GATEWAY_V6}/64 dev {CABLE} nodad"
        yield f"route replace {OFFICE_V4}0/24 dev {CABLE} src {GATEWAY_V4} quickack 1"
        yield f"route replace {OFFICE_V6}/64 dev {CABLE} src {GATEWAY_V6} quickack 1"
        yield f"route add blackhole {DARK}"
        yield f"route add prohibit {PROHIBITED}"
        for n in OFFICE_HOSTS:
            yield f"neigh replace {OFFICE_V4}{n} lladdr {MAC['office']} dev {CABLE} nud permanent"
            yield f"neigh replace {OFFICE_V6}{n:x} lladdr {MAC['office']} dev {CABLE} nud permanent"

    def _batch(self, side, lines):
        subprocess.run(["ip", "-n", self.names[side], "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def _sysctl(self, side):
        settings = ["net.ipv4.tcp_tw_reuse=1", "net.ipv6.conf.all.accept_ra=0"]
        if side == "world":
            settings += ["net.ipv4.ip_forward=1"]
        subprocess.run(self.command(side, "sysctl", "-qw", *settings), check=True)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _ip(*words):
    subprocess.run(["ip", *words], check=True)


def _setns(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _offloads_off(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for feature in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", feature, 0))
            request = struct.pack("16sP", device.encode(), ctypes.addressof(value)).ljust(40, b"\0")
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)
