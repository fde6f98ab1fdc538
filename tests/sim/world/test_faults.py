"""Each fault does what it says, while it is on, and nothing after."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Literal

import pytest

from tests.sim.world.drawn import write
from tonnam_sim.devices.relay import Renewal
from tonnam_sim.world import Fault, World, WorldConfig
from tonnam_sim.world import faults as f
from tonnam_sim.world.config import (
    BoardConfig,
    Coil,
    InjectorConfig,
    PumpConfig,
    TankConfig,
    ValveConfig,
    ValveKind,
    WeatherConfig,
    ZoneConfig,
)
from tonnam_sim.world.wiring import INPUTS_FROM, LEVEL, METER, PUMP_METER

NOON_S = 12 * 3600.0
FULL = TankConfig(start_l=8000.0)


def world_with(*wrong: Fault, **changes: object) -> World:
    config = WorldConfig(start_hour=12.0, spread=0.0, probe_errors=0.0, tank=FULL)
    for name, value in changes.items():
        config = _with(config, name, value)
    return World(config, 3, wrong)


def _with(config: WorldConfig, name: str, value: object) -> WorldConfig:
    return replace(config, **{name: value})  # type: ignore[arg-type]


def water(world: World, minutes: float, zone: str = "zone-1", *, rests_s: float = 0.0) -> float:
    """Water a zone; what came out of its emitters, litres."""
    before_l = world.truth.zones[zone].dripped_l
    write(world, zone, 0.0)
    write(world, "pump", 0.0)
    world.step(minutes * 60.0)
    write(world, "pump", None)
    write(world, zone, None)
    world.step(rests_s)
    return world.truth.zones[zone].dripped_l - before_l


def coil_reads(world: World, actuator: str) -> bool | None:
    answer = world.buses["cabinet"].execute(1, bytes.fromhex("0100000008"))
    return None if answer is None else bool(answer[2] >> world.cabinet.coils[actuator].channel & 1)


def registers(world: World, bus: str, unit: int, function: int, address: int, count: int) -> list[int] | None:
    answer = world.buses[bus].execute(unit, struct.pack(">BHH", function, address, count))
    return None if answer is None or answer[0] & 0x80 else list(struct.unpack(f">{count}H", answer[2:]))


def vwc_pct(world: World, unit: int = 1) -> float:
    found = registers(world, "soil", unit, 3, 0, 1)
    assert found is not None
    return found[0] / 10.0


NORMAL_L = water(world_with(), 20.0)


def test_a_sound_farm_waters_as_planned() -> None:
    world = world_with()
    dripped_l = water(world, 20.0)
    assert dripped_l == pytest.approx(60.0 * 20.0 - 35.0, rel=0.02)
    assert world.truth.pump_without_path_s < 0.1
    world.step(1800.0)
    assert world.truth.zones["zone-1"].line_l == pytest.approx(7.0)
    assert not world.truth.open_zones
    both = world_with()
    for name in ("zone-1", "zone-2", "pump"):
        write(both, name, 0.0)
    both.step(300.0)
    assert both.truth.zones["zone-1"].flow_l_min == pytest.approx(51.0, rel=0.02)


def test_a_stuck_coil_obeys_nobody() -> None:
    world = world_with(f.StuckCoil(at_s=NOON_S, until_s=NOON_S + 100, actuator="zone-1", closed=True))
    assert coil_reads(world, "zone-1") is True
    write(world, "zone-1", None)
    assert coil_reads(world, "zone-1") is True
    world.step(10.0)
    assert world.truth.open_zones == {"zone-1"}
    world.step(100.0)
    assert coil_reads(world, "zone-1") is False
    assert not world.truth.open_zones


def test_a_welded_contact_lies_to_its_coil() -> None:
    world = world_with(f.WeldedContact(at_s=NOON_S, actuator="pump"))
    world.step(5.0)
    assert coil_reads(world, "pump") is False
    assert world.truth.pump_running
    assert world.truth.pump_without_path_s == pytest.approx(5.0)


def test_the_contactor_stops_a_welded_pump() -> None:
    world = world_with(f.WeldedContact(at_s=NOON_S + 10, actuator="pump"), pump=PumpConfig(contactor=Coil(0, 7)))
    write(world, "contactor", 0.0)
    world.step(20.0)
    assert world.truth.pump_running
    write(world, "contactor", None)
    assert not world.truth.pump_running


def test_a_cut_off_ends_water_that_a_dumb_board_would_not() -> None:
    part = ZoneConfig("zone-1", ValveConfig(Coil(0, 1), cut_off_s=300.0))
    world = world_with(
        f.WeldedContact(at_s=NOON_S, actuator="zone-1"), zones=(part,), pump=PumpConfig(cut_off_s=290.0)
    )
    write(world, "pump", 0.0)
    world.step(289.0)
    assert world.truth.pump_running
    world.step(2.0)
    assert not world.truth.pump_running
    assert world.truth.open_zones == {"zone-1"}
    world.step(10.0)
    assert not world.truth.open_zones
    assert world.valves["zone-1"].position == 1.0


def test_a_latching_valve_is_pulsed_open_and_shut_and_no_timer_or_power_loss_moves_it() -> None:
    part = ZoneConfig("zone-1", ValveConfig(Coil(0, 1), ValveKind.LATCHING, 1.0, Coil(0, 2)))
    world = world_with(f.PowerLoss(at_s=NOON_S + 60, until_s=NOON_S + 120), zones=(part,))
    write(world, "zone-1", 0.1)
    world.step(3600.0)
    assert world.truth.open_zones == {"zone-1"}
    write(world, "zone-1-close", 0.1)
    world.step(2.0)
    assert not world.truth.open_zones


def test_a_burnt_contact_reads_closed_and_lets_nothing_through() -> None:
    world = world_with(f.BurntContact(at_s=NOON_S, actuator="zone-1"))
    write(world, "zone-1", 0.0)
    world.step(5.0)
    assert coil_reads(world, "zone-1") is True
    assert not world.truth.open_zones


def test_a_rebooted_board_is_silent_and_has_forgotten_coils_and_timers() -> None:
    world = world_with(f.BoardReboot(at_s=NOON_S + 30, board=0, down_s=5.0))
    write(world, "zone-1", 600.0)
    world.step(29.0)
    assert world.truth.open_zones == {"zone-1"}
    world.step(3.0)
    assert coil_reads(world, "zone-1") is None
    world.step(5.0)
    assert coil_reads(world, "zone-1") is False
    assert not world.truth.open_zones
    assert world.next_event_s() > world.now_s + 900


def test_a_board_that_remembers_wakes_up_open_without_its_timer() -> None:
    world = world_with(f.BoardReboot(at_s=NOON_S + 30, board=0, down_s=5.0), boards=(BoardConfig(power_on="last"),))
    write(world, "zone-1", 60.0)
    world.step(3600.0)
    assert world.truth.open_zones == {"zone-1"}


def test_a_board_that_is_down_answers_only_after_its_boot() -> None:
    config = (BoardConfig(boots_s=20.0),)
    world = world_with(f.BoardDown(at_s=NOON_S, until_s=NOON_S + 60, board=0), boards=config)
    for passed_s, answers in ((30.0, False), (45.0, False), (10.0, True)):
        world.step(passed_s)
        assert (coil_reads(world, "pump") is not None) is answers


def test_a_slow_board_clock_stretches_its_timers() -> None:
    world = world_with(f.BoardClock(at_s=NOON_S, board=0, rate=1.5))
    write(world, "zone-1", 100.0)
    world.step(148.0)
    assert world.truth.open_zones
    world.step(4.1)
    assert not world.truth.open_zones


@pytest.mark.parametrize(("renewal", "ends_s"), [("replaces", 150.0), ("ignored", 100.0), ("adds", 200.0)])
def test_boards_differ_in_what_a_second_flash_does(renewal: Renewal, ends_s: float) -> None:
    world = world_with(boards=(BoardConfig(renewal=renewal),))
    write(world, "zone-1", 100.0)
    world.step(50.0)
    write(world, "zone-1", 100.0)
    world.step(ends_s - 51.0)
    assert coil_reads(world, "zone-1") is True
    world.step(1.5)
    assert coil_reads(world, "zone-1") is False


def test_a_board_without_timers_says_so() -> None:
    world = world_with(boards=(BoardConfig(timer=False),))
    assert world.buses["cabinet"].execute(1, bytes.fromhex("050201000A")) == bytes.fromhex("8502")


def test_a_foreign_write_moves_a_coil_once() -> None:
    world = world_with(f.ForeignWrite(at_s=NOON_S + 10, actuator="zone-2", on=True))
    world.step(15.0)
    assert coil_reads(world, "zone-2") is True
    write(world, "zone-2", None)
    world.step(600.0)
    assert coil_reads(world, "zone-2") is False


def test_a_brownout_takes_boards_first_and_then_the_pump() -> None:
    slight = world_with(f.Brownout(at_s=NOON_S + 60, share=0.9))
    deep = world_with(f.Brownout(at_s=NOON_S + 60, share=0.75))
    for world in (slight, deep):
        for name in ("zone-1", "pump"):
            write(world, name, 0.0)
        world.step(120.0)
    assert 40.0 < slight.truth.flow_l_min < 58.0
    assert deep.truth.flow_l_min == 0.0
    assert coil_reads(deep, "pump") is None
    volts = registers(slight, "cabinet", PUMP_METER, 4, 0, 2)
    assert volts is not None
    assert struct.unpack(">f", struct.pack(">HH", *volts))[0] == pytest.approx(207.0)


def test_a_power_loss_closes_everything_and_silences_the_cabinet() -> None:
    world = world_with(f.PowerLoss(at_s=NOON_S + 60, until_s=NOON_S + 120))
    for name in ("zone-1", "pump"):
        write(world, name, 600.0)
    world.step(100.0)
    assert not world.truth.pump_running
    assert not world.truth.open_zones
    assert registers(world, "cabinet", LEVEL, 3, 2, 3) is None
    assert registers(world, "soil", 1, 3, 0, 1) is not None
    world.step(60.0)
    assert coil_reads(world, "pump") is False
    assert registers(world, "cabinet", LEVEL, 3, 2, 3) is not None


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


def test_a_cut_bus_is_silent_and_hears_nothing() -> None:
    world = world_with(f.BusLoss(at_s=NOON_S, until_s=NOON_S + 60, bus="cabinet"))
    write(world, "zone-1", 0.0)
    assert coil_reads(world, "zone-1") is None
    world.step(61.0)
    assert coil_reads(world, "zone-1") is False


@pytest.mark.parametrize(("loses", "obeyed"), [("requests", False), ("answers", True)])
def test_a_lost_answer_was_carried_out_and_a_lost_request_was_not(
    loses: Literal["requests", "answers"], obeyed: bool
) -> None:
    lossy = f.LossyBus(at_s=NOON_S, until_s=NOON_S + 10, bus="cabinet", share=1.0, loses=loses)
    world = world_with(lossy)
    assert world.buses["cabinet"].execute(1, bytes.fromhex("050001FF00")) is None
    world.step(11.0)
    assert coil_reads(world, "zone-1") is obeyed


def test_a_lossy_bus_loses_about_its_share() -> None:
    world = world_with(f.LossyBus(at_s=NOON_S, bus="soil", share=0.3))
    lost = sum(registers(world, "soil", 1, 3, 0, 1) is None for _ in range(400))
    assert 80 < lost < 160


def test_a_dead_unit_is_silent_and_its_neighbours_speak() -> None:
    world = world_with(f.DeadUnit(at_s=NOON_S, bus="soil", unit=2))
    assert registers(world, "soil", 2, 3, 0, 1) is None
    assert registers(world, "soil", 1, 3, 0, 1) is not None


def test_a_refusing_unit_answers_with_its_exception() -> None:
    world = world_with(f.RefusingUnit(at_s=NOON_S, bus="soil", unit=1, code=6))
    assert world.buses["soil"].execute(1, bytes.fromhex("0300000001")) == bytes.fromhex("8306")


def test_sensors_lie_by_offset_and_gain() -> None:
    honest = vwc_pct(world_with())
    assert vwc_pct(world_with(f.SensorOffset(at_s=NOON_S, sensor="probe-1-a", offset=-5.0))) == pytest.approx(
        honest - 5.0, abs=0.15
    )
    assert vwc_pct(world_with(f.SensorGain(at_s=NOON_S, sensor="probe-1-a", gain=0.5))) == pytest.approx(
        honest / 2, abs=0.15
    )
    level = registers(world_with(f.SensorOffset(at_s=NOON_S, sensor="level", offset=30.0)), "cabinet", LEVEL, 3, 4, 1)
    assert level is not None
    assert level[0] / 10.0 == pytest.approx(190.0, abs=1.0)


def test_a_frozen_sensor_says_what_it_said() -> None:
    wrong = [f.SensorFrozen(at_s=NOON_S + 10, sensor=name) for name in ("probe-1-a", "flow", "light")]
    world = world_with(*wrong)
    world.step(10.0)
    first = vwc_pct(world), registers(world, "cabinet", METER, 4, 0, 3), registers(world, "climate", 2, 3, 2, 2)
    water(world, 30.0)
    world.step(7 * 3600.0)
    assert first == (
        vwc_pct(world),
        registers(world, "cabinet", METER, 4, 0, 3),
        registers(world, "climate", 2, 3, 2, 2),
    )


def test_a_probe_with_a_gap_feels_a_third_of_the_water() -> None:
    assert vwc_pct(world_with(f.ProbeDry(at_s=NOON_S, probe="probe-1-a"))) == pytest.approx(
        0.33 * vwc_pct(world_with()), abs=0.2
    )


def test_a_pulled_probe_feels_air() -> None:
    world = world_with(f.ProbePulled(at_s=NOON_S, until_s=NOON_S + 100, probe="probe-1-a"))
    felt = registers(world, "soil", 1, 3, 0, 3)
    assert felt is not None
    assert (felt[0], felt[2]) == (0, 0)
    assert felt[1] / 10.0 == pytest.approx(world.climate.air_c, abs=0.1)
    world.step(101.0)
    assert vwc_pct(world) > 20.0


def test_a_moved_probe_feels_the_other_zone() -> None:
    world = world_with(f.ProbeMoved(at_s=NOON_S, probe="probe-1-a", zone="zone-2"))
    before = vwc_pct(world), vwc_pct(world, 2)
    water(world, 100.0, "zone-2", rests_s=3600.0)
    assert vwc_pct(world) > before[0] + 0.5
    assert vwc_pct(world, 2) < before[1]


def test_a_blind_meter_counts_nothing_and_a_phantom_counts_too_much() -> None:
    blind, phantom = world_with(f.MeterBlind(at_s=NOON_S)), world_with(f.MeterPhantom(at_s=NOON_S, l_min=6.0))
    began = blind.meter_count
    water(blind, 10.0)
    assert blind.meter_count == began
    phantom.step(600.0)
    assert phantom.meter_count - began == 60
    assert phantom.truth.pumped_l == 0.0


def test_a_reset_meter_counts_from_nothing() -> None:
    world = world_with(f.MeterReset(at_s=NOON_S + 300))
    water(world, 10.0)
    assert 290 < world.meter_count < 310


def contacts(world: World) -> dict[str, bool]:
    answer = world.buses["cabinet"].execute(INPUTS_FROM, bytes.fromhex("0200000008"))
    assert answer is not None
    return {name: bool(answer[2] >> at & 1) for name, (_, at) in world.inputs.items()}


def test_the_cabinet_switch_rules_over_the_coil_and_is_seen_at_its_contacts() -> None:
    wrong = (
        f.CabinetSwitch(at_s=NOON_S, subject="zone-1", position="hand"),
        f.CabinetSwitch(at_s=NOON_S, subject="zone-2", position="off"),
    )
    world = world_with(*wrong)
    write(world, "zone-2", 0.0)
    world.step(10.0)
    assert world.truth.open_zones == {"zone-1"}
    assert coil_reads(world, "zone-1") is False
    seen = contacts(world)
    assert (seen["zone-1-auto"], seen["zone-1-hand"]) == (False, True)
    assert (seen["zone-2-auto"], seen["zone-2-hand"]) == (False, False)
    assert (seen["pump-auto"], seen["pump-hand"]) == (True, False)


@pytest.mark.parametrize("closed", [False, True])
def test_the_emergency_stop_takes_the_current_and_leaves_the_coils(closed: bool) -> None:
    world = world_with(f.EmergencyStop(at_s=NOON_S + 60, until_s=NOON_S + 120), emergency_closed=closed)
    for name in ("zone-1", "pump"):
        write(world, name, 0.0)
    world.step(30.0)
    assert contacts(world)["emergency_stop"] is closed
    assert contacts(world)["pump_current"] is True
    world.step(60.0)
    assert contacts(world)["emergency_stop"] is not closed
    assert contacts(world)["pump_current"] is False
    assert coil_reads(world, "pump") is True
    assert not world.truth.pump_running
    world.step(60.0)
    assert world.truth.pump_running


def test_a_downpour_and_heat_come_on_top_of_the_weather() -> None:
    wrong = (f.Downpour(at_s=NOON_S, until_s=NOON_S + 3600, mm_h=20.0), f.Heat(at_s=NOON_S, warmer_c=8.0))
    dry = WeatherConfig(cover=False, wet_days=0.0)
    world, usual = world_with(*wrong, weather=dry), world_with(weather=dry)
    for each in (world, usual):
        each.step(7200.0)
    assert world.truth.rain_mm == pytest.approx(20.0)
    gauge = registers(world, "climate", 5, 4, 0, 2)
    assert gauge == [0, 100]
    assert world.outside.sky.air_c == pytest.approx(usual.outside.sky.air_c + 8.0)
    assert (
        world.truth.zones["zone-1"].subplots[0].root_water_mm > usual.truth.zones["zone-1"].subplots[0].root_water_mm
    )
