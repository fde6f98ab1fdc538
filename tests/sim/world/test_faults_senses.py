"""What strikes cables, sensors, meters and what people touch does what it says, while it is on, and nothing after."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.sim.world.drawn import write
from tests.sim.world.struck import NOON_S, coil_reads, registers, vwc_pct, water, world_with
from tonnam_sim.world import World
from tonnam_sim.world import faults as f
from tonnam_sim.world.config import (
    WeatherConfig,
)
from tonnam_sim.world.wiring import INPUTS_FROM, LEVEL, METER


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
