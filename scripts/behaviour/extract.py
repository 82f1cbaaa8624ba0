"""The pace of real sessions: when which side said how much, without a word of what.

Reads captures of miners that somebody recorded in earnest, and writes `exchanges.json`: for each session its source and a list of
[seconds, side, bytes], side 0 the miner's. Lines are told apart where they can be read, TLS records where not, less what the cipher adds.
"""

import json
import pathlib
import struct
import subprocess

# name: (file, the miner's port, the pool's port). Taken in two halves: the weights may know the first alone.
SESSIONS = {
    "monero-xmr-stak": ("ndpi_mining_mixed4.pcapng", 55190, 9050),
    "ethereum-claymore": ("ndpi_mining_mixed4.pcapng", 49307, 9999),
    "bitcoin-bfgminer": ("stratum_btc_bfgminer_bitminter.pcap", 53310, 3333),
    "zcash-ewbf": ("ndpi_mining_mixed4.pcapng", 46838, 3333),
    "monero-web-wss": ("webminer_authedmine_tls.pcap", 46634, 443),
    "monero-xmrig-45700": ("monero_port45700_midstream_a.pcap", 49214, 45700),
    "scrypt-fastcoin": ("scrypt_fastcoin_pool_and_rpc.pcapng", 9341, 3334),
    "zcash-nanopool": ("equihash_zec_nanopool.pcapng", 55565, 6666),
    "zcash-53846": ("ndpi_mining_mixed4.pcapng", 53846, 3333),
}
SEALED = 24  # what AES-GCM of TLS 1.2 adds to a record


def extract(folder, to):
    found = {}
    for name, (file, client, server) in SESSIONS.items():
        path = pathlib.Path(folder) / file
        said = list(_messages(_segments(path, client, server)))
        first = said[0][0]
        found[name] = {"source": file, "said": [[round(at - first, 3), side, size] for at, side, size in said]}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
    pathlib.Path(to).write_text("{\n" + lines + "\n}\n")
    return found


def _segments(path, client, server):
    """Time, side and new content of the segments between these ports; what was sent before is left out."""
    raw = subprocess.run(["tcpdump", "-r", path, "-w", "-", f"tcp port {client} and tcp port {server}"], capture_output=True, check=True).stdout
    order = "<" if raw[0] in (0xD4, 0x4D) else ">"
    scale = 1e9 if raw[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e6
    link = struct.unpack_from(order + "I", raw, 20)[0]
    at, seen = 24, {}
    while at < len(raw):
        seconds, part, kept, _ = struct.unpack_from(order + "IIII", raw, at)
        frame, at = raw[at + 16 : at + 16 + kept], at + 16 + kept
        ip = frame[{1: 14, 113: 16, 101: 0, 0: 4}[link] :]
        tcp = ip[(ip[0] & 15) * 4 : struct.unpack_from(">H", ip, 2)[0]]
        source, _, sequence = struct.unpack_from(">HHI", tcp)
        content = tcp[(tcp[12] >> 4) * 4 :]
        side = int(source == server)
        fresh = (sequence + len(content) - seen.get(side, sequence)) & 0xFFFFFFFF
        if not content or fresh == 0 or fresh > 1 << 31:
            continue
        seen[side] = (sequence + len(content)) & 0xFFFFFFFF
        yield seconds + part / scale, side, content[-min(fresh, len(content)) :]


def _messages(segments):
    rests = [b"", b""]
    for at, side, content in segments:
        rests[side] += content
        while True:
            rest = rests[side]
            if rest[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and rest[1:2] == b"\x03":
                size = 5 + struct.unpack_from(">H", rest, 3)[0] if len(rest) >= 5 else 1 << 20
                if len(rest) < size:
                    break
                if rest[0] == 0x17:
                    yield at, side, size - 5 - SEALED
            elif b"\n" in rest:
                size = rest.index(b"\n") + 1
                yield at, side, size
            else:
                break
            rests[side] = rest[size:]
