"""A rinse that was cut off is owed: before plain water goes elsewhere, and before what fights it."""

from __future__ import annotations

from pathlib import Path

from tests.edge.dosing.rig import dose, dosed, farm, fertigated, remembered
from tests.edge.farms import Field, Play, site_of
from tests.edge.plants import Estate
from tonnam_edge.core.dosing.kept import Residue
from tonnam_edge.core.people.at_site import Request

A4 = 'dose = [{ injector = "a", ml_per_l = 4 }]'
# A roof whose inverter never answers, and pumps that have nothing but it.
ROOF = """
[[device]]
id = "roof"
bus = "cabinet"
unit = 77
profile = "eastron-sdm120"
tells = ["active_power"]
name = { th = "โซลาร์", en = "Roof" }

[holds]
solar = { power = "roof/active_power", least = 1500, latest = "14:00", direct = true }
"""
B3 = 'dose = [{ injector = "b", ml_per_l = 3 }]'


def interrupted(folder: Path, text: str, *, by_person: bool = False) -> Estate:
    """A line that a kill, or a person's stop, has left full of A."""
    one = fertigated(folder, text)
    one.run(40)
    one.water("zone-1", 300)
    one.run(120)
    if by_person:
        one.stop("zone-1")
        one.run(40)
    else:
        one = fertigated(folder, text, one.world, one.memory)
        one.run(100)
    assert remembered(one).dosing.lines["line"].liquids == ["a"]
    return one


def causes(estate: Estate) -> list[tuple[object, object]]:
    return [(e.body["zone"], e.body["cause"]) for e in estate.events if e.kind == "run.started"]


def test_the_next_plain_run_elsewhere_waits_until_the_line_was_rinsed_where_it_was_fertigated(tmp_path: Path) -> None:
    one = interrupted(tmp_path, farm(dose(1, A4)))
    one.water("zone-2", 120, "c2")
    one.run(150)
    assert one.states("c2") == ["refused"]
    assert causes(one) == [("zone-1", "rinse")]
    assert remembered(one).dosing.lines["line"].liquids == []
    assert 60 <= float(str(one.ended()[-1]["litres"])) <= 75
    one.water("zone-2", 120, "c3")
    one.run(200)
    assert one.states("c3")[-1] == "done"
    assert one.world.truth.zones["zone-2"].given_ec_ds_m is not None
    assert one.world.truth.zones["zone-2"].given_ec_ds_m < 0.7


def test_a_rinse_that_somebodys_water_waits_for_needs_no_sun_that_is_believed(tmp_path: Path) -> None:
    one = interrupted(tmp_path, farm(dose(1, A4)) + ROOF)
    one.water("zone-2", 120, "c2")
    one.run(150)
    assert causes(one) == [("zone-1", "rinse")]
    one.water("zone-2", 120, "c3")
    one.run(200)
    assert one.states("c3")[-1] == "done"


def test_a_second_kill_does_not_forget_the_rinse(tmp_path: Path) -> None:
    text = farm(dose(1, A4))
    one = interrupted(tmp_path, text)
    two = fertigated(tmp_path, text, one.world, one.memory)
    two.run(100)
    two.water("zone-2", 120, "c2")
    two.run(100)
    assert causes(two) == [("zone-1", "rinse")]


def test_a_zone_that_a_person_has_stopped_is_not_watered_for_a_rinse(tmp_path: Path) -> None:
    one = interrupted(tmp_path, farm(dose(1, A4)), by_person=True)
    one.water("zone-2", 120, "c2")
    one.run(5)
    one.water("zone-2", 120, "c3")
    one.run(200)
    assert causes(one)[1:] == [("zone-2", "manual")]
    assert remembered(one).dosing.lines["line"].liquids == []


def test_where_the_line_cannot_be_rinsed_the_crop_gets_its_water_all_the_same(tmp_path: Path) -> None:
    one = interrupted(tmp_path, farm(dose(1, A4)))
    one.core.ask(Request("r1", "lock", "Somchai", "the pipe is open", "zone-1"))
    one.run(5)
    one.water("zone-2", 120, "c2")
    one.run(5)
    one.water("zone-2", 120, "c3")
    one.run(200)
    assert one.states("c3")[-1] == "done"
    begun = [e.body["reason"]["en"] for e in one.events if e.kind == "run.started" and e.body["zone"] == "zone-2"]
    assert "carry what was left in the pipe" in begun[-1]
    assert remembered(one).dosing.lines["line"].liquids == []


class StillMeter(Field):
    """A meter that counts nothing, and a tank that falls with what is drawn."""

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        if self.coil(0) and self.level_cm is not None:
            self.level_cm -= (self.coil(1) + self.coil(2)) * 0.1 * (to_ms - from_ms) / 1000
        litres = self.litres
        super().pass_time(from_ms, to_ms)
        self.litres = litres


def rinses(play: Play) -> list[str]:
    return [e.body["zone"] for e in play.events if e.kind == "run.started" and e.body["cause"] == "rinse"]


def test_a_rinse_that_no_meter_counts_is_not_done_again_all_day(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, farm(dose(1, A4), probes=False, closing=False)))
    play.field = StillMeter()
    play.run(15)
    play.core._memory.dosing.lines["line"] = Residue(["a"], zone="zone-1")
    for hour in range(6):
        play.water("zone-2", 30, f"c{hour}")
        play.run(240)
        play.leap(3400)
    assert rinses(play) == ["zone-1", "zone-1"]
    told = [e.body["text"]["en"] for e in play.events if e.kind == "dosing.stopped"]
    assert len(told) == 1
    assert "the meter has counted nothing" in told[0]
    assert play.states("c5")[-1] == "done"
    play.restart()
    play.field = Field()
    play.run(15)
    play.core._memory.unproven_l.clear()
    play.core.ask(Request("r1", "clear", "Somchai"))
    play.water("zone-2", 30, "c6")
    play.run(60)
    residue = play.core._memory.dosing.lines["line"]
    assert 0 < residue.rinsed_l < 60  # the meter counts: what is left of the rinse is due again
    play.water("zone-2", 30, "c7")
    play.run(5)
    assert rinses(play) == ["zone-1"] * 3


def test_what_fights_it_is_dosed_only_after_the_rinse_is_made_up_for(tmp_path: Path) -> None:
    one = interrupted(tmp_path, farm(dose(1, A4), dose(2, B3)))
    one.water("zone-2", 300, "c2")
    one.run(400)
    assert one.states("c2")[-1] == "done"
    assert dosed(one)["b"] > 350
    assert not any(one.world.truth.mixed_without_rinse_l.values())


def test_what_flows_while_a_dosing_pump_may_still_run_rinses_nothing(tmp_path: Path) -> None:
    one = fertigated(tmp_path, farm(dose(1, A4)))
    one.run(40)
    one.water("zone-1", 300)
    one.run(60)
    looked = 0
    for _ in range(60):
        one.step()
        line = one.core._dosing.lines["line"]
        if line.dosers["a"].moves:
            looked += 1
            assert line.residue.rinsed_l == 0
    assert looked > 10
