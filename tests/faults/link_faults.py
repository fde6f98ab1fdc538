"""What can happen to a connection, as values. Each is drawn from dice; the proxy makes it happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Literal

from tests.faults.packets import CONNECT, PUBLISH, SUBSCRIBE, Packet


class Way(StrEnum):
    """A direction of a connection, as the client sees it."""

    UP = "up"
    DOWN = "down"


Part = Literal["payload", "topic", "header", "anywhere", "connect", "subscribe"]
HANDSHAKE = {"connect": CONNECT, "subscribe": SUBSCRIBE}
BOTH = (Way.UP, Way.DOWN)


@dataclass(frozen=True)
class Cut:
    """The connection ends, both ways: with RST, or with FIN after what was on its way."""

    reset: bool

    @property
    def kind(self) -> str:
        return "cut with RST" if self.reset else "cut with FIN"


@dataclass(frozen=True)
class Refuse:
    """The connection is reset, and nobody listens for a while."""

    for_s: float
    kind = "connection refused"


@dataclass(frozen=True)
class Delay:
    """For a while everything comes later, in order: by the same time each, or by a new draw each."""

    least_s: float
    most_s: float
    for_s: float

    @property
    def kind(self) -> str:
        return "delay, fixed" if self.least_s == self.most_s else "delay, jittered"


@dataclass(frozen=True)
class Throttle:
    """For a while only so many bytes a second pass, each way."""

    bytes_per_s: float
    for_s: float
    kind = "bandwidth throttled"


@dataclass(frozen=True)
class HalfOpen:
    """The connections of now pass nothing any more, one way or both, and nobody is told. None: for ever."""

    ways: tuple[Way, ...]
    for_s: float | None

    @property
    def kind(self) -> str:
        return "half-open for ever" if self.for_s is None else "half-open, healed"


@dataclass(frozen=True)
class Duplicate:
    """The next PUBLISH passes `times` times."""

    way: Way
    times: int
    kind = "packet duplicated"

    def wants(self, packet: Packet) -> bool:
        return packet.is_publish


@dataclass(frozen=True)
class Swallow:
    """The next PUBLISH does not pass."""

    way: Way
    kind = "packet swallowed"

    def wants(self, packet: Packet) -> bool:
        return packet.is_publish


@dataclass(frozen=True)
class Reorder:
    """The next two PUBLISH packets change places."""

    way: Way
    kind = "packets swapped"

    def wants(self, packet: Packet) -> bool:
        return packet.is_publish


@dataclass(frozen=True)
class Garble:
    """One byte of the next PUBLISH is another one.

    `anywhere`: of the next packet of any type. `connect`, `subscribe`: the connection is cut, and of the next one the
    packet that says who comes, or one that says what it wants to hear. `skip` such packets pass before it.
    """

    way: Way
    part: Part
    skip: int = 0

    @property
    def kind(self) -> str:
        return "byte garbled anywhere" if self.part == "anywhere" else f"{self.part} garbled"

    def wants(self, packet: Packet) -> bool:
        begin, end = self._range(packet)
        if self.part != "anywhere" and packet.type != HANDSHAKE.get(self.part, PUBLISH):
            return False
        return begin < end

    def garbled(self, packet: Packet, dice: Random) -> bytes:
        """The packet's bytes with one changed: by a single bit as often as by more."""
        place = dice.randrange(*self._range(packet))
        changed = bytearray(packet.raw)
        changed[place] ^= dice.choice([1 << dice.randrange(8), dice.randrange(1, 256)])
        return bytes(changed)

    def _range(self, packet: Packet) -> tuple[int, int]:
        match self.part:
            case "header":
                return 0, packet.header
            case "topic":
                return packet.header, packet.topic_end
            case "payload":
                return packet.payload_begin, len(packet.raw)
            case "connect" | "subscribe":
                return packet.header, len(packet.raw)
            case "anywhere":
                return 0, len(packet.raw) if packet.header else 0


@dataclass(frozen=True)
class Truncate:
    """Of the next PUBLISH only the beginning passes; then the connection is cut."""

    way: Way
    reset: bool
    kind = "packet truncated"

    def wants(self, packet: Packet) -> bool:
        return packet.is_publish


Aimed = Duplicate | Swallow | Reorder | Garble | Truncate
LinkFault = Cut | Refuse | Delay | Throttle | HalfOpen | Aimed


def _way(dice: Random) -> Way:
    return dice.choice(BOTH)


def _ways(dice: Random) -> tuple[Way, ...]:
    return dice.choice([BOTH, (Way.UP,), (Way.DOWN,)])


def _fixed_delay(dice: Random) -> Delay:
    delay_s = dice.uniform(0.1, 1.5)
    return Delay(delay_s, delay_s, dice.uniform(0.5, 2.0))


DRAWS: Mapping[str, Callable[[Random], LinkFault]] = {
    "cut with RST": lambda dice: Cut(True),
    "cut with FIN": lambda dice: Cut(False),
    "connection refused": lambda dice: Refuse(dice.uniform(0.2, 2.0)),
    "delay, fixed": _fixed_delay,
    "delay, jittered": lambda dice: Delay(0.0, dice.uniform(0.2, 1.5), dice.uniform(0.5, 2.0)),
    "bandwidth throttled": lambda dice: Throttle(dice.uniform(300, 3000), dice.uniform(0.5, 2.0)),
    "half-open, healed": lambda dice: HalfOpen(_ways(dice), dice.uniform(0.3, 2.5)),
    "half-open for ever": lambda dice: HalfOpen(_ways(dice), None),
    "packet duplicated": lambda dice: Duplicate(_way(dice), dice.choice([2, 3])),
    "packet swallowed": lambda dice: Swallow(_way(dice)),
    "packets swapped": lambda dice: Reorder(_way(dice)),
    "payload garbled": lambda dice: Garble(_way(dice), "payload"),
    "topic garbled": lambda dice: Garble(_way(dice), "topic"),
    "header garbled": lambda dice: Garble(_way(dice), "header"),
    "byte garbled anywhere": lambda dice: Garble(_way(dice), "anywhere"),
    "connect garbled": lambda dice: Garble(Way.UP, "connect"),
    "subscribe garbled": lambda dice: Garble(Way.UP, "subscribe", dice.randrange(3)),
    "packet truncated": lambda dice: Truncate(_way(dice), dice.random() < 0.5),
}
