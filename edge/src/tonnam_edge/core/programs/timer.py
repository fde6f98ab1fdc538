"""Timers: each slot at most once whatever the clock does, and once its hour has come not lost for having to wait."""

from __future__ import annotations

from tonnam_edge.core import proven, texts
from tonnam_edge.core.books import BOGUS_SLOT_MS, DAY_MS, HALF_DAY_MS
from tonnam_edge.core.memory import Owed, Text
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs import unset
from tonnam_edge.core.programs.asked import Asked
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.kept import PendingKept, SlotKept
from tonnam_edge.core.programs.schedule import Slots
from tonnam_edge.core.wishes import Decision, Delay, Need, Skipped, Wish
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.program_file import TimerPart

LONG_AGO_H = 12.0  # half of the time between two slots
MOST_TRIES = 2  # after a watering that was cut off: so often the rest of it is wished for
# What has waited until so long before the next slot is left to that.
NEXT_IS_NEAR_MS = 2 * HOUR_MS
# Rain that fell holds for a day. A slot that it holds for longer than this had its water from the sky.
RAINED_MS = HALF_DAY_MS
# Hours are counted when they are over: a slot's wait may have been this much longer than they say.
UNCOUNTED_H = 1.5


def decide(program: TimerPart, slots: Slots, asked: Asked) -> None:
    """Only slots after the last one used count, and of a later day than was watered."""
    now_ms, decision = asked.image.now.wall_ms, asked.decision
    last = decision.slots[program.id] = _last(program.id, asked)
    known = decision.last_slots[program.id] = _known(program.id, last, slots, asked)
    slot = slots.latest(now_ms)
    if slot is not None and slot > last:
        _tell_replaced(program, slot, last, asked)
        _come(program, slots, slot, known, asked)
    elif slot is not None and _passed_over(program, slot, known, asked):
        decision.last_slots[program.id] = SlotKept(last, asked.kept.hours, known.day)
        _skip(program, words.slot_of_a_clock_ahead(asked.local.clock(slot)), asked, lacks=False)
    elif slot is not None and _used_by_a_guess(slots, slot, last, known, asked):
        _leave_out_used(program, slots, slot, last, asked)
    if program.id not in decision.pending and not any(each.program == program.id for each in decision.skipped):
        _take_turn(program, slots, asked)
    _wish_for_the_rest(program, slots, last, asked)
    following = slots.following(now_ms)
    if following is not None:
        decision.due(following)


def planned(program: str, slots: Slots, after_ms: int, decision: Decision) -> int | None:
    """The next slot that will water: none used up by a clock that was ahead, or of a day that has its water."""
    known = decision.last_slots.get(program)
    if known is None:
        return slots.following(after_ms)
    return slots.following(max(after_ms, known.slot_ms), known.day)


def _last(program: str, asked: Asked) -> int:
    """The last slot that was used. One that only a clock far ahead can have used is forgotten, but none that has
    watered: what watered under that clock stands for the slots of half a day from then."""
    now_ms, kept = asked.image.now.wall_ms, asked.kept
    watered = kept.watered_slots.get(program, [])
    used = [slot for slot, _ in watered if slot <= now_ms + HALF_DAY_MS]
    last = asked.memory.book.slots.get(program)
    if last is not None and last <= now_ms + BOGUS_SLOT_MS:
        return max(last, *used) if used else last
    ahead = [hour for slot, hour in watered if slot > now_ms + HALF_DAY_MS]
    used += [now_ms - round(kept.age_h(hour) * HOUR_MS) + HALF_DAY_MS for hour in ahead]
    return max(used, default=now_ms)


def _known(program: str, last: int, slots: Slots, asked: Asked) -> SlotKept:
    """What is remembered of the last slot. A new one that was not left out has watered: its day is remembered, for an
    edit of the program may move the slot."""
    known = asked.kept.slots.get(program)
    if known is not None and known.slot_ms == last:
        return known
    return SlotKept(last, asked.kept.hours, slots.day(last))


def note_forecast(wish: Wish, expected_mm: float, asked: Asked) -> None:
    """A slot waits for rain that is expected: what then falls of it is its water."""
    pending = asked.decision.pending.get(wish.program or "")
    if pending is None or pending.slot_ms != wish.slot_ms:
        return
    since_h = pending.forecast_h if pending.forecast_h is not None else asked.kept.forecast_h
    most_mm = max(pending.forecast_mm, round(expected_mm))
    asked.decision.pending[wish.program or ""] = PendingKept(pending.slot_ms, pending.hour, most_mm, since_h)


def less_what_fell(wish: Wish, asked: Asked) -> Wish | None:
    """The wish of a slot that has waited for rain, without the part of it that fell; None if hardly any is left."""
    pending = asked.decision.pending.get(wish.program or "")
    if pending is None or pending.slot_ms != wish.slot_ms or pending.forecast_h is None or not pending.forecast_mm:
        return wish
    fell_mm = asked.passing.rain_mm + sum(mm for hour, mm in asked.kept.rain if hour > pending.forecast_h)
    if fell_mm <= 0:
        return wish
    seconds = wish.seconds * max(1 - fell_mm / pending.forecast_mm, 0.0)
    if seconds >= SHORTEST_RUN_S:
        return wish._replace(
            seconds=seconds, reason=words.less_what_fell(wish.reason, seconds, fell_mm, pending.forecast_mm)
        )
    program, clock = wish.program or "", asked.local.clock(pending.slot_ms)
    del asked.decision.pending[program]
    _leave_out(program, wish.zone, pending.slot_ms, "", words.slot_fell(clock, fell_mm), asked, lacks=False)
    return None


def _tell_replaced(program: TimerPart, slot: int, last: int, asked: Asked) -> None:
    """A slot that still waited when the next one came is left out."""
    pending = asked.kept.pending.get(program.id)
    if pending is not None and last < pending.slot_ms < slot:
        lacks = _lacks(program, pending.slot_ms, asked)
        _skip(program, _why_left_out(program, pending.slot_ms, asked), asked, lacks=lacks)


def _come(program: TimerPart, slots: Slots, slot: int, known: SlotKept, asked: Asked) -> None:
    """A slot has come that was not used."""
    if known.day and slots.day(slot) <= known.day:
        text = words.day_was_watered(asked.local.clock(slot))
        _leave_out(program.id, program.zone, slot, known.day, text, asked, lacks=False)
    elif _is_over(program, slots, slot, asked):
        text, lacks = _why_left_out(program, slot, asked), _lacks(program, slot, asked)
        _leave_out(program.id, program.zone, slot, "", text, asked, lacks=lacks)
    else:
        _wish(program, slots, slot, asked)


def _wish(program: TimerPart, slots: Slots, slot: int, asked: Asked) -> None:
    """It is wished until it waters. Whatever it must wait for does not cost it its turn."""
    seconds = slots.seconds(slot)
    reason = texts.by_timer(asked.local.clock(slot), seconds)
    if not asked.image.now.sure:
        reason = words.by_last_known_time(reason)
    pending = asked.kept.pending.get(program.id)
    if pending is None or pending.slot_ms != slot:
        pending = PendingKept(slot, asked.kept.hours)
    asked.decision.pending[program.id] = pending
    waits_h = unset.waits_h(program, asked)
    if waits_h > 0:
        asked.decision.delays[program.id] = Delay(slot, words.may_have_watered())
        asked.decision.due(asked.image.now.wall_ms + round(waits_h * HOUR_MS) + 1)
        return
    _wants(Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=slot), asked)


def _take_turn(program: TimerPart, slots: Slots, asked: Asked) -> None:
    """While the clock is not set: what no slot comes for has its turn by own count. Rain may be its water."""
    wish = unset.by_own_count(program, slots, asked)
    if wish is None or wish.slot_ms is None:
        return
    delay, since = _delay(program, wish.slot_ms, asked), asked.decision.pending[program.id].hour
    if delay is not None and delay.rained and asked.kept.age_h(since) * HOUR_MS >= RAINED_MS:
        del asked.decision.pending[program.id]
        text = words.slot_held(asked.local.clock(wish.slot_ms), delay.text)
        _leave_out(program.id, program.zone, wish.slot_ms, "", text, asked, lacks=False)
    else:
        _wants(wish, asked)


def _used_by_a_guess(slots: Slots, slot: int, last: int, known: SlotKept, asked: Asked) -> bool:
    """Whether a slot has come since a watering by an unset clock was found to stand for it, as it was near to it."""
    now = asked.image.now
    if not now.sure or not slot <= now.wall_ms < last or slots.day(last):
        return False
    return proven.hours(asked.memory, now) - known.hour >= (now.wall_ms - slot) / HOUR_MS


def _leave_out_used(program: TimerPart, slots: Slots, slot: int, last: int, asked: Asked) -> None:
    """Of a watering in an earlier boot nobody knows how near it was: the zone may lack this one."""
    doubtful = asked.memory.book.doubtful_slots.get(program.id) == last
    text = words.slot_used_by_a_guess(asked.local.clock(slot))
    day = "" if doubtful else slots.day(slot)
    _leave_out(program.id, program.zone, slot, day, text, asked, lacks=doubtful)


def _wants(wish: Wish, asked: Asked) -> None:
    asked.decision.needs.setdefault(wish.zone, Need.USUAL)
    asked.decision.wishes.append(wish)


def _is_over(program: TimerPart, slots: Slots, slot: int, asked: Asked) -> bool:
    """Whether a slot that was not used is given up: it was noticed too late, is forbidden, or has waited until the
    next one is near, or what should be done by a time no longer can be."""
    now_ms, late_until_ms = asked.image.now.wall_ms, slot + round(program.late_min * 60_000)
    delay, until_ms = _delay(program, slot, asked), _waits_until(program, slots, slot)
    if now_ms <= late_until_ms:
        asked.decision.due(late_until_ms + 1)
        return False
    if not _in_time(program, slot, asked) or (delay is not None and delay.forbidden):
        return True
    if delay is not None and delay.rained:
        until_ms = min(until_ms, slot + RAINED_MS)
    asked.decision.due(until_ms)
    return now_ms >= until_ms


def _waits_until(program: TimerPart, slots: Slots, slot: int) -> int:
    """Until when a slot that came in time is worth its water."""
    following = slots.following(slot)
    until_ms = min(slot + DAY_MS, slot + DAY_MS if following is None else following) - NEXT_IS_NEAR_MS
    return until_ms if program.finish is None else min(until_ms, slot + round(slots.seconds(slot) * 1000))


def _in_time(program: TimerPart, slot: int, asked: Asked) -> bool:
    """Whether a slot was wished when its hour came, by a clock that has not jumped since."""
    pending = asked.kept.pending.get(program.id)
    if pending is None or pending.slot_ms != slot:
        return False
    late_h = (asked.image.now.wall_ms - slot) / HOUR_MS
    return late_h - asked.kept.age_h(pending.hour) <= program.late_min / 60 + UNCOUNTED_H


def _delay(program: TimerPart, slot: int, asked: Asked) -> Delay | None:
    """What kept a slot from beginning, when it was last wished."""
    delay = asked.passing.delays.get(program.id)
    return delay if delay is not None and delay.slot_ms == slot else None


def _why_left_out(program: TimerPart, slot: int, asked: Asked) -> Text:
    delay, clock = _delay(program, slot, asked), asked.local.clock(slot)
    return words.slot_skipped(clock, program.late_min) if delay is None else words.slot_held(clock, delay.text)


def _lacks(program: TimerPart, slot: int, asked: Asked) -> bool:
    """Whether a slot that is left out was not given its water by rain."""
    delay = _delay(program, slot, asked)
    return delay is None or not delay.rained


def _wish_for_the_rest(program: TimerPart, slots: Slots, last: int, asked: Asked) -> None:
    """What the last slot still owes, as long as it may be late: its watering was cut off, or its pump had no sun. See
    `core.owing`."""
    owed, now = asked.memory.owed.get(program.id), asked.image.now
    if owed is None or owed.slot_ms != last or owed.zone != program.zone or owed.since is not None:
        return
    in_time = last <= now.wall_ms <= _rest_until(program, slots, owed, asked)
    if not in_time or owed.tries >= MOST_TRIES or owed.zone in asked.memory.runs:
        return
    clock, seconds = asked.local.clock(last), owed.plan_s - owed.given_s
    if owed.unfed and asked.fields.site.file.holds.solar is not None and not asked.sun_runs_the_pump:
        asked.say(asked.fields.site.zones[program.zone], words.slot_waits(clock, words.no_sun()))
        return
    reason = words.slot_unfed(clock, seconds) if owed.unfed else words.rest_of_slot(clock, seconds)
    if not now.sure:
        reason = words.by_last_known_time(reason)
    _wants(Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=last), asked)


def _rest_until(program: TimerPart, slots: Slots, owed: Owed, asked: Asked) -> int:
    """Until when what a slot owes may begin: so long after its run began, for it may have waited; and what had no
    sun, all that day. Neither when the next slot is near."""
    late_ms, following = round(program.late_min * 60_000), slots.following(owed.slot_ms)
    most_ms = min(owed.slot_ms + DAY_MS, owed.slot_ms + DAY_MS if following is None else following) - NEXT_IS_NEAR_MS
    if owed.unfed:
        most_ms = min(most_ms, asked.local.next("00:00", owed.slot_ms))
    until_ms = most_ms if owed.unfed else min((owed.begun_ms or owed.slot_ms) + late_ms, most_ms)
    return max(until_ms, owed.slot_ms + late_ms)


def _passed_over(program: TimerPart, slot: int, known: SlotKept, asked: Asked) -> bool:
    """Whether a slot comes that was used up long ago, by a clock that was ahead. A clock that is set back a little
    shows a slot again that was used a moment ago."""
    late_ms = asked.image.now.wall_ms - slot
    known_h = asked.kept.age_h(known.hour) - late_ms / HOUR_MS  # when the slot came
    return late_ms <= program.late_min * 60_000 and known_h >= LONG_AGO_H


def _leave_out(program: str, zone: str, slot: int, day: str, text: Text, asked: Asked, *, lacks: bool) -> None:
    asked.decision.slots[program] = slot
    asked.decision.last_slots[program] = SlotKept(slot, asked.kept.hours, day)
    asked.decision.skipped.append(Skipped(zone, program, text, lacks))


def _skip(program: TimerPart, text: Text, asked: Asked, *, lacks: bool) -> None:
    asked.decision.skipped.append(Skipped(program.zone, program.id, text, lacks))
