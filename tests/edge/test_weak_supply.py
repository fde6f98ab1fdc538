"""A pump whose start pulls the voltage down so far that relay boards restart: what is told speaks of the supply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.edge.plants import PLAIN, Estate, estate, with_contactor, world_of
from tonnam_sim.world import World
from tonnam_sim.world.faults import ForeignWrite

TRIES = 3


def weak(folder: Path, *, contactor: bool = False, volts_lost_a: float = 0.01) -> Estate:
    strong = world_of(contactor=contactor)
    world = World(replace(strong.config, volts_lost_a=volts_lost_a), seed=3)
    one = estate(folder, with_contactor(PLAIN) if contactor else PLAIN, world)
    one.run(5)
    return one


def texts(one: Estate) -> list[str]:
    return [event.body["text"]["en"] for event in one.events if event.kind == "latch.set"]


@pytest.mark.parametrize("contactor", [False, True])
def test_coils_that_go_off_together_as_the_pump_starts_are_told_as_a_weak_supply(
    tmp_path: Path, contactor: bool
) -> None:
    one = weak(tmp_path, contactor=contactor)
    for tried in range(TRIES):
        one.water(seconds=60, command_id=f"c{tried}")
        one.run(120)
    assert ("unexpected", "valve-1") in one.latches()
    assert all("the supply is weak" in told for told in texts(one))
    assert not one.world.truth.pump_running


def test_a_supply_that_bears_the_start_latches_nothing(tmp_path: Path) -> None:
    one = weak(tmp_path, volts_lost_a=0.005)
    one.water(seconds=60)
    one.run(120)
    assert one.latches() == []


def test_one_coil_that_somebody_turns_off_as_the_pump_starts_is_no_weak_supply(tmp_path: Path) -> None:
    one = weak(tmp_path, volts_lost_a=0.0)
    for tried in range(TRIES):
        one.water(seconds=60, command_id=f"c{tried}")
        one.run(6)
        one.world.add(ForeignWrite(at_s=one.world.now_s, actuator="zone-1", on=False))
        one.run(114)
    assert one.latches() == [("unexpected", "valve-1")]
    assert "by somebody else" in texts(one)[0]
