"""Which device sits where, and what each feels.

cabinet: relay boards at their own units, 2 level, 3 water meter, 4 and up digital inputs, 9 pump meter, 20 + zone
drain meters, 30 + main the meters of further mains, 40 EC, 41 pH, 42 and 43 EC and pH of the supply, 44 ammeter of
the injectors (with `mixing`), 46 pressure lost in the filter (with a back-flush valve), 50 + pump the power meters of
further pumps, 60 + zone EC of drainage, 70 + pump the pumps' own water meters. climate: 1 air, 2 light,
3 pyranometer, 4 wind, 5 rain gauge, 6 weather station. soil: 1 and up, the probes in their order. inverter: 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..devices.inputs import INPUTS, DigitalInputs
from ..devices.pdu import Device
from ..devices.sdm120 import MainsFelt, Sdm120
from ..devices.sensors import AirFelt, CwtLight, CwtSoil, PulseCounter, Qdy30a, Sht20, SoilFelt
from ..devices.solution import EcProbe, PressureProbe, SolutionFelt
from ..devices.sunspec import SunSpecInverter
from ..devices.weather import CupAnemometer, Pyranometer, RenkeStation, WeatherFelt
from ..physics.roof import roof_w
from . import solution
from .buses import WorldBus
from .config import BusConfig, WorldConfig
from .mixing import MixedPlumbing
from .pulses import PulseTrain
from .senses import felt_soil, felt_vwc_pct, pore_ec_ds_m

if TYPE_CHECKING:
    from .world import World

LEVEL, METER, INPUTS_FROM, PUMP_METER, DRAINS_FROM = 2, 3, 4, 9, 20
METERS_FROM, FILTER, PUMP_METERS_FROM, DRAIN_EC_FROM, PUMP_WATER_FROM = 30, 46, 50, 60, 70
_KPA_M = 9.81
_VOLTS = 230.0
_LUX_PER_W_M2 = 115.0


def inputs_of(config: WorldConfig) -> dict[str, tuple[int, int]]:
    """Each contact's (unit, input): "emergency_stop", "pump_current", "pump" and each zone with -auto and -hand.

    Further pumps have -auto, -hand and -current. With `mixing` also "flow_switch", "circulation-current" of a tank,
    and each injector with -current and -low.
    """
    names = ["emergency_stop", "pump_current"]
    for subject in ("pump", *(zone.id for zone in config.zones)):
        names += [f"{subject}-auto", f"{subject}-hand"]
    if config.mixing is not None:
        names += ["flow_switch", *(["circulation-current"] if config.mixing.circulation is not None else [])]
        names += [f"{injector.id}-{end}" for injector in config.injectors for end in ("current", "low")]
    for pump in config.more_pumps:
        names += [f"{pump.id}-auto", f"{pump.id}-hand", f"{pump.id}-current"]
    return {name: (INPUTS_FROM + at // INPUTS, at % INPUTS) for at, name in enumerate(names)}


def feels(world: World) -> dict[str, Callable[[], float]]:
    """The true value of each sensor's first quantity, with its noise."""
    found: dict[str, Callable[[], float]] = {
        "level": lambda: world.level_cm + 0.06 * world.senses.noise("level"),
        "flow": lambda: world.meters[0].frequency_hz(world.now_s) * world.config.pulse_l * 60.0,
        "air": lambda: world.climate.air_c + 0.06 * world.senses.noise("air"),
        "light": lambda: world.inside_w_m2 * _LUX_PER_W_M2 * (1.0 + 0.004 * world.senses.noise("light")),
        "sun": lambda: world.inside_w_m2 * (1.0 + 0.01 * world.senses.noise("sun")),
        "wind": lambda: world.outside.wind_m_s,
        "rain": lambda: world.field.rain_mm,
        "current": lambda: world.pump_amperes,
    }
    for name in world.probes:
        found[name] = partial(_felt_vwc_pct, world, name)
    if isinstance(world.plumbing, MixedPlumbing):
        found |= solution.feels(world, world.plumbing)
    return found | _more_feels(world)


def _more_feels(world: World) -> dict[str, Callable[[], float]]:
    """Further pumps and mains, the filter and the drains: only where there are any."""
    found: dict[str, Callable[[], float]] = {}
    for number, pump in enumerate(world.config.more_pumps, start=1):
        found[f"current-{pump.id}"] = partial(world.amperes, number)
    for number, meter in enumerate(world.meters[1:], start=1):
        found[f"flow-{number}"] = partial(_flow_l_min, world, meter)
    for meter, pump in zip(world.pump_meters, world.config.pumps, strict=False):
        found[f"flow-{pump.id}"] = partial(_flow_l_min, world, meter)
    if world.config.filter.flush is not None:
        found["filter"] = lambda: _KPA_M * world.truth.filter_lost_m + 0.3 * world.senses.noise("filter")
    for number, zone in enumerate(world.config.zones):
        if zone.drain_ec:
            found[f"drain_ec-{zone.id}"] = partial(_drain_ec, world, number)
    return found


def _flow_l_min(world: World, meter: PulseTrain) -> float:
    return meter.frequency_hz(world.now_s) * world.config.pulse_l * 60.0


def _drain_ec(world: World, number: int) -> float:
    """EC of what drains from a zone now: that of the water in its lowest layers, dS/m."""
    plots = world.grounds[number].subplots
    salt = sum(plot.salt[-1] for plot in plots) / sum(plot.water[-1] for plot in plots)
    return salt * (1.0 + 0.005 * world.senses.noise(f"drain_ec-{world.config.zones[number].id}"))


def _felt_vwc_pct(world: World, name: str) -> float:
    probe, on = world.probes[name], world.conditions
    ground = world.field.ground_of(probe, on)
    soil_c = world.field.soil_c(probe.zone)
    return felt_vwc_pct(probe, probe.seen, soil_c, pore_ec_ds_m(ground, probe), world.senses.noise(name), on)


def _soil_felt(world: World, name: str) -> SoilFelt:
    probe, on = world.probes[name], world.conditions
    temperature = world.climate.air_c if name in on.pulled else world.field.soil_c(probe.zone)
    ec = pore_ec_ds_m(world.field.ground_of(probe, on), probe)
    return felt_soil(world.senses.say(name), probe.seen, temperature, ec, on, name)


def wire(world: World, *, before: Callable[[], None], written: Callable[[], None]) -> dict[str, WorldBus]:
    """The four buses of a world."""
    config = world.config
    parts: dict[str, tuple[BusConfig, dict[int, Device]]] = {
        "cabinet": (config.cabinet, _cabinet(world)),
        "climate": (config.climate, _climate(world)),
        "soil": (
            config.soil,
            {at: CwtSoil(partial(_soil_felt, world, name), at) for at, name in enumerate(world.probes, start=1)},
        ),
        "inverter": (config.inverter, {1: _inverter(world)}),
    }
    return {
        name: WorldBus(name, number, bus, devices, before=before, written=written)
        for number, (name, (bus, devices)) in enumerate(parts.items())
    }


def _cabinet(world: World) -> dict[int, Device]:
    config, say = world.config, world.senses.say
    devices: dict[int, Device] = {
        part.unit: board for part, board in zip(config.boards, world.cabinet.boards, strict=True)
    }
    devices[LEVEL] = Qdy30a(partial(say, "level"), LEVEL)
    devices[METER] = PulseCounter(lambda: world.meter_count, lambda: max(0.0, say("flow")) / 60.0 / config.pulse_l)
    for unit in {unit for unit, _ in world.inputs.values()}:
        devices[unit] = DigitalInputs(partial(_contacts, world, unit))
    devices[PUMP_METER] = Sdm120(partial(_mains, world), PUMP_METER)
    added = [*_drains(world), *_more_cabinet(world)]
    if config.mixing is not None:
        added += solution.devices(world).items()
    expected = len(config.boards) + 3 + len({unit for unit, _ in world.inputs.values()}) + len(added)
    devices.update(added)
    if len(devices) != expected:
        raise ValueError("two devices on the cabinet's bus have the same unit")
    return devices


def _drains(world: World) -> Iterator[tuple[int, Device]]:
    for number, zone in enumerate(world.config.zones):
        if zone.drain_meter:
            yield DRAINS_FROM + number, PulseCounter(partial(_drained, world, number), lambda: 0.0)
        if zone.drain_ec:
            yield DRAIN_EC_FROM + number, EcProbe(partial(_drain_felt, world, number))


def _more_cabinet(world: World) -> Iterator[tuple[int, Device]]:
    """Meters of further mains and pumps, and the filter's."""
    config, say = world.config, world.senses.say
    for number, meter in enumerate(world.meters[1:], start=1):
        name = f"flow-{number}"
        yield METERS_FROM + number, PulseCounter(partial(_count, meter), partial(_pulses, world, name))
    for number, (meter, pump) in enumerate(zip(world.pump_meters, config.pumps, strict=False)):
        name = f"flow-{pump.id}"
        yield PUMP_WATER_FROM + number, PulseCounter(partial(_count, meter), partial(_pulses, world, name))
    for number, pump in enumerate(config.more_pumps, start=1):
        unit = PUMP_METERS_FROM + number
        yield unit, Sdm120(partial(_pump_mains, world, f"current-{pump.id}"), unit)
    if config.filter.flush is not None:
        yield FILTER, PressureProbe(partial(say, "filter"))


def _count(meter: PulseTrain) -> int:
    return meter.count


def _pulses(world: World, name: str) -> float:
    return max(0.0, world.senses.say(name)) / 60.0 / world.config.pulse_l


def _drain_felt(world: World, number: int) -> SolutionFelt:
    ec_ds_m = world.senses.say(f"drain_ec-{world.config.zones[number].id}")
    return SolutionFelt(1000.0 * ec_ds_m, solution.water_c(world))


def _climate(world: World) -> dict[int, Device]:
    say = world.senses.say
    air = partial(_air, world)
    return {
        1: Sht20(air),
        2: CwtLight(partial(say, "light"), air),
        3: Pyranometer(partial(say, "sun")),
        4: CupAnemometer(partial(say, "wind"), 4),
        5: PulseCounter(lambda: int(say("rain") / world.config.mm_per_tip + 1e-9), lambda: 0.0),
        6: RenkeStation(partial(_station, world)),
    }


def _contacts(world: World, unit: int) -> list[bool]:
    on = world.conditions
    found = {
        "emergency_stop": on.emergency_stop != world.config.emergency_closed,
        "pump_current": world.senses.say("current") > 0.5,
    }
    for pump in world.config.more_pumps:
        found[f"{pump.id}-current"] = world.senses.say(f"current-{pump.id}") > 0.5
    for subject in (*world.pump_house.motors, *(zone.id for zone in world.config.zones)):
        found[f"{subject}-auto"] = on.switch(subject) == "auto"
        found[f"{subject}-hand"] = on.switch(subject) == "hand"
    if isinstance(world.plumbing, MixedPlumbing):
        found |= solution.contacts(world, world.plumbing)
    contacts = [False] * INPUTS
    for name, (at_unit, at) in world.inputs.items():
        if at_unit == unit:
            contacts[at] = found[name]
    return contacts


def _mains(world: World) -> MainsFelt:
    amperes, volts = max(0.0, world.senses.say("current")), _VOLTS * world.pump_house.voltage
    return MainsFelt(volts, amperes, 0.85 * volts * amperes, world.energy_wh_of[0] / 1000.0)


def _pump_mains(world: World, name: str) -> MainsFelt:
    amperes, volts = max(0.0, world.senses.say(name)), _VOLTS * world.pump_house.voltage
    number = list(world.pump_house.motors).index(name.removeprefix("current-"))
    return MainsFelt(volts, amperes, 0.85 * volts * amperes, world.energy_wh_of[number] / 1000.0)


def _drained(world: World, number: int) -> int:
    """Whole tips of 0.1 L of what one bag in a hundred loses: a tray under a sample of the zone."""
    return int(world.grounds[number].sums.drained_l / 100.0 / 0.1 + 1e-9)


def _air(world: World) -> AirFelt:
    humidity = world.climate.humidity_pct - 0.2 * world.senses.noise("air")
    return AirFelt(world.senses.say("air"), min(100.0, max(0.0, humidity)))


def _station(world: World) -> WeatherFelt:
    outside = world.outside
    return WeatherFelt(
        air_c=outside.sky.air_c,
        humidity_pct=outside.humidity_pct,
        wind_m_s=world.senses.say("wind"),
        wind_deg=120.0 + 60.0 * world.senses.noise("wind"),
        sun_w_m2=outside.sky.sun_w_m2,
        rain_mm=world.senses.say("rain"),
    )


def _inverter(world: World) -> SunSpecInverter:
    return SunSpecInverter(
        lambda: roof_w(world.outside.sky.sun_w_m2), lambda: world.field.roof_wh, serial=f"TN{world.seed % 10**8:08d}"
    )
