"""The dual crop coefficient: FAO-56's worked examples, wetting and drying, and that no water is lost."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tonnam_edge.agronomy import balance, defaults, dual
from tonnam_edge.agronomy.balance import Soil, State
from tonnam_edge.agronomy.crop import Climate, Crop
from tonnam_edge.agronomy.dual import Layer, Surface

TOMATO = defaults.crops()["tomato"].crop
SPRINKLED = Surface(total_mm=19, readily_mm=9)
DRIP = Surface(total_mm=19, readily_mm=9, wetted=0.35, drips=True)
LOAM = Soil(
    field_capacity=0.25, wilting_point=0.12, area_m2=100, interception=False, application_efficiency=1.0,
    surface=SPRINKLED,
)  # fmt: skip
MIDDLE = TOMATO.middle_of_season
# Example 35: ET0, rain, irrigation over what it wets, 1 - fc, Kcb, then as printed: De at the start, Kr, Ke, E/few,
# De at the end, E, Kc.
EXAMPLE_35 = (
    (4.5, 0, 50, 0.92, 0.30, 0, 1.00, 0.91, 5.1, 5, 4.1, 1.21),
    (5.0, 0, 0, 0.91, 0.31, 5, 1.00, 0.90, 5.6, 11, 4.5, 1.21),
    (3.9, 0, 0, 0.91, 0.32, 11, 0.72, 0.64, 3.1, 14, 2.5, 0.97),
    (4.2, 0, 0, 0.90, 0.33, 14, 0.41, 0.36, 1.9, 16, 1.5, 0.69),
    (4.8, 0, 0, 0.89, 0.34, 16, 0.22, 0.19, 1.1, 17, 0.9, 0.54),
    (2.7, 6, 0, 0.89, 0.36, 11, 0.71, 0.60, 1.8, 13, 1.6, 0.96),
    (5.8, 0, 0, 0.88, 0.37, 13, 0.52, 0.44, 2.9, 16, 2.6, 0.81),
    (5.1, 0, 0, 0.87, 0.38, 16, 0.23, 0.19, 1.1, 17, 1.0, 0.57),
    (4.7, 0, 0, 0.87, 0.39, 17, 0.12, 0.10, 0.5, 17, 0.5, 0.49),
    (5.2, 0, 0, 0.86, 0.40, 17, 0.07, 0.05, 0.3, 18, 0.3, 0.45),
)


def test_total_evaporable_water_of_example_35() -> None:
    assert dual.total_evaporable_mm(0.23, 0.10, 0.1) == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("kcb", "climate", "height_m", "kc_max"),
    [
        (0.30, Climate(1.6, 35), 0.3, 1.21),  # example 35
        (0.90, Climate(3, 20), 1.0, 1.30),  # cotton after sprinkling
        (1.28, Climate(2, 45), 1.0, 1.33),  # never less than Kcb + 0.05
    ],
)
def test_the_most_that_energy_allows(kcb: float, climate: Climate, height_m: float, kc_max: float) -> None:
    assert round(dual.most(kcb, climate, height_m), 2) == kc_max


@pytest.mark.parametrize(
    ("surface", "exposed", "ke"),
    [
        (SPRINKLED, 0.47, 0.40),  # limited by the energy above Kcb
        (replace(SPRINKLED, wetted=0.3), 0.30, 0.39),  # furrows: limited by the exposed wet soil
        (replace(DRIP, wetted=0.3), 0.19, 0.25),  # drippers in the shade
    ],
)
def test_cotton_just_watered(surface: Surface, exposed: float, ke: float) -> None:
    """FAO-56's cotton: Kcb 0.9, u2 3 m/s, RHmin 20 %, 1 m high, so that fc is 0.53; under three irrigations."""
    kc_max = dual.most(0.9, Climate(3, 20), 1.0)
    covered = dual.cover(0.9, kc_max, 1.0)
    few = dual.exposed(surface, covered, surface.wetted)
    assert round(covered, 2) == 0.53
    assert (few, min(kc_max - 0.9, few * kc_max)) == pytest.approx((exposed, ke), abs=0.006)


def test_the_ten_days_of_example_35() -> None:
    surface, layer = Surface(total_mm=18, readily_mm=8, wetted=0.8), Layer(18, 0.8)
    for et0, rain, flooded, bare, kcb, de_start, kr, ke, per_exposed, de_end, evaporated, kc in EXAMPLE_35:
        layer = dual.wet(layer, surface, rain_mm=rain, irrigation_mm=0.8 * flooded, days=1)
        few = dual.exposed(surface, 1 - bare, layer.wetted)
        kc_max = dual.most(kcb, Climate(1.6, 35), 0.3)
        found_kr = dual.reduction(surface, layer.evaporated_mm)
        found_ke = min(found_kr * (kc_max - kcb), few * kc_max)
        assert layer.evaporated_mm == pytest.approx(de_start, abs=0.51)
        layer = dual.dried(layer, surface, found_ke * et0, few)
        assert (found_kr, found_ke, kcb + found_ke) == pytest.approx((kr, ke, kc), abs=0.0101)
        assert (found_ke * et0 / few, found_ke * et0) == pytest.approx((per_exposed, evaporated), abs=0.06)
        assert layer.evaporated_mm == pytest.approx(de_end, abs=0.51)


def test_beans_in_dry_wind_drink_more_and_dying_leaves_do_not() -> None:
    """FAO-56's dry beans: Kcb 0.15, 1.10, 0.25; u2 2.2 m/s, RHmin 30 %, 0.4 m; 25, 25, 30 and 20 days."""
    beans = replace(
        TOMATO, initial_days=25, development_days=25, middle_days=30, late_days=20,
        kcb_initial=0.15, kcb_middle=1.10, kcb_end=0.25, height_m=0.4,
    )  # fmt: skip
    climate = Climate(2.2, 30)
    days = {20: 0.15, 40: 0.74, 70: 1.14, 95: 0.47}
    assert {day: round(beans.kcb(day, climate), 2) for day in days} == days
    assert beans.kcb(70) == 1.10


def test_the_default_coefficients_are_those_of_table_17() -> None:
    from pyfao56.tools import FAO56Tables  # type: ignore[import-untyped]

    table = FAO56Tables().table17.set_index("Crop")
    named = {
        "lettuce": "lettuce", "chili": "sweet peppers bell", "tomato": "tomato", "cantaloupe": "cantaloupe",
        "sweet-melon": "sweet melons", "melon-greenhouse": "sweet melons", "rice": "rice",
    }  # fmt: skip
    for key, name in named.items():
        crop = defaults.crops()[key].crop
        theirs = [float(table.loc[name][column]) for column in ("Kcbini", "Kcbmid", "Kcbend")]
        assert [crop.kcb_initial, crop.kcb_middle] == theirs[:2]
        assert crop.kcb_end == pytest.approx(theirs[2], abs=0.14)  # the table gives ranges, they the middle


def test_basal_and_single_coefficients_differ_by_little_but_bare_soil() -> None:
    for default in defaults.crops().values():
        crop = default.crop
        assert 0 < crop.kc_middle - crop.kcb_middle <= 0.1
        assert crop.kcb_initial < crop.kc_initial


def advance(state: State, soil: Soil = LOAM, **said: Any) -> balance.Step:
    return balance.advance(state, soil, TOMATO, **{"day": 5.0, "days": 1.0, "et0_mm": 5.0, **said})


def test_a_wet_surface_evaporates_and_then_dries() -> None:
    state, seen = State(5.0), []
    done = advance(state, irrigation_l=100 * 30)
    for _ in range(12):
        seen.append(done.evaporation_mm)
        done = advance(done.state)
    assert seen[0] == pytest.approx((1.2 - 0.15) * 5)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(seen))
    assert seen[-1] < 0.3
    assert done.etc_mm == pytest.approx(0.15 * 5 + done.evaporation_mm)


def test_drip_and_mulch_save_the_suns_share() -> None:
    def lost(surface: Surface) -> float:
        state, total = State(10.0), 0.0
        for day in range(20):
            done = advance(state, replace(LOAM, surface=surface), day=float(day), irrigation_l=100 * 4.0)
            state, total = done.state, total + done.evaporation_mm
        return total

    sprinkled, drip, mulched = map(lost, (SPRINKLED, DRIP, replace(DRIP, mulch_reduction=0.65)))
    assert drip < 0.5 * sprinkled
    assert mulched == pytest.approx(0.35 * drip, rel=0.05)


def test_a_shower_wets_all_of_the_soil_and_a_drizzle_only_what_was_wet() -> None:
    layer = Layer(15.0, 0.35)
    assert dual.wet(layer, DRIP, rain_mm=2, irrigation_mm=0, days=1) == Layer(13.0, 0.35, 2)
    assert dual.wet(layer, DRIP, rain_mm=4, irrigation_mm=0, days=1).wetted == 1.0
    drizzle = layer
    for _ in range(12):  # half a day of a quarter millimetre an hour and a bit
        drizzle = dual.wet(drizzle, DRIP, rain_mm=0.3, irrigation_mm=0, days=1 / 24)
    assert drizzle.wetted == 1.0
    assert dual.wet(drizzle, DRIP, rain_mm=0, irrigation_mm=1, days=0).wetted == 0.35
    assert dual.wet(drizzle, DRIP, rain_mm=0, irrigation_mm=0, days=2).shower_mm == 0


def test_a_watering_in_part_of_a_day_wets_at_once() -> None:
    done = advance(
        State(10.0, evaporated_mm=19.0, wetted=0.35),
        replace(LOAM, surface=DRIP),
        days=0.0,
        et0_mm=0.0,
        irrigation_l=100 * 3,
    )
    assert done.state.evaporated_mm == pytest.approx(19 - 3 / 0.35)
    assert done.state.depletion_mm == pytest.approx(7)


def test_hours_agree_with_days_but_for_the_day_on_which_the_layer_begins_to_resist() -> None:
    wet = State(5.0, evaporated_mm=0.0, wetted=1.0)
    whole = advance(wet).state
    state = wet
    for _ in range(24):
        state = advance(state, days=1 / 24, et0_mm=5 / 24).state
    assert state.evaporated_mm == pytest.approx(whole.evaporated_mm)  # readily all the time
    for _ in range(5 * 24):
        state = advance(state, days=1 / 24, et0_mm=5 / 24).state
    for _ in range(5):
        whole = advance(whole).state
    assert state.evaporated_mm == pytest.approx(whole.evaporated_mm, abs=1.0)
    assert (state.evaporated_mm or 0.0) < (whole.evaporated_mm or 0.0)


def test_soil_beside_the_roots_dries_by_the_rain_that_fell_there() -> None:
    """What the roots' part loses to the sun after rain is the same, however much bare soil lies beside it."""
    half = replace(LOAM, wetted_fraction=0.5, surface=DRIP)
    wet = balance.advance(
        State(10, evaporated_mm=9.0, wetted=0.35), half, TOMATO, day=5, days=1, et0_mm=5, rain_mm=12
    )
    assert wet.effective_rain_mm > (12 - wet.intercepted_mm) * 0.5
    assert wet.effective_rain_mm - (12 - wet.intercepted_mm) * 0.5 == pytest.approx(wet.evaporation_mm * 0.5)


def test_an_unknown_et0_is_the_use_of_late() -> None:
    done = advance(State(10, demand_mm_day=4), et0_mm=None)
    assert done.etc_mm == pytest.approx(4)


def test_a_thirsty_crop_stops_drinking_and_the_sun_does_not() -> None:
    held = balance.reserves(LOAM, TOMATO, MIDDLE, 5.0)
    done = advance(State(held.taw_mm - 5, evaporated_mm=0.0, wetted=1.0), day=MIDDLE)
    assert 0 < done.ks < 0.3
    assert done.evaporation_mm > 0
    assert done.et_mm == pytest.approx(done.ks * (done.etc_mm - done.evaporation_mm) + done.evaporation_mm)


def test_the_layer_comes_back_from_json_and_an_older_document_without_one_too() -> None:
    state = advance(State(10), rain_mm=1).state
    assert balance.restored(json.loads(json.dumps(asdict(state)))) == state
    older = balance.restored({"depletion_mm": 3})
    assert older is not None
    assert older.layer is None
    assert advance(older).state.layer is not None
    assert balance.restored({"depletion_mm": 3, "evaporated_mm": float("nan"), "wetted": 7}) == State(3.0)


@pytest.mark.parametrize("said", [{"readily_mm": 30}, {"wetted": 0}, {"mulch_reduction": 2}, {"total_mm": 0}])
def test_what_no_surface_is_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="evaporat"):
        replace(SPRINKLED, **said)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 60), st.floats(0, 18), st.floats(0.05, 1), st.floats(-5, 150), st.floats(0, 12), st.floats(0, 40),
    st.floats(0, 40), st.booleans(), st.floats(0, 1), st.sampled_from([1 / 1440, 1 / 24, 1.0, 9.0]),
)  # fmt: skip
def test_no_water_is_lost_between_layer_crop_and_drain(
    depletion: float, evaporated: float, wetted: float, day: float, et0: float, rain: float, given_mm: float,
    drips: bool, mulch: float, days: float,
) -> None:  # fmt: skip
    surface = Surface(total_mm=19, readily_mm=9, wetted=wetted, drips=drips, mulch_reduction=mulch)
    soil = replace(LOAM, surface=surface)
    before = State(depletion, evaporated_mm=evaporated, wetted=wetted)
    done = balance.advance(
        before, soil, TOMATO, day=day, days=days, et0_mm=et0 * days, rain_mm=rain * days, irrigation_l=100 * given_mm
    )
    came = done.effective_rain_mm + done.irrigation_mm
    dried = done.state.depletion_mm - before.depletion_mm + done.adjusted_mm
    assert came == pytest.approx(done.et_mm + done.drained_mm - dried, abs=1e-6)
    assert 0 <= done.evaporation_mm <= done.et_mm + 1e-9 <= done.etc_mm + 2e-9
    assert 0 <= (done.state.evaporated_mm or 0.0) <= surface.total_mm
    assert 0 <= done.ks <= 1 + 1e-9
    ceiling = dual.most(TOMATO.kcb(MIDDLE), Climate(), TOMATO.height_m)
    assert done.etc_mm <= ceiling * et0 * days + 1e-6


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_is_said_the_layer_stays_within_itself(data: st.DataObject) -> None:
    names = ("day", "days", "et0_mm", "kc_trim", "rain_mm", "irrigation_l")
    state = State(data.draw(st.floats(0, 100)))
    for _ in range(2):
        said: dict[str, Any] = {name: data.draw(anything) for name in names}
        done = balance.advance(state, LOAM, TOMATO, **said)
        state = done.state
        assert state.layer is not None
        assert 0 <= state.layer.evaporated_mm <= SPRINKLED.total_mm
        assert balance.restored(json.loads(json.dumps(asdict(state)))) == state


def test_a_crop_of_all_the_year_has_its_full_height() -> None:
    crop = replace(TOMATO, initial_days=0, development_days=0, middle_days=365, late_days=0)
    assert crop.height_on(0) == crop.height_m
    assert Crop.height_on(TOMATO, 0) == 0.1
