"""Two books: one by the true time, and one by a guess while the time is not known.

A guess may be 1970 or 2036. It must neither spoil what is known nor be forgotten when the time is there: what was
done meanwhile is kept by the boot's own count of time, and entered in the true book as soon as that can be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import DayUse, Done, Guess, Intent, Memory
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_link.messages import Stamp

DAY_MS = 86_400_000
HALF_DAY_MS = DAY_MS // 2
# A remembered slot or day further ahead than this was made by a wrong clock.
BOGUS_SLOT_MS = 2 * DAY_MS
# Between two boots that do not know the time a clock that moved by more was set, not left to run.
FAR_MS = 30 * DAY_MS
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
        guess = self._memory.guess
        if now.sure and guess is not None:
            self._settle(guess, now)
        elif not now.sure and (guess is None or guess.boot != now.boot):
            self._memory.guess = self._new_guess(guess, now)
        elif guess is not None and not now.sure:
            self._follow_clock(guess, now)
        day = self._local.day
        self._memory.book.put_right(now.wall_ms, day(now.wall_ms), day(now.wall_ms + BOGUS_SLOT_MS), self._holds_ms)

    def _new_guess(self, before: Guess | None, now: Now) -> Guess:
        """A book for a boot that does not know the time. What was used on days that are long ago by its clock may
        just as well have been used a moment ago: it counts for today."""
        book, day = self._memory.book.copy(), self._local.day
        for zone, use in book.used.items():
            if use.day < day(max(0, now.wall_ms - FAR_MS)):
                book.used[zone] = DayUse(day(now.wall_ms), use.seconds)
        done = [] if before is None else _in_short(before.done)
        return Guess(now.boot, book, done, now.wall_ms - now.mono_ms)

    def _follow_clock(self, guess: Guess, now: Now) -> None:
        """Somebody has set a clock that is still only a guess: what counted for today goes on counting for today."""
        booted_ms = now.wall_ms - now.mono_ms
        before_ms, guess.booted_ms = guess.booted_ms, booted_ms
        if before_ms is None or abs(booted_ms - before_ms) < SET_MS:
            return
        was_today = self._local.day(before_ms + now.mono_ms)
        for zone, use in guess.book.used.items():
            if use.day >= was_today:
                guess.book.used[zone] = DayUse(self._local.day(now.wall_ms), use.seconds)

    def used_s(self, zone: str, now: Now) -> float:
        """Seconds of water that count for today. While the time is not known also those of the last 24 hours."""
        counted = self._memory.book.used_s(zone, self._local.day(now.wall_ms))
        if self._memory.guess is None:
            return counted
        lately = [
            each.seconds
            for each in self._memory.guess.done
            if each.zone == zone and each.at.boot == now.boot and now.mono_ms - each.at.mono_ms < DAY_MS
        ]
        return max(counted, sum(lately))

    def use(self, zone: str, seconds: float, now: Now) -> None:
        """So much water was given by now."""
        self._memory.book.use(zone, self._local.day(now.wall_ms), seconds)
        self._note(now, zone=zone, seconds=seconds)

    def use_of(self, intent: Intent, seconds: float, now: Now) -> None:
        """A run was cut off by the end of a process: so much water counts, when it began. In a time of guesses, what
        began when the time was known may have been a moment ago: it counts for today, whatever year that is."""
        guess = self._memory.guess
        if intent.stamp is None or guess is None:
            self._memory.known.use(intent.zone, self._local.day(intent.started_at_ms), seconds)
        if guess is not None:
            guess.book.use(intent.zone, self._local.day(now.wall_ms), seconds)
        if guess is not None and intent.stamp is not None:
            guess.done.append(Done(intent.stamp, intent.zone, seconds))

    def use_slot(self, program: str, zone: str, slot_ms: int, now: Now) -> None:
        """A timer's run begins: its slot is used up."""
        self._memory.book.slots[program] = slot_ms
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
            guess.done = [*recent, Done(now.stamp, **what)]

    def _settle(self, guess: Guess, now: Now) -> None:
        """Enter what was done without knowing the time."""
        known = self._memory.known
        for each in guess.done:
            at_ms = _true_ms(each.at, now)
            if each.seconds:
                known.use(each.zone, self._local.day(at_ms), each.seconds)
            if each.timer is not None:  # it stands for the slot that it was nearest to
                known.slots[each.timer] = max(known.slots.get(each.timer, 0), at_ms + HALF_DAY_MS)
            if each.held:
                known.held_until_ms[each.zone] = at_ms + self._holds_ms.get(each.zone, 0)
        self._memory.guess = None
        self._settle_words(now)

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


def _in_short(done: Iterable[Done]) -> list[Done]:
    """What was done in boots that are over: in one entry a zone and timer, for when it was nobody will know."""
    used: dict[str, Done] = {}
    others: dict[tuple[str, str | None], Done] = {}
    for each in done:
        if each.seconds:
            before = used.get(each.zone)
            used[each.zone] = Done(each.at, each.zone, each.seconds + (before.seconds if before else 0.0))
        else:
            others[each.zone, each.timer] = each
    return [*used.values(), *others.values()]


def ran_at_most_s(intent: Intent, now: Now) -> float:
    """For how long a run that was cut off can have given water; as long as planned where the times are not known."""
    if intent.stamp is None and now.sure:
        return min(intent.planned_s, max(0, now.wall_ms - intent.started_at_ms) / 1000)
    if intent.stamp is not None and intent.stamp.boot == now.boot:
        return min(intent.planned_s, max(0, now.mono_ms - intent.stamp.mono_ms) / 1000)
    return intent.planned_s
