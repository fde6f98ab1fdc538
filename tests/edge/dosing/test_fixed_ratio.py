"""Fertiliser by the litre, before simulated pipes: what comes out of the emitters, and what a run tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.dosing.rig import dose, dosed, farm, fertigated, remembered, world
from tests.edge.plants import Estate
from tonnam_link.messages import Command, CommandAction
from tonnam_sim.world import faults as f

A4 = 'dose = [{ injector = "a", ml_per_l = 4 }]'
A2 = 'dose = [{ injector = "a", ml_per_l = 2 }]'
WIDE = 'role = "pump"\ncapacity_l_min = 130\nrenewable = "verified"\n'
A4_B3 = 'dose = [{ injector = "a", ml_per_l = 4 }, { injector = "b", ml_per_l = 3 }]'
ACID = 'dose = [{ injector = "acid", ml_per_l = 0.5 }]'


def litres(estate: Estate, zone: str, wanted: int, command_id: str = "l1") -> None:
    now = estate.now_ms
    estate.core.command(
        Command(command_id, CommandAction.WATER, zone, now, now + 60_000, 900, "5a" * 8, max_litres=wanted)
    )


def order_of_stopping(estate: Estate, since_s: float) -> list[str]:
    return [action.actuator for at, action in estate.actions if at >= since_s and not action.open]


def test_each_litre_gets_its_share_and_the_last_ones_rinse_the_line(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    one.water(seconds=300)
    one.run(150)
    assert one.world.truth.line_ec_ds_m == pytest.approx(0.6 + 4 * 0.18, rel=0.05)
    one.run(200)
    assert one.ended()[-1]["outcome"] == "done"
    assert dosed(one)["a"] == pytest.approx(4 * (300 - 65 - 5), rel=0.07)  # all but the rinse and the proof of flow
    assert one.ended()[-1]["injectors"] == {"a": {"liquid": "a", "name": {"th": "ถัง a", "en": "Tank a"}}}
    assert one.world.truth.dosed_ml["a"] == pytest.approx(dosed(one)["a"], rel=0.03)
    assert one.world.truth.line_ec_ds_m == pytest.approx(0.6, abs=0.06)
    assert one.world.truth.injected_without_flow_l["a"] == 0
    assert remembered(one).dosing.lines["line"].liquids == []
    assert one.latches() == []


def test_a_run_planned_in_litres_is_rinsed_by_its_last_litres_too(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    litres(one, "zone-1", 150)
    one.run(250)
    assert one.ended()[-1]["litres"] == pytest.approx(150, abs=4)
    assert dosed(one)["a"] == pytest.approx(4 * (150 - 65 - 5), rel=0.1)
    assert remembered(one).dosing.lines["line"].liquids == []


def test_zones_of_one_recipe_water_together_and_share_what_was_dosed(tmp_path: Path) -> None:
    text = farm(dose(1, A2), dose(2, A2)).replace('role = "pump"\n', WIDE, 1)
    one = fertigated(tmp_path, text)
    one.run(40)
    one.water("zone-1", 240, "c1")
    one.water("zone-2", 240, "c2")
    one.run(330)
    ended = {str(body["zone"]): body for body in one.ended()}
    assert set(ended) == {"zone-1", "zone-2"}
    shares = [float(ended[zone]["dosed"]["a"]) for zone in sorted(ended)]  # type: ignore[index]
    assert shares[0] == pytest.approx(shares[1], rel=0.05)
    assert sum(shares) == pytest.approx(one.world.truth.dosed_ml["a"], rel=0.03)
    metered = sum(float(str(body["litres"])) for body in ended.values())
    assert sum(shares) == pytest.approx(2 * (metered - 70 - 12), rel=0.08)


def test_zones_of_different_recipes_never_share_the_line(tmp_path: Path) -> None:
    text = farm(dose(1, A4), dose(2, ACID)).replace('role = "pump"\n', WIDE, 1)
    one = fertigated(tmp_path, text)
    one.run(40)
    one.water("zone-1", 240, "c1")
    one.run(60)
    one.water("zone-2", 240, "c2")
    one.run(20)
    refused = [outcome for outcome in one.outcomes if outcome.command_id == "c2"]
    assert [str(outcome.state) for outcome in refused] == ["refused"]
    assert refused[0].reason is not None
    assert "another recipe" in refused[0].reason["en"]


def test_a_and_b_have_a_rinse_between_them_and_never_meet(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4_B3)))
    one.run(40)
    one.water(seconds=600)
    one.run(720)
    assert set(dosed(one)) == {"a", "b"}
    assert dosed(one)["a"] > 700
    assert dosed(one)["b"] > 550
    assert not any(one.world.truth.mixed_without_rinse_l.values())
    assert remembered(one).dosing.lines["line"].liquids == []


def test_a_short_run_doses_one_group_and_the_next_run_the_other(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4_B3)))
    one.run(40)
    for number in range(2):
        one.water(seconds=180, command_id=f"c{number}")
        one.run(240)
    assert [set(body["dosed"]) for body in one.ended()] == [{"a"}, {"b"}]  # type: ignore[call-overload]
    assert not any(one.world.truth.mixed_without_rinse_l.values())


def test_a_run_too_short_to_rinse_gets_plain_water_and_says_so(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    one.water(seconds=78)
    one.run(200)
    assert dosed(one) == {}
    told = [event.body["text"]["en"] for event in one.events if event.kind == "dosing.stopped"]
    assert told == ["This watering is too short: it takes 130 L to dose and to rinse the pipe"]


def test_the_doser_is_the_first_to_stop_when_a_person_says_so(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    one.water(seconds=300)
    one.run(100)
    while not one.core._actuators.said_open("doser-a"):
        one.step()
    said = one.at_s
    one.stop()
    one.step()
    assert order_of_stopping(one, said)[:2] == ["doser-a", "pump"]
    one.run(30)
    assert one.world.truth.injected_without_flow_l["a"] < 0.001
    assert remembered(one).dosing.lines["line"].liquids == ["a"]


def test_lost_flow_ends_dosing_long_before_anybody_calls_the_run_failed(tmp_path: Path) -> None:
    made = world()
    one = fertigated(tmp_path, farm(dose(1, A4)), world(f.PumpDead(at_s=made.now_s + 120.0)))
    one.run(40)
    one.water(seconds=300)
    one.run(80 + 12)
    assert not one.ended()
    opened = [at for at, action in one.actions if action.actuator == "doser-a" and action.open]
    assert 70 < opened[-1] <= 120 + 3
    assert one.world.truth.injected_without_flow_l["a"] <= 0.03  # the one pulse in which it happened
    one.run(120)
    assert one.ended()[-1]["outcome"] == "failed"
    assert one.world.truth.injected_without_flow_l["a"] <= 0.03


def test_an_edge_that_dies_in_the_middle_of_a_pulse_leaves_its_end_to_the_board(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    one.water(seconds=300)
    one.run(100)
    while not one.core._actuators.said_open("doser-a"):
        one.step()
    booked = remembered(one).dosing.stocks["a"].used_ml
    one.world.step(900)
    assert one.world.truth.dosed_ml["a"] == pytest.approx(booked, rel=0.03)
    assert one.world.truth.injected_without_flow_l["a"] == 0


def test_what_a_cut_off_run_was_given_is_told_by_the_next_process(tmp_path: Path) -> None:
    text = farm(dose(1, A4))
    one = fertigated(tmp_path, text)
    one.run(40)
    one.water(seconds=300)
    one.run(100)
    booked = remembered(one).dosing.stocks["a"].used_ml
    two = fertigated(tmp_path, text, one.world, one.memory)
    two.run(5)
    assert two.ended()[0]["outcome"] == "interrupted"
    assert dosed(two)["a"] == pytest.approx(booked, abs=0.2)


def test_one_pulse_of_the_meter_proves_no_flow(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, 'dose = [{ injector = "a", ml_per_l = 30 }]')))
    one.run(40)
    one.water(seconds=300)
    while not one.core._actuators.said_open("closing-a"):
        one.step()
        assert one.at_s < 100
    assert one.core._dosing.lines["line"].flow.since_on_l >= 2
    assert one.core._actuators.held("pump") is True
