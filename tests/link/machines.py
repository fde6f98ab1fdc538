"""A node's machine whose clocks are turned by hand: it boots when told, and shows what it is told to show."""

from __future__ import annotations

import time
import uuid

from tests.link.harness import SPECS
from tonnam_link.messages import CommandState, Event, Frame, Outcome, Sample
from tonnam_link.node.node_clock import NodeClock

IN_1970_MS = 25_000
IN_2036_MS = 2_085_978_496_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def real_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Machine:
    """`shows_ms` is what its own clock shows at a boot, `synced` what its kernel says of that clock."""

    def __init__(self, shows_ms: int = IN_1970_MS) -> None:
        self.shows_ms = shows_ms
        self.synced = False
        self.truth: dict[int, int] = {}
        self.boot()

    def boot(self, up_ms: int = 20_000) -> None:
        """Switch it on; it has been up for so long."""
        self.name = uuid.uuid4().hex
        self.booted_real_ms = real_ms() - up_ms
        self.wall_offset_ms = self.shows_ms - up_ms

    def passes(self, ms: int) -> None:
        """So much time goes by, as if it had."""
        self.booted_real_ms -= ms

    def sets_its_clock(self, shows_ms: int) -> None:
        """Its clock is turned, by a person or a broken NTP server."""
        self.wall_offset_ms = shows_ms - self.mono_ms()

    def mono_ms(self) -> int:
        return real_ms() - self.booted_real_ms

    def clock(self) -> NodeClock:
        """What a process on it makes of that."""
        return NodeClock(lambda: self.mono_ms() + self.wall_offset_ms, self.mono_ms, self.name, lambda: self.synced)


def reading(clock: NodeClock, number: int) -> Frame:
    """An image that a node takes now. Its number is its value, so that it can be told from others."""
    now = clock.instant()
    return Frame(now.ms, {SPECS[0].datastream: Sample(float(number))}, now.stamp)


def word(clock: NodeClock, number: int) -> Event:
    now = clock.instant()
    return Event(f"e{number}", "run.started", now.ms, {"zone": "zone-1"}, now.stamp)


def result(clock: NodeClock, number: int) -> Outcome:
    now = clock.instant()
    return Outcome(f"c{number}", CommandState.DONE, now.ms, stamp=now.stamp)
