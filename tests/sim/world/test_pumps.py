"""Several pumps, several mains, a filter that is flushed, and a weak supply."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.world.drawn import Write, faults, pass_time, station_config, stories, tell, write
from tests.sim.world.test_devices import read
from tonnam_sim.world import World, WorldConfig
from tonnam_sim.world import faults as f
from tonnam_sim.world.config import Coil, FilterConfig, PumpConfig, ValveConfig, ZoneConfig
from tonnam_sim.world.pipes import pressed
from tonnam_sim.world.wiring import DRAIN_EC_FROM, FILTER, METER, METERS_FROM, PUMP_METERS_FROM, PUMP_WATER_FROM

STATION = station_config()
EIGHT_S = 8 * 3600.0
HEADS = st.tuples(st.floats(0.0, 60.0), st.floats(1e-5, 1e-2))


def station(*wrong: f.Fault, **changes: object) -> World:
    return World(station_config(spread=0.0, probe_errors=0.0, **changes), 3, wrong)


def running(world: World, *names: str, seconds: float = 120.0) -> World:
    for name in names:
        write(world, name, 0.0)
    world.step(seconds)
    return world


# --------------------------------------------------------------------------------------------------------- hydraulics


@given(st.lists(HEADS, min_size=1, max_size=4), st.floats(0.0, 1e-2), st.floats(0.5, 100.0))
def test_pumps_bring_what_the_main_takes_at_their_common_pressure(
    heads: list[tuple[float, float]], resistance: float, outlet: float
) -> None:
    brought = pressed(heads, resistance, outlet)
    total = sum(brought)
    pressure_m = total**2 * (resistance + 1.0 / outlet**2)
    for (head_m, slope), l_min in zip(heads, brought, strict=True):
        assert l_min >= 0.0
        if l_min > 1e-3:
            assert head_m - slope * l_min**2 == pytest.approx(pressure_m, rel=1e-6, abs=1e-6)
        else:
            assert head_m <= pressure_m + 1e-5


@given(HEADS, st.floats(1e-6, 1e-2), st.floats(0.5, 100.0))
def test_two_like_pumps_bring_more_than_one_and_less_than_twice_as_much(
    head: tuple[float, float], resistance: float, outlet: float
) -> None:
    one, two = pressed([head], resistance, outlet), pressed([head, head], resistance, outlet)
    assert two[0] == pytest.approx(two[1])
    assert sum(one) - 1e-9 <= sum(two) <= 2.0 * sum(one) + 1e-9
    assert two[0] == pytest.approx(math.sqrt(head[0] / (head[1] + 4.0 * (resistance + 1.0 / outlet**2))), abs=1e-6)


# --------------------------------------------------------------------------------------------------------- many pumps


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_many_pumps_keep_the_books_and_do_not_care_how_time_is_cut(data: st.DataObject, seed: int) -> None:
    wrong = data.draw(st.lists(faults(STATION, EIGHT_S, EIGHT_S + 4 * 3600.0), max_size=6))
    story: list[Write] = data.draw(stories(STATION, 600.0))
    worlds = World(STATION, seed, wrong), World(STATION, seed, wrong)
    for world, longest_s in zip(worlds, (1e9, 11.0), strict=True):
        tell(world, story, longest_s)
        pass_time(world, 900.0, longest_s)
        books = world.ledger()
        assert abs(books["water"]) < 1e-3, books
        assert abs(books["salt"]) < 1e-2, books
    one, other = worlds
    assert [event[1:] for event in one.events] == [event[1:] for event in other.events]
    assert other.truth.pump_s_of == pytest.approx(one.truth.pump_s_of, abs=0.01)
    for name, zone in one.truth.zones.items():
        assert other.truth.zones[name].dripped_l == pytest.approx(zone.dripped_l, rel=0.001, abs=0.01)


def test_each_main_has_its_pump_its_zones_and_its_meter() -> None:
    world = running(station(), "zone-1", "zone-3", "pump-3", seconds=600.0)
    assert world.truth.open_zones == {"zone-1", "zone-3"}
    assert world.truth.zones["zone-1"].delivered_l == 0.0
    assert world.truth.zones["zone-3"].flow_l_min == pytest.approx(60.0, rel=0.01)
    assert read(world, "cabinet", METERS_FROM + 1, "pulse-counter")["rate"] == pytest.approx(60.0, rel=0.02)
    assert read(world, "cabinet", METER, "pulse-counter")["rate"] == 0.0
    meter = read(world, "cabinet", PUMP_METERS_FROM + 2, "eastron-sdm120")
    assert meter["current"] == pytest.approx(world.amperes(2))
    assert world.truth.pumps_running == ["pump-3"]
    assert world.truth.pump_without_path_s < 0.1


def test_two_pumps_on_one_main_share_it_and_the_weaker_one_stands_against_its_check_valve() -> None:
    alone = running(station(), "zone-1", "zone-2", "pump")
    both = running(station(), "zone-1", "zone-2", "pump", "pump-2")
    worn = running(station(f.PumpWorn(at_s=EIGHT_S, pump="pump", share=0.6)), "zone-1", "pump", "pump-2")
    assert alone.truth.flow_l_min < both.truth.flow_l_min < 1.5 * alone.truth.flow_l_min
    flows = both.truth.pump_flow_l_min
    assert flows["pump-2"] > flows["pump"] > 0.0
    assert worn.truth.pump_flow_l_min["pump"] == 0.0
    assert worn.truth.pump_flow_l_min["pump-2"] > 40.0
    assert worn.amperes(0) == pytest.approx(4.6 * 0.55)


def test_one_meter_can_count_all_mains() -> None:
    world = station(common_meter=True)
    began = world.meter_count
    running(world, "zone-1", "zone-3", "pump", "pump-3", seconds=600.0)
    assert world.meter_count - began == pytest.approx(world.truth.pumped_l, abs=1.0)
    assert read(world, "cabinet", METER, "pulse-counter")["rate"] == pytest.approx(120.0, rel=0.02)
    assert len(world.meters) == 1


def test_each_pump_can_have_a_meter_of_its_own() -> None:
    world = running(station(pump_meters=True), "zone-1", "zone-2", "pump", "pump-2", seconds=600.0)
    for number, l_min in enumerate(world.truth.pump_flow_l_min.values()):
        meter = read(world, "cabinet", PUMP_WATER_FROM + number, "pulse-counter")
        assert meter["rate"] == pytest.approx(l_min, rel=0.03)
    total = sum(meter.count - 5_000 * number for number, meter in enumerate(world.pump_meters))
    assert total == pytest.approx(world.truth.pumped_l, abs=2.0)


def test_a_well_that_gives_little_is_soon_drunk_by_two_pumps() -> None:
    tank = station_config().tank
    small = type(tank)(0.2, 400.0, 380.0, 20.0, 60.0, 70.0)
    one = running(station(tank=small), "zone-1", "pump", seconds=3600.0)
    two = running(station(tank=small), "zone-1", "zone-3", "pump", "pump-3", seconds=3600.0)
    assert one.truth.pump_dry_s == 0.0
    assert two.truth.pump_dry_s > 60.0
    assert two.truth.well_l == pytest.approx(4200.0, rel=0.05)


def test_a_pump_that_is_dead_is_only_that_one() -> None:
    world = running(station(f.PumpDead(at_s=EIGHT_S, pump="pump-2")), "zone-1", "pump", "pump-2")
    assert world.truth.pumps_running == ["pump"]
    with pytest.raises(ValueError, match="no pump"):
        station(f.PumpDead(at_s=EIGHT_S, pump="pump-9"))


# -------------------------------------------------------------------------------------------------------- weak supply


def test_two_starts_at_once_reset_the_boards_of_a_weak_supply_and_one_after_the_other_do_not() -> None:
    hasty, calm = station(volts_lost_a=0.007), station(volts_lost_a=0.007)
    for name in ("zone-1", "pump", "pump-2"):
        write(hasty, name, 0.0)
    assert hasty.truth.pumps_running == []
    hasty.step(10.0)
    assert not hasty.truth.open_zones
    assert [event.state for event in hasty.events if event.subject == "board-0"] == ["up", "down", "up"]
    running(calm, "zone-1", "pump", seconds=5.0)
    running(calm, "pump-2", seconds=5.0)
    assert calm.truth.pumps_running == ["pump", "pump-2"]
    assert calm.pump_house.voltage == pytest.approx(1.0 - 2 * 4.6 * 0.007)


# ------------------------------------------------------------------------------------------------- filter and drains


def test_a_flush_cleans_the_filter_and_its_water_goes_to_the_drain() -> None:
    world = station()
    world.plumbing.mains[0].filtered_l = 2_000_000.0
    running(world, "zone-1", "pump", seconds=300.0)
    clogged_kpa = read(world, "cabinet", FILTER, "pressure-probe")["pressure"]
    clogged_l_min = world.truth.flow_l_min
    assert clogged_kpa == pytest.approx(9.81 * world.truth.filter_lost_m, abs=1.0)
    write(world, "flush", 0.0)
    world.step(60.0)
    assert world.truth.flow_l_min > clogged_l_min + 30.0
    before_l = world.truth.flushed_l
    assert before_l > 40.0
    write(world, "flush", None)
    world.step(120.0)
    assert world.truth.flushed_l == pytest.approx(before_l, abs=5.0)
    assert world.truth.flow_l_min > clogged_l_min + 1.0
    clean_kpa = read(world, "cabinet", FILTER, "pressure-probe")["pressure"]
    assert clogged_kpa is not None
    assert clean_kpa is not None
    assert clean_kpa < 0.5 * clogged_kpa
    assert abs(world.ledger()["water"]) < 1e-6


def test_a_flush_alone_is_a_path() -> None:
    world = running(station(), "flush", "pump", seconds=60.0)
    assert world.truth.pump_without_path_s < 0.1
    assert world.truth.flushed_l > 60.0
    assert world.truth.zones["zone-1"].delivered_l == 0.0


def test_the_drain_tells_the_ec_of_what_drains() -> None:
    world = station()
    said = read(world, "cabinet", DRAIN_EC_FROM, "ec-probe")["ec"]
    plot = world.grounds[0].subplots[0]
    assert said == pytest.approx(1000.0 * plot.salt[-1] / plot.water[-1], rel=0.03)


def test_a_main_without_a_pump_is_refused() -> None:
    zone = ZoneConfig("zone-1", ValveConfig(Coil(0, 1)), main=1)
    with pytest.raises(ValueError, match="has no pump"):
        World(WorldConfig(zones=(zone,)), 1)
    with pytest.raises(ValueError, match="same id"):
        World(WorldConfig(more_pumps=(PumpConfig(Coil(0, 5)),)), 1)
    assert FilterConfig().flush is None
