"""Crops over their season, and the defaults that come with the package."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonnam_edge.agronomy import defaults
from tonnam_edge.agronomy.crop import Stage

MELON = defaults.crops()["melon-greenhouse"].crop

# facts/agronomy.md: initial / middle / end
KC = {
    "tomato": (0.6, 1.15, 0.9),
    "lettuce": (0.7, 1.0, 0.95),
    "cantaloupe": (0.5, 0.85, 0.6),
    "sweet-melon": (0.5, 1.05, 0.75),
    "melon-greenhouse": (0.5, 1.05, 0.75),
    "chili": (0.6, 1.05, 0.9),
    "rice": (1.05, 1.2, 0.9),
}
SOILS = {"sand": (0.12, 0.05), "loam": (0.25, 0.12), "clay-loam": (0.32, 0.18), "clay": (0.36, 0.22)}


def test_the_default_crops_have_the_coefficients_of_fao_56() -> None:
    found = {key: (d.crop.kc_initial, d.crop.kc_middle, d.crop.kc_end) for key, d in defaults.crops().items()}
    assert found == KC


def test_the_default_soils_are_those_of_the_book() -> None:
    assert {key: (soil.field_capacity, soil.wilting_point) for key, soil in defaults.soils().items()} == SOILS


def test_every_default_has_a_name_in_thai_and_english_and_every_crop_a_source() -> None:
    names = [crop.name for crop in defaults.crops().values()] + [soil.name for soil in defaults.soils().values()]
    for name in names:
        assert set(name) == {"th", "en"}
        assert all(name.values())
    assert all(default.source for default in defaults.crops().values())


def test_a_greenhouse_melon_takes_80_days_and_a_sweet_melon_120() -> None:
    assert MELON.season_days == 80
    sweet = defaults.crops()["sweet-melon"].crop
    stages = (sweet.initial_days, sweet.development_days, sweet.middle_days, sweet.late_days)
    assert stages == (25, 35, 40, 20)
    assert (sweet.depletion_fraction, sweet.root_depth_m) == (0.4, 0.8)


def test_kc_stays_climbs_stays_and_falls() -> None:
    tomato = defaults.crops()["tomato"].crop  # 30, 40, 45, 30 days
    days = {-5: 0.6, 0: 0.6, 30: 0.6, 50: 0.875, 70: 1.15, 115: 1.15, 130: 1.025, 145: 0.9, 400: 0.9}
    assert {day: tomato.kc(day) for day in days} == pytest.approx(days)


def test_stages_and_roots_follow_the_days() -> None:
    assert [MELON.stage(day) for day in (-1, 0, 17, 40, 67, 90)] == [
        Stage.INITIAL, Stage.INITIAL, Stage.DEVELOPMENT, Stage.MIDDLE, Stage.LATE, Stage.LATE,
    ]  # fmt: skip
    assert [MELON.rooted_m(day) for day in (-1, 0, 20, 40, 79)] == pytest.approx([0.15, 0.15, 0.275, 0.4, 0.4])


def test_a_crop_that_is_the_same_all_year_needs_no_stages() -> None:
    durian = replace(
        MELON, initial_days=0, development_days=0, late_days=0, middle_days=365,
        kc_initial=0.8, kc_middle=0.8, kc_end=0.8, root_depth_initial_m=0.6, root_depth_m=0.6,
    )  # fmt: skip
    assert {durian.kc(day) for day in (-1, 0, 100, 400)} == {0.8}
    assert durian.rooted_m(0) == 0.6


@pytest.mark.parametrize(
    ("field", "value"),
    [("kc_middle", 11.5), ("kc_middle", float("nan")), ("depletion_fraction", 40.0), ("root_depth_m", 40.0)],
)
def test_what_no_crop_has_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        replace(MELON, **{field: value})


@settings(deadline=None)
@given(st.sampled_from(sorted(KC)), st.floats(-1e6, 1e6))
def test_on_any_day_kc_and_roots_lie_within_the_crops_own(key: str, day: float) -> None:
    crop = defaults.crops()[key].crop
    low, high = min(KC[key]), max(KC[key])
    assert low - 1e-12 <= crop.kc(day) <= high + 1e-12
    assert crop.root_depth_initial_m <= crop.rooted_m(day) <= crop.root_depth_m
