"""The Ethereum family: eth-proxy, EthereumStratum 1 and 2, and polling over HTTP."""

from .. import wallets
from ..catalogue import capture
from ..lines import compact, spaced
from ..http import request, response

ETHMINER = "https://github.com/ethereum-mining/ethminer/blob/master/docs/"
CLAYMORE = "https://github.com/ntop/nDPI (its capture mining.pcapng shows the order of keys)"
NICEHASH = "https://github.com/nicehash/Specifications/blob/master/EthereumStratum_NiceHash_v1.0.0.txt"
EIP1571 = "https://github.com/ethereum/EIPs/blob/master/EIPS/eip-1571.md"
TARGET = "0x0000000112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba"


def work(stage):
    return ["0x" + stage.hex(64), "0x" + stage.hex(64), TARGET]


@capture("eth-proxy/ethminer", ETHMINER)
def ethminer(stage):
    """ethminer's stratum1: compact, keys in alphabetical order, work is pushed with id 0."""
    with stage.line("10.20.0.42", "203.0.113.30", 9999) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="eth_submitLogin", params=[wallets.ETHEREUM], worker="rig1"))
        line.server('{"id":1,"jsonrpc":"2.0","result":true}')
        line.client(compact(id=5, jsonrpc="2.0", method="eth_getWork", params=[]))
        line.server(compact(id=5, jsonrpc="2.0", result=work(stage)))
        for n in range(4):
            stage.wait(10)
            line.server(compact(id=0, jsonrpc="2.0", result=work(stage)))
            line.client(compact(id=9, jsonrpc="2.0", method="eth_submitHashrate", params=["0x" + stage.hex(64), "0x" + stage.hex(64)]))
            line.server('{"id":9,"jsonrpc":"2.0","result":true}')
            if n % 2:
                line.client(
                    compact(
                        id=40 + n, jsonrpc="2.0", method="eth_submitWork", params=["0x" + stage.hex(16), *work(stage)[:2]], worker="rig1"
                    )
                )
                line.server(compact(id=40 + n, jsonrpc="2.0", result=True))


@capture("eth-proxy/claymore", CLAYMORE)
def claymore(stage):
    """Claymore: blanks, and the worker before everything else; work is asked for every ten seconds."""
    with stage.line("10.20.0.43", "203.0.113.31", 9999) as line:
        login = [f"{wallets.ETHEREUM}/eth1.0/ops@office.example", "x"]
        line.client(spaced(worker="eth1.0", jsonrpc="2.0", params=login, id=2, method="eth_submitLogin"))
        line.server('{"id":2,"jsonrpc":"2.0","result":true}')
        for n in range(8):
            line.client('{"worker": "", "jsonrpc": "2.0", "params": [], "id": 3, "method": "eth_getWork"}')
            line.server(compact(id=3, jsonrpc="2.0", result=work(stage)))
            if n % 2:
                rate = ["0x0000000000000000000000000000000000000000000000000000000001a2b3c4", "0x" + stage.hex(64)]
                line.client(spaced(id=6, worker="eth1.0", jsonrpc="2.0", method="eth_submitHashrate", params=rate))
                line.server('{"id":6,"jsonrpc":"2.0","result":true}')
            if n == 4:
                line.client(
                    spaced(id=4, worker="eth1.0", jsonrpc="2.0", method="eth_submitWork", params=["0x" + stage.hex(16), *work(stage)[:2]])
                )
                line.server('{"id":4,"jsonrpc":"2.0","result":true}')
            stage.wait(10)


@capture("eth-proxy/refused", ETHMINER)
def refused(stage):
    """A login that the pool does not accept."""
    with stage.line("10.20.0.44", "203.0.113.32", 4444) as line:
        line.client(compact(id=1, jsonrpc="2.0", method="eth_submitLogin", params=[wallets.ETHEREUM, "x"]))
        line.server('{"id":1,"jsonrpc":"2.0","result":false,"error":{"code":-1,"message":"Invalid login"}}')


@capture("ethereum-stratum/nicehash", NICEHASH)
def ethereum_stratum(stage):
    """EthereumStratum/1.0.0: a submit is the user, the job and the rest of the nonce."""
    user = f"{wallets.ETHEREUM}.rig9"
    with stage.line("10.20.0.45", "203.0.113.33", 3353) as line:
        line.client(compact(id=1, method="mining.subscribe", params=["ethminer/0.19.0", "EthereumStratum/1.0.0"]))
        line.server(
            compact(id=1, result=[["mining.notify", "ae6812eb4cd7735a302a8a9dd95cf71f", "EthereumStratum/1.0.0"], "080c"], error=None)
        )
        line.client(
            compact(id=2, method="mining.extranonce.subscribe", params=[]),
            compact(id=3, method="mining.authorize", params=[user, "password"]),
        )
        line.server(compact(id=2, result=True, error=None), compact(id=3, result=True, error=None))
        line.server(compact(id=None, method="mining.set_difficulty", params=[0.5]))
        line.server(compact(id=None, method="mining.notify", params=["bf0488aa", stage.hex(64), stage.hex(64), True]))
        for n in range(4):
            stage.rest(12)
            line.client(compact(id=4 + n, method="mining.submit", params=[user, "bf0488aa", stage.hex(12)]))
            line.server(compact(id=4 + n, result=True, error=None))


@capture("ethereum-stratum-2/hello", EIP1571)
def ethereum_stratum_2(stage):
    """EthereumStratum/2.0.0: opens with mining.hello, which names the pool; notifications have no id."""
    with stage.line("10.20.0.46", "203.0.113.34", 4444) as line:
        hello = {"agent": "ethminer-0.19", "host": "etc.pool.example", "port": "115c", "proto": "EthereumStratum/2.0.0"}
        line.client(compact(id=0, method="mining.hello", params=hello))
        line.server(
            '{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"1","timeout":"b4","maxerrors":"5","node":"Geth/v1.13"}}'
        )
        line.client('{"id":1,"method":"mining.subscribe"}')
        line.server('{"id":1,"result":"s-12345"}')
        line.client(compact(id=2, method="mining.authorize", params=[f"{wallets.ETHEREUM}.rig4", ""]))
        line.server('{"id":2,"result":"w-123"}')
        settings = {
            "epoch": "dc",
            "target": "0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba",
            "algo": "ethash",
            "extranonce": "af4c",
        }
        line.server(compact(method="mining.set", params=settings))
        line.server(compact(method="mining.notify", params=["bf0488aa", "6526d5", stage.hex(64), "0"]))
        for n in range(3):
            stage.rest(12)
            line.client(compact(id=31 + n, method="mining.submit", params=["bf0488aa", stage.hex(12), "w-123"]))
            line.server(compact(id=31 + n))
        line.client('{"id":40,"method":"mining.noop"}')
        line.server('{"id":40}')
        line.client('{"method":"mining.bye"}')


@capture("eth-getwork/keep-alive", ETHMINER)
def getwork(stage):
    """Polling over one HTTP connection; wallet and rig are in the query."""
    target = f"/?miner=4.0@{wallets.ETHEREUM}@rig5"
    with stage.line("10.20.0.47", "203.0.113.35", 8545) as line:
        for n in range(12):
            line.client(ask(target, "eth_getWork", [], n))
            line.server(answer(stage, n))
            stage.wait(1.1)
        line.client(ask(target, "eth_submitWork", ["0x" + stage.hex(16), *work(stage)[:2]], 12))
        line.server(response('{"id":12,"jsonrpc":"2.0","result":true}'))
        line.client(ask(target, "eth_submitHashrate", ["0x" + stage.hex(64), "0x" + stage.hex(64)], 13))
        line.server(response('{"id":13,"jsonrpc":"2.0","result":true}'))


@capture("eth-getwork/chunked", ETHMINER)
def chunked(stage):
    """Both bodies chunked, with a chunk border inside the method's name."""
    path = f"/{wallets.ETHEREUM}/rig6"
    with stage.line("10.20.0.48", "203.0.113.36", 80) as line:
        for n in range(4):
            body = compact(jsonrpc="2.0", method="eth_getWork", params=[], id=n)
            line.client(request("POST", path, "eth.pool.example", body, chunks=(25, 5)))
            line.server(response(compact(id=n, jsonrpc="2.0", result=work(stage)), chunks=(40, 100)))
            stage.wait(2)
        line.client(
            request(
                "POST",
                path,
                "eth.pool.example",
                compact(jsonrpc="2.0", method="eth_submitWork", params=["0x" + stage.hex(16), *work(stage)[:2]], id=9),
                chunks=(30,),
            )
        )
        line.server(response('{"id":9,"jsonrpc":"2.0","result":true}', chunks=(10,)))


@capture("eth-getwork/pipelined", ETHMINER)
def pipelined(stage):
    """Three requests in one segment before the first answer."""
    with stage.line("10.20.0.49", "203.0.113.37", 8080) as line:
        path = f"/{wallets.ETHEREUM}"
        for n in range(0, 6, 3):
            line.client(
                *(ask(path, "eth_getWork", [], n + k) for k in range(2)),
                ask(path, "eth_submitWork", ["0x" + stage.hex(16), *work(stage)[:2]], n + 2),
            )
            line.server(answer(stage, n), answer(stage, n + 1), response(compact(id=n + 2, jsonrpc="2.0", result=True)))
            stage.wait(3)


def ask(path, method, params, number):
    return request("POST", path, "eth.pool.example", compact(jsonrpc="2.0", method=method, params=params, id=number))


def answer(stage, number):
    return response(compact(id=number, jsonrpc="2.0", result=work(stage)))
