"""The words of air, rain and river at the edges of their bands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_cloud.city import air, rain, river


@pytest.mark.parametrize(
    ("pm2_5", "text", "band"),
    [
        (0.0, "0", "very_good"),
        (15.0, "25", "very_good"),
        (15.04, "25", "very_good"),
        (15.05, "26", "good"),
        (15.1, "26", "good"),
        (25.0, "50", "good"),
        (25.1, "51", "moderate"),
        (31.3, "76", "moderate"),
        (37.5, "100", "moderate"),
        (37.6, "101", "starts_to_affect"),
        (75.0, "200", "starts_to_affect"),
        (75.04, "200", "starts_to_affect"),
        (75.1, "201+", "affects"),
        (480.0, "201+", "affects"),
    ],
)
def test_pm2_5_mean_gives_index_and_band(pm2_5: float, text: str, band: str) -> None:
    index = air.air_index({"pm2_5": pm2_5})
    assert (index.text, index.band.id, index.pollutant) == (text, band, "pm2_5")
    assert index.value == (None if text == "201+" else int(text))


@pytest.mark.parametrize(
    ("pm10", "text"),
    [(50.0, "25"), (50.4, "25"), (50.5, "26"), (80.0, "50"), (120.0, "100"), (180.0, "200"), (181.0, "201+")],
)
def test_pm10_counts_when_it_is_the_worse(pm10: float, text: str) -> None:
    index = air.air_index({"pm2_5": 1.0, "pm10": pm10})
    assert (index.text, index.pollutant) == (text, "pm10")


def test_pm10_alone_is_not_enough_for_an_index() -> None:
    assert air.air_index({"pm2_5": None, "pm10": 300.0}).band is air.NOT_ENOUGH


def test_worse_band_wins_over_the_number_that_does_not_exist() -> None:
    assert air.air_index({"pm2_5": 75.0, "pm10": 500.0}).text == "201+"


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_dust_never_gives_a_better_index(one: float, other: float) -> None:
    low, high = sorted((one, other))
    worst = 999
    assert (air.sub_index("pm2_5", low)[1] or (worst if low > 75 else 0)) <= (
        air.sub_index("pm2_5", high)[1] or (worst if high > 75 else 0)
    )


def test_mean_needs_eighteen_of_the_last_twenty_four_hours() -> None:
    assert air.running_mean([10.0] * 18 + [None] * 6) == 10.0
    assert air.running_mean([10.0] * 17 + [None] * 7) is None
    assert air.running_mean([99.0] * 7 + [None] * 7 + [10.0] * 17) is None
    assert air.running_mean([]) is None
    assert air.running_mean([0.0] * 24) == 0.0


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (datetime(2026, 11, 20, 0, 0, tzinfo=UTC), datetime(2026, 11, 20, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 19, 23, 59, tzinfo=UTC), datetime(2026, 11, 19, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 16, 59, tzinfo=UTC), datetime(2026, 11, 20, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 17, 1, tzinfo=UTC), datetime(2026, 11, 20, 0, 0, tzinfo=UTC)),
    ],
    ids=["07:00", "06:59", "23:59", "past midnight"],
)
def test_rain_day_begins_at_seven_in_bangkok(now: datetime, start: datetime) -> None:
    assert rain.day_start(now) == start


@pytest.mark.parametrize(
    ("counter", "fallen"),
    [
        ([], None),
        ([12.4], 0.0),
        ([12.4, 12.4, 12.6], pytest.approx(0.2)),
        ([12.4, 20.4, 0.0, 1.5], pytest.approx(9.5)),
        ([100.0, 532.0, 120.0], pytest.approx(432.0)),
    ],
    ids=["nothing", "one", "grows", "reset", "another counter"],
)
def test_only_increments_of_the_counter_are_rain(counter: list[float], fallen: float | None) -> None:
    assert rain.fallen_mm(counter) == fallen


@pytest.mark.parametrize(
    ("mm", "band"),
    [
        (None, "unknown"),
        (0.0, "none"),
        (0.04, "trace"),
        (0.1, "light"),
        (10.0, "light"),
        (10.1, "moderate"),
        (35.0, "moderate"),
        (35.1, "heavy"),
        (90.0, "heavy"),
        (90.1, "very_heavy"),
    ],
)
def test_rain_of_a_day_has_a_word(mm: float | None, band: str) -> None:
    assert rain.rain_band(mm).id == band


@pytest.mark.parametrize(
    ("level_m", "pct", "band"),
    [
        (None, None, "unknown"),
        (0.0, 0.0, "critically_low"),
        (0.5, 10.0, "critically_low"),
        (0.51, 10.2, "low"),
        (1.5, 30.0, "low"),
        (3.5, 70.0, "normal"),
        (3.51, 70.2, "high"),
        (5.0, 100.0, "high"),
        (5.01, 100.2, "overflowing"),
    ],
)
def test_river_level_against_a_bank_of_five_metres(level_m: float | None, pct: float | None, band: str) -> None:
    assert river.bank_pct(level_m, 5.0) == pct
    assert river.river_band(pct).id == band


def test_bank_is_measured_from_the_bed() -> None:
    assert river.bank_pct(22.0, 24.0, bed_m=20.0) == 50.0
    assert river.bank_pct(22.0, 20.0, bed_m=20.0) is None
    assert river.bank_pct(22.0, None) is None


MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("before", "now", "trend"), [(2.00, 2.10, "rising"), (2.10, 2.00, "falling"), (2.00, 2.02, "steady")]
)
def test_trend_compares_with_an_hour_ago(before: float, now: float, trend: str) -> None:
    times = [0, 5 * MINUTE_MS, 60 * MINUTE_MS]
    assert river.trend(times, [before, before, now], 60 * MINUTE_MS) == trend


def test_trend_is_unknown_without_readings_at_both_ends() -> None:
    assert river.trend([60 * MINUTE_MS], [2.0], 60 * MINUTE_MS) is None
    assert river.trend([0], [2.0], 60 * MINUTE_MS) is None
