"""A soil probe corrects the water balance: a little, once a day, and never on its own for long.

A fixed-gain observer on the depletion. A probe has an offset, drifts, dries out, or hangs in the air; so it may only
pull the balance towards it, in bounded steps, and what contradicts the balance too much is thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from tonnam_edge.agronomy import balance
from tonnam_edge.agronomy.balance import Soil
from tonnam_edge.agronomy.crop import Crop
from tonnam_edge.agronomy.marks import believable

GAIN = 0.2
MOST_STEP_OF_RAW = 0.25
REJECTED_OVER_TAW = 0.5
REJECTIONS_TO_ALERT = 3
HOURS_AFTER_WATER = 6.0
LEAST_HOURS_BETWEEN = 18.0
HOURS_BEFORE_SUNRISE = 4.0  # "before dawn": from four hours before sunrise until sunrise

TRIM_PER_DAY = 0.02
TRIM_BOUNDS = (0.7, 1.3)
LASTING_DAYS = 5  # corrections of one sign in a row, before the crop's use itself is trimmed
QUIET_OVER_TAW = 0.02  # smaller differences have no sign
FULL_TRIM_OVER_TAW = 0.2  # the difference that trims by all of TRIM_PER_DAY

LEAST_SHARE_OF_ETC = 0.7
DAYS_BELOW_LEAST = 2
WINDOW_DAYS = 7  # no more than DAYS_BELOW_LEAST in so many

PLATEAU_HOURS = (12.0, 36.0)  # after water
PLATEAU_SPAN_H = 3.0
PLATEAU_SLOPE_PER_H = 0.0007  # m3/m3; flatter than that, the soil has drained
FILLED_OVER_RAW = 0.1  # what is reckoned to have drained, over RAW, so that the root zone was full
PLATEAU_FALL = 0.01  # m3/m3 beyond the crop's use; without a fall from a peak nothing drained
LEARNING_SHARE = 0.25
LEARNED_WITHIN = 0.25  # of the nominal field capacity


class Outcome(StrEnum):
    """What came of a probe's reading."""

    CORRECTED = "corrected"
    LIMITED = "limited"  # corrected, but the probe wanted to cut more water than it may
    REJECTED = "rejected"  # contradicts the balance by more than half of TAW
    NO_READING = "no_reading"
    NOT_BEFORE_DAWN = "not_before_dawn"
    TOO_SOON_AFTER_WATER = "too_soon_after_water"
    DONE_TODAY = "done_today"


@dataclass(frozen=True)
class State:
    """What must be remembered of a zone's probe. JSON-able by `dataclasses.asdict`; comes back by `restored`.

    `streak` counts corrections of one sign in a row, positive when the soil is drier than the balance. `below` are
    the days of late on which the probe cut the water below 70 % of ETc. `field_capacity` is as this probe reads it;
    `at_least`: it may be more, for the soil was never seen full.
    """

    last_day: int | None = None
    rejections: int = 0
    streak: int = 0
    kc_trim: float = 1.0
    below: tuple[int, ...] = ()
    field_capacity: float | None = None
    at_least: bool = False

    @property
    def knows_full(self) -> bool:
        """Whether field capacity as the probe reads it was learned from soil that was full."""
        return self.field_capacity is not None and not self.at_least

    @property
    def alert(self) -> bool:
        """Whether the probe has been rejected so often that a person must look at it."""
        return self.rejections >= REJECTIONS_TO_ALERT


class Reading(NamedTuple):
    """A zone's moisture before dawn, m3/m3 (of several probes: their median), and when. None: not known.

    `local_day` is the date's ordinal. Where no water is remembered at all `hours_since_water` is infinite, and so
    is `hours_since_heard` of probes that were never heard: a clock that is turned makes no new day.
    """

    moisture: float | None
    local_day: int
    hours_before_sunrise: float | None
    hours_since_water: float | None
    hours_since_heard: float = math.inf


class Watched(NamedTuple):
    """A reading after a watering: hours since, m3/m3, and what the balance says the crop has used since, mm."""

    hours: float
    moisture: float
    used_mm: float


class Correction(NamedTuple):
    """What a reading changed. `innovation_mm` is measured less reckoned depletion, `step_mm` what was added to it."""

    state: State
    water: balance.State
    outcome: Outcome
    innovation_mm: float = 0.0
    step_mm: float = 0.0


def correct(
    state: State, water: balance.State, soil: Soil, crop: Crop, *, crop_day: float, reading: Reading
) -> Correction:
    """Pull the depletion towards a probe: gain 0.2, at most 0.25 RAW, once a day before dawn, 6 h after water.

    A difference over 0.5 TAW is rejected, three rejections in a row are an alert; of wetter soil than reckoned only
    what no offset explains, until it has seen full soil. From then on a lasting sign trims Kc.
    `water` must have been reckoned with `state.kc_trim`.
    """
    refusal = _refusal(state, reading)
    if refusal is not None:
        return Correction(state, water, refusal)
    moisture = believable(reading.moisture, 0.0, 1.0)
    if moisture is None:
        return Correction(state, water, Outcome.NO_READING)
    held = balance.reserves(soil, crop, crop_day, water.demand_mm_day)
    measured = soil.depletion_of_mm(moisture, crop, crop_day, state.field_capacity)
    wetter = water.depletion_mm - measured - _offset_mm(state, soil, crop, crop_day)
    if max(measured - water.depletion_mm, wetter) > REJECTED_OVER_TAW * held.taw_mm:
        rejected = replace(state, last_day=reading.local_day, rejections=state.rejections + 1)
        return Correction(rejected, water, Outcome.REJECTED, measured - water.depletion_mm)
    innovation = min(max(measured, 0.0), held.taw_mm) - water.depletion_mm
    most = MOST_STEP_OF_RAW * held.raw_mm
    wanted = min(max(GAIN * innovation, -most), most)
    untrimmed_etc = water.demand_mm_day / state.kc_trim
    learned = _trimmed(replace(state, last_day=reading.local_day, rejections=0), innovation / held.taw_mm)
    counted, step = _limited(learned, untrimmed_etc, wanted, reading.local_day)
    depletion = min(max(water.depletion_mm + step, 0.0), held.taw_mm)
    outcome = Outcome.LIMITED if step > wanted else Outcome.CORRECTED
    corrected = replace(water, depletion_mm=depletion)
    return Correction(counted, corrected, outcome, innovation, depletion - water.depletion_mm)


def plateau(after_water: Sequence[Watched], root_zone_mm: float) -> float | None:
    """The moisture at which soil near the probe stops draining, less what the crop has used since; None if it has not
    stopped, or never had more than it holds.

    `after_water` is one watering's or rain's aftermath, oldest first, its last reading 12 to 36 h after. A night is
    flat in any soil: so the crop's use is added back, and what is left must have fallen from a peak, by more than a
    wrong use could explain, and be flat over three hours. Without that fall nothing drained, and the soil may be dry.
    """
    seen = [
        (w.hours, w.moisture + w.used_mm / root_zone_mm)
        for w in after_water
        if believable(w.hours, 0, 240) is not None
        and believable(w.moisture, 0.01, 0.95) is not None
        and believable(w.used_mm, 0, root_zone_mm) is not None
    ]
    if not seen or believable(seen[-1][0], *PLATEAU_HOURS) is None:
        return None
    last_h, last = seen[-1]
    earlier = [(h, m) for h, m in seen if PLATEAU_SPAN_H <= last_h - h <= 1.5 * PLATEAU_SPAN_H]
    if not earlier:
        return None
    first_h, first = earlier[-1]
    flat = abs(last - first) / (last_h - first_h) <= PLATEAU_SLOPE_PER_H
    return last if flat and max(m for _, m in seen) - last >= PLATEAU_FALL else None


def learn_field_capacity(state: State, soil: Soil, reached: float | None, *, filled: bool = True) -> State:
    """Take a plateau in: the first as it is, later ones by a quarter, always within 25 % of the nominal one.

    It is field capacity as this probe reads it, its offset included: depletion is measured from there. Unless the
    root zone was `filled`, with more water than it missed, what left the probe may have been drunk by drier soil
    below: such a plateau is at most field capacity, and counts only above what is known of it, learned or nominal;
    how much more it is stays open until the root zone was filled.
    """
    nominal = soil.field_capacity
    if believable(reached, nominal * (1 - 2 * LEARNED_WITHIN), nominal * (1 + 2 * LEARNED_WITHIN)) is None:
        return state
    assert reached is not None
    before = state.field_capacity
    if not filled and reached < (nominal if before is None else before):
        return state
    at_least = not filled and not state.knows_full
    learned = reached if before is None else before + LEARNING_SHARE * (reached - before)
    bounded = min(max(learned, nominal * (1 - LEARNED_WITHIN)), nominal * (1 + LEARNED_WITHIN))
    return replace(state, field_capacity=bounded, at_least=at_least)


def restored(kept: Mapping[str, object]) -> State:
    """A state from what was kept as JSON. What cannot be true in it is forgotten."""
    last_day, rejections = _whole(kept.get("last_day")), _whole(kept.get("rejections")) or 0
    streak = _whole(kept.get("streak")) or 0
    trim = _real(kept.get("kc_trim"), *TRIM_BOUNDS)
    below = kept.get("below")
    days = [_whole(day) for day in below] if isinstance(below, list | tuple) else []
    return State(
        last_day=last_day,
        rejections=min(max(rejections, 0), 1000),
        streak=min(max(streak, -1000), 1000),
        kc_trim=1.0 if trim is None else trim,
        below=tuple(day for day in days if day is not None)[-WINDOW_DAYS:],
        field_capacity=_real(kept.get("field_capacity"), 0.01, 0.95),
        at_least=kept.get("at_least") is True,
    )


def _refusal(state: State, reading: Reading) -> Outcome | None:
    if state.last_day == reading.local_day or reading.hours_since_heard < LEAST_HOURS_BETWEEN:
        return Outcome.DONE_TODAY
    if believable(reading.hours_before_sunrise, 0.0, HOURS_BEFORE_SUNRISE) is None:
        return Outcome.NOT_BEFORE_DAWN
    if reading.hours_since_water is None or not reading.hours_since_water >= HOURS_AFTER_WATER:
        return Outcome.TOO_SOON_AFTER_WATER
    return None


def _offset_mm(state: State, soil: Soil, crop: Crop, crop_day: float) -> float:
    """By how much a sound probe may say wetter than it is, mm. Until it has seen full soil it corrects no balance
    that uses too much: so what it contradicts may be the balance, which has drifted."""
    if state.knows_full:
        return 0.0
    most = soil.field_capacity * (1 + LEARNED_WITHIN)
    return max(most - (state.field_capacity or soil.field_capacity), 0.0) * soil.root_zone_mm(crop, crop_day)


def _trimmed(state: State, innovation_of_taw: float) -> State:
    """Count the sign; when it has lasted, trim Kc by at most 2 % a day within 0.7 and 1.3.

    Not before the probe has seen full soil: until then a lasting sign may be its offset.
    """
    if not state.knows_full or abs(innovation_of_taw) < QUIET_OVER_TAW:
        return replace(state, streak=0)
    sign = 1 if innovation_of_taw > 0 else -1
    streak = state.streak + sign if state.streak * sign > 0 else sign
    if abs(streak) < LASTING_DAYS:
        return replace(state, streak=streak)
    by = TRIM_PER_DAY * sign * min(abs(innovation_of_taw) / FULL_TRIM_OVER_TAW, 1.0)
    trim = min(max(state.kc_trim + by, TRIM_BOUNDS[0]), TRIM_BOUNDS[1])
    return replace(state, streak=min(max(streak, -1000), 1000), kc_trim=trim)


def _limited(state: State, untrimmed_etc_mm: float, step_mm: float, day: int) -> tuple[State, float]:
    """The step that is allowed today, and the state with today counted if it goes below 70 % of ETc.

    What the probe leaves of the day's water is the trimmed ETc plus the step. On two days of any seven that may be
    less than 70 % of the untrimmed ETc; on the others the step is cut so that it is not. Until the probe has seen
    full soil it may be off by more than a crop can bear: it may ask for more water, and for no less.
    """
    if not state.knows_full:
        return state, max(step_mm, 0.0)
    recent = tuple(d for d in state.below if abs(day - d) < WINDOW_DAYS)
    least = (LEAST_SHARE_OF_ETC - state.kc_trim) * untrimmed_etc_mm  # never above zero: the trim is at least that
    if step_mm >= least:
        return replace(state, below=recent), step_mm
    if len(recent) < DAYS_BELOW_LEAST:
        return replace(state, below=(*recent, day)), step_mm
    return replace(state, below=recent), least


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and abs(value) < 10**7 else None


def _real(value: object, low: float, high: float) -> float | None:
    return believable(value, low, high) if isinstance(value, int | float) else None
