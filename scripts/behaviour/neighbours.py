"""Long, quiet, encrypted flows that are no miners', by kind: each a generator of (seconds, side, bytes).

The kinds of `SEEN` were in sight when the weights were set, those of `KEPT` were not. Sizes and periods are those of the protocols' messages
and of common settings; each host draws its own.
"""


def mqtt_telemetry(dice, seconds):
    """A sensor that reports by a clock; QoS 1."""
    period, size = dice.choice([5, 10, 15, 30, 60]), dice.randint(60, 260)
    yield from _login(dice, 120, 4)
    at = dice.uniform(1, period)
    while at < seconds:
        yield at, 0, size + dice.choice([0, 0, 0, 1, 2])
        yield at + dice.uniform(0.02, 0.1), 1, 4
        at += period * dice.uniform(0.99, 1.01)


def mqtt_events(dice, seconds):
    """A sensor that reports what happens, at random; now and then it is told something, which it acknowledges."""
    mean, size, told = dice.uniform(5, 40), dice.randint(60, 260), dice.uniform(120, 900)
    yield from _login(dice, 120, 4)
    events, at = [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events += [(at, 0, size + dice.choice([0, 0, 1])), (at + dice.uniform(0.02, 0.1), 1, 4)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / told)
        events += [(at, 1, size), (at + 0.05, 0, 4)]
    yield from _until(events, seconds)


def chat_push(dice, seconds):
    """Messages come in bursts and are acknowledged; a keep-alive by a clock."""
    events, at, period = [], 1.0, dice.choice([30, 60, 120, 240])
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(20, 200))
        for _ in range(dice.randint(1, 6)):
            at += dice.lognormvariate(1, 1)
            mine = dice.random() < 0.4
            events += [(at, int(not mine), int(dice.lognormvariate(5, 0.7)) + 60), (at + dice.uniform(0.05, 0.2), int(mine), dice.randint(28, 60))]
    events += [(t, 0, 9) for t in range(period, int(seconds), period)] + [(t + 0.06, 1, 9) for t in range(period, int(seconds), period)]
    yield from _until(events, seconds)


def ssh_shell(dice, seconds):
    """Somebody types, reads and thinks."""
    at, events = 1.0, []
    while at < seconds:
        at += dice.lognormvariate(2.5, 1.2)
        for _ in range(dice.randint(2, 25)):
            at += dice.lognormvariate(-1.7, 0.6)
            events += [(at, 0, 36), (at + 0.03, 1, 36)]
        events.append((at + 0.1, 1, int(dice.lognormvariate(6, 1.2)) + 36))
    yield from _until(events, seconds)


def ssh_keep_alive(dice, seconds):
    """A session left alone, with ServerAliveInterval."""
    period = dice.choice([15, 30, 60])
    for at in range(period, int(seconds), period):
        yield at, 0, 52
        yield at + 0.04, 1, 28


def database(dice, seconds):
    """A pooled connection: some prepared statements, as requests come to a web server."""
    statements = [(dice.randint(60, 300), dice.randint(40, 900)) for _ in range(dice.randint(2, 8))]
    mean, at = dice.uniform(2, 30), 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        size, answer = dice.choice(statements)
        yield at, 0, size + dice.randint(0, 6)
        yield at + dice.uniform(0.001, 0.05), 1, int(answer * dice.lognormvariate(0, 0.4)) + 20


def monitoring(dice, seconds):
    """An agent that reports and is thanked."""
    period, size, answer = dice.choice([10, 15, 30, 60]), dice.randint(300, 1400), dice.randint(60, 180)
    at = dice.uniform(1, period)
    while at < seconds:
        yield at, 0, int(size * dice.uniform(0.95, 1.05))
        yield at + dice.uniform(0.02, 0.2), 1, answer
        at += period + dice.uniform(-0.2, 0.2)


def grpc_stream(dice, seconds):
    """A subscription: the server streams, the client gives windows and pings."""
    mean, size, events, at = dice.uniform(2, 40), dice.randint(60, 400), [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events += [(at, 1, int(size * dice.uniform(0.9, 1.1))), (at + 0.01, 0, 13)]
    events += [(t, 0, 17) for t in range(20, int(seconds), 20)] + [(t + 0.05, 1, 17) for t in range(20, int(seconds), 20)]
    yield from _until(events, seconds)


def card_game(dice, seconds):
    """Moves of one's own, answered, and of others, pushed."""
    events, at = [], 1.0
    while at < seconds:
        at += dice.lognormvariate(1.8, 0.8)
        size = dice.randint(50, 130)
        if dice.random() < 0.4:
            events += [(at, 0, size), (at + dice.uniform(0.05, 0.15), 1, dice.randint(60, 220))]
        else:
            events.append((at, 1, dice.randint(60, 220)))
    events += [(t, 0, 6) for t in range(25, int(seconds), 25)] + [(t + 0.05, 1, 6) for t in range(25, int(seconds), 25)]
    yield from _until(events, seconds)


def vpn(dice, seconds):
    """OpenVPN over TCP, mostly idle: pings of both sides, and bursts of whatever runs inside."""
    events, at = [(t + dice.uniform(0, 1), t // 10 % 2, 42) for t in range(10, int(seconds), 10)], 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(20, 120))
        for _ in range(dice.randint(2, 12)):
            at += dice.uniform(0.005, 0.4)
            events.append((at, dice.randint(0, 1), dice.choice([66, 90, 130, 300, 600, 1400]) + dice.randint(0, 40)))
    yield from _until(events, seconds)


def electrum(dice, seconds):
    """A wallet: pings by a clock, blocks and payments pushed at random, history asked for."""
    yield from _login(dice, 95, 65)
    events = [(t, 0, 48) for t in range(60, int(seconds), 60)] + [(t + 0.1, 1, 38) for t in range(60, int(seconds), 60)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / 600)
        events.append((at, 1, 262))
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(60, 400))
        events += [(at, 1, 212), (at + 0.2, 0, 134), (at + 0.3, 1, int(dice.lognormvariate(6.5, 0.8)))]
    yield from _until(events, seconds)


def imap_idle(dice, seconds):
    """A mailbox that is waited for."""
    events, at = [(t, 0, 6) for t in range(1740, int(seconds), 1740)], 1.0
    while at < seconds:
        at += dice.expovariate(1 / 300)
        events += [(at, 1, 19), (at + 0.1, 0, 6), (at + 0.15, 1, 30), (at + 0.2, 0, 70), (at + 0.3, 1, int(dice.lognormvariate(8, 1)))]
        events += [(at + 0.5, 0, 11), (at + 0.6, 1, 12)]
    yield from _until(events, seconds)


def market_feed(dice, seconds):
    """Prices pushed in one size, several a minute; heartbeats; an order now and then."""
    mean, size, events, at = dice.uniform(0.8, 6), dice.randint(90, 300), [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events.append((at, 1, size + dice.randint(0, 6)))
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(30, 200))
        events += [(at, 0, dice.randint(180, 230)), (at + 0.05, 1, dice.randint(120, 160))]
    events += [(t, 0, 15) for t in range(20, int(seconds), 20)]
    yield from _until(events, seconds)


def syslog(dice, seconds):
    """Lines of a log, as they come; nobody answers."""
    mean, at = dice.uniform(2, 30), 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        yield at, 0, int(dice.lognormvariate(4.9, 0.4)) + 40


def editor(dice, seconds):
    """A shared document: edits in bursts, each acknowledged; those of others pushed."""
    events, at = [], 1.0
    while at < seconds:
        at += dice.lognormvariate(2.5, 1)
        for _ in range(dice.randint(2, 20)):
            at += dice.lognormvariate(-0.7, 0.5)
            events += [(at, 0, dice.randint(140, 170)), (at + dice.uniform(0.05, 0.12), 1, 58)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(5, 60))
        events.append((at, 1, dice.randint(150, 190)))
    yield from _until(events, seconds)


def worker(dice, seconds):
    """A worker of a job queue: a job is pushed, taken, and its result handed in when it is done, at once or later."""
    mean, job, result, at, events = dice.uniform(5, 40), dice.randint(200, 500), dice.randint(100, 240), 1.0, []
    while at < seconds:
        at += dice.expovariate(1 / mean)
        done = at + dice.expovariate(1 / dice.uniform(0.5, 10))
        events += [(at, 1, job + dice.randint(0, 3)), (at + 0.02, 0, 21), (done, 0, result + dice.randint(0, 3)), (done + 0.06, 1, 40)]
    yield from _until(events, seconds)


def tracker(dice, seconds):
    """A vehicle: positions by a clock under way, at random at rest; each acknowledged, and sometimes it is told to change its pace."""
    size, at, events, moving = dice.randint(80, 140), 1.0, [], True
    while at < seconds:
        at += dice.uniform(9.8, 10.2) if moving else dice.expovariate(1 / 40)
        moving ^= dice.random() < 0.05
        events += [(at, 0, size), (at + dice.uniform(0.1, 0.5), 1, 12)]
        if dice.random() < 0.02:
            events += [(at + 3, 1, 64), (at + 3.2, 0, 40)]
    yield from _until(events, seconds)


def new_heads(dice, seconds):
    """An application on Ethereum: heads of blocks every 12 s, each looked up."""
    call, answer, at = dice.randint(180, 260), dice.randint(90, 200), 1.0
    while at < seconds:
        at += 12 + dice.uniform(-0.3, 0.8)
        yield at, 1, 1300 + dice.randint(0, 12)
        if dice.random() < 0.8:
            yield at + 0.1, 0, call
            yield at + 0.2, 1, answer


def errands(dice, seconds):
    """Reports at random in one size, answered in JSON, with news pushed at random: what a miner looks like and is not."""
    mean, size, news, events, at = dice.uniform(8, 60), dice.randint(110, 400), dice.uniform(60, 400), [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events += [(at, 0, size + dice.choice([0, 0, 0, 5, 9, 30])), (at + dice.uniform(0.03, 0.2), 1, dice.choice([48, 48, 48, 90]))]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / news)
        events.append((at, 1, int(dice.lognormvariate(5, 0.6)) + 40))
    yield from _until(events, seconds)


def terminal(dice, seconds):
    """A payment terminal: purchases as customers come, and a heartbeat."""
    events, at = [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(40, 150))
        events += [(at, 0, dice.randint(350, 420)), (at + dice.uniform(0.3, 1.5), 1, dice.randint(160, 220))]
        events += [(at + 2, 0, 96), (at + 2.3, 1, 60)]
    events += [(t, 0, 44) for t in range(60, int(seconds), 60)] + [(t + 0.1, 1, 44) for t in range(60, int(seconds), 60)]
    yield from _until(events, seconds)


def presence(dice, seconds):
    """Who is there: pings of the server, answered, and news of others."""
    events, at = [(t, 1, 92) for t in range(60, int(seconds), 60)] + [(t + 0.1, 0, 98) for t in range(60, int(seconds), 60)], 1.0
    while at < seconds:
        at += dice.expovariate(1 / dice.uniform(15, 120))
        events.append((at, 1, dice.randint(180, 260)))
        if dice.random() < 0.2:
            events.append((at + 1, 0, dice.randint(150, 240)))
    yield from _until(events, seconds)


def meter(dice, seconds):
    """A smart meter: readings about every so often, thanked in JSON; tariffs pushed now and then and taken in silence."""
    period, size, answer, tariff = dice.uniform(10, 60), dice.randint(120, 300), dice.randint(30, 70), dice.randint(200, 400)
    events, at = [], 1.0
    while at < seconds:
        at += period * dice.uniform(0.6, 1.4)
        events += [(at, 0, size + dice.randint(0, 3)), (at + dice.uniform(0.05, 0.2), 1, answer)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / 300)
        events.append((at, 1, tariff))
    yield from _until(events, seconds)


def analytics(dice, seconds):
    """What somebody does in an application, reported as it happens."""
    answer, at = dice.randint(40, 130), 1.0
    while at < seconds:
        at += dice.lognormvariate(1.2, 1.3)
        yield at, 0, int(dice.lognormvariate(5.6, 0.35)) + 80
        yield at + dice.uniform(0.03, 0.2), 1, answer


def alarm_panel(dice, seconds):
    """A panel: events at random in one size, thanked in JSON; the centre asks how it is, at random, and is told."""
    mean, size, answer, ask = dice.uniform(15, 90), dice.randint(110, 220), dice.randint(35, 60), dice.uniform(60, 300)
    events, at = [], 1.0
    while at < seconds:
        at += dice.expovariate(1 / mean)
        events += [(at, 0, size), (at + dice.uniform(0.05, 0.2), 1, answer)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / ask)
        events += [(at, 1, 80), (at + dice.uniform(0.1, 0.4), 0, size + 40)]
    yield from _until(events, seconds)


def scanner(dice, seconds):
    """A scanner of parcels: in bursts, each scan thanked in JSON; a list of work now and then."""
    size, answer, at, events = dice.randint(140, 200), dice.randint(45, 80), 1.0, []
    while at < seconds:
        at += dice.expovariate(1 / 40)
        for _ in range(dice.randint(1, 6)):
            at += dice.lognormvariate(0.8, 0.6)
            events += [(at, 0, size + dice.randint(-12, 12)), (at + dice.uniform(0.05, 0.15), 1, answer)]
        if dice.random() < 0.1:
            events.append((at + 5, 1, int(dice.lognormvariate(7, 0.5))))
    yield from _until(events, seconds)


def dispatch(dice, seconds):
    """A driver's application: positions as the car moves, thanked in JSON; rides are offered, and some of them taken after a while."""
    size, answer, offer, at, events = dice.randint(130, 220), dice.randint(36, 60), dice.randint(300, 420), 1.0, []
    while at < seconds:
        at += dice.lognormvariate(1.9, 0.7)
        events += [(at, 0, size + dice.randint(-3, 3)), (at + dice.uniform(0.05, 0.25), 1, answer)]
    at = 1.0
    while at < seconds:
        at += dice.expovariate(1 / 150)
        events.append((at, 1, offer + dice.randint(-30, 30)))
        if dice.random() < 0.4:
            then = at + dice.uniform(2, 15)
            events += [(then, 0, 180), (then + 0.2, 1, 90)]
    yield from _until(events, seconds)


def remote_desktop(dice, seconds):
    """A desktop that is looked at from afar and mostly stands still."""
    events, at = [], 1.0
    while at < seconds:
        at += dice.lognormvariate(2, 1.2)
        for _ in range(dice.randint(1, 8)):
            at += dice.uniform(0.05, 0.6)
            events += [(at, 0, dice.choice([25, 30, 38])), (at + 0.08, 1, int(dice.lognormvariate(6, 1)))]
    events += [(t, 1, 180) for t in range(60, int(seconds), 60)]
    yield from _until(events, seconds)


def _login(dice, ask, answer):
    yield 0.1, 0, ask + dice.randint(0, 40)
    yield 0.15, 1, answer


def _until(events, seconds):
    return (event for event in sorted(events) if event[0] < seconds)


# kind: (pace, port, how it is wrapped)
SEEN = {
    "MQTT telemetry": (mqtt_telemetry, 8883, "tls-name"),
    "MQTT events": (mqtt_events, 8883, "tls"),
    "chat and push": (chat_push, 5223, "tls-name"),
    "SSH, typed": (ssh_shell, 22, "plain"),
    "SSH, kept alive": (ssh_keep_alive, 22, "plain"),
    "database pool": (database, 5432, "tls"),
    "monitoring agent": (monitoring, 10051, "tls"),
    "gRPC stream": (grpc_stream, 443, "tls-web"),
    # These four were alerted while they were kept: what was wrong was mended, and they count as known since.
    "Ethereum application": (new_heads, 443, "wss"),
    "reports and news": (errands, 4433, "tls-name"),
    "alarm panel": (alarm_panel, 4000, "tls"),
    "dispatch": (dispatch, 8443, "tls-name"),
}
KEPT = {
    "card game": (card_game, 7777, "tls"),
    "VPN over TCP": (vpn, 1194, "plain"),
    "Electrum wallet": (electrum, 50002, "tls"),
    "IMAP IDLE": (imap_idle, 993, "tls-name"),
    "market feed": (market_feed, 443, "wss"),
    "syslog over TLS": (syslog, 6514, "tls"),
    "shared editor": (editor, 443, "wss"),
    "job worker, AMQP": (worker, 5671, "tls"),
    "GPS tracker": (tracker, 5027, "tls"),
    "payment terminal": (terminal, 8443, "tls"),
    "presence": (presence, 5222, "tls-name"),
    "smart meter": (meter, 4059, "tls"),
    "application analytics": (analytics, 443, "tls-web"),
    "remote desktop": (remote_desktop, 3389, "tls"),
    "scanner": (scanner, 9100, "tls-name"),
}
