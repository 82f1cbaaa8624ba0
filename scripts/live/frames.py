"""Frames: read from captures, made ready for an Ethernet link, tagged, stretched, and written back as a capture.

Leaves out pcapng and compression: the golden captures have neither.
"""

import struct

RECORD = struct.Struct("<IIII")
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
ETHERNET = 1
# Raw IP, in the three numbers it goes by.
RAW_IP = (12, 101, 228, 229)
MACS = bytes.fromhex("020000000002020000000001")


class Odd(Exception):
    """A capture that cannot be sent over an Ethernet link as it is."""


def read(path):
    """The frames of a capture with their times, as they would look on an Ethernet link."""
    content = path.read_bytes()
    if content[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        raise Odd("not a little-endian pcap")
    fraction = 1e6 if content[:4] == b"\xd4\xc3\xb2\xa1" else 1e9
    (link,) = struct.unpack_from("<I", content, 20)
    at, frames = 24, []
    while at + RECORD.size <= len(content):
        seconds, part, kept, length = RECORD.unpack_from(content, at)
        at += RECORD.size
        if kept < length:
            raise Odd("frames were cut when it was recorded")
        frames.append((seconds + part / fraction, _wrapped(link & 0xFFFF, content[at : at + kept])))
        at += kept
    return frames


def _wrapped(link, frame):
    if link == ETHERNET:
        return frame
    if link in RAW_IP and frame:
        return MACS + (b"\x86\xdd" if frame[0] >> 4 == 6 else b"\x08\x00") + frame
    raise Odd(f"frames of link type {link} have no place on Ethernet")


def write(path, frames):
    """Writes frames with their times as a capture."""
    with open(path, "wb") as file:
        file.write(HEADER)
        for when, frame in frames:
            micros = round(when * 1e6)
            file.write(RECORD.pack(micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame)


def tagged(frames, *tags):
    """The same with VLAN tags, outermost first: a number is a C-tag (802.1Q), one in a tuple an S-tag (802.1ad)."""
    head = b"".join(struct.pack(">HH", 0x88A8, tag[0]) if isinstance(tag, tuple) else struct.pack(">HH", 0x8100, tag) for tag in tags)
    return [(when, frame[:12] + head + frame[12:]) for when, frame in frames]


def has_tags(frames):
    """Whether any frame has a VLAN tag."""
    return any(_network(frame) > 14 for _, frame in frames)


def unlabelled(frames):
    """The same without IPv6 flow labels. Each direction has one of its own, and Linux spreads a sender's frames over queues by it too:
    with it, the halves of a flow part; without, they meet on one queue as they do behind a symmetric hash."""
    return [(when, _unlabelled(frame)) for when, frame in frames]


def _unlabelled(frame):
    at = _network(frame)
    if frame[at - 2 : at] != b"\x86\xdd":
        return frame
    return frame[:at] + bytes([frame[at], frame[at + 1] & 0xF0, 0, 0]) + frame[at + 4 :]


def _network(frame):
    """Where the network header begins, behind any VLAN tags."""
    at = 14
    while frame[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return at


def is_request(frame):
    """Whether a frame goes towards the higher address: two directions of a flow never agree on it."""
    at = _network(frame)
    if frame[at - 2 : at] == b"\x86\xdd":
        return frame[at + 8 : at + 24] < frame[at + 24 : at + 40]
    return frame[at + 12 : at + 16] < frame[at + 16 : at + 20]


def jumbo(frames, length):
    """UDP datagrams to the discard port between the frames, each filling a frame of `length` bytes."""
    long = datagram((10, 20, 0, 77), (203, 0, 113, 77), 40000, 9, bytes(length - 42))
    for when, frame in frames:
        yield when, frame
        yield when, long


def datagram(source, destination, source_port, port, payload):
    """A frame with one UDP datagram, without a checksum of its own."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0x4000, 64, 17, 0, bytes(source), bytes(destination))
    return MACS + b"\x08\x00" + _checksummed(head) + struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload


def _checksummed(head):
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
