"""A pump whose power comes and goes: flow follows, a cloud is a pause and no fault, the end of a run stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import TIMER, Play, site_of
from tests.edge.stands import Pump, Stand, Zone, farm_text
from tests.edge.test_several_pumps import latches
from tonnam_edge.core import Step
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.power import interpolated
from tonnam_edge.site.site import Site

INVERTER = """
[[device]]
id = "sun"
bus = "cabinet"
unit = 9
profile = "sunspec-103"
tells = ["ac_power"]
name = { th = "อินเวอร์เตอร์", en = "Inverter" }
"""
POWER = 'power = "sun/ac_power"\nleast_w = 500\ncapacity_l_min = 130\n'
CURVE = "flow_at = [[500, 30], [1000, 70], [2000, 100]]\n"
ZONES = (Zone("zone-1", "pump-1", 3), Zone("zone-2", "pump-1", 4))


class Sunny(Stand):
    """Its pump gives what the sun allows."""

    def __init__(self, watts: float | None = 2000.0) -> None:
        super().__init__(pumps=(Pump("pump-1", 0),), zones=ZONES)
        self.watts, self.blocked_pct, self.idle_s = watts, 100.0, 0.0
        self.set(watts)

    def set(self, watts: float | None, blocked_pct: float | None = None) -> None:
        """So much sun from now on; None: the inverter says nothing."""
        self.blocked_pct = self.blocked_pct if blocked_pct is None else blocked_pct
        self.more["sun"] = {"ac_power": watts}
        self.watts = self.watts if watts is None else watts
        points = [(400.0, 0.0), (500.0, 30.0), (1000.0, 70.0), (2000.0, 100.0)]
        self.flow_pct["pump-1"] = interpolated(points, self.watts or 0.0) * self.blocked_pct / 100


def play_of(
    folder: Path, keys: str = POWER + CURVE, watts: float | None = 2000.0, more: str = ""
) -> tuple[Play, Sunny]:
    play = Play(site_of(folder, farm_text(pumps=(Pump("pump-1", 0, keys),), zones=ZONES) + INVERTER + more))
    sunny = Sunny(watts)
    play.field = sunny
    play.run(15)
    return play, sunny


def kinds(play: Play) -> list[str]:
    return [event.kind for event in play.events if event.kind.startswith(("run.", "pump."))]


@pytest.mark.parametrize(("watts", "litres"), [(2000.0, 300.0), (1000.0, 210.0), (550.0, 100.0)])
def test_what_should_flow_follows_the_power(tmp_path: Path, watts: float, litres: float) -> None:
    play, _ = play_of(tmp_path, watts=watts)
    play.water("zone-1", 300, "c1")
    play.run(360)
    assert play.states("c1")[-1] == "done"
    assert play.ended()[0].body["litres"] == pytest.approx(litres, rel=0.1)
    assert latches(play) == []


def test_with_the_sun_out_too_little_water_is_a_fault_as_ever(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path)
    sunny.set(1000.0, blocked_pct=40.0)  # of the 42 L/min that there is power for
    play.water("zone-1", 300, "c1")
    play.run(120)
    assert latches(play) == [("low_flow", "zone-1")]
    assert "where 42 should" in play.ended()[0].body["reason"]["en"]


def test_a_cloud_is_a_pause_and_the_run_goes_on_until_the_end_that_it_had(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path)
    play.water("zone-1", 600, "c1")
    play.run(100)
    sunny.set(300.0)
    play.run(120)
    assert not play.field.coil(0)
    assert play.field.coil(3)
    assert play.states("c1")[-1] == "running"
    sunny.set(2000.0)
    play.run(30)
    assert play.field.coil(0)
    play.run(400)
    assert kinds(play) == ["run.started", "pump.held", "pump.resumed", "run.ended"]
    (ended,) = play.ended()
    assert (ended.body["outcome"], ended.at_ms - play.events[0].at_ms < 650_000) == ("done", True)
    assert "the pump stood for 2." in ended.body["reason"]["en"]
    assert 450 <= ended.body["duration_s"] <= 480
    assert ended.body["litres"] == pytest.approx(ended.body["duration_s"], rel=0.05)
    assert latches(play) == []
    assert play.core.safe


def test_what_a_cloud_took_from_a_timers_watering_is_given_after_it(tmp_path: Path) -> None:
    timer = TIMER.replace("06:10", "10:01").replace("run_min = 5", "run_min = 10")
    play, sunny = play_of(tmp_path, more=timer)
    play.run(200)
    sunny.set(300.0)
    play.run(240)
    sunny.set(2000.0)
    play.run(1500)
    first, rest = play.ended()
    assert (first.body["outcome"], rest.body["outcome"]) == ("done", "done")
    assert 200 < rest.body["duration_s"] < 280
    assert first.body["duration_s"] + rest.body["duration_s"] == pytest.approx(600, abs=5)


@pytest.mark.parametrize("dark", [300.0, None])
def test_power_that_goes_while_the_valve_opens_starts_no_pump_until_it_is_back(
    tmp_path: Path, dark: float | None
) -> None:
    play, sunny = play_of(tmp_path)
    play.water("zone-1", 300, "c1")
    play.step()
    sunny.set(dark)
    play.run(60)
    assert play.field.coil(3)
    assert not any(action.actuator == "pump-1" and action.open for step in play.steps for action in step.actions)
    sunny.set(2000.0)
    play.run(300)
    assert kinds(play) == ["run.started", "pump.held", "pump.resumed", "run.ended"]
    assert play.ended()[0].body["litres"] > 200
    assert latches(play) == []
    assert play.core.safe


def test_no_sun_until_the_end_ends_the_run_as_planned_and_nothing_starts_without_it(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path)
    play.water("zone-1", 200, "c1")
    play.run(60)
    sunny.set(100.0)
    play.run(200)
    assert play.ended()[0].body["outcome"] == "done"
    assert play.ended()[0].body["duration_s"] < 70
    assert play.core.safe
    play.water("zone-1", 200, "c2")
    play.run(2)
    assert play.states("c2") == ["refused"]


def test_an_inverter_that_says_nothing_pauses_only_when_the_water_stands_too(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path)
    play.water("zone-1", 900, "c1")
    play.run(100)
    sunny.set(None)
    play.run(100)
    assert play.field.coil(0)
    sunny.flow_pct["pump-1"] = 0.0
    play.run(100)
    assert not play.field.coil(0)
    assert latches(play) == []
    assert kinds(play)[-1] == "pump.held"


def test_an_empty_tank_a_stop_and_a_person_count_in_a_pause_as_ever(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path)
    play.water("zone-1", 900, "c1")
    play.water("zone-2", 900, "c2")
    play.run(100)
    sunny.set(0.0)
    play.run(30)
    play.stop("zone-2", "s1")
    play.run(15)
    assert play.states("s1")[-1] == "done"
    assert play.states("c1")[-1] == "running"
    play.field.level_cm = 5.0
    play.run(30)
    assert play.ended()[-1].body["outcome"] == "stopped"
    assert play.core.safe


def test_without_a_curve_it_is_learned_from_runs_alone_and_too_little_is_known_then(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path, POWER)
    sunny.set(1000.0)
    play.water("zone-1", 900, "c1")
    play.run(960)
    assert play.memory is not None
    (shares,) = Memory.decode(play.memory).power_shares.values()
    assert list(shares.values()) == [pytest.approx(0.7, abs=0.03)]
    assert Memory.decode(play.memory).flows_l_min == {}
    sunny.set(1000.0, blocked_pct=40.0)
    play.restart()
    play.run(15)
    play.water("zone-1", 300, "c2")
    play.run(120)
    assert latches(play) == [("low_flow", "zone-1")]


def test_a_pump_that_rests_between_starts_rests_in_a_pause_too(tmp_path: Path) -> None:
    play, sunny = play_of(tmp_path, POWER + CURVE + "rest_s = 120\n")
    play.water("zone-1", 600, "c1")
    play.run(60)
    sunny.set(100.0)
    play.run(5)
    sunny.set(2000.0)
    play.run(100)
    assert not play.field.coil(0)
    play.run(30)
    assert play.field.coil(0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    text = farm_text(pumps=(Pump("pump-1", 0, POWER + CURVE),), zones=ZONES) + INVERTER
    return site_of(tmp_path_factory.mktemp("sun"), text)


def ends_by_the_board(play: Play, step: Step) -> None:
    """A pump that runs has an open path, also when this machine dies: by the board's own timers."""
    until = play.field.until
    if play.field.coil(0):
        assert play.field.coil(3) or play.field.coil(4)
        assert until[0] < max(until.get(3, 0), until.get(4, 0))


SKY = st.lists(st.tuples(st.sampled_from([0.0, 300.0, 520.0, 900.0, 2000.0, None]), st.integers(1, 200)), max_size=8)


@settings(max_examples=12, deadline=None)
@given(SKY, st.integers(30, 900), st.integers(30, 900), st.integers(0, 100))
def test_whatever_the_sky_does_runs_end_in_time_without_a_fault_and_paths_stay_open(
    site: Site, sky: list[tuple[float | None, int]], first_s: int, second_s: int, later_s: int
) -> None:
    play, sunny = Play(site), Sunny()
    play.field, play.watch = sunny, ends_by_the_board
    play.run(15)
    play.water("zone-1", first_s, "c1")
    play.leap(later_s, at_most_s=1)
    play.water("zone-2", second_s, "c2")
    for watts, seconds in sky:
        sunny.set(watts)
        if watts is None:
            sunny.flow_pct["pump-1"] = 0.0
        play.leap(seconds, at_most_s=5)
    play.leap(2000, at_most_s=30)
    assert play.core.safe
    assert latches(play) == []
    for event in play.ended():
        assert event.body["outcome"] in {"done", "stopped"}, event.body
    starts = {event.body["run_id"]: event for event in play.events if event.kind == "run.started"}
    for ended in play.ended():
        began = starts[ended.body["run_id"]]
        assert ended.at_ms - began.at_ms <= began.body["planned_s"] * 1000 + 90_000
