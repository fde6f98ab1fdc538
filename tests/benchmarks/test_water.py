"""The water benchmark plays, compares and prints. How much is saved is not tested here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks import water
from benchmarks.wateruse import climate, contenders, curve
from benchmarks.wateruse.contenders import CONTENDERS, Moment, zimmerman_scale
from benchmarks.wateruse.curve import NO_STRESS_D, Curve, Point, bootstrap, mean
from benchmarks.wateruse.farms import FARMS, FLOW_L_MIN
from benchmarks.wateruse.judging import Pair, judge, pairs_of
from benchmarks.wateruse.season import Job, Result, play
from tonnam_sim.world.weather import Weather

SHARES = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)


@pytest.fixture(autouse=True, scope="module")
def in_short() -> Iterator[None]:
    """A farmer who remembers one year, and few draws of the dice: more take some seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(climate, "YEARS", 1)
        patch.setattr(curve, "RESAMPLES", 100)
        climate.climate.cache_clear()
        yield
    climate.climate.cache_clear()


def result(contender: str, share: float, water_mm: float, stress_d: float, seed: int = 1) -> Result:
    return Result(Job("covered", contender, share, seed, 80), water_mm, stress_d, 0.0, 150.0, 0.0, 1.0, 90, 0)


def stress_of(water_mm: float, need_mm: float = 200.0) -> float:
    """A crop that suffers by the square of what it misses."""
    return 20 * max(1 - water_mm / (1.5 * need_mm), 0.0) ** 2


def timers(seed: int = 1, need_mm: float = 200.0) -> list[Result]:
    return [result("timer", share, share * 200, stress_of(share * 200, need_mm), seed) for share in SHARES]


def test_every_part_of_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    plan = water.Plan(farms=("covered",), contenders=("timer", "observer"), seeds=1, days=2, jobs=1)
    water.run(plan)
    told = capsys.readouterr().out
    for what in ("cores", "40%", "160%", "water balance with probes", "one setting", "aim: 25% less water"):
        assert what in told


def test_the_same_season_twice_is_the_same() -> None:
    job = Job("open", "zimmerman", 1.0, 3, 3)
    first = play(job)
    assert first.water_mm > 3
    assert play(job) == first


def test_a_curve_gives_the_water_of_the_function_that_it_was_measured_of() -> None:
    found = Curve([Point(each.water_mm, each.stress_d) for each in timers()])
    for water_mm in (100, 130, 170, 210, 250):
        assert found.water(stress_of(water_mm)) == pytest.approx(water_mm, rel=0.01)


def test_a_timer_with_more_water_and_more_stress_is_not_chosen() -> None:
    found = Curve([Point(100, 5), Point(120, 6), Point(140, 1), Point(160, 1.5)])
    assert [point.water for point in found.points] == [100, 140]
    stresses = [found.stress_d(water_mm) for water_mm in range(100, 141)]
    assert stresses == sorted(stresses, reverse=True)


def test_what_no_timer_reaches_is_counted_and_not_dropped() -> None:
    worlds = [Pair(result("band", 1.0, 150, stress_d), tuple(timers())) for stress_d in (0.0, 3.0, 15.0)]
    dry = [replace(timer, stress_d=timer.stress_d + 2) for timer in timers()]
    found = judge([*worlds, Pair(result("band", 1.0, 150, 1.0), tuple(dry))])
    assert (found.compared, found.wetter, found.drier) == (2, 1, 1)


def test_no_stress_at_all_is_as_good_as_hardly_any() -> None:
    found = Curve([Point(each.water_mm, each.stress_d) for each in timers()])
    assert found.water(0.0) == found.water(NO_STRESS_D)


def test_a_controller_that_does_as_the_timer_saves_nothing_and_one_with_less_water_what_it_saves() -> None:
    plain = [Pair(result("band", 1.0, 150, stress_of(150), seed), tuple(timers(seed))) for seed in range(5)]
    found = judge(plain)
    assert found.each is not None
    assert found.one is not None
    assert found.each.mean == pytest.approx(0, abs=0.01)
    assert found.one.mean == pytest.approx(0, abs=0.01)
    saved = judge([replace(pair, other=replace(pair.other, water_mm=120)) for pair in plain]).each
    assert saved is not None
    assert saved.mean == pytest.approx(0.2, abs=0.01)


def test_one_setting_for_worlds_that_differ_needs_more_than_each_worlds_own() -> None:
    needs = {1: 150.0, 2: 200.0, 3: 250.0}
    pairs = [
        Pair(result("band", 1.0, need, stress_of(need, need), seed), tuple(timers(seed, need)))
        for seed, need in needs.items()
    ]
    found = judge(pairs)
    assert found.each is not None
    assert found.one is not None
    assert found.each.mean == pytest.approx(0, abs=0.01)
    assert found.one.mean > found.each.mean + 0.005


def test_an_interval_holds_its_mean_and_is_the_same_every_time() -> None:
    numbers = [0.05, 0.12, 0.07, 0.1, 0.2, -0.03]
    found = bootstrap(numbers, mean)
    assert found is not None
    assert found.low < found.mean < found.high
    assert bootstrap(numbers, mean) == found
    assert bootstrap(numbers, lambda _: None) is None


def test_pairs_are_of_one_world() -> None:
    every = [*timers(1), *timers(2, 300), result("band", 1.0, 150, 1.0, 2)]
    (pair,) = pairs_of(every, "covered", "band")
    assert {timer.job.seed for timer in pair.timers} == {2}
    assert [timer.job.share for timer in pair.timers] == list(SHARES)


def moment(farm: str, day: int, share: float = 1.0) -> Moment:
    return Moment(FARMS[farm], day, Weather(FARMS[farm].config.weather, 1), share)


@pytest.mark.parametrize("farm", FARMS)
def test_a_timer_gives_its_share_of_the_weeks_need(farm: str) -> None:
    for share in (0.4, 1.6):
        programs = CONTENDERS["timer"].programs(moment(farm, 42, share))
        litres = sum(keys["run_min"] for keys in programs) * FLOW_L_MIN
        assert litres == pytest.approx(share * climate.need_l_day(FARMS[farm], 42))
        assert len({keys["at"] for keys in programs}) == len(programs)


def test_zimmerman_follows_heat_humidity_and_rain_between_nothing_and_double(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = climate.climate("open").usual
    for (temp_f, humidity_pct, rain_in), scale in (
        ((0.0, 0.0, 0.0), 1.0),
        ((5.0, 0.0, 0.0), 1.2),
        ((0.0, 10.0, 0.0), 0.9),
        ((0.0, 0.0, 0.25), 0.5),
        ((0.0, 0.0, 2.0), 0.0),
        ((40.0, 0.0, 0.0), 2.0),
    ):
        seen = (usual.temp_f + temp_f, usual.humidity_pct + humidity_pct, rain_in)
        monkeypatch.setattr(contenders, "outside", lambda weather, day, seen=seen: seen)
        assert zimmerman_scale(moment("open", 5)) == pytest.approx(scale, abs=0.0101)
    assert zimmerman_scale(moment("open", 0)) == 1.0


def test_rain_on_a_cover_is_no_rain_on_the_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = climate.climate("covered").usual
    monkeypatch.setattr(contenders, "outside", lambda weather, day: (usual.temp_f, usual.humidity_pct, 2.0))
    assert zimmerman_scale(moment("covered", 5)) == pytest.approx(1.0, abs=0.0101)


def test_nothing_drier_than_the_least_timer_is_extrapolated() -> None:
    found = Curve([Point(each.water_mm, each.stress_d) for each in timers()])
    assert found.water(50.0) == -math.inf
