"""How a figure came about: which inputs were missing or not believable, and what stood in for them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from statistics import median

WEEK_DAYS = 7


class Mark(StrEnum):
    """What was put in the place of something. No mark: everything was measured and believable."""

    REJECTED = "rejected"  # an input could not be true and was treated as missing

    TEMPERATURE_FROM_MEAN = "temperature_from_mean"  # no highest and lowest of the day, only the mean
    TEMPERATURE_DEFAULT = "temperature_default"
    HUMIDITY_FROM_RH_MAX = "humidity_from_rh_max"  # FAO-56 equation 18
    HUMIDITY_FROM_RH_MEAN = "humidity_from_rh_mean"  # FAO-56 equation 19
    HUMIDITY_FROM_TMIN = "humidity_from_tmin"  # FAO-56 equation 48
    HUMIDITY_DEFAULT = "humidity_default"
    WIND_DEFAULT = "wind_default"  # FAO-56 chapter 3: 2 m/s
    CLOUD_DEFAULT = "cloud_default"  # a night whose evening was not seen

    RADIATION_FROM_LUX = "radiation_from_lux"
    RADIATION_FROM_SUNSHINE = "radiation_from_sunshine"  # FAO-56 equation 35
    RADIATION_FROM_OUTSIDE = "radiation_from_outside"  # times the cover's transmissivity
    RADIATION_FROM_FORECAST = "radiation_from_forecast"
    RADIATION_FROM_INVERTER = "radiation_from_inverter"
    RADIATION_FROM_TEMPERATURE = "radiation_from_temperature"  # FAO-56 equation 50, in the open only
    RADIATION_FROM_CLIMATOLOGY = "radiation_from_climatology"
    RADIATION_MEDIAN = "radiation_median"  # of the last seven days
    RADIATION_DEFAULT = "radiation_default"  # half of what comes from the sun above the air
    TRANSMISSIVITY_DEFAULT = "transmissivity_default"
    TRANSMISSIVITY_OLD = "transmissivity_old"  # set more than a year before

    BOUNDED = "bounded"  # the result could not be true and was replaced
    MEDIAN = "median"  # ... by the median of the last seven days

    ET0_UNKNOWN = "et0_unknown"  # the balance went on with the crop's use of late
    RAIN_UNKNOWN = "rain_unknown"  # counted as none
    IRRIGATION_UNKNOWN = "irrigation_unknown"  # counted as none
    TIME_UNKNOWN = "time_unknown"  # the length of the step: counted as none
    DAY_UNKNOWN = "day_unknown"  # the crop's day: counted as the middle of its season


Marks = frozenset[Mark]
NONE: Marks = frozenset()


def believable(value: float | None, low: float, high: float) -> float | None:
    """The value if it lies within low and high, else None. NaN and the infinities never do."""
    return float(value) if value is not None and low <= value <= high else None


def judged(value: float | None, low: float, high: float, marks: set[Mark]) -> float | None:
    """Like `believable`, and adds the mark `rejected` for a value that was given but cannot be true."""
    known = believable(value, low, high)
    if known is None and value is not None:
        marks.add(Mark.REJECTED)
    return known


def week_median(recent: Iterable[float | None], low: float, high: float) -> float | None:
    """The median of the last seven of `recent` (oldest first) that are within low and high; None if none is."""
    good = [known for known in (believable(value, low, high) for value in recent) if known is not None]
    return median(good[-WEEK_DAYS:]) if good else None
