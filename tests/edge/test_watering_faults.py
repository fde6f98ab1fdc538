"""What the core does when water, meter, relay or process are not as they should be, second by second."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, Play, site_of
from tests.edge.plants import pump_with
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def test_no_flow_ends_the_run_in_a_time_that_follows_from_the_pulse(site: Site) -> None:
    play = Play(site)
    play.field.flow_l_min = 0.0
    play.run(3)
    play.water(seconds=300)
    play.run(60)
    ended = play.ended()[0].body
    assert ended["outcome"] == "failed"
    assert 15 < ended["duration_s"] < 30
    assert play.states() == ["accepted", "running", "failed"]
    assert play.field.coils[:2] == [False, False]


def test_slow_drip_with_large_pulses_is_not_called_broken(tmp_path: Path) -> None:
    text = SITE.replace("flow_l_min = 60", "flow_l_min = 4").replace(
        'profile = "pulse-counter"', 'profile = "pulse-counter"\nparameters = { pulse_l = 10 }'
    )
    play = Play(site_of(tmp_path, text))
    play.field.flow_l_min = 4.0
    play.run(3)
    play.water(seconds=900)
    play.run(960)
    assert play.ended()[0].body["outcome"] == "done"


def test_a_silent_meter_leaves_litres_unknown_and_stops_nothing(site: Site) -> None:
    play = Play(site)
    play.field.meter_answers = False
    play.run(3)
    play.water(seconds=60)
    play.run(90)
    assert play.ended()[0].body["outcome"] == "done"
    assert play.ended()[0].body["litres"] is None


def test_litres_survive_a_counter_that_wraps(site: Site) -> None:
    play = Play(site)
    play.field.litres = 2**32 - 20
    play.run(3)
    play.water(seconds=60)
    while not play.ended():
        play.step()
        play.field.litres %= 2**32
    assert play.ended()[0].body["litres"] == pytest.approx(60, abs=2)


def test_a_relay_that_drops_out_turns_everything_off_and_is_told(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    play.field.coils = [False] * 8
    play.run(6)
    assert "actuator.fault" in play.kinds()
    assert play.ended()[0].body["outcome"] == "failed"
    play.water(command_id="c2")
    play.run(2)
    assert play.states("c2") == ["refused"]


def test_a_coil_that_goes_on_by_itself_turns_everything_off(site: Site) -> None:
    play = Play(site)
    play.run(5)
    play.field.coils[2] = True
    play.run(3)
    assert play.field.coils[:3] == [False] * 3
    faults = [event for event in play.events if event.kind == "actuator.fault"]
    assert [fault.body["actuator"] for fault in faults] == ["valve-2"]
    assert "without being told" in faults[0].body["text"]["en"]


def test_a_valve_that_does_not_confirm_fails_the_run_before_the_pump_starts(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.field.welded = {1: False}
    play.water()
    play.run(30)
    assert not any(a.actuator == "pump" and a.open for step in play.steps for a in step.actions)
    assert play.ended()[0].body["outcome"] == "failed"


def test_a_valve_that_will_not_close_is_told_to_for_ever(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=30)
    play.run(20)
    play.field.welded = {1: True}
    play.run(120)
    offs = [a for step in play.steps[-60:] for a in step.actions]
    assert len([a for a in offs if a.actuator == "valve-1" and not a.open]) >= 25
    assert not any(a.open for a in offs)
    assert play.ended()[0].body["outcome"] == "failed"
    assert play.kinds().count("actuator.fault") == 1


def test_a_silent_cabinet_during_a_run_is_told_to_close_until_it_answers(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    play.field.relay_answers = False
    play.run(60)
    assert play.ended()[0].body["outcome"] == "failed"
    play.field.relay_answers = True
    play.run(5)
    assert play.field.coils[:3] == [False] * 3


def test_a_run_cut_off_by_a_kill_ends_as_interrupted_and_counts_in_full(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=600)
    play.run(30)
    later = Play(site, start_ms=play.now_ms + 60_000, memory=play.memory)
    later.field.coils = list(play.field.coils)
    later.field.meter_answers = False  # nobody will ever know what it gave
    later.run(125)
    assert later.field.coils[:3] == [False] * 3
    assert later.ended()[0].body["outcome"] == "interrupted"
    assert later.states() == ["failed"]
    assert later.memory is not None
    assert Memory.decode(later.memory).known.used["zone-1"].seconds == 600


def test_a_close_that_the_board_contradicts_twice_stops_the_pump_of_another_zone_within_seconds(
    tmp_path: Path,
) -> None:
    play = Play(site_of(tmp_path, pump_with(SITE, "capacity_l_min = 130\n")))
    play.run(3)
    play.water("zone-2", 300, "c2")
    play.run(3)
    play.water("zone-1", 30, "c1")
    play.run(25)
    play.field.welded = {1: True}
    play.run(30)
    closed = [(step.now_ms, a.actuator) for step in play.steps[5:] for a in step.actions if not a.open]
    valve_ms = next(at for at, name in closed if name == "valve-1")
    pump_ms = next(at for at, name in closed if name == "pump")
    assert 2000 <= pump_ms - valve_ms <= 4000
    assert {event.body["outcome"] for event in play.ended()} == {"failed"}
