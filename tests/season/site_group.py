"""Farms of several pumps: a group with a meter for each and a filter, and two pumps behind one meter."""

from __future__ import annotations

from typing import Any

from tests.season.layout import Layout, balance, timer, zone
from tonnam_sim.world.config import (
    BoardConfig,
    Coil,
    FilterConfig,
    PumpConfig,
    TankConfig,
    ValveConfig,
    WorldConfig,
    ZoneConfig,
)

BOARDS = (BoardConfig(1), BoardConfig(11))
SELDOM = {"at": "06:05", "pulse_min": 19}


# A zone that begins so dry is thirsty within three days without water.
DRY = 0.4


def _zone(number: int, coil: Coil, flow_l_min: float, main: int = 0, **more: Any) -> ZoneConfig:
    """A zone of 300 m2 that goes by the clock, without probes."""
    return ZoneConfig(
        f"zone-{number}", ValveConfig(coil), **{"area_m2": 300.0, "flow_l_min": flow_l_min, "main": main, **more}
    )


def _dry(number: int, coil: Coil, flow_l_min: float, main: int = 0) -> ZoneConfig:
    """A zone that goes by what its crop uses, and begins with too little."""
    valve = ValveConfig(coil, travel_s=6.0)
    return zone(number, valve, area_m2=300.0, flow_l_min=flow_l_min, main=main, start_depletion=DRY)


def _group() -> Layout:
    """Three pumps of which two may run and 120 L/min be drawn; each has its meter, the first a filter."""
    zones = (
        _zone(1, Coil(0, 1), 60.0),
        _dry(2, Coil(0, 2), 40.0),
        _zone(3, Coil(1, 1), 60.0, 1),
        _zone(4, Coil(1, 3), 20.0, 2),
    )
    config = WorldConfig(
        zones=zones,
        boards=BOARDS,
        more_pumps=(PumpConfig(Coil(1, 0), id="pump-2", main=1), PumpConfig(Coil(1, 2), id="pump-3", main=2)),
        filter=FilterConfig(flush=ValveConfig(Coil(0, 3), travel_s=3.0), flush_l_min=80.0),
        tank=TankConfig(well_l_min=25.0),
    )
    programs = (timer(1, "06:10", 9), timer(3, "06:10", 8), timer(4, "06:11", 10), balance(2, **SELDOM))
    group = {"id": "main", "pumps": ["pump", "pump-2", "pump-3"], "capacity_l_min": 120, "most_pumps": 2}
    sand = {"seconds": 40, "flow_l_min": 80, "every_l": 1500}
    return Layout("group", config, programs, told_flow_l_min=None, group=group | {"least_s": 25}, filter=sand)


def _common() -> Layout:
    """Two pumps with currents behind one meter, on a board each; both can bring more than their well gives."""
    zones = (_zone(1, Coil(0, 1), 60.0), _zone(2, Coil(1, 1), 60.0, 1), _dry(3, Coil(1, 2), 40.0, 1))
    config = WorldConfig(
        zones=zones,
        boards=BOARDS,
        more_pumps=(PumpConfig(Coil(1, 0), id="pump-2", main=1, spin_s=2.0),),
        common_meter=True,
    )
    programs = (timer(1, "06:10", 12), timer(2, "06:10", 9), balance(3, **SELDOM))
    group = {"id": "well", "pumps": ["pump", "pump-2"], "capacity_l_min": 105, "least_s": 40}
    return Layout("common", config, programs, told_flow_l_min=None, pump_current=True, group=group)


GROUPS = (_group(), _common())
