"""Stratum through proxies: pproxy serves, PySocks and openssl are the clients, the pool's name is in the proxy's request."""

import struct
import subprocess
import sys
import time

import socks

from .. import tls, wallets
from ..catalogue import capture
from ..directory import POOLS
from ..stage import Line
from .bitcoin import session
from .ethereum import work
from .monero import xmrig_session
from ..lines import compact

SOCKS5 = "https://www.rfc-editor.org/rfc/rfc1928"
SOCKS4A = "https://www.openssh.com/txt/socks4a.protocol"
CONNECT = "https://www.rfc-editor.org/rfc/rfc9110#name-connect"
BY = "PySocks to pproxy; our script for miner and pool"


def through(stage, kind, scheme, client, proxy, proxy_port, name, port):
    """A line from `client` through a proxy to the pool `name`; the proxy looks the name up."""
    stage.resolver()
    start_proxy(stage, scheme, proxy, proxy_port)
    listener = stage.listener(POOLS[name], port)
    with stage.cable.inside("office"):
        near = socks.socksocket()
    near.settimeout(5)
    near.set_proxy(kind, proxy, proxy_port, rdns=True)
    near.bind((client, stage.port()))
    near.connect((name, port))
    far, _ = listener.accept()
    return Line(stage, near, far)


def start_proxy(stage, scheme, address, port):
    stage.start("world", sys.executable, "-m", "pproxy", "-l", f"{scheme}://{address}:{port}", port=port)


@capture("socks/socks5", SOCKS5, by=BY)
def socks5(stage):
    """XMRig through SOCKS5 with the pool's name in the request: no look-up by the miner."""
    with through(stage, socks.SOCKS5, "socks5", "10.20.0.82", "198.51.100.60", 1080, "pool.supportxmr.com", 3333) as line:
        xmrig_session(stage, line, wallets.MONERO, shares=3)


@capture("socks/socks4a", SOCKS4A)
def socks4a(stage):
    """eth-proxy through SOCKS4a; pproxy has no 4a, so the script plays the proxy as well."""
    port, name = 4444, b"us1-etc.ethermine.org"
    with stage.line("10.20.0.83", "198.51.100.60", 1081) as line:
        line.client(struct.pack(">BBHI", 4, 1, port, 1) + b"\0" + name + b"\0")
        line.server(struct.pack(">BBHI", 0, 90, 0, 0))
        line.client(compact(id=1, jsonrpc="2.0", method="eth_submitLogin", params=[wallets.ETHEREUM], worker="s4"))
        line.server('{"id":1,"jsonrpc":"2.0","result":true}')
        for _ in range(3):
            line.client(compact(id=5, jsonrpc="2.0", method="eth_getWork", params=[]))
            line.server(compact(id=5, jsonrpc="2.0", result=work(stage)))
            stage.wait(10)


@capture("socks/socks5-tls", SOCKS5, by=BY)
def socks5_tls(stage):
    """TLS inside SOCKS5: only the two names can be seen."""
    identity = tls.certificate(stage.scratch, "gulf.moneroocean.stream")
    line = through(stage, socks.SOCKS5, "socks5", "10.20.0.84", "198.51.100.60", 1082, "gulf.moneroocean.stream", 20128)
    with tls.TlsLine(line, identity, "gulf.moneroocean.stream") as inside:
        xmrig_session(stage, inside, wallets.MONERO, shares=3)


@capture("connect/stratum", CONNECT, by=BY)
def connect(stage):
    """cgminer through an HTTP proxy's CONNECT."""
    with through(stage, socks.HTTP, "http", "10.20.0.85", "198.51.100.60", 3128, "btc.f2pool.com", 3333) as line:
        session(stage, line, "examplefarm.proxied", "cgminer/4.12.0", shares=3)


@capture("connect/tls", CONNECT, by="openssl s_client, pproxy and openssl s_server")
def connect_tls(stage):
    """openssl s_client through CONNECT to a pool's TLS port."""
    name, port = "pool.hashvault.pro", 443
    stage.resolver()
    start_proxy(stage, "http", "198.51.100.60", 3129)
    identity = tls.certificate(stage.scratch, name)
    stage.start(
        "world", "openssl", "s_server", "-quiet", "-accept", f"{POOLS[name]}:{port}", "-cert", identity, port=port, stdin=subprocess.PIPE
    )
    # Without a server name, as XMRig: the pool's name is only in the CONNECT.
    words = ["-quiet", "-noservername", "-bind", f"10.20.0.86:{stage.port()}", "-proxy", "198.51.100.60:3129", "-connect", f"{name}:{port}"]
    client = stage.start("office", "openssl", "s_client", *words, stdin=subprocess.PIPE)
    time.sleep(0.4)
    client.stdin.write(compact(id=1, jsonrpc="2.0", method="login", params={"login": wallets.MONERO, "pass": "x"}).encode() + b"\n")
    client.stdin.flush()
    stage.wait(2)
    client.stdin.close()
    client.terminate()
