"""The GPU and ASIC dialects that grew out of Stratum v1: Equihash, KawPow, Kaspa, Alephium, Conflux, Ergo."""

import json
import sys
import time

from .. import wallets
from ..catalogue import capture
from ..lines import compact, spaced

AIOSTRATUM = "https://github.com/wetblanketcc/aiostratum_proxy"
AIOSTRATUM_BY = "PyPI's aiostratum-proxy; our script for rig and pool"
ZIP301 = "https://github.com/zcash/zips/blob/main/zips/zip-0301.rst"
SPECIFICATIONS = "https://github.com/nicehash/Specifications/blob/master/"
KASPA_BRIDGE = "https://github.com/onemorebsmith/kaspa-stratum-bridge"
ERGO = "https://github.com/leifjacky/erg-gominer-demo"
# An Equihash 200,9 solution: 1,344 bytes after a three-byte length.
SOLUTION_DIGITS = 2 * 1344


def accepted(request):
    return compact(id=request, result=True, error=None)


def push(method, *params):
    return compact(id=None, method=method, params=list(params))


@capture("zip301/ewbf", ZIP301)
def ewbf(stage):
    """An Equihash miner: pool host and port stand in mining.subscribe, and a submit of 2.8 KB takes two segments."""
    user = f"{wallets.ZCASH}.gpu1"
    with stage.line("10.20.0.32", "203.0.113.20", 3333) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["EWBF 0.3.4b", None, "eu1-zec.pool.example", "3333"]))
        line.server(compact(id=1, result=[None, stage.hex(16)], error=None))
        line.client(
            compact(id=2, method="mining.authorize", params=[user, "x"]), compact(id=3, method="mining.extranonce.subscribe", params=[])
        )
        line.server(accepted(2), push("mining.set_target", "0080" + "0" * 60))
        line.server(push("mining.notify", *zcash_job(stage, "4a"), True))
        for n in range(4):
            stage.rest(22)
            line.client(
                compact(
                    id=4 + n, method="mining.submit", params=[user, "4a", "a0230769", stage.hex(48), "fd4005" + stage.hex(SOLUTION_DIGITS)]
                )
            )
            line.server(accepted(4 + n))
        line.server(push("mining.notify", *zcash_job(stage, "4b"), True))


@capture("zip301/nheqminer", ZIP301)
def nheqminer(stage):
    """nheqminer: spaced, subscribe, extranonce and authorize in one segment; one share is refused."""
    user = f"{wallets.ZCASH}.cpu"
    with stage.line("10.20.0.33", "203.0.113.21", 2142) as line:
        line.client(
            spaced(id=1, method="mining.subscribe", params=["nheqminer/0.5c", None, "zec.pool.example", "2142"]),
            spaced(id=3, method="mining.extranonce.subscribe", params=[]),
            spaced(id=2, method="mining.authorize", params=[user, "x"]),
        )
        line.server(compact(id=1, result=[None, stage.hex(10)], error=None), accepted(2))
        line.server(push("mining.set_target", "000f" + "0" * 60), push("mining.notify", *zcash_job(stage, "1"), True))
        for n, answer in enumerate((accepted(4), '{"id":5,"result":null,"error":[21,"Stale share",null]}')):
            stage.rest(10)
            line.client(
                spaced(
                    id=4 + n, method="mining.submit", params=[user, "1", "a0230769", stage.hex(54), "fd4005" + stage.hex(SOLUTION_DIGITS)]
                )
            )
            line.server(answer)


@capture("zip301/zhash", SPECIFICATIONS + "Zhash_NiceHash_v1.0.txt")
def zhash(stage):
    """Zhash (144,5): the job ends with the algorithm and its personalisation string; solutions are short."""
    user = f"{wallets.BITCOIN}.zhash"
    with stage.line("10.20.0.34", "203.0.113.22", 3369) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["miniZ/2.4d", None, "zhash.auto.example", "3369"]))
        line.server(compact(id=1, result=["8f01", stage.hex(8)], error=None))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(accepted(2), push("mining.set_target", "00ff" + "0" * 60))
        line.server(push("mining.notify", *zcash_job(stage, "9"), True, "144_5", "BgoldPoW"))
        for n in range(3):
            stage.rest(12)
            line.client(compact(id=3 + n, method="mining.submit", params=[user, "9", "a0230769", stage.hex(56), "64" + stage.hex(200)]))
            line.server(accepted(3 + n))


def zcash_job(stage, name):
    return [name, "04000000", stage.hex(64), stage.hex(64), "0" * 64, "a0230769", "1f07ffff"]


@capture("kawpow/gminer", SPECIFICATIONS + "KawPow_NiceHash_v1.0.txt")
def gminer(stage):
    """GMiner on Ravencoin: 0x-prefixed nonce, header and mix in every submit."""
    user = f"{wallets.RAVENCOIN}.rig1"
    with stage.line("10.20.0.35", "203.0.113.23", 3636) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["GMiner/3.44", None, "rvn.pool.example", "3636"]))
        line.server(compact(id=1, result=[None, "2c5f"], error=None))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(accepted(2), push("mining.set_target", "00000000ffff" + "0" * 52))
        header, seed = stage.hex(64), stage.hex(64)
        line.server(push("mining.notify", "77f", header, seed, "00000000ffff" + "0" * 52, True, 3_900_123, "1b00f2a1"))
        kawpow_shares(stage, line, user, "77f", header)


@capture("kawpow/xmrig", "https://github.com/xmrig/xmrig/blob/master/src/base/net/stratum/EthStratumClient.cpp")
def xmrig_kawpow(stage):
    """XMRig mining KawPow: it authorizes without waiting for the answer to its subscription."""
    user = f"{wallets.RAVENCOIN}.xm"
    with stage.line("10.20.0.36", "203.0.113.24", 10226) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["XMRig/6.26.0 (Windows NT 10.0; Win64; x64) libuv/1.51.0 msvc/2022"]))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(compact(id=1, result=[None, "91ab"], error=None), accepted(2))
        header = stage.hex(64)
        line.server(push("mining.set_target", "00000000ff" + "0" * 54))
        line.server(push("mining.notify", "a8", header, stage.hex(64), "00000000ff" + "0" * 54, True, 3_900_124, "1b00f2a1"))
        kawpow_shares(stage, line, user, "a8", header)


def kawpow_shares(stage, line, user, job, header):
    for n in range(4):
        stage.rest(14)
        line.client(
            compact(id=3 + n, method="mining.submit", params=[user, job, "0x2c5f" + stage.hex(12), "0x" + header, "0x" + stage.hex(64)])
        )
        line.server(accepted(3 + n))


@capture("kaspa/lolminer", KASPA_BRIDGE)
def lolminer(stage):
    """lolMiner to a Kaspa bridge: the server sets the extra nonce by a method without the mining prefix."""
    user = f"{wallets.KASPA}.rig3"
    with stage.line("10.20.0.37", "203.0.113.25", 5555) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="mining.subscribe", params=["lolMiner/1.88", "EthereumStratum/1.0.0"]))
        line.server(compact(id=1, jsonrpc="2.0", result=[True, "EthereumStratum/1.0.0"]))
        line.server('{"id":1,"method":"set_extranonce","params":["0029",6]}')
        line.client(compact(id=2, jsonrpc="2.0", method="mining.authorize", params=[user, "x"]))
        line.server('{"id":2,"jsonrpc":"2.0","result":true}', '{"id":2,"jsonrpc":"2.0","method":"mining.set_difficulty","params":[4.0]}')
        for job in range(3):
            words = [stage.random.getrandbits(63) for _ in range(4)]
            line.server(compact(id=100 + job, jsonrpc="2.0", method="mining.notify", params=[str(job), words, 1_793_610_000_000 + job]))
            stage.rest(5)
            line.client(compact(id=10 + job, jsonrpc="2.0", method="mining.submit", params=[user, str(job), "0x0029" + stage.hex(12)]))
            line.server(compact(id=10 + job, jsonrpc="2.0", result=True))


@capture("kaspa/iceriver", KASPA_BRIDGE)
def iceriver(stage):
    """An IceRiver ASIC: jobs are one long hexadecimal string."""
    user = f"{wallets.KASPA}.ks3"
    with stage.line("10.20.0.38", "203.0.113.26", 1400) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["IceRiverMiner-v1.1"]))
        line.server(compact(id=1, result=[True, "EthereumStratum/1.0.0"], error=None))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(accepted(2), push("mining.set_extranonce", "4d2a"), push("mining.set_difficulty", 2048.0))
        for job in range(3):
            line.server(push("mining.notify", f"{job}", stage.hex(80)))
            stage.rest(8)
            line.client(compact(id=3 + job, method="mining.submit", params=[user, f"{job}", "4d2a" + stage.hex(12)]))
            line.server(accepted(3 + job))


@capture("alephium/bzminer", SPECIFICATIONS + "Alephium_NiceHash_v1.0.txt")
def alephium(stage):
    """Alephium: the extra nonce comes by mining.set_extranonce with a null id, jobs are objects with both groups of the chain."""
    user = f"{wallets.ALEPHIUM}.goldshell"
    with stage.line("10.20.0.39", "203.0.113.27", 1220) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["bzminer/21.4"]))
        line.server(compact(id=1, result=None, error=None))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(accepted(2), '{"id":null,"method":"mining.set_extranonce","params":["0a1b"]}', push("mining.set_difficulty", 8))
        for n in range(3):
            line.server(compact(id=None, method="mining.notify", params=[alephium_job(stage, n)]))
            stage.rest(9)
            share = {"jobId": f"00{n}", "fromGroup": n, "toGroup": 2, "nonce": "0a1b" + stage.hex(44), "worker": user}
            line.client(compact(id=3 + n, method="mining.submit", params=share))
            line.server(accepted(3 + n))


def alephium_job(stage, n):
    return {
        "jobId": f"00{n}",
        "fromGroup": n,
        "toGroup": 2,
        "headerBlob": stage.hex(552),
        "txsBlob": "",
        "targetBlob": "000007ff" + "f" * 20,
    }


@capture("conflux/trex", "https://github.com/Conflux-Chain/conflux-doc/blob/master/docs/stratum.md")
def conflux(stage):
    """Conflux (Octopus): a job is its name, its height, a header hash and a boundary."""
    user = f"{wallets.CONFLUX}.rig2"
    with stage.line("10.20.0.40", "203.0.113.28", 17027) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="mining.subscribe", params=[user, "x"]))
        line.server(compact(id=1, jsonrpc="2.0", result=True, error=None))
        for n in range(3):
            header = "0x" + stage.hex(64)
            line.server(
                compact(
                    id=None,
                    jsonrpc="2.0",
                    method="mining.notify",
                    params=[f"j{n}", f"{120_500_100 + n}", header, "0x" + "0000000fff" + "f" * 54],
                )
            )
            stage.rest(9)
            line.client(compact(id=2 + n, jsonrpc="2.0", method="mining.submit", params=[user, f"j{n}", "0x" + stage.hex(16), header]))
            line.server(compact(id=2 + n, jsonrpc="2.0", result=[True], error=None))


@capture("ergo/nbminer", ERGO)
def ergo(stage):
    """Ergo (Autolykos): subscribe without a pool name, targets as decimal numbers."""
    user = f"{wallets.ERGO}.rig"
    with stage.line("10.20.0.41", "203.0.113.29", 1180) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["nbminer/42.3"]))
        line.server(compact(id=1, result=[None, "00ab3f", 5], error=None))
        line.client(compact(id=2, method="mining.authorize", params=[user, "x"]))
        line.server(accepted(2), push("mining.set_difficulty", 1))
        line.server(push("mining.notify", "3a", 1_400_250, stage.hex(64), "", "", "00000004", str(stage.random.getrandbits(230)), "", True))
        for n in range(3):
            stage.rest(11)
            line.client(compact(id=3 + n, method="mining.submit", params=[user, "3a", stage.hex(10), "", "00ab3f" + stage.hex(10)]))
            line.server(accepted(3 + n))


@capture("zip301/proxy-upstream", AIOSTRATUM, by=AIOSTRATUM_BY)
def proxy_upstream(stage):
    """aiostratum-proxy in the office speaks to a pool for the rigs behind it, which are not seen."""
    through_proxy(stage, "office", "10.20.0.87")


@capture("zip301/proxy-downstream", AIOSTRATUM, by=AIOSTRATUM_BY)
def proxy_downstream(stage):
    """A rig in the office works for an aiostratum-proxy in the Internet."""
    through_proxy(stage, "world", "203.0.113.76")


def through_proxy(stage, side, address):
    """The proxy's one pool and its one rig; of the two connections only that over the cable is recorded."""
    account = f"{wallets.ZCASH}.rigs"
    waiting = stage.listener("203.0.113.77", 3357)
    program = stage.root / "scripts" / "pcaps" / "stratum_proxy.py"
    stage.start(side, sys.executable, program, address, 10_666, "203.0.113.77", 3357, account, port=10_666)
    # The proxy goes to its pool when the first rig comes.
    rig = stage.dial("10.20.0.88", address, 10_666)
    tell(rig, compact(id=1, method="mining.subscribe", params=["lolMiner/1.88", None, "proxy", "10666"]))
    waiting.settimeout(10)
    pool, _ = waiting.accept()
    pool.settimeout(5)
    tell(pool, compact(id=hear(pool)["id"], result=[None, "ab12cd34"], error=None))
    tell(pool, push("mining.set_target", "0080" + "0" * 60), push("mining.notify", *zcash_job(stage, "c1"), True))
    tell(rig, compact(id=2, method="mining.authorize", params=["rig.one", "x"]))
    tell(pool, accepted(hear(pool)["id"]))
    for n in range(3):
        stage.rest(15)
        tell(
            rig,
            compact(
                id=3 + n, method="mining.submit", params=["rig.one", "c1", "a0230769", stage.hex(40), "fd4005" + stage.hex(SOLUTION_DIGITS)]
            ),
        )
        tell(pool, accepted(hear(pool)["id"]))
    stage.wait(1)
    for end in (rig, pool):
        end.close()


def hear(connection):
    """The next JSON line."""
    text = b""
    while not text.endswith(b"\n"):
        part = connection.recv(65_535)
        if not part:
            raise RuntimeError("the proxy hung up")
        text += part
    return json.loads(text)


def tell(connection, *messages):
    connection.sendall("".join(message + "\n" for message in messages).encode())
    time.sleep(0.03)
