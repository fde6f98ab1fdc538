"""A pumping station and a gate: by level, by witness, by nobody; locked, dry, broken; and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.floods import (
    CANAL,
    EXAMPLE,
    GATE_KEY,
    INPUTS,
    PUMP_KEY,
    RIVER,
    UPSTREAM,
    Flood,
)
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.site.check import load_site
from tonnam_link.messages import CommandAction


@pytest.fixture
def flood() -> Flood:
    """Some time after the start: the river is low, the pumps stand, the gate is open."""
    flood = Flood()
    flood.run(45)
    flood.town.opening = 1.0
    assert (flood.running(), flood.town.opening, flood.latches()) == ([False, False], 1.0, [])
    return flood


def river(flood: Flood, cm: float) -> None:
    """Both gauges of the river, as the witness is 35 cm higher."""
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = cm, cm + 35


def test_a_pump_runs_and_the_gate_closes_when_the_river_comes_up_and_both_go_back_when_it_has_fallen(
    flood: Flood,
) -> None:
    river(flood, 251)
    flood.run(2)
    assert flood.running() == [True, False]
    flood.run(61)
    assert flood.town.opening == 0.0
    assert flood.text() == "The water is at 251 cm; from 250 cm up it is on"
    river(flood, 230)
    flood.run(300)
    assert (flood.running(), flood.town.opening) == ([True, False], 0.0)
    river(flood, 219)
    flood.run(400)
    assert (flood.running(), flood.town.opening) == ([False, False], 1.0)
    moved = [(body["actuator"], body["state"]) for body in flood.said("station.moved")][-4:]
    assert moved == [("pump-1", "on"), ("gate", "closed"), ("pump-1", "off"), ("gate", "open")]


def test_a_new_site_file_must_wait_for_a_flood_and_for_what_somebody_asked_for(flood: Flood) -> None:
    """Another core would begin with the safe state: the gate half way, every pump on."""
    assert flood.core.stations.busy == []
    river(flood, 251)
    flood.run(2)
    assert flood.core.stations.busy
    river(flood, 219)
    flood.run(2)
    assert flood.core.stations.busy == []
    flood.command(CommandAction.WATER, seconds=60)
    flood.run(2)
    assert flood.core.stations.busy
    flood.run(70)
    assert flood.core.stations.busy == []


def test_what_is_held_out_of_its_safe_state_is_held_by_the_board_and_a_kill_brings_it_back(flood: Flood) -> None:
    assert set(flood.town.until) == {0, 1, 2}
    assert all(0 < until - flood.town.now_s <= 120 for until in flood.town.until.values())
    flood.kill()
    flood.run(121)
    assert flood.running() == [True, True]
    flood.run(60)
    assert flood.town.opening == 0.0


def test_a_start_brings_everything_into_its_safe_state_and_reads_it_back_first() -> None:
    flood = Flood()
    flood.town.coils[:3], flood.town.opening = [True, True, True], 1.0
    flood.run(5)
    first = [(action.actuator, action.open) for _, action in flood.actions[:3]]
    assert first == [("pump-1", True), ("pump-2", True), ("gate", False)]
    assert all(action.safe for _, action in flood.actions[:3])


def test_while_its_own_gauge_is_silent_the_bridge_counts_and_with_neither_the_safe_state(flood: Flood) -> None:
    flood.town.silent.add(RIVER)
    flood.town.levels[UPSTREAM] = 290.0
    flood.run(40)
    assert flood.running() == [True, False]
    assert "the other gauge counts" in flood.text()
    assert flood.told()["level_by"] == "witness"
    flood.town.levels[UPSTREAM] = 200.0
    flood.run(200)
    assert flood.running() == [False, False]
    flood.town.silent.add(UPSTREAM)
    flood.run(40)
    assert flood.running() == [True, True]
    assert not flood.town.coils[2]
    assert flood.text().startswith("The level is not known, so it is in its safe state: on.")


def test_when_the_gauges_contradict_each_other_the_one_counts_that_leads_to_safety(flood: Flood) -> None:
    flood.town.levels[UPSTREAM] = 400.0
    flood.run(3)
    assert flood.running() == [True, True]
    assert "contradict" in flood.text()
    assert "contradict" in flood.text("sluice")
    assert not flood.town.coils[2]


def test_pumps_take_turns_and_all_of_them_run_in_a_flood(flood: Flood) -> None:
    for expected in ([True, False], [False, True]):
        river(flood, 260)
        flood.run(130)
        assert flood.running() == expected
        river(flood, 200)
        flood.run(60)
    river(flood, 330)
    flood.run(40)
    assert flood.running() == [True, True]
    river(flood, 240)
    flood.run(300)
    assert flood.running() == [True, True]
    river(flood, 210)
    flood.run(3)
    assert flood.running() == [False, False]


def test_the_key_at_the_cabinet_leaves_everything_alone_until_it_is_turned_back(flood: Flood) -> None:
    flood.town.turn_key(PUMP_KEY, locked=True)
    before = len(flood.town.writes)
    river(flood, 300)
    flood.command(CommandAction.WATER, seconds=600)
    flood.run(400)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil in {0, 1}] == []
    assert flood.running() == [False, False]
    assert flood.states() == ["refused"]
    assert (flood.told()["locked"], flood.told()["state"]) == (True, "off")
    assert flood.text().startswith("Locked by the key at the cabinet")
    assert flood.town.opening == 0.0  # the gate has a key of its own
    flood.town.turn_key(PUMP_KEY, locked=False)
    flood.run(5)
    assert any(flood.running())
    assert flood.told()["locked"] is False


def test_a_lock_that_was_seen_stays_when_its_contact_falls_silent_and_across_a_restart(flood: Flood) -> None:
    flood.town.turn_key(PUMP_KEY, locked=True)
    flood.run(3)
    flood.town.silent.add(INPUTS)
    before = len(flood.town.writes)
    flood.run(400)
    flood.start()
    flood.run(60)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil in {0, 1}] == []


def test_after_a_start_nothing_moves_before_the_key_was_read(flood: Flood) -> None:
    flood.kill()
    flood.town.turn_key(GATE_KEY, locked=True)
    before = len(flood.town.writes)
    flood.start()
    flood.run(30)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil == 2] == []


def test_a_key_that_cannot_be_read_is_the_safe_state_with_the_reason(flood: Flood) -> None:
    flood.town.silent.add(INPUTS)
    flood.run(170)
    assert flood.running() == [False, False]
    flood.run(60)
    assert flood.running() == [True, True]
    assert "is not read" in flood.text()


@pytest.mark.parametrize("mode", ["off", "hand"])
def test_in_off_and_hand_the_program_moves_nothing(flood: Flood, mode: str) -> None:
    flood.town.turn_switch(mode)
    flood.run(3)
    before = len(flood.town.writes)
    river(flood, 300)
    flood.run(200)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil in {0, 1}] == []
    assert flood.told()["mode"] == mode


def test_a_lock_out_at_the_site_holds_until_it_is_unlocked_there(flood: Flood) -> None:
    flood.core.ask(Request("1", "lock", who="Malee", why="the screen is cleaned", zone="flood-pumps"))
    river(flood, 300)
    flood.run(3)
    before = len(flood.town.writes)
    flood.start()
    flood.run(300)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil in {0, 1}] == []
    assert flood.text() == "Locked at the site by Malee: the screen is cleaned. It can be unlocked there only"
    flood.core.ask(Request("2", "unlock", who="Malee", zone="flood-pumps"))
    flood.run(5)
    assert any(flood.running())


def test_a_pressed_emergency_stop_leaves_everything_alone(tmp_path: Path) -> None:
    """It is hard-wired; while it is pressed nothing is written."""
    site = tmp_path / "site.toml"
    stop = '[cabinet]\nemergency_stop = "switches/input_6"\nclosed_when_pressed = true\n'
    text = EXAMPLE.read_text(encoding="utf-8").replace('"input_5"]', '"input_5", "input_6"]')
    site.write_text(text + stop, encoding="utf-8")
    flood = Flood(load_site(site)[0])
    flood.run(60)
    flood.town.keys.add(6)
    flood.run(2)
    before = len(flood.town.writes)
    river(flood, 300)
    flood.run(60)
    assert flood.town.writes[before:] == []
    assert flood.text().startswith("The emergency stop at the cabinet is pressed")
    flood.town.keys.discard(6)
    flood.run(10)
    assert any(flood.running())


def test_nobody_afar_locks_a_station(flood: Flood) -> None:
    flood.command(CommandAction.LOCK)
    flood.run(2)
    assert flood.states() == ["refused"]
    assert flood.told()["in_hand"] is False


def test_pumps_stop_before_the_intake_is_dry_and_start_again_when_there_is_water(flood: Flood) -> None:
    river(flood, 330)
    flood.run(40)
    flood.town.levels[CANAL] = 59.0
    flood.run(3)
    assert flood.running() == [False, False]
    assert "so as not to run dry" in flood.text()
    flood.town.levels[CANAL] = 100.0
    flood.run(60)
    assert flood.running() == [False, False]
    flood.town.levels[CANAL] = 121.0
    flood.run(3)
    assert flood.running() == [True, True]


def test_a_dry_pump_is_held_off_though_no_gauge_of_the_river_is_known(flood: Flood) -> None:
    flood.town.levels[CANAL] = 30.0
    flood.town.silent |= {RIVER, UPSTREAM}
    flood.run(200)
    assert flood.running() == [False, False]


def test_without_a_gauge_at_the_intake_the_current_says_that_a_pump_is_dry(flood: Flood) -> None:
    flood.town.silent.add(CANAL)
    flood.run(40)
    flood.town.levels[CANAL] = 30.0
    river(flood, 260)
    flood.run(60)
    assert flood.running() == [False, False]
    assert max(flood.town.dry_s) == 0.0
    assert {body["actuator"] for body in flood.said("station.dry")} == {"pump-1", "pump-2"}
    assert flood.latches() == []
    flood.town.levels[CANAL] = 150.0
    flood.run(700)
    assert any(flood.running())


def test_a_motor_that_stands_is_latched_and_the_other_pump_takes_over(flood: Flood) -> None:
    flood.town.broken_pumps.add(0)
    river(flood, 260)
    flood.run(40)
    assert flood.latches() == [("not_running", "pump-1")]
    assert flood.running() == [False, True]
    assert flood.town.coils[:2] == [True, False] or not any(flood.town.coils[:2])


def test_a_coil_that_somebody_else_moves_is_not_fought(flood: Flood) -> None:
    for _ in range(3):
        flood.town.coils[0] = False
        flood.town.until.pop(0, None)
        flood.run(2)
        assert flood.running()[0]
        flood.run(400)
    assert ("unexpected", "pump-1") in flood.latches()


def test_what_does_not_go_into_its_safe_state_is_latched_and_told_again_and_again(flood: Flood) -> None:
    flood.town.stuck[0] = True
    river(flood, 330)
    flood.run(60)
    assert ("not_safe", "pump-1") in flood.latches()
    assert sum(coil == 0 and value == 0 for _, coil, value in flood.town.writes) > 10
    assert flood.running() == [False, True]


def test_a_gate_that_does_not_arrive_is_latched(flood: Flood) -> None:
    flood.town.turn_key(GATE_KEY, locked=False)
    river(flood, 260)
    flood.run(3)
    flood.town.opening = 0.5
    flood.watch = lambda flood, step: setattr(flood.town, "opening", 0.5)
    flood.run(120)
    assert flood.latches() == [("not_moved", "gate")]


def test_water_that_rises_though_the_pumps_run_is_told_once(flood: Flood) -> None:
    river(flood, 260)
    flood.run(60)
    flood.watch = lambda flood, step: flood.town.levels.update({CANAL: flood.town.levels[CANAL] + 0.005})
    flood.run(2400)
    assert len(flood.said("station.rises")) == 1
    assert "higher. Check screen and outlet" in flood.text()


def test_an_order_from_afar_runs_the_pump_for_a_time_and_ends(flood: Flood) -> None:
    flood.command(CommandAction.WATER, seconds=300)
    flood.run(10)
    assert flood.running() == [True, False]
    assert flood.states() == ["accepted", "running"]
    flood.run(300)
    assert flood.states() == ["accepted", "running", "done"]
    assert flood.running() == [False, False]


def test_a_stop_from_afar_ends_the_order_and_not_the_pump_that_the_level_wants(flood: Flood) -> None:
    flood.command(CommandAction.WATER, seconds=3000)
    flood.run(130)
    flood.command(CommandAction.STOP, command_id="s1")
    flood.run(3)
    assert (flood.states(), flood.states("s1")) == (["accepted", "running", "done"], ["done"])
    assert flood.running() == [False, False]
    river(flood, 260)
    flood.run(40)
    flood.command(CommandAction.STOP, command_id="s2")
    flood.run(200)
    assert any(flood.running())


def test_an_order_is_refused_when_the_intake_is_dry_and_fails_when_somebody_takes_it_in_hand(flood: Flood) -> None:
    flood.command(CommandAction.WATER, seconds=3000)
    flood.run(10)
    flood.town.turn_switch("hand")
    flood.run(5)
    assert flood.states()[-1] == "failed"
    flood.town.turn_switch("auto")
    flood.town.levels[CANAL] = 50.0
    flood.run(20)
    flood.command(CommandAction.WATER, seconds=300, command_id="c2")
    flood.run(2)
    assert flood.states("c2") == ["refused"]


def test_an_order_is_over_after_a_restart(flood: Flood) -> None:
    flood.command(CommandAction.WATER, seconds=3000)
    flood.run(10)
    flood.start()
    flood.run(10)
    assert flood.states()[-1] == "failed"


def test_the_end_of_the_agent_leaves_everything_in_its_safe_state(flood: Flood) -> None:
    flood.core.shut_down()
    flood.run(3)
    assert flood.core.safe
    assert (flood.running(), flood.town.coils[2]) == ([True, True], False)


def test_the_end_of_the_agent_does_not_wait_for_what_is_locked(flood: Flood) -> None:
    flood.town.turn_key(PUMP_KEY, locked=True)
    flood.run(2)
    flood.core.shut_down()
    flood.run(3)
    assert flood.core.safe
    assert flood.running() == [False, False]


def test_a_disk_that_refuses_is_the_safe_state(flood: Flood) -> None:
    flood.core.remembers = False
    flood.run(3)
    assert flood.running() == [True, True]
    assert "cannot write to its disk" in flood.text()


def test_a_pump_that_could_not_start_again_runs_on(flood: Flood) -> None:
    for _ in range(14):
        river(flood, 260)
        flood.run(125)
        river(flood, 200)
        flood.run(35)
    assert any(flood.running())
    assert "could not start again, so it runs on" in flood.text()
