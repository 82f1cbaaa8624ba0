"""The CryptoNote dialect as XMRig, xmr-stak, proxies and malware speak it; XMRig against a node; P2Pool between peers."""

from .. import wallets
from ..catalogue import capture
from ..http import request, response
from ..lines import compact, spaced

XMRIG = "https://github.com/xmrig/xmrig/blob/v6.26.0/src/base/net/stratum/Client.cpp"
PROXY = "https://github.com/xmrig/xmrig-proxy/blob/master/doc/STRATUM.md"
STAK = "https://github.com/fireice-uk/xmr-stak/blob/master/xmrstak/net/jpsock.cpp"
DAEMON = "https://github.com/xmrig/xmrig/blob/v6.26.0/src/base/net/stratum/DaemonClient.cpp"
P2POOL = "https://github.com/SChernykh/p2pool/blob/master/src/p2p_server.h"
AGENT = "XMRig/6.26.0 (Linux x86_64) libuv/1.51.0 gcc/13.3.0"
ALGORITHMS = [
    "cn/1",
    "cn/2",
    "cn/r",
    "cn/fast",
    "cn/half",
    "cn/xao",
    "cn/rto",
    "cn/rwz",
    "cn/zls",
    "cn/double",
    "cn/ccx",
    "cn-lite/1",
    "cn-heavy/0",
    "cn-heavy/tube",
    "cn-heavy/xhv",
    "cn-pico",
    "cn-pico/tlo",
    "cn/upx2",
    "rx/0",
    "rx/wow",
    "rx/arq",
    "rx/graft",
    "rx/sfx",
    "rx/yada",
    "argon2/chukwa",
    "argon2/chukwav2",
    "argon2/ninja",
    "ghostrider",
]
SEED = "5f5d5ab0e1e4d1a7f6c7b1f6a0d4c3b2a19080706050403020100ffeeddccbba"


def job(stage, name, **more):
    return {"blob": "1010" + stage.hex(148), "job_id": name, "target": "b88d0600", **more}


def full_job(stage, name, session=None):
    more = {"algo": "rx/0", "height": 3_100_000, "seed_hash": SEED}
    return job(stage, name, **more, **({"id": session} if session else {}))


def logged_in(stage, session="a1b2c3d4"):
    result = {"id": session, "job": full_job(stage, "Q7XRgV"), "extensions": ["algo", "keepalive"], "status": "OK"}
    return compact(jsonrpc="2.0", id=1, error=None, result=result)


def submit(stage, number, session, name, **more):
    params = {"id": session, "job_id": name, "nonce": stage.hex(8), "result": stage.hex(64), **more}
    return compact(id=number, jsonrpc="2.0", method="submit", params=params)


def accepted(number):
    return compact(id=number, jsonrpc="2.0", error=None, result={"status": "OK"})


def xmrig_session(stage, line, login, shares=6, agent=AGENT, **more):
    """Login, jobs, shares and one keep-alive as XMRig 6 writes them."""
    line.client(
        compact(id=1, jsonrpc="2.0", method="login", params={"login": login, "pass": "x", "agent": agent, **more, "algo": ALGORITHMS})
    )
    stage.wait(0.1)
    line.server(logged_in(stage))
    name = "Q7XRgV"
    for n in range(shares):
        stage.rest(25)
        line.client(submit(stage, 2 + n, "a1b2c3d4", name, algo="rx/0"))
        stage.wait(0.1)
        line.server(accepted(2 + n))
        if n % 2:
            stage.rest(40)
            name = f"job{n:03}"
            line.server(compact(jsonrpc="2.0", method="job", params=full_job(stage, name)))
    stage.wait(60)
    line.client(compact(id=2 + shares, jsonrpc="2.0", method="keepalived", params={"id": "a1b2c3d4"}))
    line.server(compact(id=2 + shares, jsonrpc="2.0", error=None, result={"status": "KEEPALIVED"}))


@capture("cryptonote/xmrig", XMRIG)
def xmrig(stage):
    """XMRig 6: login with agent, rig id and its list of algorithms; jobs, shares, a keep-alive."""
    with stage.line("10.20.0.57", "203.0.113.45", 3333) as line:
        xmrig_session(stage, line, f"{wallets.MONERO}.server7", rigid="server7")


@capture("cryptonote/xmrig-ipv6", XMRIG)
def xmrig_ipv6(stage):
    """XMRig over IPv6, with a sub-address and a fixed difficulty."""
    with stage.line("fd00:20::3a", "2001:db8:113::11", 10001) as line:
        xmrig_session(stage, line, f"{wallets.MONERO_SUB}+50000", shares=2)


@capture("cryptonote/xmr-stak", STAK)
def xmr_stak(stage):
    """xmr-stak: method first, id last, no jsonrpc."""
    with stage.line("10.20.0.59", "203.0.113.46", 9050) as line:
        login = {"login": wallets.MONERO, "pass": "x", "agent": "xmr-stak-cpu/1.3.0-1.5.0"}
        line.client(compact(method="login", params=login, id=1))
        line.server(compact(id=1, jsonrpc="2.0", error=None, result={"id": "519", "job": job(stage, "914"), "status": "OK"}))
        for n in range(4):
            stage.rest(30)
            params = {"id": "519", "job_id": "914", "nonce": stage.hex(8), "result": stage.hex(64)}
            line.client(compact(method="submit", params=params, id=1))
            line.server(accepted(1))
        line.server(compact(jsonrpc="2.0", method="job", params=job(stage, "915")))


@capture("cryptonote/spaced", "https://github.com/nesfit/DI-cryptominingdetection")
def blanks(stage):
    """An old client (agent xmr/1.0) that puts a blank after every colon and comma."""
    with stage.line("10.20.0.60", "203.0.113.47", 5222) as line:
        line.client(spaced(method="login", params={"login": wallets.MONERO, "pass": "x", "agent": "xmr/1.0"}, id=1))
        line.server(compact(id=1, jsonrpc="2.0", error=None, result={"id": "77", "job": job(stage, "5"), "status": "OK"}))
        for n in range(3):
            stage.rest(15)
            params = {"id": "77", "job_id": "5", "nonce": stage.hex(8), "result": stage.hex(64)}
            line.client(spaced(method="submit", params=params, id=2 + n))
            line.server(accepted(2 + n))


@capture("cryptonote/bare", "https://github.com/jsiwek/zeek-cryptomining (trace coinhive-stratum.pcap)")
def bare(stage):
    """A browser miner's back end: no agent, no jsonrpc, two logins in one connection."""
    with stage.line("10.20.0.61", "203.0.113.48", 3333) as line:
        line.client(
            compact(id=1, method="login", params={"login": wallets.MONERO, "pass": "x"}),
            compact(id=2, method="login", params={"login": wallets.MONERO_INTEGRATED, "pass": "x"}),
        )
        for n in (1, 2):
            line.server(compact(id=n, jsonrpc="2.0", error=None, result={"id": f"s{n}", "job": job(stage, "11"), "status": "OK"}))
        for n in range(4):
            stage.rest(5)
            line.client(
                compact(
                    id=3 + n,
                    method="submit",
                    params={"id": f"s{1 + n % 2}", "job_id": "11", "nonce": stage.hex(8), "result": stage.hex(64)},
                )
            )
            line.server(accepted(3 + n))


@capture("cryptonote/no-pass", PROXY)
def no_pass(stage):
    """A login of nothing but the wallet, on port 443."""
    with stage.line("10.20.0.62", "203.0.113.49", 443) as line:
        line.client(compact(method="login", params={"login": wallets.MONERO}, id=1))
        line.server(compact(id=1, error=None, result={"id": "9", "job": job(stage, "2"), "status": "OK"}))
        for n in range(2):
            stage.rest(20)
            line.client(compact(method="submit", params={"id": "9", "job_id": "2", "nonce": stage.hex(8), "result": stage.hex(64)}, id=2))
            line.server(compact(id=2, error=None, result={"status": "OK"}))


@capture("cryptonote/jsonrpc-first", PROXY)
def jsonrpc_first(stage):
    """jsonrpc before everything else; the pool writes method, params, jsonrpc, and sends its second job split."""
    with stage.line("10.20.0.63", "203.0.113.50", 10128) as line:
        line.client(
            compact(
                jsonrpc="2.0", id="login", method="login", params={"agent": "SRBMiner-MULTI/2.9.8", "pass": "rig", "login": wallets.MONERO}
            )
        )
        line.server(compact(id="login", jsonrpc="2.0", result={"status": "OK", "id": "e7", "job": full_job(stage, "1")}, error=None))
        stage.rest(20)
        line.client(
            compact(
                jsonrpc="2.0",
                id="share-1",
                method="submit",
                params={"id": "e7", "job_id": "1", "nonce": stage.hex(8), "result": stage.hex(64)},
            )
        )
        line.server('{"jsonrpc":"2.0","id":"share-1","result":{"status":"OK"},"error":null}')
        line.server_pieces(compact(method="job", params=full_job(stage, "2"), jsonrpc="2.0"), 9, 100)
        stage.rest(20)
        line.client(
            compact(
                jsonrpc="2.0",
                id="share-2",
                method="submit",
                params={"id": "e7", "job_id": "1", "nonce": stage.hex(8), "result": stage.hex(64)},
            )
        )
        line.server('{"jsonrpc":"2.0","id":"share-2","error":{"code":-1,"message":"Low difficulty share"}}')


@capture("cryptonote/malware", PROXY)
def malware(stage):
    """Malware to its own proxy: the login is free text about the victim, the answer a job."""
    with stage.line("10.20.0.64", "198.51.100.20", 80) as line:
        login = {"login": "WS-0417|8 cores|16331 MB|Windows 10", "pass": None, "agent": "svchost"}
        line.client(compact(id=1, jsonrpc="2.0", method="login", params=login))
        line.server(compact(jsonrpc="2.0", id=1, error=None, result={"id": "c0", "job": full_job(stage, "7"), "status": "OK"}))
        for n in range(4):
            stage.rest(30)
            line.client(submit(stage, 2 + n, "c0", "7"))
            line.server(accepted(2 + n))


@capture("cryptonote/refused", PROXY)
def refused(stage):
    """The pool does not like the address."""
    with stage.line("10.20.0.65", "203.0.113.51", 3333) as line:
        line.client(
            compact(id=1, jsonrpc="2.0", method="login", params={"login": "not-an-address", "pass": "x", "agent": AGENT, "algo": ["rx/0"]})
        )
        line.server('{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"Invalid payment address provided"}}')


@capture("cryptonote/banned", PROXY)
def banned(stage):
    """A proper wallet, refused by the pool."""
    with stage.line("10.20.0.66", "203.0.113.52", 3333) as line:
        line.client(
            compact(id=1, jsonrpc="2.0", method="login", params={"login": wallets.MONERO, "pass": "x", "agent": AGENT, "algo": ["rx/0"]})
        )
        line.server('{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"IP Address currently banned"}}')


@capture("cryptonote/mid-stream", XMRIG, late=True)
def mid_stream(stage):
    """The recording starts when the pool pushes a job; no login is seen."""
    with stage.line("10.20.0.67", "203.0.113.53", 3333) as line:
        line.client(
            compact(id=1, jsonrpc="2.0", method="login", params={"login": wallets.MONERO, "pass": "x", "agent": AGENT, "algo": ALGORITHMS})
        )
        line.server(logged_in(stage))
        stage.roll()
        line.server(compact(jsonrpc="2.0", method="job", params=full_job(stage, "m1")))
        for n in range(3):
            stage.rest(25)
            line.client(submit(stage, 30 + n, "a1b2c3d4", "m1", algo="rx/0"))
            line.server(accepted(30 + n))


@capture("cryptonote/escaped", PROXY)
def escaped(stage):
    """The method's name hides in \\u escapes; only a JSON reader sees it."""
    with stage.line("10.20.0.68", "203.0.113.54", 3333) as line:
        line.client('{"id":1,"jsonrpc":"2.0","\\u006dethod":"\\u006cogin","params":{"\\u006cogin":"%s","pass":"x"}}' % wallets.MONERO)
        line.server(logged_in(stage))
        stage.rest(20)
        line.client(
            '{"id":2,"jsonrpc":"2.0","method":"s\\u0075bmit","params":{"id":"a1b2c3d4","job_id":"Q7XRgV","nonce":"%s","result":"%s"}}'
            % (stage.hex(8), stage.hex(64))
        )
        line.server(accepted(2))


@capture("xmrig-daemon/polling", DAEMON)
def daemon(stage):
    """XMRig mining alone against a node in the Internet: /getheight every second, templates, one block handed in."""
    with stage.line("10.20.0.69", "198.51.100.21", 18081) as line:
        for n in range(8):
            line.client(request("GET", "/getheight", "node.example:18081", User_Agent=AGENT))
            line.server(response(compact(hash=stage.hex(64), height=3_100_000 + n // 4, status="OK", untrusted=False)))
            if n % 4 == 0:
                ask_template(stage, line, n)
            stage.wait(1)
        block = compact(id=9, jsonrpc="2.0", method="submitblock", params=["1010" + stage.hex(296)])
        line.client(request("POST", "/json_rpc", "node.example:18081", block, User_Agent=AGENT))
        line.server(response('{"id":9,"jsonrpc":"2.0","result":{"status":"OK","untrusted":false}}'))


def ask_template(stage, line, n):
    ask = compact(
        id=1 + n, jsonrpc="2.0", method="getblocktemplate", params={"wallet_address": wallets.MONERO, "extra_nonce": stage.hex(16)}
    )
    line.client(request("POST", "/json_rpc", "node.example:18081", ask, User_Agent=AGENT, X_Hash_Difficulty="0"))
    template = {
        "blockhashing_blob": "1010" + stage.hex(148),
        "blocktemplate_blob": "1010" + stage.hex(600),
        "difficulty": 450_000_000_000,
        "expected_reward": 600_000_000_000,
        "height": 3_100_000 + n // 4,
        "prev_hash": stage.hex(64),
        "reserved_offset": 130,
        "seed_hash": SEED,
        "seed_height": 3_098_624,
        "status": "OK",
        "untrusted": False,
    }
    line.server(response(compact(id=1 + n, jsonrpc="2.0", result=template)))


@capture("p2pool/handshake", P2POOL)
def p2pool(stage):
    """Two P2Pool peers: challenges of 17 bytes both ways, solutions of 41, then ports, a block request and a block."""
    with stage.line("10.20.0.70", "198.51.100.22", 37889) as line:
        peer = stage.bytes(8)
        line.client(b"\x00" + stage.bytes(8) + peer)
        line.server(b"\x00" + stage.bytes(8) + stage.bytes(8))
        line.client(b"\x01" + stage.bytes(40))
        line.server(b"\x01" + stage.bytes(40))
        line.client(b"\x02" + (37_889).to_bytes(4, "little"), b"\x03" + bytes(32))
        line.server(b"\x02" + (37_889).to_bytes(4, "little"), b"\x03" + bytes(32))
        for n in range(4):
            stage.rest(10)
            block = stage.bytes(900 + 60 * n)
            line.server(b"\x04" + len(block).to_bytes(4, "little") + block)
            line.client(b"\x03" + stage.bytes(32))
            line.server(b"\x04" + len(block).to_bytes(4, "little") + stage.bytes(len(block)))


@capture("p2pool/miner", P2POOL)
def p2pool_miner(stage):
    """A miner inside logs in to a P2Pool node; its user is only a difficulty."""
    with stage.line("10.20.0.71", "198.51.100.23", 3333) as line:
        line.client(
            compact(id=1, jsonrpc="2.0", method="login", params={"login": "x+20000", "pass": "x", "agent": AGENT, "algo": ["rx/0"]})
        )
        line.server(
            compact(id=1, jsonrpc="2.0", result={"id": "2c1f", "job": full_job(stage, "1"), "extensions": ["algo"], "status": "OK"})
        )
        for n in range(3):
            stage.rest(20)
            line.client(submit(stage, 2 + n, "2c1f", "1", algo="rx/0"))
            line.server(compact(id=2 + n, jsonrpc="2.0", error=None, result={"status": "OK"}))
