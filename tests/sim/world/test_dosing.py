"""Injectors into a line or a mixing tank: what the water becomes, what meets, and what the probes make of it."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.world.drawn import Write, dosing_config, faults, stories, tell, write
from tests.sim.world.test_devices import read
from tonnam_sim.world import World
from tonnam_sim.world import faults as f
from tonnam_sim.world.chemistry import alkalinity_of, carbon_of, ph_of
from tonnam_sim.world.config import (
    Coil,
    InjectorConfig,
    MixingConfig,
    PumpConfig,
    ValveConfig,
    WorldConfig,
    ZoneConfig,
)
from tonnam_sim.world.mixing import Cells
from tonnam_sim.world.wiring import inputs_of

LINE, TANK = dosing_config(), dosing_config(in_tank=True)
EIGHT_S = 8 * 3600.0


def dosing_world(*wrong: f.Fault, in_tank: bool = False) -> World:
    return World(dosing_config(in_tank=in_tank, spread=0.0, probe_errors=0.0), 3, wrong)


def watering(world: World, *also: str, seconds: float = 1200.0) -> World:
    for name in ("zone-1", *also):
        write(world, name, 0.0)
    world.step(5.0)
    write(world, "pump", 0.0)
    world.step(seconds)
    return world


def contact(world: World, name: str) -> bool:
    unit, at = inputs_of(world.config)[name]
    answer = world.buses["cabinet"].execute(unit, bytes.fromhex("0200000008"))
    assert answer is not None
    return bool(answer[2] >> at & 1)


# ---------------------------------------------------------------------------------------------------------- chemistry


@given(st.floats(0.5, 8.0), st.floats(6.5, 9.0), st.lists(st.floats(0.0, 10.0), min_size=2, max_size=20))
def test_more_acid_is_never_less_sour(alkalinity: float, ph: float, doses: list[float]) -> None:
    carbon = carbon_of(alkalinity, ph)
    assert ph_of(alkalinity, carbon) == pytest.approx(ph, abs=1e-6)
    seen = [ph_of(alkalinity - dose, carbon) for dose in sorted(doses)]
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(seen))
    for dose, sour in zip(sorted(doses), seen, strict=True):
        assert alkalinity_of(carbon, sour) == pytest.approx(alkalinity - dose, abs=1e-6)


def test_ph_is_what_the_textbook_says() -> None:
    assert ph_of(0.0, 0.0) == pytest.approx(7.0, abs=1e-6)
    assert ph_of(2.0, 2.0) == pytest.approx((6.35 + 10.33) / 2, abs=0.05)  # bicarbonate alone
    assert ph_of(1.0, 2.0) == pytest.approx(6.35, abs=0.01)  # half of it turned into carbonic acid
    assert ph_of(-1.0, 2.0) == pytest.approx(3.0, abs=0.05)  # 1 meq/L of strong acid too much
    with pytest.raises(ValueError, match="cannot have"):
        carbon_of(1e-9, 9.0)


# ------------------------------------------------------------------------------------------------------------- mixing


@given(
    st.floats(1.0, 100.0),
    st.lists(st.tuples(st.floats(0.01, 50.0), st.floats(0.0, 20.0)), min_size=1, max_size=6),
    st.integers(2, 5),
)
def test_a_row_of_cells_loses_nothing_and_does_not_care_how_time_is_cut(
    volume_l: float, pushes: list[tuple[float, float]], cuts: int
) -> None:
    whole, cut = Cells(volume_l, [0.6]), Cells(volume_l, [0.6])
    entered = 0.6 * volume_l
    left = 0.0
    for litres, amount in pushes:
        left += whole.push([amount], litres)[0]
        entered += amount
        for _ in range(cuts):
            cut.push([amount / cuts], litres / cuts)
    assert left + whole.total(0) == pytest.approx(entered)
    for one, other in zip(whole.amounts, cut.amounts, strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-9)
        assert one[0] >= -1e-9


@pytest.mark.parametrize("in_tank", [False, True])
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_water_and_salt_are_conserved_while_dosing(in_tank: bool, data: st.DataObject, seed: int) -> None:
    config = TANK if in_tank else LINE
    wrong = data.draw(st.lists(faults(config, EIGHT_S, EIGHT_S + 4 * 3600.0), max_size=8))
    story: list[Write] = data.draw(stories(config))
    world = World(config, seed, wrong)
    tell(world, story)
    world.step(1800.0)
    books = world.ledger()
    assert abs(books["water"]) < 1e-3, books
    assert abs(books["salt"]) < 1e-2, books
    stock_l = [each.config.stock_l for each in world.plumbing.injectors.values()]
    assert all(held + 1e-9 >= 0.0 for held in world.truth.stock_l.values())
    assert all(held <= full + 60.0 for held, full in zip(world.truth.stock_l.values(), stock_l, strict=True))


@pytest.mark.parametrize("in_tank", [False, True])
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=st.integers(0, 9))
def test_small_steps_and_big_ones_give_the_same_solution(in_tank: bool, data: st.DataObject, seed: int) -> None:
    config = TANK if in_tank else LINE
    story: list[Write] = data.draw(stories(config, 300.0))
    worlds = World(config, seed), World(config, seed)
    for world, step_s in zip(worlds, (1e9, 2.0), strict=True):
        tell(world, story, step_s)
        world.step(5.0)
    one, other = (world.truth for world in worlds)
    assert other.line_ec_ds_m == pytest.approx(one.line_ec_ds_m, rel=0.01, abs=0.01)
    assert other.line_ph == pytest.approx(one.line_ph, abs=0.1)
    assert other.dosed_ml == pytest.approx(one.dosed_ml, rel=0.01, abs=1.0)
    for zone in ("zone-1", "zone-2"):
        assert other.zones[zone].given_ml == pytest.approx(one.zones[zone].given_ml, rel=0.03, abs=20.0)


def test_a_fixed_ratio_gives_the_ec_that_one_works_out_by_hand() -> None:
    world = watering(dosing_world(), "a")
    flow_l_min, dosed_l_min = world.truth.flow_l_min, 0.3
    tank, stock = world.config.tank.ec_ds_m, world.config.injectors[0].stock_ec_ds_m
    by_hand = (flow_l_min * tank + dosed_l_min * stock) / (flow_l_min + dosed_l_min)
    assert world.truth.line_ec_ds_m == pytest.approx(by_hand, rel=1e-4)
    assert world.truth.zones["zone-1"].emitter_ec_ds_m == pytest.approx(by_hand, rel=1e-3)
    assert read(world, "cabinet", 40, "ec-probe")["ec"] == pytest.approx(1000 * by_hand, rel=0.02)
    assert read(world, "cabinet", 42, "ec-probe")["ec"] == pytest.approx(1000 * tank, rel=0.03)
    assert world.truth.dosed_ml["a"] == pytest.approx(300.0 * 1205.0 / 60.0, rel=1e-3)


def test_acid_in_the_line_gives_the_ph_of_its_titration() -> None:
    world = watering(dosing_world(), "acid")
    flow = world.truth.flow_l_min
    alkalinity = (3.0 * flow - 0.3 * 500.0) / (flow + 0.3)
    expected = ph_of(alkalinity, carbon_of(3.0, 7.6))
    assert world.truth.line_ph == pytest.approx(expected, abs=0.02)
    assert read(world, "cabinet", 41, "ph-probe")["ph"] == pytest.approx(expected, abs=0.05)
    assert read(world, "cabinet", 43, "ph-probe")["ph"] == pytest.approx(7.6, abs=0.05)
    assert 3.0 < expected < 6.5


def test_stock_needs_its_time_to_the_probe_and_longer_to_the_emitters() -> None:
    world = watering(dosing_world())
    write(world, "a", 0.0)
    seen: dict[str, float] = {}
    for second in range(180):
        world.step(1.0)
        zone = world.truth.zones["zone-1"]
        for name, ec in (("line", world.truth.line_ec_ds_m), ("emitters", zone.emitter_ec_ds_m)):
            if ec is not None and ec > 1.0:
                seen.setdefault(name, second)
    assert 8 <= seen["line"] <= 25  # 20 L at 60 L/min
    assert seen["line"] + 10 <= seen["emitters"] <= 90


def test_what_must_not_meet_is_counted_until_the_line_is_rinsed() -> None:
    rinsed, hasty = (watering(dosing_world(), "a", seconds=300.0) for _ in range(2))
    for world, rinse_s in ((rinsed, 60.0), (hasty, 5.0)):
        write(world, "a", None)
        world.step(rinse_s)
        write(world, "b", 0.0)
        world.step(60.0)
    assert rinsed.truth.mixed_without_rinse_l == {"a+b": 0.0, "acid+hypochlorite": 0.0}
    assert 0.02 < hasty.truth.mixed_without_rinse_l["a+b"] <= 0.3
    both = watering(dosing_world(), "acid", "hypochlorite", seconds=60.0)
    assert both.truth.mixed_without_rinse_l["acid+hypochlorite"] == pytest.approx(2 * 0.3 * 65 / 60, rel=0.01)


def test_a_line_keeps_its_stock_while_it_stands() -> None:
    world = dosing_world()
    write(world, "a", 60.0)
    world.step(600.0)
    assert world.truth.injected_without_flow_l["a"] == pytest.approx(0.3)
    write(world, "b", 1.0)
    world.step(10.0)
    assert world.truth.mixed_without_rinse_l["a+b"] == pytest.approx(0.005)
    assert (world.truth.injector_ec_ds_m or 0.0) > 10.0


def test_a_main_of_its_own_gets_plain_water_from_the_same_tank() -> None:
    zones = (*LINE.zones, ZoneConfig("zone-3", ValveConfig(Coil(0, 3)), main=1))
    pumps = (PumpConfig(Coil(0, 4), id="pump-2", main=1),)
    config = dosing_config(spread=0.0, zones=zones, more_pumps=pumps)
    world = watering(World(config, 1), "a", "zone-3", "pump-2", seconds=600.0)
    assert world.truth.zones["zone-3"].given_ec_ds_m == pytest.approx(config.tank.ec_ds_m)
    assert world.truth.zones["zone-3"].given_ph == pytest.approx(7.6, abs=1e-3)
    assert world.truth.zones["zone-3"].given_ml["a"] == 0.0
    assert (world.truth.zones["zone-1"].given_ec_ds_m or 0.0) > 1.3
    assert abs(world.ledger()["salt"]) < 1e-6


# ------------------------------------------------------------------------------------------------------- mixing tank


def test_a_mixing_tank_comes_to_its_recipe() -> None:
    world = dosing_world(in_tank=True)
    for name in ("circulation", "a"):
        write(world, name, 300.0)
    world.step(900.0)
    litres = world.truth.tank_l
    by_hand = (1.5 * 180.0 + (litres - 1.5) * 0.6) / litres
    assert world.truth.line_ec_ds_m == pytest.approx(by_hand, rel=0.02)
    assert contact(world, "flow_switch") is False
    assert world.truth.injected_without_flow_l["a"] == pytest.approx(0.0, abs=1e-9)


def test_without_circulation_the_probe_sees_the_same_drop_for_ever() -> None:
    world = dosing_world(f.CirculationDead(at_s=EIGHT_S + 60), in_tank=True)
    write(world, "circulation", 0.0)
    world.step(50.0)
    assert contact(world, "flow_switch")
    before = read(world, "cabinet", 41, "ph-probe")["ph"]
    world.step(20.0)
    assert not contact(world, "flow_switch")
    assert not contact(world, "circulation-current")
    write(world, "acid", 0.0)
    world.step(1800.0)
    assert read(world, "cabinet", 41, "ph-probe")["ph"] == pytest.approx(before, abs=0.06)
    assert world.truth.injected_without_flow_l["acid"] == pytest.approx(9.0)
    assert (world.truth.injector_ec_ds_m or 0.0) > 50.0


def test_stocks_that_follow_each_other_in_a_turning_loop_do_not_meet() -> None:
    world = dosing_world(in_tank=True)
    write(world, "circulation", 0.0)
    for name in ("a", "b"):
        write(world, name, 120.0)
        world.step(240.0)
    assert world.truth.mixed_without_rinse_l["a+b"] == 0.0
    write(world, "circulation", None)
    for name in ("a", "b"):
        write(world, name, 10.0)
        world.step(60.0)
    assert world.truth.mixed_without_rinse_l["a+b"] == pytest.approx(0.05)


# ------------------------------------------------------------------------------------------------------------- faults


def test_air_and_an_empty_tank_dose_nothing_and_a_refill_fills() -> None:
    world = dosing_world(
        f.InjectorAirlock(at_s=EIGHT_S, injector="a"),
        f.StockEmpty(at_s=EIGHT_S, until_s=EIGHT_S + 600, injector="b"),
        f.StockRefilled(at_s=EIGHT_S + 1500, injector="acid"),
    )
    watering(world, "a", "b", "acid", seconds=590.0)
    assert world.truth.dosed_ml["a"] == world.truth.dosed_ml["b"] == world.truth.stock_l["b"] == 0.0
    assert contact(world, "a-current")
    assert read(world, "cabinet", 44, "eastron-sdm120")["current"] == pytest.approx(3 * 0.4)
    assert contact(world, "b-low")
    assert not contact(world, "a-low")
    world.step(600.0)
    assert world.truth.dosed_ml["b"] > 1000.0
    assert world.truth.stock_l["acid"] < 55.0
    write(world, "acid", None)
    world.step(600.0)
    assert world.truth.stock_l["acid"] == pytest.approx(60.0)
    assert abs(world.ledger()["water"]) < 1e-6


def test_a_stuck_flow_switch_says_one_thing_only() -> None:
    world = dosing_world(f.FlowSwitchStuck(at_s=EIGHT_S + 100, closed=True))
    assert not contact(world, "flow_switch")
    world.step(120.0)
    assert contact(world, "flow_switch")


def test_probes_lie_in_their_ways() -> None:
    at_s = EIGHT_S + 600
    sound = watering(dosing_world(), "a")
    ec = read(sound, "cabinet", 40, "ec-probe")["ec"]
    assert ec is not None
    dry = watering(dosing_world(f.SensorDry(at_s=at_s, solution_probe="ec")), "a")
    assert read(dry, "cabinet", 40, "ec-probe")["ec"] == 0.0
    frozen = watering(dosing_world(f.SensorFrozen(at_s=EIGHT_S, sensor="ec")), "a")
    assert read(frozen, "cabinet", 40, "ec-probe")["ec"] == pytest.approx(600.0, rel=0.02)
    off = watering(dosing_world(f.SensorOffset(at_s=at_s, sensor="ec", offset=0.5)), "a")
    assert read(off, "cabinet", 40, "ec-probe")["ec"] == pytest.approx(ec + 500.0, rel=0.02)
    drifts = watering(dosing_world(f.SensorDrift(at_s=EIGHT_S, sensor="ph", per_day=144.0)), "a")
    assert drifts.senses.say("ph") - sound.senses.say("ph") == pytest.approx(2.0, abs=0.05)
    lost = watering(dosing_world(f.TemperatureLost(at_s=at_s, solution_probe="ec")), "a")
    warmer_c = (read(lost, "cabinet", 40, "ec-probe")["water_temperature"] or 0.0) - 25.0
    assert read(lost, "cabinet", 40, "ec-probe")["ec"] == pytest.approx(ec * (1 + 0.02 * warmer_c), rel=0.02)


def test_a_failed_check_valve_lets_the_line_into_the_stock() -> None:
    world = dosing_world(f.InjectorCheckFailed(at_s=EIGHT_S, injector="b"))
    watering(world, "a", seconds=600.0)
    assert world.truth.injector_backflow_l["b"] > 4.0
    assert world.truth.injector_backflow_l["a"] == 0.0
    write(world, "pump", None)
    write(world, "a", None)
    world.step(300.0)
    assert world.truth.stock_siphoned_l["a"] > 0.0
    assert abs(world.ledger()["salt"]) < 1e-3


def test_a_mixing_tank_without_circulation_is_refused() -> None:
    with pytest.raises(ValueError, match="circulation"):
        MixingConfig("tank")
    assert math.isclose(InjectorConfig("x", LINE.injectors[0].coil).stock_alkalinity_meq_l, 0.0)
    assert WorldConfig().mixing is None
