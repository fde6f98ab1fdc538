"""The climate of some days and of the months: what moves crop coefficients, and stands in for weather."""

from __future__ import annotations

from datetime import date, datetime

from tonnam_edge.agronomy import sky
from tonnam_edge.agronomy.crop import USUAL_CLIMATE, Climate
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.reference_et import WIND_UNDER_COVER_M_S, wind_at_2m_m_s
from tonnam_edge.core.programs.kept import DAY_H, DayAirKept, Kept
from tonnam_edge.site.growing_file import ClimatologyPart, WeatherPart

DAYS_KEPT = 8  # a week that is over, and today
LEAST_HOURS = 12.0  # a day of which less was seen says nothing of its lowest humidity
MIDDLE_OF_MONTH = 15
LEAST_WARMTH_H = 20  # of the last day: of fewer hours nobody knows whether they had its coldest and its warmest
LEAST_RANGE_C = 5.0  # of a day in the open: a thermometer that says less hangs in a cabinet, or it rains


def follow(kept: Kept, humidity_pct: float | None, wind_m_s: float | None, hours: float, day: date) -> None:
    """Keep the lowest humidity and the wind of a day, from what was measured in a period of it."""
    today = day.isoformat()
    if not kept.air or kept.air[-1].day != today:
        kept.air = [*kept.air, DayAirKept(today)][-DAYS_KEPT:]
    of_day = kept.air[-1]
    if humidity_pct is not None:
        of_day.rh_min_pct = round(min(humidity_pct, of_day.rh_min_pct), 1)
        of_day.rh_h = round(of_day.rh_h + hours, 3)
    if wind_m_s is not None:
        of_day.wind_m = round(of_day.wind_m + wind_m_s * hours, 3)
        of_day.wind_h = round(of_day.wind_h + hours, 3)


def note_warmth(kept: Kept, air_c: float | None) -> None:
    """Keep the mean temperature of the period that is over, for a day."""
    kept.warmth = [row for row in kept.warmth if kept.hours - row[0] < DAY_H]
    if air_c is None:
        return
    hour = int(kept.hours)
    if kept.warmth and kept.warmth[-1][0] == hour:
        air_c = (air_c + kept.warmth.pop()[1]) / 2
    kept.warmth.append((hour, round(air_c, 2)))


def extremes_c(kept: Kept) -> tuple[float, float] | None:
    """Lowest and highest temperature of the last 24 hours, but for one hour each that may be a liar's.

    None when too few of them were measured, or when they are so near to each other that they are not the sky's.
    """
    lately = sorted(air_c for hour, air_c in kept.warmth if kept.hours - hour < DAY_H)
    if len(lately) < LEAST_WARMTH_H or lately[-2] - lately[1] < LEAST_RANGE_C:
        return None
    return lately[1], lately[-2]


def of_days(kept: Kept, weather: WeatherPart, today: date, *, under_cover: bool) -> Climate:
    """The means of the last seven days that were seen; else the month's; else FAO-56's own.

    Under a cover the air moves as the fixed resistance says, 1.4 m/s.
    """
    past = [day for day in kept.air if day.day != today.isoformat()]
    humid = [day.rh_min_pct for day in past if day.rh_h >= LEAST_HOURS]
    windy = [day.wind_m / day.wind_h for day in past if day.wind_h >= LEAST_HOURS]
    months = weather.climatology or ClimatologyPart()
    rh_min = _first(_mean(humid), _month(months.rh_min_pct, today), USUAL_CLIMATE.rh_min_pct)
    if under_cover:
        return Climate(WIND_UNDER_COVER_M_S, rh_min)
    measured = _mean(windy)
    wind = None if measured is None else wind_at_2m_m_s(measured, weather.wind_height_m)
    return Climate(_first(wind, _month(months.wind_m_s, today), USUAL_CLIMATE.wind_m_s), rh_min)


def light_share(weather: WeatherPart, place: Place, today: date) -> float | None:
    """What a usual day of the month has of the light above the air; None without a table of months."""
    months = weather.climatology
    if months is None:
        return None
    above = sky.of_day(place, date(today.year, today.month, MIDDLE_OF_MONTH).timetuple().tm_yday)
    if above.extraterrestrial_mj_m2 <= 0:
        return None
    light, sunshine_h = _month(months.radiation_mj_m2, today), _month(months.sunshine_h, today)
    if light is None and sunshine_h is not None:
        light = sky.from_sunshine_mj_m2(above, sunshine_h)
    return None if light is None else light / above.extraterrestrial_mj_m2


def usual_temperatures_c(weather: WeatherPart, place: Place, moment: datetime) -> tuple[float, float]:
    """Lowest and highest of a usual day: the month's, else the place's."""
    months = weather.climatology or ClimatologyPart()
    low, high = _month(months.t_min_c, moment.date()), _month(months.t_max_c, moment.date())
    return (place.usual_t_min_c if low is None else low, place.usual_t_max_c if high is None else high)


def _first(measured: float | None, usual: float | None, otherwise: float) -> float:
    known = usual if measured is None else measured
    return otherwise if known is None else known


def _month(table: tuple[float, ...] | None, day: date) -> float | None:
    return None if table is None else table[day.month - 1]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
