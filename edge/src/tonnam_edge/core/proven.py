"""What counts while the time is not known: water and timers' turns, by time that has surely passed.

Hours are those of `Kept.hours`: a boot's own time counts, and the time that the machine was off only once it is
known. `boots` answers the same for the starts of pumps, from the uptimes of the boots themselves.
"""

from __future__ import annotations

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory, Turn
from tonnam_edge.core.programs import clock
from tonnam_edge.core.programs.clock import HOUR_MS

WINDOW_H = 24.01  # hours are kept to 3.6 seconds
BUCKETS_AN_HOUR = 2
NOTED_EVERY_H = 1 / 6  # while the time is not known: so much of each boot may not be proven


def hours(memory: Memory, now: Now) -> float:
    """Hours that have surely passed since the first start."""
    kept = memory.kept
    if not kept.et0:  # they begin to be counted in this step
        return kept.hours
    return round(kept.hours + clock.elapsed_ms(kept, now) / HOUR_MS, 3)


def used_s(memory: Memory, zone: str, now: Now) -> float:
    """Seconds of water that a zone may have had within the last 24 hours."""
    hour = hours(memory, now)
    return sum(seconds for since, seconds in memory.lately.get(zone, []) if hour - since < WINDOW_H)


def use(memory: Memory, zone: str, seconds: float, now: Now) -> None:
    """So much water was given by now. What comes within half an hour counts together, as its last part."""
    hour = hours(memory, now)
    counting = [each for each in memory.lately.get(zone, []) if hour - each[0] < WINDOW_H]
    if counting and int(counting[-1][0] * BUCKETS_AN_HOUR) == int(hour * BUCKETS_AN_HOUR):
        seconds += counting.pop()[1]
    memory.lately[zone] = [*counting, (hour, round(seconds, 1))]


def look(memory: Memory, day: str, now: Now) -> None:
    """Note now and then that time passes. Enter what an older document or a copy of it knows of a day only: as given
    now, if it may have been. What was given in hours that are not counted was given now at the latest."""
    hour, kept = hours(memory, now), memory.kept
    if not now.sure and kept.et0 and hour - max(kept.hours, kept.up_h or 0.0) >= NOTED_EVERY_H:
        kept.up_h = hour
    for zone, use_of_day in memory.known.used.items():
        if zone not in memory.lately:
            may_count = use_of_day.seconds > 0 and (not now.sure or use_of_day.day >= day)
            memory.lately[zone] = [(hour, use_of_day.seconds)] if may_count else []
    for zone, entries in memory.lately.items():
        if entries and entries[-1][0] > hour:
            memory.lately[zone] = [(min(since, hour), seconds) for since, seconds in entries]


def turn(memory: Memory, program: str, now: Now) -> None:
    """A timer has had its turn."""
    hour = hours(memory, now)
    seen = memory.turns.get(program)
    memory.turns[program] = Turn(hour if seen is None else seen.seen_h, hour)


def see(memory: Memory, program: str, now: Now) -> None:
    """There is such a timer."""
    if program not in memory.turns:
        memory.turns[program] = Turn(hours(memory, now))


def told(memory: Memory, now: Now) -> None:
    """The time is told: hours in which the machine was off are about to be counted. What was done may have been done
    after them, and stays as new as it was."""
    jump_h = round(hours(memory, now) - hours(memory, now._replace(sure=False)), 3)
    if jump_h <= 0:
        return
    for zone, entries in memory.lately.items():
        memory.lately[zone] = [(round(since + jump_h, 3), seconds) for since, seconds in entries]
    for program, each in memory.turns.items():
        had_h = None if each.had_h is None else round(each.had_h + jump_h, 3)
        memory.turns[program] = Turn(round(each.seen_h + jump_h, 3), had_h)
