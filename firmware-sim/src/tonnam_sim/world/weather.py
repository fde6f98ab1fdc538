"""Weather for whole seasons: the sun and air of `physics.sky`, with showers and wind. A function of seed and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from ..physics.noise import Stream, drifting, uniform
from ..physics.sky import DAY_S, Sky, saturation_kpa, sky_at
from .config import WeatherConfig

_SHOWERS = 2
# Rain evaporates into the air that it falls through: while it falls the air is so near to its most vapour.
_WET = 0.9


@dataclass(frozen=True, slots=True)
class Shower:
    """Rain from `from_s` to `until_s`, world time, at one rate."""

    from_s: float
    until_s: float
    mm_h: float


@dataclass(frozen=True, slots=True)
class Outside:
    """The weather over the field at one instant."""

    sky: Sky
    wind_m_s: float
    rain_mm_h: float

    @property
    def humidity_pct(self) -> float:
        """Relative humidity outside, %."""
        return min(100.0, 100.0 * self.sky.vapour_kpa / saturation_kpa(self.sky.air_c))


class Weather:
    """The weather of one seed. Times in seconds since midnight before the first day."""

    def __init__(self, config: WeatherConfig, seed: int) -> None:
        self.config = config
        self._seed = seed
        self._showers = lru_cache(maxsize=8)(self._showers_of)

    def at(self, at_s: float, extra_mm_h: float = 0.0, warmer_c: float = 0.0) -> Outside:
        """The weather at a time, with what a fault adds."""
        rain_mm_h = self.rain_mm_h(at_s) + extra_mm_h
        plain = sky_at(self._seed, at_s, None, self.config.first_day_of_year)
        grey = 0.25 if rain_mm_h > 0 else 0.6 if self._showers(int(at_s // DAY_S)) else 1.0
        air_c = plain.air_c + self.config.warmer_c + warmer_c - (3.0 if rain_mm_h > 0 else 0.0)
        moist = 1.15 if grey < 1.0 else 1.0
        most_kpa, wet = 0.97 * saturation_kpa(air_c), _WET if rain_mm_h > 0 else 0.0
        vapour_kpa = plain.vapour_kpa * moist * math.exp(0.03 * self.config.warmer_c)
        vapour_kpa = min(most_kpa, max(vapour_kpa, wet * most_kpa))
        return Outside(Sky(plain.sun_w_m2 * grey, air_c, vapour_kpa), self._wind_m_s(at_s, rain_mm_h), rain_mm_h)

    def rain_mm_h(self, at_s: float) -> float:
        """How hard it rains."""
        day = int(at_s // DAY_S)
        return sum(
            shower.mm_h
            for shower in (*self._showers(day - 1), *self._showers(day))
            if shower.from_s <= at_s < shower.until_s
        )

    def next_change_s(self, after_s: float) -> float:
        """When rain next begins or ends; infinite when not today or tomorrow."""
        day = int(after_s // DAY_S)
        return min(
            (
                edge
                for near in (day - 1, day, day + 1)
                for shower in self._showers(near)
                for edge in (shower.from_s, shower.until_s)
                if edge > after_s
            ),
            default=math.inf,
        )

    def _showers_of(self, day: int) -> tuple[Shower, ...]:
        """Afternoon and evening showers of a wet day, on whole seconds; a third of wet days has two."""
        luck = [uniform(self._seed, Stream.SHOWERS, day * 8 + part) for part in range(8)]
        if luck[0] >= self.config.wet_days:
            return ()
        showers = []
        for number in range(_SHOWERS if luck[1] < 1 / 3 else 1):
            from_s = float(day * DAY_S + round((13.0 + 4.0 * number + 3.0 * luck[2 + number]) * 3600))
            lasts_s = round((0.3 + 1.7 * luck[4 + number]) * 3600)
            fall_mm = self.config.shower_mm * -math.log(1.0 - 0.99 * luck[6 + number])
            showers.append(Shower(from_s, from_s + lasts_s, fall_mm / lasts_s * 3600))
        return tuple(showers)

    def _wind_m_s(self, at_s: float, rain_mm_h: float) -> float:
        """Calm nights, a breeze in the afternoon, gusts with showers."""
        hour = at_s % DAY_S / 3600
        breeze = 0.4 + 2.2 * max(0.0, math.sin(math.pi * (hour - 7.0) / 13.0)) if 7.0 <= hour <= 20.0 else 0.4
        wander = 0.4 + 1.2 * drifting(self._seed, Stream.WIND, at_s, 900.0)
        return breeze * wander + (4.0 * wander if rain_mm_h > 0 else 0.0)
