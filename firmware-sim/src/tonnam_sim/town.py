"""A small town: dust in its air, showers, and a river that answers the rain hours later. Pure, like the farm."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from .farm import BadState
from .physics.noise import Stream, bell, drifting, uniform
from .physics.sky import DAY_S, saturation_kpa, sky_at

BED_M, BANK_M = 0.0, 4.5
TIP_MM = 0.2
_LONGEST_STEP_S = 300.0
_HOUR_S = 3600.0
_LOW_WATER_M = 1.6
_M_PER_MM = 0.075
_HILLS_S, _CHANNEL_S = 1.5 * _HOUR_S, 7.0 * _HOUR_S
_WASHED_AIR_S = 5.0 * _HOUR_S


@dataclass(slots=True)
class TownState:
    """All that a town remembers. The rain total never goes back; water upstream is in mm over the catchment."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    field_s: float = 0.0
    rain_mm: float = 0.0
    hills_mm: float = 0.0
    channel_mm: float = 2.0
    washed: float = 0.0


@dataclass(frozen=True, slots=True)
class TownAir:
    """Air at the market: dust in ug/m3, C, %RH."""

    pm1: float
    pm2_5: float
    pm10: float
    air_c: float
    humidity_pct: float


class Town:
    """Stepped from outside in field time; the same seed and hours give the same showers."""

    def __init__(self, seed: int, state: TownState) -> None:
        self.seed = seed
        self._state = state

    def step(self, field_s: float) -> None:
        """Let `field_s` seconds pass; any length."""
        if field_s < 0:
            raise ValueError(f"time must go forward, not by {field_s} s")
        while field_s > 0:
            self._advance(min(field_s, _LONGEST_STEP_S))
            field_s -= min(field_s, _LONGEST_STEP_S)

    def state(self) -> dict[str, Any]:
        """A JSON-able copy of all that must survive; give it to `build_town`."""
        return asdict(self._state)

    @property
    def field_s(self) -> float:
        """Seconds since midnight of the first simulated day."""
        return self._state.field_s

    @property
    def rain_total_mm(self) -> float:
        """What the tipping bucket has counted since it was put up."""
        return round(math.floor(self._state.rain_mm / TIP_MM + 1e-6) * TIP_MM, 1)

    @property
    def river_m(self) -> float:
        """Water above the river's bed at the bridge; the gauge bobs by a few millimetres."""
        bob_m = 0.003 * bell(self.seed, Stream.TOWN_NOISE, int(self._state.field_s / 5.0))
        return max(BED_M, _LOW_WATER_M + _M_PER_MM * self._state.channel_mm + bob_m)

    @property
    def air(self) -> TownAir:
        """Air now: most dust after breakfast and in the still evening; rain washes it out for hours."""
        at_s, hour = self._state.field_s, self._state.field_s % DAY_S / _HOUR_S
        haze = 0.6 + 0.9 * drifting(self.seed, Stream.DUST_SLOW, at_s, 12 * _HOUR_S)
        course_ug = 20.0 + 14.0 * _hump(hour, 7.5, 2.0) + 12.0 * _hump(hour, 21.0, 3.0)
        flicker = 1.0 + 0.05 * bell(self.seed, Stream.DUST_FAST, int(at_s / 10.0))
        pm2_5 = course_ug * haze * flicker * (1.0 - 0.55 * self._state.washed)
        sky = sky_at(self.seed, at_s, None)
        air_c = sky.air_c - 2.0 * self._state.washed
        humidity_pct = min(99.0, 100.0 * sky.vapour_kpa / saturation_kpa(air_c) + 25.0 * self._state.washed)
        return TownAir(0.66 * pm2_5, pm2_5, 1.5 * pm2_5 + 4.0, air_c, humidity_pct)

    def _advance(self, field_s: float) -> None:
        state = self._state
        fallen_mm = rain_mm_h(self.seed, state.field_s + field_s / 2) * field_s / _HOUR_S
        from_hills_mm = state.hills_mm * -math.expm1(-field_s / _HILLS_S)
        state.rain_mm += fallen_mm
        state.hills_mm += fallen_mm - from_hills_mm
        state.channel_mm += from_hills_mm - state.channel_mm * -math.expm1(-field_s / _CHANNEL_S)
        state.washed *= math.exp(-field_s / _WASHED_AIR_S)
        state.washed += (1.0 - state.washed) * -math.expm1(-fallen_mm / 4.0)
        state.field_s += field_s


def _hump(hour: float, peak_h: float, width_h: float) -> float:
    distance_h = (hour - peak_h + 12.0) % 24.0 - 12.0
    return math.exp(-0.5 * (distance_h / width_h) ** 2)


def rain_mm_h(seed: int, field_s: float) -> float:
    """Rain now: showers begin in some hours, most of them in the afternoon, and last 20 to 50 minutes."""
    hour = int(field_s // _HOUR_S)
    return sum(_shower_mm_h(seed, began, field_s) for began in (hour - 1, hour))


def _shower_mm_h(seed: int, hour: int, field_s: float) -> float:
    chance, start, length, strength = (uniform(seed, Stream.SHOWER, hour * 4 + part) for part in range(4))
    if chance >= (0.09 if 13 <= hour % 24 < 20 else 0.025):
        return 0.0
    length_s = 1200.0 + 1800.0 * length
    part = (field_s - hour * _HOUR_S - start * _HOUR_S) / length_s
    return (4.0 + 40.0 * strength**2) * math.sin(math.pi * part) if 0.0 < part < 1.0 else 0.0


def build_town(seed: int, hour: float, state: Mapping[str, Any] | None = None) -> Town:
    """A town at `hour` (0 to 24) of its day, new or going on from a `Town.state()`; BadState if unusable."""
    if not 0.0 <= hour < 24.0:
        raise ValueError(f"hour must be from 0 to under 24, not {hour}")
    if state is None:
        season_mm = math.floor(300.0 + 200.0 * uniform(seed, Stream.FARM_CHARACTER, 9))
        return Town(seed, TownState(field_s=hour * _HOUR_S, rain_mm=season_mm))
    try:
        remembered = TypeAdapter(TownState).validate_python(dict(state))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise BadState(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from wrong
    day, second = divmod(remembered.field_s, DAY_S)
    remembered.field_s = (day + (hour * _HOUR_S < second - 1.0)) * DAY_S + hour * _HOUR_S
    return Town(seed, remembered)
