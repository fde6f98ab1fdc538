"""Two zones on one pump with a master valve, whatever is commanded and breaks, in any order: what never happens."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import SITE, Field, Play, site_of
from tests.edge.plants import ACTUATOR, pump_with
from tonnam_edge.core import Step
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site

MASTER = ACTUATOR.format("master", "master", 6) + "travel_s = 2\nlead_s = 3\nlag_s = 2\n"
BAND = """
[[program]]
id = "band-{0}"
kind = "moisture"
zone = "zone-{0}"
pulse_min = 4
rest_min = 2
"""
TEXT = (
    SITE.replace('pump = "pump"\n', 'pump = "pump"\nmaster = "master"\n') + MASTER + BAND.format(1) + BAND.format(2)
)
CAPACITY_L_MIN = 100.0
ROOMY_L_MIN = 130.0
PUMP, MASTER_COIL, VALVES = 0, 6, (1, 2)
# A transaction and a cycle; the board is asked once a second.
SLACK_MS = 2_000

zones = st.sampled_from(["zone-1", "zone-2"])
happening = st.one_of(
    st.tuples(st.just("water"), zones, st.integers(1, 1500)),
    st.tuples(st.just("both"), st.integers(1, 600), st.integers(1, 600)),
    st.tuples(st.just("stop"), zones),
    st.tuples(st.just("dry"), st.sampled_from([0, 1]), st.sampled_from([20.0, 25.0, 28.0, 33.0])),
    st.tuples(st.just("level"), st.sampled_from([None, 10.0, 30.0, 150.0])),
    st.tuples(st.just("relay"), st.booleans()),
    st.tuples(st.just("meter"), st.booleans()),
    st.tuples(st.just("flow"), st.sampled_from([0.0, 20.0, 60.0, 120.0])),
    st.tuples(st.just("stuck"), st.sampled_from([0, 1, 2, 6]), st.sampled_from([None, True, False])),
    st.tuples(st.just("power cut at the board")),
    st.tuples(st.just("pressed"), st.sampled_from([0, 1, 2, 6])),
    st.tuples(st.just("clear")),
    st.tuples(st.just("kill"), st.integers(0, 120)),
)
pause = st.sampled_from([1, 2, 5, 15, 70, 300, 1500])
plots = st.lists(st.tuples(happening, pause), max_size=12)


class Yard(Field):
    """The field, with a master valve before its zones."""

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        shut = not self.coil(MASTER_COIL)
        litres = self.litres
        super().pass_time(from_ms, to_ms)
        if shut:
            self.litres = litres


class Watcher:
    """Knows what was said on the wire, and looks at the coils and timers of the board."""

    def __init__(self, site: Site, capacity_l_min: float) -> None:
        self.site, self.capacity_l_min = site, capacity_l_min
        self.open_until: dict[str, int] = {}

    def begin_anew(self) -> None:
        self.open_until = {}

    def look(self, play: Play, step: Step) -> None:
        for action in step.actions:
            self.open_until.pop(action.actuator, None)
            if action.open:
                assert action.hold_s is not None
                self.open_until[action.actuator] = play.now_ms + round(action.hold_s * 1000)
        for name, until in self.open_until.items():
            assert play.now_ms <= until + SLACK_MS, f"{name} is said to be open past its deadline"
        said = set(self.open_until)
        if "pump" in said:
            assert said & {"valve-1", "valve-2"}, "the pump runs without an open path"
            assert "master" in said
        flow = sum(zone.part.flow_l_min for zone in self.site.zones.values() if zone.part.valve in said)
        assert "pump" not in said or flow <= self.capacity_l_min
        self._look_at_expiry(play)

    def _look_at_expiry(self, play: Play) -> None:
        """Were this machine to die now, the pump would end before the last way out, by the board's own timers. What
        somebody has switched on at the board has none, and stays open."""
        until, field = play.field.until, play.field
        if PUMP in until and not any(coil in field.welded for coil in (PUMP, MASTER_COIL, *VALVES)):
            ends = {coil: until.get(coil, math.inf if field.coils[coil] else 0) for coil in (MASTER_COIL, *VALVES)}
            assert until[PUMP] < max(ends[coil] for coil in VALVES)
            assert until[PUMP] < ends[MASTER_COIL]


def happen(play: Play, what: tuple[object, ...], number: int) -> None:
    kind, field = what[0], play.field
    if kind == "water":
        play.water(str(what[1]), int(str(what[2])), command_id=f"c{number}")
    elif kind == "both":
        play.water("zone-1", int(str(what[1])), command_id=f"c{number}a")
        play.water("zone-2", int(str(what[2])), command_id=f"c{number}b")
    elif kind == "stop":
        play.stop(str(what[1]), command_id=f"s{number}")
    elif kind == "dry":
        field.moisture[int(str(what[1]))] = float(str(what[2]))
    elif kind == "level":
        field.level_cm = None if what[1] is None else float(str(what[1]))
    elif kind == "relay":
        field.relay_answers = bool(what[1])
    elif kind == "meter":
        field.meter_answers = bool(what[1])
    elif kind == "flow":
        field.flow_l_min = float(str(what[1]))
    elif kind == "stuck":
        coil = int(str(what[1]))
        field.welded.pop(coil, None) if what[2] is None else field.welded.update({coil: bool(what[2])})
    elif kind == "power cut at the board":
        field.coils, field.until = [False] * 8, {}
    elif kind == "pressed":
        field.coils[int(str(what[1]))] = True
    elif kind == "clear":
        clear_all(play)


def clear_all(play: Play) -> None:
    for latch in play.core.latches.standing():
        assert play.core.latches.clear(latch.id, "somchai", Now(play.now_ms, play.now_ms))


def killed(play: Play, seconds: int) -> Play:
    play.pass_time(seconds)
    later = Play(play.site, start_ms=play.now_ms, memory=play.memory)
    later.field, later.watch, later.events, later.outcomes = play.field, play.watch, play.events, play.outcomes
    return later


def mended(play: Play) -> None:
    """A person puts everything right and clears what is latched."""
    field = play.field
    field.relay_answers = field.meter_answers = True
    field.welded, field.flow_l_min, field.level_cm, field.moisture = {}, 60.0, 150.0, [33.0, 33.0]
    play.leap(1500, at_most_s=60)
    clear_all(play)
    play.leap(100, at_most_s=5)


@pytest.fixture(scope="module", params=[CAPACITY_L_MIN, ROOMY_L_MIN], ids=["one zone", "both zones"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    text = pump_with(TEXT, f"capacity_l_min = {request.param}\n")
    return site_of(tmp_path_factory.mktemp("yard"), text.replace("max_day_min = 60", "max_day_min = 1000"))


@settings(max_examples=20, deadline=None)
@given(plots)
def test_deadlines_paths_and_capacity_are_kept_and_every_run_ends_and_every_latch_is_clearable(
    site: Site, plot: list[tuple[tuple[object, ...], int]]
) -> None:
    pump = site.actuators["pump"].part.capacity_l_min
    assert pump is not None
    witness, play = Watcher(site, pump), Play(site)
    play.field, play.watch = Yard(), witness.look
    play.leap(5, at_most_s=1)
    for number, (what, seconds) in enumerate(plot):
        if what[0] == "kill":
            witness.begin_anew()
            play = killed(play, int(str(what[1])))
        happen(play, what, number)
        play.leap(seconds, at_most_s=60)
    mended(play)
    assert play.core.safe
    assert play.core.latches.standing() == ()
    play.water("zone-1", 60, command_id="last")
    play.leap(120, at_most_s=1)
    assert play.states("last")[-1] == "done", play.outcomes[-1]
    started = [event.body["run_id"] for event in play.events if event.kind == "run.started"]
    assert sorted(started) == sorted(event.body["run_id"] for event in play.ended())
    assert play.memory is not None
    assert Memory.decode(play.memory).runs == {}
    assert all(heard.outcome.state.final for heard in Memory.decode(play.memory).heard.values())


def test_the_watcher_sees_a_pump_without_a_path(site: Site) -> None:
    play = Play(site)
    play.field = Yard()
    play.leap(5, at_most_s=1)
    play.water("zone-1", 60)
    play.leap(20, at_most_s=1)
    witness = Watcher(site, ROOMY_L_MIN)
    witness.open_until = {"pump": play.now_ms + 1000, "master": play.now_ms + 1000}
    with pytest.raises(AssertionError, match="without an open path"):
        witness.look(play, replace(play.steps[-1], actions=()))


def test_the_board_alone_ends_the_water_when_the_edge_dies_at_any_second(tmp_path: Path) -> None:
    site = site_of(tmp_path, pump_with(TEXT, f"capacity_l_min = {ROOMY_L_MIN}\n"))
    for dies_after_s in range(0, 75, 2):
        play = Play(site)
        play.field = Yard()
        play.leap(5, at_most_s=1)
        play.water("zone-1", 40, "c1")
        play.water("zone-2", 20, "c2")
        play.run(dies_after_s)
        for _ in range(120):
            play.pass_time(1)
            assert not play.field.coil(PUMP) or any(play.field.coil(valve) for valve in VALVES)
        assert not any(play.field.coil(coil) for coil in (PUMP, MASTER_COIL, *VALVES))
