"""The melon greenhouse at Wang Nam Khiao: physics behind devices behind buses, stepped from outside.

    farm = build_farm(seed=1, hour=13.5)
    farm.step(field_s=60.0, wall_s=60.0)
    farm.buses["soil"].execute(1, bytes.fromhex("0300000007"))

Pure: same seed, same steps, same requests, same answers. See firmware-sim/README.md for units, numbers and faults.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from .bus import Bus
from .devices.relay import RelayBoard
from .devices.sensors import AirFelt, CwtLight, CwtSoil, PulseCounter, Qdy30a, Sht20, SoilFelt
from .devices.sunspec import SunSpecInverter
from .physics.greenhouse import CROP_COEFFICIENTS, AirState, Climate, climate_at, step_air
from .physics.noise import Stream, bell, drifting, uniform
from .physics.roof import RoofState, roof_w
from .physics.sky import DAY_S, sky_at
from .physics.soil import SoilState, step_soil
from .physics.water import PULSE_L, WaterState, step_water

PUMP, VALVES = 0, (1, 2)
_LONGEST_STEP_S = 60.0
_NOISE_EVERY_S = 2.0


class BadState(Exception):
    """A saved state that cannot be used; the text says why."""


@dataclass(slots=True)
class FarmState:
    """All that a farm remembers. Relays are not here: the board powers on with all off."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    field_s: float = 0.0
    wall_s: float = 0.0
    sunny_day: int | None = None
    air: AirState = field(default_factory=AirState)
    soil: list[SoilState] = field(default_factory=lambda: [SoilState(), SoilState()])
    water: WaterState = field(default_factory=WaterState)
    roof: RoofState = field(default_factory=RoofState)


class Farm:
    """Two zones, a tank, a house, a roof, and the four buses that reach them."""

    def __init__(self, seed: int, state: FarmState) -> None:
        self.seed = seed
        self.blocked_zones: set[int] = set()
        self._state = state
        self._sky = sky_at(seed, state.field_s, state.sunny_day)
        self.relay = RelayBoard()
        self.relay.tick(state.wall_s)
        self.buses: Mapping[str, Bus] = MappingProxyType(self._wire())

    def step(self, field_s: float, wall_s: float) -> None:
        """Let time pass: `field_s` seconds for soil, tank and weather, `wall_s` for relays, flow and meters.

        Any length; long steps are cut where a relay moves and every 60 field seconds. ValueError for time that does
        not go forward on both clocks.
        """
        if field_s < 0 or wall_s < 0 or (field_s == 0) != (wall_s == 0):
            raise ValueError(f"time must go forward on both clocks, not by {field_s} s and {wall_s} s")
        pace = field_s / wall_s if wall_s else 0.0
        end_s = self._state.wall_s + wall_s
        while end_s - self._state.wall_s > 1e-9:
            flash_end_s = self.relay.next_flash_end_s()
            until_s = min(end_s, self._state.wall_s + _LONGEST_STEP_S / pace)
            self._advance((until_s if flash_end_s is None else min(until_s, flash_end_s)) - self._state.wall_s, pace)

    def state(self) -> dict[str, Any]:
        """A JSON-able copy of all that must survive; give it to `build_farm`."""
        return asdict(self._state)

    @property
    def hour(self) -> float:
        """Hour of the simulated day, 0 to 24."""
        return self._state.field_s % DAY_S / 3600.0

    @property
    def water(self) -> WaterState:
        """Tank, lines and meter as they truly are."""
        return self._state.water

    @property
    def soil(self) -> list[SoilState]:
        """Both zones' water as it truly is."""
        return self._state.soil

    @property
    def climate(self) -> Climate:
        """Air and light inside as they truly are."""
        return climate_at(self._state.air, self._sky)

    @property
    def roof_w(self) -> float:
        """AC power of the solar roof."""
        return roof_w(self._sky.sun_w_m2)

    def probe(self, zone: int, twin: int) -> SoilFelt:
        """What probe a (0) or b (1) of a zone (0, 1) feels, with the errors that it was born with."""
        number = zone * 2 + twin
        born = [bell(self.seed, Stream.PROBE_CHARACTER, number * 4 + part) for part in range(4)]
        noise = self._noise(Stream.PROBE_NOISE, number)
        seen_pct = self._state.soil[zone].seen[twin] * 100.0
        vwc_pct = 0.25 * born[0] + (1.0 + 0.008 * born[1]) * seen_pct + 0.06 * noise
        ec_us_cm = (150.0 + 38.0 * seen_pct) * (1.0 + 0.03 * born[2]) + 3.0 * noise
        soil_c = self._state.air.soil_c - 0.4 * zone + 0.2 * born[3] + 0.03 * noise
        return SoilFelt(vwc_pct, soil_c, ec_us_cm, ph=6.3 + 0.1 * born[3])

    def _advance(self, wall_s: float, pace: float) -> None:
        """One short step, in which no relay moves and the sun stands still."""
        state, field_s = self._state, wall_s * pace
        self._sky = sky_at(self.seed, state.field_s + field_s / 2, state.sunny_day)
        climate = climate_at(state.air, self._sky)
        paths = [self.relay.contact(coil) and zone not in self.blocked_zones for zone, coil in enumerate(VALVES)]
        ripple = 0.02 * (drifting(self.seed, Stream.FLOW_RIPPLE, state.wall_s, 15.0) - 0.5)
        dripped_l = step_water(
            state.water, wall_s, pace, pump_on=self.relay.contact(PUMP), paths_open=paths, ripple=ripple
        )
        for zone, soil in enumerate(state.soil):
            crop_et_mm = climate.reference_et_mm_h * CROP_COEFFICIENTS[zone] * field_s / 3600.0
            step_soil(soil, field_s, dripped_l[zone], crop_et_mm)
        step_air(state.air, self._sky, field_s)
        state.roof.energy_wh += self.roof_w * wall_s / 3600.0
        state.field_s += field_s
        state.wall_s += wall_s
        self.relay.tick(state.wall_s)

    def _noise(self, stream: Stream, number: int = 0) -> float:
        return bell(self.seed, stream, int(self._state.wall_s / _NOISE_EVERY_S) * 8 + number)

    def _air(self) -> AirFelt:
        noise, climate = self._noise(Stream.AIR_NOISE), self.climate
        return AirFelt(climate.air_c + 0.06 * noise, climate.humidity_pct - 0.2 * noise)

    def _lux(self) -> float:
        return self.climate.illuminance_lx * (1.0 + 0.004 * self._noise(Stream.LIGHT_NOISE))

    def _level_cm(self) -> float:
        return self.water.level_cm + 0.06 * self._noise(Stream.TANK_RIPPLE)

    def _wire(self) -> dict[str, Bus]:
        counter = PulseCounter(
            lambda: int(self.water.meter_l / PULSE_L), lambda: self.water.flow_l_min / 60.0 / PULSE_L
        )
        inverter = SunSpecInverter(
            lambda: self.roof_w, lambda: self._state.roof.energy_wh, serial=f"TN{self.seed % 10**8:08d}"
        )
        probes = {
            1 + 2 * zone + twin: CwtSoil(lambda zone=zone, twin=twin: self.probe(zone, twin), 1 + 2 * zone + twin)  # type: ignore[misc]
            for zone in (0, 1)
            for twin in (0, 1)
        }
        return {
            "cabinet": Bus("cabinet", {1: self.relay, 2: Qdy30a(self._level_cm), 3: counter}),
            "climate": Bus("climate", {1: Sht20(self._air), 2: CwtLight(self._lux, self._air)}),
            "inverter": Bus("inverter", {1: inverter}),
            "soil": Bus("soil", probes),
        }


def build_farm(seed: int, hour: float, state: Mapping[str, Any] | None = None, *, sunny: bool = True) -> Farm:
    """A farm at `hour` (0 to 24) of its day, new or going on from a `Farm.state()`.

    With a state the clock goes forward to the next such hour while soil and tank stay as they were. `sunny` makes
    the weather of that one day clear; later days draw their own. BadState when the state cannot be used.
    """
    if not 0.0 <= hour < 24.0:
        raise ValueError(f"hour must be from 0 to under 24, not {hour}")
    remembered = _new_state(seed) if state is None else _restored(state)
    day, second = divmod(remembered.field_s, DAY_S)
    remembered.field_s = (day + (hour * 3600.0 < second - 1.0)) * DAY_S + hour * 3600.0
    remembered.sunny_day = int(remembered.field_s // DAY_S) if sunny else None
    if state is None:
        sky = sky_at(seed, remembered.field_s, remembered.sunny_day)
        step_air(remembered.air, sky, 3600.0)
    return Farm(seed, remembered)


def _new_state(seed: int) -> FarmState:
    """Soil somewhat dry, tank nearly full, meters that have run for a season."""
    draws = [uniform(seed, Stream.FARM_CHARACTER, index) for index in range(5)]
    soil = []
    for zone in (0, 1):
        top = 0.275 + 0.02 * draws[zone]
        soil.append(SoilState(top=top, low=top - 0.02, seen=[top, top]))
    water = WaterState(tank_l=8_500.0 + 1000.0 * draws[2], meter_l=math.floor(150_000 + 100_000 * draws[3]))
    return FarmState(soil=soil, water=water, roof=RoofState(energy_wh=math.floor(3e6 + 1e6 * draws[4])))


def _restored(state: Mapping[str, Any]) -> FarmState:
    try:
        remembered = TypeAdapter(FarmState).validate_python(dict(state))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise BadState(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from wrong
    if len(remembered.soil) != 2 or any(len(soil.seen) != 2 for soil in remembered.soil):
        raise BadState("soil: must hold two zones with two probes each")
    if len(remembered.water.lines_l) != 2 or len(remembered.water.flows_l_min) != 2:
        raise BadState("water: must hold two lines and two flows")
    return remembered
