"""Miners: the pace of real sessions, from anywhere in them, and on and on; and, for the weights alone, a model of XMRig."""

import json
import math
import pathlib

HERE = pathlib.Path(__file__).parent
SESSIONS = json.loads((HERE / "exchanges.json").read_text())
# The weights were set with these in sight; the others were kept for the judgement.
SEEN = ["monero-xmr-stak", "ethereum-claymore", "bitcoin-bfgminer"]
KEPT = [name for name in SESSIONS if name not in SEEN]
# Messages of login and set-up are not said again.
OPENING = 4
# The wire sizes of Stratum V2 by the reference implementation: scripts/pcaps/sv2 seals these messages.
V2_SHARE, V2_SUCCESS, V2_JOB, V2_PREVIOUS, V2_TARGET = 62, 58, 87, 86, 74


def real(name):
    """The session's own pace: it logs in, and goes on from anywhere in the recording; at the end of that, from its beginning."""

    def pace(dice, seconds):
        said = SESSIONS[name]["said"]
        opening, rest = said[:OPENING], said[OPENING:]
        for at, side, size in opening:
            yield min(at, 1.0), side, size
        # From a message of the miner on, so that no answer comes without its request.
        starts = [place for place, (_, side, _) in enumerate(rest) if side == 0]
        start = dice.choice(starts)
        length = rest[-1][0] - rest[0][0]
        pause = length / max(1, len(starts))
        at, before = 2.0, rest[start][0]
        while at < seconds:
            for when, side, size in rest[start:]:
                at += when - before
                before = when
                if at >= seconds:
                    return
                yield at, side, size
            start, at = 0, at + pause
            before = rest[0][0]

    return pace


def merged(*names, share=212, answer=66, job=398):
    """A proxy in front of several miners: all their shares come up one connection, each in the pool's own sizes."""

    def pace(dice, seconds):
        yield 0.1, 0, 420
        yield 0.2, 1, 460
        said = []
        for name in names:
            said += [at for at, side, size in real(name)(dice, seconds) if side == 0 and at > 2]
        jobs = [at for at, side, size in real(names[0])(dice, seconds) if side == 1 and size >= 200 and at > 2]
        both = [(at, 0, share + len(str(n)) - 1) for n, at in enumerate(sorted(said))]
        both += [(at + dice.uniform(0.05, 0.15), 1, answer + len(str(n)) - 1) for n, (at, _, _) in enumerate(both[:])]
        yield from sorted(both + [(at, 1, job) for at in jobs])

    return pace


def version_2(name):
    """Stratum V2's messages at the pace of a real session; seen from the middle, behind its handshake."""

    def pace(dice, seconds):
        for at, side, size in real(name)(dice, seconds):
            answer = side == 1 and size < 200
            yield at, side, V2_SHARE if side == 0 else V2_SUCCESS if answer else V2_JOB if dice.random() < 0.8 else V2_PREVIOUS

    return pace


def modelled(dice, seconds):
    """XMRig as its source has it: shares at random, difficulty that is set to so many a minute, jobs at random."""
    yield 0.1, 0, dice.randint(250, 560)
    yield 0.2, 1, dice.randint(350, 460)
    mean, share, answer, job = dice.uniform(2, 12), dice.randint(170, 240), dice.randint(55, 80), dice.randint(250, 420)
    wanted, block = dice.uniform(8, 40), dice.uniform(20, 110)
    events, at, found = [], 1.0, 0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events.append((at, 0, share + len(str(found + 2))))
        events.append((at + dice.uniform(0.03, 0.25), 1, answer + len(str(found + 2))))
        found += 1
        # Every dozen shares the pool comes nearer to what it wants.
        if found % 12 == 0:
            mean *= math.exp(0.7 * math.log(wanted / mean))
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / block)
        events.append((at, 1, job))
    yield from (event for event in sorted(events) if event[0] < seconds)
