"""Mining over HTTP as in Bitcoin's early years, and what a Stratum port says to those who speak something else."""

from ..catalogue import capture
from ..http import request, response
from ..lines import compact, spaced
from .bitcoin import session

GETWORK = "https://en.bitcoin.it/wiki/Getwork"
TEMPLATE = "https://en.bitcoin.it/wiki/Getblocktemplate"
ZEEK = "https://github.com/jsiwek/zeek-cryptomining (trace bitcoin-mining.pcap shows the probing and the replies)"
BASIC = "Basic ZXhhbXBsZTpleGFtcGxl"
MINER = {"Authorization": BASIC, "User_Agent": "cgminer 2.7.5", "X_Mining_Extensions": "longpoll midstate rollntime submitold"}
PARSE_ERROR = '{"id":0,"result":null,"error":[20,"Parse error",null]}'


def ask(line, body, **headers):
    """The head in one segment and the body in the next, as libcurl sends them."""
    message = request("POST", "/", "pool.example", body, **headers)
    border = message.index(b"\r\n\r\n") + 4
    line.client(message[:border])
    line.client(message[border:])


@capture("getwork/cgminer", GETWORK)
def getwork(stage):
    """cgminer 2.7: getwork over HTTP with X-Mining-Extensions, answered with a pointer to Stratum."""
    with stage.line("10.20.0.74", "203.0.113.57", 8332) as line:
        for n in range(3):
            ask(line, '{"method": "getwork", "params": [], "id":0}\n', **MINER)
            work = {"midstate": stage.hex(64), "data": stage.hex(256), "hash1": "0" * 128, "target": "f" * 56 + "0" * 8}
            line.server(
                response(
                    compact(result=work, error=None, id=0),
                    X_Long_Polling="/LP",
                    X_Roll_NTime="Y",
                    X_Stratum="stratum+tcp://pool.example:3333",
                )
            )
            stage.rest(10)
            ask(line, spaced(method="getwork", params=[stage.hex(256)], id=1) + "\n", **MINER)
            line.server(response('{"result":true,"error":null,"id":1}'))


@capture("getblocktemplate/bfgminer", TEMPLATE)
def getblocktemplate(stage):
    """bfgminer: templates with capabilities, and a block handed in."""
    agent = {"Authorization": BASIC, "User_Agent": "bfgminer/5.2.0", "X_Mining_Extensions": "longpoll midstate rollntime submitold"}
    capabilities = ["coinbasetxn", "workid", "coinbase/append", "time/increment", "version/reduce", "submit/coinbase"]
    with stage.line("10.20.0.75", "203.0.113.58", 9332) as line:
        for n in range(3):
            ask(
                line,
                spaced(id=0, method="getblocktemplate", params=[{"capabilities": capabilities, "maxversion": 4, "target": "f" * 64}]),
                **agent,
            )
            line.server(response(compact(result=template(stage, n), error=None, id=0), X_Long_Polling="/LP"))
            stage.rest(20)
            ask(line, spaced(id=1, method="submitblock", params=[stage.hex(1200), {"workid": f"w{n}"}]), **agent)
            line.server(response('{"result":null,"error":null,"id":1}' if n else '{"result":"high-hash","error":null,"id":1}'))


def template(stage, n):
    transaction = {
        "data": stage.hex(400),
        "txid": stage.hex(64),
        "hash": stage.hex(64),
        "depends": [],
        "fee": 1200,
        "sigops": 4,
        "weight": 800,
    }
    return {
        "capabilities": ["proposal"],
        "version": 536870912,
        "previousblockhash": stage.hex(64),
        "transactions": [transaction],
        "coinbaseaux": {},
        "coinbasevalue": 312501200,
        "longpollid": stage.hex(64) + "9",
        "target": "0000000000000000000342190000" + "0" * 36,
        "mintime": 1_793_600_000,
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "00000000ffffffff",
        "sigoplimit": 80000,
        "sizelimit": 4000000,
        "curtime": 1_793_610_000 + n,
        "bits": "17034219",
        "height": 960_000,
        "workid": f"w{n}",
    }


@capture("parse-error/http", ZEEK, by="curl, and our script for the pool")
def http_to_stratum(stage):
    """curl asks a Stratum port for a web page: one JSON error for each line of its request."""
    address = "203.0.113.59"
    listener = stage.listener(address, 3333)
    curl = stage.start(
        "office",
        "curl",
        "--silent",
        "--http0.9",
        "--interface",
        "10.20.0.76",
        "--local-port",
        stage.port(),
        "--max-time",
        3,
        f"http://{address}:3333/",
    )
    pool, _ = listener.accept()
    asked = pool.recv(65_535)
    for _ in range(asked.count(b"\n")):
        pool.sendall(PARSE_ERROR.encode() + b"\n")
    stage.wait(0.5)
    pool.close()
    curl.wait()


@capture("parse-error/tls", ZEEK, by="openssl s_client, and our script for the pool")
def tls_to_stratum(stage):
    """A miner set to TLS at a plain Stratum port: its ClientHello is answered in JSON."""
    address = "203.0.113.59"
    listener = stage.listener(address, 3334)
    client = stage.start(
        "office", "openssl", "s_client", "-bind", f"10.20.0.77:{stage.port()}", "-connect", f"{address}:3334", "-noservername"
    )
    pool, _ = listener.accept()
    pool.recv(65_535)
    pool.sendall(PARSE_ERROR.encode() + b"\n")
    stage.wait(0.2)
    pool.close()
    client.wait()


@capture("parse-error/probing", ZEEK)
def probing(stage):
    """bfgminer tries one port as getblocktemplate, as getwork, and then as Stratum, which works."""
    client, address = "10.20.0.78", "203.0.113.59"
    for body in (
        '{"id": 0, "method": "getblocktemplate", "params": [{"capabilities": ["coinbasetxn", "workid"]}]}',
        '{"method": "getwork", "params": [], "id":0}\n',
    ):
        with stage.line(client, address, 3335) as line:
            ask(line, body, User_Agent="bfgminer/5.2.0", X_Mining_Extensions="longpoll midstate rollntime submitold")
            line.server(*[PARSE_ERROR] * 6)
        stage.wait(1)
    with stage.line(client, address, 3335) as line:
        session(stage, line, "examplefarm.prober", "bfgminer/5.2.0", shares=2)
