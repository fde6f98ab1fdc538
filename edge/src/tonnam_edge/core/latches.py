"""What was found wrong with the water, and stands until a person clears it. Survives restarts."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from tonnam_edge.core import plant_texts
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Latch, Memory, Text
from tonnam_edge.site import Site

# The subject of what the meter tells of the whole site. It blocks every zone.
METER = "meter"


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


class Tell(Protocol):
    """Tells an event with its body."""

    def __call__(self, kind: str, now: Now, /, **body: Any) -> None: ...


class Latches:
    """The latches of a site. A subject is the id of a zone or an actuator, or `METER`."""

    def __init__(self, memory: Memory, site: Site, tell: Tell, new_id: Callable[[], str]) -> None:
        self._memory, self._site, self._tell, self._new_id = memory, site, tell, new_id

    def set(self, kind: LatchKind, subject: str, now: Now, text: Text) -> bool:
        """Latch what was found. False when it stands already."""
        if any(latch.kind == kind and latch.subject == subject for latch in self.standing()):
            return False
        latch = Latch(self._new_id(), str(kind), subject, now.wall_ms, text, now.stamp)
        self._memory.latches[latch.id] = latch
        self._tell("latch.set", now, latch=latch.id, of=latch.kind, subject=subject, text=text)
        return True

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

    def blocks(self, zone: str) -> Text | None:
        """Why a zone gets no water: a latch on it, on anything that its water goes through, or on the meter."""
        subjects = {zone, METER, *self._site.path_of(zone)}
        found = next((latch for latch in self.standing() if latch.subject in subjects), None)
        return None if found is None else plant_texts.latched(found.text)
