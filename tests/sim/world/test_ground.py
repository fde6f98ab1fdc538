"""Soil, roots, emitters, probes and weather lie where a grower would expect them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.world.drawn import write
from tonnam_sim.world import World, WorldConfig
from tonnam_sim.world.config import (
    CLAY,
    CLAY_LOAM,
    COCO_BAG,
    LOAM,
    SAND,
    Coil,
    CropConfig,
    PumpConfig,
    SoilKind,
    ValveConfig,
    WeatherConfig,
    ZoneConfig,
)
from tonnam_sim.world.crop import cover, demand_mm_h, root_shares, rooting_mm
from tonnam_sim.world.ground import Ground
from tonnam_sim.world.nature import emitter_shares, zone_nature
from tonnam_sim.world.weather import Weather

KINDS = (SAND, LOAM, CLAY_LOAM, CLAY, COCO_BAG)


def beds(soil: SoilKind, **changes: float) -> Ground:
    zone = ZoneConfig("zone-1", ValveConfig(Coil(0, 1)), soil=soil, age_days=50.0, **changes)  # type: ignore[arg-type]
    return Ground(zone, soil, zone.crop)


def mean_water(ground: Ground) -> float:
    return sum(ground.subplots[0].water) / sum(ground.retention.layers_mm)


@pytest.mark.parametrize("soil", KINDS, ids=lambda soil: soil.name)
def test_a_saturated_profile_drains_to_near_its_field_capacity_and_then_hardly(soil: SoilKind) -> None:
    ground = beds(soil)
    for plot in ground.subplots:
        plot.water = list(ground.retention.full)
    days = []
    for _ in range(6):
        for _ in range(24):
            ground.step(1.0, 0.0)
        days.append(mean_water(ground))
    # Two days after soaking, within some per cent of volume of what the soil is sold as; then a slow tail.
    assert soil.field_capacity - 0.02 < days[1] < soil.field_capacity + 0.055
    assert days[1] - days[5] < 0.6 * (days[0] - days[1]) + 0.02


@pytest.mark.parametrize("soil", KINDS, ids=lambda soil: soil.name)
def test_stress_begins_between_field_capacity_and_wilting_point_and_stops_the_crop_there(soil: SoilKind) -> None:
    ground = beds(soil, start_depletion=0.0)
    stress_at = None
    for _ in range(40):
        for _ in range(48):
            ground.step(0.5, 5.0 / 48)
        if stress_at is None and ground.subplots[0].ks < 0.95:
            stress_at = mean_water(ground)
        ground.close_day()
    assert stress_at is not None
    share = (stress_at - soil.wilting_point) / (soil.field_capacity - soil.wilting_point)
    assert 0.2 < share < 0.85
    assert ground.subplots[0].ks < 0.2
    assert min(ground.subplots[0].water) > 0.0
    assert 10.0 < ground.subplots[0].stress_d < 40.0


@settings(max_examples=30, deadline=None)
@given(
    soil=st.sampled_from(KINDS),
    life=st.lists(
        st.tuples(st.floats(0.01, 2.0), st.floats(0.0, 60.0), st.floats(0.0, 2.0)), min_size=1, max_size=30
    ),
)
def test_a_ground_keeps_its_books(soil: SoilKind, life: list[tuple[float, float, float]]) -> None:
    ground = beds(soil)
    stored_l, salt = ground.stored_l(), ground.stored_salt()
    for hours, mm, demand_mm in life:
        ground.pour([mm * ground.bed_m2 / 8] * 8, [2.0 * mm * ground.bed_m2 / 8] * 8, 0.0)
        ground.step(hours, demand_mm)
    s = ground.sums
    out_l = s.transpired_l + s.evaporated_l + s.drained_l + s.runoff_l
    assert stored_l + s.dripped_l - out_l == pytest.approx(ground.stored_l(), rel=1e-9)
    assert salt + s.salt_in - s.salt_drained - s.salt_taken - s.salt_runoff == pytest.approx(
        ground.stored_salt(), rel=1e-9
    )


def test_salts_gather_without_drainage_and_wash_out_with_it_and_cost_the_crop() -> None:
    salty, washed = beds(LOAM), beds(LOAM)
    for _ in range(60):
        for ground, mm in ((salty, 9.0), (washed, 14.0)):
            ground.pour([mm * ground.bed_m2 / 8] * 8, [3.0 * mm * ground.bed_m2 / 8] * 8, 0.0)
            for _ in range(24):
                ground.step(1.0, 4.0 / 24)
    ec = [sum(sum(p.salt) for p in g.subplots) / sum(sum(p.water) for p in g.subplots) for g in (salty, washed)]
    assert ec[0] > 1.5 * ec[1] > 3.0
    assert salty.subplots[0].ks < washed.subplots[0].ks


@given(uniformity=st.floats(0.75, 0.95), seed=st.integers(0, 999), number=st.integers(0, 3))
def test_emitters_are_as_uniform_as_declared(uniformity: float, seed: int, number: int) -> None:
    shares = sorted(emitter_shares(uniformity, number, seed))
    assert sum(shares) == pytest.approx(1.0)
    assert sum(shares[:2]) / 2 / (1 / 8) == pytest.approx(uniformity, abs=0.02)


def test_the_plan_and_the_truth_differ_by_the_spread() -> None:
    planned, drawn = WorldConfig(spread=0.0), WorldConfig()
    assert zone_nature(planned, 0, 5).soil == planned.zones[0].soil
    contents = [zone_nature(drawn, 0, seed).soil.field_capacity for seed in range(200)]
    mean = sum(contents) / 200
    spread = math.sqrt(sum((content - mean) ** 2 for content in contents) / 200)
    assert mean == pytest.approx(0.32, abs=0.004)
    assert spread == pytest.approx(0.016, rel=0.2)


def test_leaves_and_roots_grow() -> None:
    crop = CropConfig()
    covers = [cover(crop, day) for day in (0, 20, 35, 60, 90)]
    assert covers == sorted(covers)
    assert covers[0] == pytest.approx(0.04)
    assert covers[2] == pytest.approx(0.46, abs=0.01)
    assert cover(crop, 120) < covers[-1]
    assert [rooting_mm(crop, day) for day in (0, 10, 80)] == [150.0, 230.0, 500.0]
    young, old = (root_shares(crop, day, CLAY_LOAM.layers_mm) for day in (0, 80))
    assert young[0] > old[0] > old[3] > young[3] == 0.0
    assert sum(young) == pytest.approx(1.0) == pytest.approx(sum(old))


def test_demand_is_that_of_a_hot_land() -> None:
    weather = Weather(WeatherConfig(cover=False, wet_days=0.0), 1)
    under, outside = 0.0, 0.0
    for quarter in range(96):
        now = weather.at(quarter * 900.0)
        parts = (now.sky.sun_w_m2, now.sky.air_c, now.sky.vapour_kpa, now.wind_m_s)
        under += demand_mm_h(*parts, 0.65) / 4
        outside += demand_mm_h(*parts, 1.0) / 4
    assert 2.0 < under < 4.5
    assert under < outside < 8.0


def test_rain_comes_in_its_season_and_by_its_seed() -> None:
    def wet_days(chance: float, seed: int) -> int:
        weather = Weather(WeatherConfig(wet_days=chance), seed)
        return sum(
            any(weather.rain_mm_h(day * 86_400.0 + minute * 60) for minute in range(1440)) for day in range(100)
        )

    assert wet_days(0.0, 1) == 0
    assert 35 < wet_days(0.5, 1) < 65
    weather = Weather(WeatherConfig(wet_days=1.0), 2)
    at_s = weather.next_change_s(0.0)
    assert weather.rain_mm_h(at_s - 0.5) == 0.0
    assert weather.rain_mm_h(at_s) > 0.0
    assert weather.at(at_s).sky.sun_w_m2 < Weather(WeatherConfig(wet_days=0.0), 2).at(at_s).sky.sun_w_m2


def test_probes_are_born_with_errors_and_feel_water_late() -> None:
    honest = World(WorldConfig(spread=0.0, probe_errors=0.0), 4)
    said = [honest.senses.say(name) for name in honest.probes]
    assert said == pytest.approx([29.2] * 4, abs=0.3)
    worlds = [World(WorldConfig(spread=0.0), seed) for seed in range(20)]
    every = [world.senses.say(name) for world in worlds for name in world.probes]
    mean = sum(every) / len(every)
    assert mean == pytest.approx(29.2, abs=0.5)
    assert 0.8 < math.sqrt(sum((reading - mean) ** 2 for reading in every) / len(every)) < 2.0
    write(honest, "zone-1", 3000.0)
    write(honest, "pump", 3000.0)
    honest.step(7200.0)
    felt = [honest.senses.say(name) for name in honest.probes]
    assert min(felt[:2]) > said[0] + 1.0
    assert max(felt[2:]) < said[0] + 0.3


def test_a_solar_pump_follows_the_sun_and_stands_at_dusk() -> None:
    config = WorldConfig(pump=PumpConfig(supply="solar"), weather=WeatherConfig(wet_days=0.0), start_hour=5.0)
    world = World(config, 2)
    write(world, "zone-1", 0.0)
    write(world, "pump", 0.0)
    flows = {}
    for hour in range(5, 20):
        flows[hour] = world.truth.flow_l_min
        world.step(3600.0)
    assert flows[5] == flows[6] == flows[19] == 0.0
    assert flows[12] > 50.0
    assert 0.0 < flows[8] <= flows[12]
    assert not world.truth.pump_running
