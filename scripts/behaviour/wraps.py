"""What an exchange is carried in: nothing, TLS, WebSocket over TLS, SOCKS. The records are OpenSSL's own, by Python's ssl module in memory."""

import functools
import os
import ssl
import struct
import subprocess
import tempfile

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Plain:
    """Content as it is."""

    def __init__(self, flow, at):
        self.flow, self.ready = flow, at + 0.1

    def say(self, side, content, at):
        self.flow.say(side, content, at)


class Tls:
    """TLS between two ends of OpenSSL; what is said comes out as whole records."""

    def __init__(self, flow, at, version="1.3", server_name=None, alpn=()):
        self.flow = flow
        self.ends = [_end(_client(version, tuple(alpn)), False, server_name), _end(_server(tuple(alpn)), True)]
        done = [False, False]
        while not all(done):
            for side in (0, 1):
                done[side] = done[side] or _step(self.ends[side][0])
                at += flow.rtt / 2
                self._carry(side, at)
        _drain(self.ends[0][0])
        self.ready = at + 0.1

    def say(self, side, content, at):
        self.ends[side][0].write(content)
        self._carry(side, at)
        _drain(self.ends[1 - side][0])

    def _carry(self, side, at):
        if records := self.ends[side][2].read():
            self.flow.say(side, records, at)
            self.ends[1 - side][1].write(records)


class WebSocket:
    """WebSocket messages over TLS, the client's masked."""

    def __init__(self, flow, at, version="1.3", server_name="ws.example.net"):
        self.tls = Tls(flow, at, version, server_name, ["http/1.1"])
        self.ready = self.tls.ready + 0.3
        head = "GET /proxy HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {}\r\n\r\n"
        self.tls.say(0, head.format(server_name, "x" * 24).encode(), self.tls.ready)
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        self.tls.say(1, answer, self.tls.ready + flow.rtt)

    def say(self, side, content, at):
        size = len(content)
        head = struct.pack(">BB", 0x81, size | 0x80 * (side == 0)) if size < 126 else b"\x81" + bytes([126 | 0x80 * (side == 0)])
        head += struct.pack(">H", size) if size >= 126 else b""
        self.tls.say(side, head + (os.urandom(4) if side == 0 else b"") + content, at)


class Socks:
    """TLS behind a SOCKS5 proxy that is asked for an address."""

    def __init__(self, flow, at, version="1.3"):
        flow.say(0, b"\x05\x01\x00", at)
        flow.say(1, b"\x05\x00", at + 0.03)
        flow.say(0, b"\x05\x01\x00\x01\xcb\x00\x71\x09\x0d\x05", at + 0.06)
        flow.say(1, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", at + 0.15)
        self.tls = Tls(flow, at + 0.2, version)
        self.ready = self.tls.ready

    def say(self, side, content, at):
        self.tls.say(side, content, at)


@functools.cache
def _client(version, alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@functools.cache
def _server(alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        key, public = f"{folder}/key", f"{folder}/crt"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
        subprocess.run([*words, "-subj", "/CN=example.net", "-keyout", key, "-out", public], check=True, capture_output=True)
        context.load_cert_chain(public, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _end(context, server_side, name=None):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=name), incoming, outgoing


def _step(end):
    try:
        end.do_handshake()
        return True
    except ssl.SSLWantReadError:
        return False


def _drain(end):
    try:
        while end.read(65_535):
            pass
    except ssl.SSLWantReadError:
        pass
