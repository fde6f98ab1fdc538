"""Filters that are flushed: when it is due, in which order with zones and pump, and that it is a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.edge.farms import Play, site_of
from tests.edge.stands import ACTUATOR, COMMON, ZONES, Pump, Stand, Zone, farm_text
from tests.edge.test_several_pumps import latches
from tonnam_edge.core.memory import Memory

FLUSH_COIL = 7
PRESSURE = """
[[device]]
id = "press"
bus = "cabinet"
unit = 9
profile = "qdy30a"
name = {{ th = "ความดัน", en = "Pressure" }}
"""
FILTER = """
[[filter]]
id = "sand"
name = {{ th = "กรองทราย", en = "Sand filter" }}
valve = "flush"
pump = "pump-1"
seconds = {0}
flow_l_min = {1}
{2}
"""
TIMER = """
[[program]]
id = "t-{0}"
kind = "timer"
zone = "{0}"
at = "10:0{1}"
run_min = 3
late_min = 60
"""
PUMPS = (Pump("pump-1", 0, "capacity_l_min = 130"), Pump("pump-2", 1))
MINE = tuple(zone for zone in ZONES if zone.pump != "pump-3")


def play_of(folder: Path, keys: str, seconds: int = 60, flow_l_min: int = 100, more: str = "") -> Play:
    text = farm_text(pumps=PUMPS, zones=MINE, more=COMMON + more)
    text += ACTUATOR.format("flush", "valve", FLUSH_COIL, "") + FILTER.format(seconds, flow_l_min, keys)
    play = Play(site_of(folder, text))
    # To the stand the flush valve is one more way out of the pump's pressure.
    play.field = Stand(pumps=PUMPS, zones=(*MINE, Zone("sand", "pump-1", FLUSH_COIL, 100.0)))
    play.watch = never_with_a_zone
    play.run(4)
    return play


def never_with_a_zone(play: Play, step: object) -> None:
    open_zone = any(play.field.coil(zone.coil) for zone in MINE if zone.pump == "pump-1")
    assert not (play.field.coil(FLUSH_COIL) and open_zone)
    assert not play.field.coil(0) or play.field.coil(FLUSH_COIL) or open_zone


def flushes(play: Play) -> list[Mapping[str, Any]]:
    return [event.body for event in play.events if event.kind == "flush.ended"]


def kinds(play: Play) -> list[str]:
    return [event.kind for event in play.events if event.kind.startswith(("run.", "flush."))]


def test_after_so_many_litres_it_is_flushed_with_the_zones_closed_and_that_is_told(tmp_path: Path) -> None:
    play = play_of(tmp_path, "every_l = 150")
    play.water("zone-1", 90, "c1")
    play.run(130)
    assert kinds(play) == ["run.started", "run.ended"]
    play.water("zone-1", 90, "c2")
    play.run(110)
    play.water("zone-2", 300, "c3")
    play.run(2)
    assert play.states("c3") == ["refused"]
    play.run(140)
    (done,) = flushes(play)
    assert (done["filter"], done["outcome"]) == ("sand", "done")
    assert 90 <= done["litres"] <= 110
    assert latches(play) == []
    assert play.memory is not None
    assert Memory.decode(play.memory).filters["sand"].litres == 0.0
    opens = [a for step in play.steps for a in step.actions if a.open and a.actuator == "flush"]
    assert opens[0].hold_s is not None
    assert opens[0].hold_s < 200


def test_who_has_waited_longer_waters_before_the_flush_and_who_comes_later_after_it(tmp_path: Path) -> None:
    timers = TIMER.format("zone-1", 1) + TIMER.format("zone-2", 5)
    play = play_of(tmp_path, "every_l = 100", more=timers)
    play.run(900)
    started = [kind for kind in kinds(play) if kind.endswith("started")]
    assert started == ["run.started", "flush.started"] * 2


def test_hours_of_pumping_count_and_survive_a_restart(tmp_path: Path) -> None:
    play = play_of(tmp_path, "every_h = 0.1")
    for number in range(2):
        play.water("zone-1", 150, f"c{number}")
        play.run(200)
        play.restart()
        play.run(4)
    assert flushes(play) == []
    play.water("zone-1", 90, "c9")
    play.run(250)
    assert [body["outcome"] for body in flushes(play)] == ["done"]


def test_a_pressure_that_stays_too_high_makes_it_due_and_not_more_often_than_its_rest(tmp_path: Path) -> None:
    play = play_of(tmp_path, 'difference = "press/level"\nabove = 50\nrest_min = 30', more=PRESSURE.format())
    assert isinstance(play.field, Stand)
    play.field.more["press"] = {"level": 80.0}
    play.run(60)
    assert flushes(play) == []  # the pump stands
    play.water("zone-1", 60, "c1")
    play.run(260)
    assert len(flushes(play)) == 1
    play.water("zone-1", 60, "c2")
    play.run(260)
    assert len(flushes(play)) == 1
    play.run(1800)
    assert len(flushes(play)) == 2


def test_a_flush_that_gives_no_water_is_latched_by_itself_and_zones_go_on(tmp_path: Path) -> None:
    play = play_of(tmp_path, "every_l = 50", seconds=120)
    assert isinstance(play.field, Stand)
    play.field.zones = [zone for zone in play.field.zones if zone.name != "sand"]  # it lets nothing through
    play.water("zone-1", 70, "c1")
    play.run(110)
    play.run(20)
    assert latches(play) == [("no_flow", "sand")]
    play.run(60)
    play.water("zone-1", 60, "c2")
    play.run(90)
    assert play.states("c2")[-1] == "done"
    assert len(flushes(play)) == 1


def test_another_pump_goes_on_beside_a_flush_and_the_sum_is_expected(tmp_path: Path) -> None:
    play = play_of(tmp_path, "every_l = 60", seconds=120)
    play.water("zone-1", 70, "c1")
    play.water("zone-3", 400, "c2")
    play.run(450)
    assert [body["outcome"] for body in flushes(play)] == ["done"]
    assert play.states("c2")[-1] == "done"
    assert latches(play) == []


@pytest.mark.parametrize("dies_after_s", range(0, 80, 5))
def test_the_board_ends_a_flush_when_the_edge_dies(tmp_path: Path, dies_after_s: int) -> None:
    play = play_of(tmp_path, "every_l = 30", seconds=40)
    play.water("zone-1", 40, "c1")
    play.run(55 + dies_after_s)
    for _ in range(150):
        play.pass_time(1)
        open_way = play.field.coil(FLUSH_COIL) or any(play.field.coil(zone.coil) for zone in MINE)
        assert not play.field.coil(0) or open_way
    assert not any(play.field.coils)


def test_a_flush_that_a_restart_cut_off_is_told_and_tried_again(tmp_path: Path) -> None:
    play = play_of(tmp_path, "every_l = 30")
    play.water("zone-1", 40, "c1")
    play.run(85)
    assert kinds(play)[-1] == "flush.started"
    play.restart()
    play.field.coils, play.field.until = [False] * 8, {}
    play.run(200)
    assert [body["outcome"] for body in flushes(play)] == ["interrupted", "done"]
