"""Daily ET0 over a year of weather against refet and pyet. Where they and FAO-56 differ is said here.

Beside the synthetic year the recorded one is taken where TONNAM_RECORDED_DATA names the folder that has it. The two
are imported where they are used, so that the processes of other tests stay small.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.edge.agronomy.weather import Year, years
from tonnam_edge.agronomy import radiation, reference_et, sky
from tonnam_edge.agronomy.air import Humidity, saturation_kpa
from tonnam_edge.agronomy.radiation import Inside, Outside, Radiation
from tonnam_edge.agronomy.reference_et import LEAST_WIND_M_S, DayAir, wind_at_2m_m_s


@pytest.fixture(params=years(), ids=lambda year: year.name)
def year(request: pytest.FixtureRequest) -> Year:
    found = request.param
    assert isinstance(found, Year)
    return found


def ours(year: Year, *, under_cover: bool = False, through: float = 1.0) -> list[float]:
    """ET0 of every day, without bounds in play: the years have none that need them."""
    computed = []
    for day in year.days:
        above = sky.of_day(year.place, day.day_of_year)
        weather = DayAir(
            t_max_c=day.t_max_c,
            t_min_c=day.t_min_c,
            humidity=Humidity(vapour_kpa=day.vapour_kpa),
            wind_m_s=day.wind_m_s,
            wind_height_m=year.wind_height_m,
        )
        light: Radiation
        if under_cover:
            seen = Inside(pyranometer_mj_m2=day.radiation_mj_m2 * through)
            light = radiation.inside(above, seen, (through, frozenset()))
        else:
            light = radiation.outside(above, Outside(pyranometer_mj_m2=day.radiation_mj_m2))
        et0 = reference_et.daily(year.place, weather, light, under_cover=under_cover)
        assert not under_cover or et0.mm == 0.3 or not et0.marks
        computed.append(et0.mm)
    return computed


def wind_2m(year: Year) -> list[float]:
    """Wind at 2 m, never stiller than FAO-56 takes it: refet and pyet know no such floor."""
    return [max(wind_at_2m_m_s(day.wind_m_s, year.wind_height_m), LEAST_WIND_M_S) for day in year.days]


def vapour(year: Year) -> list[float]:
    """Vapour pressure no higher than saturation: a thermometer and a hygrometer may disagree in fog."""
    return [min(d.vapour_kpa, (saturation_kpa(d.t_max_c) + saturation_kpa(d.t_min_c)) / 2) for d in year.days]


def series(values: list[float], year: Year) -> Any:
    import pandas  # type: ignore[import-untyped]

    return pandas.Series(values, index=pandas.DatetimeIndex([day.day for day in year.days]))


def test_daily_et0_agrees_with_refet_over_a_year(year: Year) -> None:
    import numpy
    import refet  # type: ignore[import-untyped]

    theirs = refet.Daily(
        tmin=[d.t_min_c for d in year.days],
        tmax=[d.t_max_c for d in year.days],
        ea=vapour(year),
        rs=[d.radiation_mj_m2 for d in year.days],
        uz=wind_2m(year),
        zw=2,
        elev=year.place.elevation_m,
        lat=year.place.latitude_deg,
        doy=numpy.array([d.day_of_year for d in year.days]),
        method="asce",
    ).eto()
    apart = [abs(a - max(float(b), 0.0)) for a, b in zip(ours(year), theirs, strict=True)]
    assert len(apart) >= 364
    assert max(apart) < 0.01


def test_daily_et0_agrees_with_pyet_over_a_year(year: Year) -> None:
    import pyet  # type: ignore[import-untyped]

    theirs = pyet.pm_fao56(
        tmean=series([(d.t_max_c + d.t_min_c) / 2 for d in year.days], year),
        wind=series(wind_2m(year), year),
        rs=series([d.radiation_mj_m2 for d in year.days], year),
        tmax=series([d.t_max_c for d in year.days], year),
        tmin=series([d.t_min_c for d in year.days], year),
        ea=series(vapour(year), year),
        elevation=year.place.elevation_m,
        lat=math.radians(year.place.latitude_deg),
    )
    apart = [abs(a - float(b)) for a, b in zip(ours(year), theirs, strict=True)]
    assert max(apart) < 0.01


def test_under_cover_et0_is_near_pyets_full_penman_monteith_with_150_s_m(year: Year) -> None:
    """pyet's `pm` takes the resistances themselves: 208/u = 150 s/m, and 69 s/m of the grass."""
    import pyet

    through = 0.65
    clear = [through * sky.of_day(year.place, day.day_of_year).clear_mj_m2 for day in year.days]
    theirs = pyet.pm(
        tmean=series([(d.t_max_c + d.t_min_c) / 2 for d in year.days], year),
        wind=series([208 / 150] * len(year.days), year),
        rs=series([d.radiation_mj_m2 * through for d in year.days], year),
        rso=series(clear, year),
        tmax=series([d.t_max_c for d in year.days], year),
        tmin=series([d.t_min_c for d in year.days], year),
        ea=series(vapour(year), year),
        elevation=year.place.elevation_m,
    )
    pairs = zip(ours(year, under_cover=True, through=through), theirs, strict=True)
    apart = [abs(a - max(float(b), 0.3)) for a, b in pairs]
    assert max(apart) < 0.12
    assert sum(apart) / len(apart) < 0.05
