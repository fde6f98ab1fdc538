"""What the deciding comes to: wishes, why not, and when to decide again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from tonnam_edge.agronomy import light_sum
from tonnam_edge.core import texts
from tonnam_edge.core.memory import Cause, Text
from tonnam_edge.core.plant.power import Whose
from tonnam_edge.core.programs import program_texts
from tonnam_edge.core.programs.kept import PendingKept, SlotKept
from tonnam_edge.core.programs.rungs import Rung
from tonnam_link.messages import Command


class Wish(NamedTuple):
    """Somebody wants water in a zone for so many seconds, or until so many litres have been metered.

    `slot_ms` is the timer's slot, used up by a start. `for_person`: a rinse that somebody's water waits for.
    """

    zone: str
    cause: Cause
    seconds: float
    reason: Text
    program: str | None = None
    command_id: str | None = None
    slot_ms: int | None = None
    litres: float | None = None
    for_person: bool = False

    @property
    def whose(self) -> Whose:
        """Who wants the pump to run."""
        return Whose(self.cause == "manual" or self.for_person, (self.program or "",))


class Wait(NamedTuple):
    """Why a wish must wait. `shared`: for what other supplies draw on as well, so that they wait behind it."""

    text: Text
    shared: bool = False


def waiting(text: Text | None) -> Wait | None:
    """A wait for something that is no other supply's, or None for no reason."""
    return None if text is None else Wait(text)


class Skipped(NamedTuple):
    """A timer's slot that was left out, and what to say of it. `lacks`: neither rain nor another watering was its
    water."""

    zone: str
    program: str
    text: Text
    lacks: bool = False


class Need(Enum):
    """What a zone's programs know of its need of water, whatever they wait for. See `programs.thirst`."""

    NONE = "none"
    KNOWN = "known"  # by soil or balance
    USUAL = "usual"  # by the clock, the light or what is usual: rain that fell may have been its water
    PAUSED = "paused"  # it waits for an hour that its farm has chosen


class KeptOff(NamedTuple):
    """A person keeps water from a zone, or has it in hand. `unseen`: it may get water that nobody meters."""

    text: Text
    unseen: bool = False


class Delay(NamedTuple):
    """Why a timer's slot could not begin when it was last wished. `forbidden`: not by waiting; somebody or the day's
    limit said no. `rained`: rain that fell was its water."""

    slot_ms: int
    text: Text
    forbidden: bool = False
    rained: bool = False


@dataclass(frozen=True)
class Passing:
    """What is so just now, and not remembered: by program what light has come since the last dose, rain of the hour
    that is not reckoned yet, and, by timer, why its last slot could not begin."""

    lights: Mapping[str, light_sum.State] = field(default_factory=dict)
    rain_mm: float = 0.0
    delays: Mapping[str, Delay] = field(default_factory=dict)


class Why(NamedTuple):
    """What to say of a zone that is not being watered, and when that ends, if it is known. `rained`: it is for rain
    that fell."""

    text: Text
    until_ms: int | None = None
    rained: bool = False


def by_hand(command: Command, flow_l_min: float, *, metered: bool) -> Wish:
    """What a person wants who commands water: a time, and perhaps litres that end it before. Litres that nobody can
    meter end by the time that they should take."""
    litres, seconds = float(command.max_litres), float(command.max_run_s)
    if litres <= 0:
        return Wish(command.zone, "manual", seconds, texts.by_hand(seconds), command_id=command.id)
    if not metered:
        seconds = min(seconds, litres / flow_l_min * 60)
    reason = program_texts.by_hand_litres(litres)
    return Wish(command.zone, "manual", seconds, reason, command_id=command.id, litres=litres)


@dataclass
class Decision:
    """Wishes in order of priority, what is to be remembered, and when to decide again.

    `why` explains each zone that has a program which looks at soil, weather or light; `rungs` says what it goes by,
    and what it would go by if nothing were missing.
    """

    wishes: list[Wish] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)
    last_slots: dict[str, SlotKept] = field(default_factory=dict)  # see `Kept.slots`
    pending: dict[str, PendingKept] = field(default_factory=dict)  # see `Kept.pending`
    delays: dict[str, Delay] = field(default_factory=dict)  # timers' slots that a hold keeps back
    filling: list[str] = field(default_factory=list)
    next_due_ms: int | None = None
    why: dict[str, Why] = field(default_factory=dict)
    rungs: dict[str, tuple[Rung, Rung]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    waits: dict[str, tuple[int, float]] = field(default_factory=dict)  # see `Kept.waits`
    weather_holds: dict[str, Text] = field(default_factory=dict)  # zones whose wish the weather is against, and why
    weather_waits: set[str] = field(default_factory=set)  # while it lasts: zones that may want water again
    rained: bool = False  # the weather that holds is rain that the gauge has counted
    needs: dict[str, Need] = field(default_factory=dict)  # none of a zone: it has timers only, and none is due

    def due(self, wall_ms: int) -> None:
        self.next_due_ms = wall_ms if self.next_due_ms is None else min(self.next_due_ms, wall_ms)
