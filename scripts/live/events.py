"""Events, compared without what cannot be the same on a link and in a file: times and what is made of them, numbers of
frames and flows, names of inputs."""

import json

# Everywhere in an event. What is watched of a flow is its pace, and a capture is sent faster than it was taken.
VOLATILE = {
    *("timestamp", "start", "end", "age", "first", "last", "watched"),
    *("flow_id", "pcap_cnt", "pcap_filename", "in_iface", "frame", "tx_id", "event_id"),
}


def read(path):
    """The events in a file, all but those of the counters."""
    with open(path) as file:
        events = [json.loads(line) for line in file]
    return [event for event in events if event["event_type"] != "stats"], [event for event in events if event["event_type"] == "stats"]


def comparable(events):
    """Each event as a line, in an order of their own."""
    return sorted(json.dumps(_still(event), sort_keys=True) for event in events)


def _still(value):
    if isinstance(value, dict):
        return {name: _ended(name, _still(inner)) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [_still(inner) for inner in value]
    return value


def _ended(name, value):
    """A capture goes on for a while after most flows; a test's tap ends with the last frame, and ends them with it."""
    return "ended" if name == "reason" and value in ("closed", "timeout", "shutdown") else value


def difference(expected, found):
    """What is missing and what is too much, a line each; nothing where they agree. Of two that are nearly the same, where they differ."""
    expected, found = list(expected), list(found)
    for line in list(expected):
        if line in found:
            expected.remove(line)
            found.remove(line)
    wrong = []
    for line in expected:
        like = next((other for other in found if _name(other) == _name(line)), None)
        if like is None:
            wrong.append(f"missing: {line}")
            continue
        found.remove(like)
        wrong.append(f"{_name(line)}: {'; '.join(_apart(json.loads(line), json.loads(like)))}")
    return wrong + [f"not expected: {line}" for line in found]


def _name(line):
    """What a person knows an event by."""
    event = json.loads(line)
    signature = event.get("alert", {}).get("signature", "")
    ends = f"{event.get('src_ip')}:{event.get('src_port')} > {event.get('dest_ip')}:{event.get('dest_port')}"
    return f"{event['event_type']} {ends} {signature}".strip()


def _apart(expected, found, path=""):
    if not (isinstance(expected, dict) and isinstance(found, dict)):
        return [] if expected == found else [f"{path} should be {json.dumps(expected)} and is {json.dumps(found)}"]
    names = sorted({*expected, *found})
    return [line for name in names for line in _apart(expected.get(name), found.get(name), f"{path}.{name}".lstrip("."))]
