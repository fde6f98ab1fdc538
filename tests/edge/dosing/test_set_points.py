"""EC and pH by set points, in a main and in a mixing tank: they are reached, and never by a reading that lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.dosing.rig import dose, dosed, farm, fertigated, tank_line, tank_world, world
from tests.edge.plants import Estate
from tonnam_sim.world import World
from tonnam_sim.world import faults as f

EC = 'dose = [{ injector = "a", ml_per_l = 4, most_ml_per_l = 12 }]\nec = { target = 2.0 }'
BOTH = """dose = [{ injector = "a", ml_per_l = 4, most_ml_per_l = 12 }, { injector = "acid", most_ml_per_l = 2.5 }]
ec = { target = 2.0 }
ph = { target = 6.2 }"""
TANK = 'dose = [{ injector = "a" }, { injector = "acid" }]\nec = { target = 1.2 }\nph = { target = 6.6 }'


def later(made: World, seconds: float) -> float:
    return made.now_s + seconds


def main_farm(folder: Path, keys: str, *faults: f.Fault, more: str = "") -> Estate:
    text = farm(dose(1, keys), ("water_ec = 0.6\n", "water_ec = 0.6\n" + more))
    one = fertigated(folder, text, world(*faults))
    one.run(40)
    one.water(seconds=700)
    return one


def tank_farm(folder: Path, *faults: f.Fault) -> Estate:
    text = farm(dose(1, TANK), line=tank_line(), liquids=("a", "acid")).replace(
        "max_pulse_ml = 200", "max_pulse_ml = 1500"
    )
    one = fertigated(folder, text, tank_world(*faults))
    one.run(40)
    one.water(seconds=1100)
    return one


def stopped(estate: Estate) -> list[str]:
    return [event.body["text"]["en"] for event in estate.events if event.kind == "dosing.stopped"]


def test_the_ec_is_brought_to_its_set_point_from_a_ratio_that_is_half_of_it(tmp_path: Path) -> None:
    one = main_farm(tmp_path, EC)
    one.run(300)
    assert one.world.truth.line_ec_ds_m == pytest.approx(2.0, abs=0.15)
    one.run(200)
    assert one.world.truth.line_ec_ds_m == pytest.approx(2.0, abs=0.15)
    assert one.latches() == []


def test_a_set_point_without_a_ratio_begins_from_what_the_plain_water_lacks(tmp_path: Path) -> None:
    keys = """dose = [{ injector = "a", most_ml_per_l = 12 }, { injector = "acid", most_ml_per_l = 2.5 }]
ec = { target = 2.0 }
ph = { target = 6.2 }"""
    one = main_farm(tmp_path, keys)
    while not one.world.truth.dosed_ml["a"]:
        one.step()
        assert one.at_s < 150, "nothing is dosed"
    assert one.core._dosing.lines["line"].flow.since_on_l >= 20  # what stood in the pipe has passed the probes
    one.run(400)
    assert one.world.truth.line_ec_ds_m == pytest.approx(2.0, abs=0.2)
    assert one.world.truth.line_ph == pytest.approx(6.2, abs=0.4)
    assert one.latches() == []


def test_water_that_lacks_nothing_gets_nothing(tmp_path: Path) -> None:
    one = main_farm(tmp_path, 'dose = [{ injector = "a", most_ml_per_l = 12 }]\nec = { target = 0.6 }')
    one.run(400)
    assert one.world.truth.dosed_ml["a"] == 0
    assert one.latches() == []


def test_ec_and_ph_are_held_together(tmp_path: Path) -> None:
    one = main_farm(tmp_path, BOTH)
    one.run(400)
    assert one.world.truth.line_ec_ds_m == pytest.approx(2.0, abs=0.15)
    assert one.world.truth.line_ph == pytest.approx(6.2, abs=0.35)
    one.run(400)
    assert set(dosed(one)) == {"a", "acid"}
    assert one.latches() == []


def test_a_probe_that_says_nothing_is_not_dosed_by_and_the_other_set_point_goes_on(tmp_path: Path) -> None:
    made = world()
    one = main_farm(tmp_path, BOTH, f.DeadUnit(at_s=later(made, 340), bus="cabinet", unit=41))
    one.run(320)
    acid, a = one.world.truth.dosed_ml["acid"], one.world.truth.dosed_ml["a"]
    one.run(100)
    assert one.world.truth.dosed_ml["acid"] == pytest.approx(acid, abs=8)
    assert one.world.truth.dosed_ml["a"] > a + 200
    assert stopped(one) == ["The pH is not known, so nothing is dosed by it"]


def test_a_probe_that_hangs_from_the_start_is_found_by_what_the_doses_should_do(tmp_path: Path) -> None:
    made = world()
    one = main_farm(tmp_path, EC, f.SensorFrozen(at_s=later(made, 10), sensor="ec"))
    one.run(400)
    assert one.latches() == [("dosing", "a")]
    given = one.world.truth.dosed_ml["a"]
    assert given < 12 * 150  # the most that a litre may get, for as long as it took to find out
    one.run(350)
    assert one.world.truth.dosed_ml["a"] == given
    assert one.ended()[-1]["outcome"] == "done"
    assert one.ended()[-1]["litres"] == pytest.approx(700, rel=0.03)


def test_an_airlocked_dosing_pump_is_found_with_and_without_a_set_point(tmp_path: Path) -> None:
    made = world()
    for keys in (EC, 'dose = [{ injector = "a", ml_per_l = 6 }]'):
        one = main_farm(tmp_path, keys, f.InjectorAirlock(at_s=later(made, 60), injector="a"))
        one.run(400)
        assert one.latches() == [("dosing", "a")]
        one.run(350)
        assert one.ended()[-1]["outcome"] == "done"


def test_a_set_point_beyond_the_most_is_told_and_not_pushed_at_for_ever(tmp_path: Path) -> None:
    keys = 'dose = [{ injector = "a", ml_per_l = 4, most_ml_per_l = 5 }]\nec = { target = 3.0 }'
    one = main_farm(tmp_path, keys)
    one.run(500)
    assert one.latches() == [("dosing", "a")]
    latch = next(event for event in one.events if event.kind == "latch.set")
    assert "cannot be brought to 3" in latch.body["text"]["en"]


def test_a_tank_is_brought_to_both_set_points_in_turn(tmp_path: Path) -> None:
    one = tank_farm(tmp_path)
    one.run(1100)
    assert one.world.truth.line_ec_ds_m == pytest.approx(1.2, abs=0.2)
    assert one.world.truth.line_ph == pytest.approx(6.6, abs=0.35)
    assert not one.latches()
    assert not any(one.world.truth.mixed_without_rinse_l.values())
    one.run(60)
    assert not one.core._actuators.said_open("circulation")


def test_nothing_is_dosed_into_a_tank_whose_circulation_has_died(tmp_path: Path) -> None:
    made = tank_world()
    one = tank_farm(tmp_path, f.CirculationDead(at_s=later(made, 300)))
    one.run(270)
    before = dict(one.world.truth.dosed_ml)
    assert before["a"] > 0
    one.run(500)
    assert one.world.truth.dosed_ml["a"] - before["a"] <= 200  # what was under way when it died
    assert "No flow has been proven at the injector" in stopped(one)
    assert one.core.running == {"zone-1"}
