"""Whatever is drawn, the world keeps its books, does not care how time is cut, and can be lived again."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.sim.world.drawn import FAULTS, Write, dosing_config, faults, pass_time, rich_config, stories, tell, write
from tonnam_sim.world import World, WorldConfig, parse_fault
from tonnam_sim.world.config import BoardConfig, Coil, PumpConfig, ValveConfig, WeatherConfig, ZoneConfig
from tonnam_sim.world.faults import DeadUnit, LineBurst, PumpDead, StuckCoil, WeldedContact

RICH, PLAIN = rich_config(), WorldConfig(start_hour=8.0)
START_S = 10 * 3600.0
lists = st.lists(faults(RICH, START_S, START_S + 6 * 3600.0), max_size=20)


def balanced(world: World) -> bool:
    books = world.ledger()
    return abs(books["water"]) < 1e-3 and abs(books["salt"]) < 1e-2


def figures(world: World) -> list[float]:
    zones = world.truth.zones.values()
    litres = [figure for zone in zones for figure in (zone.dripped_l, zone.transpired_l, zone.drained_l, zone.lost_l)]
    return [*litres, world.truth.pumped_l, world.truth.siphoned_l, world.truth.tank_l, world.truth.backflow_l]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    story=stories(RICH),
    wrong=lists,
    steps=st.lists(st.floats(0.01, 20_000.0), min_size=1, max_size=6),
)
def test_water_and_salt_are_conserved_whatever_goes_wrong(
    seed: int, story: list[Write], wrong: list[object], steps: list[float]
) -> None:
    world = World(RICH, seed, wrong)  # type: ignore[arg-type]
    tell(world, story)
    for step_s in steps:
        world.step(step_s)
    assert balanced(world), world.ledger()
    assert -1e-6 <= world.truth.tank_l <= world.config.tank.full_l + 50
    for ground in world.grounds:
        soil = ground.retention
        for plot in ground.subplots:
            assert all(0 < held <= full + 1e-6 for held, full in zip(plot.water, soil.full, strict=True))
            assert all(salt >= -1e-9 for salt in plot.salt)
            assert 0.0 <= plot.ks <= 1.0
    json.dumps(world.truth.snapshot())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), story=stories(RICH, 600.0), wrong=lists, step_s=st.sampled_from([0.0, 1.0, 7.3]))
def test_small_steps_and_one_big_step_see_the_same(
    seed: int, story: list[Write], wrong: list[object], step_s: float
) -> None:
    by_events, by_steps = World(RICH, seed, wrong), World(RICH, seed, wrong)  # type: ignore[arg-type]
    for world, longest_s in ((by_events, 1e9), (by_steps, step_s)):
        tell(world, story, longest_s)
        pass_time(world, 3600.0, longest_s)
    same = [(event.subject, event.state) for event in by_events.events]
    assert same == [(event.subject, event.state) for event in by_steps.events]
    for ours, theirs in zip(by_events.events, by_steps.events, strict=True):
        assert ours.at_s == pytest.approx(theirs.at_s, abs=0.01)
    assert figures(by_steps) == pytest.approx(figures(by_events), rel=0.001, abs=0.01)
    assert abs(by_steps.meter_count - by_events.meter_count) <= 1


def a_day(world: World, step_s: float) -> None:
    for zone, hour in (("zone-1", 9.0), ("zone-2", 10.5), ("zone-1", 15.0)):
        pass_time(world, hour * 3600.0 - world.now_s, step_s)
        write(world, zone, 2400.0)
        pass_time(world, 5.0, step_s)
        write(world, "pump", 2380.0)
    pass_time(world, 86_400.0 - world.now_s, step_s)


def test_a_day_at_one_second_steps_is_the_day_by_events() -> None:
    by_events, by_seconds = World(PLAIN, 5), World(PLAIN, 5)
    a_day(by_events, 1e9)
    a_day(by_seconds, 1.0)
    assert [event[1:] for event in by_events.events] == [event[1:] for event in by_seconds.events]
    assert figures(by_seconds) == pytest.approx(figures(by_events), rel=0.001, abs=0.01)
    assert figures(by_events)[0] > 4000.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), story=stories(RICH), wrong=lists)
def test_the_same_seed_lives_the_same_life(seed: int, story: list[Write], wrong: list[object]) -> None:
    lives = [World(RICH, seed, wrong) for _ in range(2)]  # type: ignore[arg-type]
    for world in lives:
        tell(world, story)
        world.step(7200.0)
    assert lives[0].events == lives[1].events
    assert lives[0].truth.snapshot() == lives[1].truth.snapshot()
    probes = [[world.senses.say(name) for name in world.probes] for world in lives]
    assert probes[0] == probes[1]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), story=stories(RICH))
def test_the_three_hundredth_day_is_as_good_as_the_first(seed: int, story: list[Write]) -> None:
    days_s = 300 * 86_400.0
    late = World(rich_config(start_hour=10.0 + days_s / 3600.0), seed)
    tell(late, story)
    late.step(7200.0)
    assert late.now_s - days_s == pytest.approx(START_S + sum(each.wait_s for each in story) + 7200.0, abs=1e-3)
    assert balanced(late)


def test_other_seeds_are_other_farms() -> None:
    one, two = World(PLAIN, 1), World(PLAIN, 2)
    assert one.grounds[0].retention != two.grounds[0].retention
    one.step(86_400.0)
    two.step(86_400.0)
    assert one.truth.snapshot() != two.truth.snapshot()


@settings(max_examples=30, deadline=None)
@given(fault=faults(RICH, START_S, START_S + 3600.0) | faults(dosing_config(in_tank=True), START_S, START_S + 1.0))
def test_every_fault_survives_json(fault: object) -> None:
    plain = json.loads(json.dumps(fault.model_dump()))  # type: ignore[attr-defined]
    assert parse_fault(plain) == fault


def test_faults_have_names_of_their_own() -> None:
    names = [kind.model_fields["fault"].default for kind in FAULTS]
    assert len(set(names)) == len(names) == 52


@pytest.mark.parametrize(
    "wrong",
    [
        WeldedContact(at_s=30_000, actuator="zone-9"),
        LineBurst(at_s=30_000, zone="field", size=1.0),
        PumpDead(at_s=100.0),
    ],
)
def test_a_fault_of_what_is_not_there_or_is_past_is_refused(wrong: StuckCoil) -> None:
    with pytest.raises(ValueError, match=r"there is no|would begin"):
        World(PLAIN, 1, [wrong])


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValidationError):
        parse_fault({"fault": "gremlins", "at_s": 0})


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_time_goes_forward(seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        World(PLAIN, 1).step(seconds)


def test_the_next_event_is_what_comes_next() -> None:
    world = World(PLAIN, 1)
    assert world.next_event_s() > world.now_s + 1000.0
    write(world, "zone-1", 60.0)
    assert world.next_event_s() == pytest.approx(world.now_s + 0.5)
    world.step(10.0)
    assert world.next_event_s() == pytest.approx(PLAIN.start_hour * 3600 + 60.0)


def test_a_bus_knows_how_long_it_was_held() -> None:
    world = World(PLAIN, 1, [DeadUnit(at_s=8 * 3600.0, bus="soil", unit=2)])
    soil = world.buses["soil"]
    assert soil.execute(1, bytes.fromhex("0300000007")) is not None
    # 8 bytes asked and 19 answered, each with 3.5 characters of silence, at 4800 baud, and 10 ms to turn round
    assert soil.take_spent_s() == pytest.approx((8 + 19 + 7) * 10 / 4800 + 0.01)
    assert soil.execute(2, bytes.fromhex("0300000007")) is None
    assert soil.last_s == pytest.approx((8 + 3.5) * 10 / 4800 + 0.6)
    assert soil.take_spent_s() == soil.last_s
    assert soil.take_spent_s() == 0.0


def test_a_plan_that_cannot_be_wired_is_refused() -> None:
    twice = ZoneConfig("zone-1", ValveConfig(Coil(0, 0)))
    with pytest.raises(ValueError, match="same coil"):
        World(WorldConfig(zones=(twice,)), 1)
    with pytest.raises(ValueError, match="board"):
        World(WorldConfig(pump=PumpConfig(coil=Coil(1, 0))), 1)
    with pytest.raises(ValueError, match="same unit"):
        World(WorldConfig(boards=(BoardConfig(2),)), 1)
    with pytest.raises(ValueError, match="cannot bring"):
        World(WorldConfig(zones=(ZoneConfig("zone-1", ValveConfig(Coil(0, 1)), flow_l_min=400.0),)), 1)


def test_it_rains_outside_and_on_the_gauge_but_not_under_cover() -> None:
    wet = WeatherConfig(cover=False, wet_days=1.0)
    outside = World(WorldConfig(weather=wet), 3)
    inside = World(WorldConfig(weather=WeatherConfig(cover=True, wet_days=1.0)), 3)
    for world in (outside, inside):
        world.step(3 * 86_400.0)
    assert outside.truth.rain_mm == pytest.approx(inside.truth.rain_mm)
    assert outside.truth.rain_mm > 3.0
    bed_m2 = outside.config.zones[0].bed_m2
    assert outside.grounds[0].sums.rain_l == pytest.approx(outside.truth.rain_mm * bed_m2)
    assert inside.grounds[0].sums.rain_l == 0.0
    begins = [event.at_s for event in outside.events if event.subject == "rain" and event.state == "rain"]
    assert begins
    assert all(at_s == round(at_s) for at_s in begins)
