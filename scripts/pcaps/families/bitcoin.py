"""Stratum v1 as the Bitcoin family speaks it."""

from .. import wallets
from ..catalogue import capture
from ..lines import compact, spaced

WIKI = "https://en.bitcoin.it/wiki/Stratum_mining_protocol"
EXTENSIONS = "https://github.com/slushpool/stratumprotocol/blob/master/stratum-extensions.mediawiki"
NICEHASH = "https://github.com/nicehash/Specifications/blob/master/NiceHash_traffic_detection.md"


def notify(stage, job, clean=True):
    """A job: nine parameters, twelve branches, about 1.3 KB as on the live network."""
    coinbase = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff"
    return [
        job,
        stage.hex(64),
        coinbase + stage.hex(48),
        stage.hex(120) + "00000000",
        [stage.hex(64) for _ in range(12)],
        "20000000",
        "17034219",
        "690723a0",
        clean,
    ]


def subscribed(request, extranonce="f000000f"):
    """The answer to mining.subscribe."""
    return compact(id=request, result=[[["mining.set_difficulty", "deadbeef1"], ["mining.notify", "deadbeef2"]], extranonce, 4], error=None)


def work(stage, line, user, style=spaced, first=4, shares=4, every=20.0):
    """Jobs and shares, all accepted."""
    for n in range(shares):
        stage.rest(every)
        line.client(style(params=[user, f"job{n // 2}", stage.hex(8), "690723a0", stage.hex(8)], id=first + n, method="mining.submit"))
        stage.wait(0.09)
        line.server(compact(id=first + n, result=True, error=None))
        if n % 2 == 1:
            stage.rest(every)
            line.server(compact(id=None, method="mining.notify", params=notify(stage, f"job{n // 2 + 1}")))


def session(stage, line, user, agent, style=spaced, shares=4):
    """subscribe, authorize, a difficulty, a job, then work."""
    line.client(style(id=1, method="mining.subscribe", params=[agent]))
    stage.wait(0.08)
    line.server(subscribed(1))
    line.client(style(id=2, method="mining.authorize", params=[user, "x"]))
    stage.wait(0.08)
    line.server(compact(id=2, result=True, error=None))
    # Pools send both in one segment, right after the answer.
    line.server(
        compact(id=None, method="mining.set_difficulty", params=[8192]),
        compact(id=None, method="mining.notify", params=notify(stage, "job0")),
    )
    work(stage, line, user, style, first=3, shares=shares)


@capture("stratum-v1/cgminer", WIKI)
def cgminer(stage):
    """cgminer: a blank after every colon and comma; one job and its difficulty in one segment."""
    with stage.line("10.20.0.21", "203.0.113.10", 3333) as line:
        session(stage, line, f"{wallets.BITCOIN}.rack1", "cgminer/4.12.0")


@capture("stratum-v1/compact", WIKI)
def compact_writer(stage):
    """A scrypt miner (cpuminer's words, written compactly) with a pool account for a user and options in the password."""
    with stage.line("10.20.0.22", "203.0.113.11", 3433) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["cpuminer-opt/3.24.5"]))
        stage.wait(0.05)
        line.server('{"id":1,"result":[["mining.notify","5b0c1e1f"],"07b9a1c2",4],"error":null}')
        line.client(compact(id=2, method="mining.authorize", params=["examplefarm.worker7", "d=65536"]))
        line.server(compact(id=2, result=True, error=None), compact(id=None, method="mining.set_difficulty", params=[65536]))
        line.client(compact(id=3, method="mining.extranonce.subscribe", params=[]))
        line.server('{"id":3,"result":false,"error":[20,"Not supported.",null]}')
        line.server(compact(id=None, method="mining.notify", params=notify(stage, "a1")))
        work(stage, line, "examplefarm.worker7", compact)
        stage.rest(20)
        line.client(compact(id=9, method="mining.submit", params=["examplefarm.worker7", "a1", stage.hex(8), "690723a0", stage.hex(8)]))
        line.server('{"id":9,"result":null,"error":[21,"Job not found",null]}')
        line.server(compact(id=None, method="client.show_message", params=["pool restarts in 5 minutes"]))
        line.server(compact(id=None, method="client.reconnect", params=["eu.stratum.example", 3433, 5]))


@capture("stratum-v1/configure-first", EXTENSIONS)
def configure_first(stage):
    """A Bitaxe opens with mining.configure, suggests a difficulty, and rolls versions: submits have a sixth field."""
    user = f"{wallets.BITCOIN_SEGWIT}.bitaxe"
    with stage.line("10.20.0.23", "203.0.113.12", 21496) as line:
        line.client('{"id": 1, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "ffffffff"}]}')
        line.server('{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}')
        line.client('{"id": 2, "method": "mining.subscribe", "params": ["bitaxe/BM1370/v2.13.1"]}')
        line.server(subscribed(2), compact(id=None, method="mining.set_version_mask", params=["1fffe000"]))
        line.client(spaced(id=3, method="mining.authorize", params=[user, "x"]))
        line.client('{"id": 4, "method": "mining.suggest_difficulty", "params": [1000]}')
        line.server(compact(id=3, result=True, error=None), compact(id=4, result=True, error=None))
        line.server(
            compact(id=None, method="mining.set_difficulty", params=[1000]),
            compact(id=None, method="mining.notify", params=notify(stage, "18a")),
        )
        for n in range(4):
            stage.rest(30)
            line.client(spaced(id=5 + n, method="mining.submit", params=[user, "18a", stage.hex(8), "690723a0", stage.hex(8), "00c3c000"]))
            line.server(compact(id=5 + n, result=True, error=None))


@capture("stratum-v1/nicehash", NICEHASH)
def nicehash(stage):
    """NiceHash works off an order at a pool: its agent, a time stamp and a code stand in mining.subscribe."""
    with stage.line("10.20.0.24", "203.0.113.13", 3333) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["NiceHash/1.0.0", "1793610000123", stage.hex(64)]))
        line.server(subscribed(1, "a3f1"))
        line.client(
            compact(id=2, method="mining.authorize", params=["exampleorder.1", "x"]),
            compact(id=3, method="mining.extranonce.subscribe", params=[]),
        )
        line.server(compact(id=2, result=True, error=None), compact(id=3, result=True, error=None))
        line.server(
            compact(id=None, method="mining.set_difficulty", params=[262144]),
            compact(id=None, method="mining.notify", params=notify(stage, "77")),
        )
        line.server(compact(id=None, method="mining.set_extranonce", params=["a3f2", 6]))
        work(stage, line, "exampleorder.1", compact)


@capture("stratum-v1/mid-stream", WIKI, late=True)
def mid_stream(stage):
    """The recording starts in the middle of a session: the first packet seen is the pool's job."""
    user = f"{wallets.BITCOIN}.rack2"
    with stage.line("10.20.0.25", "203.0.113.14", 3333) as line:
        session(stage, line, user, "cgminer/4.11.1", shares=1)
        stage.roll()
        line.server(compact(id=None, method="mining.notify", params=notify(stage, "job9")))
        work(stage, line, user, first=40, shares=3)


@capture("stratum-v1/split", WIKI)
def split(stage):
    """Every message comes in several segments, some of a single byte."""
    user = f"{wallets.BITCOIN}.slow"
    with stage.line("10.20.0.26", "203.0.113.15", 3333) as line:
        line.client_pieces('{"id": 1, "method": "mining.subscribe", "params": ["bfgminer/5.5.0"]}', 1, 13, 20, 31)
        line.server_pieces(subscribed(1), 7, 30)
        line.client_pieces(spaced(id=2, method="mining.authorize", params=[user, "x"]), 25, 26, 27, 50)
        line.server_pieces(compact(id=2, result=True, error=None), 3)
        line.server_pieces(compact(id=None, method="mining.notify", params=notify(stage, "c0")), 20, 400, 900)
        for n in range(2):
            stage.rest(15)
            line.client_pieces(spaced(params=[user, "c0", stage.hex(8), "690723a0", stage.hex(8)], id=3 + n, method="mining.submit"), 60)
            line.server(compact(id=3 + n, result=True, error=None))


@capture("stratum-v1/pipelined", WIKI)
def pipelined(stage):
    """The client's whole opening in one segment."""
    user = f"{wallets.LITECOIN}.l3"
    with stage.line("10.20.0.27", "203.0.113.16", 3333) as line:
        line.client(
            compact(id=1, method="mining.subscribe", params=["bmminer/2.0.0"]),
            compact(id=2, method="mining.extranonce.subscribe", params=[]),
            compact(id=3, method="mining.authorize", params=[user, "123"]),
        )
        line.server(subscribed(1), compact(id=2, result=True, error=None), compact(id=3, result=True, error=None))
        line.server(
            compact(id=None, method="mining.set_difficulty", params=[16384]),
            compact(id=None, method="mining.notify", params=notify(stage, "1f")),
        )
        work(stage, line, user, compact)


@capture("stratum-v1/ipv6", WIKI)
def ipv6(stage):
    """cgminer over IPv6."""
    with stage.line("fd00:20::1c", "2001:db8:113::10", 3333) as line:
        session(stage, line, f"{wallets.BITCOIN_SEGWIT}.six", "cgminer/4.12.0", shares=2)


@capture("stratum-v1/vlan", WIKI, vlan=42)
def vlan(stage):
    """cgminer behind an 802.1Q tag (VLAN 42; the tag is put into the recorded frames)."""
    with stage.line("10.20.0.29", "203.0.113.17", 25) as line:
        session(stage, line, f"{wallets.BITCOIN_P2SH}.tagged", "cgminer/4.12.0", shares=2)


@capture("stratum-v1/refused", WIKI)
def refused(stage):
    """The pool does not know the worker."""
    with stage.line("10.20.0.30", "203.0.113.18", 3333) as line:
        line.client('{"id": 1, "method": "mining.subscribe", "params": ["sgminer/5.6.1"]}')
        line.server(subscribed(1))
        line.client('{"id": 2, "method": "mining.authorize", "params": ["nobody.1", "x"]}')
        line.server('{"id":2,"result":false,"error":[24,"Unauthorized worker",null]}')


@capture("stratum-v1/attempt", WIKI)
def attempt(stage):
    """A miner that says its greeting three times to a server that never answers."""
    for _ in range(3):
        with stage.line("10.20.0.31", "203.0.113.19", 3333) as line:
            line.client('{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.0"]}')
            stage.wait(20)
        stage.wait(10)
