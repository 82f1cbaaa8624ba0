"""Pools by name: DNS, TLS and HTTP, each from a real client; and pools that a firewall keeps away."""

import socket
import subprocess
import time

from .. import tls
from ..catalogue import capture
from ..directory import OTHERS, POOLS
from .tunnels import start_proxy

DNS = "https://www.rfc-editor.org/rfc/rfc1035"
TLS = "https://www.rfc-editor.org/rfc/rfc8446"
HTTP = "https://www.rfc-editor.org/rfc/rfc9112"
DIG, OPENSSL, CURL = "dig to dnsmasq", "openssl s_client to openssl s_server", "curl to Python's http.server"


@capture("names/dns-udp", DNS, by=DIG)
def dns_udp(stage):
    """Five pools and XMRig's donation server are looked up, A and AAAA."""
    stage.resolver()
    for n, name in enumerate(
        ("pool.supportxmr.com", "gulf.moneroocean.stream", "btc.f2pool.com", "etc.2miners.com", "donate.v2.xmrig.com")
    ):
        stage.look_up(f"10.20.0.{11 + n}", name, "A")
        stage.look_up(f"10.20.0.{11 + n}", name, "AAAA")
        stage.wait(7)


@capture("names/dns-tcp", DNS, by=DIG)
def dns_tcp(stage):
    """The same over TCP."""
    stage.resolver()
    stage.look_up("10.20.0.16", "rx.unmineable.com", "+tcp")


@capture("names/dns-alias", DNS, by=DIG)
def dns_alias(stage):
    """A harmless name is an alias of a pool: only the answer tells."""
    stage.resolver()
    stage.look_up("10.20.0.17", "updates.example.org")


@capture("names/dns-mixed-case", DNS, by=DIG)
def dns_mixed_case(stage):
    """A resolver that mixes the case of the letters (0x20), and asks for HTTPS records."""
    stage.resolver()
    stage.look_up("10.20.0.18", "PoOl.SupPORTxmr.cOm")
    stage.look_up("10.20.0.18", "xmr-eu1.NANOPOOL.org", "TYPE65")


@capture("names/tls13-sni", TLS, by=OPENSSL)
def tls13(stage):
    """A TLS 1.3 connection to a pool that is named in the ClientHello."""
    visit(stage, "10.20.0.19", "gulf.moneroocean.stream", 20128, "-servername", "gulf.moneroocean.stream")


@capture("names/tls12-certificate", TLS, by=OPENSSL)
def tls12(stage):
    """TLS 1.2 without a server name: subject and alternative names of the certificate tell."""
    visit(stage, "10.20.0.20", "pool.hashvault.pro", 443, "-tls1_2", "-noservername", also=["hashvault.pro", "www.example.net"])


def visit(stage, client, name, port, *words, also=()):
    """A short TLS session by openssl, a line each way."""
    identity = tls.certificate(stage.scratch, name, *also)
    address = (POOLS | OTHERS)[name]
    server = stage.start(
        "world", "openssl", "s_server", "-quiet", "-accept", f"{address}:{port}", "-cert", identity, port=port, stdin=subprocess.PIPE
    )
    bound = ["-bind", f"{client}:{stage.port()}", "-connect", f"{address}:{port}"]
    near = stage.start("office", "openssl", "s_client", "-quiet", *bound, *words, stdin=subprocess.PIPE)
    time.sleep(0.2)
    for end in (near, server):
        stage.wait(1)
        end.stdin.write(b'{"id":1}\n')
        end.stdin.flush()
    stage.wait(5)
    for end in (near, server):
        end.stdin.close()
        end.terminate()
        end.wait()


@capture("names/tls-split-hello", TLS, by="Python's ssl module at both ends, the ClientHello cut by our script")
def split_hello(stage):
    """The ClientHello comes in four segments, cut inside the pool's name."""
    name = "xmr-eu1.nanopool.org"
    identity = tls.certificate(stage.scratch, name)
    line = stage.line("10.20.0.21", POOLS[name], 10343)
    with tls.TlsLine(line, identity, name, cut_name=True) as inside:
        inside.client("hello")
        inside.server("hello")


@capture("names/tls-split-records", TLS, by=OPENSSL)
def split_records(stage):
    """A ClientHello longer than one record: openssl sends fragments of 512 bytes."""
    protocols = ",".join(f"example-protocol-{n:02}" for n in range(30))
    visit(stage, "10.20.0.22", "pool.supportxmr.com", 443, "-servername", "pool.supportxmr.com", "-max_send_frag", 512, "-alpn", protocols)


@capture("names/http-host", HTTP, by=CURL)
def http_host(stage):
    """Somebody reads a pool's web site: host header only."""
    stage.resolver()
    web_server(stage, POOLS["xmr.kryptex.network"], "<html><title>Example pool</title><p>Blocks found today: 12</p></html>")
    fetch(stage, "10.20.0.23", "http://xmr.kryptex.network/")
    fetch(stage, "10.20.0.23", "http://xmr.kryptex.network/api/stats?wallet=example")


@capture("names/http-proxy", HTTP, by="curl to pproxy, and Python's http.server behind it")
def http_proxy(stage):
    """The same through a web proxy: the name is in an absolute URI."""
    stage.resolver()
    web_server(stage, POOLS["solo.ckpool.org"], "<html><title>Example pool</title></html>")
    start_proxy(stage, "http", "198.51.100.60", 3130)
    fetch(stage, "10.20.0.24", "http://solo.ckpool.org/", "--proxy", "http://198.51.100.60:3130")


def web_server(stage, address, page, name="index.html", port=80):
    """Python's http.server with one page; other paths are 404."""
    folder = stage.scratch / f"web-{address}-{port}"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(page)
    stage.start("world", "python3", "-m", "http.server", "--bind", address, "--directory", folder, port, port=port)


def fetch(stage, client, url, *words):
    """A host looks the name up and fetches the page with curl, from its own address."""
    name = url.split("/")[2].split(":")[0]
    if "--proxy" not in words:
        stage.look_up(client, name)
        words += ("--resolve", f"{name}:{url_port(url)}:{(POOLS | OTHERS)[name]}")
    options = ["--silent", "--max-time", 5, "--interface", client, "--local-port", stage.port()]
    page = stage.office("curl", *options, *words, url)
    stage.wait(1)
    return page


def url_port(url):
    host = url.split("/")[2]
    return host.split(":")[1] if ":" in host else {"http": 80, "https": 443}[url.split(":")[0]]


def knock(stage, client, address, port, seconds):
    """A connection attempt that gets no answer: the kernel sends its SYN again after one second, and after two more."""
    with stage.cable.inside("office"):
        near = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    near.setblocking(False)
    near.bind((client, stage.port()))
    near.connect_ex((address, port))
    time.sleep(seconds)
    near.close()


@capture("blocked/dropped", "the firewall is a blackhole route in the world", by="dig, and the kernel's own SYNs")
def dropped(stage):
    """A pool's name is looked up; the firewall drops every SYN to its address."""
    stage.resolver()
    stage.look_up("10.20.0.25", "xmr.2miners.com")
    for _ in range(2):
        knock(stage, "10.20.0.25", POOLS["xmr.2miners.com"], 2222, 3.3)
        stage.wait(5)


@capture("blocked/reset", "nothing listens at the pool's address", by="dig, and the kernel's own RST")
def reset(stage):
    """The same, with every SYN reset."""
    stage.resolver()
    for _ in range(3):
        stage.look_up("10.20.0.26", "xmr.kryptex.network")
        knock(stage, "10.20.0.26", POOLS["xmr.kryptex.network"], 7029, 0.1)
        stage.wait(5)


@capture("blocked/prohibited", "the firewall is a prohibit route in the world", by="dig, and the kernel's own ICMP")
def prohibited(stage):
    """The same, with every SYN answered by ICMP: administratively prohibited."""
    stage.resolver()
    stage.look_up("10.20.0.27", "mine.c3pool.com")
    for _ in range(2):
        knock(stage, "10.20.0.27", POOLS["mine.c3pool.com"], 13333, 1.2)
        stage.wait(5)
