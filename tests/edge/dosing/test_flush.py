"""A filter that is flushed on a pump whose line is dosed: nothing is dosed from its first coil to its last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.edge.dosing.rig import dose, dosed, farm, fertigated, world
from tests.edge.plants import ACTUATOR, Estate
from tonnam_edge.core import Step
from tonnam_sim.world.config import Coil, ValveConfig, ZoneConfig
from tonnam_sim.world.world import World

A4 = 'dose = [{ injector = "a", ml_per_l = 4 }]'
B3 = 'dose = [{ injector = "b", ml_per_l = 3 }]'
FILTER = """
[[filter]]
id = "sand"
name = { th = "กรองทราย", en = "Sand filter" }
valve = "flush"
pump = "pump"
seconds = 60
flow_l_min = 60
every_l = 150
"""
DOSERS = frozenset(f"{kind}-{liquid}" for kind in ("doser", "closing") for liquid in ("a", "b", "acid"))
TEXT = farm(dose(1, A4), dose(2, B3)) + ACTUATOR.format("flush", "valve", 7) + FILTER


def flushed_world() -> World:
    """To the world the way back through the filter is one more zone."""
    config = world().config
    zones = (*config.zones, ZoneConfig("sand", ValveConfig(Coil(0, 7))))
    return World(replace(config, zones=zones), seed=3)


class Watch:
    """From the first coil of a flush to its last nothing is told to dose, and no stock leaves its tank."""

    def __init__(self) -> None:
        self.flushed_s = 0
        self._dosed_ml: dict[str, float] = {}

    def __call__(self, estate: Estate, step: Step) -> None:
        truth, dosed_ml = estate.world.truth, dict(estate.world.truth.dosed_ml)
        flushes = "sand" in estate.core.running or "sand" in truth.open_zones
        doses = [action.actuator for action in step.actions if action.open and action.actuator in DOSERS]
        assert not (flushes and doses)
        assert not flushes or not self._dosed_ml or dosed_ml == self._dosed_ml
        self._dosed_ml = dosed_ml if flushes else {}
        self.flushed_s += flushes


def runs(estate: Estate) -> list[tuple[object, object]]:
    """Whose run or flush began for which cause, in their order."""
    told = [event.body for event in estate.events if event.kind in {"run.started", "flush.started"}]
    return [(body.get("zone", "sand"), body.get("cause", "flush")) for body in told]


def farm_of(folder: Path) -> tuple[Estate, Watch]:
    one, watch = fertigated(folder, TEXT, flushed_world()), Watch()
    one.watch = watch
    one.run(40)
    return one, watch


def test_a_flush_between_two_dosed_runs_gets_no_stock_and_the_next_run_gets_its_own(tmp_path: Path) -> None:
    one, watch = farm_of(tmp_path)
    one.water("zone-1", 180, "c1")
    one.run(340)
    assert one.world.truth.zones["sand"].delivered_l == pytest.approx(60, abs=12)
    one.water("zone-2", 240, "c2")
    one.run(270)
    assert runs(one)[:3] == [("zone-1", "manual"), ("sand", "flush"), ("zone-2", "manual")]
    assert dosed(one)["b"] == pytest.approx(3 * (240 - 65 - 5), rel=0.1)
    assert watch.flushed_s >= 60
    assert one.latches() == []


def test_a_run_that_is_stopped_while_it_doses_is_over_before_the_filter_is_flushed(tmp_path: Path) -> None:
    one, watch = farm_of(tmp_path)
    one.water("zone-1", 400, "c1")
    one.run(200)
    assert one.world.truth.dosed_ml["a"] > 100
    one.stop("zone-1")
    one.run(5)
    owed_l = one.core._dosing.lines["line"].owes_l
    one.run(115)
    assert runs(one)[:2] == [("zone-1", "manual"), ("sand", "flush")]
    assert one.core._dosing.lines["line"].owes_l < owed_l - 40  # what stood in the line has gone down the drain
    assert watch.flushed_s >= 60
    assert one.latches() == []
