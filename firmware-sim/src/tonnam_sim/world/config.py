"""What a world is made of: the farmer's plan. The true soil, crop and emitters are drawn around it (`nature`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from ..devices.relay import Renewal

Liquid = Literal["a", "b", "acid", "base", "hypochlorite", "fertiliser"]


INRUSH = 5.0


class ValveKind(StrEnum):
    """How a valve answers to its coil, and what it does without power.

    normally_closed: open while energised. normally_open: closed while energised. latching: stays as it is without
    power; a pulse moves it. motorised: turns while it has power and stops where it is without.
    """

    NORMALLY_CLOSED = "normally_closed"
    NORMALLY_OPEN = "normally_open"
    LATCHING = "latching"
    MOTORISED = "motorised"


@dataclass(frozen=True, slots=True)
class Coil:
    """One relay: the number of its board (0 is the first) and its channel (0 to 7).

    `at_rest`: wired through the contact that is closed while the coil has no current (NC), as a flood pump's should
    be: it runs when the board is dead.
    """

    board: int
    channel: int
    at_rest: bool = False


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """A relay board on the cabinet's bus.

    `timer`: knows "flash on". `renewal`: what a second flash does. `boots_s`: silent and all off for so long after
    power returns. `power_on`: coils after a reboot ("last": as before it, but without timers). `clock_rate`: true
    seconds that a second of its timer lasts.
    """

    unit: int = 1
    timer: bool = True
    renewal: Renewal = "replaces"
    boots_s: float = 2.0
    power_on: Literal["off", "last", "on"] = "off"
    clock_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class ValveConfig:
    """A valve. `travel_s` from shut to open. A latching one has a second coil, whose pulse shuts it.

    `cut_off_s`: something in its path, of no board's making, that lets water through for at most so long at a time.
    """

    coil: Coil
    kind: ValveKind = ValveKind.NORMALLY_CLOSED
    travel_s: float = 2.0
    close_coil: Coil | None = None
    cut_off_s: float | None = None

    def __post_init__(self) -> None:
        if (self.close_coil is None) == (self.kind is ValveKind.LATCHING):
            raise ValueError("a latching valve has a close_coil, and no other kind has")


@dataclass(frozen=True, slots=True)
class SoilKind:
    """Water contents in m3/m3; `ks_mm_h` is the conductivity when saturated. The bag drains freely at its bottom."""

    name: str
    saturation: float
    field_capacity: float
    wilting_point: float
    ks_mm_h: float
    layers_mm: tuple[float, ...] = (80.0, 120.0, 150.0, 200.0)


SAND = SoilKind("sand", 0.40, 0.12, 0.05, 120.0)
LOAM = SoilKind("loam", 0.44, 0.25, 0.12, 20.0)
CLAY_LOAM = SoilKind("clay_loam", 0.45, 0.32, 0.18, 8.0)
CLAY = SoilKind("clay", 0.48, 0.36, 0.22, 3.0)
COCO_BAG = SoilKind("coco_bag", 0.85, 0.60, 0.15, 400.0, (40.0, 50.0, 60.0))


@dataclass(frozen=True, slots=True)
class CropConfig:
    """How leaves and roots grow, in days after planting; `drinks` is a full canopy's share of the reference."""

    half_cover_day: float = 35.0
    full_cover: float = 0.92
    fades_from_day: float = 95.0
    drinks: float = 1.05
    first_root_mm: float = 150.0
    deepest_root_mm: float = 500.0
    root_growth_mm_d: float = 8.0
    salt_threshold_ds_m: float = 2.2
    salt_slope: float = 0.07


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """A soil probe in one sub-plot (0 to 7) at one layer (0 is the top)."""

    id: str
    subplot: int
    layer: int = 1
    lag_s: float = 120.0


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """Ground behind one valve. `flow_l_min` is what flows when it is open alone; `uniformity` is the mean of the
    driest quarter of its emitters over the mean of all. The crop drinks from the wetted share of its area only.
    """

    id: str
    valve: ValveConfig
    probes: tuple[ProbeConfig, ...] = ()
    area_m2: float = 1600.0
    wetted_fraction: float = 0.4
    soil: SoilKind = CLAY_LOAM
    crop: CropConfig = field(default_factory=CropConfig)
    age_days: float = 30.0
    start_depletion: float = 0.2
    flow_l_min: float = 60.0
    line_l: float = 35.0
    uniformity: float = 0.88
    drain_meter: bool = False
    drain_ec: bool = False
    main: int = 0

    @property
    def bed_m2(self) -> float:
        return self.area_m2 * self.wetted_fraction


@dataclass(frozen=True, slots=True)
class PumpConfig:
    """A pump: `head_m` at no flow, falling by `slope` times (L/min) squared. `contactor` is a coil in series with it.

    `main` is the number of the main that it feeds, with other pumps behind check valves of their own. Mains share
    the tank. `cut_off_s`: a timer relay of its own stops it after so long. `supply`: the grid, or a solar inverter of
    `solar_w` peak that turns it as fast as the sun allows.
    """

    coil: Coil = Coil(0, 0)
    contactor: Coil | None = None
    id: str = "pump"
    main: int = 0
    head_m: float = 20.0
    slope: float = 4e-4
    spin_s: float = 1.0
    full_load_a: float = 4.6
    cut_off_s: float | None = None
    supply: Literal["grid", "solar"] = "grid"
    solar_w: float = 2000.0


@dataclass(frozen=True, slots=True)
class TankConfig:
    """Tank and well. `siphon_m` is the head of the tank's water over the field while the pump stands still."""

    area_m2: float = 5.0
    full_l: float = 10_000.0
    start_l: float = 9_000.0
    dry_l: float = 50.0
    primed_l: float = 300.0
    well_l_min: float = 15.0
    siphon_m: float = 0.0
    ec_ds_m: float = 0.6


@dataclass(frozen=True, slots=True)
class FilterConfig:
    """Filter and mains: `resistance` times (L/min) squared is the head lost when clean; one more every `clogs_l`.

    `flush` is the valve (of its own coil) that lets water of the first main out through the filter's drain, as wide
    as zones of `flush_l_min` together; what clogs it falls to a third (1/e) every `flush_l`.
    """

    resistance: float = 3.1e-4
    clogs_l: float = 400_000.0
    flush: ValveConfig | None = None
    flush_l_min: float = 80.0
    flush_l: float = 40.0


@dataclass(frozen=True, slots=True)
class InjectorConfig:
    """A dosing pump: `ml_min` of a stock of `stock_ec_ds_m` into the mains behind the meter, or see `MixingConfig`.

    `valve` is its closing valve's coil (None: none, the stock tank is always connected). `liquid` says what the stock
    must not meet; `stock_alkalinity_meq_l` is below 0 for an acid, above for a base and for hypochlorite.
    """

    id: str
    coil: Coil
    valve: Coil | None = None
    ml_min: float = 600.0
    stock_l: float = 200.0
    stock_ec_ds_m: float = 180.0
    check_valve: bool = True
    liquid: Liquid = "fertiliser"
    stock_alkalinity_meq_l: float = 0.0
    full_load_a: float = 0.4


@dataclass(frozen=True, slots=True)
class MixingConfig:
    """Where the injectors meet the water, its buffer and its probes; without it they have neither pH nor probes.

    line: into the mains behind the meter. `volume_l` is the pipe from the first injector to the zones' valves,
    through which water goes in plug and mixing; the probes sit at its end, and the flow switch closes above
    `flow_switch_l_min`.
    tank: into a loop of `volume_l` through which the `circulation` pump turns the tank's water, `circulation_l_min`.
    The tank is then `TankConfig` itself (make it small, with a well that fills it), the probes sit in the loop before
    the injectors, and the flow switch in the loop. Without circulation they see the same drop for ever.

    `alkalinity_meq_l` and `ph` are those of the well's water.
    """

    kind: Literal["line", "tank"] = "line"
    volume_l: float = 20.0
    circulation: Coil | None = None
    circulation_l_min: float = 100.0
    flow_switch_l_min: float = 5.0
    alkalinity_meq_l: float = 3.0
    ph: float = 7.6
    ec_lag_s: float = 4.0
    ph_lag_s: float = 12.0

    def __post_init__(self) -> None:
        if (self.circulation is None) == (self.kind == "tank"):
            raise ValueError("a mixing tank has a circulation pump, and a mixing line has none")


@dataclass(frozen=True, slots=True)
class WeatherConfig:
    """The season. `wet_days` is the chance that a day has rain; `warmer_c` is added to a mild dry season's air."""

    cover: bool = True
    transmissivity: float = 0.65
    first_day_of_year: int = 324
    wet_days: float = 0.05
    shower_mm: float = 12.0
    warmer_c: float = 3.0


@dataclass(frozen=True, slots=True)
class BusConfig:
    """One cable: baud None is Modbus TCP. `timeout_s` is how long its master waits for an answer."""

    baud: int | None = 9600
    timeout_s: float = 1.0


def _example_zones() -> tuple[ZoneConfig, ...]:
    def zone(number: int) -> ZoneConfig:
        probes = tuple(ProbeConfig(f"probe-{number}-{twin}", at, 1) for twin, at in (("a", 2), ("b", 5)))
        return ZoneConfig(f"zone-{number}", ValveConfig(Coil(0, number)), probes)

    return zone(1), zone(2)


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """A whole world; the default is the edge's example site.

    `spread` scales how far the true soil, crop, emitters and flow lie from the plan (0: exactly as planned);
    `probe_errors` scales what probes are born with. `start_hour` is local time.
    `more_pumps` have ids and coils of their own; `common_meter`: one meter counts what all mains draw, else each
    has its own; `pump_meters`: each pump has one behind it, too.
    `volts_lost_a`: share of the supply's voltage that each ampere costs (a weak line: 0.01): a start draws `INRUSH`
    times the pump's current, and boards reset under 0.8 of the voltage.
    `emergency_closed` is the digital input while the emergency stop is *not* pressed.
    """

    zones: tuple[ZoneConfig, ...] = field(default_factory=_example_zones)
    boards: tuple[BoardConfig, ...] = (BoardConfig(),)
    pump: PumpConfig = PumpConfig()
    more_pumps: tuple[PumpConfig, ...] = ()
    common_meter: bool = False
    pump_meters: bool = False
    volts_lost_a: float = 0.0
    master: ValveConfig | None = None
    injectors: tuple[InjectorConfig, ...] = ()
    mixing: MixingConfig | None = None
    tank: TankConfig = TankConfig()
    filter: FilterConfig = FilterConfig()
    weather: WeatherConfig = WeatherConfig()
    pulse_l: float = 1.0
    mm_per_tip: float = 0.2
    start_hour: float = 0.0
    spread: float = 1.0
    probe_errors: float = 1.0
    emergency_closed: bool = False
    cabinet: BusConfig = BusConfig()
    climate: BusConfig = BusConfig()
    soil: BusConfig = BusConfig(4800, 0.6)
    inverter: BusConfig = BusConfig(None)

    @property
    def pumps(self) -> tuple[PumpConfig, ...]:
        """All pumps, the first as ever."""
        return (self.pump, *self.more_pumps)
