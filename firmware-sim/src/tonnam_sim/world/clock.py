"""What every world has: a clock that is stepped from outside and cut where something moves; faults; events."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .faults import Fault

NEAR_S = 1e-6


class WorldEvent(NamedTuple):
    """A change of state that a person on the place could have seen. All states are told once at the beginning.

    On a farm: a zone's id or "master" (its valve): shut, opening, open, closing; "path:" + zone: open, shut (valve
    and master); "line:" + zone: filling, watering, draining, still; "pump": on, off; "tank": ok, dry; "board-0": up,
    down; "rain": rain, none.
    """

    at_s: float
    subject: str
    state: str


class Stepped(ABC):
    """A world's clock. `now_s` is seconds since midnight, local time, before its first day."""

    def __init__(self, seed: int, now_s: float) -> None:
        self.seed = seed
        self.now_s = self._next_s = now_s
        self.faults: list[Fault] = []
        self.events: list[WorldEvent] = []
        self._states: dict[str, str] = {}
        self._edges: list[tuple[float, Fault | None]] = []

    def step(self, seconds: float) -> None:
        """Let so many seconds pass; any length, cut inside where something moves. ValueError when negative."""
        if not seconds >= 0.0 or math.isinf(seconds):
            raise ValueError(f"time must go forward, not by {seconds} s")
        end_s = self.now_s + seconds
        while self._next_s <= end_s + NEAR_S:
            self._run_until(self._next_s)
            self._change()
        self._run_until(end_s)

    def next_event_s(self) -> float:
        """When something next changes by itself: a valve, a timer, a line, a fault, rain. Infinite when nothing does.

        The grid on which ground and weather move is not counted: what stands, stands. At `now_s` or later.
        """
        return max(self.now_s, self._next_transition_s())

    def add(self, fault: Fault) -> None:
        """One more fault or act of a person; a ValueError when it names what is not there or begins in the past."""
        _check(fault, self._named())
        if fault.at_s < self.now_s - NEAR_S:
            raise ValueError(f"{fault.fault} would begin at {fault.at_s} s; it is {self.now_s} s")
        self.faults.append(fault)
        self._edges.append((fault.at_s, fault))
        if fault.until_s is not None:
            self._edges.append((max(fault.until_s, fault.at_s), None))
        self._edges.sort(key=lambda edge: edge[0])
        self._next_s = min(self._next_s, self._edges[0][0])

    def _next_edge_s(self) -> float:
        """When a fault next comes or goes."""
        return self._edges[0][0] if self._edges else math.inf

    def _tell(self, subject: str, state: str) -> None:
        if self._states.get(subject) != state:
            self._states[subject] = state
            self.events.append(WorldEvent(self.now_s, subject, state))

    @abstractmethod
    def _run_until(self, until_s: float) -> None:
        """Let constant flows run."""

    @abstractmethod
    def _change(self) -> None:
        """All that may have changed at this moment; then what is next."""

    @abstractmethod
    def _next_transition_s(self) -> float:
        """When something next changes by itself, not counting any grid."""

    @abstractmethod
    def _named(self) -> Mapping[str, Iterable[object]]:
        """What faults may name, by the key under which they do."""


def _check(fault: Fault, known: Mapping[str, Iterable[object]]) -> None:
    """Whether a fault names what there is."""
    for key, names in known.items():
        named = getattr(fault, key, None)
        if named is not None and named not in names:
            raise ValueError(f"{fault.fault}: there is no {key} {named!r}; there are {', '.join(map(str, names))}")
