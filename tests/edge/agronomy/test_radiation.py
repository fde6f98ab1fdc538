"""The ladder of witnesses of light, in the open and under a cover."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tests.edge.agronomy.weather import WANG_NAM_KHIAO
from tonnam_edge.agronomy import radiation, sky
from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.radiation import Inside, Outside, Transmissivity
from tonnam_edge.agronomy.sky import Sky

DAY = sky.of_day(WANG_NAM_KHIAO, 105)
NOON = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 5, 30, tzinfo=UTC))
NIGHT = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 17, 30, tzinfo=UTC))
SIXTY = (0.6, frozenset[Mark]())


def test_extraterrestrial_radiation_of_fao_examples_8_and_9() -> None:
    rio = sky.of_day(Place(latitude_deg=-20, longitude_deg=0), 246)
    assert rio.extraterrestrial_mj_m2 == pytest.approx(32.2, abs=0.05)
    assert rio.daylight_h == pytest.approx(11.7, abs=0.05)


def test_example_10_rio_in_may_by_sunshine() -> None:
    rio = sky.of_day(Place(latitude_deg=-22.9, longitude_deg=-43.2), 135)
    seen = radiation.outside(rio, Outside(sunshine_h=7.1))
    assert seen.mj_m2 == pytest.approx(14.5, abs=0.1)


def test_the_hour_of_example_19_gets_its_extraterrestrial_radiation() -> None:
    dakar = Place(latitude_deg=16 + 13 / 60, longitude_deg=-16.25, elevation_m=8)
    hour = sky.of_hours(dakar, datetime(2025, 10, 1, 15, 30, tzinfo=UTC))
    assert hour.extraterrestrial_mj_m2 == pytest.approx(3.543, abs=0.002)
    half = [sky.of_hours(dakar, datetime(2025, 10, 1, 15, minute, tzinfo=UTC), 0.5) for minute in (15, 45)]
    assert sum(part.extraterrestrial_mj_m2 for part in half) == pytest.approx(hour.extraterrestrial_mj_m2)


def test_the_sun_that_does_not_set_or_rise_is_no_error() -> None:
    svalbard = Place(latitude_deg=78.2, longitude_deg=15.6)
    assert sky.of_day(svalbard, 172).daylight_h == pytest.approx(24)
    assert sky.of_day(svalbard, 355) == Sky(0.0, 0.0, 0.0, True)
    assert radiation.outside(sky.of_day(svalbard, 355), Outside()).mj_m2 == 0


Seen = TypeVar("Seen", Outside, Inside)


def without(seen: Seen, name: str) -> Seen:
    gone: dict[str, Any] = {name: () if name == "recent_mj_m2" else None}
    return replace(seen, **gone)


OUTSIDE_LADDER: list[tuple[str, float, Mark | None]] = [
    ("pyranometer_mj_m2", 20.0, None),
    ("sunshine_h", 8.0, Mark.RADIATION_FROM_SUNSHINE),
    ("forecast_mj_m2", 19.0, Mark.RADIATION_FROM_FORECAST),
    ("inverter_share", 0.7, Mark.RADIATION_FROM_INVERTER),
    ("t_max_c", 34.0, Mark.RADIATION_FROM_TEMPERATURE),
    ("climatology_mj_m2", 18.0, Mark.RADIATION_FROM_CLIMATOLOGY),
]


def test_in_the_open_each_witness_stands_in_for_the_one_before() -> None:
    seen = Outside(
        pyranometer_mj_m2=20, sunshine_h=8, forecast_mj_m2=19, inverter_share=0.7, t_max_c=34, t_min_c=24,
        climatology_mj_m2=18, recent_mj_m2=(17.0, 17.5, 18.5),
    )  # fmt: skip
    for name, value, mark in OUTSIDE_LADDER:
        found = radiation.outside(DAY, seen)
        assert getattr(seen, name) == value
        assert found.marks == ({mark} if mark else set())
        seen = without(seen, name)
    assert radiation.outside(DAY, seen) == (17.5, DAY.clear_mj_m2, frozenset({Mark.RADIATION_MEDIAN}))
    nothing = radiation.outside(DAY, Outside())
    assert nothing == (0.5 * DAY.extraterrestrial_mj_m2, DAY.clear_mj_m2, frozenset({Mark.RADIATION_DEFAULT}))


def test_under_cover_each_witness_stands_in_for_the_one_before() -> None:
    seen = Inside(
        pyranometer_mj_m2=13, lux_h=430_000, lux_per_w_m2=120, outside_mj_m2=20, forecast_mj_m2=19,
        inverter_share=0.5, climatology_mj_m2=18, recent_mj_m2=(10.0, 11.0, 12.0),
    )  # fmt: skip
    ladder: list[tuple[str, float, Mark | None]] = [
        ("pyranometer_mj_m2", 13, None),
        ("lux_h", 430_000 / 120 * 0.0036, Mark.RADIATION_FROM_LUX),
        ("outside_mj_m2", 12, Mark.RADIATION_FROM_OUTSIDE),
        ("forecast_mj_m2", 11.4, Mark.RADIATION_FROM_FORECAST),
        ("inverter_share", 0.5 * 0.6 * DAY.clear_mj_m2, Mark.RADIATION_FROM_INVERTER),
        ("climatology_mj_m2", 10.8, Mark.RADIATION_FROM_CLIMATOLOGY),
        ("recent_mj_m2", 11, Mark.RADIATION_MEDIAN),
    ]
    for name, expected, mark in ladder:
        found = radiation.inside(DAY, seen, SIXTY)
        assert found.mj_m2 == pytest.approx(expected)
        assert found.marks == ({mark} if mark else set())
        assert found.clear_mj_m2 == pytest.approx(0.6 * DAY.clear_mj_m2)
        seen = without(seen, name)
    assert radiation.inside(DAY, seen, SIXTY).marks == {Mark.RADIATION_DEFAULT}


def test_lux_without_a_calibration_is_no_witness() -> None:
    found = radiation.inside(DAY, Inside(lux_h=430_000, outside_mj_m2=20), SIXTY)
    assert found.marks == {Mark.RADIATION_FROM_OUTSIDE}


def test_inside_temperatures_are_no_witness_at_all() -> None:
    assert not {"t_max_c", "t_min_c"} & set(Inside.__dataclass_fields__)


@pytest.mark.parametrize("broken", [0.0, -3.0, 60.0, 1e9, float("nan"), float("inf")])
def test_a_pyranometer_that_cannot_be_right_gives_way_to_the_next_witness(broken: float) -> None:
    found = radiation.outside(DAY, Outside(pyranometer_mj_m2=broken, sunshine_h=8))
    assert found.marks == {Mark.REJECTED, Mark.RADIATION_FROM_SUNSHINE}
    under = radiation.inside(DAY, Inside(pyranometer_mj_m2=broken, outside_mj_m2=20), SIXTY)
    assert under.marks == {Mark.REJECTED, Mark.RADIATION_FROM_OUTSIDE}


@pytest.mark.parametrize(("share", "believed"), [(0.019, False), (0.021, True), (1.0, True), (1.01, False)])
def test_a_day_in_the_open_has_2_to_100_per_cent_of_the_suns_light(share: float, believed: bool) -> None:
    said = share * DAY.extraterrestrial_mj_m2
    assert (radiation.outside(DAY, Outside(pyranometer_mj_m2=said)).mj_m2 == said) == believed


@pytest.mark.parametrize(("share", "believed"), [(0.0049, False), (0.0051, True)])
def test_a_day_under_cover_has_at_least_half_a_per_cent(share: float, believed: bool) -> None:
    said = share * DAY.extraterrestrial_mj_m2
    assert (radiation.inside(DAY, Inside(pyranometer_mj_m2=said), SIXTY).mj_m2 == said) == believed


def test_a_solar_roof_at_its_best_means_a_clear_sky_and_not_more() -> None:
    assert radiation.outside(DAY, Outside(inverter_share=1.1)).mj_m2 == DAY.clear_mj_m2
    assert radiation.inside(DAY, Inside(inverter_share=1.1), SIXTY).mj_m2 == pytest.approx(0.6 * DAY.clear_mj_m2)
    assert Mark.REJECTED in radiation.outside(DAY, Outside(inverter_share=1.2)).marks


def test_an_hour_of_high_sun_has_some_light_and_a_night_has_none() -> None:
    storm = 0.003 * NOON.extraterrestrial_mj_m2
    assert radiation.outside(NOON, Outside(pyranometer_mj_m2=storm)) == (storm, NOON.clear_mj_m2, frozenset())
    dead = radiation.outside(NOON, Outside(pyranometer_mj_m2=0, sunshine_h=1))
    assert dead.marks == {Mark.REJECTED, Mark.RADIATION_FROM_SUNSHINE}
    under = radiation.inside(NOON, Inside(lux_h=0, lux_per_w_m2=120, outside_mj_m2=2), SIXTY)
    assert under.marks == {Mark.REJECTED, Mark.RADIATION_FROM_OUTSIDE}
    assert radiation.outside(NIGHT, Outside(pyranometer_mj_m2=0.01)) == (0, 0, frozenset())


def test_an_hour_begins_and_ends_with_the_sun() -> None:
    whole = [sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, h, 30, tzinfo=UTC)) for h in range(24)]
    assert sum(part.extraterrestrial_mj_m2 for part in whole) == pytest.approx(DAY.extraterrestrial_mj_m2, rel=0.01)
    assert sum(part.daylight_h for part in whole) == pytest.approx(DAY.daylight_h, abs=0.05)
    assert NIGHT.daylight_h == 0
    with pytest.raises(ValueError, match="time zone"):
        sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 12))  # noqa: DTZ001


def test_the_transmissivity_is_that_of_the_day() -> None:
    settings = [Transmissivity(date(2025, 3, 1), 0.5), Transmissivity(date(2024, 11, 1), 0.7)]
    assert radiation.transmissivity_on(date(2025, 2, 28), settings) == (0.7, frozenset())
    assert radiation.transmissivity_on(date(2025, 3, 1), settings) == (0.5, frozenset())
    assert radiation.transmissivity_on(date(2026, 3, 2), settings) == (0.5, frozenset({Mark.TRANSMISSIVITY_OLD}))
    assert radiation.transmissivity_on(date(2024, 1, 1), settings) == (0.7, frozenset({Mark.TRANSMISSIVITY_DEFAULT}))
    assert radiation.transmissivity_on(date(2024, 1, 1), []) == (0.65, frozenset({Mark.TRANSMISSIVITY_DEFAULT}))


def test_a_default_transmissivity_marks_the_light() -> None:
    found = radiation.inside(DAY, Inside(outside_mj_m2=20), radiation.transmissivity_on(date(2025, 4, 15), []))
    assert found.marks == {Mark.RADIATION_FROM_OUTSIDE, Mark.TRANSMISSIVITY_DEFAULT}


def test_the_solar_roof_is_measured_by_its_clearest_day_but_one() -> None:
    days = [(20.0, 28.0), (26.0, 28.0), (28.0, 28.0), (12.0, 28.0), (27.0, 27.0), (9999.0, 28.0)]
    assert radiation.inverter_share(14, 28, days) == pytest.approx(0.5)
    assert radiation.inverter_share(14, 28, days[:4]) is None
    assert radiation.inverter_share(None, 28, days) is None


@settings(deadline=None)
@given(st.data(), st.sampled_from([DAY, NOON, NIGHT]), st.booleans())
def test_whatever_is_said_the_light_is_a_number_that_can_be_true(
    data: st.DataObject, above: Sky, cover: bool
) -> None:
    names = set((Inside if cover else Outside).__dataclass_fields__) - {"coastal", "recent_mj_m2"}
    said: dict[str, Any] = {name: data.draw(anything) for name in sorted(names)}
    said["recent_mj_m2"] = data.draw(st.lists(anything, max_size=9))
    found = radiation.inside(above, Inside(**said), SIXTY) if cover else radiation.outside(above, Outside(**said))
    assert 0 <= found.mj_m2 <= 1.2 * above.extraterrestrial_mj_m2 + 0.05
    if above is DAY:
        assert found.mj_m2 > 0
        assert found.marks or said["pyranometer_mj_m2"] == found.mj_m2


@settings(deadline=None)
@given(anything, anything, st.lists(st.tuples(anything, anything), max_size=9))
def test_whatever_a_solar_roof_says_its_share_is_a_number_or_unknown(
    kwh: float, clear: float, days: list[tuple[float, float]]
) -> None:
    share = radiation.inverter_share(kwh, clear, days)
    assert share is None or share >= 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.dates(), anything), max_size=5), st.dates())
def test_whatever_is_set_the_transmissivity_is_a_share(settings: list[tuple[date, float]], day: date) -> None:
    share, _ = radiation.transmissivity_on(day, [Transmissivity(*setting) for setting in settings])
    assert 0.05 <= share <= 1
