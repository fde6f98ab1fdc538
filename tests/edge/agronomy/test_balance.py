"""The water balance: what goes in is stored, used or drained; and nothing absurd empties or floods a field."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tonnam_edge.agronomy import balance, defaults
from tonnam_edge.agronomy.balance import Soil, State, Step
from tonnam_edge.agronomy.marks import Mark

MELON = defaults.crops()["melon-greenhouse"].crop
TOMATO = defaults.crops()["tomato"].crop
LOAM = Soil(field_capacity=0.25, wilting_point=0.12, area_m2=1600, interception=False, application_efficiency=1.0)
DRIP = Soil(field_capacity=0.32, wilting_point=0.18, area_m2=1600, wetted_fraction=0.5)
MIDDLE = MELON.middle_of_season


def step(state: State, soil: Soil = LOAM, **said: Any) -> Step:
    return balance.advance(state, soil, MELON, **{"day": MIDDLE, "days": 1.0, "et0_mm": 5 / 1.05, **said})


def test_taw_and_raw_are_those_of_the_book() -> None:
    held = balance.reserves(LOAM, MELON, MIDDLE, 5.0)
    assert held == pytest.approx((1000 * (0.25 - 0.12) * 0.40, 0.4 * 52, 0.4))


@pytest.mark.parametrize(("demand_mm_day", "p"), [(5, 0.4), (7, 0.32), (3, 0.48), (15, 0.1), (-9, 0.8)])
def test_p_moves_with_demand_within_0_1_and_0_8(demand_mm_day: float, p: float) -> None:
    assert balance.reserves(LOAM, MELON, MIDDLE, demand_mm_day).p == pytest.approx(p)


def test_depletion_grows_by_etc_and_shrinks_by_rain_and_metered_water() -> None:
    assert step(State(10)).state.depletion_mm == pytest.approx(15)
    assert step(State(10), rain_mm=3).state.depletion_mm == pytest.approx(12)
    assert step(State(10), irrigation_l=1600 * 7).state.depletion_mm == pytest.approx(8)


def test_ks_is_one_down_to_raw_and_falls_to_nothing_at_taw() -> None:
    held = balance.reserves(LOAM, MELON, MIDDLE, 5.0)
    assert balance.stress(held.raw_mm, held) == 1
    assert balance.stress((held.raw_mm + held.taw_mm) / 2, held) == pytest.approx(0.5)
    assert balance.stress(held.taw_mm, held) == 0
    assert step(State(held.taw_mm)).et_mm == 0
    assert step(State((held.raw_mm + held.taw_mm) / 2)).ks == pytest.approx(0.5)


def test_more_water_than_the_soil_holds_drains() -> None:
    done = step(State(10), rain_mm=30)
    assert done.state.depletion_mm == 0
    assert done.drained_mm == pytest.approx(30 - 10 - 5)


def test_under_drip_the_wetted_part_holds_the_water_of_the_zone() -> None:
    assert balance.reserves(DRIP, MELON, MIDDLE, 5.0).taw_mm == pytest.approx(1000 * 0.14 * 0.4 * 0.5)
    done = step(State(20), DRIP, irrigation_l=1600 * 10)
    assert (done.irrigation_mm, done.lost_mm) == pytest.approx((9, 1))
    assert DRIP.litres_to_fill(9) == pytest.approx(1600 * 10)
    assert DRIP.depletion_of_mm(0.25, MELON, MIDDLE) == pytest.approx(0.07 * 200)


def test_under_drip_roots_get_the_rain_that_falls_on_them() -> None:
    done = step(State(20), replace(DRIP, interception=False), rain_mm=10)
    assert (done.effective_rain_mm, done.beside_mm) == (5, 5)
    assert done.state.depletion_mm == pytest.approx(20 - 5 + done.et_mm)


def test_a_substrate_has_its_own_volume() -> None:
    bag = replace(LOAM, volume_l_m2=20, field_capacity=0.6, wilting_point=0.2)
    assert balance.reserves(bag, MELON, 0, 5.0).taw_mm == pytest.approx(8)


def test_under_cover_it_does_not_rain() -> None:
    assert step(State(10), replace(LOAM, rained_on=False), rain_mm=30).state.depletion_mm == pytest.approx(15)
    assert step(State(10), replace(LOAM, rained_on=False), rain_mm=None).marks == frozenset()


def test_the_first_fifth_of_et0_of_a_rain_only_wets_leaves() -> None:
    leafy = replace(LOAM, interception=True)
    assert step(State(10), leafy, rain_mm=0.5).intercepted_mm == pytest.approx(0.5)
    assert step(State(10), leafy, rain_mm=20).intercepted_mm == pytest.approx(0.2 * 5 / 1.05)
    assert step(State(10, dry_leaf_mm=0.9), leafy, rain_mm=20).intercepted_mm == 1.0


def test_a_day_in_minutes_is_the_day_in_one() -> None:
    begin = State(8, demand_mm_day=5)
    whole = step(begin, irrigation_l=1600 * 4)
    state = begin
    for minute in range(1440):
        litres = 1600 * 4 / 30 if 400 <= minute < 430 else 0.0
        done = step(state, day=MIDDLE + minute / 1440, days=1 / 1440, et0_mm=5 / 1.05 / 1440, irrigation_l=litres)
        state = done.state
    assert state.depletion_mm == pytest.approx(whole.state.depletion_mm, abs=1e-6)
    assert state.demand_mm_day == pytest.approx(5, abs=1e-6)


def test_a_watering_alone_takes_no_time() -> None:
    done = step(State(10), days=0.0, et0_mm=0.0, irrigation_l=1600 * 3)
    assert done.state.depletion_mm == pytest.approx(7)
    assert done.marks == frozenset()


def test_a_week_off_dries_the_soil_as_seven_days_do() -> None:
    state = State(0)
    for day in range(7):
        state = step(state, day=25 + day).state  # while Kc climbs
    week = step(State(0), day=25, days=7.0, et0_mm=7 * 5 / 1.05)
    assert week.state.depletion_mm == pytest.approx(state.depletion_mm)


def test_a_nothing_remembered_begins_at_the_probe_else_at_half_of_raw() -> None:
    held = balance.reserves(LOAM, MELON, MIDDLE, 5.0)
    assert balance.start(LOAM, MELON, MIDDLE, 0.20).depletion_mm == pytest.approx(20)
    assert balance.start(LOAM, MELON, MIDDLE, 0.02).depletion_mm == pytest.approx(held.taw_mm)
    assert balance.start(LOAM, MELON, MIDDLE).depletion_mm == pytest.approx(held.raw_mm / 2)


def test_an_unknown_et0_goes_on_with_the_crops_use_of_late_and_says_so() -> None:
    done = step(State(10, demand_mm_day=4), et0_mm=None)
    assert done.state.depletion_mm == pytest.approx(14)
    assert done.marks == {Mark.ET0_UNKNOWN}
    assert step(State(10, demand_mm_day=4), et0_mm=float("nan")).marks == {Mark.ET0_UNKNOWN, Mark.REJECTED}


@pytest.mark.parametrize(
    ("days", "et0_mm", "believed"),
    [
        (1.0, 15.0, True),
        (1.0, 15.1, False),
        (7.0, 105.0, True),
        (7.0, 106.0, False),
        (1 / 24, 1.5, True),
        (1 / 24, 1.6, False),
        (1 / 1440, 0.1, False),
        (0.9, 15.1, False),
    ],
)
def test_an_et0_beyond_15_mm_a_day_or_1_5_an_hour_is_not_believed(days: float, et0_mm: float, believed: bool) -> None:
    assert (Mark.ET0_UNKNOWN not in step(State(10), days=days, et0_mm=et0_mm).marks) == believed


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ({"rain_mm": None}, Mark.RAIN_UNKNOWN),
        ({"rain_mm": 4000.0}, Mark.RAIN_UNKNOWN),
        ({"irrigation_l": None}, Mark.IRRIGATION_UNKNOWN),
        ({"irrigation_l": 1e12}, Mark.IRRIGATION_UNKNOWN),
        ({"irrigation_l": -5.0}, Mark.IRRIGATION_UNKNOWN),
    ],
)
def test_water_that_is_unknown_or_cannot_be_counts_as_none(said: dict[str, Any], mark: Mark) -> None:
    done = step(State(10), **said)
    assert done.state.depletion_mm == pytest.approx(15)
    assert mark in done.marks


def test_the_state_comes_back_from_json() -> None:
    state = step(State(10), rain_mm=1).state
    assert balance.restored(json.loads(json.dumps(asdict(state)))) == state
    assert balance.restored({}) is None
    assert balance.restored({"depletion_mm": "wet"}) is None
    assert balance.restored({"depletion_mm": 3, "demand_mm_day": float("nan"), "dry_leaf_mm": -1}) == State(3.0)


@pytest.mark.parametrize(
    "said",
    [
        {"field_capacity": 0.1},
        {"wilting_point": float("nan")},
        {"area_m2": 0},
        {"wetted_fraction": 0},
        {"application_efficiency": 90},
        {"volume_l_m2": 0},
    ],
)
def test_what_no_soil_is_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"0\.|between"):
        replace(LOAM, **said)


@st.composite
def soils(draw: st.DrawFn) -> Soil:
    wilting = draw(st.floats(0, 0.4))
    return Soil(
        field_capacity=wilting + draw(st.floats(0.01, 0.4)),
        wilting_point=wilting,
        area_m2=draw(st.floats(1, 1e5)),
        wetted_fraction=draw(st.floats(0.05, 1)),
        application_efficiency=draw(st.floats(0.5, 1)),
        rained_on=draw(st.booleans()),
        interception=draw(st.booleans()),
    )


@settings(deadline=None)
@given(soils(), st.floats(0, 300), st.floats(-5, 130), st.floats(0, 20), st.data())
def test_water_in_is_stored_used_or_drained(
    soil: Soil, depletion: float, day: float, days: float, data: st.DataObject
) -> None:
    rain = data.draw(st.floats(0, 300))
    litres = data.draw(st.floats(0, 150)) * soil.area_m2
    et0 = data.draw(st.floats(0, 12)) * days
    before = State(depletion, data.draw(st.floats(0, 12)), data.draw(st.floats(0, 1)))
    done = balance.advance(before, soil, MELON, day=day, days=days, et0_mm=et0, rain_mm=rain, irrigation_l=litres)
    came = done.effective_rain_mm + done.irrigation_mm
    dried = done.state.depletion_mm - before.depletion_mm + done.adjusted_mm
    assert came == pytest.approx(done.et_mm + done.drained_mm - dried, abs=1e-6)
    assert done.irrigation_mm + done.lost_mm == pytest.approx(litres / soil.area_m2)
    fell = done.effective_rain_mm + done.beside_mm + done.intercepted_mm
    assert fell == pytest.approx(rain if soil.rained_on else 0)
    assert done.effective_rain_mm == pytest.approx((fell - done.intercepted_mm) * soil.wetted_fraction)
    assert 0 <= done.state.depletion_mm <= done.reserves.taw_mm + 1e-9
    assert 0 <= done.et_mm <= done.etc_mm + 1e-9
    assert 0 <= done.ks <= 1 + 1e-9
    assert not done.marks


@settings(deadline=None)
@given(soils(), st.floats(0, 200), st.floats(0, 12), st.floats(0, 50), st.floats(0, 20))
def test_more_water_never_leaves_the_soil_drier(
    soil: Soil, depletion: float, et0: float, mm: float, more: float
) -> None:
    def after(litres: float) -> float:
        done = balance.advance(State(depletion), soil, MELON, day=40, days=1, et0_mm=et0, irrigation_l=litres)
        return done.state.depletion_mm

    assert after((mm + more) * soil.area_m2) <= after(mm * soil.area_m2) + 1e-9


@settings(deadline=None)
@given(soils(), st.data())
def test_whatever_is_said_the_depletion_is_a_number_within_taw(soil: Soil, data: st.DataObject) -> None:
    names = ("day", "days", "et0_mm", "kc_trim", "rain_mm", "irrigation_l")
    state = State(data.draw(st.floats(0, 100)))
    for _ in range(2):
        said: dict[str, Any] = {name: data.draw(anything) for name in names}
        done = balance.advance(state, soil, TOMATO, **said)
        state = done.state
        assert 0 <= state.depletion_mm <= done.reserves.taw_mm
        assert 0 <= state.demand_mm_day <= 100
        assert balance.restored(json.loads(json.dumps(asdict(state)))) == state
