"""What each valve and pump was told, and whether its coil says the same. Off is said again until it is proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tonnam_edge.core.image import Coil, Image
from tonnam_edge.limits import PROVE_S, REPEAT_OFF_S
from tonnam_edge.site import Actuator


class Action(NamedTuple):
    """Move one coil. `hold_s` is the deadline that the board itself guards; None where off, or it cannot.

    Off first, pumps before valves: the order of a step's actions is the order on the wire.
    """

    actuator: str
    device: str
    coil: int
    on: bool
    hold_s: float | None
    decided_mono_ms: int


@dataclass
class _Said:
    on: bool
    since_mono_ms: int
    last_mono_ms: int
    proven: bool = False
    unproven_told: bool = False
    until_mono_ms: int | None = None  # the deadline, held by the board where it can


class Differs(Enum):
    """How a coil is not as it was told."""

    WENT_ON = "went on"
    WENT_OFF = "went off"
    NOT_OPENED = "not opened"
    NOT_CLOSED = "not closed"


class Fault(NamedTuple):
    actuator: Actuator
    how: Differs


class Actuators:
    """Says on and off, and compares with what is read back. At the start everything is to be off."""

    def __init__(self, actuators: Mapping[str, Actuator], mono_ms: int) -> None:
        self._actuators = actuators
        self._said = {name: _Said(on=False, since_mono_ms=mono_ms, last_mono_ms=-(10**12)) for name in actuators}
        self._actions: list[Action] = []

    @property
    def all_off(self) -> bool:
        """Whether every actuator was told to be off and its coil has said so."""
        return all(not said.on and said.proven for said in self._said.values())

    def said_on(self, name: str) -> bool:
        return self._said[name].on

    def proven(self, name: str) -> bool:
        """Whether the coil has been seen as it was told, since it was told."""
        return self._said[name].proven

    def open(self, name: str, hold_s: float, mono_ms: int) -> None:
        """Turn on, for at most `hold_s`: the board guards that where it can, and so does `compare` here."""
        relay = self._actuators[name].relay
        longest = relay.deadline_max_s
        held = None if longest is None else min(hold_s, longest)
        until = mono_ms + round((hold_s if held is None else held) * 1000)
        self._said[name] = _Said(True, mono_ms, mono_ms, until_mono_ms=until)
        self._act(name, True, held, mono_ms)

    def close(self, name: str, mono_ms: int) -> None:
        """Turn off. Said again every two seconds until it is read back."""
        if self._said[name].on:
            self._said[name] = _Said(False, mono_ms, mono_ms)
            self._act(name, False, None, mono_ms)

    def close_all(self, mono_ms: int, *, again: bool = False) -> None:
        """Turn everything off, pumps first; with `again` also what was already told to be off."""
        for name in self._pumps_first():
            if again or self._said[name].on:
                self._said[name] = _Said(False, mono_ms, mono_ms)
                self._act(name, False, None, mono_ms)

    def compare(self, image: Image) -> list[Fault]:
        """Look at every coil: prove, repeat off, end what is past its deadline, and tell what differs."""
        found = []
        for name in self._pumps_first():
            how = self._look(name, self._said[name], image.coils[name], image.now.mono_ms)
            if how is not None:
                found.append(Fault(self._actuators[name], how))
        return found

    def take(self) -> tuple[Action, ...]:
        """The actions since the last call: offs before ons, pumps before valves among offs."""
        kinds = {name: actuator.part.kind for name, actuator in self._actuators.items()}
        ordered = sorted(self._actions, key=lambda a: (a.on, (kinds[a.actuator] == "pump") is a.on))
        self._actions = []
        return tuple(ordered)

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When something must be looked at again: proofs, repeats and deadlines."""
        for said in self._said.values():
            if not said.proven:
                yield said.last_mono_ms + 1000
            elif said.on and said.until_mono_ms is not None:
                yield said.until_mono_ms

    def _pumps_first(self) -> list[str]:
        return sorted(self._actuators, key=lambda name: self._actuators[name].part.kind != "pump")

    def _look(self, name: str, said: _Said, coil: Coil, mono_ms: int) -> Differs | None:
        if said.on and said.until_mono_ms is not None and mono_ms >= said.until_mono_ms:
            self.close(name, mono_ms)
            return None
        newer = coil.on is not None and coil.mono_ms > said.since_mono_ms
        if newer and coil.on == said.on:
            said.proven = True
            said.unproven_told = False
            return None
        if newer and said.proven:
            return Differs.WENT_OFF if said.on else Differs.WENT_ON
        if said.proven:
            return None
        if not said.on and mono_ms - said.last_mono_ms >= REPEAT_OFF_S * 1000:
            said.last_mono_ms = mono_ms
            self._act(name, False, None, mono_ms)
        if mono_ms - said.since_mono_ms > PROVE_S * 1000 and not said.unproven_told:
            said.unproven_told = True
            return Differs.NOT_OPENED if said.on else Differs.NOT_CLOSED
        return None

    def _act(self, name: str, on: bool, hold_s: float | None, mono_ms: int) -> None:
        part = self._actuators[name].part
        self._actions = [a for a in self._actions if a.actuator != name]
        self._actions.append(Action(name, part.device, part.coil, on, hold_s, mono_ms))
