"""What strikes pumps, valves, lines and tanks does what it says, while it is on, and nothing after."""

from __future__ import annotations

import pytest

from tests.sim.world.drawn import write
from tests.sim.world.struck import NOON_S, NORMAL_L, water, world_with
from tonnam_sim.world import faults as f
from tonnam_sim.world.config import (
    Coil,
    InjectorConfig,
    TankConfig,
)


def test_a_jammed_valve_stays_where_it_stands() -> None:
    world = world_with(f.JammedValve(at_s=NOON_S + 60, until_s=NOON_S + 600, actuator="zone-1"))
    write(world, "zone-1", 0.0)
    world.step(61.0)
    write(world, "zone-1", None)
    world.step(500.0)
    assert world.truth.open_zones == {"zone-1"}
    world.step(100.0)
    assert not world.truth.open_zones


def test_a_leaking_valve_lets_its_share_through() -> None:
    world = world_with(f.LeakingValve(at_s=NOON_S, zone="zone-1", share=0.05))
    write(world, "zone-2", 0.0)
    write(world, "pump", 0.0)
    world.step(60.0)
    assert 1.0 < world.truth.zones["zone-1"].flow_l_min < 6.0


def test_a_blocked_zone_is_open_on_paper() -> None:
    world = world_with(f.BlockedZone(at_s=NOON_S, zone="zone-1"))
    assert water(world, 10.0) == 0.0
    assert world.truth.pump_without_path_s == pytest.approx(600.0)


def test_a_burst_line_loses_more_than_it_gives() -> None:
    world = world_with(f.LineBurst(at_s=NOON_S, zone="zone-1", size=2.0))
    dripped_l = water(world, 20.0)
    assert dripped_l < 0.75 * NORMAL_L
    assert world.truth.zones["zone-1"].lost_l > dripped_l
    assert world.truth.pumped_l > 1.5 * 1200.0


def test_clogged_emitters_leave_one_sub_plot_dry_and_the_flow_low() -> None:
    world = world_with(f.CloggedEmitters(at_s=NOON_S, zone="zone-1", subplot=2, share=0.0))
    assert water(world, 30.0) < 0.95 * 1.5 * NORMAL_L
    world.step(300.0)
    watered = [plot.watered_mm for plot in world.truth.zones["zone-1"].subplots]
    assert watered[2] == min(watered) < 0.05 * max(watered)


def test_a_leak_in_the_mains_goes_through_the_meter_and_nowhere_else() -> None:
    world = world_with(f.MainLeak(at_s=NOON_S, size=0.5))
    dripped_l = water(world, 20.0)
    assert dripped_l < 0.95 * NORMAL_L
    assert world.truth.leaked_l > 300.0
    assert world.plumbing.meter_l == pytest.approx(world.truth.pumped_l)


def test_a_clogged_filter_lowers_the_flow_until_it_is_washed() -> None:
    world = world_with(f.CloggedFilter(at_s=NOON_S, until_s=NOON_S + 1200, factor=20.0))
    assert water(world, 20.0) < 0.8 * NORMAL_L
    assert water(world, 20.0) > 0.95 * NORMAL_L


def test_a_filter_clogs_with_litres_and_is_washed_by_hand() -> None:
    world = world_with(f.FilterCleaned(at_s=NOON_S + 3000.0))
    world.plumbing.mains[0].filtered_l = 4_000_000.0
    clogged_l = water(world, 20.0)
    assert clogged_l < 0.9 * NORMAL_L
    world.step(1800.0)
    assert water(world, 20.0) > 1.1 * clogged_l


def test_a_dead_pump_draws_nothing_and_brings_nothing() -> None:
    world = world_with(f.PumpDead(at_s=NOON_S))
    assert water(world, 10.0) == 0.0
    assert not world.truth.pump_running
    assert world.truth.energy_wh == 0.0


def test_a_worn_pump_brings_less() -> None:
    assert water(world_with(f.PumpWorn(at_s=NOON_S, share=0.4)), 20.0) < 0.85 * NORMAL_L


def test_a_siphon_waters_without_the_pump_through_an_open_path_only() -> None:
    world = world_with(f.Siphon(at_s=NOON_S, head_m=1.5))
    world.step(600.0)
    assert world.truth.siphoned_l == 0.0
    write(world, "zone-1", 0.0)
    world.step(600.0)
    assert world.truth.siphoned_l > 60.0
    assert world.truth.pumped_l == 0.0


def test_a_failed_check_valve_lets_open_lines_run_back_through_the_meter() -> None:
    world = world_with(f.CheckValveFailed(at_s=NOON_S))
    for name in ("zone-1", "pump"):
        write(world, name, 0.0)
    world.step(600.0)
    metered_l = world.plumbing.meter_l
    write(world, "pump", None)
    world.step(600.0)
    assert world.truth.backflow_l > 10.0
    assert world.plumbing.meter_l - metered_l > world.truth.backflow_l


INJECTOR = (InjectorConfig("acid", Coil(0, 5), Coil(0, 6)),)


def test_an_injector_doses_into_flow_and_the_books_tell_what_went_into_standing_water() -> None:
    world = world_with(injectors=INJECTOR)
    for name in ("zone-1", "acid-valve", "acid", "pump"):
        write(world, name, 0.0)
    world.step(600.0)
    assert world.truth.injected_l["acid"] == pytest.approx(6.0, rel=0.01)
    assert world.truth.injected_without_flow_l["acid"] < 0.1
    write(world, "pump", None)
    world.step(60.0)
    assert world.truth.injected_without_flow_l["acid"] == pytest.approx(0.6, rel=0.1)
    assert world.truth.injector_backflow_l["acid"] == 0.0


def test_a_failed_injector_check_lets_water_into_the_stock_through_an_open_closing_valve() -> None:
    world = world_with(f.InjectorCheckFailed(at_s=NOON_S, injector="acid"), injectors=INJECTOR)
    water(world, 10.0)
    assert world.truth.injector_backflow_l["acid"] == 0.0
    write(world, "acid-valve", 0.0)
    water(world, 10.0)
    assert world.truth.injector_backflow_l["acid"] == pytest.approx(5.0, rel=0.1)


def test_draining_lines_draw_stock_through_an_open_closing_valve() -> None:
    world = world_with(injectors=INJECTOR)
    for name in ("zone-1", "pump", "acid-valve"):
        write(world, name, 0.0)
    world.step(300.0)
    write(world, "pump", None)
    world.step(300.0)
    assert world.truth.stock_siphoned_l["acid"] > 0.1


def test_a_dry_well_and_a_leaking_tank_end_with_a_pump_that_sucks_air() -> None:
    wrong = (f.WellDry(at_s=NOON_S), f.TankLeak(at_s=NOON_S, l_min=100.0))
    world = world_with(*wrong, tank=TankConfig(start_l=3000.0))
    for name in ("zone-1", "pump"):
        write(world, name, 0.0)
    world.step(2400.0)
    assert world.truth.well_l == 0.0
    assert world.truth.leaked_l > 1500.0
    assert world.truth.pump_dry_s > 300.0
    assert world.truth.flow_l_min == 0.0
