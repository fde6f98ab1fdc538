"""The sun above a place: what it sends, what a clear sky lets through (FAO-56 chapter 3). Radiation in MJ/m2."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import NamedTuple

from tonnam_edge.agronomy.place import Place

SOLAR_CONSTANT_MJ_M2_MIN = 0.0820


class Sky(NamedTuple):
    """The most that a period can bring to the ground: above the air, and under a clear sky.

    `daylight_h` is how long the sun is up in the period. An hour has `whole_day` False.
    """

    extraterrestrial_mj_m2: float
    clear_mj_m2: float
    daylight_h: float
    whole_day: bool


def of_day(place: Place, day_of_year: int) -> Sky:
    """The sky of one whole day. `day_of_year` (1 to 366) is that of the day computed, not of today."""
    declination, distance = _declination_and_distance(day_of_year)
    latitude = math.radians(place.latitude_deg)
    sunset = _sunset_angle(latitude, declination)
    extraterrestrial = _between(latitude, declination, distance, -sunset, sunset)
    return Sky(extraterrestrial, clear_mj_m2(extraterrestrial, place), 24 / math.pi * sunset, True)


def of_hours(place: Place, middle: datetime, hours: float = 1.0) -> Sky:
    """The sky of a period of some hours around `middle`, an aware time (FAO-56 equations 28 to 33)."""
    if middle.tzinfo is None:
        raise ValueError("the middle of a period needs its time zone")
    solar = middle - (middle.utcoffset() or timedelta()) + timedelta(hours=place.longitude_deg / 15)
    day_of_year = solar.timetuple().tm_yday
    declination, distance = _declination_and_distance(day_of_year)
    latitude = math.radians(place.latitude_deg)
    sunset = _sunset_angle(latitude, declination)
    clock_h = solar.hour + solar.minute / 60 + solar.second / 3600
    angle = math.pi / 12 * (clock_h + _equation_of_time_h(day_of_year) - 12)
    angle = (angle + math.pi) % (2 * math.pi) - math.pi
    half = math.pi / 24 * min(max(hours, 0.0), 24.0)
    start, end = max(angle - half, -sunset), min(angle + half, sunset)
    extraterrestrial = _between(latitude, declination, distance, start, max(end, start))
    up_h = max(end - start, 0.0) * 12 / math.pi
    return Sky(extraterrestrial, clear_mj_m2(extraterrestrial, place), up_h, False)


def clear_mj_m2(extraterrestrial_mj_m2: float, place: Place) -> float:
    """Radiation under a clear sky (FAO-56 equation 37)."""
    return (0.75 + 2e-5 * place.elevation_m) * extraterrestrial_mj_m2


def from_sunshine_mj_m2(sky: Sky, sunshine_h: float) -> float:
    """Radiation of a day by its hours of sunshine (FAO-56 equation 35 with a = 0.25, b = 0.50)."""
    share = min(sunshine_h / sky.daylight_h, 1.0) if sky.daylight_h > 0 else 0.0
    return (0.25 + 0.50 * share) * sky.extraterrestrial_mj_m2


def from_temperature_mj_m2(sky: Sky, t_max_c: float, t_min_c: float, coastal: bool) -> float:
    """Radiation of a day by its range of temperature *in the open* (FAO-56 equation 50), at most that of a clear sky.

    Never for temperatures under a cover: a greenhouse's range is not the sky's.
    """
    adjustment = 0.19 if coastal else 0.16
    return min(adjustment * math.sqrt(max(t_max_c - t_min_c, 0.0)) * sky.extraterrestrial_mj_m2, sky.clear_mj_m2)


def _declination_and_distance(day_of_year: int) -> tuple[float, float]:
    """Solar declination (rad) and inverse relative distance to the sun (FAO-56 equations 24 and 23)."""
    angle = 2 * math.pi / 365 * day_of_year
    return 0.409 * math.sin(angle - 1.39), 1 + 0.033 * math.cos(angle)


def _sunset_angle(latitude: float, declination: float) -> float:
    """Sunset hour angle, rad (FAO-56 equation 25): 0 in the polar night, pi where the sun does not set."""
    return math.acos(min(max(-math.tan(latitude) * math.tan(declination), -1.0), 1.0))


def _equation_of_time_h(day_of_year: int) -> float:
    """Seasonal correction of solar time, hours (FAO-56 equation 32)."""
    b = 2 * math.pi * (day_of_year - 81) / 364
    return 0.1645 * math.sin(2 * b) - 0.1255 * math.cos(b) - 0.025 * math.sin(b)


def _between(latitude: float, declination: float, distance: float, start: float, end: float) -> float:
    """Extraterrestrial radiation between two hour angles (FAO-56 equation 28; a whole day is equation 21)."""
    level = (end - start) * math.sin(latitude) * math.sin(declination)
    tilted = math.cos(latitude) * math.cos(declination) * (math.sin(end) - math.sin(start))
    return max(12 * 60 / math.pi * SOLAR_CONSTANT_MJ_M2_MIN * distance * (level + tilted), 0.0)
