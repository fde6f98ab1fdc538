"""Sees that every coil is as it was told. If not: off, and no start for a while; never fight."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, LatchKind, Tell
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators, Differs, Fault, Still
from tonnam_edge.core.plant.runs import Runs
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.limits import PROVE_S, UNEXPECTED_TIMES, WAIT_AFTER_FAULT_S
from tonnam_edge.site.site import Site

HOUR_MS = 3_600_000


class _Moved(NamedTuple):
    """When a coil moved that nobody of ours had told to; `sagged`: it went off with others as a pump started."""

    mono_ms: int
    name: str
    sagged: bool


OfDosing = Callable[[Fault, Now], bool]
"""Whether a fault concerns dosing only, which looks after it."""


class CoilGuard:
    """Watches the coils of a site. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, actuators: Actuators, runs: Runs, latches: Latches, tell: Tell) -> None:
        self._site, self._actuators, self._runs = site, actuators, runs
        self._latches, self._tell = latches, tell
        self._mine = [name for name in site.actuators if name not in site.stationed]
        self.station_faults: list[Fault] = []  # of coils that a station moves, found in the last look
        self._fault_hold: dict[str, int] = {}  # until when nothing starts, by supply
        self._open_since: dict[str, int] = {}  # since when a board says that what was told to close is open
        self._moved: list[_Moved] = []

    def look(self, image: Image, still: Still, dosing_fault: OfDosing) -> None:
        """Compare every coil with what it was told. What a station moves is the station's to judge."""
        self.station_faults = []
        sagged = self._sagged(image)
        for fault in self._actuators.compare(image, still):
            if fault.actuator.id in self._site.stationed:
                self.station_faults.append(fault)
                continue
            reason = fault_text(fault)
            self._tell("actuator.fault", image.now, actuator=fault.actuator.id, text=reason)
            if dosing_fault(fault, image.now):
                continue
            if fault.how in {Differs.WENT_OPEN, Differs.WENT_CLOSED}:
                self._moved_by_others(fault, reason, image.now, sagged=sagged)
            else:
                for supply in self._supplies_of(fault.actuator.id):
                    self.fail(supply, reason, image.now)
        for name in self._mine:
            self._latch_not_closed(name, image)

    def fail(self, supply: Supply, reason: Text, now: Now) -> None:
        """Something on this path is not as it was told: pump and master off at once, and no start for a while."""
        self._fault_hold[supply.name] = now.mono_ms + round(WAIT_AFTER_FAULT_S * 1000)
        self._runs.stop_all("failed", reason, now, supply.name)
        for one in reversed(supply.parts):
            self._actuators.close(one.id, now.mono_ms)

    def holds(self, outlet: str, now: Now) -> bool:
        """Whether something was just found wrong on the outlet's water path."""
        return now.mono_ms < self._fault_hold.get(self._site.supply_of(outlet), 0)

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When starts are held no more."""
        return (until for until in self._fault_hold.values() if until > now.mono_ms)

    def _sagged(self, image: Image) -> bool:
        """Whether several coils that should be on are off right after a pump was started: its inrush resets boards
        that hang on a weak supply."""
        now = image.now.mono_ms
        wet = (supply for supply in self._runs.supplies.values() if supply.wet and supply.pump is not None)
        if not any(now - supply.on_since <= PROVE_S * 1000 for supply in wet):
            return False
        should = [name for name in self._mine if self._actuators.said_open(name)]
        seen = [(image.positions[name], self._actuators.told_mono_ms(name)) for name in should]
        return sum(at.heard and at.open is False and at.mono_ms > told for at, told in seen) > 1

    def _moved_by_others(self, fault: Fault, reason: Text, now: Now, *, sagged: bool) -> None:
        name = fault.actuator.id
        lately = [each for each in self._moved if now.mono_ms - each.mono_ms < HOUR_MS]
        self._moved = [*lately, _Moved(now.mono_ms, name, sagged and fault.how is Differs.WENT_CLOSED)]
        if self._known_to_be_loose(name):
            for supply in self._supplies_of(name):
                self.fail(supply, reason, now)
            self._actuators.to_safety(name, now.mono_ms, again=True)
            return
        for supply in self._runs.supplies.values():
            self.fail(supply, reason, now)
        self._actuators.all_to_safety(now.mono_ms, again=True, but=self._site.stationed)
        of_it = [each for each in self._moved if each.name == name]
        if len(of_it) >= UNEXPECTED_TIMES:
            told = plant_texts.weak_supply if all(each.sagged for each in of_it) else plant_texts.moved_by_others
            self._latches.set(LatchKind.UNEXPECTED, name, now, told(fault.actuator.part.name, len(of_it)))

    def _known_to_be_loose(self, name: str) -> bool:
        """Whether it is one coil that moves by itself, and latched as such: then it concerns its own paths only. A
        second master or a reset of the board moves others too."""
        alone = all(each.name == name for each in self._moved)
        return alone and self._latches.stands(LatchKind.UNEXPECTED, name)

    def _supplies_of(self, actuator: str) -> list[Supply]:
        supplies = self._runs.supplies.values()
        return [supply for supply in supplies if actuator in self._site.path_mates(supply.outlets[0])]

    def _latch_not_closed(self, name: str, image: Image) -> None:
        """A board that answers and says open, or a meter that does not stand still: closing is tried for ever."""
        said_closed = not self._actuators.said_open(name) and not self._site.actuators[name].part.safe_open
        at = image.positions[name]
        if not (said_closed and not self._actuators.proven(name) and at.heard and at.open is not False):
            self._open_since.pop(name, None)
            return
        since = self._open_since.setdefault(name, image.now.mono_ms)
        if self._actuators.overdue(name) and image.now.mono_ms - since >= PROVE_S * 1000:
            text = texts.not_proven(self._site.actuators[name].part.name, on=False)
            self._latches.set(LatchKind.NOT_CLOSED, name, image.now, text)


def fault_text(fault: Fault) -> Text:
    """What is told of a coil that is not as it was told."""
    name = fault.actuator.part.name
    if fault.how in {Differs.NOT_OPENED, Differs.NOT_CLOSED}:
        return texts.not_proven(name, on=fault.how is Differs.NOT_OPENED)
    return texts.not_as_said(name, on=fault.how is Differs.WENT_OPEN)
