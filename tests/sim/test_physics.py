"""The field obeys: litres are neither made nor lost, and everything lies where a melon grower would expect it."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from astral import Observer
from astral.sun import elevation
from hypothesis import given, settings
from hypothesis import strategies as st

from tonnam_sim.farm import BadState, Farm, build_farm
from tonnam_sim.physics.sky import LATITUDE_DEG, LONGITUDE_DEG, clear_sky_w_m2, sun_height
from tonnam_sim.physics.soil import SATURATION, WILTING_POINT, SoilState, step_soil
from tonnam_sim.physics.water import TANK_FULL_L, WaterState, step_water

ALL_OFF = bytes.fromhex("0500FF0000")
PUMP_ON, VALVE_1_ON, VALVE_2_ON = (bytes.fromhex(f"05000{channel}FF00") for channel in range(3))


def tell_relay(farm: Farm, *requests: bytes) -> None:
    for request in requests:
        assert farm.buses["cabinet"].execute(1, request) == request


def run(farm: Farm, wall_s: float, speed: float = 1.0, step_s: float = 1.0) -> None:
    for _ in range(round(wall_s / step_s)):
        farm.step(step_s * speed, step_s)


def water_books(farm: Farm) -> dict[str, float]:
    """What must balance to zero, in field litres, since the farm was made with meters of zero."""
    water, soil = farm.water, farm.soil
    return {
        "tank": water.well_l - water.overflow_l - water.pumped_l - water.tank_l,
        "pipes": water.pumped_l - sum(water.lines_l) - sum(zone.watered_l for zone in soil),
        "zone-1": soil[0].watered_l - soil[0].transpired_l - soil[0].drained_l - soil[0].stored_l(),
        "zone-2": soil[1].watered_l - soil[1].transpired_l - soil[1].drained_l - soil[1].stored_l(),
    }


contacts = st.lists(
    st.tuples(
        st.sampled_from([ALL_OFF, PUMP_ON, VALVE_1_ON, VALVE_2_ON, bytes.fromhex("0502010032")]),
        st.floats(0.05, 600.0),
        st.sampled_from([1.0, 20.0, 60.0]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9), hour=st.floats(0, 23.9), story=contacts)
def test_litres_are_conserved_whatever_is_switched_and_however_time_steps(
    seed: int, hour: float, story: list[tuple[bytes, float, float]]
) -> None:
    farm = build_farm(seed, hour)
    before = water_books(farm)

    for request, wall_s, speed in story:
        tell_relay(farm, request)
        farm.step(wall_s * speed, wall_s)

    after = water_books(farm)
    assert after == pytest.approx(before, abs=1e-3)
    assert 0.0 <= farm.water.tank_l <= TANK_FULL_L
    for zone in farm.soil:
        for layer in (zone.top, zone.low):
            assert WILTING_POINT - 1e-9 <= layer <= SATURATION + 1e-9


@pytest.mark.parametrize("requests", [(), (PUMP_ON,), (VALVE_1_ON, VALVE_2_ON)])
def test_nothing_flows_without_pump_and_an_open_valve(requests: tuple[bytes, ...]) -> None:
    farm = build_farm(1, 13.5)
    litres = farm.water.meter_l
    tell_relay(farm, *requests)
    run(farm, 60)
    assert farm.water.meter_l == litres
    assert farm.water.flow_l_min == 0.0


def test_pump_and_valve_give_sixty_litres_a_minute_to_that_zone_only() -> None:
    farm = build_farm(1, 13.5)
    litres = farm.water.meter_l
    tell_relay(farm, PUMP_ON, VALVE_1_ON)
    run(farm, 60)
    assert farm.water.meter_l - litres == pytest.approx(60, abs=3)
    assert farm.water.flow_l_min == pytest.approx(60, abs=2)
    assert farm.soil[0].watered_l > 50
    assert farm.soil[1].watered_l == 0


def test_two_zones_together_share_the_pump() -> None:
    farm = build_farm(1, 13.5)
    tell_relay(farm, PUMP_ON, VALVE_1_ON, VALVE_2_ON)
    run(farm, 10)
    assert 95 < farm.water.flow_l_min < 108


def test_a_line_fills_for_seconds_before_the_soil_gets_water() -> None:
    farm = build_farm(1, 13.5)
    tell_relay(farm, PUMP_ON, VALVE_1_ON)
    run(farm, 4)
    assert farm.water.flow_l_min > 50
    assert farm.soil[0].watered_l == 0
    run(farm, 6)
    assert farm.soil[0].watered_l > 0


def test_the_meter_stops_within_one_pulse_of_closing() -> None:
    farm = build_farm(1, 13.5)
    tell_relay(farm, PUMP_ON, VALVE_1_ON)
    run(farm, 60)
    tell_relay(farm, ALL_OFF)
    at_close = int(farm.water.meter_l)
    run(farm, 30)
    assert int(farm.water.meter_l) - at_close <= 1
    assert farm.water.flow_l_min == 0.0


def test_a_flash_shorter_than_a_step_gives_only_its_own_litres() -> None:
    farm = build_farm(1, 13.5)
    litres = farm.water.meter_l
    tell_relay(farm, PUMP_ON, bytes.fromhex("0502010064"))
    farm.step(60.0, 60.0)
    assert farm.water.meter_l - litres == pytest.approx(10, abs=0.5)


def test_an_empty_tank_gives_nothing_and_the_pump_draws_again_only_when_primed() -> None:
    water = WaterState(tank_l=55.0)
    paths = [True, False]
    step_water(water, 60.0, 1.0, pump_on=True, paths_open=paths)
    assert not water.primed
    step_water(water, 60.0, 1.0, pump_on=True, paths_open=paths)
    assert water.flow_l_min == 0.0
    step_water(water, 1200.0, 1.0, pump_on=False, paths_open=paths)
    step_water(water, 10.0, 1.0, pump_on=True, paths_open=paths)
    assert water.flow_l_min > 50


def test_the_well_fills_the_tank_and_the_rest_spills() -> None:
    water = WaterState(tank_l=9_990.0)
    step_water(water, 60.0, 1.0, pump_on=False, paths_open=[False, False])
    assert water.tank_l == 10_000.0
    assert water.overflow_l == pytest.approx(5.0)


def test_soil_above_field_capacity_drains_and_dry_soil_gives_less() -> None:
    wet, dry = SoilState(top=0.40, low=0.32), SoilState(top=0.19, low=0.19)
    for _ in range(48):
        step_soil(wet, 3600.0, 0.0, 0.0)
        step_soil(dry, 3600.0, 0.0, 0.3)
    assert wet.drained_l > 0
    assert wet.top < 0.33
    assert dry.transpired_l < 0.35 * 48 * 0.3 * 1600


@pytest.mark.parametrize("seed", range(4))
def test_a_sunny_day_takes_three_to_six_millimetres(seed: int) -> None:
    farm = build_farm(seed, 0.0)
    et_mm = 0.0
    for _ in range(1440):
        farm.step(60.0, 60.0)
        et_mm += farm.climate.reference_et_mm_h / 60
    assert 3.0 < et_mm < 6.0


def test_the_house_is_warm_by_day_moist_by_night_and_dark_at_midnight() -> None:
    farm = build_farm(2, 0.0)
    by_hour = {}
    for hour in range(24):
        by_hour[hour] = farm.climate
        run(farm, 3600, step_s=60)
    assert 28 < by_hour[13].air_c < 36
    assert 15 < by_hour[5].air_c < 22
    assert by_hour[5].humidity_pct > 85
    assert 40 < by_hour[13].humidity_pct < 70
    assert by_hour[0].illuminance_lx == 0.0
    assert 40_000 < by_hour[12].illuminance_lx < 80_000


def test_a_ten_kilowatt_roof_makes_thirty_to_sixty_kilowatt_hours_on_a_sunny_day() -> None:
    farm = build_farm(1, 0.0)
    made_wh = -farm.state()["roof"]["energy_wh"]
    run(farm, 86_400, step_s=60)
    made_wh += farm.state()["roof"]["energy_wh"]
    assert 30_000 < made_wh < 60_000


def test_at_speed_twenty_soil_falls_visibly_and_a_minute_of_water_lifts_it_clearly() -> None:
    farm = build_farm(1, 13.5)
    start = farm.probe(0, 0).vwc_pct
    run(farm, 120, speed=20, step_s=0.2)
    fallen_a_minute = (start - farm.probe(0, 0).vwc_pct) / 2
    assert 0.3 < fallen_a_minute < 0.6

    dry = farm.probe(0, 0).vwc_pct
    tell_relay(farm, bytes.fromhex("0502000258"), bytes.fromhex("0502010258"))
    run(farm, 75, speed=20, step_s=0.2)
    assert 1.0 < farm.probe(0, 0).vwc_pct - dry < 3.0


def test_twin_probes_differ_a_little_and_always_alike() -> None:
    farm, again = build_farm(5, 13.5), build_farm(5, 13.5)
    twins = [farm.probe(0, twin).vwc_pct for twin in (0, 1)]
    assert twins[0] != twins[1]
    assert abs(twins[0] - twins[1]) < 3.0
    assert twins == [again.probe(0, twin).vwc_pct for twin in (0, 1)]


def test_the_same_seed_gives_the_same_week_and_another_seed_another() -> None:
    farms = [build_farm(seed, 6.0) for seed in (3, 3, 4)]
    for farm in farms:
        run(farm, 7200, step_s=60)
    states = [farm.state() for farm in farms]
    assert states[0] == states[1] != states[2]


def test_a_saved_farm_goes_on_as_if_nothing_had_happened() -> None:
    farm = build_farm(1, 10.0)
    run(farm, 3600, step_s=60)
    restored = build_farm(1, farm.hour, json.loads(json.dumps(farm.state())))
    for each in (farm, restored):
        run(each, 3600, step_s=60)
    assert restored.state() == farm.state()


def test_a_saved_farm_told_another_hour_goes_forward_to_it_with_its_soil() -> None:
    farm = build_farm(1, 20.0)
    next_day = build_farm(1, 13.5, farm.state())
    assert next_day.state()["field_s"] == 86_400 + 13.5 * 3600
    assert next_day.soil[0].top == farm.soil[0].top


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.update(water="wet"),
        lambda state: state["soil"].pop(),
        lambda state: state["air"].update(air_c=math.nan),
        lambda state: state.update(unheard_of=1),
    ],
)
def test_a_state_that_is_not_a_farms_is_refused(spoil: "object") -> None:
    state = build_farm(1, 12.0).state()
    assert callable(spoil)
    spoil(state)
    with pytest.raises(BadState):
        build_farm(1, 12.0, state)


def test_coarse_and_fine_steps_agree() -> None:
    coarse, fine = build_farm(1, 9.0), build_farm(1, 9.0)
    for farm in (coarse, fine):
        tell_relay(farm, PUMP_ON, VALVE_2_ON)
    run(coarse, 3600, step_s=60)
    run(fine, 3600, step_s=0.5)
    assert coarse.soil[1].top == pytest.approx(fine.soil[1].top, abs=5e-4)
    assert coarse.water.meter_l == pytest.approx(fine.water.meter_l, abs=5)


@pytest.mark.parametrize(("field_s", "wall_s"), [(-1.0, 1.0), (1.0, -1.0), (1.0, 0.0), (0.0, 1.0)])
def test_time_that_does_not_go_forward_on_both_clocks_is_refused(field_s: float, wall_s: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        build_farm(1, 12.0).step(field_s, wall_s)


def test_seven_days_of_minutes_are_stepped_in_seconds() -> None:
    farm = build_farm(1, 0.0)
    started = datetime.now(UTC)
    run(farm, 7 * 86_400, step_s=60)
    assert datetime.now(UTC) - started < timedelta(seconds=3)


@pytest.mark.parametrize("clock_h", [7.0, 9.5, 12.0, 15.0, 17.0])
def test_the_sun_stands_where_astral_says(clock_h: float) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=clock_h - 7)
    degrees = elevation(Observer(LATITUDE_DEG, LONGITUDE_DEG), at, with_refraction=False)
    assert math.degrees(math.asin(sun_height(324, clock_h))) == pytest.approx(degrees, abs=0.6)


def test_a_clear_november_noon_has_some_850_watts_and_midnight_none() -> None:
    assert clear_sky_w_m2(324, 12.0) == pytest.approx(850, abs=40)
    assert clear_sky_w_m2(324, 0.0) == 0.0
