"""Timers: each slot at most once whatever the clock does."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.books import BOGUS_SLOT_MS
from tonnam_edge.core.memory import Text
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.kept import SlotKept
from tonnam_edge.core.programs.schedule import Slots
from tonnam_edge.core.wishes import Decision, Skipped, Wish
from tonnam_edge.site.program_file import TimerPart

LONG_AGO_H = 12.0  # half of the time between two slots


def decide(program: TimerPart, slots: Slots, asked: Asked) -> None:
    """Only slots after the last one used count, and of a later day than was watered."""
    now_ms, decision = asked.image.now.wall_ms, asked.decision
    last = asked.memory.book.slots.get(program.id)
    if last is None or last > now_ms + BOGUS_SLOT_MS:
        last = now_ms
    decision.slots[program.id] = last
    known = decision.last_slots[program.id] = _known(program.id, last, slots, asked)
    slot = slots.latest(now_ms)
    if slot is not None and slot > last:
        _come(program, slots, slot, known, asked)
    elif slot is not None and _passed_over(program, slot, known, asked):
        decision.last_slots[program.id] = SlotKept(last, asked.kept.hours, known.day)
        _skip(program, words.slot_of_a_clock_ahead(asked.local.clock(slot)), asked)
    following = slots.following(now_ms)
    if following is not None:
        decision.due(following)


def planned(program: str, slots: Slots, after_ms: int, decision: Decision) -> int | None:
    """The next slot that will water: none used up by a clock that was ahead, or of a day that has its water."""
    known = decision.last_slots.get(program)
    if known is None:
        return slots.following(after_ms)
    return slots.following(max(after_ms, known.slot_ms), known.day)


def _known(program: str, last: int, slots: Slots, asked: Asked) -> SlotKept:
    """What is remembered of the last slot. A new one that was not left out has watered: its day is remembered, for an
    edit of the program may move the slot."""
    known = asked.kept.slots.get(program)
    if known is not None and known.slot_ms == last:
        return known
    return SlotKept(last, asked.kept.hours, slots.day(last))


def _come(program: TimerPart, slots: Slots, slot: int, known: SlotKept, asked: Asked) -> None:
    """A slot has come that was not used."""
    now_ms, clock = asked.image.now.wall_ms, asked.local.clock(slot)
    if known.day and slots.day(slot) <= known.day:
        _use_up(program, slot, known.day, words.day_was_watered(clock), asked)
    elif now_ms - slot > program.late_min * 60_000:
        _use_up(program, slot, "", words.slot_skipped(clock, program.late_min), asked)
    else:
        seconds = slots.seconds(slot)
        reason = texts.by_timer(clock, seconds)
        if not asked.image.now.sure:
            reason = words.by_last_known_time(reason)
        asked.decision.wishes.append(Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=slot))


def _passed_over(program: TimerPart, slot: int, known: SlotKept, asked: Asked) -> bool:
    """Whether a slot comes that was used up long ago, by a clock that was ahead. A clock that is set back a little
    shows a slot again that was used a moment ago."""
    late_ms = asked.image.now.wall_ms - slot
    known_h = asked.kept.age_h(known.hour) - late_ms / HOUR_MS  # when the slot came
    return late_ms <= program.late_min * 60_000 and known_h >= LONG_AGO_H


def _use_up(program: TimerPart, slot: int, day: str, text: Text, asked: Asked) -> None:
    asked.decision.slots[program.id] = slot
    asked.decision.last_slots[program.id] = SlotKept(slot, asked.kept.hours, day)
    _skip(program, text, asked)


def _skip(program: TimerPart, text: Text, asked: Asked) -> None:
    asked.decision.skipped.append(Skipped(program.zone, program.id, text))
