"""The field: weather, grounds and probes, moved on a grid of absolute time: it does not matter who asks when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..physics.greenhouse import AirState, Climate, climate_at, step_air
from ..physics.roof import roof_w
from ..physics.sky import DAY_S
from .conditions import Conditions
from .config import WorldConfig
from .crop import demand_mm_h
from .ground import Ground
from .nature import ZoneNature
from .plumbing import Plumbing
from .senses import Probe, follow, probes_of, water_content
from .weather import Outside, Weather

_NEAR_S = 1e-6
# Ground and weather move on multiples of these; a solar pump follows the clouds more closely.
_BUSY_S, _SOLAR_S, _DAY_GRID_S, _NIGHT_GRID_S = 300.0, 60.0, 1800.0, 3600.0
_STAYS_BUSY_S = 1800.0


class Field:
    """All grounds under one sky. `moved_s` is the time up to which it has moved."""

    def __init__(self, config: WorldConfig, seed: int, natures: Sequence[ZoneNature], now_s: float) -> None:
        self.config = config
        self.moved_s = now_s
        self.grounds = [
            Ground(zone, nature.soil, nature.crop) for zone, nature in zip(config.zones, natures, strict=True)
        ]
        self.weather = Weather(config.weather, seed)
        self.transmissivity = config.weather.transmissivity if config.weather.cover else 1.0
        self._asked: tuple[float, float, float] | None = None
        self.outside = self._answer = self.weather.at(now_s)
        self._felt: tuple[Outside, Climate] | None = None
        self.rain_mm = self.roof_wh = 0.0
        self._warmths_c = [nature.temperature_c for nature in natures]
        self._air = AirState()
        step_air(self._air, self.outside.sky, 3600.0, self.transmissivity)
        self._busy_until_s = -math.inf
        self._stepped_s = [now_s] * len(self.grounds)
        self._demand_mm = [0.0] * len(self.grounds)
        self._wet_until_s = [-math.inf] * len(self.grounds)
        self.probes: Mapping[str, Probe] = probes_of(config, seed)
        for probe in self.probes.values():
            probe.seen = water_content(self.grounds[probe.zone], probe)

    # ------------------------------------------------------------------------------------------------------- time

    def next_s(self, now_s: float) -> float:
        """When the field moves next: on its grid, or when rain begins or ends."""
        if now_s < self._busy_until_s:
            grid_s = _BUSY_S if self.config.pump.supply == "grid" else _SOLAR_S
        else:
            grid_s = _DAY_GRID_S if 5.0 <= now_s % DAY_S / 3600.0 < 19.0 else _NIGHT_GRID_S
        return min((math.floor(self.moved_s / grid_s + 1e-9) + 1) * grid_s, self.rain_edge_s)

    @property
    def rain_edge_s(self) -> float:
        """When rain next begins or ends."""
        return self.weather.next_change_s(self.moved_s)

    def keep_busy(self, now_s: float) -> None:
        """Water moves: stay on the fine grid for a while."""
        self._busy_until_s = now_s + _STAYS_BUSY_S

    @property
    def rains_on_beds(self) -> bool:
        """Whether it rains, and not on a cover."""
        return not self.config.weather.cover and self.outside.rain_mm_h > 0.0

    def move(self, now_s: float, plumbing: Plumbing, on: Conditions) -> None:
        """Weather, demand, and every ground that is wet or due, up to now."""
        seconds = now_s - self.moved_s
        if seconds > 0.0:
            self._pass_weather(now_s, seconds, on)
        self.moved_s, self._felt = now_s, None
        midnight = now_s % DAY_S < _NEAR_S
        for number, line in enumerate(plumbing.lines):
            if line.drip > 0.0 or line.inflow > 0.0 or self.rains_on_beds:
                self._wet_until_s[number] = now_s + _STAYS_BUSY_S
            enough_s = _BUSY_S if now_s <= self._wet_until_s[number] else _DAY_GRID_S
            if now_s - self._stepped_s[number] >= enough_s - _NEAR_S or midnight:
                self._step_ground(number, now_s, plumbing, on)
        if midnight and seconds > 0.0:
            self._begin_day(now_s)

    def look_up(self, now_s: float, on: Conditions) -> None:
        """Take the weather of this moment, when a fault has changed it."""
        self.outside = self.outside_at(now_s, on)

    def _pass_weather(self, now_s: float, seconds: float, on: Conditions) -> None:
        """Sun, air and rain of the time since the last move, by its middle."""
        weather = self.outside_at(now_s - seconds / 2, on)
        demand = demand_mm_h(
            weather.sky.sun_w_m2, self._air.air_c, weather.sky.vapour_kpa, weather.wind_m_s, self.transmissivity
        )
        rain_mm = weather.rain_mm_h * seconds / 3600.0
        for number, ground in enumerate(self.grounds):
            self._demand_mm[number] += demand * seconds / 3600.0
            if rain_mm > 0.0 and not self.config.weather.cover:
                ground.pour([0.0] * len(ground.subplots), [0.0] * len(ground.subplots), rain_mm)
        self.rain_mm += rain_mm
        self.roof_wh += roof_w(weather.sky.sun_w_m2) * seconds / 3600.0
        step_air(self._air, weather.sky, seconds, self.transmissivity)
        self.look_up(now_s, on)

    def _step_ground(self, number: int, now_s: float, plumbing: Plumbing, on: Conditions) -> None:
        hours = (now_s - self._stepped_s[number]) / 3600.0
        if hours <= 0.0:
            return
        ground = self.grounds[number]
        ground.pour(*plumbing.take(number), 0.0)
        ground.step(hours, self._demand_mm[number])
        self._demand_mm[number], self._stepped_s[number] = 0.0, now_s
        for probe in self.probes.values():
            if self.ground_of(probe, on) is ground:
                follow(probe, ground, hours)

    def _begin_day(self, now_s: float) -> None:
        for zone, ground in zip(self.config.zones, self.grounds, strict=True):
            ground.close_day()
            ground.grow(zone.age_days + now_s / DAY_S)

    # --------------------------------------------------------------------------------------------- what is there

    def outside_at(self, at_s: float, on: Conditions) -> Outside:
        """The weather at a time, with what faults add now. Many sensors ask at once: the last answer is kept."""
        asked = (at_s, on.rain_mm_h, on.warmer_c)
        if self._asked != asked:
            self._asked, self._answer = asked, self.weather.at(*asked)
        return self._answer

    def climate(self, now_s: float, on: Conditions) -> Climate:
        """Air and light where the climate sensors hang: under the cover, or outside."""
        outside = self.outside_at(now_s, on)
        if self._felt is None or self._felt[0] is not outside:
            air = replace(self._air)
            step_air(air, outside.sky, now_s - self.moved_s, self.transmissivity)
            self._felt = outside, climate_at(air, outside.sky, self.transmissivity)
        return self._felt[1]

    def soil_c(self, zone: int) -> float:
        """Warmth of a zone's soil."""
        return self._air.soil_c + self._warmths_c[zone]

    def ground_of(self, probe: Probe, on: Conditions) -> Ground:
        """Where a probe is: its own zone, or where somebody put it."""
        moved = on.moved.get(probe.config.id)
        if moved is None:
            return self.grounds[probe.zone]
        return self.grounds[[zone.id for zone in self.config.zones].index(moved)]
