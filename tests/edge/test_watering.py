"""What the core does with programs, people and faults, second by second against a small field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, SITE, Play, site_of
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Event


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def reason(event: Event) -> str:
    return str(event.body["reason"]["en"])


def test_everything_is_turned_off_first_and_repeated_until_read_back(site: Site) -> None:
    play = Play(site)
    play.field.coils = [True] * 8
    play.field.relay_answers = False
    offs = [action for _ in range(6) for action in play.step().actions]
    assert [action.actuator for action in offs[:3]] == ["pump", "valve-1", "valve-2"]
    assert len(offs) == 9  # at 0, 2 and 4 seconds
    assert not play.core.safe
    play.field.relay_answers = True
    play.run(4)
    assert play.core.safe
    assert play.field.coils[:3] == [False] * 3


def test_a_manual_run_opens_valve_then_pump_and_stops_pump_then_valve(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=60)
    play.run(90)
    moves = [(a.actuator, a.open) for step in play.steps for a in step.actions][-4:]
    assert moves == [("valve-1", True), ("pump", True), ("pump", False), ("valve-1", False)]
    assert play.states() == ["accepted", "running", "done"]
    ended = play.ended()[0].body
    assert ended["outcome"] == "done"
    assert ended["duration_s"] == 60
    assert ended["litres"] == pytest.approx(60, abs=2)


def test_a_run_is_remembered_in_the_step_that_opens_the_valve(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water()
    step = next(step for step in (play.step() for _ in range(3)) if any(a.open for a in step.actions))
    assert step.memory is not None
    assert "zone-1" in Memory.decode(step.memory).runs


def test_a_valve_is_opened_only_with_a_deadline_that_outlasts_the_pumps(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(10)
    opened = {a.actuator: a for step in play.steps for a in step.actions if a.open}
    valve, pump = opened["valve-1"], opened["pump"]
    assert valve.hold_s is not None
    assert pump.hold_s is not None
    assert 300 < pump.hold_s <= 310
    assert valve.decided_mono_ms + valve.hold_s * 1000 > pump.decided_mono_ms + pump.hold_s * 1000
    assert valve.hold_s < 340


def test_no_water_starts_while_the_disk_takes_nothing_and_what_runs_comes_to_its_end(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=60)
    play.run(10)
    play.core.remembers = False
    play.run(80)
    assert play.states("c1")[-1] == "done"
    play.water(command_id="c2")
    play.run(2)
    assert play.states("c2") == ["refused"]
    assert "cannot write to its disk" in play.outcomes[-1].reason["en"]


def test_the_longest_run_of_the_zone_cuts_a_command_short(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=7200)
    play.run(10)
    started = next(event for event in play.events if event.kind == "run.started")
    assert started.body["planned_s"] == 1200
    assert "cut to 20 minutes" in reason(started)


def test_stop_by_hand_ends_the_run_and_holds_the_programs(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + BAND))
    play.field.moisture[0] = 20.0
    play.run(10)
    assert play.field.coils[:2] == [True, True]
    play.stop()
    play.run(20)
    assert play.states("s1") == ["running", "done"]
    assert play.ended()[0].body["outcome"] == "stopped"
    play.leap(59 * 60 - 60)
    assert play.kinds().count("run.started") == 1
    play.leap(10 * 60)
    assert play.kinds().count("run.started") == 2


def test_stop_without_water_is_done_at_once(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.stop()
    play.step()
    assert play.states("s1") == ["done"]


@pytest.mark.parametrize(
    ("zone", "seconds", "lives_s", "state", "words"),
    [
        ("zone-9", 60, 60, "refused", "There is no zone zone-9"),
        ("zone-1", 0, 60, "refused", "No watering time"),
        ("zone-1", 60, -1, "expired", "too late"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    site: Site, zone: str, seconds: int, lives_s: int, state: str, words: str
) -> None:
    play = Play(site)
    play.run(3)
    play.water(zone, seconds, lives_s=lives_s)
    play.run(3)
    assert play.states() == [state]
    assert words in play.outcomes[0].reason["en"]
    assert play.outcomes[0].reason["th"]


def test_the_same_command_never_acts_twice_not_even_after_a_restart(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=30)
    play.run(60)
    play.water(seconds=30)
    play.run(10)
    assert play.kinds().count("run.started") == 1
    assert play.states()[-1] == "done"
    again = Play(site, start_ms=play.now_ms, memory=play.memory)
    again.run(3)
    again.water(seconds=30)
    again.run(10)
    assert again.kinds().count("run.started") == 0
    assert again.states() == ["done"]


def test_one_zone_at_a_time(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water("zone-1", 120, "c1")
    play.run(10)
    play.water("zone-2", 120, "c2")
    play.run(3)
    assert play.states("c2") == ["refused"]
    assert "Zone 1 is being watered" in play.outcomes[-1].reason["en"]


def test_a_low_tank_refuses_and_ends_runs(site: Site) -> None:
    play = Play(site)
    play.field.level_cm = 21.0
    play.run(3)
    play.water(command_id="c1")
    play.step()
    assert play.states("c1") == ["refused"]
    play.field.level_cm = 60.0
    play.water(command_id="c2")
    play.run(20)
    play.field.level_cm = 19.0
    play.run(10)
    assert play.ended()[0].body["outcome"] == "stopped"
    assert play.states("c2")[-1] == "failed"
    assert "down to 19 cm" in play.outcomes[-1].reason["en"]
    assert play.field.coils[:2] == [False, False]


def test_an_unknown_tank_level_means_a_short_run(site: Site) -> None:
    play = Play(site)
    play.field.level_cm = None
    play.run(40)
    play.water(seconds=1200)
    play.run(5)
    started = next(event for event in play.events if event.kind == "run.started")
    assert started.body["planned_s"] == 300
    assert "level is unknown" in reason(started)
