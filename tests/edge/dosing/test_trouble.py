"""What goes wrong with an injector stops dosing until a person has looked; plain water goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.dosing.rig import LINE, contact, dose, dosed, farm, fertigated, remembered, world
from tests.edge.plants import Estate
from tonnam_edge.core.memory import FilterUse
from tonnam_edge.core.people.at_site import Request
from tonnam_sim.world import faults as f

A6 = 'dose = [{ injector = "a", ml_per_l = 6 }]'
WAITS = A6 + '\nwithout_dose = "wait"'
STOCK = ("stock_l = 20", "stock_l = 0.4")
INPUTS = """
[[device]]
id = "inputs"
bus = "cabinet"
unit = {0}
profile = "digital-input-8ch"
tells = ["{1}"]
name = {{ th = "กล่องรับสัญญาณ", en = "Inputs" }}
"""
FILTER = """
[[actuator]]
id = "flush"
role = "valve"
device = "relay"
coil = 6
name = { th = "วาล์วล้าง", en = "Flush valve" }

[[filter]]
id = "sand"
name = { th = "กรองทราย", en = "Sand filter" }
valve = "flush"
pump = "pump"
seconds = 30
flow_l_min = 60
every_l = 10000
"""


def later(seconds: float) -> float:
    return world().now_s + seconds


def with_input(text: str, name: str) -> str:
    return text + INPUTS.format(*contact(world(), name))


def begun(estate: Estate) -> list[str]:
    return [event.body["reason"]["en"] for event in estate.events if event.kind == "run.started"]


def watered(estate: Estate, seconds: int = 240, command_id: str = "c1") -> Estate:
    estate.run(40)
    estate.water(seconds=seconds, command_id=command_id)
    estate.run(seconds + 60)
    return estate


def test_a_used_up_stock_stops_dosing_for_good_until_a_person_on_site_says_it_is_full(tmp_path: Path) -> None:
    one = watered(fertigated(tmp_path, farm(dose(1, A6)).replace(*STOCK)))
    assert 370 < dosed(one)["a"] <= 400
    assert ("stock_empty", "a") in one.latches()
    watered(one, command_id="c2")
    assert one.ended()[-1]["outcome"] == "done"
    assert dosed(one) == {}
    assert "plain water" in begun(one)[-1]
    one.core.ask(Request("r1", "refilled", "Somchai", injector="a"))
    watered(one, command_id="c3")
    assert 370 < dosed(one)["a"] <= 400


def test_to_clear_the_latch_fills_no_tank(tmp_path: Path) -> None:
    one = watered(fertigated(tmp_path, farm(dose(1, A6)).replace(*STOCK)))
    one.core.ask(Request("r1", "clear", "Somchai"))
    watered(one, command_id="c2")
    assert dosed(one) == {}
    assert one.latches() == [("stock_empty", "a")]
    one.core.ask(Request("r2", "refilled", "Somchai", injector="b"))
    one.core.ask(Request("r3", "refilled", "Somchai", injector="nobody"))
    step = one.step()
    assert [answer.done for answer in step.answers] == [True, False]
    assert one.latches() == [("stock_empty", "a")]


def test_a_refilled_tank_frees_nothing_of_the_hour(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A6)).replace("max_hour_ml = 6000", "max_hour_ml = 300"))
    watered(one)
    one.core.ask(Request("r1", "refilled", "Somchai", injector="a"))
    watered(one, command_id="c2")
    assert dosed(one) == {}
    assert "within an hour" in begun(one)[-1]


def test_a_zone_that_does_not_water_without_its_recipe_waits(tmp_path: Path) -> None:
    one = watered(fertigated(tmp_path, farm(dose(1, WAITS)).replace(*STOCK)))
    assert one.ended()[-1]["outcome"] == "stopped"
    one.water(command_id="c2")
    one.run(10)
    assert one.states("c2") == ["refused"]


def test_a_stock_that_is_weaker_than_told_is_found_by_the_ec(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A6)), world(f.StockEmpty(at_s=later(20), injector="a")))
    watered(one, 500)
    assert one.latches() == [("dosing", "a")]
    assert one.ended()[-1]["outcome"] == "done"
    assert dosed(one)["a"] < 6 * 300
    text = next(event.body["text"]["en"] for event in one.events if event.kind == "latch.set")
    assert "the EC should be 1." in text


def test_a_coil_that_somebody_else_moves_turns_all_off_and_dosing_for_good(tmp_path: Path) -> None:
    made = world(f.ForeignWrite(at_s=later(100), actuator="a", on=True))
    one = fertigated(tmp_path, farm(dose(2, A6)), made)
    watered(one)
    assert one.ended()[-1]["outcome"] == "failed"
    assert ("dosing", "a") in one.latches()
    assert one.world.truth.dosed_ml["a"] < 60
    one.run(60)
    one.water("zone-2", 120, "c2")
    one.run(200)
    assert one.states("c2")[-1] == "done"
    assert dosed(one) == {}


def test_a_dosing_pump_that_runs_when_off_stops_the_water_until_it_stands(tmp_path: Path) -> None:
    unit, name = contact(world(), "a-current")
    text = with_input(farm(dose(1, A6)), "a-current").replace(
        'liquid = "a"\n', f'liquid = "a"\nruns = "inputs/{name}"\n', 1
    )
    made = world(f.WeldedContact(at_s=later(90), until_s=later(400), actuator="a"))
    one = fertigated(tmp_path, text, made)
    one.run(40)
    one.water(seconds=300)
    one.run(120)
    assert ("dosing", "a") in one.latches()
    assert one.ended()[-1]["outcome"] == "failed"
    one.run(40)
    one.water(command_id="c2")
    one.run(10)
    assert one.states("c2") == ["refused"]
    one.run(350)
    one.water(command_id="c3", seconds=120)
    one.run(200)
    assert one.states("c3")[-1] == "done"
    assert dosed(one) == {}
    assert unit


def test_a_relay_that_never_moves_is_found_after_three_pulses(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A6)), world(f.StuckCoil(at_s=later(0), actuator="a", closed=False)))
    watered(one)
    assert one.latches() == [("dosing", "a")]
    assert one.ended()[-1]["outcome"] == "done"
    assert dosed(one)["a"] < 250


def stuck_contact(folder: Path) -> Estate:
    """A farm with a filter, and a contact that says that a dosing pump runs, for some hundred seconds."""
    text = with_input(farm(dose(1, A6)), "a-current").replace(
        'liquid = "a"\n', f'liquid = "a"\nruns = "inputs/{contact(world(), "a-current")[1]}"\n', 1
    )
    one = fertigated(folder, text + FILTER, world(f.WeldedContact(at_s=later(0), until_s=later(500), actuator="a")))
    one.run(40)
    one.water("zone-2", 60)
    one.run(5)
    assert one.states("c1") == ["refused"]
    assert one.latches() == [("dosing", "a")]
    return one


def test_a_stuck_contact_keeps_plain_water_off_only_until_a_person_has_cut_the_power(tmp_path: Path) -> None:
    one = stuck_contact(tmp_path)
    one.core.ask(Request("r1", "power_cut", "Somchai", injector="b"))
    one.core.ask(Request("r2", "power_cut", "Somchai", injector="a"))
    one.core.ask(Request("r3", "clear", "Somchai"))
    assert [answer.done for answer in one.step().answers] == [False, True, True]
    one = fertigated(tmp_path, (tmp_path / "site.toml").read_text(encoding="utf-8"), one.world, one.memory)
    watered(one, 120, command_id="c2")
    assert one.states("c2")[-1] == "done"
    assert dosed(one) == {}
    assert one.latches() == [("dosing", "a")]  # to clear it does not make the contact open
    one.run(500 - one.at_s)
    assert remembered(one).dosing.runs_on == {}  # it was seen to stand: the next time it counts again
    one.core.ask(Request("r4", "power_cut", "Somchai", injector="a"))
    assert [answer.done for answer in one.step().answers] == [False]
    one.core.ask(Request("r5", "clear", "Somchai"))
    watered(one, 240, command_id="c3")
    assert dosed(one)["a"] > 500


def test_no_filter_is_flushed_through_a_line_whose_dosing_pump_runs_on(tmp_path: Path) -> None:
    one = stuck_contact(tmp_path)
    one.core._memory.filters["sand"] = FilterUse(litres=20_000)
    one.run(60)
    assert not any(event.kind.startswith("flush") for event in one.events)
    one.core.ask(Request("r1", "power_cut", "Somchai", injector="a"))
    one.run(10)
    assert "flush.started" in [event.kind for event in one.events]


@pytest.mark.parametrize("every_s", [2, 3])
def test_pulses_that_fall_between_polls_say_nothing_of_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: int
) -> None:
    one = fertigated(tmp_path, farm(dose(1, 'dose = [{ injector = "a", ml_per_l = 1 }]'), closing=False))
    observe = one.core.observe
    monkeypatch.setattr(one.core, "observe", lambda seen: None if round(one.at_s) % every_s else observe(seen))
    watered(one, 420)
    assert one.latches() == []
    assert one.ended()[-1]["outcome"] == "done"
    assert dosed(one)["a"] > 200


def test_a_flow_switch_proves_flow_only_while_it_moves(tmp_path: Path) -> None:
    _, name = contact(world(), "flow_switch")
    line = LINE.replace('flow = "flow/total"', f'flow = "inputs/{name}"')
    text = with_input(farm(dose(1, A6), line=line), "flow_switch")
    good = watered(fertigated(tmp_path, text))
    assert dosed(good)["a"] > 800
    stuck = fertigated(tmp_path, text, world(f.FlowSwitchStuck(at_s=later(0), closed=True)))
    stuck.run(120)
    watered(stuck)
    assert stuck.world.truth.dosed_ml["a"] == 0
    assert ("dosing", "a") in stuck.latches()
    assert stuck.ended()[-1]["outcome"] == "done"


def test_a_silent_dosing_board_keeps_the_crop_from_its_fertiliser_but_not_from_its_water(tmp_path: Path) -> None:
    made = world(f.DeadUnit(at_s=later(100), bus="cabinet", unit=11))
    one = fertigated(tmp_path, farm(dose(1, A6)), made)
    watered(one)
    one.run(120)
    given = one.world.truth.dosed_ml["a"]
    one.water("zone-1", 120, "c2")
    one.run(200)
    assert one.states("c2")[-1] == "done"
    assert one.world.truth.dosed_ml["a"] == given
    assert dosed(one) == {}


def test_nothing_is_dosed_while_the_disk_takes_nothing(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A6)))
    one.run(40)
    one.water(seconds=300)
    one.run(80)
    one.core.remembers = False
    one.run(6)
    before = one.world.truth.dosed_ml["a"]
    one.run(60)
    assert one.world.truth.dosed_ml["a"] == before
    one.core.remembers = True
    one.run(60)
    assert one.world.truth.dosed_ml["a"] > before


@pytest.mark.parametrize("seconds", [0.3, 2.6, 5.1])
def test_all_is_off_within_a_transaction_of_an_emergency_of_the_process(tmp_path: Path, seconds: float) -> None:
    one = fertigated(tmp_path, farm(dose(1, A6)))
    one.run(40)
    one.water(seconds=300)
    one.run(80)
    one.step(seconds)
    one.core.shut_down()
    one.step()
    assert not one.core._actuators.said_open("doser-a")
    first = [action.actuator for at, action in one.actions if at == one.at_s - 1 and not action.open]
    assert "pump" in first
    assert first.index("pump") > (first.index("doser-a") if "doser-a" in first else -1)
    booked = remembered(one).dosing.stocks["a"].used_ml
    one.run(60)
    assert one.world.truth.dosed_ml["a"] <= booked * 1.01
