"""The water balance's program, and what stands in for it: litres, not minutes."""

from __future__ import annotations

import math

from tonnam_edge.core import texts
from tonnam_edge.core.books import BOGUS_SLOT_MS
from tonnam_edge.core.programs import ladder
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.asked import Asked, in_window, opens_at
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.fields import Growing
from tonnam_edge.core.programs.price import Change
from tonnam_edge.core.programs.rungs import Rung
from tonnam_edge.core.programs.schedule import Slots
from tonnam_edge.core.wishes import Need, Wish
from tonnam_edge.site.program_file import BalancePart, Hours
from tonnam_edge.site.site import Zone

# What was given within so long counts for a day: the hour that is under way is not counted yet.
DAY_H = 23
# On the lower rungs a day's water begins when so much of it is missing, so that it is not given in drops.
BEGIN_AT = 0.5
# Less of RAW than this is left for another time: it would fill pipes, and never reach the farthest emitters' soil.
USEFUL_OF_RAW = 0.1
# In the last hours of cheap electricity a zone is watered that would need it before it is cheap again.
AHEAD_MS = 3 * HOUR_MS
LOOK_AHEAD_MS = 24 * HOUR_MS
# A zone that thirsts does so until less of RAW than this is missing.
QUENCHED_AT = 0.5


def decide(program: BalancePart, slots: Slots | None, asked: Asked) -> None:
    """Water when RAW is reached, or at the chosen hour; without a balance as the ladder says."""
    zone = asked.fields.site.zones[program.zone]
    growing = asked.growing(zone)
    rung = ladder.of_balance(zone, asked.kept, growing)
    pulse_s = None if program.pulse_min is None else program.pulse_min * 60
    asked.decision.rungs[zone.id] = rung, Rung.BALANCE
    if rung is Rung.BALANCE and growing is not None:
        slot_ms = None if slots is None else _slot(program.id, slots, asked)
        refill(zone, program.id, program.between, pulse_s, growing, asked, slot_ms)
    else:
        below(zone, program.id, program.between, pulse_s, rung, asked)


def refill(
    zone: Zone,
    program: str,
    between: Hours | None,
    pulse_s: float | None,
    growing: Growing,
    asked: Asked,
    slot_ms: int | None = None,
    most_l: float = math.inf,
) -> None:
    """From RAW to field capacity, in as many runs as it takes; at most `most_l` of it now. A chosen hour at which too
    little is missing is over: what evaporates later in the day waits for the next one."""
    depletion_mm, raw_mm, soil = growing.water.depletion_mm, growing.reserves.raw_mm, growing.ground.soil
    litres = soil.litres_to_fill(depletion_mm)
    filling = program in asked.memory.filling or depletion_mm >= raw_mm or slot_ms is not None
    ahead = None if filling else _dear_before_dry(zone, program, growing, asked)
    filling = filling or ahead is not None
    if not filling or litres < max(asked.least_l(zone), soil.litres_to_fill(USEFUL_OF_RAW * raw_mm)):
        if slot_ms is not None:
            asked.decision.slots[program] = slot_ms
        asked.say(zone, words.enough_by_balance(depletion_mm, raw_mm))
        asked.need(zone, Need.NONE)
        return
    asked.decision.filling.append(program)
    dry = depletion_mm >= raw_mm * (QUENCHED_AT if asked.thirsts(zone) else 1)
    asked.need(zone, Need.KNOWN if dry and most_l >= asked.least_l(zone) else Need.NONE)
    reason = words.by_balance(depletion_mm, litres)
    if ahead is not None:
        reason = words.by_balance_ahead(depletion_mm, litres, asked.local.clock(ahead.at_ms), ahead.baht_kwh)
    wish = Wish(zone.id, "balance", 0.0, reason, program, slot_ms=slot_ms)
    if most_l < asked.least_l(zone):
        asked.say(zone, words.enough_for_a_day(depletion_mm))
    else:
        _want(zone, wish, between, min(litres, most_l), pulse_s, asked)


def _dear_before_dry(zone: Zone, program: str, growing: Growing, asked: Asked) -> Change | None:
    """The dearer price that begins soon, when RAW would be reached before it is over. What the crop will use is what
    it used in the same hours of the last day."""
    now = asked.image.now
    if program not in asked.latest or not now.sure:
        return None
    soon = asked.prices.dear_soon(now.wall_ms, AHEAD_MS)
    if soon is None:
        begins = asked.prices.dear_soon(now.wall_ms, LOOK_AHEAD_MS)
        if begins is not None:
            asked.decision.due(begins[0].at_ms - AHEAD_MS)
        return None
    dear, again_ms = soon
    ahead_h = (again_ms - now.wall_ms) / HOUR_MS
    used_mm = asked.of(zone).etc_ahead_mm(asked.kept.hours, ahead_h)
    return dear if growing.water.depletion_mm + used_mm >= growing.raw_after_mm(used_mm, ahead_h) else None


def below(zone: Zone, program: str, between: Hours | None, pulse_s: float | None, rung: Rung, asked: Asked) -> None:
    """The mean of seven days, or the zone's safe water: whatever the last 24 hours have not had of it.

    Counted by elapsed time, so that it goes on with an unset clock.
    """
    kept = asked.kept
    daily_l, least_l = ladder.daily_l(zone, rung, kept, asked.flow_l_min(zone)), asked.least_l(zone)
    missing_l, wanted_l = ladder.missing_l(asked.of(zone), kept.hours, daily_l, least_l, DAY_H)
    filling = program in asked.memory.filling or missing_l >= BEGIN_AT * wanted_l
    if not filling or missing_l < least_l:
        asked.say(zone, words.enough_by_day(daily_l))
        asked.need(zone, Need.NONE)
        return
    if rung is Rung.SAFE and _before_its_hour(zone, asked):
        asked.need(zone, Need.USUAL if asked.thirsts(zone) else Need.NONE)
        return
    asked.need(zone, Need.USUAL)
    asked.decision.filling.append(program)
    reason = words.by_week(missing_l) if rung is Rung.WEEK else words.by_safe_timer(missing_l)
    _want(zone, Wish(zone.id, "balance", 0.0, reason, program), between, missing_l, pulse_s, asked)


def _before_its_hour(zone: Zone, asked: Asked) -> bool:
    """Whether the safe water of a zone has an hour, which is not come yet on a day whose time is known."""
    now = asked.image.now
    if zone.part.safe is None or not now.sure:
        return False
    at_ms = asked.local.today(zone.part.safe.at, now.wall_ms)
    if at_ms is None or now.wall_ms >= at_ms:
        return False
    asked.decision.due(at_ms)
    asked.say(zone, texts.window_closed(asked.local.clock(at_ms)), at_ms)
    return True


def _want(zone: Zone, wish: Wish, between: Hours | None, litres: float, pulse_s: float | None, asked: Asked) -> None:
    now = asked.image.now
    asked.say(zone, wish.reason)
    if wish.program is not None and asked.waits(wish.program, between):
        if now.mono_ms < asked.resting_until.get(wish.program, 0):
            asked.say(zone, texts.resting(), now.wall_ms + asked.resting_until[wish.program] - now.mono_ms)
        elif not in_window(between, now.wall_ms, asked.local):
            opening = opens_at(between, now.wall_ms, asked.local)
            asked.say(zone, texts.window_closed(asked.local.clock(opening)), opening)
        return
    asked.decision.wishes.append(asked.wish_litres(zone, wish, litres, pulse_s))


def _slot(program: str, slots: Slots, asked: Asked) -> int | None:
    """The chosen hour's slot, if it has come and was not used. Without a known time there is none: RAW decides."""
    now = asked.image.now
    following = slots.following(now.wall_ms)
    if following is not None:
        asked.decision.due(following)
    last = asked.memory.book.slots.get(program)
    if last is None or last > now.wall_ms + BOGUS_SLOT_MS:
        last = now.wall_ms
    asked.decision.slots[program] = last
    slot = slots.latest(now.wall_ms) if now.sure else None
    return slot if slot is not None and slot > last else None
