"""The farms that season tests play: a world and the site file that fits it, made from one plan."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tonnam_edge.check import load_site
from tonnam_edge.site import Site
from tonnam_sim.world.config import (
    COCO_BAG,
    BoardConfig,
    Coil,
    ProbeConfig,
    PumpConfig,
    TankConfig,
    ValveConfig,
    ValveKind,
    WeatherConfig,
    WorldConfig,
    ZoneConfig,
)
from tonnam_sim.world.wiring import LEVEL, METER, inputs_of

PROBE_POLL_S = 60
WEATHER_POLL_S = 300
TOLD_FLOW_L_MIN = 60
MAX_RUN_MIN = 20
MAX_DAY_MIN = 120
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

[flow]
rate = "flow/rate"
total = "flow/total"

[cabinet]
emergency_stop = "inputs-4/input_0"
closed_when_pressed = true

[weather]
air_temperature = "climate/air_temperature"
humidity = "climate/humidity"
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


@dataclass(frozen=True)
class Layout:
    """A farm: its world, and the programs of its site file as tables of keys and values."""

    name: str
    config: WorldConfig
    programs: tuple[dict[str, Any], ...]

    @property
    def site(self) -> Site:
        """The checked site, made once in a process."""
        return _site(self.name)


def _zone(number: int, valve: ValveConfig, **changes: Any) -> ZoneConfig:
    probes = tuple(ProbeConfig(f"probe-{number}-{twin}", at, 1) for twin, at in (("a", 2), ("b", 5)))
    return ZoneConfig(f"zone-{number}", valve, probes, **{"area_m2": 800.0, **changes})


def _timer(zone: int, at: str, run_min: float) -> dict[str, Any]:
    return {"id": f"timer-{zone}", "kind": "timer", "zone": f"zone-{zone}", "at": at, "run_min": run_min}


def _band(zone: int, **more: Any) -> dict[str, Any]:
    return {"id": f"band-{zone}", "kind": "moisture", "zone": f"zone-{zone}", "pulse_min": 8, "rest_min": 30} | more


def _balance(zone: int, **more: Any) -> dict[str, Any]:
    more = {"pulse_min": 15, "rest_min": 30, **more}
    return {"id": f"balance-{zone}", "kind": "balance", "zone": f"zone-{zone}", **more}


def _light(zone: int, plants: int) -> dict[str, Any]:
    named = {"id": f"light-{zone}", "kind": "light", "zone": f"zone-{zone}", "plants": plants}
    dose = {"dose_ml_plant": 400, "dose_j_cm2": 320, "between": ["06:00", "18:00"]}
    return {**named, **dose, "least_interval_min": 60, "most_interval_min": 480}


def _plain() -> Layout:
    """Two zones, a pump, one board that holds deadlines."""
    zones = (_zone(1, ValveConfig(Coil(0, 1))), _zone(2, ValveConfig(Coil(0, 2), travel_s=6.0)))
    return Layout("plain", WorldConfig(zones=zones), (_timer(1, "06:10", 12), _band(1), _balance(2)))


def _master() -> Layout:
    """Three zones behind a master valve on a board of its own, and a pump with a contactor in series."""
    zones = (
        _zone(1, ValveConfig(Coil(0, 1))),
        _zone(2, ValveConfig(Coil(0, 2), travel_s=6.0)),
        _zone(3, ValveConfig(Coil(1, 3)), soil=COCO_BAG, wetted_fraction=0.08),
    )
    config = WorldConfig(
        zones=zones,
        boards=(BoardConfig(1), BoardConfig(11, boots_s=5.0)),
        pump=PumpConfig(contactor=Coil(0, 7)),
        master=ValveConfig(Coil(1, 0), travel_s=4.0),
    )
    return Layout("master", config, (_timer(1, "06:10", 12), _band(2), _light(3, 1500)))


def _kinds() -> Layout:
    """A valve that closes when energised, a latching one and a motorised one; outside, in the rain."""
    zones = (
        _zone(1, ValveConfig(Coil(0, 1), ValveKind.NORMALLY_OPEN)),
        _zone(2, ValveConfig(Coil(0, 2), ValveKind.LATCHING, 0.5, Coil(0, 3), cut_off_s=1800.0)),
        _zone(3, ValveConfig(Coil(0, 4), ValveKind.MOTORISED, 8.0)),
    )
    weather = WeatherConfig(cover=False, wet_days=0.3)
    config = WorldConfig(zones=zones, weather=weather, tank=TankConfig(start_l=6_000.0))
    return Layout("kinds", config, (_timer(1, "06:10", 12), _balance(2, at="05:30"), _band(3)))


def _simple() -> Layout:
    """A board that knows no deadlines: the valves have cut-offs of their own, and the pump too."""
    zones = tuple(_zone(number, ValveConfig(Coil(0, number), cut_off_s=1800.0)) for number in (1, 2))
    config = WorldConfig(zones=zones, boards=(BoardConfig(1, timer=False),), pump=PumpConfig(cut_off_s=1500.0))
    return Layout("simple", config, (_timer(1, "06:10", 12), _band(2)))


def _season(name: str, *, cover: bool) -> Layout:
    """A whole season from planting: one zone by the balance and one by its probes, with pulses as on a farm."""
    zones = tuple(_zone(number, ValveConfig(Coil(0, number)), age_days=2.0) for number in (1, 2))
    config = WorldConfig(zones=zones, weather=WeatherConfig(cover=cover, wet_days=0.05 if cover else 0.25))
    return Layout(name, config, (_balance(1, at="05:30", pulse_min=20), _band(2, pulse_min=15, rest_min=60)))


LAYOUTS = {layout.name: layout for layout in (_plain(), _master(), _kinds(), _simple())}
SEASONS = {layout.name: layout for layout in (_season("covered", cover=True), _season("open", cover=False))}


@cache
def _site(name: str) -> Site:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text(site_text((LAYOUTS | SEASONS)[name]), encoding="utf-8")
        return load_site(path)[0]


def site_text(layout: Layout) -> str:
    """The site file of a layout."""
    cover = layout.config.weather.cover
    head = HEAD.replace("COVER", "greenhouse" if cover else "none") + (UNDER_COVER if cover else OUTSIDE)
    return head + "".join(_table(kind, keys) for kind, keys in _tables(layout))


def _tables(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    config = layout.config
    for number, board in enumerate(config.boards):
        profile = "waveshare-relay-8ch" if board.timer else "relay-8ch"
        yield "device", _device(f"relay-{number}", "cabinet", board.unit, profile)
    yield "device", _device("tank", "cabinet", LEVEL, "qdy30a", poll_s=10)
    yield "device", _device("flow", "cabinet", METER, "pulse-counter", parameters={"pulse_l": config.pulse_l})
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
    yield from _actuators(config)
    for zone in config.zones:
        yield "zone", _zone_keys(zone, config)
    for program in layout.programs:
        yield "program", program


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


def _actuators(config: WorldConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    pump: dict[str, Any] = {"capacity_l_min": 130}
    if config.pump.cut_off_s is not None:
        pump["cut_off_min"] = config.pump.cut_off_s / 60
    if config.pump.contactor is not None:
        yield "actuator", _actuator("contactor", "contactor", config.pump.contactor)
        pump["contactor"] = "contactor"
    yield "actuator", _actuator("pump", "pump", config.pump.coil, **pump)
    if config.master is not None:
        yield "actuator", _valve("master", "master", config.master) | {"lead_s": 2, "lag_s": 2}
    for zone in config.zones:
        yield "actuator", _valve(f"valve-{zone.id}", "valve", zone.valve)


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


def _zone_keys(zone: ZoneConfig, config: WorldConfig) -> dict[str, Any]:
    keys: dict[str, Any] = {"id": zone.id, "name": _words(zone.id), "crop": {"th": "เมลอน", "en": "Melon"}}
    keys |= {"area_m2": zone.area_m2, "valve": f"valve-{zone.id}", "pump": "pump"}
    if config.master is not None:
        keys["master"] = "master"
    keys |= {"probes": [probe.id for probe in zone.probes], "flow_l_min": TOLD_FLOW_L_MIN}
    low, high = (40, 55) if zone.soil is COCO_BAG else (26, 31)
    keys["band"] = {"low_pct": low, "high_pct": high}
    keys["growing"] = _growing(zone)
    keys["mode"] = {name: _contact(config, f"{zone.id}-{name}") for name in ("auto", "hand")}
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
