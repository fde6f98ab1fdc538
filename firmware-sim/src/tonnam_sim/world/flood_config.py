"""What a flood gate's world is made of: a river outside, a canal inside, a sluice gate and pumps between them.

Levels are centimetres above the gauges' common zero, which is the floor of the canal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .config import BoardConfig, BusConfig, Coil, ValveConfig, ValveKind, WeatherConfig

_GATE = ValveConfig(Coil(0, 2), ValveKind.MOTORISED, 60.0)
_RAINS = WeatherConfig(cover=False, wet_days=0.4, shower_mm=25.0)
_TCP = BusConfig(None)


@dataclass(frozen=True, slots=True)
class FloodPumpConfig:
    """A pump that lifts the canal's water over the dike: `m3_s` at no lift, nothing at `shutoff_cm`.

    Its coil is wired through the contact at rest, so that it runs when nobody says otherwise. A float switch in its
    own circuit stops it under `float_stop_cm` and lets it run again from `float_start_cm`; None: it has none.
    """

    id: str
    coil: Coil
    m3_s: float = 0.6
    shutoff_cm: float = 600.0
    full_load_a: float = 32.0
    spin_s: float = 3.0
    float_stop_cm: float | None = 25.0
    float_start_cm: float = 50.0


@dataclass(frozen=True, slots=True)
class RiverConfig:
    """A river with a tide of half a day and with waves drawn by the seed: one every `wave_days` on average.

    The gauge at the bridge reads `upstream_cm` more, `upstream_s` earlier.
    """

    mean_cm: float = 150.0
    tide_cm: float = 35.0
    wave_days: float = 8.0
    wave_cm: float = 160.0
    upstream_cm: float = 35.0
    upstream_s: float = 1200.0


@dataclass(frozen=True, slots=True)
class CanalConfig:
    """A canal of one level. Rain on `catchment_m2` runs into it by a linear store of `runs_off_s`; over `bank_cm` the
    town floods. The pumps run dry under `intake_cm`.
    """

    area_m2: float = 15_000.0
    start_cm: float = 140.0
    bank_cm: float = 280.0
    intake_cm: float = 20.0
    base_m3_s: float = 0.05
    catchment_m2: float = 300_000.0
    runoff: float = 0.4
    runs_off_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class GateConfig:
    """A sluice of `width_m` that rises to `height_m`; shut it still lets `leaks` of its opening through."""

    valve: ValveConfig = _GATE
    width_m: float = 3.0
    height_m: float = 2.0
    leaks: float = 0.002
    starts_open: bool = True


def _example_pumps() -> tuple[FloodPumpConfig, ...]:
    return tuple(FloodPumpConfig(f"pump-{number + 1}", Coil(0, number, at_rest=True)) for number in (0, 1))


@dataclass(frozen=True, slots=True)
class FloodConfig:
    """A whole flood gate; the default is the edge's example site. `probe_errors` scales what gauges are born with."""

    pumps: tuple[FloodPumpConfig, ...] = field(default_factory=_example_pumps)
    gate: GateConfig = GateConfig()
    river: RiverConfig = RiverConfig()
    canal: CanalConfig = CanalConfig()
    boards: tuple[BoardConfig, ...] = (BoardConfig(),)
    weather: WeatherConfig = _RAINS
    cabinet: BusConfig = _TCP
    start_hour: float = 0.0
    probe_errors: float = 1.0
