"""Readings of nodes that did not know the time: kept under the time that they claim, and never taken for now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cloud.readings import column
from tests.cloud.scene import (
    DUST,
    FARM,
    MOISTURE,
    NOW_MS,
    RAIN,
    RIVER,
    TANK,
    VALVE,
    Scene,
    playing,
)
from tests.cloud.told import described, ended, event, planned, started, words
from tonnam_cloud.alerts.rules import load_rules
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import live
from tonnam_cloud.registry import application
from tonnam_cloud.registry.application import Source
from tonnam_cloud.store.port import Store
from tonnam_cloud.times import utc
from tonnam_link.messages import Event
from tonnam_link.quality import Quality

SUSPECT = int(Quality.CLOCK_SUSPECT)
SINCE_1970_S = NOW_MS / 1000 - 7
EVERYTHING = (MOISTURE, VALVE, TANK, DUST, RAIN, RIVER)
PAGES = (
    "/api/overview",
    "/api/town",
    "/api/alerts",
    f"/api/sites/{FARM}/zones/zone-1/history",
    f"/api/sites/{FARM}/things/tank/level/history?hours=168",
)


@pytest.fixture
async def scene(database: Database, store: Store) -> AsyncIterator[Scene]:
    async with playing(database, store, rules=load_rules()) as scene:
        yield scene


async def pages(scene: Scene) -> dict[str, Any]:
    found = {}
    async with scene.client("somchai") as client:
        for address in PAGES:
            answer = await client.get(address)
            assert answer.status_code == 200, answer.text
            found[address] = answer.json()
    return found


def moisture(found: dict[str, Any]) -> Any:
    return found["/api/overview"]["sites"][0]["zones"][0]["moisture"]


async def test_readings_of_1970_break_no_page_and_no_alert(scene: Scene) -> None:
    for name in EVERYTHING:
        scene.reads(name, (SINCE_1970_S, 20.0), (SINCE_1970_S - 5, 21.0), quality=SUSPECT)
    found = await pages(scene)
    told = moisture(found)
    assert (told["value"], told["last_value"], told["fresh"]) == (None, 21.0, False)
    assert (told["quality"], told["observed_at"]) == ("clock_suspect", None)
    assert found["/api/overview"]["sites"][0]["zones"][0]["state"] == "unknown"
    assert found[PAGES[3]]["moisture"]["t"] == []
    scene.parts.watch.tick()
    scene.clock.pass_s(900)
    scene.parts.watch.tick()


async def test_a_claimed_time_near_now_is_not_now_and_hides_nothing(scene: Scene) -> None:
    scene.reads(MOISTURE, (20, 26.4))
    scene.reads(MOISTURE, (5, 31.0), (-60, 32.0), quality=SUSPECT)
    found = await pages(scene)
    told = moisture(found)
    assert (told["value"], told["quality"], told["fresh"]) == (26.4, "good", True)
    assert found[PAGES[3]]["moisture"]["v"] == [26.4]


async def test_a_site_heard_only_with_a_suspect_clock_is_still_silent(scene: Scene) -> None:
    scene.reads(MOISTURE, (1, 26.4))
    for _ in range(20):
        scene.parts.watch.tick()
        scene.clock.pass_s(60)
        scene.hears(MOISTURE, 26.4, quality=SUSPECT)
        scene.parts.watch.hear(list(scene.parts.feed._waiting))
    async with scene.client("somchai") as client:
        alerts = (await client.get("/api/alerts")).json()["alerts"]
    assert ("site-silent", "firing") in {(alert["rule"], alert["state"]) for alert in alerts}


async def test_rain_and_river_of_an_unknown_time_count_nowhere(scene: Scene) -> None:
    for hour in range(5):
        scene.reads(RAIN, (hour * 3600, 800.0))
        scene.reads(RIVER, (hour * 3600 / 5, 2.0))
    scene.reads(RAIN, (1_800, 700.0), quality=SUSPECT)
    scene.reads(RIVER, (60, 9.0), quality=SUSPECT)
    sensors = {each["thing"]: each for each in (await pages(scene))["/api/town"]["sites"][0]["sensors"]}
    assert sensors["rain-1"]["rain"]["today_mm"] == 0.0
    assert sensors["river-1"]["river"]["level_m"] == 2.0
    assert sensors["river-1"]["river"]["trend"] in {"steady", None}


async def test_events_of_1970_break_no_page(scene: Scene) -> None:
    source = Source("demo-farm", "edge-1", NOW_MS)
    with scene.database.writing() as session:
        for told in (
            started("run-70", 5_000),
            ended("run-70", 9_000),
            event("node.stopped", {"clock_suspect": True}, 0),
        ):
            application.apply_event(session, source, told)
    found = await pages(scene)
    run = found["/api/overview"]["sites"][0]["zones"][0]["last_run"]
    assert run["ended_at"] == "1970-01-01T00:00:09.000Z"


async def test_what_a_suspect_clock_says_of_hours_ahead_hides_nothing_that_is_known(scene: Scene) -> None:
    """A boot that never knew the time is over when its events are sealed: they are old, whatever they claim."""
    ahead_ms = NOW_MS + 6 * 3_600_000
    running = started("run-now", NOW_MS - 60_000)
    over = (started("run-before", NOW_MS - 900_000), ended("run-before", NOW_MS - 840_000))
    guessed = (started("run-guess", ahead_ms), ended("run-guess", ahead_ms + 60_000))
    tell(scene, *over, running, *(suspect(each) for each in guessed), suspect(started("run-cut", ahead_ms + 90_000)))
    zone = (await pages(scene))["/api/overview"]["sites"][0]["zones"][0]
    assert (zone["run"]["id"], zone["last_run"]["id"]) == ("run-now", "run-before")


async def test_a_plan_and_a_description_of_a_suspect_clock_give_way_to_any_other(scene: Scene) -> None:
    ahead_ms = NOW_MS + 6 * 3_600_000
    wrong = described(site={**described()["site"], "name": words("Wrong")})
    tell(scene, suspect(planned(5, ahead_ms)), suspect(event("site.described", wrong, ahead_ms)))
    tell(scene, planned(NOW_MS + 9_000, NOW_MS), event("site.described", described(), NOW_MS + 1))
    tell(scene, suspect(planned(6, ahead_ms)), suspect(event("site.described", wrong, ahead_ms)))
    site = (await pages(scene))["/api/overview"]["sites"][0]
    assert site["name"]["en"] == "Greenhouse"
    assert site["zones"][0]["next"]["at"] == utc(NOW_MS + 9_000).isoformat(timespec="milliseconds")[:-6] + "Z"


def suspect(told: Event) -> Event:
    """As the link seals it when its boot never knew the time."""
    return Event(told.id, told.kind, told.at_ms, {**told.body, "clock_suspect": True})


def tell(scene: Scene, *events: Event) -> None:
    with scene.database.writing() as session:
        for told in events:
            application.apply_event(session, Source("demo-farm", "edge-1", NOW_MS), told)


def test_the_live_bus_never_carries_a_suspect_time() -> None:
    columns = [
        column([(5, 1.0, 0, None), (9, 2.0, SUSPECT, None)], "a/s/t/a"),
        column([(5, 2.0, SUSPECT, None)], "a/s/t/b"),
    ]
    told = live.newest_by_site(columns)
    assert [(sample.path, sample.observed_at_ms) for sample in told["s"].readings] == [("t/a", 5)]
