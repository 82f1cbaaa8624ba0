"""Frames of made-up connections, at any time: no socket, no clock.

A `Flow` writes the frames of one TCP connection: its handshake, segments of at most 1448 bytes, and an acknowledgement where the other side has
nothing to say. `write` puts the frames of many in order into one capture.
"""

import struct

SEGMENT = 1448
MAC = bytes.fromhex("020000200001020000200002") + b"\x08\x00"
RECORD = struct.Struct("<IIII")
IP = struct.Struct(">BBHHHBBH4s4s")
TCP = struct.Struct(">HHIIBBHHH")
SYN, FIN, PUSH, ACK = 2, 1, 8, 16
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)


class Flow:
    """One connection, whose frames go to the list `frames` as (time, bytes)."""

    def __init__(self, frames, start, client, server, rtt=0.03, opens=True):
        self.frames, self.rtt = frames, rtt
        self.ends = [(address(client[0]), client[1]), (address(server[0]), server[1])]
        self.next = [1_000_000, 2_000_000]
        self.acked = start
        if opens:
            self._frame(start, 0, SYN, b"")
            self.next[0] += 1
            self._frame(start + rtt, 1, SYN | ACK, b"")
            self.next[1] += 1
            self._frame(start + rtt + 0.0002, 0, ACK, b"")

    def say(self, side, content, at):
        """The client (0) or the server (1) says this at this time, as a tap beside the client sees it."""
        for begin in range(0, len(content), SEGMENT):
            part = content[begin : begin + SEGMENT]
            self._frame(at, side, ACK | PUSH, part)
            self.next[side] = (self.next[side] + len(part)) & 0xFFFFFFFF
            at += 0.0001
        self._frame(at + (self.rtt if side == 0 else 0.0003), 1 - side, ACK, b"")

    def _frame(self, at, side, flags, content):
        (source, sport), (destination, dport) = self.ends[side], self.ends[1 - side]
        acknowledged = 0 if flags == SYN else self.next[1 - side]
        head = IP.pack(0x45, 0, 40 + len(content), 0, 0x4000, 64, 6, 0, source, destination)
        tcp = TCP.pack(sport, dport, self.next[side], acknowledged, 0x50, flags, 64_240, 0, 0)
        self.frames.append((at, MAC + head + tcp + content))


def address(text):
    return bytes(map(int, text.split(".")))


def write(out, frames):
    """Writes a capture of these frames to a binary file, in the order of their times."""
    frames.sort(key=lambda frame: frame[0])
    out.write(HEADER)
    for at, frame in frames:
        seconds = int(at)
        out.write(RECORD.pack(seconds, int((at - seconds) * 1e6), len(frame), len(frame)) + frame)
