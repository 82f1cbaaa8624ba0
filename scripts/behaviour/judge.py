"""Makes hosts, shows them to pithead, and counts: who was alerted, and after how long."""

import collections
import datetime
import json
import math
import os
import pathlib
import random
import subprocess
import tempfile

from . import miners, neighbours
from .link import Flow, write
from .wraps import Plain, Socks, Tls, WebSocket

START = 1_793_610_000
MINED_SECONDS = 3600
# Hosts of one capture: what fits into memory.
BATCH = 200
AFTER = (180, 300, 600, 1200, 3600)
# What shares look like; the weights are such that all of it is needed where nothing else is known.
SHARES = {"share-sizes", "random-gaps", "small-answers", "pushed-jobs"}
Host = collections.namedtuple("Host", "kind wrap mines seen pace port seconds")


def wrapped(name, dice, flow, at):
    """What carries the exchange."""
    server = f"s{dice.randint(1, 99)}.example.net"
    match name:
        case "plain" | "v2":
            return Plain(flow, at)
        case "tls" | "tls-1.3":
            return Tls(flow, at)
        case "tls-1.2":
            return Tls(flow, at, "1.2")
        case "tls-name":
            return Tls(flow, at, server_name=server)
        case "tls-web":
            return Tls(flow, at, server_name=server, alpn=["h2", "http/1.1"])
        case "wss":
            return WebSocket(flow, at)
        case "socks":
            return Socks(flow, at)
    raise ValueError(name)


def miner_hosts(names, count, seconds=MINED_SECONDS):
    """Miners of these sessions in every wrapping."""
    ports = {"tls-1.2": [443, 3333, 14433, 5555, 20128], "tls-1.3": [443, 3333, 8443, 9999, 31_337], "tls-name": [443], "wss": [443], "socks": [1080, 9050]}
    for wrap, choice in ports.items():
        for name in names:
            for n in range(count):
                yield Host(name, wrap, True, name in miners.SEEN, miners.real(name), choice[n % len(choice)], seconds)


def other_miners(count, seconds=MINED_SECONDS):
    """Miners behind a proxy of their own, Stratum V2 met in its midst, and the model."""
    for n in range(count):
        yield Host("model of XMRig", "tls-1.3", True, True, miners.modelled, [443, 3333][n % 2], seconds)
        pair = ("monero-xmrig-45700", "monero-web-wss", "scrypt-fastcoin")
        yield Host("many behind one proxy", "tls-1.3", True, False, miners.merged(*pair[n % 2 : n % 2 + 2]), [443, 3333][n % 2], seconds)
        yield Host("many behind one proxy", "tls-1.2", True, False, miners.merged(*pair), [443, 5555][n % 2], seconds)
        name = miners.KEPT[n % len(miners.KEPT)]
        if name != "zcash-53846":
            yield Host("Stratum V2, from its midst", "v2", True, False, miners.version_2(name), 34254, seconds)


def quiet_hosts(kinds, hours, seen, seconds=3600):
    each = max(1, math.ceil(hours * 3600 / seconds / len(kinds)))
    for kind, (pace, port, wrap) in kinds.items():
        for _ in range(each):
            yield Host(kind, wrap, False, seen, pace, port, seconds)


def watch(pithead, hosts, seed, everything=False):
    """For each host the seconds until it was alerted, or None; and the last word on its flow, if everything is asked for."""
    hosts = list(hosts)
    results = []
    for begin in range(0, len(hosts), BATCH):
        results += _watch(pithead, hosts[begin : begin + BATCH], f"{seed} {begin}", everything)
    return results


def _watch(pithead, hosts, seed, everything):
    frames, addresses = [], {}
    for n, host in enumerate(hosts):
        dice = random.Random(f"{seed} {n}")
        client = f"10.{20 + n // 60_000}.{n // 250 % 240}.{n % 250 + 2}"
        addresses[client] = n
        server = f"198.{18 + n // 62_500}.{n // 250 % 250}.{n % 250 + 1}"
        start = START + dice.uniform(0, 60)
        v2 = host.wrap == "v2"
        flow = Flow(frames, start, (client, dice.randint(32_768, 60_999)), (server, host.port), dice.uniform(0.004, 0.12), opens=not v2)
        carrier = wrapped(host.wrap, dice, flow, start + 0.2)
        floor = carrier.ready
        for at, side, size in host.pace(dice, host.seconds):
            if v2 and at < 3:
                continue
            floor = max(floor, start + at)
            carrier.say(side, content(host.wrap, size), floor)
    with tempfile.NamedTemporaryFile(mode="w+", suffix=".toml") as settings:
        if everything:
            # Nothing is alerted, so that every flow's end tells what it looked like.
            settings.write("[behaviour]\nconfidence = 1.0\n")
            settings.flush()
        words = [pithead, "replay", "-", "--eve", "-", "-q", "--workers", "1", "--config", settings.name]
        program = subprocess.Popen([*words, *(["--flows"] if everything else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with tempfile.TemporaryFile() as told:
            reader = subprocess.Popen(["cat"], stdin=program.stdout, stdout=told)
            write(program.stdin, frames)
            program.stdin.close()
            if program.wait() or reader.wait():
                raise RuntimeError("pithead replay failed")
            told.seek(0)
            events = [json.loads(line) for line in told]
    results = [[None, None] for _ in hosts]
    for event in events:
        n = addresses.get(event.get("src_ip"), addresses.get(event.get("dest_ip")))
        if event["event_type"] == "alert":
            first = seconds_of(event["flow"]["start"])
            results[n][0] = seconds_of(event["timestamp"]) - first
        elif event["event_type"] == "flow" and "watched" in event:
            results[n][1] = event["watched"]
    return list(zip(hosts, *zip(*results)))


def content(wrap, size):
    # What is not wrapped is sealed by itself.
    return os.urandom(size) if wrap in ("plain", "v2") else bytes(size)


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def measure(options):
    """How often each trait is shown by miners and by others, of what the weights may know, after ten minutes."""
    hosts = list(miner_hosts(miners.SEEN, options.miners, 660)) + list(other_miners(3 * options.miners, 660))
    hosts += quiet_hosts(neighbours.SEEN, len(neighbours.SEEN) * 60 * 660 / 3600, True, 660)
    results = [one for one in watch(options.pithead, hosts, options.seed, True) if one[0].seen]
    shown = collections.defaultdict(lambda: [0, 0])
    totals = [0, 0]
    for host, _, watched in results:
        if not watched or "reasons" not in watched:
            continue
        totals[host.mines] += 1
        for reason in watched["reasons"]:
            shown[reason["name"]][host.mines] += 1
    print(f"{'trait':22}{'miners':>9}{'others':>9}   log of the odds, one of each added")
    for name, (others, mining) in sorted(shown.items()):
        parts = (mining + 1) / (totals[1] + 2), (others + 1) / (totals[0] + 2)
        print(f"{name:22}{mining / totals[1]:9.3f}{others / totals[0]:9.3f}   {math.log(parts[0] / parts[1]):6.2f}")
    print(f"{totals[1]} miners, {totals[0]} others")
    together = [collections.Counter(), collections.Counter()]
    for host, _, watched in results:
        if watched and "reasons" in watched:
            together[host.mines][len(SHARES & {reason["name"] for reason in watched["reasons"]})] += 1
    for count in range(len(SHARES) + 1):
        print(f"{count} of the {len(SHARES)} traits of shares: {together[1][count]} miners, {together[0][count]} others")


def judge(options, docs):
    mining = list(miner_hosts(miners.SEEN + miners.KEPT, options.miners)) + list(other_miners(options.miners))
    quiet = list(quiet_hosts(neighbours.SEEN, options.hours / 3, True)) + list(quiet_hosts(neighbours.KEPT, options.hours * 2 / 3, False))
    tables = [
        recorded(options.pithead, options.captures) if options.captures else "",
        recall(watch(options.pithead, mining, options.seed)),
        false_alarms(watch(options.pithead, quiet, options.seed)),
    ]
    text = "\n\n".join(filter(None, tables))
    print(text)
    if options.docs:
        begin, end = "<!-- judged -->", "<!-- /judged -->"
        whole = docs.read_text()
        head, rest = whole.split(begin)
        docs.write_text(head + begin + "\n\n" + text + "\n\n" + end + rest.split(end)[1])


def recorded(pithead, folder):
    """What becomes of other people's flows that were watched: those without miners, by what they speak."""
    rows = collections.defaultdict(lambda: [0, 0, 0])
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.suffix in (".json", ".csv", ".md") or path.with_name(path.name + ".truth.json").exists():
            continue
        words = [pithead, "replay", path, "--eve", "-", "-q", "--workers", "1", "--flows"]
        for line in subprocess.run(words, capture_output=True, check=False).stdout.splitlines():
            event = json.loads(line)
            if event["event_type"] == "flow" and "watched" in event:
                row = rows[event.get("app_proto", "unknown")]
                row[0] += 1
                row[1] += event["watched"]["seconds"]
                row[2] += event.get("mining", {}).get("certainty") == "behaviour"
    lines = ["| recorded, not mining | flows judged | hours watched | alerted |", "|---|---:|---:|---:|"]
    lines += [f"| {app} | {flows} | {seconds / 3600:.1f} | {alerts} |" for app, (flows, seconds, alerts) in sorted(rows.items())]
    totals = [sum(column) for column in zip(*rows.values())]
    return "\n".join([*lines, f"| **all** | {totals[0]} | {totals[1] / 3600:.1f} | {totals[2]} |"])


def recall(results):
    rows = collections.defaultdict(list)
    for host, alerted, _ in results:
        rows[host.seen, host.kind, host.wrap].append(alerted)
    lines = ["| miners | wrapped in | weights knew it | hosts | " + " | ".join(span(s) for s in AFTER) + " |", "|---|---|---|---:" + "|---:" * len(AFTER) + "|"]
    for (seen, kind, wrap), alerts in sorted(rows.items()):
        lines.append(f"| {kind} | {wrap} | {'yes' if seen else 'no'} | {len(alerts)} | " + " | ".join(share(alerts, s) for s in AFTER) + " |")
    for title, keep in (
        ("all, not known to the weights", lambda seen, kind: not seen),
        ("the same, but for the miner that finds a share in 17 minutes", lambda seen, kind: not seen and kind != "zcash-53846"),
        ("all", lambda seen, kind: True),
    ):
        alerts = [one for (seen, kind, _), some in rows.items() if keep(seen, kind) for one in some]
        lines.append(f"| **{title}** | | | {len(alerts)} | " + " | ".join(share(alerts, s) for s in AFTER) + " |")
    return "\n".join(lines)


def false_alarms(results):
    rows = collections.defaultdict(list)
    for host, alerted, _ in results:
        rows[host.seen, host.kind].append((alerted, host.seconds))
    lines = ["| not mining | weights knew it | host-hours | alerted in 10 min | in all | most, at 95 %, in 10,000 host-hours |", "|---|---|---:|---:|---:|---:|"]

    def row(title, known, some):
        hours = sum(seconds for _, seconds in some) / 3600
        early = sum(alerted is not None and alerted <= 600 for alerted, _ in some)
        wrong = sum(alerted is not None for alerted, _ in some)
        lines.append(f"| {title} | {known} | {hours:.0f} | {early} | {wrong} | {10_000 * upper(wrong) / hours:.2f} |")

    for (seen, kind), some in sorted(rows.items()):
        row(kind, "yes" if seen else "no", some)
    row("**all, not known to the weights**", "", [one for (seen, _), some in rows.items() if not seen for one in some])
    row("**all**", "", [one for some in rows.values() for one in some])
    return "\n".join(lines)


def share(alerts, seconds):
    return f"{100 * sum(alerted is not None and alerted <= seconds for alerted in alerts) / len(alerts):.0f} %"


def span(seconds):
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def upper(events):
    """The exact upper end of the one-sided 95 % interval of a Poisson count."""
    low, high = float(events), events + 10 * math.sqrt(events + 1) + 10
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.exp(-middle + n * math.log(middle) - math.lgamma(n + 1)) for n in range(events + 1)) if middle else 1.0
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high
