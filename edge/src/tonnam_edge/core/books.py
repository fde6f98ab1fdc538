"""Two books: one by the true time, and one by a guess while the time is not known.

A guess may be 1970 or 2036. It must neither spoil what is known nor be forgotten when the time is there: what was
done meanwhile is kept by the boot's own count of time, and entered in the true book as soon as that can be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tonnam_edge.core import proven
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Book, DayUse, Done, Guess, Intent, Memory
from tonnam_edge.core.programs import clock
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.core.wishes import Decision
from tonnam_link.messages import Stamp

DAY_MS = 86_400_000
HALF_DAY_MS = DAY_MS // 2
# A remembered slot or day further ahead than this was made by a wrong clock.
BOGUS_SLOT_MS = 2 * DAY_MS
# Between two boots that do not know the time a clock that moved by more was not left to run for a night.
NIGHT_MS = 18 * HOUR_MS
# A clock that is off by more than this from where it would have come by itself was set.
SET_MS = 60_000
# After so long a boot, what was done before that long can no longer matter to a day.
KEPT_MS = DAY_MS + HALF_DAY_MS


class Books:
    """Reads and writes the books of a memory. `holds_ms`: by zone, how long programs hold after a stop by hand."""

    def __init__(self, memory: Memory, local: LocalTime, holds_ms: Mapping[str, int]) -> None:
        self._memory, self._local, self._holds_ms = memory, local, holds_ms

    def turn(self, now: Now) -> None:
        """Open the book that counts at `now`, and mend it. What was done in a time of guesses is entered first."""
        guess, day = self._memory.guess, self._local.day
        proven.look(self._memory, day(now.wall_ms), now)
        if now.sure and guess is not None:
            self._settle(guess, now)
        elif not now.sure and (guess is None or guess.boot != now.boot):
            self._memory.guess = self._new_guess(guess, now)
        elif guess is not None and not now.sure:
            self._follow_clock(guess, now)
        self._memory.book.put_right(now.wall_ms, day(now.wall_ms), day(now.wall_ms + BOGUS_SLOT_MS), self._holds_ms)

    def _new_guess(self, before: Guess | None, now: Now) -> Guess:
        """A book for a boot that does not know the time."""
        memory, day = self._memory, self._local.day(now.wall_ms)
        ran_on = self._runs_on(before, now)
        slots = dict(memory.known.slots)
        if before is not None and ran_on:
            slots.update(before.book.slots)
        done = [] if before is None else self._in_short(before.done, now)
        used = {zone: DayUse(day, proven.used_s(memory, zone, now)) for zone in memory.lately}
        book = Book(used, slots, self._still_held(done, now))
        return Guess(now.boot, book, done, now.wall_ms - now.mono_ms, ran_on)

    def _runs_on(self, before: Guess | None, now: Now) -> bool:
        """Whether the clock goes on from where it was last seen, or from a night later at most."""
        kept = self._memory.kept
        seen_ms = kept.wall_ms if kept.sure else None
        if before is not None and before.booted_ms is not None and kept.boot == before.boot:
            seen_ms = before.booted_ms + kept.mono_ms
        return seen_ms is not None and 0 <= now.wall_ms - seen_ms <= NIGHT_MS

    def _still_held(self, done: Iterable[Done], now: Now) -> dict[str, int]:
        """Until when, by the clock of a new guess, programs hold after a stop by hand: all that is not surely over of
        the whole length."""
        kept, holds_ms = self._memory.kept, self._holds_ms
        passed_ms = None if kept.wall_ms is None else kept.wall_ms + clock.elapsed_ms(kept, now)
        until_ms: dict[str, int] = {}
        for zone, known_ms in self._memory.known.held_until_ms.items():
            whole_ms = holds_ms.get(zone, 0)
            until_ms[zone] = now.wall_ms + (whole_ms if passed_ms is None else min(whole_ms, known_ms - passed_ms))
        for each in done:
            if each.held:
                end_ms = now.wall_ms + holds_ms.get(each.zone, 0) - self._age_ms(each, now)
                until_ms[each.zone] = max(end_ms, until_ms.get(each.zone, 0))
        return until_ms

    def _follow_clock(self, guess: Guess, now: Now) -> None:
        """Somebody has set a clock that is still only a guess: what holds goes on holding for as long."""
        booted_ms = now.wall_ms - now.mono_ms
        before_ms, guess.booted_ms = guess.booted_ms, booted_ms
        if before_ms is None or abs(booted_ms - before_ms) < SET_MS:
            return
        guess.ran_on = False
        held = guess.book.held_until_ms
        guess.book.held_until_ms = {zone: until_ms + booted_ms - before_ms for zone, until_ms in held.items()}

    def used_s(self, zone: str, now: Now) -> float:
        """Seconds of water that count for today. While the time is not known, those of the last 24 proven hours."""
        if self._memory.guess is not None:
            return proven.used_s(self._memory, zone, now)
        return self._memory.book.used_s(zone, self._local.day(now.wall_ms))

    def use(self, zone: str, seconds: float, now: Now) -> None:
        """So much water was given by now."""
        proven.use(self._memory, zone, seconds, now)
        if self._memory.guess is None:
            self._memory.known.use(zone, self._local.day(now.wall_ms), seconds)
        else:
            self._show_used(zone, now)
        self._note(now, zone=zone, seconds=seconds)

    def use_of(self, intent: Intent, seconds: float, now: Now) -> None:
        """A run was cut off by the end of a process: so much water counts, when it began. In a time of guesses, what
        began when the time was known may have been a moment ago."""
        guess = self._memory.guess
        proven.use(self._memory, intent.zone, seconds, now)
        if intent.stamp is None or guess is None:
            self._memory.known.use(intent.zone, self._local.day(intent.started_at_ms), seconds)
        if guess is not None:
            self._show_used(intent.zone, now)
        if guess is not None and intent.stamp is not None:
            hour = proven.hours(self._memory, now)
            guess.done.append(Done(intent.stamp, intent.zone, seconds, hour=hour))

    def _show_used(self, zone: str, now: Now) -> None:
        """What counts is in the book of the guess too: copies of the memory have it from there."""
        used = DayUse(self._local.day(now.wall_ms), proven.used_s(self._memory, zone, now))
        self._memory.book.used[zone] = used

    def decided(self, decision: Decision, now: Now) -> None:
        """What the timers go by from now on. A slot that is used up by rain or another watering is a turn too."""
        slots = self._memory.book.slots
        for program in decision.slots:
            proven.see(self._memory, program, now)
        for skipped in decision.skipped:
            if not skipped.lacks and decision.slots.get(skipped.program) != slots.get(skipped.program):
                proven.turn(self._memory, skipped.program, now)
        slots.update(decision.slots)

    def use_slot(self, program: str, zone: str, slot_ms: int, now: Now) -> None:
        """A timer's run begins: its slot is used up."""
        self._memory.book.slots[program] = slot_ms
        proven.turn(self._memory, program, now)
        self._note(now, zone=zone, timer=program)

    def hold(self, zone: str, now: Now) -> None:
        """Somebody stopped the water: programs hold for a while."""
        self._memory.book.held_until_ms[zone] = now.wall_ms + self._holds_ms[zone]
        self._note(now, zone=zone, held=True)

    def release(self, zone: str) -> None:
        """Somebody waters by hand: nothing holds any more."""
        self._memory.known.held_until_ms.pop(zone, None)
        if self._memory.guess is not None:
            self._memory.guess.book.held_until_ms.pop(zone, None)
            self._memory.guess.done = [each for each in self._memory.guess.done if each.zone != zone or not each.held]

    def _note(self, now: Now, **what: Any) -> None:
        guess = self._memory.guess
        if now.stamp is not None and guess is not None:
            recent = [each for each in guess.done if now.mono_ms - _since_boot_ms(each.at, now) < KEPT_MS]
            guess.done = [*recent, Done(now.stamp, hour=proven.hours(self._memory, now), **what)]

    def _settle(self, guess: Guess, now: Now) -> None:
        """Enter what was done without knowing the time: when it can have been at the latest."""
        known = self._memory.known
        for each in guess.done:
            at_ms = now.wall_ms - self._age_ms(each, now)
            if each.seconds:
                known.use(each.zone, self._local.day(at_ms), each.seconds)
            if each.timer is not None:
                self._settle_slot(each.timer, at_ms + HALF_DAY_MS, doubtful=each.at.boot != now.boot)
            if each.held:
                until_ms = at_ms + self._holds_ms.get(each.zone, 0)
                known.held_until_ms[each.zone] = max(until_ms, known.held_until_ms.get(each.zone, 0))
        proven.told(self._memory, now)
        self._memory.guess = None
        self._settle_words(now)

    def _settle_slot(self, program: str, until_ms: int, *, doubtful: bool) -> None:
        """A timer's run by a guess stands for the slot that it was nearest to."""
        known = self._memory.known
        known.doubtful_slots.pop(program, None)
        if until_ms > known.slots.get(program, 0):
            known.slots[program] = until_ms
            if doubtful:
                known.doubtful_slots[program] = until_ms

    def _age_ms(self, done: Done, now: Now) -> int:
        """How long ago something was done at least. In an earlier boot, which never knew: by what is proven to have
        passed, else when this one began."""
        if done.at.boot == now.boot:
            return now.mono_ms - done.at.mono_ms
        if done.hour is None:
            return now.mono_ms
        until_told = proven.hours(self._memory, now._replace(sure=False))
        return max(0, round((until_told - done.hour) * HOUR_MS))

    def _in_short(self, done: Iterable[Done], now: Now) -> list[Done]:
        """What was done in boots that are over and may matter still: water by zone and hour, the last of others."""
        used: dict[tuple[str, int | None], Done] = {}
        others: dict[tuple[str, str | None], Done] = {}
        for each in done:
            if self._age_ms(each, now) >= KEPT_MS:
                continue
            if each.seconds:
                key = each.zone, None if each.hour is None else int(each.hour)
                before = used.get(key)
                seconds = each.seconds + (before.seconds if before else 0.0)
                used[key] = msgspec.structs.replace(each, seconds=seconds)
            else:
                others[each.zone, each.timer] = each
        return [*used.values(), *others.values()]

    def _settle_words(self, now: Now) -> None:
        """Runs in progress, and what was last said of commands, get their true times."""
        for zone, intent in self._memory.runs.items():
            if intent.stamp is not None:
                began_ms = _true_ms(intent.stamp, now)
                self._memory.runs[zone] = msgspec.structs.replace(intent, started_at_ms=began_ms, stamp=None)
        for command_id, heard in self._memory.heard.items():
            outcome = heard.outcome
            if outcome.stamp is not None:
                outcome = msgspec.structs.replace(outcome, at_ms=_true_ms(outcome.stamp, now), stamp=None)
                self._memory.heard[command_id] = msgspec.structs.replace(heard, outcome=outcome)


def _true_ms(at: Stamp, now: Now) -> int:
    """When that was; in an earlier boot, which never knew, as late as can be: the begin of this one."""
    return now.wall_ms - now.mono_ms + _since_boot_ms(at, now)


def _since_boot_ms(at: Stamp, now: Now) -> int:
    return at.mono_ms if at.boot == now.boot else 0


def ran_at_most_s(intent: Intent, now: Now) -> float:
    """For how long a run that was cut off can have given water; as long as planned where the times are not known."""
    if intent.stamp is None and now.sure:
        return min(intent.planned_s, max(0, now.wall_ms - intent.started_at_ms) / 1000)
    if intent.stamp is not None and intent.stamp.boot == now.boot:
        return min(intent.planned_s, max(0, now.mono_ms - intent.stamp.mono_ms) / 1000)
    return intent.planned_s
