"""What the slot of a timer still owes: a run that was cut off, or failed for want of a cable, board, power or proof.

The parts of one slot never give more than its plan together, and there are at most two more. What nobody has metered
counts as given, and it is told that the rest is given up. Where others drew through the same meter meanwhile, what
they should take in that time is theirs. What a person, a latch, a lock-out, the emergency stop or a switch has ended
stays ended.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tonnam_edge.core.books import DAY_MS
from tonnam_edge.core.cut_off import ByHand
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Intent, Memory, Metered, Owed
from tonnam_edge.core.plant.flow import Stream
from tonnam_edge.core.plant.given import Beside, Closed
from tonnam_edge.core.plant.run import Run
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.core.programs.timer import MOST_TRIES
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site import Site

CUT = frozenset({"failed", "interrupted"})


class Owing:
    """Keeps the memory's `owed`. What is wished of it is the timer's to say."""

    def __init__(self, site: Site, memory: Memory, water: Water, tell: Tell) -> None:
        self._site, self._tell, self._local = site, tell, LocalTime(site.file.site)
        self._memory, self._water, self._closed = memory, water, Closed(site, water)
        self._beside: dict[str, Beside] = {}  # by program, of what is owed since a run of this process
        self._looked_mono_ms = 0
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

    def ended(self, run: Run, intent: Intent, noted: Metered | None, now: Now) -> None:
        """A run has ended here, `noted` at the last look. What it was given is known when its water is proven to be
        off, and its meter read."""
        if run.unfed:
            self._enter(intent, 0.0, unfed=True)
            return
        if run.outcome == "done" and run.stood_s >= SHORTEST_RUN_S:
            self._enter(intent, run.duration_s)
            return
        self._enter(intent, 0.0 if run.outcome in CUT and noted is not None else None, noted)
        stream = self._water.runs.stream(intent.zone)
        if intent.program in self._memory.owed and noted is not None and stream is not None:
            until_mono_ms = now.mono_ms + round(noted.left_s * 1000)
            self._beside[intent.program] = Beside(until_mono_ms, self._looked_mono_ms, stream.restarts)

    def judged(self, intent: Intent, litres: float | None) -> None:
        """A run that was cut off by the end of a process was given so much."""
        self._enter(intent, None if litres is None else self._seconds(intent.zone, litres))

    def follow(self, image: Image, barred: Callable[[str], bool], by_hand: ByHand) -> None:
        """Find out what was given, and forget what people, a latch or its time have ended. `barred`: by zone, whether
        somebody keeps its water off."""
        for program, owed in list(self._memory.owed.items()):
            if self._is_over(program, owed, image) or barred(owed.zone):
                del self._memory.owed[program]
            elif owed.since is not None:
                hands = {by_hand(zone) for zone in self._mates(owed.zone)}
                if True in hands:
                    self._give_up(program, owed, image.now)
                elif None not in hands:
                    self._settle(program, owed, owed.since, image)

    def look(self, now: Now) -> None:
        """Count what others have drawn through the meters of what is not settled yet. At the end of a step, when what
        each run had is noted."""
        for program, owed in list(self._memory.owed.items()):
            meter = self._site.paths.meter(owed.zone)
            if owed.since is None or meter is None:
                continue
            others = [zone for zone in self._mates(owed.zone) if zone in self._water.runs.active]
            beside, stream = self._beside.get(program), self._water.streams[meter]
            if beside is not None:
                l_min = self._water.expected.l_min(zone for zone in others if self._is_wet(zone))
                beside.look(stream, self._water.passed_l.get(meter, 0.0), l_min, now)
            if others and not owed.beside:
                self._memory.owed[program] = msgspec.structs.replace(owed, beside=True)
        self._beside = {name: each for name, each in self._beside.items() if name in self._memory.owed}
        self._looked_mono_ms = now.mono_ms

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
        begun_ms = intent.started_at_ms if before.unfed else before.begun_ms
        given_s = round(before.given_s + given_s, 1)
        owed = msgspec.structs.replace(
            before, given_s=given_s, since=since, begun_ms=begun_ms, unfed=unfed, beside=False
        )
        if owed.tries < MOST_TRIES and owed.plan_s - owed.given_s >= SHORTEST_RUN_S:
            self._memory.owed[intent.program] = owed

    def _settle(self, program: str, owed: Owed, since: Metered, image: Image) -> None:
        """Read off the meter what the last part was given."""
        stream = self._closed.stream(owed.zone, image.now)
        if stream is None:
            return
        litres = self._given_l(program, owed, since, stream)
        if litres is None:
            self._give_up(program, owed, image.now)
            return
        del self._memory.owed[program]
        given_s = owed.given_s + self._seconds(owed.zone, litres)
        if owed.plan_s - given_s >= SHORTEST_RUN_S:
            self._memory.owed[program] = msgspec.structs.replace(owed, given_s=round(given_s, 1), since=None)

    def _given_l(self, program: str, owed: Owed, since: Metered, stream: Stream) -> float | None:
        """What the last part was given by now; None when nobody knows."""
        if not owed.beside:
            litres = self._closed.litres({owed.zone: since}, stream)
            return None if litres is None else litres[owed.zone]
        beside, by_sun = self._beside.get(program), self._water.expected.by_sun or bool(self._water.powers)
        if beside is None or by_sun:  # the process was killed, or what others should take goes by their power
            return None
        most_l = self._water.expected.l_min([owed.zone]) * since.left_s / 60 * stream.part.high_pct / 100
        own_l = beside.own_l(most_l)
        return None if own_l is None else since.litres + own_l

    def _give_up(self, program: str, owed: Owed, now: Now) -> None:
        del self._memory.owed[program]
        text = words.rest_given_up(self._local.clock(owed.slot_ms))
        self._tell("program.skipped", now, zone=owed.zone, program=program, text=text)

    def _mates(self, zone: str) -> list[str]:
        """The outlets of a zone's meter."""
        meter = self._site.paths.meter(zone)
        return [zone] if meter is None else list(self._site.paths.outlets_of(meter))

    def _is_wet(self, zone: str) -> bool:
        """Whether a run in progress has water just now."""
        return self._water.runs.active[zone].water_from is not None and self._water.runs.supply(zone).wet

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
