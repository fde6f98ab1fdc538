"""What was found wrong with the water, and stands until a person clears it. Survives restarts."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from tonnam_edge.core.dosing.lost import count_as_used
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Latch, Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.site.paths import METER
from tonnam_edge.site.site import Site

__all__ = ["METER", "LatchKind", "Latches", "Tell"]


class LatchKind(StrEnum):
    """What was found."""

    NO_FLOW = "no_flow"
    LOW_FLOW = "low_flow"
    HIGH_FLOW = "high_flow"
    LEAK = "leak"
    WELDED = "welded"
    NOT_CLOSED = "not_closed"
    UNEXPECTED = "unexpected"  # a coil that nobody of ours moved
    DOSING = "dosing"  # an injector: it doses no more, and plain water goes on
    STOCK_EMPTY = "stock_empty"  # the same, until somebody says that its tank is full
    NOT_RUNNING = "not_running"  # a station's pump that draws no current
    NOT_MOVED = "not_moved"  # a gate whose limit switch does not say what it was told
    NOT_SAFE = "not_safe"  # what does not go into its safe state
    MEMORY_LOST = "memory_lost"  # nobody knows any more what stood: it concerns all water
    METER_STILL = "meter_still"  # a meter that counts nothing while water flows; it limits, and blocks nothing
    TOGETHER = "together"  # outlets that are right alone and wrong together: they water one by one


class Tell(Protocol):
    """Tells an event with its body."""

    def __call__(self, kind: str, now: Now, /, **body: Any) -> None: ...


class Latches:
    """The latches of a site. A subject is the id of a zone, filter, actuator or meter (`METER`: of `[flow]`)."""

    def __init__(self, memory: Memory, site: Site, tell: Tell, new_id: Callable[[], str]) -> None:
        self._memory, self._site, self._tell, self._new_id = memory, site, tell, new_id

    def set(self, kind: LatchKind, subject: str, now: Now, text: Text) -> bool:
        """Latch what was found. False when it stands already."""
        if self.stands(kind, subject):
            return False
        latch = Latch(self._new_id(), str(kind), subject, now.wall_ms, text, now.stamp)
        self._memory.latches[latch.id] = latch
        self._tell("latch.set", now, latch=latch.id, of=latch.kind, subject=subject, text=text)
        return True

    def lose(self, now: Now) -> None:
        """What stood is forgotten: everything waits for a person, and what may have been dosed counts as dosed."""
        count_as_used(self._memory.dosing, self._site)
        self.set(LatchKind.MEMORY_LOST, self._site.id, now, plant_texts.memory_lost())

    def lost(self) -> Text | None:
        """Why nothing at all may be moved, while nobody knows what stood; else None."""
        found = next((each for each in self.standing() if each.kind == LatchKind.MEMORY_LOST), None)
        return None if found is None else plant_texts.latched(found.text)

    def at_site_only(self, latch_id: str) -> bool:
        """Whether a latch may hide that somebody has locked something: nobody from afar clears it."""
        latch = self._memory.latches.get(latch_id)
        return latch is not None and latch.kind == LatchKind.MEMORY_LOST

    def clear(self, latch_id: str, by: str, now: Now) -> bool:
        """A person has looked: it stands no more. False when there is no such latch."""
        latch = self._memory.latches.pop(latch_id, None)
        if latch is None:
            return False
        self._tell("latch.cleared", now, latch=latch.id, of=latch.kind, subject=latch.subject, by=by)
        return True

    def standing(self) -> tuple[Latch, ...]:
        """Those that stand, in the order in which they were found."""
        return tuple(self._memory.latches.values())

    def stands(self, kind: LatchKind, subject: str) -> bool:
        """Whether it is latched."""
        return any(latch.kind == kind and latch.subject == subject for latch in self.standing())

    def blocks(self, outlet: str) -> Text | None:
        """Why an outlet gets no water: a latch that concerns it."""
        found = next((latch for latch in self.standing() if self.concerns(latch, outlet)), None)
        return None if found is None else plant_texts.latched(found.text)

    def concerns(self, latch: Latch, outlet: str) -> bool:
        """Whether a latch keeps water from an outlet: it is on it, on anything that its water goes through, or on its
        meter. A valve that does not close takes the water of all that share its pump; a leak that of a whole group.
        """
        paths, subject = self._site.paths, latch.subject
        if latch.kind in {LatchKind.METER_STILL, LatchKind.TOGETHER}:
            return False
        if latch.kind == LatchKind.MEMORY_LOST:
            return True
        if subject in {outlet, paths.meter(outlet), *paths.of(outlet)}:
            return True
        if subject == METER and METER not in paths.meters:
            return True  # of a site file that had another meter
        if latch.kind == LatchKind.WELDED:
            return subject in paths.mates(outlet)
        if latch.kind != LatchKind.LEAK:
            return False
        return any(
            subject == paths.meter_of_supply(pump)
            for group in paths.groups_of(paths.outlets[outlet].supply)
            for pump in group.pumps
        )
