"""What strikes boards, coils and current does what it says, while it is on, and nothing after."""

from __future__ import annotations

import struct

import pytest

from tests.sim.world.drawn import write
from tests.sim.world.struck import NOON_S, coil_reads, registers, water, world_with
from tonnam_sim.devices.relay import Renewal
from tonnam_sim.world import faults as f
from tonnam_sim.world.config import (
    BoardConfig,
    Coil,
    PumpConfig,
    ValveConfig,
    ValveKind,
    ZoneConfig,
)
from tonnam_sim.world.wiring import LEVEL, PUMP_METER


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


def test_a_pumps_timer_relay_counts_while_its_motor_is_dead() -> None:
    dead = f.PumpDead(at_s=NOON_S, until_s=NOON_S + 200)
    world = world_with(dead, pump=PumpConfig(cut_off_s=290.0))
    write(world, "pump", 0.0)
    world.step(250.0)
    assert world.truth.pump_running
    world.step(50.0)
    assert not world.truth.pump_running


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
