"""Runs that were cut off: judged by what their meter says, and what is left of a timer's slot is given after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import BAND, MIDNIGHT_MS, MINUTE_MS, SITE, Play, site_of
from tests.edge.plants import pump_with
from tests.edge.switches import SwitchPlay, switched
from tonnam_edge.core.memory import Memory, Metered
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.core.plant.given import divided
from tonnam_edge.site.site import Site

TWENTY = """
[[program]]
id = "morning"
kind = "timer"
zone = "zone-1"
at = "06:10"
run_min = 20
"""
SLOT_MS = MIDNIGHT_MS + 370 * MINUTE_MS
PULSE_L = 1.0
Deed = Callable[[Play], None]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("site"), SITE + TWENTY)


def begun(site: Site) -> Play:
    """The 06:10 watering has just begun."""
    play = Play(site, start_ms=SLOT_MS - 20_000)
    while not any(event.kind == "run.started" for event in play.events):
        play.step()
    return play


def cut(play: Play, off_s: float, *, power: bool = True) -> None:
    """The process is killed and starts again after `off_s`; with `power` the boards lose theirs, too."""
    if power:
        play.field.coils, play.field.until = [False] * 8, {}
    play.pass_time(off_s)
    play.restart()


def given_l(play: Play) -> float:
    return play.field.litres - 5000.0


def remembered(play: Play) -> Memory:
    assert play.memory is not None
    return Memory.decode(play.memory)


def parts(play: Play) -> list[tuple[str, float | None]]:
    return [(event.body["outcome"], event.body["litres"]) for event in play.ended()]


def begins(play: Play) -> list[float]:
    return [event.body["planned_s"] for event in play.events if event.kind == "run.started"]


def test_a_run_that_was_cut_off_counts_as_its_meter_says(site: Site) -> None:
    play = begun(site)
    play.run(60)
    flowed_l = given_l(play)
    cut(play, 3600)
    play.run(10)
    assert 50 < flowed_l < 65
    [(outcome, litres)] = parts(play)
    assert outcome == "interrupted"
    assert litres == pytest.approx(flowed_l, abs=PULSE_L)
    assert remembered(play).known.used["zone-1"].seconds == pytest.approx(flowed_l, abs=1.5)
    assert sum(each for _, each in remembered(play).kept.zone("zone-1").given) == pytest.approx(flowed_l, abs=PULSE_L)
    assert play.ended()[0].body["duration_s"] == pytest.approx(flowed_l, abs=1.5)


def test_water_that_the_board_let_run_on_after_the_kill_counts(site: Site) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 300, power=False)
    play.run(10)
    [(_, litres)] = parts(play)
    assert litres == pytest.approx(given_l(play), abs=PULSE_L)
    assert given_l(play) > 330


def test_the_rest_of_a_slot_is_given_after_a_blip(site: Site) -> None:
    play = begun(site)
    play.run(120)
    cut(play, 40)
    play.leap(1500)
    assert [outcome for outcome, _ in parts(play)] == ["interrupted", "done"]
    assert given_l(play) == pytest.approx(1200, abs=10)
    told = [event for event in play.events if event.kind == "run.started"][-1].body
    assert (told["cause"], told["program"]) == ("timer", "morning")
    assert told["reason"]["en"].startswith("The rest of the watering at 06:10 that was cut off")
    assert "06:10" in told["reason"]["th"]


def test_no_part_begins_when_it_is_too_late(site: Site) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 1750)
    play.leap(900)
    assert len(begins(play)) == 1


def test_the_rest_of_a_slot_that_had_to_wait_is_given_for_as_long_after_its_run_began(site: Site) -> None:
    play = Play(site, start_ms=SLOT_MS - 20_000)
    play.field.level_cm = 15.0
    play.leap(45 * 60)
    play.field.level_cm = 150.0
    play.run(120)
    cut(play, 40)
    play.leap(1500)
    assert [outcome for outcome, _ in parts(play)] == ["interrupted", "done"]
    assert given_l(play) == pytest.approx(1200, abs=10)


def test_there_are_two_more_tries_and_no_third(site: Site) -> None:
    play = begun(site)
    for _ in range(4):
        play.run(60)
        cut(play, 5)
        play.run(45)
    assert [outcome for outcome, _ in parts(play)] == ["interrupted"] * 3
    assert begins(play) == sorted(begins(play), reverse=True)
    assert len(begins(play)) == 3


def silent(play: Play) -> None:
    play.field.meter_answers = False


def reset(play: Play) -> None:
    play.field.litres = 3.0


def jumped(play: Play) -> None:
    play.field.litres += 1_000_000.0


@pytest.mark.parametrize("wrong", [silent, reset, jumped])
def test_what_no_meter_tells_counts_as_the_whole_plan_and_is_not_owed(site: Site, wrong: Deed) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 40)
    wrong(play)
    play.run(130)
    assert parts(play) == [("interrupted", None)]
    assert remembered(play).known.used["zone-1"].seconds == 1200
    assert remembered(play).owed == {}


def test_a_counter_that_began_anew_during_the_run_is_not_believed(site: Site) -> None:
    """It shows more than at the begin of the run, and less than it did a minute before the kill."""
    play = Play(site, start_ms=SLOT_MS - 20_000)
    play.field.litres = 10.0
    play.run(150)
    assert play.field.litres > 100
    cut(play, 30)
    play.field.litres = 20.0
    play.run(130)
    assert parts(play) == [("interrupted", None)]


def test_who_is_killed_again_while_the_meter_is_silent_tells_it_once(site: Site) -> None:
    play = begun(site)
    play.run(60)
    flowed_l = given_l(play)
    cut(play, 20)
    play.field.meter_answers = False
    for _ in range(3):
        play.run(15)
        assert parts(play) == []
        cut(play, 5)
    play.field.meter_answers = True
    play.run(5)
    [(outcome, litres)] = parts(play)
    assert outcome == "interrupted"
    assert litres == pytest.approx(flowed_l, abs=PULSE_L)


def test_a_person_need_not_wait_for_what_the_meter_says(site: Site) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 20)
    play.field.meter_answers = False
    play.run(5)
    play.water("zone-1", 60, "c9")
    play.run(10)
    assert parts(play) == [("interrupted", None)]
    assert play.states("c9")[:1] == ["accepted"]


def test_a_board_that_was_silent_for_a_moment_costs_the_crop_nothing(site: Site) -> None:
    play = begun(site)
    play.run(60)
    play.field.relay_answers = False
    play.run(30)
    play.field.relay_answers = True
    play.leap(1600)
    assert [outcome for outcome, _ in parts(play)] == ["failed", "done"]
    assert given_l(play) == pytest.approx(1200, abs=15)


def stopped(play: Play) -> None:
    play.stop()


def locked(play: Play) -> None:
    play.core.ask(Request("r1", "lock", "Somchai", "digging", "zone-1"))


@pytest.mark.parametrize("deed", [stopped, locked])
def test_what_a_person_has_ended_stays_ended(site: Site, deed: Deed) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 20)
    play.run(5)
    assert remembered(play).owed
    deed(play)
    play.run(2)
    assert remembered(play).owed == {}


def test_nothing_is_owed_to_a_zone_that_is_no_more(tmp_path: Path, site: Site) -> None:
    play = begun(site)
    play.run(60)
    cut(play, 20)
    play.run(5)
    assert remembered(play).owed
    second = SITE[SITE.index('[[zone]]\nid = "zone-2"') :]
    only_second = SITE[: SITE.index('[[zone]]\nid = "zone-1"')] + second
    play.site = site_of(tmp_path, only_second + TWENTY.replace("zone-1", "zone-2"))
    play.restart()
    play.run(5)
    assert remembered(play).owed == {}


def test_a_run_of_a_zone_that_is_no_more_counts_as_planned(tmp_path: Path, site: Site) -> None:
    play = begun(site)
    play.run(60)
    second = SITE[SITE.index('[[zone]]\nid = "zone-2"') :]
    play.site = site_of(tmp_path, SITE[: SITE.index('[[zone]]\nid = "zone-1"')] + second)
    cut(play, 20)
    play.run(5)
    assert parts(play) == [("interrupted", None)]


def test_zones_that_ran_together_share_what_was_metered(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, pump_with(SITE, 'capacity_l_min = 130\nrenewable = "verified"\n')))
    play.run(3)
    play.water("zone-1", 600, "c1")
    play.run(20)
    play.water("zone-2", 600, "c2")
    play.run(80)
    cut(play, 20)
    play.run(10)
    litres = {event.body["zone"]: event.body["litres"] for event in play.ended()}
    assert sum(litres.values()) == pytest.approx(given_l(play), abs=2 * PULSE_L)
    assert litres["zone-1"] - litres["zone-2"] == pytest.approx(20, abs=8)


def test_programs_leave_the_meter_alone_until_all_is_judged(tmp_path: Path) -> None:
    play = begun(site_of(tmp_path, SITE + TWENTY + BAND.replace("zone-1", "zone-2")))
    play.run(60)
    cut(play, 20)
    play.field.meter_answers, play.field.moisture[1] = False, 20.0
    play.run(100)
    said = [event.body["text"]["en"] for event in play.events if event.kind == "zone.planned"]
    assert parts(play) == []
    assert "Waiting to see on the meter" in said[-1]
    play.run(40)
    assert parts(play) == [("interrupted", None)]
    assert len(begins(play)) == 2


@given(st.lists(st.integers(1, 90), min_size=1, max_size=4), st.booleans(), st.integers(1, 60))
@settings(max_examples=12, deadline=None)
def test_whatever_kills_come_litres_are_those_that_flowed(
    site: Site, after_s: list[int], power: bool, off_s: int
) -> None:
    play = begun(site)
    for seconds in after_s:
        play.run(seconds)
        cut(play, off_s, power=power)
    play.run(10)
    play.leap(1500)
    told_l = sum(litres or 0.0 for _, litres in parts(play))
    assert len(parts(play)) == len(begins(play))
    assert all(litres is not None for _, litres in parts(play))
    assert told_l >= given_l(play) - PULSE_L * len(parts(play))
    assert given_l(play) <= 1200 + 40
    assert remembered(play).known.used["zone-1"].seconds <= 1200 + 10


def test_litres_are_divided_by_who_could_run_for_how_long() -> None:
    assert divided(30, {"a": (60, 10), "b": (60, 100)}, 1.5) == {"a": 10, "b": 20}
    assert divided(220, {"a": (60, 10), "b": (60, 100)}, 1.5) == {"a": 15, "b": 150}
    assert divided(0, {"a": (60, 10)}, 1.5) == {"a": 0}


def test_a_run_is_noted_before_its_valve_opens(site: Site) -> None:
    play = begun(site)
    intent = remembered(play).runs["zone-1"]
    assert intent.slot_ms == SLOT_MS
    assert intent.metered == Metered("plot/flow/total", 5000.0, 0.0, 1205.0)


def test_water_by_hand_after_the_kill_is_not_booked_to_the_run_that_was_cut_off(tmp_path: Path) -> None:
    play = SwitchPlay(site_of(tmp_path, switched(SITE + TWENTY)), start_ms=SLOT_MS - 20_000)
    play.run(90)
    play.field.coils, play.field.until = [False] * 8, {}
    play.field.turn(2, "hand")
    play.field.hand_l_min = 60.0
    play.pass_time(600)
    play.restart()
    play.run(60)
    assert parts(play) == [("interrupted", None)]
    assert remembered(play).known.used["zone-1"].seconds == pytest.approx(1200)
    assert remembered(play).owed == {}


def test_where_no_switch_answers_after_a_kill_the_litres_are_not_known(tmp_path: Path) -> None:
    play = SwitchPlay(site_of(tmp_path, switched(SITE + TWENTY)), start_ms=SLOT_MS - 20_000)
    play.run(90)
    play.field.switches_answer = False
    cut(play, 30)
    play.run(100)
    assert parts(play) == []
    play.run(30)
    assert parts(play) == [("interrupted", None)]


def test_a_switch_that_stands_on_off_leaves_the_litres_known(tmp_path: Path) -> None:
    play = SwitchPlay(site_of(tmp_path, switched(SITE + TWENTY)), start_ms=SLOT_MS - 20_000)
    play.field.turn(2, "off")
    play.run(90)
    cut(play, 30)
    play.run(10)
    [(outcome, litres)] = parts(play)
    assert outcome == "interrupted"
    assert litres == pytest.approx(given_l(play), abs=PULSE_L)
