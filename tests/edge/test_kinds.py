"""Valves of every kind against simulated boards and pipes: what the water does, not what the coils say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.plants import PLAIN, Estate, estate, valve_of_kind, with_master, world_of
from tonnam_edge.core import Core
from tonnam_edge.modbus.direct import DirectTransport
from tonnam_edge.site.check import load_site
from tonnam_edge.site.coils import Switch, energised, switches
from tonnam_sim.world.config import ValveKind
from tonnam_sim.world.faults import CabinetSwitch, EmergencyStop, JammedValve

KEYS = {
    "normally_closed": "travel_s = 3\n",
    "normally_open": "travel_s = 3\n",
    "motorised": "travel_s = 12\n",
    "latching": "close_coil = 3\npulse_s = 0.2\ntravel_s = 3\ncut_off_min = 30\n",
}
# The module of digital inputs that the world has.
SWITCHES = """
[[device]]
id = "switches"
bus = "cabinet"
unit = 4
profile = "digital-input-8ch"
name = { th = "สวิตช์ตู้", en = "Cabinet switches" }
tells = ["input_0", "input_4", "input_5"]
"""
TRAVELS = {"motorised": 12.0}


def farm(folder: Path, kind: str, text: str = PLAIN, **world: object) -> Estate:
    travel_s = TRAVELS.get(kind, 2.0)
    made = world_of(ValveKind(kind), travel_s=travel_s, **world)  # type: ignore[arg-type]
    return estate(folder, valve_of_kind(text, kind, KEYS[kind]), made)


@pytest.mark.parametrize("kind", KEYS)
def test_a_valve_of_any_kind_waters_its_zone_and_is_shut_afterwards(tmp_path: Path, kind: str) -> None:
    one = farm(tmp_path, kind)
    one.run(40)
    assert one.core.safe
    assert one.world.truth.zones["zone-1"].valve_position == 0
    one.water(seconds=120)
    one.run(60)
    assert one.world.truth.zones["zone-1"].valve_position == 1
    one.run(140)
    assert one.states() == ["accepted", "running", "done"]
    assert one.core.safe
    assert one.world.truth.zones["zone-1"].valve_position == 0
    assert one.world.truth.zones["zone-1"].delivered_l == pytest.approx(120, abs=20)
    assert one.world.truth.zones["zone-2"].delivered_l == 0
    assert one.world.truth.pump_without_path_s == 0


@pytest.mark.parametrize("kind", ["normally_closed", "normally_open", "motorised"])
def test_an_edge_that_dies_leaves_the_end_to_the_boards_timer_whichever_way_that_turns(
    tmp_path: Path, kind: str
) -> None:
    one = farm(tmp_path, kind)
    one.run(40)
    one.water(seconds=120)
    one.run(50)
    assert one.world.truth.pump_running
    one.world.step(600)
    assert not one.world.truth.pump_running
    assert one.world.truth.zones["zone-1"].valve_position == 0
    assert one.world.truth.pump_without_path_s == 0
    assert one.world.truth.zones["zone-1"].delivered_l < 60 * (120 + 40) / 60


def test_a_latching_valves_pulse_ends_by_the_board_and_closing_is_pulsed_until_the_meter_stands(
    tmp_path: Path,
) -> None:
    one = farm(tmp_path, "latching")
    one.run(30)
    assert one.core.safe
    closes = [a for _, a in one.actions if a.actuator == "valve-1"]
    assert {a.open for a in closes} == {False}
    one.water(seconds=60)
    one.run(100)
    assert one.states()[-1] == "done"
    assert one.world.truth.zones["zone-1"].valve_position == 0


def lose_pulses(one: Estate, most: int) -> list[int]:
    """From now on so many of the pulses that open the first valve are lost on the wire; returns those that were."""
    lost: list[int] = []
    execute = one.world.buses["cabinet"].execute

    def cut(unit: int, request: bytes) -> bytes | None:
        if request[0] == 5 and request[2] == 1 and request[3:] != bytes(2) and len(lost) < most:
            lost.append(one.mono_ms)
            return None
        return execute(unit, request)

    one.ports["cabinet"] = DirectTransport(cut)
    return lost


@pytest.mark.parametrize("most", [1, 3])
def test_a_pulse_that_opens_a_latching_valve_and_is_lost_is_given_again_before_the_pump_starts(
    tmp_path: Path, most: int
) -> None:
    one = farm(tmp_path, "latching")
    one.run(30)
    lost = lose_pulses(one, most)
    one.water(seconds=60)
    one.run(120)
    assert len(lost) == most
    assert one.states()[-1] == "done"
    assert one.world.truth.zones["zone-1"].delivered_l == pytest.approx(60, abs=15)
    assert one.world.truth.pump_without_path_s == 0
    assert one.latches() == []


def test_a_latching_valve_whose_pulses_are_all_lost_ends_the_run_without_the_pump_and_latches_nothing(
    tmp_path: Path,
) -> None:
    one = farm(tmp_path, "latching")
    one.run(30)
    lost = lose_pulses(one, 100)
    one.water(seconds=60)
    one.run(60)
    assert one.states()[-1] == "failed"
    assert one.latches() == []
    assert not any(action.actuator == "pump" and action.open for _, action in one.actions)
    assert 2 <= len(lost) <= 12
    one.run(60)
    one.ports["cabinet"] = DirectTransport(one.world.buses["cabinet"].execute)
    one.water(seconds=60, command_id="c2")
    one.run(120)
    assert one.states("c2")[-1] == "done"


def test_a_latching_valve_is_not_proven_closed_while_the_meter_says_nothing(tmp_path: Path) -> None:
    text = valve_of_kind(PLAIN, "latching", KEYS["latching"]).replace("unit = 3", "unit = 33")
    one = estate(tmp_path, text, world_of(ValveKind.LATCHING))
    one.run(60)
    assert not one.core.safe
    one.water(seconds=60)
    one.run(3)
    assert one.states() == ["refused"]
    assert len([a for _, a in one.actions if a.actuator == "valve-1"]) >= 8


def test_a_latching_valve_that_somebody_had_in_hand_is_closed_when_its_switch_is_on_auto_again(
    tmp_path: Path,
) -> None:
    """The switch has opened it, and lets it stand as it is: a zone beside it would water it, too."""
    mode = 'id = "zone-1"\nmode = { auto = "switches/input_4", hand = "switches/input_5" }\n'
    text = valve_of_kind(PLAIN, "latching", KEYS["latching"]).replace('id = "zone-1"\n', mode, 1) + SWITCHES
    in_hand = CabinetSwitch(at_s=40, until_s=70, subject="zone-1", position="hand")
    one = estate(tmp_path, text, world_of(ValveKind.LATCHING, faults=[in_hand]))
    one.run(60)
    assert one.world.truth.zones["zone-1"].valve_position == 1
    one.run(60)
    assert one.world.truth.zones["zone-1"].valve_position == 0
    assert one.core.safe
    one.water("zone-2", seconds=60)
    one.run(120)
    assert one.states()[-1] == "done"
    assert one.world.truth.zones["zone-1"].delivered_l == 0


def test_a_latching_valve_that_had_no_current_to_close_is_closed_after_the_emergency_stop(tmp_path: Path) -> None:
    """It stood open: its meter said that it was closed, for the pump had no current either."""
    cabinet = '[cabinet]\nemergency_stop = "switches/input_0"\nclosed_when_pressed = true\n'
    text = valve_of_kind(PLAIN, "latching", KEYS["latching"]) + SWITCHES + cabinet
    one = estate(tmp_path, text, world_of(ValveKind.LATCHING))
    one.run(30)
    one.water(seconds=300)
    one.run(30)
    one.world.add(EmergencyStop(at_s=one.world.now_s, until_s=one.world.now_s + 60))
    one.run(50)
    assert one.world.truth.zones["zone-1"].valve_position == 1
    one.run(40)
    assert one.world.truth.zones["zone-1"].valve_position == 0
    assert one.core.safe


def test_what_no_timer_closes_is_refused_to_programs_and_to_whoever_asks_from_afar(tmp_path: Path) -> None:
    keys = "close_coil = 3\ntravel_s = 3\n"
    timer = '[[program]]\nid = "t"\nkind = "timer"\nzone = "zone-1"\nat = "10:01"\nrun_min = 2\n'
    one = estate(tmp_path, valve_of_kind(PLAIN, "latching", keys) + timer, world_of(ValveKind.LATCHING))
    one.run(120)
    plans = [e.body["text"]["en"] for e in one.events if e.kind == "zone.planned" and e.body["zone"] == "zone-1"]
    assert any("has no cut-off of its own" in plan for plan in plans), plans
    assert not any(e.kind == "run.started" for e in one.events)
    one.water(seconds=60)
    one.run(5)
    assert one.states() == ["refused"]
    assert "use the switch at the cabinet" in one.outcomes[-1].reason["en"]
    assert not any(e.kind == "run.started" for e in one.events)
    _, warnings = load_site(tmp_path / "site.toml")
    assert any("no timer closes a latching valve" in w.text for w in warnings)


def test_a_jammed_valve_starts_no_run_for_long(tmp_path: Path) -> None:
    """Its coil obeys and the valve does not: no water comes, and the meter says so."""
    one = farm(tmp_path, "normally_closed", faults=[JammedValve(at_s=0, actuator="zone-1")])
    one.run(20)
    one.water(seconds=300)
    one.run(90)
    assert one.states()[-1] == "failed"
    assert one.latches() == [("no_flow", "zone-1")]


def test_open_and_closed_become_on_and_off_in_one_place(tmp_path: Path) -> None:
    site = farm(tmp_path, "normally_open").site
    part = site.actuators["valve-1"].part
    assert switches(part, is_open=True, hold_s=60) == (Switch(1, on=False, back_s=60),)
    assert switches(part, is_open=False, hold_s=None) == (Switch(1, on=True, back_s=None),)
    assert energised(site.actuators["valve-2"].part, is_open=True)
    assert site.actuators["valve-1"].timer_s == pytest.approx(3276.7)


def test_an_actuator_whose_safe_state_is_on_is_turned_on_at_the_start_and_left_on(tmp_path: Path) -> None:
    flood = '\n[[actuator]]\nid = "flood"\nrole = "pump"\nsafe_state = "on"\ndevice = "relay"\ncoil = 7\n'
    text = PLAIN + flood + 'name = { th = "ปั๊มน้ำท่วม", en = "Flood pump" }\n'
    one = estate(tmp_path, text, world_of())
    assert isinstance(one.core, Core)
    one.run(5)
    moves = [(a.actuator, a.open, a.hold_s) for _, a in one.actions if a.actuator == "flood"]
    assert moves == [("flood", True, None)]
    assert one.core.safe
    one.core.shut_down()
    one.run(5)
    assert one.world.cabinet.boards[0].coil(7)


def test_a_master_valve_leads_the_pump_and_lags_behind_it(tmp_path: Path) -> None:
    text = with_master(PLAIN, "travel_s = 2\nlead_s = 5\nlag_s = 4\n")
    one = estate(tmp_path, text, world_of(master=True))
    one.run(5)
    one.water(seconds=60)
    one.run(120)
    moves = [(a.actuator, a.open, at) for at, a in one.actions if at >= 5]
    assert [(name, is_open) for name, is_open, _ in moves] == [
        ("valve-1", True),
        ("master", True),
        ("pump", True),
        ("pump", False),
        ("master", False),
        ("valve-1", False),
    ]
    at = {(name, is_open): when for name, is_open, when in moves}
    assert at["pump", True] - at["master", True] >= 7
    assert at["master", False] - at["pump", False] >= 4
    assert one.states()[-1] == "done"
    holds = {a.actuator: when + (a.hold_s or 0) for when, a in one.actions if a.open}
    assert holds["pump"] < min(holds["master"], holds["valve-1"]) - 10
