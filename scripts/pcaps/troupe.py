"""Several scripts at once in one recording, for the made-up office.

Each actor is a thread, but only one runs at a time: `wait` hands the turn to whoever is due next in the recording's time. So actors use
the same functions as any other capture, and a run has the same order each time.
"""

import copy
import heapq
import random
import threading

from .stage import Stage

PORTS_PER_ACTOR = 200


class Actor(Stage):
    """A stage as one actor sees it: everything shared, but for time, chance and source ports."""

    def wait(self, seconds):
        self.troupe.pass_turn(self, seconds)


class Troupe:
    """Actors on one stage."""

    def __init__(self, stage):
        self.stage, self.due, self.now, self.count, self.failures = stage, [], 0.0, 0, []
        self.turn_over = threading.Semaphore(0)

    def add(self, start_seconds, script, *arguments):
        """Runs `script(stage, *arguments)` from `start_seconds` on."""
        actor = copy.copy(self.stage)
        actor.__class__ = Actor
        self.count += 1
        actor.troupe, actor.turn = self, threading.Semaphore(0)
        actor.random = random.Random(f"{script.__name__} at {start_seconds}")
        actor.next_port = 40_000 + PORTS_PER_ACTOR * self.count
        threading.Thread(target=self._act, args=(actor, script, arguments), daemon=True).start()
        heapq.heappush(self.due, (start_seconds, self.count, actor))

    def perform(self):
        """Gives turns until every script has ended."""
        while self.due:
            when, _, actor = heapq.heappop(self.due)
            if when > self.now:
                self.stage.wait(when - self.now)
                self.now = when
            actor.turn.release()
            self.turn_over.acquire()
            if self.failures:
                raise self.failures[0]

    def pass_turn(self, actor, seconds):
        self.count += 1
        heapq.heappush(self.due, (self.now + seconds, self.count, actor))
        self.turn_over.release()
        actor.turn.acquire()

    def _act(self, actor, script, arguments):
        actor.turn.acquire()
        try:
            script(actor, *arguments)
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that records
            self.failures.append(failure)
        self.turn_over.release()
