"""What a station does with what is unknown, worn or contradictory, and whom it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.floods import BOARD, CANAL, DRAIN, FLOAT_CM, METER_1, METER_2, RIVER, UPSTREAM, Flood
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.check import load_site
from tonnam_link.messages import CommandAction


@pytest.fixture
def drained(tmp_path: Path) -> Flood:
    """Pumps off in doubt, and a gate that lets high water out."""
    (tmp_path / "site.toml").write_text(DRAIN, encoding="utf-8")
    return Flood(load_site(tmp_path / "site.toml")[0])


def river(flood: Flood, cm: float) -> None:
    """Both gauges of the river, as the witness is 35 cm higher."""
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = cm, cm + 35


def test_at_stop_cm_the_thai_text_says_that_the_water_is_there_or_below() -> None:
    flood = Flood()
    river(flood, 220)
    flood.run(45)
    assert flood.told()["text"] == {
        "th": "ระดับน้ำ 220 ซม. ถึงหรือต่ำกว่าเกณฑ์ 220 ซม. จึงสั่งหยุด",
        "en": "The water is at 220 cm; from 220 cm down it is off",
    }


def test_waves_on_gauges_that_differ_by_about_apart_cm_move_nothing_again_and_again() -> None:
    flood = Flood()
    flood.run(60)
    flood.events.clear()
    for wave in range(24):
        flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 215.0, 250.0 + (51 if wave % 2 else 49)
        flood.run(150)
    assert len(flood.said("station.moved")) <= 3  # both pumps on at once, or one; and the gate
    assert "contradict" in flood.text()


def test_gauges_contradict_each_other_until_they_were_near_for_some_minutes() -> None:
    flood = Flood()
    flood.run(60)
    flood.town.levels[UPSTREAM] = 215.0 + 51
    flood.run(10)
    assert "contradict" in flood.text()
    flood.town.levels[UPSTREAM] = 215.0 + 34
    flood.run(290)
    flood.town.levels[UPSTREAM] = 215.0 + 36
    flood.run(20)
    flood.start()
    flood.run(60)
    assert "contradict" in flood.text()
    flood.town.levels[UPSTREAM] = 215.0 + 34
    flood.run(310)
    assert "contradict" not in flood.text()


@pytest.mark.parametrize(("station", "coil"), [("flood-pumps", 0), ("sluice", 2)])
def test_an_order_ends_when_the_level_is_unknown_and_none_is_taken_until_it_is_known(
    drained: Flood, station: str, coil: int
) -> None:
    drained.run(60)
    drained.command(CommandAction.WATER, station, seconds=3600)
    drained.run(10)
    assert drained.town.coils[coil]
    drained.town.silent |= {RIVER, UPSTREAM}
    drained.run(40)
    assert not drained.town.coils[coil]
    assert drained.states() == ["accepted", "running", "failed"]
    assert drained.outcomes[-1].reason["en"].startswith("The level is not known")
    assert drained.told(station)["alarm"] is not None
    drained.command(CommandAction.WATER, station, seconds=3600, command_id="c2")
    drained.run(5)
    assert (drained.states("c2"), drained.town.coils[coil]) == (["refused"], False)


def start_often(flood: Flood, times: int) -> None:
    """Each time the next pump in turn starts, and runs as long as it must."""
    for _ in range(times):
        river(flood, 260)
        flood.run(125)
        river(flood, 200)
        flood.run(35)


def test_what_a_motor_may_start_in_an_hour_does_not_count_in_a_flood(drained: Flood) -> None:
    drained.run(60)
    start_often(drained, 12)
    river(drained, 330)
    drained.run(5)
    assert drained.town.coils[:2] == [True, True]


def test_that_fewer_pumps_run_than_are_wanted_is_told(drained: Flood) -> None:
    drained.run(60)
    start_often(drained, 12)
    assert drained.told()["alarm"] is None
    river(drained, 260)
    drained.run(60)
    assert drained.town.coils[:2] == [False, False]
    assert drained.told()["alarm"] is None
    drained.run(130)
    assert "0 of the 1 pumps that are wanted run" in str(drained.told()["alarm"])
    assert "has started 6 times within an hour" in str(drained.told()["alarm"])


def test_starts_of_long_ago_do_not_hold_a_pump_after_a_reboot(drained: Flood) -> None:
    drained.run(60)
    start_often(drained, 12)
    drained.kill()
    drained.run(3600)
    drained.reboot()
    river(drained, 260)
    drained.run(60)
    assert drained.town.coils[:2].count(True) == 1


def test_starts_of_an_hour_that_nobody_timed_count_as_just_made(drained: Flood) -> None:
    drained.run(60)
    start_often(drained, 12)
    drained.kill()
    drained.run(3600)
    drained.sure = False
    drained.reboot()
    river(drained, 260)
    drained.run(120)
    assert drained.town.coils[:2] == [False, False]
    drained.sure = True
    drained.run(5)
    assert drained.town.coils[:2].count(True) == 1


def test_starts_are_forgotten_while_the_pump_runs(drained: Flood) -> None:
    drained.run(60)
    start_often(drained, 2)
    river(drained, 260)
    drained.run(3700)
    assert drained.memory is not None
    assert not any(Memory.decode(drained.memory).pump_starts.values())


def dried(flood: Flood, canal_cm: float) -> None:
    """A high river, and an intake that was seen to be dry before its gauge fell silent."""
    flood.run(60)
    flood.town.levels[CANAL] = 50.0
    river(flood, 260)
    flood.run(120)
    assert flood.running() == [False, False]
    flood.town.levels[CANAL] = canal_cm
    flood.town.silent.add(CANAL)
    flood.events.clear()


def test_an_intake_gauge_that_drops_out_now_and_then_starts_no_pump() -> None:
    flood = Flood()
    dried(flood, 50)
    for _ in range(8):
        flood.run(60)
        flood.town.silent.discard(CANAL)
        flood.run(100)
        flood.town.silent.add(CANAL)
    assert flood.said("station.moved") == []


def test_one_pump_tries_a_dry_intake_whose_gauge_is_silent_and_no_other_before_it_waited_again() -> None:
    flood = Flood()
    dried(flood, 35)
    flood.run(595)
    assert flood.said("station.moved") == []
    assert "one pump tries" in str(flood.told()["alarm"])
    flood.run(100)
    assert [body["state"] for body in flood.said("station.moved")] == ["on", "off"]
    flood.run(480)
    assert flood.running() == [False, False]
    flood.run(200)
    assert [body["state"] for body in flood.said("station.moved")] == ["on", "off"] * 2


def test_a_trial_that_draws_water_ends_the_doubt_and_a_restart_does_not() -> None:
    flood = Flood()
    dried(flood, 150)
    river(flood, 330)
    flood.run(300)
    flood.start()
    flood.run(590)
    assert not any(flood.running())
    flood.run(25)
    assert flood.running().count(True) == 1
    flood.run(20)
    assert flood.running() == [True, True]


def test_water_at_the_intake_that_is_seen_again_ends_the_rest_after_a_trial() -> None:
    flood = Flood()
    dried(flood, 35)
    flood.run(640)
    flood.town.levels[CANAL] = 150.0
    flood.town.silent.discard(CANAL)
    river(flood, 330)
    flood.run(40)
    assert flood.running() == [True, True]


def test_without_gauge_and_current_a_pump_runs_whose_float_switch_guards_it() -> None:
    flood = Flood()
    dried(flood, 50)
    flood.town.silent |= {METER_1, METER_2}
    flood.run(590)
    assert flood.running() == [False, False]
    flood.run(50)
    assert flood.running().count(True) == 1


def test_gauges_that_say_the_same_for_a_day_are_told() -> None:
    flood = Flood()
    flood.run(60)
    flood.town.now_s += 20 * 3600
    flood.town.levels[UPSTREAM] += 1
    flood.run(60)
    flood.town.now_s += 23 * 3600
    flood.run(60)
    assert flood.told()["alarm"] is None
    flood.town.now_s += 3600
    flood.run(60)
    assert "No gauge has changed for 24 hours" in str(flood.told()["alarm"])
    flood.town.levels[RIVER] += 1
    flood.run(10)
    assert flood.told()["alarm"] is None


def test_a_board_that_is_silent_beyond_its_deadlines_has_no_welded_contact_and_nobody_moved_it() -> None:
    flood = Flood()
    flood.run(60)
    flood.town.silent.add(BOARD)
    flood.run(300)
    assert flood.running() == [True, True]  # let go by the board's timers
    flood.town.silent.discard(BOARD)
    flood.run(60)
    assert flood.latches() == []
    assert not any("moved" in str(body["text"]) for body in flood.said("actuator.fault"))
    assert flood.running() == [False, False]


def test_a_pump_that_its_own_float_has_stopped_is_not_said_to_stand_still() -> None:
    flood = Flood()
    flood.core.remembers = False  # into the safe state, dry or not
    flood.town.levels[CANAL] = FLOAT_CM - 5
    flood.run(90)
    assert flood.running() == [False, False]
    assert not flood.core.latches.standing()


def test_a_gate_has_its_travel_from_when_the_board_has_heard() -> None:
    flood = Flood()
    flood.run(120)
    flood.town.silent.add(BOARD)
    river(flood, 300)
    flood.run(100)  # told to close, and nobody hears it
    flood.town.silent.discard(BOARD)
    flood.run(90)
    assert flood.town.opening == 0.0
    assert flood.latches() == []
