"""What the slot of a timer still owes: a run that was cut off, or failed for want of a cable, board, power or proof.

The parts of one slot never give more than its plan together, and there are at most two more. What nobody has metered
counts as given. What a person, a latch, a lock-out, the emergency stop or a switch has ended stays ended.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tonnam_edge.core.books import DAY_MS
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Intent, Memory, Metered, Owed
from tonnam_edge.core.plant.given import Closed
from tonnam_edge.core.plant.run import Run
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.programs.timer import MOST_TRIES
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site import Site

CUT = frozenset({"failed", "interrupted"})


class Owing:
    """Keeps the memory's `owed`. What is wished of it is the timer's to say."""

    def __init__(self, site: Site, memory: Memory, water: Water) -> None:
        self._memory, self._water, self._closed = memory, water, Closed(site, water)
        timers = [part for part in site.programs if isinstance(part, TimerPart)]
        self._late_ms = {(part.id, part.zone): part.late_min * 60_000 for part in timers}

    def begun(self, intent: Intent) -> None:
        """A timer waters: it is a new slot, or one more try of the last."""
        owed = self._memory.owed.get(intent.program or "")
        if owed is None or intent.program is None:
            return
        if owed.slot_ms == intent.slot_ms:
            self._memory.owed[intent.program] = msgspec.structs.replace(owed, tries=owed.tries + 1)
        else:
            del self._memory.owed[intent.program]

    def ended(self, run: Run, intent: Intent) -> None:
        """A run has ended here. What it was given is known when its water is proven to be off, and its meter read."""
        if run.unfed:
            self._enter(intent, 0.0, unfed=True)
            return
        self._enter(intent, 0.0 if run.outcome in CUT and intent.metered is not None else None, intent.metered)

    def judged(self, intent: Intent, litres: float | None) -> None:
        """A run that was cut off by the end of a process was given so much."""
        self._enter(intent, None if litres is None else self._seconds(intent.zone, litres))

    def follow(self, image: Image, barred: Callable[[str], bool]) -> None:
        """Find out what was given, and forget what people, a latch or its time have ended. `barred`: by zone, whether
        somebody keeps its water off."""
        for program, owed in list(self._memory.owed.items()):
            if self._is_over(program, owed, image) or barred(owed.zone):
                del self._memory.owed[program]
            elif owed.since is not None:
                self._settle(program, owed, owed.since, image)

    def _enter(
        self, intent: Intent, given_s: float | None, since: Metered | None = None, *, unfed: bool = False
    ) -> None:
        """So many seconds of a slot were given, and what there is `since`; None when nothing is owed any more."""
        if intent.program is None or intent.slot_ms is None:
            return
        before = self._memory.owed.pop(intent.program, None)
        if given_s is None:
            return
        if before is None or before.slot_ms != intent.slot_ms:
            before = Owed(intent.slot_ms, intent.zone, intent.planned_s, 0.0, begun_ms=intent.started_at_ms)
        given_s = round(before.given_s + given_s, 1)
        owed = msgspec.structs.replace(before, given_s=given_s, since=since, unfed=unfed)
        if owed.tries < MOST_TRIES and owed.plan_s - owed.given_s >= SHORTEST_RUN_S:
            self._memory.owed[intent.program] = owed

    def _settle(self, program: str, owed: Owed, since: Metered, image: Image) -> None:
        """Read off the meter what the last part was given."""
        stream = self._closed.stream(owed.zone, image.now)
        if stream is None:
            return
        del self._memory.owed[program]
        litres = self._closed.litres({owed.zone: since}, stream)
        given_s = owed.plan_s if litres is None else owed.given_s + self._seconds(owed.zone, litres[owed.zone])
        if owed.plan_s - given_s >= SHORTEST_RUN_S:
            self._memory.owed[program] = msgspec.structs.replace(owed, given_s=round(given_s, 1), since=None)

    def _is_over(self, program: str, owed: Owed, image: Image) -> bool:
        """Whether it is too late, or another slot has come. What a clock says that is only a guess ends nothing."""
        late_ms = self._late_ms.get((program, owed.zone))  # None in a site file that has it no more
        if late_ms is None or self._memory.book.slots.get(program) != owed.slot_ms:
            return True
        if self._memory.book.held_until_ms.get(owed.zone, 0) > image.now.wall_ms:
            return True  # somebody has stopped it
        runs, now_ms = owed.zone in self._memory.runs, image.now.wall_ms
        until_ms = owed.slot_ms + DAY_MS if owed.unfed else max(owed.slot_ms, owed.begun_ms or 0) + late_ms
        return image.now.sure and not runs and not owed.slot_ms <= now_ms <= min(until_ms, owed.slot_ms + DAY_MS)

    def _seconds(self, zone: str, litres: float) -> float:
        """For how long a zone takes so many litres."""
        return litres / self._water.expected.l_min([zone]) * 60
