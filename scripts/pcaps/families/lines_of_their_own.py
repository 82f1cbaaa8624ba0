"""Newline JSON with words of its own: Iron Fish, CKB, Grin, Beam, Xatum; and Duino-Coin's plain text."""

import binascii

from .. import wallets
from ..catalogue import capture
from ..lines import compact

IRON_FISH = "https://github.com/iron-fish/ironfish/tree/master/ironfish/src/mining/stratum"
CKB = "https://github.com/nervosnetwork/ckb/blob/develop/docs/stratum_v1.md"
GRIN = "https://github.com/mimblewimble/grin/blob/master/doc/stratum.md"
BEAM = "https://github.com/BeamMW/beam/wiki/Beam-mining-protocol-API-(Stratum)"
XATUM = "https://github.com/xelpool/Xatum/blob/main/specification.md"
DUINO = "https://github.com/revoxhere/duino-coin (PC_Miner.py, AVR_Miner.py)"


@capture("ironfish/lolminer", IRON_FISH)
def iron_fish(stage):
    """Iron Fish: a body instead of params."""
    with stage.line("10.20.0.50", "203.0.113.38", 1145) as line:
        body = {
            "version": 3,
            "agent": "lolMiner/1.85beta",
            "name": "rig7",
            "publicAddress": wallets.IRON_FISH,
            "extend": ["mining.submitted"],
        }
        line.client(compact(id=0, method="mining.subscribe", body=body))
        line.server(compact(id=0, method="mining.subscribed", body={"clientId": 41, "xn": "2b9c"}))
        line.server(compact(id=1, method="mining.set_target", body={"target": "0000000003ff" + "f" * 52}))
        for n in range(3):
            line.server(compact(id=2 + n, method="mining.notify", body={"miningRequestId": 70 + n, "header": stage.hex(336)}))
            stage.rest(10)
            line.client(compact(id=1 + n, method="mining.submit", body={"miningRequestId": 70 + n, "randomness": "2b9c" + stage.hex(12)}))
            line.server(compact(id=10 + n, method="mining.submitted", body={"id": 1 + n, "result": True}))


@capture("ckb/nbminer", CKB)
def ckb(stage):
    """CKB: its own ckb_ methods, objects for params, pushed jobs with id 0."""
    with stage.line("10.20.0.51", "203.0.113.39", 8118) as line:
        login = {"login": wallets.CKB, "agent": "nbminer/42.3", "worker": "rig8"}
        line.client(compact(id=1, method="ckb_submitLogin", params=login))
        line.server('{"id":1,"result":true}')
        line.client(compact(id=2, method="ckb_getWork", params=None))
        job = ckb_job(stage)
        line.server(compact(id=2, result=job))
        for n in range(3):
            stage.rest(10)
            line.client(compact(id=3, method="ckb_submitWork", params={"pow_hash": job["pow_hash"], "nonce": "0x" + stage.hex(16)}))
            line.server('{"id":3,"result":true}' if n != 1 else '{"id":3,"error":{"code":"103","message":"low difficulty"}}')
            job = ckb_job(stage)
            line.server(compact(id=0, result=job))
        line.client(compact(id=4, method="ckb_submitHashrate", params="0x" + stage.hex(8)))
        line.server('{"id":4,"result":true}')


def ckb_job(stage):
    return {"pow_hash": "0x" + stage.hex(64), "target": "0x00000000ffff" + "f" * 52}


@capture("grin/miner", GRIN)
def grin(stage):
    """Grin: ids in words, and a proof of 42 numbers."""
    with stage.line("10.20.0.52", "203.0.113.40", 3416) as line:
        login = {"login": "example@office.example/rig", "pass": "secret", "agent": "grin-miner"}
        line.client(compact(id="0", jsonrpc="2.0", method="login", params=login))
        line.server('{"id":"0","jsonrpc":"2.0","method":"login","result":"ok","error":null}')
        line.client(compact(id="0", jsonrpc="2.0", method="getjobtemplate", params=None))
        line.server(compact(id="0", jsonrpc="2.0", method="getjobtemplate", result=grin_job(stage, 1), error=None))
        for n in range(2):
            stage.rest(15)
            share = {
                "edge_bits": 32,
                "height": 3_050_100,
                "job_id": n + 1,
                "nonce": stage.random.getrandbits(60),
                "pow": [stage.random.getrandbits(31) for _ in range(42)],
            }
            line.client(compact(id="0", jsonrpc="2.0", method="submit", params=share))
            line.server('{"id":"0","jsonrpc":"2.0","method":"submit","result":"ok","error":null}')
            line.server(compact(id="Stratum", jsonrpc="2.0", method="job", params=grin_job(stage, n + 2)))
        line.client('{"id":"0","jsonrpc":"2.0","method":"keepalive","params":null}')
        line.server('{"id":"0","jsonrpc":"2.0","method":"keepalive","result":"ok","error":null}')
        line.client('{"id":"0","jsonrpc":"2.0","method":"status","params":null}')
        line.server(
            '{"id":"0","jsonrpc":"2.0","method":"status","result":{"id":"5","height":3050100,"difficulty":128,"accepted":2,"rejected":0,"stale":0},"error":null}'
        )


def grin_job(stage, job):
    return {"difficulty": 128, "height": 3_050_100, "job_id": job, "pre_pow": stage.hex(488)}


@capture("beam/lolminer", BEAM)
def beam(stage):
    """Beam: the login is an api_key; its answer brings the nonce prefix. (Pools mostly want TLS; this one does not.)"""
    with stage.line("10.20.0.53", "203.0.113.41", 5252) as line:
        line.client(compact(method="login", api_key=f"{wallets.BEAM}.rig", id="login", jsonrpc="2.0"))
        line.server(
            '{"id":"login","method":"result","jsonrpc":"2.0","code":0,"description":"Login successful","nonceprefix":"5d1a","forkheight":321321,"forkheight2":777777}'
        )
        for n in range(3):
            line.server(
                compact(id=f"{9000 + n}", method="job", jsonrpc="2.0", input=stage.hex(64), difficulty=60_817_408, height=2_900_100 + n)
            )
            stage.rest(10)
            line.client(compact(method="solution", id=f"{9000 + n}", nonce="5d1a" + stage.hex(12), output=stage.hex(208), jsonrpc="2.0"))
            line.server(compact(id=f"{9000 + n}", method="result", jsonrpc="2.0", code=1, description="accepted"))


@capture("xatum/xelis", XATUM)
def xatum(stage):
    """Xatum: a word, a tilde and an object. (Pools want TLS; this one speaks in clear.)"""
    with stage.line("10.20.0.54", "203.0.113.42", 5210) as line:
        line.client("shake~" + compact(addr=wallets.XELIS, work="rig", agent="XelMiner/1.0.0", algos=["xel/0"]))
        line.server('print~{"msg":"welcome to the example pool","lvl":1}')
        for _ in range(3):
            line.server("job~" + compact(algo="xel/0", diff=100_000, blob=base64(stage, 96)))
            stage.rest(10)
            line.client("submit~" + compact(data=base64(stage, 112), hash=stage.hex(64)))
            line.server('success~{"msg":"ok"}')
        line.server("ping~{}")
        line.client("pong~{}")


def base64(stage, count):
    return binascii.b2a_base64(stage.bytes(count), newline=False).decode()


@capture("duino-coin/avr", DUINO)
def duino_coin(stage):
    """Duino-Coin, an AVR board's bridge: version, JOB, a job of two hashes and a difficulty, a result, GOOD."""
    with stage.line("10.20.0.55", "203.0.113.43", 2811) as line:
        line.server(b"3.0")
        for n in range(5):
            line.client(f"JOB,{wallets.DUINO},AVR,None\n".encode())
            line.server(f"{stage.hex(40)},{stage.hex(40)},8\n".encode())
            stage.rest(4)
            line.client(f"{300 + 17 * n},258.{n},Official AVR Miner 4.3,uno,DUCOID{stage.hex(16).upper()},1234\n".encode())
            line.server(b"GOOD\n" if n != 3 else b"BAD,Incorrect result\n")


@capture("duino-coin/pc", DUINO)
def duino_coin_pc(stage):
    """Duino-Coin, the PC miner: difficulty class LOW and a mining key, message of the day first."""
    with stage.line("10.20.0.56", "203.0.113.44", 2813) as line:
        line.server(b"3.0\n")
        line.client(b"MOTD\n")
        line.server(b"Welcome to the example node\n")
        for n in range(4):
            line.client(f"JOB,{wallets.DUINO},LOW,None\n".encode())
            line.server(f"{stage.hex(40)},{stage.hex(40)},100000\n".encode())
            stage.rest(9)
            line.client(f"{900_000 + 31 * n},512000.2{n},Official PC Miner 4.3,rig,,1357\n".encode())
            line.server(b"GOOD\n")
