"""Reference evapotranspiration ET0 by FAO-56 Penman-Monteith, for a day or an hour, in the open or under a cover.

Under a cover the aerodynamic resistance is fixed at 150 s/m (Fernandez and others 2010, lysimeters in Almeria),
whatever a wind sensor says. The result is always a number within bounds, and marks say what stood in for what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tonnam_edge.agronomy import air
from tonnam_edge.agronomy.air import HIGHEST_C, LOWEST_C, Humidity
from tonnam_edge.agronomy.marks import NONE, Mark, Marks, judged, week_median
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.radiation import Radiation

BOUNDS_OUTSIDE_MM_DAY = (0.0, 15.0)
BOUNDS_UNDER_COVER_MM_DAY = (0.3, 8.0)
BOUNDS_OUTSIDE_MM_H = (0.0, 1.5)
BOUNDS_UNDER_COVER_MM_H = (0.0, 0.8)

RESISTANCE_UNDER_COVER_S_M = 150.0
WIND_UNDER_COVER_M_S = 208 / RESISTANCE_UNDER_COVER_S_M  # 1.4 m/s in the usual form (FAO-56 equation 4, box 4)
DEFAULT_WIND_M_S = 2.0  # FAO-56 chapter 3, wind speed missing
LEAST_WIND_M_S = 0.5  # FAO-56 chapter 3: the air over a crop is never quite still
ALBEDO = 0.23
STEFAN_BOLTZMANN_MJ_K4_M2_DAY = 4.903e-9
LEAST_CLEARNESS = 0.3  # of Rs/Rso; a dense cover of cloud
DEFAULT_CLEARNESS = 0.6  # of a night whose evening was not seen
LEAST_SKY_MJ_M2 = 0.1  # of a clear sky; a sun lower than that says nothing of the clouds

_SUBSTITUTED = frozenset(
    {Mark.BOUNDED, Mark.MEDIAN, Mark.TEMPERATURE_DEFAULT, Mark.RADIATION_MEDIAN, Mark.RADIATION_DEFAULT}
)


class Et0(NamedTuple):
    """Reference evapotranspiration in mm (litres per m2) of the period asked for, and how it is known."""

    mm: float
    marks: Marks = NONE

    @property
    def own(self) -> bool:
        """Whether it follows from this period's own weather, so that it may count for later medians."""
        return not self.marks & _SUBSTITUTED


@dataclass(frozen=True, kw_only=True)
class DayAir:
    """What was measured of a day's air. None: not known. Wind counts in the open only."""

    t_max_c: float | None = None
    t_min_c: float | None = None
    t_mean_c: float | None = None
    humidity: Humidity = field(default_factory=Humidity)
    wind_m_s: float | None = None
    wind_height_m: float = 2.0
    soil_heat_mj_m2: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HourAir:
    """What was measured of an hour's air. `night_t_min_c` is the last day's lowest, for want of a hygrometer.

    `clearness` is Rs/Rso of the last hours before sunset, for the hours of the night (see `clearness_of`).
    """

    t_c: float | None = None
    humidity: Humidity = field(default_factory=Humidity)
    wind_m_s: float | None = None
    wind_height_m: float = 2.0
    night_t_min_c: float | None = None
    clearness: float | None = None


def daily(
    place: Place, weather: DayAir, light: Radiation, *, under_cover: bool, recent_mm: Sequence[float | None] = ()
) -> Et0:
    """ET0 of a day, mm (FAO-56 equation 6). `light` is from `radiation.outside` or `radiation.inside`, of that day.

    A result outside 0 to 15 mm, under cover 0.3 to 8 mm, is marked and replaced by the median of the last seven of
    `recent_mm` (own results of earlier days, oldest first), without one by the bound. Without any temperature the
    median is taken, and without one the place's usual temperatures.
    """
    low, high = BOUNDS_UNDER_COVER_MM_DAY if under_cover else BOUNDS_OUTSIDE_MM_DAY
    marks = set(light.marks)
    temperatures = _temperatures(weather, marks)
    if temperatures is None:
        usual = week_median(recent_mm, low, high)
        if usual is not None:
            return Et0(usual, frozenset(marks | {Mark.MEDIAN}))
        marks.add(Mark.TEMPERATURE_DEFAULT)
        temperatures = place.usual_t_max_c, place.usual_t_min_c
    wind = _wind_m_s(weather.wind_m_s, weather.wind_height_m, under_cover, marks)
    mm = _of_day(place, weather, temperatures, wind, light, marks)
    return _within(mm, low, high, recent_mm, marks)


def hourly(
    place: Place, weather: HourAir, light: Radiation, *, under_cover: bool, recent_mm: Sequence[float | None] = ()
) -> Et0:
    """ET0 of an hour, mm (FAO-56 equation 53), never below zero. `light` is of that hour.

    A result above 1.5 mm, under cover 0.8 mm, is marked and replaced: by the median of `recent_mm` (the same hour of
    earlier days), else by the bound.
    """
    low, high = BOUNDS_UNDER_COVER_MM_H if under_cover else BOUNDS_OUTSIDE_MM_H
    marks = set(light.marks)
    t_c = judged(weather.t_c, LOWEST_C, HIGHEST_C, marks)
    if t_c is None:
        usual = week_median(recent_mm, low, high)
        if usual is not None:
            return Et0(usual, frozenset(marks | {Mark.MEDIAN}))
        marks.add(Mark.TEMPERATURE_DEFAULT)
        t_c = (place.usual_t_max_c + place.usual_t_min_c) / 2
    wind = _wind_m_s(weather.wind_m_s, weather.wind_height_m, under_cover, marks)
    return _within(max(_of_hour(place, weather, t_c, wind, light, marks), 0.0), low, high, recent_mm, marks)


def of_hours(hours: Iterable[Et0], *, under_cover: bool, recent_mm: Sequence[float | None] = ()) -> Et0:
    """ET0 of a day as the sum of its hours, within the bounds of a day, with all their marks."""
    known = tuple(hours)
    low, high = BOUNDS_UNDER_COVER_MM_DAY if under_cover else BOUNDS_OUTSIDE_MM_DAY
    marks = {mark for hour in known for mark in hour.marks}
    return _within(sum(hour.mm for hour in known), low, high, recent_mm, marks)


def clearness_of(light: Iterable[Radiation]) -> float | None:
    """Rs/Rso of the last hours before sunset, for `HourAir.clearness`; None when the sky was too low to tell."""
    seen = tuple(light)
    clear = sum(hour.clear_mj_m2 for hour in seen)
    if not clear > LEAST_SKY_MJ_M2:
        return None
    return min(max(sum(hour.mj_m2 for hour in seen) / clear, LEAST_CLEARNESS), 1.0)


def _of_day(
    place: Place, weather: DayAir, temperatures: tuple[float, float], wind: float, light: Radiation, marks: set[Mark]
) -> float:
    t_max, t_min = temperatures
    mean = (t_max + t_min) / 2
    saturated = (air.saturation_kpa(t_max) + air.saturation_kpa(t_min)) / 2  # never that of the mean temperature
    vapour = air.vapour_of_day_kpa(weather.humidity, t_max, t_min, marks)
    emitted = STEFAN_BOLTZMANN_MJ_K4_M2_DAY * ((t_max + 273.16) ** 4 + (t_min + 273.16) ** 4) / 2
    net = net_radiation_mj_m2(light, emitted, vapour, DEFAULT_CLEARNESS)
    soil_heat = judged(weather.soil_heat_mj_m2, -10, 10, marks) or 0.0
    return _penman_monteith_mm(place, mean, net - soil_heat, saturated - vapour, wind, 900.0)


def _of_hour(place: Place, weather: HourAir, t_c: float, wind: float, light: Radiation, marks: set[Mark]) -> float:
    vapour = air.vapour_of_hour_kpa(weather.humidity, t_c, weather.night_t_min_c, marks)
    day = light.clear_mj_m2 > 0
    clearness = judged(weather.clearness, 0.0, 1.5, marks)
    if clearness is None and light.clear_mj_m2 <= LEAST_SKY_MJ_M2:
        marks.add(Mark.CLOUD_DEFAULT)
    emitted = STEFAN_BOLTZMANN_MJ_K4_M2_DAY / 24 * (t_c + 273.16) ** 4
    net = net_radiation_mj_m2(light, emitted, vapour, DEFAULT_CLEARNESS if clearness is None else clearness)
    soil_heat = net * (0.1 if day else 0.5)  # FAO-56 equations 45 and 46
    return _penman_monteith_mm(place, t_c, net - soil_heat, air.saturation_kpa(t_c) - vapour, wind, 37.0)


def net_radiation_mj_m2(light: Radiation, emitted_mj_m2: float, vapour_kpa: float, night_clearness: float) -> float:
    """Net radiation (FAO-56 equations 38 to 40). `emitted_mj_m2` is sigma T^4 of the period.

    At night and with a low sun `night_clearness` says how clear the sky is. Under a cover the light is compared with
    that of a clear sky under the same cover.
    """
    clearness = light.mj_m2 / light.clear_mj_m2 if light.clear_mj_m2 > LEAST_SKY_MJ_M2 else night_clearness
    cloud = 1.35 * min(max(clearness, LEAST_CLEARNESS), 1.0) - 0.35
    return (1 - ALBEDO) * light.mj_m2 - emitted_mj_m2 * (0.34 - 0.14 * math.sqrt(vapour_kpa)) * cloud


def wind_at_2m_m_s(wind_m_s: float, height_m: float) -> float:
    """Wind measured at a height, brought to 2 m (FAO-56 equation 47)."""
    if height_m == 2:
        return wind_m_s
    return wind_m_s * 4.87 / math.log(67.8 * height_m - 5.42)


def _penman_monteith_mm(
    place: Place, t_c: float, energy_mj_m2: float, deficit_kpa: float, wind_m_s: float, numerator: float
) -> float:
    """FAO-56 equations 6 (numerator 900, a day) and 53 (37, an hour)."""
    slope, gamma = air.saturation_slope_kpa_c(t_c), air.psychrometric_kpa_c(place.elevation_m)
    drying = gamma * numerator / (t_c + 273) * wind_m_s * deficit_kpa
    return (0.408 * slope * energy_mj_m2 + drying) / (slope + gamma * (1 + 0.34 * wind_m_s))


def _temperatures(weather: DayAir, marks: set[Mark]) -> tuple[float, float] | None:
    """Highest and lowest of the day; of the mean alone both are made."""
    t_max = judged(weather.t_max_c, LOWEST_C, HIGHEST_C, marks)
    t_min = judged(weather.t_min_c, LOWEST_C, HIGHEST_C, marks)
    if t_max is not None and t_min is not None:
        if t_min <= t_max:
            return t_max, t_min
        marks.add(Mark.REJECTED)
    mean = judged(weather.t_mean_c, LOWEST_C, HIGHEST_C, marks)
    if mean is None:
        return None
    marks.add(Mark.TEMPERATURE_FROM_MEAN)
    return mean, mean


def _wind_m_s(wind_m_s: float | None, height_m: float, under_cover: bool, marks: set[Mark]) -> float:
    if under_cover:
        return WIND_UNDER_COVER_M_S
    wind, height = judged(wind_m_s, 0, 40, marks), judged(height_m, 0.5, 200, marks)
    if wind is None or height is None:
        marks.add(Mark.WIND_DEFAULT)
        return DEFAULT_WIND_M_S
    return max(wind_at_2m_m_s(wind, height), LEAST_WIND_M_S)


def _within(mm: float, low: float, high: float, recent_mm: Sequence[float | None], marks: set[Mark]) -> Et0:
    if low <= mm <= high:
        return Et0(mm, frozenset(marks))
    usual = week_median(recent_mm, low, high)
    if usual is not None:
        return Et0(usual, frozenset(marks | {Mark.BOUNDED, Mark.MEDIAN}))
    return Et0(high if mm > high else low, frozenset(marks | {Mark.BOUNDED}))
