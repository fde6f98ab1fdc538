"""The site file that fits a layout's world."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tonnam_sim.world.config import (
    COCO_BAG,
    Coil,
    InjectorConfig,
    PumpConfig,
    ValveConfig,
    WorldConfig,
    ZoneConfig,
)
from tonnam_sim.world.solution import UNITS
from tonnam_sim.world.wiring import LEVEL, METER, METERS_FROM, PUMP_METER, PUMP_METERS_FROM, inputs_of

if TYPE_CHECKING:
    from tests.season.layout import Layout

PROBE_POLL_S = 60
WEATHER_POLL_S = 300
TOLD_FLOW_L_MIN = 60
MAX_RUN_MIN = 20
MAX_DAY_MIN = 120
RINSE_L, MAX_PULSE_ML, MAX_HOUR_ML, MAX_DAY_ML = 40, 100, 900, 2000
# A solar pump starts at this share of its speed.
LEAST_SPEED = 0.7
FIRST_DAY = date(2026, 11, 21)
HEAD = """
[node]
tenant = "farm"
id = "edge-1"

[site]
id = "plot"
name = { th = "แปลงทดลอง", en = "Plot" }
latitude = 14.4
longitude = 101.8
cover = "COVER"

[[bus]]
id = "cabinet"
address = "tcp://127.0.0.1:1502"

[[bus]]
id = "soil"
address = "tcp://127.0.0.1:1503"

[[bus]]
id = "climate"
address = "tcp://127.0.0.1:1504"

[tank]
level = "tank/level"
full_cm = 200
low_cm = 20

[cabinet]
emergency_stop = "inputs-4/input_0"
closed_when_pressed = true

[weather]
air_temperature = "climate/air_temperature"
humidity = "climate/humidity"
"""
METERED = """
[flow]
rate = "flow/rate"
total = "flow/total"
"""
UNDER_COVER = """
illuminance = "climate/illuminance"
lux_per_w_m2 = 115
"""
OUTSIDE = """
radiation = "sun/solar_radiation"
wind_speed = "wind/wind_speed"
rain = "rain/rain_total"

[holds]
rain_mm = 8
"""


def site_text(layout: Layout) -> str:
    """The site file of a layout."""
    cover = layout.config.weather.cover
    head = HEAD.replace("COVER", "greenhouse" if cover else "none")
    common = layout.metered and not _own_meters(layout.config)
    head += (UNDER_COVER if cover else OUTSIDE) + (METERED if common else "")
    return head + "".join(_table(kind, keys) for kind, keys in _tables(layout))


def _tables(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    config = layout.config
    for number, board in enumerate(config.boards):
        profile = "waveshare-relay-8ch" if board.timer else "relay-8ch"
        yield "device", _device(f"relay-{number}", "cabinet", board.unit, profile)
    yield "device", _device("tank", "cabinet", LEVEL, "qdy30a", poll_s=10)
    if layout.metered:
        yield from _meters(config)
    probes = [probe.id for zone in config.zones for probe in zone.probes]
    for unit, probe in enumerate(probes, start=1):
        more = {"tells": ["soil_moisture"], "poll_s": PROBE_POLL_S}
        yield "device", _device(probe, "soil", unit, "cwt-soil-7in1", **more)
    yield from _weather(config)
    inputs = inputs_of(config)
    for unit in sorted({unit for unit, _ in inputs.values()}):
        tells = [
            f"input_{at}" for _, (where, at) in sorted(inputs.items(), key=lambda item: item[1]) if where == unit
        ]
        yield "device", _device(f"inputs-{unit}", "cabinet", unit, "digital-input-8ch", tells=tells)
    yield from _actuators(layout)
    yield from _dosing(layout)
    if layout.group:
        yield "group", dict(layout.group)
    if layout.filter:
        yield "filter", {"id": "sand", "name": _words("sand"), "valve": "flush", "pump": "pump", **layout.filter}
    for zone in config.zones:
        yield "zone", _zone_keys(zone, layout)
    for program in layout.programs:
        yield "program", program


def _own_meters(config: WorldConfig) -> bool:
    """Whether each main has a meter of its own."""
    return bool(config.more_pumps) and not config.common_meter


def _meters(config: WorldConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    """One for all, or one for each main: those are named as the world's sensors are."""
    for number, pump in enumerate(config.pumps if _own_meters(config) else (config.pump,)):
        name, unit = (f"flow-{number}", METERS_FROM + number) if number else ("flow", METER)
        yield "device", _device(name, "cabinet", unit, "pulse-counter", parameters={"pulse_l": config.pulse_l})
        if _own_meters(config):
            streams = {"rate": f"{name}/rate", "total": f"{name}/total"}
            yield "meter", {"id": f"meter-{number}", **streams, "supplies": [pump.id]}


def _weather(config: WorldConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    seldom: dict[str, Any] = {"poll_s": WEATHER_POLL_S}
    yield "device", _device("air", "climate", 1, "sht20-x10", thing="climate", **seldom)
    if config.weather.cover:
        light = {"thing": "climate", "tells": ["illuminance"]}
        yield "device", _device("light", "climate", 2, "cwt-sls-200k", **light, **seldom)
        return
    yield "device", _device("sun", "climate", 3, "dfrobot-sen0640", **seldom)
    yield "device", _device("wind", "climate", 4, "dfrobot-sen0483", **seldom)
    gauge = {"parameters": {"mm_per_tip": config.mm_per_tip}}
    yield "device", _device("rain", "climate", 5, "rain-gauge-pulse", **gauge, **seldom)


def _actuators(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    config = layout.config
    if layout.pumped:
        for number, each in enumerate(config.pumps):
            yield from _pump(number, each, layout)
    if config.filter.flush is not None:
        yield "actuator", _valve("flush", "valve", config.filter.flush)
    if config.master is not None:
        yield "actuator", _valve("master", "master", config.master) | {"lead_s": 2, "lag_s": 2}
    for zone in config.zones:
        yield "actuator", _valve(f"valve-{zone.id}", "valve", zone.valve)


def _pump(number: int, part: PumpConfig, layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    pump: dict[str, Any] = {"capacity_l_min": layout.capacity_l_min}
    if layout.pump_current:
        name = f"{part.id}-meter"
        told = {"tells": ["current"], "poll_s": 2}
        unit = PUMP_METERS_FROM + number if number else PUMP_METER
        yield "device", _device(name, "cabinet", unit, "eastron-sdm120", **told)
        pump |= {"current": f"{name}/current", "runs_above": 0.8, "dry_below": 1.2}
    if part.supply == "solar":
        yield "bus", {"id": "inverter", "address": "tcp://127.0.0.1:1505"}
        yield "device", _device("roof", "inverter", 1, "sunspec-103", tells=["ac_power"])
        pump |= {"power": "roof/ac_power", "least_w": _roof_w(part, LEAST_SPEED)}
        pump["flow_at"] = [[_roof_w(part, speed), 100 * speed] for speed in (LEAST_SPEED, 0.85, 1.0)]
    if part.cut_off_s is not None:
        pump["cut_off_min"] = part.cut_off_s / 60
    if part.contactor is not None:
        yield "actuator", _actuator("contactor", "contactor", part.contactor)
        pump["contactor"] = "contactor"
    yield "actuator", _actuator(part.id, "pump", part.coil, **pump)


def _roof_w(pump: PumpConfig, speed: float) -> int:
    """What a roof of 10 kW gives while the sun turns the pump so fast: its power goes with the cube of its speed."""
    return round(pump.full_load_a * 230.0 * 0.85 * speed**3 / pump.solar_w * 10_000.0)


def _dosing(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    """Injectors with closing valves of their own, into one line with probes behind them."""
    config = layout.config
    if config.mixing is None:
        return
    for name in ("ec", "ph"):
        yield "device", _device(f"{name}-probe", "cabinet", UNITS[name], f"{name}-probe", thing="line", tells=[name])
    line: dict[str, Any] = {"id": "line", "feeds": "pump", "flow": "flow/total", "rinse_l": RINSE_L}
    line |= {"mixing_wait_s": 20, "volume_l": config.mixing.volume_l, "ec": "line/ec", "ph": "line/ph"}
    yield "mixing_line", line
    for injector in config.injectors:
        if injector.valve is not None:
            yield "actuator", _actuator(f"{injector.id}-valve", "valve", injector.valve, travel_s=0)
        yield "actuator", _actuator(injector.id, "injector", injector.coil)
        yield "injector", _injector(injector, layout.stock_l)


def _injector(injector: InjectorConfig, stock_l: float) -> dict[str, Any]:
    keys: dict[str, Any] = {"id": injector.id, "name": _words(injector.id), "actuator": injector.id, "line": "line"}
    keys |= {"liquid": injector.liquid, "ml_min": injector.ml_min, "stock_l": stock_l}
    keys |= {"max_pulse_ml": MAX_PULSE_ML, "max_hour_ml": MAX_HOUR_ML, "max_day_ml": MAX_DAY_ML}
    keys |= {"backflow_preventer": _words("preventer"), "closing_actuator": f"{injector.id}-valve"}
    return keys | ({"ph_per_ml_l": -0.5} if injector.liquid == "acid" else {"ec_per_ml_l": 0.18})


def _valve(name: str, role: str, valve: ValveConfig) -> dict[str, Any]:
    keys = _actuator(name, role, valve.coil, kind=str(valve.kind), travel_s=valve.travel_s)
    if valve.close_coil is not None:
        keys |= {"close_coil": valve.close_coil.channel, "pulse_s": max(0.5, valve.travel_s)}
    if valve.cut_off_s is not None:
        keys["cut_off_min"] = valve.cut_off_s / 60
    return keys


def _actuator(name: str, role: str, coil: Coil, **more: Any) -> dict[str, Any]:
    named = {"id": name, "role": role, "device": f"relay-{coil.board}", "coil": coil.channel}
    return {**named, "name": _words(name), **more}


def _device(name: str, bus: str, unit: int, profile: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "bus": bus, "unit": unit, "profile": profile, "name": _words(name), **more}


def _zone_keys(zone: ZoneConfig, layout: Layout) -> dict[str, Any]:
    config = layout.config
    keys: dict[str, Any] = {"id": zone.id, "name": _words(zone.id), "crop": {"th": "เมลอน", "en": "Melon"}}
    keys |= {"area_m2": zone.area_m2, "valve": f"valve-{zone.id}"}
    if layout.pumped:
        keys["pump"] = next(pump.id for pump in config.pumps if pump.main == zone.main)
    if config.master is not None:
        keys["master"] = "master"
    keys |= {"probes": [probe.id for probe in zone.probes], "flow_l_min": layout.told_flow_l_min or zone.flow_l_min}
    low, high = (40, 55) if zone.soil is COCO_BAG else (26, 31)
    keys["band"] = {"low_pct": low, "high_pct": high}
    keys["growing"] = _growing(zone)
    keys["mode"] = {name: _contact(config, f"{zone.id}-{name}") for name in ("auto", "hand")}
    keys |= layout.recipes.get(zone.id, {})
    return keys | {"max_run_min": MAX_RUN_MIN, "max_day_min": MAX_DAY_MIN}


def _growing(zone: ZoneConfig) -> dict[str, Any]:
    """What the farmer believes: the plan that the world draws its truth around."""
    planted = FIRST_DAY - timedelta(days=zone.age_days)
    keys: dict[str, Any] = {"crop": "melon-greenhouse", "planted": planted.isoformat(), "soil": "clay-loam"}
    if zone.soil is COCO_BAG:
        keys |= {"field_capacity_pct": 60, "wilting_point_pct": 15, "volume_l_m2": 12}
    return keys | {"wetted_pct": zone.wetted_fraction * 100}


def _contact(config: WorldConfig, name: str) -> str:
    unit, at = inputs_of(config)[name]
    return f"inputs-{unit}/input_{at}"


def _words(name: str) -> dict[str, str]:
    return {"th": name, "en": name}


def _table(kind: str, keys: dict[str, Any]) -> str:
    lines = [f"{key} = {_plain_toml(value)}" for key, value in keys.items()]
    return "\n".join(["", f"[[{kind}]]", *lines, ""])


def _plain_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_plain_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
