"""What the meter and the pump's current prove: no, little and much water, leaks, welded contacts, a dry pump."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, Play, site_of
from tests.edge.plants import PLAIN, Estate, estate, pump_with, valve_of_kind, with_contactor, world_of
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_sim.world.config import ValveKind
from tonnam_sim.world.faults import LineBurst, MainLeak, PumpDead, Siphon, WeldedContact, WellDry

CURRENT = """
[[device]]
id = "pump-meter"
bus = "cabinet"
unit = 9
profile = "eastron-sdm120"
tells = ["current"]
name = { th = "มิเตอร์ไฟปั๊ม", en = "Pump meter" }
"""
WITH_CURRENT = PLAIN.replace("[[actuator]]", CURRENT + "[[actuator]]", 1)
WITH_CURRENT = pump_with(WITH_CURRENT, 'current = "pump-meter/current"\nruns_above = 1.0\ndry_below = 3.0\n')


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


@pytest.fixture
def two(tmp_path: Path) -> Site:
    return site_of(tmp_path, pump_with(SITE, "capacity_l_min = 130\n"))


def latches(play: Play) -> list[tuple[str, str]]:
    assert play.memory is not None
    return [(latch.kind, latch.subject) for latch in Memory.decode(play.memory).latches.values()]


def ready(site: Site, memory: bytes | None = None, start_ms: int | None = None) -> Play:
    play = Play(site, memory=memory) if start_ms is None else Play(site, start_ms=start_ms, memory=memory)
    play.run(4)
    return play


@pytest.mark.parametrize(
    ("flow_l_min", "kind", "words"),
    [
        (0.0, "no_flow", "no water flowed"),
        (20.0, "low_flow", "20 L/min flow"),
        (110.0, "high_flow", "L/min flow where 60"),
    ],
)
def test_a_wrong_flow_ends_the_run_and_is_latched_until_a_person_clears_it(
    site: Site, flow_l_min: float, kind: str, words: str
) -> None:
    play = ready(site)
    play.field.flow_l_min = flow_l_min
    play.water(seconds=600)
    play.run(120)
    ended = play.ended()[0].body
    assert ended["outcome"] == "failed"
    assert words in ended["reason"]["en"]
    assert ended["duration_s"] < 70
    assert latches(play) == [(kind, "zone-1")]
    told = next(event.body for event in play.events if event.kind == "latch.set")
    assert (told["of"], told["subject"]) == (kind, "zone-1")
    play.field.flow_l_min = 60.0
    later = ready(site, play.memory, play.now_ms)
    later.water(command_id="c2")
    later.water("zone-2", 30, "c3")
    later.run(60)
    assert (later.states("c2"), later.states("c3")[-1]) == (["refused"], "done")
    assert "Locked" in later.outcomes[0].reason["en"]
    latch_id = told["latch"]
    assert clear(later, latch_id)
    assert not clear(later, latch_id)
    later.water(seconds=30, command_id="c4")
    later.run(60)
    assert later.states("c4")[-1] == "done"
    assert latches(later) == []


def clear(play: Play, latch_id: str) -> bool:
    return play.core.latches.clear(latch_id, "somchai", Now(play.now_ms, play.now_ms))


@pytest.mark.parametrize("flow_l_min", [40.0, 60.0, 80.0])
def test_a_flow_that_is_about_right_is_no_fault(site: Site, flow_l_min: float) -> None:
    play = ready(site)
    play.field.flow_l_min = flow_l_min
    play.water(seconds=300)
    play.run(330)
    assert play.states()[-1] == "done"


def test_what_a_zone_takes_is_learned_slowly_when_it_runs_alone_and_never_far_from_the_file(site: Site) -> None:
    play = ready(site)
    play.field.flow_l_min = 75.0
    learned = []
    for number in range(3):
        play.water(seconds=120, command_id=f"c{number}")
        play.run(150)
        assert play.memory is not None
        learned.append(Memory.decode(play.memory).flows_l_min["zone-1"])
    assert learned == sorted(learned)
    assert 62 < learned[0] < 64
    assert 66 < learned[2] < 75
    play.field.flow_l_min = 0.0
    play.water(seconds=120, command_id="none")
    play.run(90)
    assert Memory.decode(play.memory or b"").flows_l_min["zone-1"] == learned[2]


def test_when_several_are_open_nobody_is_blamed_and_each_is_tried_alone(two: Site) -> None:
    play = ready(two)
    play.field.flow_l_min = 20.0
    play.water("zone-1", 300, "c1")
    play.water("zone-2", 300, "c2")
    play.run(120)
    assert {event.body["outcome"] for event in play.ended()} == {"failed"}
    assert latches(play) == []
    play.field.flow_l_min = 60.0
    play.water("zone-1", 60, "c3")
    play.water("zone-2", 60, "c4")
    play.run(3)
    assert play.states("c4") == ["refused"]
    play.run(90)
    play.water("zone-1", 60, "c5")
    play.water("zone-2", 60, "c6")
    play.run(3)
    assert play.states("c6") == ["refused"], "zone-2 has not been alone yet"
    play.run(90)
    play.water("zone-2", 60, "c7")
    play.run(90)
    play.water("zone-1", 60, "c8")
    play.water("zone-2", 60, "c9")
    play.run(90)
    assert (play.states("c7")[-1], play.states("c8")[-1]) == ("done", "done")
    assert play.states("c9") == ["refused"], "together they rest for an hour"


def beside_a_slow_valve(folder: Path, travel_s: float) -> Estate:
    """Zone 2 has watered for some minutes when zone 1, whose valve takes its time, joins it on the same pump."""
    text = pump_with(PLAIN, 'capacity_l_min = 130\nrenewable = "verified"\n')
    text = valve_of_kind(text, "motorised", f"travel_s = {travel_s}\n")
    one = estate(folder, text, world_of(ValveKind.MOTORISED, travel_s=travel_s))
    one.run(travel_s + 15)
    one.water("zone-2", 900, "c2")
    one.run(200)
    one.water("zone-1", 300, "c1")
    return one


@pytest.mark.parametrize("travel_s", [30.0, 60.0])
def test_what_a_slow_valve_lets_through_on_its_way_is_no_burst_and_is_not_learned(
    tmp_path: Path, travel_s: float
) -> None:
    one = beside_a_slow_valve(tmp_path, travel_s)
    one.run(travel_s)
    assert one.memory is not None
    learned = Memory.decode(one.memory).flows_l_min["zone-2"]
    one.run(800)
    assert one.latches() == []
    assert {ended["outcome"] for ended in one.ended()} == {"done"}
    assert learned == pytest.approx(60, rel=0.03)


def test_a_pipe_that_bursts_while_a_slow_valve_is_on_its_way_is_found_once_that_has_arrived(tmp_path: Path) -> None:
    one = beside_a_slow_valve(tmp_path, 60.0)
    one.run(30)
    one.world.add(LineBurst(at_s=one.world.now_s, zone="zone-2", size=4.0))
    one.stop("zone-1")
    one.run(60 + 60)
    assert one.latches() == [("high_flow", "zone-2")]


def test_what_a_zone_takes_is_learned_from_before_another_joins_it(two: Site) -> None:
    play = ready(two)
    play.field.flow_l_min = 75.0
    play.water("zone-1", 300, "c1")
    play.run(150)
    play.water("zone-2", 60, "c2")
    play.run(10)
    assert play.states("c2")[-1] == "running"
    assert 62 < Memory.decode(play.memory or b"").flows_l_min["zone-1"] < 64


def test_one_pulse_after_closing_is_allowed_and_a_second_is_a_leak(site: Site) -> None:
    play = ready(site)
    play.water(seconds=60)
    play.run(160)
    play.field.litres += 1.0
    play.run(120)
    assert latches(play) == []
    play.field.litres += 1.0
    play.run(5)
    assert latches(play) == [("leak", "meter")]
    play.water("zone-2", command_id="c2")
    play.run(3)
    assert play.states("c2") == ["refused"]


def test_pulses_an_hour_apart_are_no_leak(site: Site) -> None:
    play = ready(site)
    play.run(100)
    for _ in range(4):
        play.field.litres += 1.0
        play.leap(70 * 60)
    assert latches(play) == []


def test_a_meter_that_begins_anew_is_no_leak(site: Site) -> None:
    play = ready(site)
    play.run(100)
    play.field.litres = 0.0
    play.run(100)
    play.field.litres = 70_000.0
    play.run(100)
    assert latches(play) == []


def test_a_valve_whose_coil_stays_on_is_latched_and_pump_and_master_are_off(site: Site) -> None:
    play = ready(site)
    play.water(seconds=30)
    play.run(20)
    play.field.welded = {1: True}
    play.run(60)
    assert latches(play) == [("not_closed", "valve-1")]
    assert play.field.coils[0] is False
    play.field.welded = {}
    play.run(70)
    assert play.core.safe
    play.water("zone-2", 30, "c2")
    play.run(60)
    assert play.states("c2")[-1] == "done", "what is safe waters on"


def test_a_silent_cabinet_latches_nothing_for_its_coils_will_be_read_back(site: Site) -> None:
    play = ready(site)
    play.water(seconds=300)
    play.run(20)
    play.field.relay_answers = False
    play.run(60)
    play.field.relay_answers = True
    play.run(70)
    assert latches(play) == []
    play.water(seconds=30, command_id="c2")
    play.run(60)
    assert play.states("c2")[-1] == "done"


@pytest.mark.parametrize("seconds", [9, 30])
def test_a_cabinet_that_loses_its_power_is_not_taken_for_a_blocked_pipe(site: Site, seconds: int) -> None:
    play = ready(site)
    play.water(seconds=300)
    play.run(60)
    play.field.coils, play.field.until, play.field.relay_answers = [False] * 8, {}, False
    play.run(seconds)
    play.field.relay_answers = True
    play.run(70)
    assert play.ended()[0].body["outcome"] == "failed"
    assert latches(play) == []


def test_a_coil_that_somebody_else_moves_is_latched_the_third_time_within_an_hour(site: Site) -> None:
    play = ready(site)
    for number in range(3):
        assert latches(play) == []
        play.field.coils[2] = True
        play.run(70)
        assert play.field.coils[2] is False, number
    assert latches(play) == [("unexpected", "valve-2")]


def test_a_pumps_timer_that_ends_a_little_early_is_no_fault(site: Site) -> None:
    play = ready(site)
    play.water(seconds=300)
    play.run(295)
    play.field.coils[0] = False
    play.run(20)
    assert play.states()[-1] == "done"
    assert "actuator.fault" not in play.kinds()


@pytest.mark.parametrize("contactor", [False, True])
def test_a_welded_contact_is_seen_by_the_pumps_current_and_the_contactor_cuts_it(
    tmp_path: Path, contactor: bool
) -> None:
    text = with_contactor(WITH_CURRENT) if contactor else WITH_CURRENT
    one = estate(tmp_path, text, world_of(contactor=contactor))
    one.run(5)
    one.water(seconds=60)
    one.run(40)
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))
    one.run(60)
    assert ("welded", "pump") in one.latches()
    assert one.world.truth.pump_running is not contactor
    one.water(command_id="c2")
    one.run(3)
    assert one.states("c2") == ["refused"]


def test_a_welded_contact_is_seen_by_the_meter_too(tmp_path: Path) -> None:
    one = estate(tmp_path, with_contactor(PLAIN), world_of(contactor=True))
    one.run(5)
    one.water(seconds=60)
    one.run(40)
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))
    one.run(60)
    assert one.latches() == [("welded", "pump")]
    assert not one.world.truth.pump_running
    assert one.world.truth.zones["zone-1"].delivered_l < 100


def test_a_pump_that_runs_dry_is_stopped_by_its_current(tmp_path: Path) -> None:
    text = WITH_CURRENT.replace('[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n', "")
    one = estate(tmp_path, text, world_of(faults=[WellDry(at_s=0)]))
    one.run(5)
    one.world.plumbing.tank_l = 60.0
    one.water(seconds=300)
    one.run(60)
    assert one.states()[-1] in {"failed", "refused"}


def test_a_burst_pipe_is_latched_by_its_zone(tmp_path: Path) -> None:
    one = burst(tmp_path, LineBurst(at_s=0, zone="zone-1", size=3.0))
    assert one.latches() == [("high_flow", "zone-1")]


def test_a_dead_pump_is_latched_as_no_flow(tmp_path: Path) -> None:
    one = burst(tmp_path, PumpDead(at_s=0))
    assert one.latches() == [("no_flow", "zone-1")]


def test_a_leak_in_the_mains_under_a_siphon_is_found_when_all_is_closed(tmp_path: Path) -> None:
    one = estate(tmp_path, PLAIN, world_of(faults=[MainLeak(at_s=0, size=0.05), Siphon(at_s=0, head_m=5.0)]))
    one.run(180)
    assert one.latches() == [("leak", "meter")]


def burst(folder: Path, fault: LineBurst | PumpDead) -> Estate:
    one = estate(folder, PLAIN, world_of(faults=[fault]))
    one.run(5)
    one.water(seconds=600)
    one.run(150)
    assert one.states()[-1] == "failed"
    return one


def test_a_level_that_is_lost_during_a_run_gives_it_so_many_minutes_more(site: Site) -> None:
    play = ready(site)
    play.water(seconds=1200)
    play.run(60)
    play.field.level_cm = None
    play.run(420)
    ended = play.ended()[0].body
    assert ended["outcome"] == "stopped"
    assert "has been unknown for 5 minutes" in ended["reason"]["en"]
    assert 355 < ended["duration_s"] < 410
