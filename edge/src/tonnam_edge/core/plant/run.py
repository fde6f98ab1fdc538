"""One watering as it stands: how far it has come, since when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tonnam_edge.core.memory import Intent, Text
from tonnam_edge.core.plant.power import Whose

RunOutcome = Literal["done", "stopped", "failed", "interrupted"]


class Phase(Enum):
    OPENING = "opening"  # the valve was told to open
    STARTING = "starting"  # the valve is open, the pump is yet to run
    WATERING = "watering"
    STOPPING = "stopping"  # the pump was told to stop
    CLOSING = "closing"  # the valve was told to close
    ENDED = "ended"


@dataclass
class Run:
    """A run as it stands. Times are since boot, in milliseconds."""

    intent: Intent
    phase: Phase
    since: int
    water_from: int | None = None
    water_to: int | None = None
    ends: int | None = None  # its planned end, which no pause moves: known since its water came, or was held back
    due: int | None = None  # its planned end, where `ends` is later for a pump that is not heard: see `outlast`
    stopped_at: int = 0
    litres: float | None = None
    restarts: int = 0
    seen_at: int = 0
    blind_since: int | None = None  # since when the tank's level is not known
    paused_ms: int = 0  # for how long its pump stood since its water came
    outcome: RunOutcome = "done"
    reason: Text = field(default_factory=dict)
    by_hand: bool = False
    unfed: bool = False  # it came to its end, and its pump had no power all the time

    @property
    def duration_s(self) -> float:
        """For how long water was let through."""
        if self.water_from is None or self.water_to is None:
            return 0.0
        return max(0, self.water_to - self.water_from - self.paused_ms) / 1000

    @property
    def stood_s(self) -> float:
        """For how much of its time its pump stood."""
        if self.ends is None or self.water_from is None:
            return 0.0
        began = self.ends - round(self.intent.planned_s * 1000)
        return (max(0, self.water_from - began) + self.paused_ms) / 1000

    @property
    def as_wished(self) -> bool:
        """Whether it came to the end that was planned, or that a person asked for."""
        return self.outcome == "done" or (self.outcome == "stopped" and self.by_hand)

    @property
    def whose(self) -> Whose:
        """Who wants its pump to run."""
        return Whose(self.intent.by_person, (self.intent.program or "",))

    @property
    def ending(self) -> bool:
        return self.phase in {Phase.STOPPING, Phase.CLOSING, Phase.ENDED}

    def left_s(self, now: int) -> float:
        """How many seconds it has until its end, which no pause moves."""
        return self.intent.planned_s if self.ends is None else (self.ends - now) / 1000

    def counts_from(self, mono_ms: int) -> None:
        """Its time runs from now on, if it does not already."""
        if self.ends is None:
            self.ends = mono_ms + round(self.intent.planned_s * 1000)
