"""Neighbours that must stay silent: services and coin software that resemble miners in words, ports or sizes."""

import asyncio
import hashlib
import struct
import sys

import aiorpcx
import socks

from .. import services
from ..catalogue import capture
from ..directory import OTHERS
from ..lines import compact, spaced
from .tunnels import start_proxy
from .names import fetch, knock, visit, web_server

ELECTRUM = "https://electrumx.readthedocs.io/en/latest/protocol-methods.html"
LSP = "https://microsoft.github.io/language-server-protocol/"
BITCOIN = "https://developer.bitcoin.org/reference/p2p_networking.html"
LEVIN = "https://github.com/monero-project/monero/blob/master/docs/LEVIN_PROTOCOL.md"
RLPX = "https://github.com/ethereum/devp2p/blob/master/rlpx.md"


@capture("benign/json-rpc-login")
def json_rpc_login(stage):
    """Business software whose method is login, with pass and agent, and whose answer is a token."""
    with stage.line("10.20.0.40", "198.51.100.61", 3333) as line:
        login = {"login": "ann.smith", "pass": "secret", "agent": "ERP client 11.2"}
        line.client(compact(id=1, jsonrpc="2.0", method="login", params=login))
        line.server(compact(id=1, jsonrpc="2.0", error=None, result={"token": stage.hex(64), "status": "OK"}))
        for n in range(3):
            stage.wait(10)
            line.client(compact(id=2 + n, jsonrpc="2.0", method="submit", params={"id": f"o-{n}", "order": 4711 + n, "result": "approved"}))
            line.server(compact(id=2 + n, jsonrpc="2.0", error=None, result={"status": "OK"}))


@capture("benign/json-rpc-keepalived")
def json_rpc_keepalived(stage):
    """Another, which even has XMRig's word for a keep-alive; still there is neither wallet nor job."""
    with stage.line("10.20.0.62", "198.51.100.77", 4444) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="login", params={"login": "bob", "pass": "secret", "agent": "desk phone 2.1"}))
        line.server(compact(id=1, jsonrpc="2.0", error=None, result={"id": "b7", "status": "OK"}))
        for n in range(3):
            stage.wait(60)
            line.client(compact(id=2 + n, jsonrpc="2.0", method="keepalived", params={"id": "b7"}))
            line.server(compact(id=2 + n, jsonrpc="2.0", error=None, result={"status": "KEEPALIVED"}))


@capture("benign/job-queue")
def job_queue(stage):
    """A build farm: subscribe, notify, job and submit, all without the mining prefix."""
    with stage.line("10.20.0.41", "198.51.100.62", 4444) as line:
        line.client(spaced(id=1, method="subscribe", params=["runner/16.1"]))
        line.server('{"id":1,"result":[["notify","ae68"],"runner-7",4],"error":null}')
        line.client(spaced(id=2, method="authorize", params=["farm.runner7", "x"]))
        line.server('{"id":2,"result":true,"error":null}')
        line.server(
            compact(method="job", params={"id": 18, "job_id": "18", "target": "x86_64-unknown-linux", "blob": "git+https://example.com/a"})
        )
        line.client(spaced(id=3, method="submit", params=["farm.runner7", "18", "passed"]))
        line.server('{"id":3,"result":true,"error":null}')


@capture("benign/electrum", ELECTRUM, by="aiorpcX at both ends")
def electrum(stage):
    """A wallet and its Electrum server: subscriptions, but not to work."""
    server = services.electrum(stage, "198.51.100.63", 50001)

    async def wallet():
        async with aiorpcx.connect_rs("198.51.100.63", 50001, local_addr=("10.20.0.42", stage.port())) as session:
            await session.send_request("server.version", ["electrum/4.5.8", "1.4"])
            await session.send_request("blockchain.headers.subscribe", [])
            for _ in range(3):
                script = stage.hex(64)
                await session.send_request("blockchain.scripthash.subscribe", [script])
                await session.send_request("blockchain.scripthash.get_balance", [script])
                stage.wait(5)
            await session.send_request("mempool.get_fee_histogram", [])
            await session.send_request("server.ping", [])

    with stage.cable.inside("office"):
        asyncio.run(wallet())
    server.close()


@capture("benign/language-server", LSP, by="pygls at both ends")
def language_server(stage):
    """An editor initializes a language server over TCP."""
    program = "from pygls.lsp.server import LanguageServer; LanguageServer('example', '1').start_tcp('198.51.100.64', 2087)"
    stage.start("world", sys.executable, "-c", program, port=2087)
    editor = (
        "import asyncio\nfrom lsprotocol import types\nfrom pygls.lsp.client import LanguageClient\n"
        "async def main():\n"
        "    client = LanguageClient('editor', '1')\n"
        "    await client.start_tcp('198.51.100.64', 2087)\n"
        "    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri='file:///work'))\n"
        "    client.initialized(types.InitializedParams())\n"
        "    await client.shutdown_async(None)\n"
        "    client.exit(None)\n"
        "asyncio.run(main())\n"
    )
    stage.office(sys.executable, "-c", editor)


@capture("benign/ethereum-rpc", by="curl to a small JSON-RPC server")
def ethereum_rpc(stage):
    """A wallet asks an Ethereum node over HTTP, eth_mining and eth_hashrate included."""
    results = {
        "eth_blockNumber": "0x1508f2a",
        "eth_call": "0x" + stage.hex(64),
        "eth_gasPrice": "0x3b9aca00",
        "eth_mining": False,
        "eth_hashrate": "0x0",
    }
    ask_with_curl(stage, "10.20.0.44", "198.51.100.65", 8545, results)


@capture("benign/bitcoin-rpc", by="curl to a small JSON-RPC server")
def bitcoin_rpc(stage):
    """The owner of a Bitcoin node asks it how it is."""
    results = {
        "getblockchaininfo": {"chain": "main", "blocks": 960_000, "headers": 960_000, "bestblockhash": stage.hex(64), "difficulty": 1.5e14},
        "getmininginfo": {"blocks": 960_000, "difficulty": 1.5e14, "networkhashps": 1e21, "pooledtx": 4711, "chain": "main"},
        "getnetworkinfo": {"version": 290000, "subversion": "/Satoshi:29.0.0/", "connections": 10},
    }
    ask_with_curl(stage, "10.20.0.45", "198.51.100.66", 8332, results, "--user", "example:example")


def ask_with_curl(stage, client, address, port, results, *words):
    server = services.json_rpc(stage, address, port, results)
    for n, method in enumerate(results):
        options = ["--silent", "--interface", client, "--local-port", stage.port(), "--header", "Content-Type: application/json", *words]
        stage.office("curl", *options, "--data", compact(jsonrpc="2.0", id=n, method=method, params=[]), f"http://{address}:{port}/")
        stage.wait(2)
    server.shutdown()


@capture("benign/node-rpc-tcp")
def node_rpc(stage):
    """A payment node's JSON-RPC as lines over TCP."""
    with stage.line("10.20.0.46", "198.51.100.67", 9735) as line:
        for n, (method, result) in enumerate(
            (("getinfo", {"alias": "example", "blockheight": 960_000}), ("listpeers", {"peers": []}), ("ping", {"totlen": 132}))
        ):
            line.client(compact(jsonrpc="2.0", id=f"cli:{method}#{n}", method=method, params={}))
            line.server(compact(jsonrpc="2.0", id=f"cli:{method}#{n}", result=result))
            stage.wait(3)


@capture("benign/bitcoin-peer", BITCOIN)
def bitcoin_peer(stage):
    """Two Bitcoin nodes: version, verack, ping, inv."""
    with stage.line("10.20.0.47", "198.51.100.68", 8333) as line:
        version = (
            struct.pack("<iQq", 70016, 1033, 1_793_610_000)
            + stage.bytes(52)
            + stage.bytes(8)
            + b"\x10/Satoshi:29.0.0/"
            + struct.pack("<i?", 960_000, True)
        )
        for speak in (line.client, line.server):
            speak(bitcoin_message("version", version))
        for speak in (line.client, line.server):
            speak(bitcoin_message("verack", b""))
        for _ in range(3):
            nonce = stage.bytes(8)
            line.server(bitcoin_message("ping", nonce))
            line.client(bitcoin_message("pong", nonce))
            line.server(bitcoin_message("inv", b"\x02" + 2 * (struct.pack("<I", 1) + stage.bytes(32))))
            stage.wait(30)


def bitcoin_message(command, payload):
    checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    return bytes.fromhex("f9beb4d9") + command.encode().ljust(12, b"\0") + struct.pack("<I", len(payload)) + checksum + payload


@capture("benign/monero-peer", LEVIN)
def monero_peer(stage):
    """Two Monero nodes: Levin handshake, timed sync, a block's notification."""
    with stage.line("10.20.0.48", "198.51.100.69", 18080) as line:
        line.client(levin(1001, True, storage(stage, 180), 1))
        line.server(levin(1001, False, storage(stage, 620), 2))
        for _ in range(2):
            stage.wait(60)
            line.client(levin(1002, True, storage(stage, 90), 1))
            line.server(levin(1002, False, storage(stage, 340), 2))
        line.server(levin(2001, False, storage(stage, 900), 1))


def levin(command, wants_answer, body, flags):
    return struct.pack("<QQ?IiII", 0x0101010101012101, len(body), wants_answer, command, 0 if flags == 1 else 1, flags, 1) + body


def storage(stage, size):
    return bytes.fromhex("011101010101020101") + b"\x08\x09node_data\x0c" + stage.bytes(size)


@capture("benign/ethereum-peer", RLPX)
def ethereum_peer(stage):
    """Two Ethereum nodes: RLPx auth and ack of random length, then frames of whole 16-byte blocks."""
    with stage.line("10.20.0.49", "198.51.100.70", 30303) as line:
        line.client(rlpx(stage, 432))
        line.server(rlpx(stage, 387))
        for client_blocks, server_blocks in ((12, 14), (5, 4), (3, 30), (3, 9)):
            line.client(stage.bytes(32 + 16 * client_blocks))
            line.server(stage.bytes(32 + 16 * server_blocks))
            stage.wait(8)


def rlpx(stage, size):
    return struct.pack(">H", size) + b"\x04" + stage.bytes(size - 1)


@capture("benign/redis")
def redis(stage):
    """Redis, with a key that is called mining.subscribe."""
    with stage.line("10.20.0.50", "198.51.100.71", 6379) as line:
        for words, answer in (
            (("PING",), b"+PONG\r\n"),
            (("SET", "mining.subscribe", "1"), b"+OK\r\n"),
            (("LPUSH", "jobs", '{"job_id":"7","blob":"aa"}'), b":1\r\n"),
        ):
            line.client(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
            line.server(answer)


@capture("benign/memcached")
def memcached(stage):
    """memcached in its text protocol."""
    with stage.line("10.20.0.51", "198.51.100.72", 11211) as line:
        line.client(b"set nonce 0 0 8\r\ndeadbeef\r\n")
        line.server(b"STORED\r\n")
        line.client(b"get nonce\r\n")
        line.server(b"VALUE nonce 0 8\r\ndeadbeef\r\nEND\r\n")


@capture("benign/noise-sizes")
def noise_sizes(stage):
    """Something sealed that opens with 64 and 234 bytes as Stratum V2 does, and goes on in other sizes."""
    with stage.line("10.20.0.52", "198.51.100.73", 34254) as line:
        line.client(stage.bytes(64))
        line.server(stage.bytes(234))
        for up, down in ((151, 412), (33, 1200), (290, 45), (1024, 17), (71, 71)):
            line.client(stage.bytes(up))
            line.server(stage.bytes(down))
            stage.wait(4)


@capture("benign/seventeen-bytes")
def seventeen_bytes(stage):
    """Pings of 17 bytes that begin with a zero as P2Pool's challenge does, over and over."""
    with stage.line("10.20.0.53", "198.51.100.74", 37889) as line:
        for _ in range(6):
            ping = b"\x00" + stage.bytes(16)
            line.client(ping)
            line.server(ping)
            stage.wait(20)


@capture("benign/short-text")
def short_text(stage):
    """A device's short lines, comma separated, with GOOD and BAD in them, as Duino-Coin has."""
    with stage.line("10.20.0.54", "198.51.100.75", 2811) as line:
        line.server(b"2.7\n")
        for n in range(5):
            line.client(b"READ,sensor%d,LOW\n" % n)
            line.server(b"%d,21.%d,%s\n" % (n, n, b"GOOD" if n % 2 else b"BAD"))
            stage.wait(5)


@capture("benign/keep-alives")
def keep_alives(stage):
    """MQTT: equal small packets at equal intervals for half an hour, as no miner's shares come."""
    with stage.line("10.20.0.55", "198.51.100.76", 1883) as line:
        line.client(bytes.fromhex("101000044d5154540402003c0004") + b"dev7")
        line.server(bytes.fromhex("20020000"))
        for _ in range(30):
            stage.wait(60)
            line.client(bytes.fromhex("c000"))
            line.server(bytes.fromhex("d000"))


@capture("benign/names", by="dig to dnsmasq")
def names(stage):
    """Exchanges, wallets, project sites, and names that contain pool, mine or a pool's name without being one."""
    stage.resolver()
    for name in OTHERS:
        stage.look_up("10.20.0.56", name)
        stage.wait(1)


@capture("benign/tls-names", by="openssl s_client to openssl s_server")
def tls_names(stage):
    """TLS to a coin project's web site and to a look-alike of a pool."""
    visit(stage, "10.20.0.57", "www.getmonero.org", 443, "-servername", "www.getmonero.org", "-alpn", "h2,http/1.1")
    visit(stage, "10.20.0.57", "pool.supportxmr.com.example.net", 443, "-servername", "pool.supportxmr.com.example.net")
    visit(stage, "10.20.0.57", "notsupportxmr.com", 443, "-tls1_2", "-noservername", also=["www.notsupportxmr.com"])


@capture("benign/tls-odd-port", by="openssl s_client to openssl s_server")
def tls_odd_port(stage):
    """TLS without server name or ALPN at port 3333: no pool's name, so no finding."""
    visit(stage, "10.20.0.58", "intranet.example.net", 3333, "-noservername")


@capture("benign/web-3333", by="curl to Python's http.server")
def web_3333(stage):
    """A development server at port 3333."""
    stage.resolver()
    web_server(stage, OTHERS["intranet.example.net"], "<html><title>It works</title></html>", port=3333)
    fetch(stage, "10.20.0.59", "http://intranet.example.net:3333/")


@capture("benign/blocked", by="dig, and the kernel's own SYNs")
def blocked(stage):
    """An ordinary name is looked up, and its address does not answer."""
    stage.resolver()
    stage.look_up("10.20.0.60", "slow.example.net")
    knock(stage, "10.20.0.60", OTHERS["slow.example.net"], 443, 3.3)


@capture("benign/proxies", by="PySocks to pproxy, and Python's http.server behind it")
def proxies(stage):
    """An ordinary web site through SOCKS5 and through CONNECT."""
    stage.resolver()
    web_server(stage, OTHERS["www.example.com"], "<html><title>Example</title></html>")
    start_proxy(stage, "socks5+http", "198.51.100.60", 1090)
    for kind in (socks.SOCKS5, socks.HTTP):
        with stage.cable.inside("office"):
            near = socks.socksocket()
        near.settimeout(5)
        near.set_proxy(kind, "198.51.100.60", 1090, rdns=True)
        near.bind(("10.20.0.61", stage.port()))
        near.connect(("www.example.com", 80))
        near.sendall(b"GET / HTTP/1.0\r\nHost: www.example.com\r\n\r\n")
        while near.recv(65_535):
            pass
        near.close()
