"""Timers while the clock is not set: no slot so soon after the last that it may be the same one, and a turn by own
count for what no clock of a boot ever reaches, such as 06:10 on a machine that wakes up at 07:00 in 1970 every day.

Hours are those that are proven to have passed, see `core.proven`: never more than really did.
"""

from __future__ import annotations

from tonnam_edge.core import proven
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.kept import DAY_H, PendingKept
from tonnam_edge.core.programs.schedule import Slots
from tonnam_edge.core.wishes import Wish
from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site_types import WEEK

# The last turn may have had to wait, and sunrise moves.
SLACK_H = 2.0
# A clock that ran on through a night without power is right by all that is known: but this must have passed.
LEAST_H = 8.0
# A slot that comes so soon is waited for.
SOON_MS = 2 * HOUR_MS


def gaps_h(program: TimerPart) -> tuple[float, float]:
    """Hours between two slots of a timer: the least and the most."""
    chosen = [number for number, day in enumerate(WEEK) if day in program.days]
    following = [*chosen[1:], chosen[0] + len(WEEK)]
    gaps = [later - day for day, later in zip(chosen, following, strict=True)]
    if program.every_days == 1:
        return float(DAY_H * min(gaps)), float(DAY_H * max(gaps))
    return float(DAY_H * max(program.every_days, min(gaps))), float(DAY_H * program.every_days * max(gaps))


def waits_h(program: TimerPart, asked: Asked) -> float:
    """For how long a slot that comes by an unset clock has to wait: the last turn may have been the same one's."""
    turn, guess, now = asked.memory.turns.get(program.id), asked.memory.guess, asked.image.now
    if now.sure or turn is None or turn.had_h is None:
        return 0.0
    ran_on = guess is not None and guess.ran_on
    least_h = LEAST_H if ran_on else gaps_h(program)[0] - SLACK_H
    return max(0.0, turn.had_h + least_h - proven.hours(asked.memory, now))


def by_own_count(program: TimerPart, slots: Slots, asked: Asked) -> Wish | None:
    """The turn of a timer whose slot no clock has reached for as long as there ever is between two."""
    turn, now = asked.memory.turns.get(program.id), asked.image.now
    seconds = program.run_s(_month(asked))
    if now.sure or turn is None or seconds <= 0:
        return None
    since_h = turn.seen_h if turn.had_h is None else turn.had_h
    left_h = since_h + gaps_h(program)[1] - proven.hours(asked.memory, now)
    if left_h > 0:
        asked.decision.due(now.wall_ms + round(left_h * HOUR_MS) + 1)
        return None
    following = slots.following(now.wall_ms)
    if following is not None and following - now.wall_ms <= SOON_MS:
        return None
    pending = asked.kept.pending.get(program.id)
    waits = pending is not None and 0 <= now.wall_ms - pending.slot_ms < DAY_H * HOUR_MS
    if pending is None or not waits or slots.day(pending.slot_ms):
        pending = PendingKept(now.wall_ms, asked.kept.hours)
    asked.decision.pending[program.id] = pending
    reason = words.by_own_count(seconds)
    return Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=pending.slot_ms)


def _month(asked: Asked) -> int:
    """The month as far as it is known: by the last known time rather than by a clock that shows 1970."""
    last_ms = asked.kept.wall_ms
    return asked.local.at(asked.image.now.wall_ms if last_ms is None else last_ms).month
