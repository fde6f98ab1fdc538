"""A river, a canal, a gate and pumps: where the water goes, and what the gauges say."""

from __future__ import annotations

import itertools
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonnam_edge.modbus.direct import DirectTransport, _drive
from tonnam_edge.site.polling import DevicePlan, Values
from tonnam_edge.site.profile import shipped_profiles
from tonnam_sim.world import faults as f
from tonnam_sim.world.conditions import Conditions
from tonnam_sim.world.config import Coil
from tonnam_sim.world.flood import CANAL, METERS_FROM, MOUNT_CM, RAIN, RIVER, RIVER_ECHO, UPSTREAM, FloodWorld
from tonnam_sim.world.flood_config import CanalConfig, FloodConfig, FloodPumpConfig, RiverConfig
from tonnam_sim.world.river import river_cm

CALM = RiverConfig(tide_cm=0.0, wave_cm=0.0)
HIGH = RiverConfig(mean_cm=350.0, tide_cm=0.0, wave_cm=0.0)


def held(world: FloodWorld, *, pumps_off: bool = True) -> FloodWorld:
    """With its pumps held off, as an edge does."""
    if pumps_off:
        for name in world.canal.pumps:
            write(world, name, on=True)
    return world


def write(world: FloodWorld, actuator: str, *, on: bool, hold_s: float | None = None) -> None:
    coil = world.cabinet.coils[actuator]
    address, value = coil.channel, 0xFF00 if on else 0
    if hold_s is not None:
        address, value = (0x0200 if on else 0x0400) + coil.channel, round(hold_s * 10)
    world.buses["cabinet"].execute(world.config.boards[coil.board].unit, struct.pack(">BHH", 5, address, value))


def read(world: FloodWorld, unit: int, profile: str) -> Values:
    found = shipped_profiles()[profile]
    transport = DirectTransport(world.buses["cabinet"].execute)
    return _drive(DevicePlan(found, found.told()).poll(), transport, unit)


def contacts(world: FloodWorld) -> set[str]:
    seen = read(world, 2, "digital-input-8ch")
    return {name for name, (_, at) in world.inputs.items() if seen[f"input_{at}"]}


_WRITES = st.tuples(
    st.integers(0, 20_000).map(float), st.sampled_from(["pump-1", "pump-2", "gate"]), st.booleans(), st.booleans()
)
_FAULTS = st.sampled_from(
    [
        f.RiverWave(at_s=5_000, until_s=60_000, cm=180.0, rises_s=3600.0),
        f.Downpour(at_s=2_000, until_s=9_000, mm_h=80.0),
        f.FloatFailed(at_s=0, pump="pump-1"),
        f.PumpDead(at_s=100, until_s=50_000, pump="pump-2"),
        f.PumpWorn(at_s=0, pump="pump-1", share=0.5),
        f.JammedValve(at_s=1_000, until_s=30_000, actuator="gate"),
        f.PowerLoss(at_s=3_000, until_s=20_000),
        f.BoardDown(at_s=4_000, until_s=9_000, board=0),
        f.LockTurned(at_s=500, until_s=7_000, key="pumps"),
        f.CabinetSwitch(at_s=900, until_s=8_000, subject="gate", position="hand"),
    ]
)


def played(seed: int, story: list[tuple[float, str, bool, bool]], wrong: list[f.Fault], step_s: float) -> FloodWorld:
    world = FloodWorld(FloodConfig(), seed, wrong)
    for wait_s, actuator, on, timed in story:
        end_s = world.now_s + wait_s
        while world.now_s < end_s - 1e-6:
            world.step(min(step_s, end_s - world.now_s))
        write(world, actuator, on=on, hold_s=90.0 if timed else None)
    world.step(600.0)
    return world


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.lists(_WRITES, max_size=8), st.lists(_FAULTS, max_size=4))
def test_the_canal_keeps_its_books_and_does_not_care_how_time_is_cut(
    seed: int, story: list[tuple[float, str, bool, bool]], wrong: list[f.Fault]
) -> None:
    one, other = played(seed, story, wrong, 1e9), played(seed, story, wrong, 47.0)
    for world in (one, other):
        assert abs(world.ledger()["water"]) < 1.0  # of millions of litres
        assert world.canal.held_m3 >= -1e-6
        assert 0.0 <= world.truth.gate_position <= 1.0
    assert [event[1:] for event in one.events] == [event[1:] for event in other.events]
    assert other.truth.canal_cm == pytest.approx(one.truth.canal_cm, abs=1e-6)
    assert other.truth.pump_dry_s == pytest.approx(one.truth.pump_dry_s)
    assert other.energy_wh == pytest.approx(one.energy_wh)
    json.dumps(one.truth.snapshot())


def test_an_open_gate_brings_canal_and_river_to_one_level_and_stays_there() -> None:
    world = held(FloodWorld(FloodConfig(river=CALM, canal=CanalConfig(start_cm=220.0)), 1))
    write(world, "gate", on=True)
    levels = []
    for _ in range(240):
        world.step(60.0)
        levels.append(world.truth.canal_cm)
    assert levels[-1] == pytest.approx(150.0, abs=1.0)
    assert min(levels) > 149.0
    assert world.truth.out_through_gate_m3 > 10_000.0


def test_a_shut_gate_keeps_the_river_out_and_an_open_one_floods_the_town() -> None:
    config = FloodConfig(river=HIGH)
    shut, open_ = held(FloodWorld(config, 1)), held(FloodWorld(config, 1))
    write(open_, "gate", on=True)
    for world in (shut, open_):
        world.step(6 * 3600.0)
    assert open_.truth.in_through_gate_m3 > 20_000.0
    assert open_.truth.flooded_s > 3600.0
    assert shut.truth.in_through_gate_m3 < 3_000.0
    assert shut.truth.flooded_s == 0.0


def test_pumps_run_when_nobody_says_otherwise_and_lift_less_against_a_high_river() -> None:
    low, high = (FloodWorld(FloodConfig(river=river), 1) for river in (CALM, HIGH))
    for world in (low, high):
        assert world.truth.pumps_running == {"pump-1", "pump-2"}
        world.step(1800.0)
        assert min(world.truth.pumped_m3.values()) > 100.0
    assert high.truth.pumped_m3["pump-1"] < 0.9 * low.truth.pumped_m3["pump-1"]
    dead = held(FloodWorld(FloodConfig(), 1, [f.BoardDown(at_s=100.0, board=0)]))
    assert not dead.truth.pumps_running
    dead.step(200.0)
    assert dead.truth.pumps_running == {"pump-1", "pump-2"}


def test_a_timer_that_ends_in_on_gives_the_pump_back() -> None:
    world = FloodWorld(FloodConfig(), 1)
    write(world, "pump-1", on=True, hold_s=120.0)
    assert world.truth.pumps_running == {"pump-2"}
    world.step(121.0)
    assert world.truth.pumps_running == {"pump-1", "pump-2"}


def test_a_float_guards_the_intake_until_it_fails() -> None:
    canal = CanalConfig(start_cm=60.0)
    guarded = FloodWorld(FloodConfig(river=CALM, canal=canal), 1)
    failed = FloodWorld(FloodConfig(river=CALM, canal=canal), 1, [f.FloatFailed(at_s=0, pump="pump-1")])
    for world in (guarded, failed):
        world.step(4 * 3600.0)
    assert guarded.truth.pump_dry_s == {"pump-1": 0.0, "pump-2": 0.0}
    assert guarded.truth.lowest_cm > 20.0
    assert failed.truth.pump_dry_s["pump-1"] > 600.0
    assert failed.truth.pump_dry_s["pump-2"] == 0.0
    meter = read(failed, METERS_FROM, "eastron-sdm120")
    assert 5.0 < (meter["current"] or 0.0) < 20.0


def test_keys_and_switches_come_before_relays() -> None:
    world = FloodWorld(
        FloodConfig(river=CALM),
        1,
        [
            f.LockTurned(at_s=0, until_s=600, key="pumps"),
            f.LockTurned(at_s=0, until_s=600, key="gate"),
            f.CabinetSwitch(at_s=1200, subject="pumps", position="off"),
            f.CabinetSwitch(at_s=1200, subject="gate", position="hand"),
        ],
    )
    assert not world.truth.pumps_running
    world.step(300.0)
    assert world.truth.gate_position == 1.0
    assert contacts(world) == {"pumps-auto", "pumps-lock", "gate-open", "gate-lock", "gate-auto"}
    world.step(400.0)
    assert world.truth.gate_position == 0.0
    assert len(world.truth.pumps_running) == 2
    world.step(700.0)
    assert contacts(world) == {"gate-open", "gate-hand"}
    assert not world.truth.pumps_running


def test_gauges_say_what_is_there() -> None:
    world = held(FloodWorld(FloodConfig(), 4))
    world.step(7200.0)
    truth = world.truth
    assert read(world, RIVER, "qdy30a")["level"] == pytest.approx(truth.river_cm, abs=5.0)
    assert read(world, UPSTREAM, "qdy30a")["level"] == pytest.approx(truth.river_cm + 35.0, abs=15.0)
    assert read(world, CANAL, "qdy30a")["level"] == pytest.approx(truth.canal_cm, abs=5.0)
    assert read(world, RIVER_ECHO, "dfrobot-urm15")["distance"] == pytest.approx(MOUNT_CM - truth.river_cm, abs=5.0)
    assert read(world, RAIN, "rain-gauge-pulse")["rain_total"] == pytest.approx(truth.rain_mm, abs=0.2)
    lost = FloodWorld(FloodConfig(river=RiverConfig(mean_cm=20.0)), 4)
    assert read(lost, RIVER_ECHO, "dfrobot-urm15")["distance"] is None


def test_the_river_is_one_of_its_seed_and_waves_come_on_top() -> None:
    config, calm = RiverConfig(), Conditions()
    days = [[river_cm(config, seed, hour * 3600.0, calm) for hour in range(24 * 60)] for seed in range(4)]
    assert days[0] != days[1]
    assert max(map(max, days)) > 280.0
    assert min(map(min, days)) > 100.0
    for levels in days:
        assert max(abs(later - level) for level, later in itertools.pairwise(levels)) < 45.0
    wave = Conditions(river_waves=[(100.0, 1000.0, 2000.0)])
    assert river_cm(config, 1, 2000.0, wave) - river_cm(config, 1, 2000.0, calm) == pytest.approx(50.0)


def test_a_gate_is_refused_faults_of_what_it_does_not_have() -> None:
    for wrong in (f.PumpDead(at_s=0), f.LineBurst(at_s=0, zone="zone-1", size=1.0), f.FloatFailed(at_s=0, pump="x")):
        with pytest.raises(ValueError, match="there is no"):
            FloodWorld(FloodConfig(), 1, [wrong])
    with pytest.raises(ValueError, match="same coil"):
        FloodWorld(FloodConfig(pumps=(FloodPumpConfig("a", Coil(0, 2, at_rest=True)),)), 1)
