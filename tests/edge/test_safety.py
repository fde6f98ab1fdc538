"""Whatever is commanded, read or broken, in any order: what never happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.edge.farms import BAND, SITE, TIMER, Play, site_of
from tonnam_edge.core import Action, Step
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Event

VALVES = {1: "zone-1", 2: "zone-2"}
LONGEST_S = 20 * 60
MARGIN_S = 30.0

happening = st.one_of(
    st.tuples(st.just("water"), st.sampled_from(["zone-1", "zone-2"]), st.integers(1, 5000)),
    st.tuples(st.just("repeat"), st.integers(0, 9)),
    st.tuples(st.just("stop"), st.sampled_from(["zone-1", "zone-2"])),
    st.tuples(st.just("moisture"), st.sampled_from([None, 0.0, 20.0, 28.0, 35.0, 6553.5])),
    st.tuples(st.just("level"), st.sampled_from([None, -5.0, 10.0, 150.0])),
    st.tuples(st.just("relay"), st.booleans()),
    st.tuples(st.just("meter"), st.booleans()),
    st.tuples(st.just("flow"), st.sampled_from([0.0, 5.0, 60.0])),
    st.tuples(st.just("power cut at the board")),
    st.tuples(st.just("pressed"), st.integers(0, 2)),
    st.tuples(st.just("kill"), st.integers(0, 120)),
)
clock_change = st.tuples(st.just("clock"), st.integers(-7200, 7200))
pause = st.sampled_from([1, 3, 15, 70, 700, 2500])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("safety"), SITE + TIMER + BAND)


@pytest.fixture(scope="module")
def plain_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The same farm on a board without timers: the edge itself ends the water, before a cut-off far behind."""
    text = (SITE + TIMER + BAND).replace("waveshare-relay-8ch", "relay-8ch")
    for role in ("pump", "valve"):
        text = text.replace(f'role = "{role}"\n', f'role = "{role}"\ncut_off_min = 25\n')
    return site_of(tmp_path_factory.mktemp("plain"), text)


class Witness:
    """Looks at coils only, as a person beside the cabinet would, and at what the agent says on the wire.

    Without `board_holds` there is no timer behind the coil: then what the agent says is all that ends the water.
    """

    def __init__(self, *, board_holds: bool = True) -> None:
        self.board_holds = board_holds
        self.open_since: dict[int, int] = {}
        self.said_on: dict[str, bool] = {}
        self.on_since: dict[str, int] = {}
        self.planned_s = 0.0

    def begin_anew(self) -> None:
        """Another process speaks now; it begins by saying that everything is off."""
        self.said_on, self.on_since = {}, {}

    def look(self, play: Play, step: Step) -> None:
        for event in step.events:
            if event.kind == "run.started":
                self.planned_s = event.body["planned_s"]
        for action in step.actions:
            self._hear(action, play.now_ms)
        for name, since in self.on_since.items():
            assert play.now_ms - since <= (self.planned_s + MARGIN_S) * 1000, name
        if self.board_holds:
            self._look_at_coils(play)

    def _hear(self, action: Action, now_ms: int) -> None:
        self.said_on[action.actuator] = action.open
        if not action.open:
            self.on_since.pop(action.actuator, None)
            return
        self.on_since.setdefault(action.actuator, now_ms)
        assert (action.hold_s is not None) == self.board_holds
        assert action.hold_s is None or action.hold_s <= LONGEST_S + MARGIN_S
        if action.actuator == "pump":
            assert self.said_on.get("valve-1") or self.said_on.get("valve-2")

    def _look_at_coils(self, play: Play) -> None:
        for coil in (0, 1, 2):
            if not play.field.coil(coil) or coil not in play.field.until:
                # off, or pressed by hand, where no deadline of ours is
                self.open_since.pop(coil, None)
            else:
                since = self.open_since.setdefault(coil, play.now_ms)
                assert play.now_ms - since <= (LONGEST_S + MARGIN_S + 1) * 1000


def happen(play: Play, what: tuple[object, ...], number: int) -> Play:
    kind = what[0]
    field = play.field
    if kind == "water":
        play.water(str(what[1]), int(str(what[2])), command_id=f"c{number}")
    elif kind == "repeat":
        play.water("zone-1", 300, command_id=f"c{what[1]}")
    elif kind == "stop":
        play.stop(str(what[1]), command_id=f"s{number}")
    elif kind == "moisture":
        field.moisture[0] = None if what[1] is None else float(str(what[1]))
    elif kind == "level":
        field.level_cm = None if what[1] is None else float(str(what[1]))
    elif kind == "relay":
        field.relay_answers = bool(what[1])
    elif kind == "meter":
        field.meter_answers = bool(what[1])
    elif kind == "flow":
        field.flow_l_min = float(str(what[1]))
    elif kind == "power cut at the board":
        field.coils, field.until = [False] * 8, {}
    elif kind == "pressed":
        field.coils[int(str(what[1]))] = True
    elif kind == "clock":
        play.skew_ms = int(str(what[1])) * 1000
    return play


def killed(site: Site, play: Play, seconds: int) -> Play:
    """The agent dies; board and water go on; a new one starts on the same memory."""
    play.pass_time(seconds)
    later = Play(site, start_ms=play.now_ms, memory=play.memory)
    later.field, later.watch, later.skew_ms = play.field, play.watch, play.skew_ms
    later.outcomes, later.events = play.outcomes, play.events
    return later


Plot = list[tuple[tuple[object, ...], int]]
plots = st.lists(st.tuples(happening | clock_change, pause), max_size=14)


def watched(site: Site, plot: Plot, witness: Witness) -> None:
    """Play a plot under the eyes of a witness, then end: everything must be off."""
    play = Play(site)
    play.watch = witness.look
    play.leap(5, at_most_s=1)
    for number, (what, seconds) in enumerate(plot):
        if what[0] == "kill":
            witness.begin_anew()
            play = killed(site, play, int(str(what[1])))
        play = happen(play, what, number)
        play.leap(seconds, at_most_s=120)
    play.field.relay_answers = True
    play.core.shut_down()
    play.leap(40, at_most_s=1)
    assert play.core.safe
    assert play.field.coils[:3] == [False] * 3


@settings(max_examples=15, deadline=None)
@given(plots)
def test_water_never_runs_past_its_deadline_nor_the_pump_against_closed_valves(site: Site, plot: Plot) -> None:
    watched(site, plot, Witness())


@settings(max_examples=15, deadline=None)
@given(plots)
@example([(("water", "zone-1", 1200), 700), (("relay", True), 700)])
@example([(("flow", 0.0), 1), (("meter", False), 15), (("water", "zone-2", 60), 700)])
@example([(("water", "zone-1", 300), 70), (("clock", -7200), 700)])
def test_on_a_board_without_a_timer_the_edge_itself_says_off_in_time(plain_site: Site, plot: Plot) -> None:
    watched(plain_site, plot, Witness(board_holds=False))


def test_the_witness_of_a_board_without_a_timer_sees_water_that_nobody_ends(plain_site: Site) -> None:
    witness, play = Witness(board_holds=False), Play(plain_site)
    step = play.step()
    on = [Action("valve-1", "relay", 1, True, None, play.now_ms), Action("pump", "relay", 0, True, None, play.now_ms)]
    started = Event("e", "run.started", play.now_ms, {"planned_s": 60})
    witness.look(play, replace(step, actions=tuple(on), events=(started,)))
    play.pass_time(60)
    witness.look(play, replace(step, actions=(), events=()))
    play.pass_time(31)
    with pytest.raises(AssertionError, match="valve-1"):
        witness.look(play, replace(step, actions=(), events=()))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(happening, pause), max_size=14))
def test_the_days_limit_is_kept_and_every_run_and_command_comes_to_an_end(
    site: Site, plot: list[tuple[tuple[object, ...], int]]
) -> None:
    play = Play(site)
    play.leap(5, at_most_s=1)
    for number, (what, seconds) in enumerate(plot):
        if what[0] == "kill":
            play = killed(site, play, int(str(what[1])))
        play = happen(play, what, number)
        play.leap(seconds, at_most_s=300)
    play.core.shut_down()
    play.field.relay_answers = True
    play.leap(60, at_most_s=1)
    assert play.memory is not None
    days: dict[tuple[str, int], float] = {}
    for ended in play.ended():
        key = (ended.body["zone"], (ended.at_ms + 7 * 3_600_000) // 86_400_000)
        days[key] = days.get(key, 0) + ended.body["duration_s"]
    assert all(seconds <= 3600 + 25 for seconds in days.values()), days
    started = [e.body["run_id"] for e in play.events if e.kind == "run.started"]
    assert sorted(started) == sorted(e.body["run_id"] for e in play.ended())
    memory = Memory.decode(play.memory)
    assert memory.runs == {}
    assert all(heard.outcome.state.final for heard in memory.heard.values())
    commands = [e.body["command_id"] for e in play.events if e.kind == "run.started" and e.body["command_id"]]
    assert len(set(commands)) == len(commands)
