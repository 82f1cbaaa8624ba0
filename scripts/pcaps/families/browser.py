"""Mining in a browser over WebSocket: Coinhive's messages and Nimiq's, by real WebSocket libraries."""

import json
import shutil
import subprocess
import threading

from websockets.sync.client import connect
from websockets.sync.server import serve

from .. import wallets
from ..catalogue import capture
from ..lines import compact
from .monero import accepted, job

PROXY = "https://github.com/cazala/coin-hive-stratum"
DEEPMINER = "https://github.com/deepwn/deepMiner/blob/master/server.js"
NIMIQ = "https://github.com/nimiq-network/mining-pool (protocol notes)"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SITE_KEY = "ExampLePitheadSiteKeyNotARealOne"


def browser(stage, client, server, port, path, **options):
    """A browser's end of a WebSocket: masked frames, no compression (the proxies of that time had none)."""
    near = stage.dial(client, server, port)
    return connect(f"ws://{server}:{port}{path}", sock=near, user_agent_header=BROWSER, compression=None, ping_interval=None, **options)


def say(stage, speaker, hearer, message):
    speaker.send(message)
    heard = hearer.recv(timeout=5)
    if heard != message:
        raise RuntimeError("another message was heard than was said")
    stage.wait(0.03)


class Site:
    """A WebSocket server of the websockets library, whose one connection the script holds."""

    def __init__(self, stage, address, port):
        self.arrived, self.over = threading.Event(), threading.Event()
        self.server = serve(self._hold, sock=stage.listener(address, port), compression=None, ping_interval=None)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def connection(self):
        self.arrived.wait(5)
        return self.held

    def close(self):
        self.over.set()
        self.server.shutdown()

    def _hold(self, connection):
        self.held = connection
        self.arrived.set()
        self.over.wait()


@capture("coinhive/websocket", DEEPMINER, by="the websockets library at both ends")
def websocket(stage):
    """A web page mines: auth with a site key, jobs, shares with hash_accepted; client frames are masked."""
    site = Site(stage, "203.0.113.72", 8892)
    miner = browser(stage, "10.20.0.79", "203.0.113.72", 8892, "/proxy", origin="http://www.example.com")
    pool = site.connection()
    say(stage, miner, pool, compact(type="auth", params={"site_key": SITE_KEY, "type": "anonymous", "user": None, "goal": 0}))
    say(stage, pool, miner, compact(type="authed", params={"token": "", "hashes": 0}))
    say(stage, pool, miner, compact(type="job", params=job(stage, "412")))
    for n in range(6):
        stage.rest(5)
        say(stage, miner, pool, compact(type="submit", params={"job_id": "412", "nonce": stage.hex(8), "result": stage.hex(64)}))
        say(stage, pool, miner, compact(type="hash_accepted", params={"hashes": 256 * (n + 1)}))
    say(stage, pool, miner, compact(type="job", params=job(stage, "413")))
    miner.close()
    site.close()


@capture("coinhive/banned", DEEPMINER, by="the websockets library at both ends")
def banned(stage):
    """A page whose key is not welcome."""
    site = Site(stage, "203.0.113.72", 8893)
    miner = browser(stage, "10.20.0.79", "203.0.113.72", 8893, "/", origin="http://www.example.com")
    pool = site.connection()
    say(stage, miner, pool, compact(type="auth", params={"site_key": SITE_KEY, "type": "user", "user": "visitor", "goal": 0}))
    say(stage, pool, miner, compact(type="error", params={"error": "invalid_site_key"}))
    miner.close()
    site.close()


@capture("coinhive/proxy", PROXY, by="npm's coin-hive-stratum, reached by the websockets library")
def front_of_proxy(stage):
    """A browser to a coin-hive-stratum proxy in the Internet, which logs in to a pool for it."""
    with_proxy(stage, "world", "203.0.113.73")


@capture("coinhive/back-end", PROXY, by="npm's coin-hive-stratum, reached by the websockets library")
def back_of_proxy(stage):
    """The same proxy on a server in the office: what crosses is its Stratum login to the pool."""
    with_proxy(stage, "office", "10.20.0.80")


def with_proxy(stage, side, address):
    listener = stage.listener("203.0.113.74", 3333)
    start_proxy(stage, side, address)
    miner = browser(stage, "10.20.0.79", address, 8892, "/", origin="http://www.example.com")
    with miner:
        miner.send(compact(type="auth", params={"site_key": wallets.MONERO, "type": "anonymous", "user": None, "goal": 0}))
        pool, _ = listener.accept()
        login = read_line(pool)
        pool.sendall(
            compact(id=login["id"], jsonrpc="2.0", error=None, result={"id": "55", "job": job(stage, "8"), "status": "OK"}).encode() + b"\n"
        )
        # authed, then the job.
        miner.recv(timeout=5), miner.recv(timeout=5)
        for _ in range(4):
            stage.rest(5)
            miner.send(compact(type="submit", params={"job_id": "8", "nonce": stage.hex(8), "result": stage.hex(64)}))
            share = read_line(pool)
            pool.sendall(accepted(share["id"]).encode() + b"\n")
            miner.recv(timeout=5)
    pool.close()


def start_proxy(stage, side, address):
    modules = stage.root / "target" / "pcaps-node"
    here = stage.root / "scripts" / "pcaps" / "coinhive"
    if not (modules / "node_modules" / "coin-hive-stratum").exists():
        modules.mkdir(parents=True, exist_ok=True)
        shutil.copy(here / "package.json", modules)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=modules, check=True)
    words = ["env", f"NODE_MODULES={modules}", "node", here / "proxy.js", address, 8892, "203.0.113.74", 3333]
    stage.start(side, *words, port=8892)


def read_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        text += connection.recv(65_535)
    return json.loads(text)


@capture("nimiq/nano", NIMIQ, by="the websockets library at both ends")
def nimiq(stage):
    """Nimiq's pool protocol: register, settings, new blocks and shares."""
    site = Site(stage, "203.0.113.75", 8443)
    miner = browser(stage, "10.20.0.81", "203.0.113.75", 8443, "/")
    pool = site.connection()
    register = {
        "message": "register",
        "mode": "nano",
        "address": wallets.NIMIQ,
        "deviceId": 1193046,
        "genesisHash": "Jkqvik+YKKdsVQY12geOtGYwahifzANxC+6fZJyGnRI=",
    }
    say(stage, miner, pool, compact(**register))
    say(stage, pool, miner, '{"message":"registered"}')
    say(
        stage,
        pool,
        miner,
        compact(message="settings", address=wallets.NIMIQ, extraData="UGl0aGVhZA==", target=1771875, nonce=stage.random.getrandbits(40)),
    )
    say(stage, pool, miner, '{"message":"balance","balance":0,"confirmedBalance":0,"payoutRequestActive":false}')
    for n in range(4):
        say(
            stage,
            pool,
            miner,
            compact(message="new-block", bodyHash=stage.hex(43) + "=", accountsHash=stage.hex(43) + "=", previousBlock=stage.hex(200)),
        )
        stage.rest(15)
        say(
            stage,
            miner,
            pool,
            compact(message="share", blockHeader=stage.hex(192), minerAddrProof="AA==", extraDataProof="AA==", block=stage.hex(256)),
        )
    miner.close()
    site.close()
