"""Writes pcaps/README.md from the descriptions of the captures, so that it cannot fall behind them."""

from . import catalogue

HEAD = """# Golden captures

Each folder is a dialect, or a way in which mining shows without one (`names`, `blocked`, `parse-error`, `socks`, `connect`); `benign` holds the
neighbours that must stay silent. `demo.pcap` is a made-up office to look at.

`scripts/make-pcaps` makes them anew (and this page, with `--readme`). It needs root, records with tcpdump on a private pair of network
namespaces, and lets nothing out of them. Nothing in it mines: where a share, a nonce or a proof is needed, it is made up.

- What crosses is real: TCP by the kernel, TLS by OpenSSL, Noise by the Stratum V2 reference crates. *By* says which program speaks; where it is
  our script, each message goes through a real socket and follows the page under *after*.
- Times are not: frames are in the order in which they crossed, but the script's pauses, milliseconds in truth, are stretched to the seconds they
  stand for, and every capture begins on 2026-11-02 at 09:00 UTC. TCP time stamps still tell the true pace.
- `stratum-v1/vlan` gets its 802.1Q tag after recording, as at a switch's mirror port.
- Two runs differ in sequence numbers, time stamps, keys and what is sealed by them; sizes and texts are the same, and ports too
  but where a library chooses its own.
- Hosts of the office are 10.20.0.0/24 and fd00:20::/64; servers have addresses reserved for documentation. Wallets and accounts have the right shape
  and belong to nobody; pools have their real names, since those are what a detector must know.
"""


def write(path):
    """Replaces the page."""
    folders = {}
    for capture in catalogue.load().values():
        folders.setdefault(capture.name.split("/")[0], []).append(capture)
    parts = [HEAD]
    for folder in sorted(folders):
        parts.append(f"\n## {folder}\n")
        parts.extend(map(_entry, folders[folder]))
    path.write_text("\n".join(parts) + "\n")


def _entry(capture):
    after = f" After: {capture.source}." if capture.source else ""
    return f"- `{capture.name}.pcap`: {capture.summary}\n  By {capture.by}.{after}"
