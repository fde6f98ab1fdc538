"""Watering of substrate by the light: so many millilitres a plant for so many J/cm2 of sun.

A bag holds hours of water, not days: plants there are watered by what they have just used, and that is the light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from tonnam_edge.agronomy.marks import believable

J_CM2_PER_J_M2 = 1e-4
MOST_LIGHT_W_M2 = 1500.0
LONGEST_STEP_S = 900.0  # a reading says nothing of longer than that
MOST_SAVED_DOSES = 2.0  # after an outage light counts for at most so many doses
TRIM_BOUNDS = (0.7, 1.3)
TRIM_PER_DAY = 0.05
DEAD_BAND_OF_DRAIN = 0.05  # a drain share so near the target changes nothing
MOST_SECONDS = 400 * 86400.0


class Cause(StrEnum):
    """Why a dose is due."""

    LIGHT = "light"
    INTERVAL = "interval"  # the longest interval has passed, whatever the light


@dataclass(frozen=True, kw_only=True)
class LightSum:
    """`dose_ml_plant` for each `dose_j_cm2` of light; not before the least interval, at the latest after the most.

    `drain_share` is the wanted part of a dose that runs out; `drain_ec_ms_cm` the EC of the drain above which salts
    must be washed out. Raises ValueError for what cannot be.
    """

    dose_ml_plant: float
    dose_j_cm2: float
    least_interval_s: float
    most_interval_s: float
    drain_share: float | None = None
    drain_ec_ms_cm: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.dose_ml_plant <= 20_000 or not 1 <= self.dose_j_cm2 <= 5000:
            raise ValueError("a dose is 1 to 20000 mL a plant, for 1 to 5000 J/cm2")
        if not 60 <= self.least_interval_s <= self.most_interval_s <= 7 * 86400:
            raise ValueError("the intervals are between a minute and a week, the least first")
        if self.drain_share is not None and not 0 < self.drain_share < 0.8:
            raise ValueError("the drain share is between 0 and 0.8")


@dataclass(frozen=True)
class State:
    """Light and time since the last dose, and the trim of the dose. JSON-able by `dataclasses.asdict`; comes back by
    `restored`. Of the light `guessed_j_cm2` was not measured: it is what is usual at that hour."""

    j_cm2: float = 0.0
    since_dose_s: float = 0.0
    trim: float = 1.0
    trimmed_day: int | None = None
    guessed_j_cm2: float = 0.0


class Dose(NamedTuple):
    """A dose that is due: mL for each plant."""

    ml_plant: float
    cause: Cause


def advance(
    state: State, settings: LightSum, *, seconds: float | None, light_w_m2: float | None, guessed: bool = False
) -> State:
    """Add a step's light, W/m2 at the crop. Light that is unknown or cannot be true adds none, only time: the longest
    interval still waters."""
    span = believable(seconds, 0.0, MOST_SECONDS) or 0.0
    light = believable(light_w_m2, 0.0, MOST_LIGHT_W_M2)
    seen = min(span, LONGEST_STEP_S) if light is not None else 0.0
    added = (light or 0.0) * seen * J_CM2_PER_J_M2
    return replace(
        state,
        j_cm2=min(state.j_cm2 + added, MOST_SAVED_DOSES * settings.dose_j_cm2),
        since_dose_s=min(state.since_dose_s + span, MOST_SECONDS),
        guessed_j_cm2=min(state.guessed_j_cm2 + (added if guessed else 0.0), MOST_SAVED_DOSES * settings.dose_j_cm2),
    )


def due(state: State, settings: LightSum) -> Dose | None:
    """The dose that is due now, if one is."""
    if state.since_dose_s < settings.least_interval_s:
        return None
    dose = settings.dose_ml_plant * state.trim
    if state.j_cm2 >= settings.dose_j_cm2:
        return Dose(dose, Cause.LIGHT)
    return Dose(dose, Cause.INTERVAL) if state.since_dose_s >= settings.most_interval_s else None


def seconds_to_due(state: State, settings: LightSum) -> float:
    """How long until the longest interval, or until the least one if the light is already enough."""
    until = settings.least_interval_s if state.j_cm2 >= settings.dose_j_cm2 else settings.most_interval_s
    return max(until - state.since_dose_s, 0.0)


def dosed(state: State, settings: LightSum, share: float = 1.0) -> State:
    """After a dose of which this share was given: so much of its light is used up, the rest counts for the next one.
    One that failed is due again after the least interval."""
    given = min(max(share, 0.0), 1.0)
    waited_s = min(state.since_dose_s, settings.most_interval_s) - settings.least_interval_s
    left = max(state.j_cm2 - given * settings.dose_j_cm2, 0.0)
    return replace(
        state,
        j_cm2=left,
        since_dose_s=(1 - given) * max(waited_s, 0.0),
        guessed_j_cm2=min(state.guessed_j_cm2, left),
    )


def trimmed(
    state: State, settings: LightSum, *, local_day: int, drained_share: float | None, drain_ec_ms_cm: float | None
) -> State:
    """Trim the dose once a day by the last day's drain: too little or too salty, more water; too much, less.

    At most 5 % a day, within 0.7 and 1.3. Salt goes first: while the drain is too salty the dose never shrinks.
    `drained_share` is drain over dose; None or what cannot be true changes nothing.
    """
    if state.trimmed_day == local_day:
        return state
    by = 0.0
    drained = believable(drained_share, 0.0, 1.0)
    if settings.drain_share is not None and drained is not None:
        missing = settings.drain_share - drained
        by = 0.0 if abs(missing) <= DEAD_BAND_OF_DRAIN else min(max(missing, -TRIM_PER_DAY), TRIM_PER_DAY)
    ec = believable(drain_ec_ms_cm, 0.0, 30.0)
    if settings.drain_ec_ms_cm is not None and ec is not None and ec > settings.drain_ec_ms_cm:
        by = TRIM_PER_DAY
    return replace(state, trim=min(max(state.trim + by, TRIM_BOUNDS[0]), TRIM_BOUNDS[1]), trimmed_day=local_day)


def restored(kept: Mapping[str, object]) -> State:
    """A state from what was kept as JSON. What cannot be true in it is forgotten."""
    day = kept.get("trimmed_day")
    return State(
        j_cm2=_real(kept.get("j_cm2"), 0, 1e5) or 0.0,
        since_dose_s=_real(kept.get("since_dose_s"), 0, MOST_SECONDS) or 0.0,
        trim=_real(kept.get("trim"), *TRIM_BOUNDS) or 1.0,
        trimmed_day=day if isinstance(day, int) and abs(day) < 10**7 else None,
        guessed_j_cm2=_real(kept.get("guessed_j_cm2"), 0, 1e5) or 0.0,
    )


def _real(value: object, low: float, high: float) -> float | None:
    return believable(value, low, high) if isinstance(value, int | float) else None
