"""The sun and the weather over Wang Nam Khiao, as functions of field time."""

import math
from dataclasses import dataclass

from .noise import Stream, bell, drifting, uniform

DAY_S = 86_400
LATITUDE_DEG = 14.42
LONGITUDE_DEG = 101.93
FIRST_DAY_OF_YEAR = 324  # 20 November: the rains are over
_ZONE_MERIDIAN_DEG = 105.0  # Asia/Bangkok is UTC+7 all year


@dataclass(frozen=True, slots=True)
class Sky:
    """Weather outside at one instant."""

    sun_w_m2: float
    air_c: float
    vapour_kpa: float


def sun_height(day_of_year: int, clock_h: float) -> float:
    """Sine of the sun's elevation at Thai clock time (FAO-56 equations 24 and 31 to 33). Negative at night."""
    season = 2 * math.pi * (day_of_year - 81) / 364
    solar_time_correction_h = 0.1645 * math.sin(2 * season) - 0.1255 * math.cos(season) - 0.025 * math.sin(season)
    solar_h = clock_h + (LONGITUDE_DEG - _ZONE_MERIDIAN_DEG) / 15 + solar_time_correction_h
    declination = 0.409 * math.sin(2 * math.pi * day_of_year / 365 - 1.39)
    latitude, hour_angle = math.radians(LATITUDE_DEG), math.pi / 12 * (solar_h - 12)
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )


def clear_sky_w_m2(day_of_year: int, clock_h: float) -> float:
    """Global radiation on flat ground under a clear sky (Haurwitz 1945)."""
    height = sun_height(day_of_year, clock_h)
    return 1098.0 * height * math.exp(-0.057 / height) if height > 0.01 else 0.0


def saturation_kpa(air_c: float) -> float:
    """Saturation vapour pressure (FAO-56 equation 11)."""
    return 0.6108 * math.exp(17.27 * air_c / (air_c + 237.3))


def day_clearness(seed: int, day: int, sunny_day: int | None) -> float:
    """How much of the clear-sky radiation a day gets: most dry-season days 0.9 to 1, some 0.45 to 0.8."""
    if day == sunny_day:
        return 0.98
    luck = uniform(seed, Stream.DAY_SKY, day)
    return 0.9 + 0.1 * luck / 0.7 if luck < 0.7 else 0.45 + 0.35 * (luck - 0.7) / 0.3


def sky_at(seed: int, field_s: float, sunny_day: int | None, first_day_of_year: int = FIRST_DAY_OF_YEAR) -> Sky:
    """The weather `field_s` seconds after midnight of the first simulated day."""
    day, second = divmod(field_s, DAY_S)
    clock_h = second / 3600
    clearness = day_clearness(seed, int(day), sunny_day)
    patchy = 1.0 - clearness
    cloud = drifting(seed, Stream.PASSING_CLOUDS, field_s, 1200.0)
    share = clearness * (1.0 - (0.05 + 0.8 * patchy) * cloud)
    sun = clear_sky_w_m2((first_day_of_year + int(day) - 1) % 365 + 1, clock_h) * share
    return Sky(sun, _air_c(seed, int(day), clock_h, clearness), vapour_kpa=saturation_kpa(16.8))


def _air_c(seed: int, day: int, clock_h: float, clearness: float) -> float:
    """Outside air: coldest at 6, warmest at 14:30, two half cosines between; cooler on cloudy days."""
    night_c = 18.0 + 0.8 * bell(seed, Stream.DAY_WARMTH, day)
    next_night_c = 18.0 + 0.8 * bell(seed, Stream.DAY_WARMTH, day + 1)
    warmest_c = night_c + 4.0 + 7.0 * clearness
    if clock_h < 6.0:
        yesterday_c = 18.0 + 0.8 * bell(seed, Stream.DAY_WARMTH, day - 1) + 4.0 + 6.5
        return night_c + (yesterday_c - night_c) * (0.5 + 0.5 * math.cos(math.pi * (clock_h + 9.5) / 15.5))
    if clock_h < 14.5:
        return night_c + (warmest_c - night_c) * (0.5 - 0.5 * math.cos(math.pi * (clock_h - 6.0) / 8.5))
    return next_night_c + (warmest_c - next_night_c) * (0.5 + 0.5 * math.cos(math.pi * (clock_h - 14.5) / 15.5))
