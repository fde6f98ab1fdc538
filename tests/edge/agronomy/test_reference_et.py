"""ET0 against the worked examples of FAO-56, and what becomes of missing and absurd weather."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tests.edge.agronomy.weather import WANG_NAM_KHIAO
from tonnam_edge.agronomy import radiation, reference_et, sky
from tonnam_edge.agronomy.air import Humidity
from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.radiation import Inside, Outside, Radiation
from tonnam_edge.agronomy.reference_et import DayAir, Et0, HourAir

FULL_DAY = DayAir(t_max_c=34, t_min_c=24, humidity=Humidity(rh_max_pct=95, rh_min_pct=50), wind_m_s=2)
SKY = sky.of_day(WANG_NAM_KHIAO, 105)
SUNNY = radiation.outside(SKY, Outside(pyranometer_mj_m2=22))


def in_the_open(weather: DayAir, light: Radiation = SUNNY, recent: tuple[float, ...] = ()) -> Et0:
    return reference_et.daily(WANG_NAM_KHIAO, weather, light, under_cover=False, recent_mm=recent)


def under_cover(weather: DayAir, light: Radiation, recent: tuple[float, ...] = ()) -> Et0:
    return reference_et.daily(WANG_NAM_KHIAO, weather, light, under_cover=True, recent_mm=recent)


def net_mj_m2(place: Place, weather: DayAir, light: Radiation, vapour_kpa: float) -> float:
    assert weather.t_max_c is not None
    assert weather.t_min_c is not None
    fourth = ((weather.t_max_c + 273.16) ** 4 + (weather.t_min_c + 273.16) ** 4) / 2
    return reference_et.net_radiation_mj_m2(light, 4.903e-9 * fourth, vapour_kpa, 0.6)


def test_example_17_bangkok_in_april() -> None:
    place = Place(latitude_deg=13 + 44 / 60, longitude_deg=100.5, elevation_m=2)
    air = Humidity(vapour_kpa=2.85)
    weather = DayAir(t_max_c=34.8, t_min_c=25.6, humidity=air, wind_m_s=2, soil_heat_mj_m2=0.14)
    light = radiation.outside(sky.of_day(place, 105), Outside(sunshine_h=8.5))
    et0 = reference_et.daily(place, weather, light, under_cover=False)
    assert et0.mm == pytest.approx(5.72, abs=0.01)
    assert et0.marks == {Mark.RADIATION_FROM_SUNSHINE}
    assert net_mj_m2(place, weather, light, 2.85) == pytest.approx(14.33, abs=0.01)


def test_example_18_uccle_in_july() -> None:
    place = Place(latitude_deg=50.80, longitude_deg=4.35, elevation_m=100)
    air = Humidity(rh_max_pct=84, rh_min_pct=63)
    weather = DayAir(t_max_c=21.5, t_min_c=12.3, humidity=air, wind_m_s=10 / 3.6, wind_height_m=10)
    light = radiation.outside(sky.of_day(place, 187), Outside(sunshine_h=9.25))
    et0 = reference_et.daily(place, weather, light, under_cover=False)
    assert et0.mm == pytest.approx(3.88, abs=0.01)
    assert net_mj_m2(place, weather, light, 1.409) == pytest.approx(13.28, abs=0.01)


@pytest.mark.parametrize(
    ("hour_utc", "t_c", "rh_pct", "wind_m_s", "light_mj_m2", "et0_mm"),
    [(15, 38, 52, 3.3, 2.45, 0.63), (3, 28, 90, 1.9, 0, 0.00)],
)
def test_example_19_n_diaye_by_the_hour(
    hour_utc: int, t_c: float, rh_pct: float, wind_m_s: float, light_mj_m2: float, et0_mm: float
) -> None:
    place = Place(latitude_deg=16 + 13 / 60, longitude_deg=-16.25, elevation_m=8)
    middle = datetime(2025, 10, 1, hour_utc, 30, tzinfo=UTC)  # the example's hours are of the meridian 15 W
    light = radiation.outside(sky.of_hours(place, middle), Outside(pyranometer_mj_m2=light_mj_m2))
    weather = HourAir(t_c=t_c, humidity=Humidity(rh_mean_pct=rh_pct), wind_m_s=wind_m_s, clearness=0.8)
    et0 = reference_et.hourly(place, weather, light, under_cover=False)
    assert et0.mm == pytest.approx(et0_mm, abs=0.01)
    assert et0.marks == frozenset()


def test_example_20_lyon_with_temperatures_only() -> None:
    place = Place(latitude_deg=45 + 43 / 60, longitude_deg=4.8, elevation_m=200)
    weather = DayAir(t_max_c=26.6, t_min_c=14.8)
    light = radiation.outside(sky.of_day(place, 196), Outside(t_max_c=26.6, t_min_c=14.8))
    et0 = reference_et.daily(place, weather, light, under_cover=False)
    assert et0.mm == pytest.approx(4.56, abs=0.01)
    assert et0.marks == {Mark.RADIATION_FROM_TEMPERATURE, Mark.HUMIDITY_FROM_TMIN, Mark.WIND_DEFAULT}


def test_a_day_fully_measured_has_no_marks() -> None:
    assert in_the_open(FULL_DAY).marks == frozenset()
    assert in_the_open(FULL_DAY).own


@pytest.mark.parametrize(
    ("humidity", "mark"),
    [
        (Humidity(vapour_kpa=2.8), None),
        (Humidity(dew_point_c=23), None),
        (Humidity(rh_max_pct=95, rh_min_pct=50), None),
        (Humidity(rh_max_pct=95), Mark.HUMIDITY_FROM_RH_MAX),
        (Humidity(rh_mean_pct=70), Mark.HUMIDITY_FROM_RH_MEAN),
        (Humidity(), Mark.HUMIDITY_FROM_TMIN),
    ],
)
def test_humidity_is_taken_from_the_best_that_is_known(humidity: Humidity, mark: Mark | None) -> None:
    et0 = in_the_open(DayAir(t_max_c=34, t_min_c=24, humidity=humidity, wind_m_s=2))
    assert et0.marks == ({mark} if mark else set())
    assert et0.mm == pytest.approx(5.0, abs=0.5)


def test_a_humidity_of_300_per_cent_is_rejected_and_marked() -> None:
    wet = in_the_open(DayAir(t_max_c=34, t_min_c=24, humidity=Humidity(rh_max_pct=300, rh_min_pct=50), wind_m_s=2))
    assert wet.marks == {Mark.REJECTED, Mark.HUMIDITY_FROM_TMIN}


def test_no_wind_means_two_metres_a_second_and_still_air_half_a_metre() -> None:
    unknown = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity)
    still = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity, wind_m_s=0)
    breath = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity, wind_m_s=0.5)
    breeze = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity, wind_m_s=0.55)
    assert in_the_open(unknown) == Et0(in_the_open(FULL_DAY).mm, frozenset({Mark.WIND_DEFAULT}))
    assert in_the_open(still).mm == in_the_open(breath).mm != in_the_open(breeze).mm


def test_a_lowest_temperature_above_the_highest_is_rejected() -> None:
    swapped = DayAir(t_max_c=20, t_min_c=30, t_mean_c=25, humidity=FULL_DAY.humidity, wind_m_s=2)
    assert {Mark.REJECTED, Mark.TEMPERATURE_FROM_MEAN} <= in_the_open(swapped).marks


def test_a_day_without_temperature_is_the_median_of_seven_days_else_a_usual_day() -> None:
    assert in_the_open(DayAir(), recent=(9.0, 4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 5.2)).mm == 4.6
    assert Mark.MEDIAN in in_the_open(DayAir(), recent=(4.0,)).marks
    usual = in_the_open(DayAir())
    assert Mark.TEMPERATURE_DEFAULT in usual.marks
    assert 3 < usual.mm < 7
    assert not usual.own


def test_under_cover_the_wind_is_that_of_150_seconds_a_metre_whatever_a_sensor_says() -> None:
    assert reference_et.RESISTANCE_UNDER_COVER_S_M == 150
    assert pytest.approx(1.4, abs=0.02) == reference_et.WIND_UNDER_COVER_M_S
    light = radiation.inside(SKY, Inside(pyranometer_mj_m2=14), (0.65, frozenset()))
    gale = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity, wind_m_s=20)
    calm = DayAir(t_max_c=34, t_min_c=24, humidity=FULL_DAY.humidity)
    assert under_cover(gale, light) == under_cover(calm, light)
    assert under_cover(calm, light).marks == frozenset()


def test_a_result_outside_0_3_to_8_under_cover_is_marked_and_replaced() -> None:
    dark = Radiation(0.1, 18.0, frozenset())
    damp = DayAir(t_max_c=5, t_min_c=4, humidity=Humidity(rh_mean_pct=100))
    assert under_cover(damp, dark) == Et0(0.3, frozenset({Mark.HUMIDITY_FROM_RH_MEAN, Mark.BOUNDED}))
    desert = DayAir(t_max_c=58, t_min_c=20, humidity=Humidity(rh_mean_pct=2))
    bright = Radiation(36.0, 36.0, frozenset())
    assert under_cover(desert, bright).mm == 8
    replaced = under_cover(desert, bright, recent=(3.0, 3.5, 4.0))
    assert replaced.mm == 3.5
    assert {Mark.BOUNDED, Mark.MEDIAN} <= replaced.marks


def test_an_hour_beyond_1_5_mm_under_cover_0_8_is_marked_and_replaced() -> None:
    noon = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 5, 30, tzinfo=UTC))
    light = radiation.outside(noon, Outside(pyranometer_mj_m2=3.6))
    storm = HourAir(t_c=55, humidity=Humidity(rh_mean_pct=3), wind_m_s=30)
    for cover, most in ((False, 1.5), (True, 0.8)):
        capped = reference_et.hourly(WANG_NAM_KHIAO, storm, light, under_cover=cover)
        assert capped == Et0(most, frozenset({Mark.BOUNDED}))
        usual = reference_et.hourly(WANG_NAM_KHIAO, storm, light, under_cover=cover, recent_mm=(0.5, 0.6, 9.9))
        assert usual == Et0(0.55, frozenset({Mark.BOUNDED, Mark.MEDIAN}))


def test_an_hour_without_temperature_is_the_usual_one_else_that_of_a_usual_day() -> None:
    noon = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 5, 30, tzinfo=UTC))
    light = radiation.outside(noon, Outside(pyranometer_mj_m2=2.8))
    air = Humidity(vapour_kpa=2.5)

    def et0(t_c: float | None, recent: tuple[float, ...] = ()) -> Et0:
        weather = HourAir(t_c=t_c, humidity=air, wind_m_s=2)
        return reference_et.hourly(WANG_NAM_KHIAO, weather, light, under_cover=False, recent_mm=recent)

    assert et0(None) == Et0(et0(28).mm, frozenset({Mark.TEMPERATURE_DEFAULT}))
    assert et0(None, (0.4, 0.5, 0.6)) == Et0(0.5, frozenset({Mark.MEDIAN}))


@pytest.mark.parametrize(
    ("humidity", "night_t_min_c", "same_as_rh_pct", "mark"),
    [
        (Humidity(dew_point_c=-5, rh_mean_pct=70), None, 10.66, None),
        (Humidity(), 24.0, 70.22, Mark.HUMIDITY_FROM_TMIN),
        (Humidity(), None, 70.0, Mark.HUMIDITY_DEFAULT),
    ],
)
def test_an_hours_humidity_comes_from_dew_point_else_the_night_else_70_per_cent(
    humidity: Humidity, night_t_min_c: float | None, same_as_rh_pct: float, mark: Mark | None
) -> None:
    noon = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 5, 30, tzinfo=UTC))
    light = radiation.outside(noon, Outside(pyranometer_mj_m2=2.8))
    said = HourAir(t_c=30.05, humidity=humidity, wind_m_s=2, night_t_min_c=night_t_min_c)
    same = HourAir(t_c=30.05, humidity=Humidity(rh_mean_pct=same_as_rh_pct), wind_m_s=2)
    found = reference_et.hourly(WANG_NAM_KHIAO, said, light, under_cover=False)
    assert found.mm == pytest.approx(
        reference_et.hourly(WANG_NAM_KHIAO, same, light, under_cover=False).mm, abs=0.003
    )
    assert found.marks == ({mark} if mark else set())


def test_net_radiation_knows_no_cloud_denser_than_0_3_and_a_night_by_its_evening() -> None:
    def net(mj_m2: float, clear: float, evening: float) -> float:
        return reference_et.net_radiation_mj_m2(Radiation(mj_m2, clear, frozenset()), 40, 2.25, evening)

    emitted = 40 * (0.34 - 0.14 * 1.5)
    assert net(2, 20, 0.9) == pytest.approx(0.77 * 2 - emitted * (1.35 * 0.3 - 0.35))
    assert net(15, 20, 0.9) == pytest.approx(0.77 * 15 - emitted * (1.35 * 0.75 - 0.35))
    assert net(25, 20, 0.9) == pytest.approx(0.77 * 25 - emitted)
    assert net(0, 0, 0.9) == pytest.approx(-emitted * (1.35 * 0.9 - 0.35))
    assert net(0.01, 0.1, 0.6) == pytest.approx(0.77 * 0.01 - emitted * (1.35 * 0.6 - 0.35))


def test_a_result_outside_0_to_15_in_the_open_is_marked_and_replaced() -> None:
    storm = DayAir(t_max_c=58, t_min_c=20, humidity=Humidity(rh_mean_pct=2), wind_m_s=30)
    assert in_the_open(storm).mm == 15
    assert Mark.BOUNDED in in_the_open(storm).marks
    assert in_the_open(storm, recent=(4.0, 99.0, math.nan, 5.0, 6.0)).mm == 5
    polar = DayAir(t_max_c=-20, t_min_c=-35, humidity=Humidity(rh_mean_pct=100), wind_m_s=0)
    assert in_the_open(polar, Radiation(0.0, 18.0, frozenset())).mm >= 0


def test_the_hours_of_a_day_add_up_to_about_the_day() -> None:
    hours, light = [], []
    for hour in range(24):
        middle = datetime(2025, 4, 15, hour, 30, tzinfo=UTC)
        above = sky.of_hours(WANG_NAM_KHIAO, middle)
        local = (hour + 7.3) % 24
        t_c = 29 + 5 * math.cos(2 * math.pi * (local - 14) / 24)
        seen = radiation.outside(above, Outside(pyranometer_mj_m2=0.75 * above.clear_mj_m2))
        weather = HourAir(t_c=t_c, humidity=Humidity(vapour_kpa=2.6), wind_m_s=2, clearness=0.75)
        hours.append(reference_et.hourly(WANG_NAM_KHIAO, weather, seen, under_cover=False))
        light.append(seen)
    whole = radiation.outside(SKY, Outside(pyranometer_mj_m2=sum(part.mj_m2 for part in light)))
    day = DayAir(t_max_c=34, t_min_c=24, humidity=Humidity(vapour_kpa=2.6), wind_m_s=2)
    assert sum(part.clear_mj_m2 for part in light) == pytest.approx(SKY.clear_mj_m2, rel=0.01)
    summed = reference_et.of_hours(hours, under_cover=False)
    assert summed.mm == pytest.approx(in_the_open(day, whole).mm, rel=0.08)
    assert reference_et.clearness_of(light) == pytest.approx(0.75)


def test_a_night_whose_evening_was_not_seen_is_marked() -> None:
    night = sky.of_hours(WANG_NAM_KHIAO, datetime(2025, 4, 15, 17, 30, tzinfo=UTC))
    weather = HourAir(t_c=26, humidity=Humidity(rh_mean_pct=80), wind_m_s=1)
    et0 = reference_et.hourly(WANG_NAM_KHIAO, weather, radiation.outside(night, Outside()), under_cover=False)
    assert et0.marks == {Mark.CLOUD_DEFAULT}
    assert reference_et.clearness_of([radiation.outside(night, Outside())]) is None


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_whatever_a_day_says_et0_is_a_number_within_bounds(data: st.DataObject, cover: bool) -> None:
    fields = ("vapour_kpa", "dew_point_c", "rh_max_pct", "rh_min_pct", "rh_mean_pct")
    humidity = Humidity(**{name: data.draw(anything) for name in fields})
    names = ("t_max_c", "t_min_c", "t_mean_c", "wind_m_s", "wind_height_m", "soil_heat_mj_m2")
    said: dict[str, Any] = {name: data.draw(anything) for name in names}
    weather = DayAir(humidity=humidity, **said)
    day = sky.of_day(
        Place(latitude_deg=data.draw(st.floats(-90, 90)), longitude_deg=0), data.draw(st.integers(1, 366))
    )
    if cover:
        light = radiation.inside(day, Inside(pyranometer_mj_m2=data.draw(anything)), (0.65, frozenset()))
    else:
        light = radiation.outside(day, Outside(pyranometer_mj_m2=data.draw(anything)))
    recent = data.draw(st.lists(anything, max_size=9))
    et0 = reference_et.daily(WANG_NAM_KHIAO, weather, light, under_cover=cover, recent_mm=recent)
    low, high = (0.3, 8) if cover else (0, 15)
    assert low <= et0.mm <= high


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_whatever_an_hour_says_et0_is_a_number_within_bounds(data: st.DataObject, cover: bool) -> None:
    humidity = Humidity(vapour_kpa=data.draw(anything), rh_mean_pct=data.draw(anything))
    names = ("t_c", "wind_m_s", "wind_height_m", "night_t_min_c", "clearness")
    said: dict[str, Any] = {name: data.draw(anything) for name in names}
    weather = HourAir(humidity=humidity, **said)
    middle = data.draw(st.datetimes(timezones=st.just(UTC)))
    light = radiation.outside(sky.of_hours(WANG_NAM_KHIAO, middle), Outside(pyranometer_mj_m2=data.draw(anything)))
    et0 = reference_et.hourly(WANG_NAM_KHIAO, weather, light, under_cover=cover)
    assert 0 <= et0.mm <= (0.8 if cover else 1.5)


@settings(deadline=None)
@given(st.floats(5, 28), st.floats(0, 5), st.floats(3, 6), st.floats(0.5, 2.5))
def test_more_sun_drier_air_more_et0(light: float, more: float, wind: float, vapour: float) -> None:
    def et0(mj_m2: float, vapour_kpa: float) -> float:
        weather = DayAir(t_max_c=34, t_min_c=24, humidity=Humidity(vapour_kpa=vapour_kpa), wind_m_s=wind)
        return in_the_open(weather, radiation.outside(SKY, Outside(pyranometer_mj_m2=mj_m2))).mm

    assert et0(light + more, vapour) >= et0(light, vapour) - 1e-9
    assert et0(light, vapour) >= et0(light, vapour + 0.3) - 1e-9
