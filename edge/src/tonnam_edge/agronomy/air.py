"""Water vapour in air, and the pressure of air (FAO-56 chapter 3). Temperatures in C, pressures in kPa."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tonnam_edge.agronomy.marks import Mark, judged

LOWEST_C, HIGHEST_C = -40.0, 60.0


def saturation_kpa(t_c: float) -> float:
    """Vapour pressure at saturation (FAO-56 equation 11)."""
    return 0.6108 * math.exp(17.27 * t_c / (t_c + 237.3))


def saturation_slope_kpa_c(t_c: float) -> float:
    """Slope of the saturation curve, kPa/C (FAO-56 equation 13)."""
    return 4098 * saturation_kpa(t_c) / (t_c + 237.3) ** 2


def pressure_kpa(elevation_m: float) -> float:
    """Mean pressure of the air at a height above the sea (FAO-56 equation 7)."""
    return float(101.3 * ((293 - 0.0065 * elevation_m) / 293) ** 5.26)


def psychrometric_kpa_c(elevation_m: float) -> float:
    """The psychrometric constant, kPa/C (FAO-56 equation 8)."""
    return 0.665e-3 * pressure_kpa(elevation_m)


@dataclass(frozen=True, kw_only=True)
class Humidity:
    """What is known of the vapour in the air, best first: pressure, dew point, relative humidity. None: not known."""

    vapour_kpa: float | None = None
    dew_point_c: float | None = None
    rh_max_pct: float | None = None
    rh_min_pct: float | None = None
    rh_mean_pct: float | None = None


def vapour_of_day_kpa(humidity: Humidity, t_max_c: float, t_min_c: float, marks: set[Mark]) -> float:
    """Actual vapour pressure of a day by the best that is known (FAO-56 equations 14, 17, 18, 19, 48).

    Without any humidity the dew point is the day's lowest temperature. Never more than the day's saturation pressure.
    """
    at_max, at_min = saturation_kpa(t_max_c), saturation_kpa(t_min_c)
    saturated = (at_max + at_min) / 2
    measured = _measured_kpa(humidity, saturated, marks)
    if measured is not None:
        return measured
    rh_max = judged(humidity.rh_max_pct, 1, 105, marks)
    rh_min = judged(humidity.rh_min_pct, 1, 105, marks)
    rh_mean = judged(humidity.rh_mean_pct, 1, 105, marks)
    if rh_max is not None and rh_min is not None and rh_min <= rh_max:
        return min((at_min * rh_max + at_max * rh_min) / 200, saturated)
    if rh_max is not None:
        marks.add(Mark.HUMIDITY_FROM_RH_MAX)
        return min(at_min * rh_max / 100, saturated)
    if rh_mean is not None:
        marks.add(Mark.HUMIDITY_FROM_RH_MEAN)
        return min(saturated * rh_mean / 100, saturated)
    marks.add(Mark.HUMIDITY_FROM_TMIN)
    return at_min


USUAL_RH_PCT = 70.0


def vapour_of_hour_kpa(humidity: Humidity, t_c: float, night_t_min_c: float | None, marks: set[Mark]) -> float:
    """Actual vapour pressure of an hour (FAO-56 equation 54), never more than saturation.

    Without any humidity the dew point is the last night's lowest temperature; without that, 70 % is taken.
    """
    saturated = saturation_kpa(t_c)
    measured = _measured_kpa(humidity, saturated, marks)
    if measured is not None:
        return measured
    rh = judged(humidity.rh_mean_pct, 1, 105, marks)
    if rh is not None:
        return min(saturated * rh / 100, saturated)
    night = judged(night_t_min_c, LOWEST_C, HIGHEST_C, marks)
    if night is not None:
        marks.add(Mark.HUMIDITY_FROM_TMIN)
        return min(saturation_kpa(night), saturated)
    marks.add(Mark.HUMIDITY_DEFAULT)
    return saturated * USUAL_RH_PCT / 100


def _measured_kpa(humidity: Humidity, saturated_kpa: float, marks: set[Mark]) -> float | None:
    """Vapour pressure as measured or by the dew point. A little over saturation is the sensor's error."""
    vapour = judged(humidity.vapour_kpa, 0.01, saturated_kpa * 1.1, marks)
    if vapour is None:
        dew_point = judged(humidity.dew_point_c, LOWEST_C, HIGHEST_C, marks)
        if dew_point is not None:
            vapour = judged(saturation_kpa(dew_point), 0.01, saturated_kpa * 1.1, marks)
    return None if vapour is None else min(vapour, saturated_kpa)
