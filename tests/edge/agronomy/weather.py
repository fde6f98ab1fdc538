"""A year of weather to try the sums on: a seeded one of a Thai farm, and a recorded one where the machine has it."""

from __future__ import annotations

import csv
import gzip
import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from tonnam_edge.agronomy import air, sky
from tonnam_edge.agronomy.place import Place

WANG_NAM_KHIAO = Place(latitude_deg=14.4186, longitude_deg=101.8260, elevation_m=350)
FALLON = Place(latitude_deg=39.4575, longitude_deg=-118.77388, elevation_m=1208.5)
RECORDED = Path(os.environ.get("TONNAM_RECORDED_DATA", os.devnull)) / "weather-hourly-agrimet-2015.csv.gz"


@dataclass(frozen=True)
class Day:
    day: date
    t_max_c: float
    t_min_c: float
    vapour_kpa: float
    wind_m_s: float
    radiation_mj_m2: float
    rain_mm: float = 0.0

    @property
    def day_of_year(self) -> int:
        return self.day.timetuple().tm_yday


@dataclass(frozen=True)
class Year:
    name: str
    place: Place
    wind_height_m: float
    days: tuple[Day, ...]


def synthetic_year(seed: int = 4) -> Year:
    """A year of a hot, half humid place: a dry cool season, a hot one, rains."""
    chance = random.Random(seed)
    days = []
    for number in range(365):
        day = date(2025, 1, 1) + timedelta(days=number)
        season = math.sin(2 * math.pi * (number - 30) / 365)
        t_mean = 26 + 4 * season + chance.gauss(0, 1.5)
        span = max(4.0, 11 - 3 * season + chance.gauss(0, 2))
        clear = sky.of_day(WANG_NAM_KHIAO, number + 1).clear_mj_m2
        wet = chance.random() < 0.25 + 0.25 * season
        light = clear * min(max(chance.gauss(0.45 if wet else 0.75, 0.15), 0.12), 1.0)
        t_max, t_min = t_mean + span / 2, t_mean - span / 2
        vapour = air.saturation_kpa(t_min - chance.uniform(0, 3))
        rain = chance.expovariate(1 / 12) if wet else 0.0
        days.append(Day(day, t_max, t_min, vapour, chance.uniform(0.6, 5), light, rain))
    return Year("synthetic", WANG_NAM_KHIAO, 2.0, tuple(days))


def recorded_year() -> Year:
    """The year 2015 at Fallon, Nevada, from its hours (degrees F, miles per hour at 3 m, langley)."""
    with gzip.open(RECORDED, "rt") as lines:
        hours = list(csv.DictReader(lines))
    days = []
    for (month, number), group in groupby(hours, key=lambda row: (int(row["MONTH"]), int(row["DAY"]))):
        rows = list(group)
        warm = [(float(row["OB"]) - 32) / 1.8 for row in rows]
        dew = sum((float(row["TP"]) - 32) / 1.8 for row in rows) / len(rows)
        wind = sum(float(row["WS"]) for row in rows) / len(rows) * 0.44704
        light = sum(float(row["SI"]) for row in rows) * 0.041868
        day = date(2015, month, number)
        days.append(Day(day, max(warm), min(warm), air.saturation_kpa(dew), wind, light))
    return Year("recorded", FALLON, 3.0, tuple(days))


def years() -> Iterator[Year]:
    yield synthetic_year()
    if RECORDED.is_file():
        yield recorded_year()
