"""What a good farmer knows of the place before the season: the usual weather and the crop's usual need, by the week.

Averaged over years that no season is played in. The need is FAO-56's, with the crop and the soil of the site file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.wateruse.farms import AGE_DAYS, EFFICIENCY, FARMS, Farm
from tests.season.site import FIRST_DAY
from tonnam_edge.core.programs.kept import Kept
from tonnam_edge.core.programs.weather import Seen, Sun
from tonnam_sim.physics.greenhouse import AirState, climate_at, step_air
from tonnam_sim.world.config import WeatherConfig
from tonnam_sim.world.weather import Weather

YEARS, FIRST_YEAR = 20, 1_000_001  # seeds of the years that the farmer remembers
WEEK, MOST_DAYS = 7, 91
HOUR_S, DAY_S, AIR_STEP_S = 3600.0, 86_400.0, 600.0
INCH_MM = 25.4
LOCAL = ZoneInfo("Asia/Bangkok")


class Day(NamedTuple):
    """A day's weather: at the crop ET0 in mm and light in J/cm2, outside means in F and %, and rain in inches."""

    et0_mm: float
    light_j_cm2: float
    temp_f: float
    humidity_pct: float
    rain_in: float


@dataclass(frozen=True)
class Climate:
    """Usual days by week, and the usual day of the season."""

    weeks: tuple[Day, ...]
    usual: Day

    def of(self, day: int) -> Day:
        """The usual weather of the week that the day is in."""
        return self.weeks[min(day // WEEK, len(self.weeks) - 1)]


def outside(weather: Weather, day: int) -> tuple[float, float, float]:
    """A day's mean temperature (F) and humidity (%), and its rain (inches), as a weather service tells them."""
    hours = [weather.at(day * DAY_S + (hour + 0.5) * HOUR_S) for hour in range(24)]
    steps = int(DAY_S // AIR_STEP_S)
    rain_mm = sum(weather.rain_mm_h(day * DAY_S + (step + 0.5) * AIR_STEP_S) for step in range(steps)) / 6
    temp_c = sum(hour.sky.air_c for hour in hours) / 24
    return temp_c * 9 / 5 + 32, sum(hour.humidity_pct for hour in hours) / 24, rain_mm / INCH_MM


@cache
def climate(farm: str) -> Climate:
    """The usual weather at a farm."""
    found = [list(_year(FARMS[farm], FIRST_YEAR + number)) for number in range(YEARS)]
    weeks = [
        _mean([day for year in found for day in year[first : first + WEEK]]) for first in range(0, MOST_DAYS, WEEK)
    ]
    return Climate(tuple(weeks), _mean(weeks))


def need_l_day(farm: Farm, day: int) -> float:
    """Litres at the meter that the zone usually needs on a day of that week: Kc x ET0 over efficiency."""
    first = day - day % WEEK
    kc = sum(farm.ground.crop.kc(AGE_DAYS + first + number) for number in range(WEEK)) / WEEK
    return kc * climate(farm.name).of(day).et0_mm * farm.zone.area_m2 / EFFICIENCY


def _year(farm: Farm, seed: int) -> Iterator[Day]:
    """The days of one year, with ET0 reckoned from what good sensors at the crop would say."""
    weather, sun, kept = Weather(farm.config.weather, seed), Sun(farm.plan((), probes=False).site), Kept()
    through = _through(farm.config.weather)
    air = AirState()
    for day in range(MOST_DAYS):
        et0 = light = 0.0
        for hour in range(24):
            seen, w_m2 = _hour(weather, air, day * DAY_S + hour * HOUR_S, through)
            middle = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=LOCAL)
            found, radiation = sun.et0(seen, middle + timedelta(days=day, hours=hour + 0.5), 1.0, kept)
            kept.hours += 1
            sun.learn(seen, found, radiation, middle + timedelta(days=day, hours=hour + 0.5), kept)
            et0 += found.mm
            light += w_m2 * HOUR_S / 1e4
        yield Day(et0, light, *outside(weather, day))


def _hour(weather: Weather, air: AirState, from_s: float, through: float) -> tuple[Seen, float]:
    """Means of an hour at the crop, and its light in W/m2."""
    steps = int(HOUR_S // AIR_STEP_S)
    temp_c = humidity = w_m2 = wind = 0.0
    for step in range(steps):
        sky = weather.at(from_s + (step + 0.5) * AIR_STEP_S)
        step_air(air, sky.sky, AIR_STEP_S, through)
        felt = climate_at(air, sky.sky, through)
        temp_c += felt.air_c / steps
        humidity += felt.humidity_pct / steps
        w_m2 += sky.sky.sun_w_m2 * through / steps
        wind += sky.wind_m_s / steps
    return Seen(air_temperature=temp_c, humidity=humidity, radiation=w_m2, wind_speed=wind), w_m2


def _through(weather: WeatherConfig) -> float:
    return weather.transmissivity if weather.cover else 1.0


def _mean(days: list[Day]) -> Day:
    return Day(*(sum(column) / len(days) for column in zip(*days, strict=True)))
