"""The water of a flood gate: a river as a function of seed and time, and a canal that keeps its books.

The gate is a sluice under water (Chow 1959, Open-Channel Hydraulics): Q = 0.6 width opening sqrt(2 g difference), in
both directions. Between two moves of the world every flow is constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..physics.noise import Stream, uniform
from ..physics.sky import DAY_S
from .conditions import Conditions
from .flood_config import FloodConfig, FloodPumpConfig, RiverConfig

_TIDE_S = 44_714.0  # 12.42 h
_DISCHARGE, _G = 0.6, 9.81
_WAVE_RISES_S, _WAVE_FALLS_S = 1.2 * DAY_S, 4.0 * DAY_S
_REACHES_BACK = 12
_NEAR_CM, _PRIMES_CM = 0.5, 5.0  # a pump that drew air draws water again so much higher


def river_cm(config: RiverConfig, seed: int, at_s: float, on: Conditions) -> float:
    """The river at the gate."""
    level = config.mean_cm + config.tide_cm * math.sin(2.0 * math.pi * at_s / _TIDE_S)
    for begins_s, height_cm in _waves(config.wave_days, config.wave_cm, seed, int(at_s // DAY_S)):
        level += height_cm * _wave(at_s - begins_s)
    return level + sum(cm * min(1.0, (at_s - since_s) / rises_s) for cm, since_s, rises_s in on.river_waves)


@lru_cache(maxsize=64)
def _waves(wave_days: float, wave_cm: float, seed: int, today: int) -> tuple[tuple[float, float], ...]:
    """When each wave began that may still be felt on a day, and how high it is."""
    found = []
    for day in range(today - _REACHES_BACK, today + 1):
        if uniform(seed, Stream.FLOOD_WAVE, 3 * day) < 1.0 / wave_days:
            begins_s = (day + uniform(seed, Stream.FLOOD_WAVE, 3 * day + 1)) * DAY_S
            found.append((begins_s, wave_cm * (0.4 + 1.2 * uniform(seed, Stream.FLOOD_WAVE, 3 * day + 2))))
    return tuple(found)


def _wave(since_s: float) -> float:
    """A flood's share of its height: up along a sine, down along an exponential that ends in nothing."""
    if since_s <= 0.0:
        return 0.0
    if since_s < _WAVE_RISES_S:
        return math.sin(math.pi / 2 * since_s / _WAVE_RISES_S) ** 2
    falls = math.exp(-(since_s - _WAVE_RISES_S) / (_WAVE_FALLS_S / 2.5))
    return falls if since_s < (_REACHES_BACK - 1) * DAY_S else 0.0


@dataclass(slots=True)
class FloodPump:
    """A pump's books: cubic metres and seconds since the beginning."""

    config: FloodPumpConfig
    on: bool = False
    float_lets: bool = True
    m3_s: float = 0.0
    pumped_m3: float = 0.0
    running_s: float = 0.0
    dry_s: float = 0.0
    starts: int = 0

    def amperes(self, speed: float) -> float:
        """Its current at that share of its speed: less without water."""
        if not self.on:
            return 0.0
        return self.config.full_load_a * speed * (0.9 + 0.1 * self.m3_s if self.m3_s > 0.0 else 0.35)


@dataclass(slots=True)
class CanalSums:
    """Cubic metres, seconds and centimetres since the beginning."""

    base_m3: float = 0.0
    rain_m3: float = 0.0
    out_m3: float = 0.0
    in_m3: float = 0.0
    flooded_s: float = 0.0
    highest_cm: float = -math.inf
    lowest_cm: float = math.inf


class Canal:
    """Rain, canal, gate and pumps. The world tells positions, then calls `solve`; `advance` lets the flows run."""

    def __init__(self, config: FloodConfig) -> None:
        self._config = config
        self.held_m3 = config.canal.start_cm / 100.0 * config.canal.area_m2
        self.store_m3 = 0.0
        self.pumps: Mapping[str, FloodPump] = {each.id: FloodPump(each) for each in config.pumps}
        self.gate_m3_s = self._base_m3_s = self._rain_m3_s = self._runs_in_m3_s = 0.0
        self.dry = self.floods = False
        self.sums = CanalSums()

    @property
    def level_cm(self) -> float:
        """The canal."""
        return 100.0 * self.held_m3 / self._config.canal.area_m2

    def solve(
        self, river: float, opening: float, speeds: Mapping[str, float], rain_mm_h: float, hold_s: float
    ) -> None:
        """Find the flows that hold for at most `hold_s`: never more than brings canal and river to one level."""
        canal = self._config.canal
        self.floods = self.level_cm > canal.bank_cm
        self.dry = self.level_cm <= canal.intake_cm + (_PRIMES_CM if self.dry else _NEAR_CM)
        self._base_m3_s = canal.base_m3_s
        self._rain_m3_s = rain_mm_h / 3.6e6 * canal.catchment_m2 * canal.runoff
        self._runs_in_m3_s = self.store_m3 / canal.runs_off_s
        self.gate_m3_s = self._through_gate(river, opening, hold_s)
        for name, pump in self.pumps.items():
            pump.m3_s = self._lifted(pump.config, river, speeds[name]) if not self.dry else 0.0
        wanted = sum(pump.m3_s for pump in self.pumps.values())
        able = max(0.0, self.held_m3 - canal.intake_cm / 100.0 * canal.area_m2) / hold_s
        for pump in self.pumps.values():
            pump.m3_s *= min(1.0, able / wanted) if wanted > 0.0 else 0.0

    def _through_gate(self, river: float, opening: float, hold_s: float) -> float:
        """Out into the river; negative: in."""
        gate, level = self._config.gate, self.level_cm
        differs_m = (level - river) / 100.0
        deep_m = min(max(level, river) / 100.0, gate.height_m * max(opening, gate.leaks))
        flow = _DISCHARGE * gate.width_m * max(0.0, deep_m) * math.sqrt(2.0 * _G * abs(differs_m))
        most = min(
            abs(differs_m) / 2.0 * self._config.canal.area_m2, max(0.0, self.held_m3) if differs_m > 0 else 1e12
        )
        return math.copysign(min(flow, most / hold_s), differs_m)

    def _lifted(self, pump: FloodPumpConfig, river: float, speed: float) -> float:
        """m3/s over the dike at that share of its speed."""
        lift = max(0.0, river - self.level_cm) / pump.shutoff_cm
        return pump.m3_s * math.sqrt(max(0.0, speed * speed - lift))

    def advance(self, seconds: float) -> None:
        """Let the flows run."""
        sums = self.sums
        runs_in = self._runs_in_m3_s * seconds
        self.store_m3 += self._rain_m3_s * seconds - runs_in
        lifted = 0.0
        for pump in self.pumps.values():
            lifted += pump.m3_s * seconds
            pump.pumped_m3 += pump.m3_s * seconds
            if pump.on:
                pump.running_s += seconds
                pump.dry_s += seconds if self.dry else 0.0
        through = self.gate_m3_s * seconds
        sums.flooded_s += seconds if self.floods else 0.0
        self.held_m3 += self._base_m3_s * seconds + runs_in - lifted - through
        sums.base_m3 += self._base_m3_s * seconds
        sums.rain_m3 += self._rain_m3_s * seconds
        sums.out_m3 += max(0.0, through)
        sums.in_m3 += max(0.0, -through)
        sums.highest_cm, sums.lowest_cm = max(sums.highest_cm, self.level_cm), min(sums.lowest_cm, self.level_cm)

    def ledger_m3(self) -> float:
        """What came, less what went, less what is more than at the beginning: zero."""
        canal, sums = self._config.canal, self.sums
        began = canal.start_cm / 100.0 * canal.area_m2
        came = sums.base_m3 + sums.rain_m3 + sums.in_m3
        went = sums.out_m3 + sum(pump.pumped_m3 for pump in self.pumps.values())
        return came - went - (self.held_m3 + self.store_m3 - began)
