"""The demonstration: ten minutes of a made-up office, where five hosts mine among others that work."""

import smtplib
from email.message import EmailMessage

import socks

from .. import services, tls, wallets
from ..catalogue import capture
from ..directory import OTHERS, POOLS
from ..http import request, response
from ..lines import compact
from ..troupe import Troupe
from .bitcoin import session
from .ethereum import work
from .monero import job, xmrig_session
from .browser import SITE_KEY, Site, browser, say
from .tunnels import through
from .names import knock


@capture("demo", by="dig, smtplib, Python's ssl, websockets, PySocks and pproxy; our scripts for the rest")
def office(stage):
    """Ten minutes of an office: people at work, and five miners: a server with XMRig, an ASIC, a GPU behind SOCKS, a web page, and one that the firewall stops."""
    stage.resolver()
    identity = tls.certificate(stage.scratch, "www.example.com", "example.com", "*.example.net")
    mailbox = services.mail(stage, OTHERS["mail.example.org"], 25)
    troupe = Troupe(stage)
    for n, (client, site) in enumerate(
        (("10.20.0.11", "www.example.com"), ("10.20.0.12", "intranet.example.net"), ("10.20.0.13", "bitbucket.io"))
    ):
        troupe.add(2 + 3 * n, reads_the_web, client, site, identity)
    troupe.add(5, reads_plain_web, "10.20.0.14")
    troupe.add(40, writes_mail, "10.20.0.12")
    troupe.add(1, keeps_time, "10.20.0.15")
    troupe.add(9, waits_for_messages, "10.20.0.13")
    troupe.add(20, server_mines, "10.20.0.20")
    troupe.add(33, asic_mines, "10.20.0.31")
    troupe.add(50, gpu_mines, "10.20.0.32")
    troupe.add(120, page_mines, "10.20.0.14")
    troupe.add(75, firewall_stops, "10.20.0.16")
    troupe.perform()
    mailbox.close()


def reads_the_web(stage, client, name, identity):
    """A browser on TLS: a look-up, a handshake, a few pages, every minute or two."""
    for _ in range(5):
        stage.look_up(client, name)
        line = stage.line(client, OTHERS[name], 443)
        with tls.TlsLine(line, identity, name, alpn=("h2", "http/1.1")) as inside:
            for _ in range(stage.random.randint(1, 3)):
                inside.client(stage.bytes(stage.random.randint(200, 700)))
                stage.wait(0.06)
                inside.server(stage.bytes(stage.random.randint(600, 5000)))
                stage.rest(8)
        stage.rest(70)


def reads_plain_web(stage, client):
    """A visit to a web site without TLS, one page of which runs a miner later on."""
    for page in ("/", "/news", "/weather", "/games"):
        stage.look_up(client, "www.example.com")
        with stage.line(client, OTHERS["www.example.com"], 80) as line:
            line.client(request("GET", page, "www.example.com", User_Agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"))
            stage.wait(0.05)
            line.server(response("<html><title>Example</title>" + "<p>Nothing to see here.</p>" * 40 + "</html>", kind="text/html"))
        stage.rest(35)


def writes_mail(stage, client):
    for n in range(3):
        stage.look_up(client, "mail.example.org")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "bob@example.com", "ann@example.org", f"Report {n + 1}"
        message.set_content("Ann,\n\nthe report is in the usual place.\n\nBob\n" * 5)
        with stage.cable.inside("office"):
            with smtplib.SMTP(OTHERS["mail.example.org"], 25, "bob.example.com", source_address=(client, stage.port())) as smtp:
                smtp.send_message(message)
        stage.rest(120)


def keeps_time(stage, client):
    """NTP every 64 seconds."""
    for _ in range(9):
        stage.datagram(client, "198.51.100.80", 123, b"\x23\0\x06\xec" + bytes(36) + stage.bytes(8), b"\x24\x02\x06\xec" + stage.bytes(44))
        stage.wait(64)


def waits_for_messages(stage, client):
    """MQTT keep-alives."""
    with stage.line(client, "198.51.100.81", 1883) as line:
        line.client(bytes.fromhex("101000044d5154540402003c0004") + b"dev7")
        line.server(bytes.fromhex("20020000"))
        for _ in range(9):
            stage.wait(60)
            line.client(bytes.fromhex("c000"))
            line.server(bytes.fromhex("d000"))


def server_mines(stage, client):
    """XMRig as it comes out of the box."""
    stage.look_up(client, "pool.supportxmr.com")
    with stage.line(client, POOLS["pool.supportxmr.com"], 3333) as line:
        xmrig_session(stage, line, f"{wallets.MONERO}.server20", shares=9, rigid="server20")


def asic_mines(stage, client):
    stage.look_up(client, "btc.f2pool.com")
    with stage.line(client, POOLS["btc.f2pool.com"], 3333) as line:
        session(stage, line, "examplefarm.basement", "cgminer/4.12.0", shares=14)


def gpu_mines(stage, client):
    """The pool's name is never looked up: the SOCKS proxy does that."""
    with through(stage, socks.SOCKS5, "socks5", client, "198.51.100.60", 1080, "us1-etc.ethermine.org", 4444) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="eth_submitLogin", params=[wallets.ETHEREUM], worker="cad-3"))
        line.server('{"id":1,"jsonrpc":"2.0","result":true}')
        for n in range(40):
            line.client(compact(id=5, jsonrpc="2.0", method="eth_getWork", params=[]))
            line.server(compact(id=5, jsonrpc="2.0", result=work(stage)))
            if n % 6 == 5:
                line.client(
                    compact(
                        id=40 + n, jsonrpc="2.0", method="eth_submitWork", params=["0x" + stage.hex(16), *work(stage)[:2]], worker="cad-3"
                    )
                )
                line.server(compact(id=40 + n, jsonrpc="2.0", result=True))
            stage.wait(10)


def page_mines(stage, client):
    stage.look_up(client, "coinhive.com")
    site = Site(stage, POOLS["coinhive.com"], 80)
    miner = browser(stage, client, POOLS["coinhive.com"], 80, "/proxy", origin="http://www.example.com")
    pool = site.connection()
    say(stage, miner, pool, compact(type="auth", params={"site_key": SITE_KEY, "type": "anonymous", "user": None, "goal": 0}))
    say(stage, pool, miner, compact(type="authed", params={"token": "", "hashes": 0}))
    for n in range(12):
        if n % 4 == 0:
            say(stage, pool, miner, compact(type="job", params=job(stage, f"{400 + n}")))
        stage.rest(9)
        say(
            stage,
            miner,
            pool,
            compact(type="submit", params={"job_id": f"{400 + n // 4 * 4}", "nonce": stage.hex(8), "result": stage.hex(64)}),
        )
        say(stage, pool, miner, compact(type="hash_accepted", params={"hashes": 256 * (n + 1)}))
    miner.close()
    site.close()


def firewall_stops(stage, client):
    """Two attempts, minutes apart; the firewall drops both."""
    for _ in range(2):
        stage.look_up(client, "xmr.2miners.com")
        knock(stage, client, POOLS["xmr.2miners.com"], 2222, 3.3)
        stage.wait(180)
