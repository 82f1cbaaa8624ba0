"""What hides in compression and in odd JSON: bodies in gzip and deflate, WebSocket messages packed, escapes and members that nobody asked for."""

import gzip
import json
import threading
import zlib

from websockets.sync.client import connect
from websockets.sync.server import serve

from .. import wallets
from ..catalogue import capture
from ..http import request, response
from ..lines import compact
from .browser import BROWSER, SITE_KEY, Site, say
from .monero import job

DEFLATE = "https://www.rfc-editor.org/rfc/rfc7692"
CODINGS = "https://www.rfc-editor.org/rfc/rfc9110#name-content-codings"


def packed(message, coding, pack):
    """A message of HTTP with its body packed."""
    head, body = message.split(b"\r\n\r\n", 1)
    body = pack(body)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines += [f"Content-Encoding: {coding}".encode(), f"Content-Length: {len(body)}".encode()]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def polls(stage, client, server, port, coding, pack):
    """A miner that polls for work over HTTP, both sides packed."""
    path = f"/{wallets.ETHEREUM}/rig8"
    with stage.line(client, server, port) as line:
        for n in range(4):
            ask = request("POST", path, "eth.pool.example", compact(jsonrpc="2.0", method="eth_getWork", params=[], id=n))
            line.client(packed(ask, coding, pack))
            work = ["0x" + stage.hex(64), "0x" + stage.hex(64), "0x0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"]
            line.server(packed(response(compact(id=n, jsonrpc="2.0", result=work)), coding, pack))
            stage.wait(2)
        share = compact(jsonrpc="2.0", method="eth_submitWork", params=["0x" + stage.hex(16), work[0], "0x" + stage.hex(64)], id=9)
        line.client(packed(request("POST", path, "eth.pool.example", share), coding, pack))
        line.server(packed(response('{"id":9,"jsonrpc":"2.0","result":true}'), coding, pack))


@capture("eth-getwork/gzip", CODINGS)
def gzipped(stage):
    """Polling with both bodies in gzip."""
    polls(stage, "10.20.0.48", "203.0.113.36", 8081, "gzip", gzip.compress)


@capture("eth-getwork/deflate", CODINGS)
def deflated(stage):
    """Polling with both bodies in deflate."""
    polls(stage, "10.20.0.48", "203.0.113.36", 8082, "deflate", zlib.compress)


class PackedSite(Site):
    """The same server, with permessage-deflate."""

    def __init__(self, stage, address, port):
        self.arrived, self.over = threading.Event(), threading.Event()
        self.server = serve(self._hold, sock=stage.listener(address, port), compression="deflate", ping_interval=None)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def talk(stage, client, server, port):
    site = PackedSite(stage, server, port)
    near = stage.dial(client, server, port)
    far = connect(f"ws://{server}:{port}/proxy", sock=near, user_agent_header=BROWSER, compression="deflate", ping_interval=None)
    return site, far, site.connection()


@capture("coinhive/packed", DEFLATE, by="the websockets library at both ends")
def packed_socket(stage):
    """A web page mines over a WebSocket whose messages are compressed, each with what came before it for a dictionary."""
    site, miner, pool = talk(stage, "10.20.0.79", "203.0.113.72", 8894)
    say(stage, miner, pool, compact(type="auth", params={"site_key": SITE_KEY, "type": "anonymous", "user": None, "goal": 0}))
    say(stage, pool, miner, compact(type="authed", params={"token": "", "hashes": 0}))
    say(stage, pool, miner, compact(type="job", params=job(stage, "414")))
    for n in range(5):
        stage.rest(5)
        say(stage, miner, pool, compact(type="submit", params={"job_id": "414", "nonce": stage.hex(8), "result": stage.hex(64)}))
        say(stage, pool, miner, compact(type="hash_accepted", params={"hashes": 256 * (n + 1)}))
    miner.close()
    site.close()


@capture("benign/packed-chat", DEFLATE, by="the websockets library at both ends")
def packed_chat(stage):
    """A chat over a WebSocket whose messages are compressed, in which somebody quotes a miner's login."""
    site, guest, host = talk(stage, "10.20.0.79", "203.0.113.72", 8895)
    login = '{"method":"login","params":{"login":"' + wallets.MONERO + '","pass":"x","agent":"XMRig/6.26.0"}}'
    for n, text in enumerate(["hello", "my server sends this, what is it? " + login, "a miner. " + login, "oh"]):
        speaker, hearer = (guest, host) if n % 2 == 0 else (host, guest)
        say(stage, speaker, hearer, compact(type="message", room="help", text=text))
    guest.close()
    site.close()


@capture("benign/packed-rpc", CODINGS)
def packed_rpc(stage):
    """A wallet asks its node over HTTP, both bodies in gzip."""
    with stage.line("10.20.0.48", "203.0.113.36", 8545) as line:
        for n, method in enumerate(["eth_blockNumber", "eth_gasPrice", "eth_mining", "eth_hashrate"]):
            line.client(packed(request("POST", "/", "node.example", compact(jsonrpc="2.0", method=method, params=[], id=n)), "gzip", gzip.compress))
            line.server(packed(response(compact(jsonrpc="2.0", id=n, result="0x" + stage.hex(6))), "gzip", gzip.compress))
            stage.wait(1)


def spelled(text):
    """The same JSON with every fourth letter of its strings an escape."""

    def spell(value):
        if isinstance(value, dict):
            return "{" + ",".join(f"{spell(name)}:{spell(member)}" for name, member in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(spell, value)) + "]"
        if isinstance(value, str):
            return '"' + "".join(f"\\u{ord(c):04x}" if n % 4 == 0 else c for n, c in enumerate(value)) + '"'
        return json.dumps(value)

    return spell(json.loads(text))


@capture("cryptonote/spelled", "https://www.rfc-editor.org/rfc/rfc8259#section-7")
def spelled_out(stage):
    """Names, hashes and nonces with escapes for letters, behind a hundred members and deep nesting that nobody asked for."""
    with stage.line("10.20.0.68", "203.0.113.54", 3334) as line:
        junk = ",".join(f'"x{n}":0' for n in range(100)) + ',"y":' + "[" * 20 + "]" * 20
        login = spelled(compact(id=1, jsonrpc="2.0", method="login", params={"login": wallets.MONERO, "pass": "x", "agent": "svchost", "algo": ["rx/0"]}))
        line.client("{" + junk + "," + login[1:])
        line.server(spelled(compact(id=1, jsonrpc="2.0", error=None, result={"id": "7", "job": job(stage, "q1"), "status": "OK"})))
        for n in range(3):
            stage.rest(8)
            line.client(spelled(compact(id=2 + n, method="submit", params={"id": "7", "job_id": "q1", "nonce": stage.hex(8), "result": stage.hex(64)})))
            line.server(spelled(compact(id=2 + n, jsonrpc="2.0", error=None, result={"status": "OK"})))
