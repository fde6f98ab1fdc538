"""Runs of one pump in its pauses: between clouds, stops and starts nobody is told water that did not come."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import Play, site_of
from tests.edge.stands import COMMON, Pump, Stand, Zone, farm_text
from tests.edge.test_several_pumps import latches, play_of, told
from tests.edge.test_solar_pump import CURVE, INVERTER, POWER, Sunny
from tests.edge.test_solar_pump import ZONES as SUNNY_ZONES
from tonnam_edge.core import Step
from tonnam_edge.core.plant.supply import Stage
from tonnam_edge.site.site import Site

RENEWABLE = 'renewable = "verified"\n'
THREE = (Zone("zone-1", "pump-1", 3, 40.0), Zone("zone-2", "pump-1", 4, 40.0), Zone("zone-3", "pump-1", 5, 40.0))


def one_pump(folder: Path, keys: str, zones: tuple[Zone, ...] = THREE, more: str = COMMON) -> Play:
    pumps = (Pump("pump-1", 0, "capacity_l_min = 130\n" + keys),)
    return play_of(folder, farm_text(pumps=pumps, zones=zones, more=more), Stand(pumps=pumps, zones=zones))


def sunny_play(folder: Path, keys: str = POWER + CURVE) -> tuple[Play, Sunny]:
    play = Play(site_of(folder, farm_text(pumps=(Pump("pump-1", 0, keys),), zones=SUNNY_ZONES) + INVERTER))
    sunny = Sunny()
    play.field = sunny
    play.run(15)
    return play, sunny


def ends_by_the_board(play: Play, step: Step | None = None) -> None:
    """Were this machine to die now, the pump would end before the last way out, by the board's own timers."""
    until = play.field.until
    assert not play.field.coil(0) or until[0] < max(until.get(coil, 0) for coil in (3, 4, 5))


def starts_of_pump(play: Play) -> list[int]:
    return [step.now_ms for step in play.steps for a in step.actions if a.open and a.actuator == "pump-1"]


def join_before_a_cloud(play: Play, sunny: Sunny, seconds: int) -> None:
    """Zone 1 waters, and the sun goes while the valve of zone 2 opens."""
    play.water("zone-1", 900, "c1")
    play.run(60)
    play.water("zone-2", seconds, "c2")
    play.step()
    sunny.set(300.0)


@pytest.mark.parametrize("keys", ["", RENEWABLE])
@pytest.mark.parametrize(("held_s", "seconds"), [(5, 900), (100, 900), (500, 700)])
def test_a_run_that_joined_before_a_cloud_gets_no_later_deadline_than_its_valve(
    tmp_path: Path, keys: str, held_s: int, seconds: int
) -> None:
    play, sunny = sunny_play(tmp_path, POWER + CURVE + keys)
    join_before_a_cloud(play, sunny, seconds)
    play.watch = ends_by_the_board
    play.run(held_s)
    sunny.set(2000.0)
    play.run(25)
    assert play.field.coil(0)
    play.stop("zone-1", "s1")
    play.run(10)
    for _ in range(1000):  # the machine is dead
        play.pass_time(1)
        assert not play.field.coil(0) or play.field.coil(3) or play.field.coil(4)


def test_a_run_that_the_cloud_left_without_a_drop_is_not_done_and_ends_when_it_would_have(tmp_path: Path) -> None:
    play, sunny = sunny_play(tmp_path)
    join_before_a_cloud(play, sunny, 600)
    play.run(900)
    first, second = play.ended()
    assert (first.body["zone"], first.body["outcome"], first.body["duration_s"]) == ("zone-2", "stopped", 0.0)
    assert 600_000 <= first.at_ms - play.steps[75].now_ms <= 615_000
    assert (play.states("c2")[-1], play.states("c1")[-1], second.body["duration_s"]) == ("failed", "done", 60.0)
    assert told(play, "c2").endswith("the zone had no water")


def test_a_zone_whose_valve_opens_in_a_cloud_keeps_the_pump_held_when_the_other_is_stopped(tmp_path: Path) -> None:
    play, sunny = sunny_play(tmp_path)
    join_before_a_cloud(play, sunny, 600)
    play.run(4)
    play.stop("zone-1", "s1")
    play.run(30)
    assert starts_of_pump(play) == starts_of_pump(play)[:1]
    sunny.set(2000.0)
    play.run(30)
    assert len(starts_of_pump(play)) == 2
    play.run(600)
    (_, second) = play.ended()
    assert second.body["outcome"] == "done"
    assert second.body["duration_s"] == pytest.approx(second.body["litres"], rel=0.03)


@pytest.mark.parametrize("gap_s", [1, 2, 3, 4])
def test_who_is_stopped_while_the_pump_pauses_for_another_takes_no_water_from_the_third(
    tmp_path: Path, gap_s: int
) -> None:
    play = one_pump(tmp_path, "")
    play.water("zone-1", 900, "c1")
    for number in (2, 3):
        play.water(f"zone-{number}", 600, f"c{number}")
    play.run(60)
    play.watch = ends_by_the_board
    play.stop("zone-1", "s1")
    play.run(gap_s)
    play.stop("zone-2", "s2")
    play.run(600)
    third = play.ended()[-1]
    assert (third.body["zone"], third.body["outcome"]) == ("zone-3", "done")
    assert third.body["litres"] == pytest.approx(third.body["duration_s"] / 60 * 40, rel=0.03)
    assert third.body["duration_s"] < 600  # without the pause
    assert play.core.safe
    assert latches(play) == []


def test_nobody_waters_on_behind_a_pump_that_was_stopped(tmp_path: Path) -> None:
    play = one_pump(tmp_path, "")
    for number, seconds in ((1, 900), (2, 600)):
        play.water(f"zone-{number}", seconds, f"c{number}")
    play.run(60)
    supply = play.core._runs.supplies["pump-1"]
    play.stop("zone-1", "s1")
    play.run(1)
    assert supply.stage is Stage.PAUSING
    supply.stop(play.core._commands.now)  # by whatever: its run does not know
    play.run(30)
    assert play.ended()[-1].body["zone"] == "zone-2"
    assert play.ended()[-1].body["outcome"] == "failed"
    assert play.core.safe


LATE = 'kind = "motorised"\ntravel_s = 8\n'
RESTS = "rest_s = 300\nstarts_per_hour = 1\n" + RENEWABLE


class Slow(Stand):
    """The valve of zone 2 lets no water through while it travels."""

    opened_ms = 0

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        self.opened_ms = self.opened_ms if self.coil(4) else to_ms
        zones = self.zones
        self.zones = [zone for zone in zones if zone.coil != 4 or to_ms - self.opened_ms >= 8000]
        super().pass_time(from_ms, to_ms)
        self.zones = zones


def slow_play(folder: Path, keys: str) -> Play:
    pumps = (Pump("pump-1", 0, "capacity_l_min = 130\n" + keys),)
    text = farm_text(pumps=pumps, zones=THREE[:2])
    valve = 'id = "valve-zone-2"\nrole = "valve"\n'
    return play_of(folder, text.replace(valve, valve + LATE), Slow(pumps=pumps, zones=THREE[:2]))


def test_who_would_open_only_when_the_pump_has_stopped_waits_for_its_rest(tmp_path: Path) -> None:
    play = slow_play(tmp_path, RESTS)
    play.water("zone-1", 60, "c1")
    play.run(58)
    play.water("zone-2", 300, "c2")
    play.run(400)
    assert told(play, "c2").startswith("What waters now is nearly done")
    assert len(starts_of_pump(play)) == 1
    assert latches(play) == []


@pytest.mark.parametrize(("keys", "outcome"), [(RESTS, "stopped"), (RENEWABLE, "done")])
def test_a_pump_that_was_stopped_while_the_next_valve_opened_starts_again_only_if_it_may(
    tmp_path: Path, keys: str, outcome: str
) -> None:
    play = slow_play(tmp_path, keys)
    play.water("zone-1", 600, "c1")
    play.run(40)
    play.water("zone-2", 300, "c2")
    play.run(1)
    play.stop("zone-1", "s1")
    play.run(400)
    ended = play.ended()[-1].body
    assert (ended["zone"], ended["outcome"]) == ("zone-2", outcome)
    assert len(starts_of_pump(play)) == (1 if outcome == "stopped" else 2)
    if outcome == "stopped":
        assert told(play, "c2").startswith("The pump rests for 5 minutes")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Site:
    pumps = (Pump("pump-1", 0, "capacity_l_min = 130"),)
    return site_of(tmp_path_factory.mktemp("three"), farm_text(pumps=pumps, zones=THREE))


NUMBERS = st.integers(1, 3)
PLOT = st.lists(
    st.tuples(st.sampled_from(["water", "stop"]), NUMBERS, st.integers(30, 600), st.integers(1, 40)), max_size=12
)


@settings(max_examples=20, deadline=None)
@given(PLOT)
def test_what_is_told_as_water_was_water_however_runs_of_one_pump_overlap(
    three: Site, plot: list[tuple[str, int, int, int]]
) -> None:
    play, stand = Play(three), Stand(pumps=(Pump("pump-1", 0),), zones=THREE)
    play.field, play.watch = stand, ends_by_the_board
    play.run(4)
    for place, (what, number, seconds, wait_s) in enumerate(plot):
        if what == "water":
            play.water(f"zone-{number}", seconds, f"c{place}")
        else:
            play.stop(f"zone-{number}", f"s{place}")
        play.leap(wait_s, at_most_s=5)
    play.leap(1300, at_most_s=20)
    assert play.core.safe
    assert latches(play) == []
    for zone in THREE:
        told_s = sum(event.body["duration_s"] for event in play.ended() if event.body["zone"] == zone.name)
        runs = sum(event.body["zone"] == zone.name for event in play.ended())
        assert stand.given_l[zone.name] / 40 * 60 == pytest.approx(told_s, abs=8 * runs + 1)
