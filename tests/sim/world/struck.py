"""A farm that something strikes, and what is seen of it from outside."""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.sim.world.drawn import write
from tonnam_sim.world import Fault, World, WorldConfig
from tonnam_sim.world.config import (
    TankConfig,
)

NOON_S = 12 * 3600.0
FULL = TankConfig(start_l=8000.0)


def world_with(*wrong: Fault, **changes: object) -> World:
    config = WorldConfig(start_hour=12.0, spread=0.0, probe_errors=0.0, tank=FULL)
    for name, value in changes.items():
        config = _with(config, name, value)
    return World(config, 3, wrong)


def _with(config: WorldConfig, name: str, value: object) -> WorldConfig:
    return replace(config, **{name: value})  # type: ignore[arg-type]


def water(world: World, minutes: float, zone: str = "zone-1", *, rests_s: float = 0.0) -> float:
    """Water a zone; what came out of its emitters, litres."""
    before_l = world.truth.zones[zone].dripped_l
    write(world, zone, 0.0)
    write(world, "pump", 0.0)
    world.step(minutes * 60.0)
    write(world, "pump", None)
    write(world, zone, None)
    world.step(rests_s)
    return world.truth.zones[zone].dripped_l - before_l


def coil_reads(world: World, actuator: str) -> bool | None:
    answer = world.buses["cabinet"].execute(1, bytes.fromhex("0100000008"))
    return None if answer is None else bool(answer[2] >> world.cabinet.coils[actuator].channel & 1)


def registers(world: World, bus: str, unit: int, function: int, address: int, count: int) -> list[int] | None:
    answer = world.buses[bus].execute(unit, struct.pack(">BHH", function, address, count))
    return None if answer is None or answer[0] & 0x80 else list(struct.unpack(f">{count}H", answer[2:]))


def vwc_pct(world: World, unit: int = 1) -> float:
    found = registers(world, "soil", unit, 3, 0, 1)
    assert found is not None
    return found[0] / 10.0


NORMAL_L = water(world_with(), 20.0)
