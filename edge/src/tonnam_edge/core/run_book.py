"""Enters runs in the books when they begin and end, tells of them, and says what became of their commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tonnam_edge.core.books import Books
from tonnam_edge.core.commands import Commands
from tonnam_edge.core.cut_off import ByHand, CutOff, Judged
from tonnam_edge.core.dosing.dosing import Dosing
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.owing import Owing
from tonnam_edge.core.plant.given import Given
from tonnam_edge.core.plant.runs import Run
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.programs.growth import Growth
from tonnam_edge.core.wishes import Wish
from tonnam_edge.limits import REST_AFTER_FAILURE_S
from tonnam_edge.site.site import Site
from tonnam_link.messages import CommandState


class RunBook:
    """`resting_until`: by program, until which time since boot its water soaks in."""

    def __init__(
        self,
        site: Site,
        memory: Memory,
        water: Water,
        books: Books,
        growth: Growth,
        dosing: Dosing,
        commands: Commands,
        tell: Tell,
    ) -> None:
        self._site, self._memory, self._books = site, memory, books
        self._growth, self._dosing, self._commands, self._tell = growth, dosing, commands, tell
        self.cut_off = CutOff(site, memory, water, self.judged)
        self._given, self._owing = Given(site, memory, water), Owing(site, memory, water, tell)
        self.resting_until: dict[str, int] = {}

    def rest(self, mono_ms: int) -> None:
        """The bands that were filling at the end of the process before let their water soak in."""
        filling = [band for band in self._growth.resting if band.id in self._memory.filling]
        self.resting_until = {band.id: mono_ms + round(band.rest_min * 60_000) for band in filling}

    def follow(self, image: Image, barred: Callable[[str], bool], by_hand: ByHand) -> None:
        """Judge what was cut off, and what timers owe. `barred`: by zone, whether somebody keeps its water off."""
        self.cut_off.follow(image, by_hand)
        self._owing.follow(image, barred, by_hand)

    def note(self, now: Now) -> None:
        """Note what each run was given so far: when all has begun and ended in a step, and before it goes to disk."""
        self._given.look(now)
        self._owing.look(now)

    def begun(self, intent: Intent, wish: Wish, now: Now) -> None:
        """A run begins: what the wish has used up is, and it is told."""
        if wish.program is not None and wish.slot_ms is not None:
            self._books.use_slot(wish.program, wish.zone, wish.slot_ms, now)
            self._owing.begun(intent)
            if now.sure:
                self._memory.kept.note_slot(wish.program, wish.slot_ms)
        if wish.cause == "manual":
            self._books.release(wish.zone)
        self._tell_of(
            intent,
            "started",
            now,
            cause=intent.cause,
            program=intent.program,
            command_id=intent.command_id,
            planned_s=round(intent.planned_s),
            reason=intent.reason,
        )

    def ended(self, run: Run, now: Now) -> None:
        """A run is over: its water counts, its intent is forgotten, and its outcome is told."""
        intent, litres = run.intent, run.litres
        self._books.use(intent.zone, run.duration_s, now)
        self._growth.watered(intent, litres, run.duration_s, now)
        self._owing.ended(run, self._memory.runs.pop(intent.zone), self._given.by_now(run, now), now)
        self._soak(intent.zone, run.outcome == "failed", now.mono_ms)
        self._tell_of(
            intent,
            "ended",
            now,
            outcome=run.outcome,
            duration_s=round(run.duration_s, 1),
            litres=None if litres is None else round(litres, 1),
            reason=run.reason,
            **self._dosed(intent.run_id),
            **self._growth.cost(intent.run_id),
        )
        self.say(run, CommandState.DONE if run.as_wished else CommandState.FAILED, run.reason)

    def judged(self, found: Judged, now: Now) -> None:
        """What a run that was cut off has given: as metered, else, as nobody knows, its whole plan."""
        intent, litres, ran_s = found.intent, found.litres, found.at_most_s
        if litres is not None:
            ran_s = min(ran_s, found.seconds)
        self._books.use_of(intent, min(intent.planned_s, found.seconds), now)
        self._growth.watered(intent, litres, ran_s, now)
        self._owing.judged(intent, litres)
        self._tell_of(
            intent,
            "ended",
            now,
            outcome="interrupted",
            duration_s=round(ran_s, 1),
            litres=None if litres is None else round(litres, 1),
            reason=found.reason,
            **self._dosed(intent.run_id),
        )
        if intent.command_id is not None:
            self._commands.say(intent.command_id, CommandState.FAILED, found.reason, intent.run_id)

    def say(self, run: Run, state: CommandState, reason: Text) -> None:
        """What has become of the command that asked for a run, if one did."""
        if run.intent.command_id is not None:
            self._commands.say(run.intent.command_id, state, reason, run.intent.run_id)

    def _dosed(self, run_id: str) -> dict[str, Any]:
        """What was dosed in a run that is over, as a part of its event: mL by injector, and what each of them is.

        Nothing without injectors.
        """
        parts = {part.id: part for part in self._site.file.injector}
        if not parts:
            return {}
        dosed = self._dosing.ended(run_id)
        mine = [parts[name] for name in dosed if name in parts]
        told = {each.id: {"liquid": each.liquid, "name": {"th": each.name.th, "en": each.name.en}} for each in mine}
        return {"dosed": dosed, "injectors": told}

    def _soak(self, zone: str, failed: bool, mono_ms: int) -> None:
        """Whatever watered the zone, its bands let it soak in before they look again; longer after a failure."""
        for band in self._growth.resting:
            if band.zone == zone:
                rest_s = max(band.rest_min * 60, REST_AFTER_FAILURE_S if failed else 0)
                self.resting_until[band.id] = mono_ms + round(rest_s * 1000)

    def _tell_of(self, intent: Intent, what: str, now: Now, /, **body: Any) -> None:
        """Tell of a watering, or of the flushing of a filter, which is no zone's."""
        kind, key = ("flush", "filter") if intent.cause == "flush" else ("run", "zone")
        self._tell(f"{kind}.{what}", now, run_id=intent.run_id, **{key: intent.zone}, **body)
