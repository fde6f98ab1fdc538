"""A town over HTTP: air, rain and river in words, from readings in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cloud.scene import COARSE, DUST, RAIN, RIVER, Scene, playing
from tonnam_cloud.database import Database
from tonnam_cloud.store.embedded import EmbeddedStore

HOUR_S = 3600


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


async def sensor(scene: Scene, thing: str) -> Any:
    async with scene.client("somchai") as client:
        answer = await client.get("/api/town")
        assert answer.status_code == 200, answer.text
        (site,) = answer.json()["sites"]
        assert (site["tenant"], site["id"]) == ("demo-town", "town")
        return next(each for each in site["sensors"] if each["thing"] == thing)


def hourly(hours: int, value: float) -> list[tuple[float, float | None]]:
    """Two readings in each of the last whole hours."""
    return [(hour * HOUR_S - offset_s, value) for hour in range(1, hours + 1) for offset_s in (600, 1200)]


async def test_air_of_a_whole_day_has_an_index(scene: Scene) -> None:
    scene.reads(DUST, *hourly(24, 30.0), (0, 300.0))
    scene.reads(COARSE, *hourly(24, 10.0))
    told = await sensor(scene, "air-1")
    air = told["air"]
    assert (air["pm2_5_24h"], air["hours"], air["aqi"], air["aqi_text"]) == (30.0, 24, 70, "70")
    assert (air["band"], air["pollutant"], air["label"]) == ("moderate", "pm2_5", {"th": "ปานกลาง", "en": "Moderate"})
    assert air["advice"]["th"]
    assert [each["value"] for each in told["measures"]] == [300.0, None]
    assert "rain" not in told or told["rain"] is None


async def test_each_hour_counts_the_same_however_many_readings_it_has(scene: Scene) -> None:
    scene.reads(DUST, *hourly(24, 10.0))
    scene.reads(DUST, *[(HOUR_S - 5 * n - 1, 34.0) for n in range(100)])
    assert (await sensor(scene, "air-1"))["air"]["pm2_5_24h"] == pytest.approx((23 * 10 + 33.53) / 24, abs=0.1)


async def test_seventeen_hours_of_air_are_not_enough(scene: Scene) -> None:
    scene.reads(DUST, *hourly(17, 30.0))
    air = (await sensor(scene, "air-1"))["air"]
    assert (air["pm2_5_24h"], air["hours"], air["aqi"], air["aqi_text"]) == (None, 17, None, None)
    assert (air["band"], air["label"]["th"]) == ("not_enough_data", "ข้อมูลยังไม่พอ")


async def test_unknown_values_do_not_make_an_hour(scene: Scene) -> None:
    scene.reads(DUST, *hourly(17, 30.0), *[(hour * HOUR_S - 60, None) for hour in range(18, 25)])
    assert (await sensor(scene, "air-1"))["air"]["hours"] == 17


async def test_air_above_the_scale_has_no_number(scene: Scene) -> None:
    scene.reads(DUST, *hourly(24, 180.0))
    air = (await sensor(scene, "air-1"))["air"]
    assert (air["aqi"], air["aqi_text"], air["band"]) == (None, "201+", "affects")


SEVEN_S = 6 * HOUR_S
"""So long ago it was 07:00: it is 13:00."""


async def rain_of(scene: Scene) -> Any:
    return (await sensor(scene, "rain-1"))["rain"]


async def test_rain_counts_from_seven_in_the_morning(scene: Scene) -> None:
    scene.reads(RAIN, (30 * HOUR_S, 100.0), (SEVEN_S + 600, 140.0), (SEVEN_S - 600, 142.0), (60, 150.4))
    assert await rain_of(scene) == {
        "today_mm": 10.4,
        "since": None,
        "until": None,
        "band": "moderate",
        "label": {"th": "ฝนปานกลาง", "en": "Moderate rain"},
    }


async def test_rain_of_days_past_is_not_the_rain_of_today(scene: Scene) -> None:
    scene.reads(RAIN, (6 * 24 * HOUR_S, 100.0), (2 * HOUR_S, 310.0), (60, 310.4))
    rain = await rain_of(scene)
    assert (rain["today_mm"], rain["band"]) == (0.4, "light")
    assert (rain["since"], rain["until"]) == ("2026-11-20T04:00:00.000Z", None)


async def test_reading_an_hour_before_seven_stands_for_seven(scene: Scene) -> None:
    scene.reads(RAIN, (SEVEN_S + HOUR_S, 100.0), (60, 104.0))
    rain = await rain_of(scene)
    assert (rain["today_mm"], rain["since"]) == (4.0, None)
    scene.clock.pass_s(86_400)
    scene.reads(RAIN, (SEVEN_S + HOUR_S + 1, 120.0), (60, 125.0))
    assert (await rain_of(scene))["today_mm"] == 0.0


async def test_gauge_that_fell_silent_in_the_morning_does_not_say_no_rain(scene: Scene) -> None:
    scene.reads(RAIN, (SEVEN_S + 60, 100.0), (SEVEN_S - 300, 100.0))
    assert await rain_of(scene) == {
        "today_mm": 0.0,
        "since": None,
        "until": "2026-11-20T00:05:00.000Z",
        "band": "unknown",
        "label": {"th": "ไม่รู้ตั้งแต่ 07:05\u00a0น.", "en": "Not known since 07:05"},
    }


async def test_dry_day_is_zero_and_a_silent_gauge_is_unknown(scene: Scene) -> None:
    scene.reads(RAIN, (10 * HOUR_S, 100.0))
    silent = await rain_of(scene)
    assert (silent["today_mm"], silent["band"], silent["until"]) == (None, "unknown", None)
    scene.reads(RAIN, (60, 100.0))
    dry = await rain_of(scene)
    assert (dry["today_mm"], dry["band"]) == (0.0, "none")


async def test_river_says_how_full_and_where_it_goes(scene: Scene) -> None:
    scene.reads(RIVER, (HOUR_S, 3.0), (60, 3.6))
    river = (await sensor(scene, "river-1"))["river"]
    assert river == {
        "level_m": 3.6,
        "bank_height_m": 5.0,
        "bank_pct": 72.0,
        "band": "high",
        "label": {"th": "มาก", "en": "High"},
        "trend": "rising",
    }


async def test_old_river_level_is_unknown(scene: Scene) -> None:
    scene.reads(RIVER, (2 * HOUR_S, 3.0))
    river = (await sensor(scene, "river-1"))["river"]
    assert (river["level_m"], river["bank_pct"], river["band"], river["trend"]) == (None, None, "unknown", None)


async def test_reading_that_is_not_good_is_no_level(scene: Scene) -> None:
    scene.reads(RIVER, (60, 3.0), quality=4)
    assert (await sensor(scene, "river-1"))["river"]["level_m"] is None


async def test_reading_from_the_future_does_not_hide_the_present(scene: Scene) -> None:
    scene.reads(RIVER, (60, 3.0), (-20 * HOUR_S, 4.0))
    assert (await sensor(scene, "river-1"))["river"]["level_m"] == 3.0
