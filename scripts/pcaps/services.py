"""Small servers of real libraries that a capture's script keeps in the world while clients come and go."""

import asyncio
import http.server
import json
import threading

import aiorpcx
from aiosmtpd.smtp import SMTP


class Background:
    """An asyncio server in a thread of its own, inside the world, until `close`."""

    def __init__(self, stage, start):
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        def run():
            with stage.cable.inside("world"):
                self.server = self.loop.run_until_complete(start(self.loop))
                ready.set()
                self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        ready.wait(5)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    async def _end(self):
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Electrum(aiorpcx.RPCSession):
    """The few methods that a wallet asks first."""

    async def handle_request(self, request):
        answers = {
            "server.version": ["ElectrumX 1.16.0", "1.4"],
            "server.features": {"genesis_hash": "0" * 64, "hosts": {}, "protocol_max": "1.4.2", "pruning": None},
            "blockchain.headers.subscribe": {"hex": "00" * 80, "height": 960_000},
            "blockchain.scripthash.subscribe": None,
            "blockchain.scripthash.get_balance": {"confirmed": 103_873_966, "unconfirmed": 0},
            "mempool.get_fee_histogram": [[12, 128_812], [4, 92_524]],
            "server.ping": None,
        }
        return answers[request.method]


def electrum(stage, address, port):
    """An Electrum server of aiorpcX."""
    return Background(stage, lambda loop: aiorpcx.serve_rs(Electrum, address, port, loop=loop))


class _Mailbox:
    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        return "250 Message accepted for delivery"


def mail(stage, address, port):
    """An SMTP server of aiosmtpd, which takes every mail."""

    async def start(loop):
        return await loop.create_server(lambda: SMTP(_Mailbox(), hostname="mail.example.org", loop=loop), address, port)

    return Background(stage, start)


def json_rpc(stage, address, port, results):
    """A JSON-RPC server over HTTP; `results` says what each method returns."""

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):  # noqa: N802 - http.server's name
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": results[asked["method"]]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((address, port), Answer, bind_and_activate=False)
    server.socket = stage.listener(address, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
