"""Whole seasons of the water balance against pyfao56, on cases of our own.

pyfao56 is a dual model: a surface layer of no depth (Ze = 0) leaves the single coefficient. Its trap: it cuts
depletion at TAW without cutting ET, so it loses water when a crop wilts for good; that case is not compared.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest

from tests.edge.agronomy.weather import Day, synthetic_year
from tonnam_edge.agronomy import balance, defaults, radiation, reference_et, sky
from tonnam_edge.agronomy.air import Humidity
from tonnam_edge.agronomy.balance import Soil, State
from tonnam_edge.agronomy.crop import Crop
from tonnam_edge.agronomy.radiation import Outside
from tonnam_edge.agronomy.reference_et import DayAir


@dataclass(frozen=True)
class Case:
    crop: str
    soil: str
    first_day: int
    every_days: int  # irrigation; 0 is never
    given_mm: float
    start_moisture_share: float = 0.6  # of the way from wilting point to field capacity


CASES = (
    Case("tomato", "loam", 0, 4, 18),
    Case("sweet-melon", "clay-loam", 40, 3, 10),
    Case("cantaloupe", "clay", 100, 7, 30),
    Case("chili", "sand", 200, 1, 4),
    Case("lettuce", "loam", 150, 2, 25),  # far too much: it drains
    Case("tomato", "loam", 330, 9, 15, 0.9),  # too little: it is stressed
)
YEAR = synthetic_year(seed=11)


def et0_mm(day: Day) -> float:
    above = sky.of_day(YEAR.place, day.day_of_year)
    humidity = Humidity(vapour_kpa=day.vapour_kpa)
    weather = DayAir(t_max_c=day.t_max_c, t_min_c=day.t_min_c, humidity=humidity, wind_m_s=day.wind_m_s)
    light = radiation.outside(above, Outside(pyranometer_mj_m2=day.radiation_mj_m2))
    return round(reference_et.daily(YEAR.place, weather, light, under_cover=False).mm, 3)


def season(case: Case, crop: Crop) -> list[tuple[float, float, float]]:
    """ET0, rain and irrigation of each day, mm. Rain is left out of the season that is to be stressed."""
    chance = random.Random(case.first_day)
    days = [YEAR.days[(case.first_day + n) % 365] for n in range(int(crop.season_days))]
    water = []
    for number, day in enumerate(days):
        given = case.given_mm * chance.uniform(0.8, 1.2) if case.every_days and number % case.every_days == 0 else 0.0
        rain = 0.0 if case.start_moisture_share > 0.8 else day.rain_mm
        water.append((et0_mm(day), round(rain, 2), round(given, 2)))
    return water


def theirs(case: Case, crop: Crop, soil: Soil, water: list[tuple[float, float, float]]) -> list[tuple[float, ...]]:
    import pyfao56  # type: ignore[import-untyped]

    moisture = soil.wilting_point + case.start_moisture_share * (soil.field_capacity - soil.wilting_point)
    parameters = pyfao56.Parameters(
        Kcbini=crop.kc_initial, Kcbmid=crop.kc_middle, Kcbend=crop.kc_end,
        Lini=crop.initial_days, Ldev=crop.development_days, Lmid=crop.middle_days, Lend=crop.late_days,
        hini=0.05, hmax=crop.height_m, thetaFC=soil.field_capacity, thetaWP=soil.wilting_point, theta0=moisture,
        Zrini=crop.root_depth_m, Zrmax=crop.root_depth_m, pbase=crop.depletion_fraction, Ze=0.0, REW=8.0,
    )  # fmt: skip
    weather, irrigation = pyfao56.Weather(), pyfao56.Irrigation()
    weather.z, weather.lat, weather.wndht = 350.0, 14.4, 2.0
    for number, (et0, rain, given) in enumerate(water, 1):
        weather.wdata.loc[f"2025-{number:03d}"] = [20, 34, 24, 2.5, 21, 90, 45, 2.0, rain, et0, "M"]
        if given:
            irrigation.addevent(2025, number, given, 1.0)
    model = pyfao56.Model("2025-001", f"2025-{len(water):03d}", parameters, weather, irr=irrigation)
    model.run()
    columns = model.odata[["Dr", "ETa", "DP", "Ks", "p", "RAW"]]
    return [tuple(float(value) for value in row) for row in columns.to_numpy()]


def ours(case: Case, crop: Crop, soil: Soil, water: list[tuple[float, float, float]]) -> list[tuple[float, ...]]:
    share = (1 - case.start_moisture_share) * (soil.field_capacity - soil.wilting_point)
    state = State(share * 1000 * crop.root_depth_m)
    rows: list[tuple[float, ...]] = []
    for day, (et0, rain, given) in enumerate(water):
        done = balance.advance(
            state, soil, crop, day=day, days=1, et0_mm=et0, rain_mm=rain, irrigation_l=given * soil.area_m2
        )
        held, state = done.reserves, done.state
        rows.append((state.depletion_mm, done.et_mm, done.drained_mm, done.ks, held.p, held.raw_mm))
    return rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.crop}-{case.soil}-{case.first_day}")
def test_a_season_of_the_balance_agrees_with_pyfao56(case: Case) -> None:
    found = defaults.crops()[case.crop].crop
    crop = replace(found, root_depth_initial_m=found.root_depth_m)  # theirs grows roots with Kcb; here they are full
    soil = Soil(
        field_capacity=defaults.soils()[case.soil].field_capacity,
        wilting_point=defaults.soils()[case.soil].wilting_point,
        area_m2=1000,
        application_efficiency=1.0,
        interception=False,
    )
    water = season(case, crop)
    for mine, other in zip(ours(case, crop, soil, water), theirs(case, crop, soil, water), strict=True):
        assert mine == pytest.approx(other, abs=0.01)


def test_the_cases_drain_and_suffer_so_that_they_say_something() -> None:
    drained, least_ks = [], []
    for case in CASES:
        found = defaults.crops()[case.crop].crop
        default = defaults.soils()[case.soil]
        soil = Soil(
            field_capacity=default.field_capacity, wilting_point=default.wilting_point, area_m2=1000,
            application_efficiency=1.0, interception=False,
        )  # fmt: skip
        crop = replace(found, root_depth_initial_m=found.root_depth_m)
        rows = ours(case, crop, soil, season(case, crop))
        drained.append(sum(row[2] for row in rows))
        least_ks.append(min(row[3] for row in rows))
    assert max(drained) > 100
    assert min(least_ks) < 0.8
    assert max(least_ks) == 1
