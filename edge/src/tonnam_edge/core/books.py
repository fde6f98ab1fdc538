"""Two books: one by the true time, and one by a guess while the time is not known.

A guess may be 1970 or 2036. It must neither spoil what is known nor be forgotten when the time is there: what was
done meanwhile is kept by the boot's own count of time, and entered in the true book as soon as that can be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Done, Guess, Intent, Memory
from tonnam_edge.core.schedule import LocalTime

DAY_MS = 86_400_000
HALF_DAY_MS = DAY_MS // 2
# A remembered slot or day further ahead than this was made by a wrong clock.
BOGUS_SLOT_MS = 2 * DAY_MS
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
            done = [] if guess is None else [each for each in guess.done if each.at.boot == guess.boot]
            self._memory.guess = Guess(now.boot, self._memory.book.copy(), done)
        day = self._local.day
        self._memory.book.put_right(now.wall_ms, day(now.wall_ms), day(now.wall_ms + BOGUS_SLOT_MS), self._holds_ms)

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

    def use_in_full(self, intent: Intent) -> None:
        """A run was cut off by the end of a process: all that it was to give counts, when it began."""
        if intent.stamp is None or self._memory.guess is None:
            self._memory.known.use(intent.zone, self._local.day(intent.started_at_ms), intent.planned_s)
            return
        self._memory.guess.book.use(intent.zone, self._local.day(intent.started_at_ms), intent.planned_s)
        self._memory.guess.done.append(Done(intent.stamp, intent.zone, intent.planned_s))

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
            recent = [each for each in guess.done if each.at.boot != now.boot or _ago_ms(each, now) < KEPT_MS]
            guess.done = [*recent, Done(now.stamp, **what)]

    def _settle(self, guess: Guess, now: Now) -> None:
        """Enter what was done without knowing the time."""
        known = self._memory.known
        for each in guess.done:
            at_ms = _true_ms(each, now)
            if each.seconds:
                known.use(each.zone, self._local.day(at_ms), each.seconds)
            if each.timer is not None:  # it stands for the slot that it was nearest to
                known.slots[each.timer] = max(known.slots.get(each.timer, 0), at_ms + HALF_DAY_MS)
            if each.held:
                known.held_until_ms[each.zone] = at_ms + self._holds_ms.get(each.zone, 0)
        for zone, intent in self._memory.runs.items():
            if intent.stamp is not None:
                began_ms = _true_ms(Done(intent.stamp, zone), now)
                self._memory.runs[zone] = msgspec.structs.replace(intent, started_at_ms=began_ms, stamp=None)
        self._memory.guess = None


def _ago_ms(done: Done, now: Now) -> int:
    return now.mono_ms - done.at.mono_ms


def _true_ms(done: Done, now: Now) -> int:
    """When it was done; in an earlier boot, which never knew, as late as can be: at the begin of this one."""
    return now.wall_ms - (_ago_ms(done, now) if done.at.boot == now.boot else now.mono_ms)


def ran_at_most_s(intent: Intent, now: Now) -> float:
    """For how long a run that was cut off can have given water; as long as planned where the times are not known."""
    if intent.stamp is None and now.sure:
        return min(intent.planned_s, max(0, now.wall_ms - intent.started_at_ms) / 1000)
    if intent.stamp is not None and intent.stamp.boot == now.boot:
        return min(intent.planned_s, max(0, now.mono_ms - intent.stamp.mono_ms) / 1000)
    return intent.planned_s
