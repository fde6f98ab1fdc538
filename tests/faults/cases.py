"""Every fault that the suite knows, by kind, and the decks from which the places of a world draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.faults import link_faults
from tests.faults.disk import HARMS, Harm
from tests.faults.link_faults import LinkFault
from tests.faults.readings import Role

CLOUD = "cloud"
BROKER = "broker"
SITE = "site"
"""The way from a gateway to the broker of its site, and that broker."""
HOUR_MS = 3_600_000
ERA_ENDS_MS = 2_085_978_496_000
"""In February 2036 the first era of NTP ends: clocks that have lost themselves show it."""
Clock = Literal["in 1970", "in 2036", "an hour late", "in time"]
CLOCKS: tuple[Clock, ...] = ("in 1970", "in 2036", "an hour late", "in time")
LATE: tuple[Clock, ...] = ("in 1970", "an hour late")


@dataclass(frozen=True)
class Kill:
    """The process ends as when the power goes (kill -9), and is started again a little later."""

    down_s: float
    what: str

    @property
    def kind(self) -> str:
        return f"{self.what} killed"


@dataclass(frozen=True)
class DiskFull:
    """The node's disk takes nothing for a while. `at_start`: it is killed, and its disk is full when it starts."""

    for_s: float
    at_start: bool

    @property
    def kind(self) -> str:
        return "disk full at start" if self.at_start else "disk full"


@dataclass(frozen=True)
class ReadOnly:
    """The node's outbox refuses every write for a while. `at_start`: it is killed, and may not open it at first."""

    for_s: float
    at_start: bool

    @property
    def kind(self) -> str:
        return "disk read-only at start" if self.at_start else "disk read-only"


@dataclass(frozen=True)
class Damage:
    """The file of the node's outbox has other bytes: while the node runs, or when it starts after a kill."""

    how: Harm
    running: bool

    @property
    def kind(self) -> str:
        return "outbox damaged, running" if self.running else "outbox damaged, stopped"


@dataclass(frozen=True)
class Outage:
    """The link is away for so long that the outbox gets full."""

    for_s: float
    kind = "outbox full"


@dataclass(frozen=True)
class Reboot:
    """The machine starts anew with a clock that is wrong until somebody tells the time; its link is away at first.

    `ends_untold`: the link stays away, and then the machine starts once more.
    """

    clock: Clock
    away_s: float
    ends_untold: bool

    @property
    def kind(self) -> str:
        return "time never learned" if self.ends_untold else f"boot {self.clock}"


@dataclass(frozen=True)
class ClockJump:
    """The machine's clock is set while the node runs."""

    clock: Clock
    kind = "clock set"


NodeFault = DiskFull | ReadOnly | Damage | Outage | Reboot | ClockJump
Fault = LinkFault | Kill | NodeFault
Draw = Callable[[Random], Fault]


def wrong_ms(clock: Clock, now_ms: int) -> int:
    """By how much such a clock is ahead of one that shows `now_ms`, and is right."""
    shown = {"in 1970": 0, "in 2036": ERA_ENDS_MS, "an hour late": now_ms - HOUR_MS, "in time": now_ms}
    return shown[clock] - now_ms


def _kill(what: str) -> Draw:
    return lambda dice: Kill(dice.choice([0.0, dice.uniform(0.0, 2.0)]), what)


def _reboot(clock: Clock) -> Draw:
    return lambda dice: Reboot(clock, dice.choice([0.0, dice.uniform(0.3, 1.5)]), ends_untold=False)


CASES: Mapping[str, Draw] = {
    **link_faults.DRAWS,
    "node killed": _kill("node"),
    "cloud killed": _kill("cloud"),
    "broker killed": _kill("broker"),
    "site's broker killed": _kill("site's broker"),
    "disk full": lambda dice: DiskFull(dice.uniform(0.3, 2.0), at_start=False),
    "disk full at start": lambda dice: DiskFull(dice.uniform(0.3, 2.0), at_start=True),
    "disk read-only": lambda dice: ReadOnly(dice.uniform(0.3, 2.0), at_start=False),
    "disk read-only at start": lambda dice: ReadOnly(dice.uniform(0.3, 2.0), at_start=True),
    "outbox damaged, running": lambda dice: Damage(dice.choice(HARMS), running=True),
    "outbox damaged, stopped": lambda dice: Damage(dice.choice(HARMS), running=False),
    "outbox full": lambda dice: Outage(dice.uniform(6.0, 14.0)),
    "boot in 1970": _reboot("in 1970"),
    "boot in 2036": _reboot("in 2036"),
    "boot an hour late": _reboot("an hour late"),
    "time never learned": lambda dice: Reboot(dice.choice(LATE), dice.uniform(0.5, 1.5), ends_untold=True),
    "clock set": lambda dice: ClockJump(dice.choice(CLOCKS)),
}


@dataclass(frozen=True)
class Deck:
    """What can happen at a place: its `own` kinds, each at least once in a world, and others."""

    own: Sequence[str]
    others: Sequence[str] = ()
    weight: int = 1

    def draw(self, dice: Random) -> Iterator[Fault]:
        """Faults without end: its own first, then the whole deck, in another order each time."""
        kinds = dice.sample(self.own, len(self.own))
        while True:
            yield from (CASES[kind](dice) for kind in kinds)
            whole = [*self.own] * self.weight + [*self.others]
            kinds = dice.sample(whole, len(whole))


DECKS: Mapping[str, Deck] = {
    CLOUD: Deck(["cloud killed"], [*link_faults.DRAWS], weight=4),
    BROKER: Deck(["broker killed"]),
    SITE: Deck(["site's broker killed"], [*link_faults.DRAWS], weight=2),
    Role.PLAIN: Deck(
        ["disk full", "disk full at start", "disk read-only", "disk read-only at start"],
        [*link_faults.DRAWS, "node killed", "node killed"],
    ),
    Role.WORN: Deck(["outbox damaged, running", "outbox damaged, stopped"], ["node killed", "cut with RST"], 3),
    Role.SMALL: Deck(["outbox full"], ["node killed"]),
    Role.TIMELESS: Deck(
        ["boot in 1970", "boot in 2036", "boot an hour late", "time never learned", "clock set"],
        ["node killed", "cut with RST", "delay, jittered"],
        weight=3,
    ),
}
