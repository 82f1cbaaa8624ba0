"""The name server's view of the world: names that really exist, at addresses that are only documentation.

Pools stand for themselves; every other name is a reserved or an ordinary one. DARK addresses never answer.
"""

import pathlib

from . import net

POOLS = {
    "pool.supportxmr.com": "203.0.113.60",
    "gulf.moneroocean.stream": "203.0.113.61",
    "xmr-eu1.nanopool.org": "203.0.113.62",
    "etc.2miners.com": "203.0.113.63",
    "btc.f2pool.com": "203.0.113.64",
    "rx.unmineable.com": "203.0.113.65",
    "pool.hashvault.pro": "203.0.113.66",
    "donate.v2.xmrig.com": "203.0.113.67",
    "coinhive.com": "203.0.113.68",
    "us1-etc.ethermine.org": "203.0.113.69",
    # Firewalled: dropped, refused by ICMP, and (closed port) refused by RST.
    "xmr.2miners.com": "192.0.2.10",
    "mine.c3pool.com": "192.0.2.130",
    "xmr.kryptex.network": "203.0.113.70",
    "solo.ckpool.org": "203.0.113.71",
}
OTHERS = {
    "www.example.com": "198.51.100.30",
    "files.example.com": "198.51.100.31",
    "mail.example.org": "198.51.100.32",
    "intranet.example.net": "198.51.100.33",
    "slow.example.net": "192.0.2.11",
    "binance.com": "198.51.100.40",
    "api.binance.com": "198.51.100.40",
    "www.coinbase.com": "198.51.100.41",
    "getmonero.org": "198.51.100.42",
    "www.getmonero.org": "198.51.100.42",
    "bitcoin.org": "198.51.100.43",
    "wallet.myetherwallet.com": "198.51.100.44",
    "adminer.com": "198.51.100.45",
    "whirlpool.example.com": "198.51.100.46",
    "carpool.example.org": "198.51.100.47",
    "minecraft.example.net": "198.51.100.48",
    "bitbucket.io": "198.51.100.50",
    # Look-alikes: a pool's name inside a longer label, or before another domain.
    "notsupportxmr.com": "198.51.100.51",
    "pool.supportxmr.com.example.net": "198.51.100.52",
    "mining.example.com": "198.51.100.53",
    "method.ethernet.example.com": "198.51.100.54",
}
ALIASES = {"updates.example.org": "pool.hashvault.pro", "cdn.example.com": "www.example.com"}
RESOLVER = net.GATEWAY_V4


def dnsmasq(scratch: pathlib.Path):
    """The words that start the name server."""
    hosts = scratch / "hosts"
    lines = [f"{address} {name}" for name, address in (POOLS | OTHERS).items()]
    lines.append("2001:db8:113::14 pool.supportxmr.com")
    hosts.write_text("\n".join(lines) + "\n")
    aliases = [f"--cname={alias},{name}" for alias, name in ALIASES.items()]
    # Whatever else is asked for under these does not exist, rather than being refused.
    domains = sorted({name.rsplit(".", 1)[1] for name in POOLS | OTHERS})
    fixed = [
        "--keep-in-foreground",
        "--user=root",
        "--pid-file=",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
    ]
    return [
        "dnsmasq",
        *fixed,
        f"--listen-address={RESOLVER}",
        f"--addn-hosts={hosts}",
        "--local-ttl=300",
        f"--local=/{'/'.join(domains)}/",
        *aliases,
    ]
