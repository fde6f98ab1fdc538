"""Timers: each slot at most once whatever the clock does."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.books import BOGUS_SLOT_MS
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked
from tonnam_edge.core.programs.schedule import Slots
from tonnam_edge.core.wishes import Skipped, Wish
from tonnam_edge.site.program_file import TimerPart


def decide(program: TimerPart, slots: Slots, asked: Asked) -> None:
    """Only slots after the last one used count."""
    now_ms, decision = asked.image.now.wall_ms, asked.decision
    last = asked.memory.book.slots.get(program.id)
    if last is None or last > now_ms + BOGUS_SLOT_MS:
        last = now_ms
    decision.slots[program.id] = last
    slot = slots.latest(now_ms)
    if slot is not None and slot > last:
        if now_ms - slot <= program.late_min * 60_000:
            seconds = slots.seconds(slot)
            reason = texts.by_timer(asked.local.clock(slot), seconds)
            if not asked.image.now.sure:
                reason = words.by_last_known_time(reason)
            decision.wishes.append(Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=slot))
        else:
            decision.slots[program.id] = slot
            text = words.slot_skipped(asked.local.clock(slot), program.late_min)
            decision.skipped.append(Skipped(program.zone, program.id, text))
    following = slots.following(now_ms)
    if following is not None:
        decision.due(following)
