"""A farm that doses, in front of the simulated world: two injectors and acid into the main, or a mixing tank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.edge.farms import site_of
from tests.edge.plants import PLAIN, Estate
from tonnam_edge.core.memory import Memory
from tonnam_sim.world.config import (
    BoardConfig,
    Coil,
    InjectorConfig,
    MixingConfig,
    TankConfig,
    ValveConfig,
    WorldConfig,
    ZoneConfig,
)
from tonnam_sim.world.faults import Fault
from tonnam_sim.world.wiring import inputs_of
from tonnam_sim.world.world import World

DEVICE = """
[[device]]
id = "{0}"
bus = "cabinet"
unit = {1}
profile = "{2}"
thing = "{3}"
tells = {4}
name = {{ th = "{0}", en = "{0}" }}
"""
LINE = """
[[mixing_line]]
id = "line"
feeds = "pump"
flow = "flow/total"
rinse_l = 60
mixing_wait_s = 20
volume_l = 20
water_ec = 0.6
"""
TANK = """
[[actuator]]
id = "circulation"
role = "pump"
device = "relay"
coil = 6
name = { th = "ปั๊มวน", en = "Circulation pump" }

[[device]]
id = "inputs"
bus = "cabinet"
unit = UNIT
profile = "digital-input-8ch"
tells = ["INPUT"]
name = { th = "กล่องรับสัญญาณ", en = "Inputs" }

[[mixing_line]]
id = "line"
kind = "tank"
circulation = "circulation"
feeds = "pump"
flow = "inputs/INPUT"
rinse_l = 60
mixing_wait_s = 40
volume_l = 700
"""
PROBES = 'ec = "line/ec"\nph = "line/ph"\n'
INJECTOR = """
[[actuator]]
id = "doser-{0}"
role = "injector"
device = "relay"
coil = {1}
name = {{ th = "ปั๊มจ่าย {0}", en = "Doser {0}" }}

[[injector]]
id = "{0}"
name = {{ th = "ถัง {0}", en = "Tank {0}" }}
actuator = "doser-{0}"
line = "line"
liquid = "{0}"
ml_min = {3}
stock_l = 20
max_pulse_ml = 200
max_hour_ml = 6000
max_day_ml = 9000
backflow_preventer = {{ th = "ชุดกันน้ำไหลกลับ", en = "reduced pressure zone assembly" }}
{4}
{2}
"""
IN_WORDS = 'closing_valve = { th = "วาล์วสปริง", en = "spring-loaded valve" }'
CLOSING = """
[[actuator]]
id = "closing-{0}"
role = "valve"
device = "relay-2"
coil = {1}
name = {{ th = "วาล์วปิดถัง {0}", en = "Closing valve {0}" }}
"""
EFFECT = {"a": "ec_per_ml_l = 0.18", "b": "ec_per_ml_l = 0.18", "acid": "ph_per_ml_l = -0.5"}
ML_MIN = {"a": 600, "b": 600, "acid": 200}
COILS = {"a": 3, "b": 4, "acid": 5}


def dose(zone: int, keys: str) -> tuple[str, str]:
    """What to replace in a site file so that a zone is dosed."""
    valve = f'valve = "valve-{zone}"\n'
    return valve, valve + keys + "\n"


def farm(
    *doses: tuple[str, str],
    line: str = LINE,
    liquids: Iterable[str] = ("a", "b", "acid"),
    probes: bool = True,
    closing: bool = True,
) -> str:
    """The farm of two zones with injectors on coils 3 to 5, and their closing valves on a board of their own."""
    text = PLAIN + line + (PROBES if probes else "")
    for old, new in doses:
        text = text.replace(old, new, 1)
    text += DEVICE.format("ec-probe", 40, "ec-probe", "line", '["ec"]')
    text += DEVICE.format("ph-probe", 41, "ph-probe", "line", '["ph"]')
    if closing:
        text += DEVICE.format("relay-2", 11, "waveshare-relay-8ch", "relay-2", "[]")
    for liquid in liquids:
        shut = f'closing_actuator = "closing-{liquid}"' if closing else IN_WORDS
        text += INJECTOR.format(liquid, COILS[liquid], EFFECT[liquid], ML_MIN[liquid], shut)
        text += CLOSING.format(liquid, COILS[liquid] - 3) if closing else ""
    return text


def world(*faults: Fault, mixing: MixingConfig | None = None, tank: TankConfig | None = None) -> World:
    """The world that fits `farm`."""
    injectors = (
        InjectorConfig("a", Coil(0, 3), Coil(1, 0), liquid="a"),
        InjectorConfig("b", Coil(0, 4), Coil(1, 1), liquid="b"),
        InjectorConfig(
            "acid",
            Coil(0, 5),
            Coil(1, 2),
            ml_min=200.0,
            liquid="acid",
            stock_ec_ds_m=20.0,
            stock_alkalinity_meq_l=-1000.0,
        ),
    )
    config = WorldConfig(
        zones=(ZoneConfig("zone-1", ValveConfig(Coil(0, 1))), ZoneConfig("zone-2", ValveConfig(Coil(0, 2)))),
        boards=(BoardConfig(1), BoardConfig(11)),
        injectors=injectors,
        mixing=mixing or MixingConfig(),
        tank=tank or TankConfig(),
        spread=0.0,
        probe_errors=0.0,
    )
    return World(config, seed=3, faults=faults)


def fertigated(folder: Path, text: str, made: World | None = None, memory: bytes | None = None) -> Estate:
    return Estate(site_of(folder, text), made or world(), memory)


def tank_world(*faults: Fault) -> World:
    """The same with a mixing tank of 700 L."""
    mixing = MixingConfig("tank", 10.0, Coil(0, 6))
    return world(*faults, mixing=mixing, tank=TankConfig(0.5, 800.0, 700.0, 20.0, 60.0, 80.0))


def tank_line() -> str:
    """The part of the site file that fits it."""
    unit, name = contact(tank_world(), "flow_switch")
    return TANK.replace("UNIT", str(unit)).replace("INPUT", name)


def contact(made: World, name: str) -> tuple[int, str]:
    """The unit and value of an input of the world's."""
    unit, at = inputs_of(made.config)[name]
    return unit, f"input_{at}"


def dosed(estate: Estate) -> Mapping[str, Any]:
    """What the last run that ended was given."""
    found: Any = estate.ended()[-1]["dosed"]
    return dict(found)


def remembered(estate: Estate) -> Memory:
    assert estate.memory is not None
    return Memory.decode(estate.memory)
