"""Second witnesses: a meter that stands still, a valve or pump whose contact is welded, a siphon, a hand switch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import Play, site_of
from tests.edge.plants import PLAIN, Estate, estate, with_contactor, world_of
from tests.edge.stands import Pump, Stand, Zone, farm_text
from tests.edge.test_plant_safety import clear_all
from tests.edge.test_proofs import WITH_CURRENT
from tests.edge.test_several_pumps import OWN_METERS, OWN_TEXT, latches, play_of
from tonnam_edge.core.image import Observation
from tonnam_edge.core.memory import Memory
from tonnam_sim.world.faults import Siphon, WeldedContact

ZONES = (Zone("zone-1", "pump-1", 3), Zone("zone-2", "pump-1", 4, 40.0))
CURRENT = """
[[device]]
id = "amps"
bus = "cabinet"
unit = 9
profile = "eastron-sdm120"
tells = ["current"]
name = { th = "มิเตอร์ไฟ", en = "Pump meter" }
"""
KEYS = 'current = "amps/current"\nruns_above = 1.0\ndry_below = 2.0'


class Driven(Stand):
    """Its pump draws 4 A when water flows and 2.5 A against closed pipes."""

    def __init__(self, *, current: bool = True) -> None:
        super().__init__(pumps=(Pump("pump-1", 0),), zones=ZONES)
        self.current = current

    def observe(self, mono_ms: int) -> list[Observation]:
        flows = any(self.coil(zone.coil) for zone in self.zones) and self.flow_pct["pump-1"] > 0
        amps = 0.0 if not self.coil(0) else 4.0 if flows else 2.5
        return [*super().observe(mono_ms), *([Observation("amps", mono_ms, {"current": amps})] * self.current)]


def driven(folder: Path, *, current: bool = True, more: str = "") -> tuple[Play, Driven]:
    pump = Pump("pump-1", 0, KEYS if current else "")
    text = farm_text(pumps=(pump,), zones=ZONES) + (CURRENT if current else "") + more
    play, stand = Play(site_of(folder, text)), Driven(current=current)
    play.field = stand
    play.run(4)
    return play, stand


def test_a_meter_that_stops_counting_is_latched_and_the_run_goes_on_by_its_time(tmp_path: Path) -> None:
    play, stand = driven(tmp_path)
    play.water("zone-1", 120, "c1")
    play.run(150)
    stand.still.add("flow")
    play.water("zone-1", 300, "c2")
    play.run(360)
    assert latches(play) == [("meter_still", "meter")]
    assert play.states("c2")[-1] == "done"
    assert play.ended()[-1].body["litres"] is None
    assert play.memory is not None
    assert Memory.decode(play.memory).unproven_l["meter"] == pytest.approx(270, abs=25)


def test_behind_a_meter_that_stands_still_only_so_many_litres_flow_until_somebody_has_looked(tmp_path: Path) -> None:
    play, stand = driven(tmp_path)
    play.water("zone-1", 120, "c1")
    play.run(150)
    stand.still.add("flow")
    before_l = sum(stand.given_l.values())
    for number in range(8):
        play.water(f"zone-{1 + number % 2}", 1200, f"w{number}")
        play.leap(1300)
        if number == 3:
            play.restart()
            play.run(4)
    assert sum(stand.given_l.values()) - before_l == pytest.approx(20 * (60 + 40), abs=100)
    assert play.states("w7") == ["refused"]
    stand.still.clear()
    clear_all(play)
    play.run(5)
    play.water("zone-1", 60, "c9")
    play.run(90)
    assert play.states("c9")[-1] == "done"
    assert play.ended()[-1].body["litres"] == pytest.approx(60, abs=3)
    assert latches(play) == []


def test_a_pump_against_a_closed_pipe_is_the_zones_fault_and_not_the_meters(tmp_path: Path) -> None:
    play, stand = driven(tmp_path)
    play.water("zone-1", 120, "c1")
    play.run(150)
    stand.flow_pct["pump-1"] = 0.0
    play.water("zone-1", 300, "c2")
    play.run(120)
    assert latches(play) == [("no_flow", "zone-1")]


def test_a_tank_that_falls_says_that_water_flows(tmp_path: Path) -> None:
    play, stand = driven(tmp_path, current=False)
    stand.still.add("flow")
    stand.tank_falls_cm_l = 0.1
    play.water("zone-1", 120, "c1")
    play.run(160)
    assert latches(play) == [("meter_still", "meter")]
    assert play.states("c1")[-1] == "done"


def test_a_pump_that_dies_in_a_run_is_no_still_meter_though_the_tank_had_fallen_before(tmp_path: Path) -> None:
    play, stand = driven(tmp_path, current=False)
    stand.tank_falls_cm_l = 0.1
    play.water("zone-1", 600, "c1")
    play.run(120)
    stand.flow_pct["pump-1"] = 0.0
    play.run(60)
    assert latches(play) == [("low_flow", "zone-1")]


def test_too_much_by_what_a_zone_takes_that_is_closed_is_its_valve_and_stops_all_of_its_pump(tmp_path: Path) -> None:
    play, stand = driven(tmp_path)
    play.water("zone-2", 60, "c1")
    play.run(90)
    stand.zones.append(Zone("through-valve-2", "pump-1", 3, 40.0))  # the contact is welded; the coil says off
    stand.given_l["through-valve-2"] = 0.0
    play.water("zone-1", 600, "c2")
    play.run(120)
    assert latches(play) == [("welded", "valve-zone-2")]
    assert "as if valve-zone-2 was open too" in play.ended()[-1].body["reason"]["en"]
    play.run(70)
    for zone in ("zone-1", "zone-2"):
        play.water(zone, 60, zone)
        play.run(2)
        assert play.states(zone) == ["refused"]


def test_too_much_by_something_else_is_a_pipe_of_the_zone(tmp_path: Path) -> None:
    play, stand = driven(tmp_path)
    play.water("zone-2", 60, "c1")
    play.run(90)
    stand.flow_pct["pump-1"] = 260.0
    play.water("zone-1", 600, "c2")
    play.run(120)
    assert latches(play) == [("high_flow", "zone-1")]


def siphoning(folder: Path, text: str, head_m: float) -> Estate:
    """Run a zone, begin a siphon in the middle of it, and let the run end."""
    one = estate(folder, text, world_of(contactor="contactor" in text))
    one.run(5)
    one.water(seconds=90)
    one.run(60)
    one.world.add(Siphon(at_s=one.world.now_s, head_m=head_m))
    one.run(90)
    return one


@pytest.mark.parametrize("text", [WITH_CURRENT, with_contactor(PLAIN)], ids=["current", "meter alone"])
@pytest.mark.parametrize("head_m", [3.0, 6.0, 8.0])
def test_water_that_falls_through_the_pump_is_no_welded_contact(tmp_path: Path, text: str, head_m: float) -> None:
    one = siphoning(tmp_path, text, head_m)
    assert ("welded", "pump") not in one.latches()
    assert one.states()[-1] == "done"


def test_somebody_who_turns_the_switch_to_hand_as_a_run_ends_has_welded_nothing(tmp_path: Path) -> None:
    switch = """
[[device]]
id = "switches"
bus = "cabinet"
unit = 5
profile = "digital-input-8ch"
tells = ["input_0", "input_1"]
name = { th = "สวิตช์", en = "Switches" }
"""
    mode = 'mode = { auto = "switches/input_0", hand = "switches/input_1" }\n'
    text = WITH_CURRENT.replace("[[actuator]]", switch + "[[actuator]]", 1)
    text = text.replace('pump = "pump"\n', 'pump = "pump"\n' + mode, 1)
    one = estate(tmp_path, text, world_of())
    hand = {"input_0": 1.0, "input_1": 0.0}

    def also(step: float = 1.0) -> None:
        one.core.observe([Observation("switches", one.mono_ms, dict(hand))])
        one.step(step)

    for _ in range(10):
        also()
    one.water(seconds=60)
    for _ in range(62):
        also()
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))  # what the switch does, in parallel
    hand.update(input_0=0.0, input_1=1.0)
    for _ in range(60):
        also()
    assert one.latches() == []


def test_a_pump_that_gives_as_much_as_before_is_welded_still(tmp_path: Path) -> None:
    one = estate(tmp_path, with_contactor(PLAIN), world_of(contactor=True))
    one.run(5)
    one.water(seconds=90)
    one.run(60)
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))
    one.run(90)
    assert one.latches() == [("welded", "pump")]


def beside_another(folder: Path) -> tuple[Play, Stand]:
    """Two pumps with meters of their own, which draw from one small tank; the second one waters."""
    stand = Stand(meter_of=OWN_METERS)
    play = play_of(folder, farm_text(meters=OWN_METERS.values(), more=OWN_TEXT), stand)
    stand.tank_falls_cm_l = 0.1
    play.water("zone-3", 120, "c2")
    play.run(60)
    return play, stand


def test_a_tank_that_falls_for_another_pump_is_no_witness_for_one_that_pushes_against_a_closed_pipe(
    tmp_path: Path,
) -> None:
    play, stand = beside_another(tmp_path)
    stand.flow_pct["pump-1"] = 0.0
    play.water("zone-1", 900, "c1")
    play.run(45)
    assert latches(play) == [("no_flow", "zone-1")]
    assert not stand.coil(0)
    play.run(60)
    assert play.states("c2")[-1] == "done"


def test_what_a_tank_fell_for_another_pump_proves_nothing_when_that_one_has_stopped(tmp_path: Path) -> None:
    play, stand = beside_another(tmp_path)
    stand.tank_falls_cm_l = 0.3
    play.run(47)
    stand.flow_pct["pump-1"] = 0.0
    play.water("zone-1", 900, "c1")
    play.run(45)
    assert play.states("c2")[-1] == "done"
    assert latches(play) == [("no_flow", "zone-1")]


def test_a_tank_that_falls_for_nobody_else_is_a_witness_beside_other_meters(tmp_path: Path) -> None:
    play, stand = beside_another(tmp_path)
    play.run(90)
    stand.still.add("first")
    play.water("zone-1", 120, "c1")
    play.run(150)
    assert latches(play) == [("meter_still", "meter-1")]
    assert play.states("c1")[-1] == "done"


def test_water_by_hand_behind_another_meter_is_no_witness_either(tmp_path: Path) -> None:
    play, stand = beside_another(tmp_path)
    play.run(90)
    stand.flow_pct["pump-1"] = 0.0
    play.water("zone-1", 900, "c1")
    for _ in range(45):
        play.run(1)
        stand.totals_l["second"] += 1.0
        stand.level_cm = (stand.level_cm or 0.0) - 0.1
    assert ("no_flow", "zone-1") in latches(play)
    assert not stand.coil(0)
