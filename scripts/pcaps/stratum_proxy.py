"""Runs aiostratum-proxy without its configuration file: LISTEN_ADDRESS LISTEN_PORT POOL_ADDRESS POOL_PORT ACCOUNT."""

import asyncio
import sys

from aiostratum_proxy.application import Proxy

CLASSES = "aiostratum_proxy.protocols.equihash.Equihash"


async def main(address, port, pool, pool_port, account):
    proxy = Proxy(
        name="proxy",
        worker_class=CLASSES + "WorkerProtocol",
        pool_class=CLASSES + "PoolProtocol",
        listen=[{"host": address, "port": int(port)}],
        pools=[{"name": "pool", "host": pool, "port": int(pool_port), "account_name": account, "account_password": "x"}],
    )
    await proxy.startup()
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
