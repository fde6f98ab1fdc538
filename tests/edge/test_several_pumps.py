"""Several pumps at a time: what each proves, what a group allows, whose turn it is, and what never happens."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.edge.farms import Play, site_of
from tests.edge.stands import COMMON, PUMPS, ZONES, Pump, Stand, Zone, farm_text
from tests.edge.test_plant_safety import clear_all
from tonnam_edge.core import Step
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.plant_texts import waters_alone
from tonnam_edge.core.wishes import Wish
from tonnam_edge.site.site import Site

OWN = """
[[meter]]
id = "meter-{0}"
rate = "{1}/rate"
total = "{1}/total"
supplies = ["{2}"]
"""
OWN_METERS = {"pump-1": "first", "pump-2": "second", "pump-3": "third"}
OWN_TEXT = "".join(OWN.format(n, meter, pump) for n, (pump, meter) in enumerate(OWN_METERS.items(), start=1))
GROUP = """
[[group]]
id = "main"
pumps = ["pump-1", "pump-2", "pump-3"]
capacity_l_min = 130
most_pumps = 2
least_s = 25
"""
BAND = """
[[program]]
id = "band-{0}"
kind = "timer"
zone = "{0}"
at = "10:01"
run_min = {1}
late_min = 120
"""
ROOMY = tuple(Pump(pump.name, pump.coil, "capacity_l_min = 130") for pump in PUMPS)


def play_of(folder: Path, text: str, stand: Stand | None = None) -> Play:
    play = Play(site_of(folder, text))
    play.field = stand or Stand()
    play.run(4)
    return play


def latches(play: Play) -> list[tuple[str, str]]:
    assert play.memory is not None
    return [(latch.kind, latch.subject) for latch in Memory.decode(play.memory).latches.values()]


def told(play: Play, command_id: str) -> str:
    return next(each.reason["en"] for each in reversed(play.outcomes) if each.command_id == command_id)


def test_two_pumps_on_one_meter_water_at_once_and_the_sum_is_expected(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text())
    play.water("zone-1", 120, "c1")
    play.water("zone-3", 120, "c2")
    play.run(30)
    assert [play.field.coil(pump) for pump in (0, 1, 2)] == [True, True, False]
    play.run(120)
    assert (play.states("c1")[-1], play.states("c2")[-1]) == ("done", "done")
    assert {event.body["litres"] for event in play.ended()} <= {float(n) for n in range(112, 125)} | {120.5, 121.5}
    assert play.memory is not None
    assert Memory.decode(play.memory).flows_l_min == {}  # neither was alone
    assert latches(play) == []


def test_a_pump_that_gives_nothing_beside_one_that_does_is_found_by_trying_each_alone(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text())
    assert isinstance(play.field, Stand)
    play.field.flow_pct["pump-2"] = 0.0
    play.water("zone-1", 600, "c1")
    play.water("zone-3", 600, "c2")
    play.run(120)
    assert (play.states("c1")[-1], play.states("c2")[-1]) == ("failed", "failed")
    assert latches(play) == []
    play.run(70)
    play.water("zone-3", 300, "c3")
    play.water("zone-1", 300, "c4")
    play.run(5)
    assert told(play, "c4").startswith("This zone waters alone")
    play.run(80)
    assert latches(play) == [("no_flow", "zone-3")]


def test_with_meters_of_their_own_each_pump_is_judged_and_learned_by_its_own(tmp_path: Path) -> None:
    stand = Stand(meter_of=OWN_METERS)
    play = play_of(tmp_path, farm_text(meters=OWN_METERS.values(), more=OWN_TEXT), stand)
    stand.flow_pct["pump-1"], stand.flow_pct["pump-2"] = 80.0, 0.0
    play.water("zone-1", 300, "c1")
    play.water("zone-3", 300, "c2")
    play.run(360)
    assert (play.states("c1")[-1], play.states("c2")[-1]) == ("done", "failed")
    assert latches(play) == [("no_flow", "zone-3")]
    assert play.memory is not None
    assert list(Memory.decode(play.memory).flows_l_min) == ["zone-1"]
    play.water("zone-4", 60, "c3")
    play.run(100)
    assert play.states("c3")[-1] == "done"


def test_a_leak_behind_one_meter_stops_its_group_and_leaves_other_pumps(tmp_path: Path) -> None:
    group = '\n[[group]]\nid = "well"\npumps = ["pump-1", "pump-2"]\n'
    stand = Stand(meter_of=OWN_METERS)
    play = play_of(tmp_path, farm_text(meters=OWN_METERS.values(), more=OWN_TEXT + group), stand)
    play.run(70)
    for _ in range(3):
        stand.totals_l["first"] += 1
        play.run(5)
    assert latches(play) == [("leak", "meter-1")]
    for number, zone in enumerate(("zone-1", "zone-3", "zone-4")):
        play.water(zone, 60, f"c{number}")
    play.run(2)
    assert [play.states(f"c{n}")[-1] for n in range(3)] == ["refused", "refused", "accepted"]


def test_one_coil_that_moves_by_itself_stops_only_its_own_pump_once_it_is_latched(tmp_path: Path) -> None:
    stand = Stand(meter_of=OWN_METERS)
    play = play_of(tmp_path, farm_text(meters=OWN_METERS.values(), more=OWN_TEXT), stand)
    for _ in range(3):
        play.water("zone-1", 300, f"c{play.now_ms}")
        play.run(20)
        stand.coils[6] = True
        play.run(65)
    assert [event.body["outcome"] for event in play.ended()] == ["failed"] * 3
    assert latches(play) == [("unexpected", "valve-zone-4")]
    play.water("zone-1", 300, "mine")
    play.water("zone-3", 300, "other")
    for _ in range(3):
        play.run(70)
        stand.coils[6] = True
    play.run(150)
    assert stand.coils[6] is False
    assert [play.states(name)[-1] for name in ("mine", "other")] == ["done", "done"]
    play.water("zone-1", 300, "last")
    play.run(20)
    stand.coils[5] = stand.coils[6] = True  # another coil too: not the coil, but somebody
    play.run(20)
    assert play.states("last")[-1] == "failed"
    assert not any(stand.coils)


def test_the_starts_of_a_groups_pumps_lie_apart_and_no_more_run_than_it_can_feed(tmp_path: Path) -> None:
    timers = "".join(BAND.format(zone.name, 4) for zone in ZONES)
    play = play_of(tmp_path, farm_text(more=COMMON + GROUP + timers))
    play.run(1600)
    starts = [event.body["zone"] for event in play.events if event.kind == "run.started"]
    assert sorted(starts) == sorted(zone.name for zone in ZONES)
    on = [n for n, step in enumerate(play.steps) for a in step.actions if a.open and a.actuator.startswith("pump")]
    assert len(on) == 4
    assert min(later - before for before, later in itertools.pairwise(on)) >= 25
    assert all(event.body["outcome"] == "done" for event in play.ended())


def test_the_emergency_and_an_empty_tank_stop_every_pump_before_any_valve(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text())
    for number, zone in enumerate(("zone-1", "zone-3", "zone-4")):
        play.water(zone, 600, f"c{number}")
    play.run(60)
    assert [play.field.coil(n) for n in range(3)] == [True] * 3
    play.field.level_cm = 10.0
    play.run(30)
    offs = [a.actuator for step in play.steps[60:] for a in step.actions if not a.open]
    assert {name.split("-")[0] for name in offs[:3]} == {"pump"}
    assert sorted(offs[3:]) == ["valve-zone-1", "valve-zone-3", "valve-zone-4"]
    assert play.core.safe


def test_supplies_without_a_meter_still_water_one_after_the_other(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text(more=""))
    play.water("zone-1", 60, "c1")
    play.run(2)
    play.water("zone-3", 60, "c2")
    play.run(2)
    assert play.states("c2") == ["refused"]


def test_while_a_new_site_file_waits_programs_start_nothing_beside_what_runs_and_people_do(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text(more=COMMON + BAND.format("zone-3", 4)))
    play.water("zone-1", 120, "c1")
    play.run(30)
    play.core.makes_way = True
    play.run(60)
    assert not play.field.coil(1)
    play.water("zone-4", 30, "c2")
    play.run(20)
    assert play.field.coil(2)
    play.run(80)
    starts = [event.body["zone"] for event in play.events if event.kind == "run.started"]
    assert starts == ["zone-1", "zone-4", "zone-3"]  # nothing ran any more, and the file was not taken


NARROW = '\n[[group]]\nid = "main"\npumps = ["pump-1", "pump-2"]\ncapacity_l_min = 65\n'


def test_a_zone_that_takes_more_than_its_group_can_give_waters_alone_and_holds_nobody_back(tmp_path: Path) -> None:
    stand = Stand(meter_of=OWN_METERS)
    timers = BAND.format("zone-1", 3) + BAND.format("zone-3", 3).replace("10:01", "10:20")
    play = play_of(tmp_path, farm_text(meters=OWN_METERS.values(), more=OWN_TEXT + NARROW + timers), stand)
    memory = Memory.decode(play.core.document)
    memory.flows_l_min["zone-1"] = 70.0
    play.core = type(play.core)(play.site, memory.encode(), now_ms=play.now_ms)
    stand.flow_pct["pump-1"] = 117.0
    play.leap(3600, at_most_s=10)
    assert [event.body["zone"] for event in play.ended()] == ["zone-1", "zone-3"]
    assert {event.body["outcome"] for event in play.ended()} == {"done"}
    play.water("zone-1", 300, "c1")
    play.run(30)
    play.water("zone-3", 300, "c2")
    play.run(2)
    assert told(play, "c2").startswith("The main gives 65 L/min")


def test_who_waits_for_what_never_comes_is_told_once_and_holds_back_nobody_after_a_day(tmp_path: Path) -> None:
    play = play_of(tmp_path, farm_text())
    stuck, other = (Wish(zone, "timer", 300.0, {}) for zone in ("zone-1", "zone-2"))
    queue, after = play.core._queue, []
    for hours in range(0, 30, 2):
        now = Now(0, hours * 3_600_000 + 1)
        image = play.core._observed.freeze(now)
        queue.order([stuck, other], image)
        queue.refused(stuck, now, waits=True, shared=True)
        after += [(hours, zone) for zone, _ in queue.overlong({"zone-1": waters_alone()}, now)]
        assert (queue.behind(other, now) is None) is (hours == 0 or hours > 24)
        queue.refused(other, now, waits=False)
    assert after == [(26, "zone-1")]


class Watcher:
    """Looks at every step of a group: what is open, what runs, and when pumps were started."""

    def __init__(self, site: Site) -> None:
        self.site, self.group = site, site.file.group[0]
        self.started_ms: int | None = None

    def look(self, play: Play, step: Step) -> None:
        group = self.group
        for action in step.actions:
            if action.open and action.actuator in group.pumps:
                least_ms = group.least_s * 1000
                assert self.started_ms is None or play.now_ms - self.started_ms >= least_ms, "started too soon"
                self.started_ms = play.now_ms
        on = [pump for pump in group.pumps if play.core._actuators.said_open(pump)]
        assert len(on) <= (group.most_pumps or 99)
        flow = 0.0
        for zone in self.site.zones.values():
            if play.core._actuators.said_open(zone.part.valve) and zone.part.pump in on:
                flow += zone.part.flow_l_min
        assert flow <= (group.capacity_l_min or 1e9)
        for pump in on:
            valves = [zone.part.valve for zone in self.site.zones.values() if zone.part.pump == pump]
            assert any(play.core._actuators.said_open(valve) for valve in valves), "no open path"
        self._look_at_expiry(play)

    def _look_at_expiry(self, play: Play) -> None:
        """Were this machine to die now, each pump would end before the last way out, by the board's own timers."""
        until, coils = play.field.until, {name: a.part.coil for name, a in self.site.actuators.items()}
        for pump in self.group.pumps:
            if coils[pump] in until and coils[pump] not in play.field.welded:
                ways = [coils[zone.part.valve] for zone in self.site.zones.values() if zone.part.pump == pump]
                assert until[coils[pump]] < max(until.get(coil, 0) for coil in ways)


zones = st.sampled_from([zone.name for zone in ZONES])
happening = st.one_of(
    st.tuples(st.just("water"), zones, st.integers(1, 900)),
    st.tuples(st.just("all"), st.integers(20, 600)),
    st.tuples(st.just("stop"), zones),
    st.tuples(st.just("flow"), st.sampled_from([pump.name for pump in PUMPS]), st.sampled_from([0.0, 50.0, 100.0])),
    st.tuples(st.just("relay"), st.booleans()),
    st.tuples(st.just("meter"), st.booleans()),
    st.tuples(st.just("level"), st.sampled_from([None, 10.0, 150.0])),
    st.tuples(st.just("pressed"), st.integers(0, 6)),
)
plots = st.lists(st.tuples(happening, st.sampled_from([1, 3, 20, 90, 400])), max_size=10)


def happen(play: Play, what: tuple[object, ...], number: int) -> None:
    kind, field = what[0], play.field
    assert isinstance(field, Stand)
    if kind == "water":
        play.water(str(what[1]), int(str(what[2])), command_id=f"c{number}")
    elif kind == "all":
        for zone in ZONES:
            play.water(zone.name, int(str(what[1])), command_id=f"c{number}-{zone.name}")
    elif kind == "stop":
        play.stop(str(what[1]), command_id=f"s{number}")
    elif kind == "flow":
        field.flow_pct[str(what[1])] = float(str(what[2]))
    elif kind == "relay":
        field.relay_answers = bool(what[1])
    elif kind == "meter":
        field.meter_answers = bool(what[1])
    elif kind == "level":
        field.level_cm = None if what[1] is None else float(str(what[1]))
    elif kind == "pressed":
        field.coils[int(str(what[1]))] = True


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("group"), farm_text(pumps=ROOMY, more=COMMON + GROUP))


@settings(max_examples=15, deadline=None)
@given(plots)
@example([(("all", 20), 1), (("stop", "zone-1"), 1), (("relay", False), 20)])  # a valve was closed before its pump
def test_a_group_keeps_its_limits_its_deadlines_and_its_paths_whatever_happens(
    grouped: Site, plot: list[tuple[tuple[object, ...], int]]
) -> None:
    witness, play = Watcher(grouped), Play(grouped)
    play.field, play.watch = Stand(pumps=ROOMY), witness.look
    play.leap(5, at_most_s=1)
    for number, (what, seconds) in enumerate(plot):
        happen(play, what, number)
        play.leap(seconds, at_most_s=60)
    stand = play.field
    stand.relay_answers = stand.meter_answers = True
    stand.level_cm, stand.flow_pct = 150.0, dict.fromkeys(stand.flow_pct, 100.0)
    play.leap(1500, at_most_s=60)
    clear_all(play)
    play.leap(100, at_most_s=5)
    assert play.core.safe
    started = [event.body["run_id"] for event in play.events if event.kind == "run.started"]
    assert sorted(started) == sorted(event.body["run_id"] for event in play.ended())
    play.water("zone-3", 60, command_id="last")
    play.leap(120, at_most_s=1)
    assert play.states("last")[-1] == "done"


FLOWS = st.lists(st.sampled_from([20.0, 45.0, 60.0, 90.0, 120.0]), min_size=3, max_size=3)


@settings(max_examples=10, deadline=None)
@given(FLOWS, st.integers(1, 3), st.sampled_from([0, 10, 40]), st.sampled_from([120, 200, 1000]))
def test_everybody_who_waits_gets_water_in_the_end_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, flows: list[float], most: int, least_s: int, capacity: int
) -> None:
    """Zones of three pumps want water again and again: none is passed over for longer than all others once."""
    stands = tuple(Zone(f"zone-{n}", f"pump-{n}", n + 2, flow) for n, flow in enumerate(flows, start=1))
    group = f'\n[[group]]\nid = "main"\npumps = ["pump-1", "pump-2", "pump-3"]\ncapacity_l_min = {capacity}\n'
    group += f"most_pumps = {most}\nleast_s = {least_s}\n"
    bands = "".join(
        f'\n[[program]]\nid = "t{n}-{zone.name}"\nkind = "timer"\nzone = "{zone.name}"\nat = "10:{n * 3 + 1:02}"\n'
        "run_min = 3\nlate_min = 300\n"
        for n in range(3)
        for zone in stands
    )
    text = farm_text(zones=stands, more=COMMON + group + bands)
    play = Play(site_of(tmp_path_factory.mktemp("fair"), text))
    play.field = Stand(zones=stands)
    play.leap(2400, at_most_s=20)
    starts = [event.body["zone"] for event in play.events if event.kind == "run.started"]
    assert len(starts) == 9
    for zone in stands:
        places = [n for n, name in enumerate(starts) if name == zone.name]
        assert len(places) == 3
        assert all(later - before <= 5 for before, later in itertools.pairwise(places)), starts
