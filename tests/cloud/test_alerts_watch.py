"""Alerts from readings on the live bus, from silence, and across restarts, with the shipped rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cloud.scene import (
    DUST,
    FARM,
    FARM_STREAMS,
    MOISTURE,
    RAIN,
    RIVER,
    TANK,
    Scene,
    datastream,
    describe,
    playing,
    until,
    words,
    zone,
)
from tonnam_cloud.alerts import repository
from tonnam_cloud.alerts.rules import Rule, load_rules
from tonnam_cloud.alerts.subjects import find_subjects
from tonnam_cloud.alerts.watch import Watch
from tonnam_cloud.database import Database
from tonnam_cloud.live import bus
from tonnam_cloud.registry.models import Site, Zone
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.quality import Quality

BEAT_S = 30


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        scene.parts.watch.tick()
        yield scene


def heard(scene: Scene, *samples: tuple[str, float | None], quality: int = 0) -> bus.Heard:
    """What the live bus says of readings of now in one site, which ingest has stored."""
    for name, value in samples:
        scene.reads(name, (0, value), quality=quality)
    tenant, site, _ = samples[0][0].split("/", 2)
    readings = [bus.LiveSample(name.split("/", 2)[2], scene.clock.now_ms, value, quality) for name, value in samples]
    return bus.Heard(tenant, site, bus.Stored(readings=readings))


def beat(scene: Scene, *samples: tuple[str, float | None], quality: int = 0, watch: Watch | None = None) -> None:
    """One beat of the site: readings arrive, the timer looks, time goes on."""
    watch = watch or scene.parts.watch
    watch.hear([heard(scene, *samples, quality=quality)])
    watch.tick()
    scene.clock.pass_s(BEAT_S)


def keeps(scene: Scene, beats: int, *samples: tuple[str, float | None], quality: int = 0) -> None:
    for _ in range(beats):
        beat(scene, *samples, quality=quality)


async def alerts(scene: Scene, name: str = "somchai") -> list[Any]:
    async with scene.client(name) as client:
        found: list[Any] = (await client.get("/api/alerts")).json()["alerts"]
        return found


def open_rules(scene: Scene) -> list[str]:
    with scene.database.reading() as session:
        return [row.rule for row in repository.open_rows(session)]


async def states(scene: Scene) -> list[tuple[str, str]]:
    """The farm's alerts."""
    return [(each["rule"], each["state"]) for each in await alerts(scene) if each["tenant"] == "demo-farm"]


ZONE_2 = f"{FARM}/zone-2/soil_moisture"
OTHERS = [(name, 20.0) for name, _ in FARM_STREAMS if name not in (MOISTURE, TANK, ZONE_2)]
FINE = [*OTHERS, (TANK, 150.0), (ZONE_2, 28.0)]
MOIST = [*OTHERS, (MOISTURE, 28.0), (ZONE_2, 28.0)]


async def test_soil_below_its_band_is_pending_then_fires_then_is_resolved(scene: Scene) -> None:
    beat(scene, *FINE, (MOISTURE, 21.9))
    assert await states(scene) == [("soil-too-dry", "pending")]
    keeps(scene, 20, *FINE, (MOISTURE, 21.5))
    (alert,) = await alerts(scene)
    assert (alert["state"], alert["severity"], alert["datastream"]) == ("firing", "warning", MOISTURE)
    assert alert["since"] == "2026-11-20T06:00:00.000Z"
    assert alert["title"]["th"] == "Zone 1 (ไทย) แห้งเกินไป"
    assert "21.5%" in alert["text"]["th"]
    assert "22 %" in alert["text"]["en"]
    assert "10 minutes" in alert["text"]["en"]
    keeps(scene, 2, *FINE, (MOISTURE, 22.5))
    assert await states(scene) == [("soil-too-dry", "firing")]
    beat(scene, *FINE, (MOISTURE, 23.5))
    (alert,) = await alerts(scene)
    assert alert["state"] == "resolved"
    assert alert["resolved_at"] is not None


async def test_firing_alert_is_in_the_overview_and_a_pending_one_is_not(scene: Scene) -> None:
    async def shown() -> list[str]:
        async with scene.client("somchai") as client:
            return [each["rule"] for each in (await client.get("/api/overview")).json()["alerts"]]

    beat(scene, *MOIST, (TANK, 25.0))
    assert await shown() == []
    keeps(scene, 4, *MOIST, (TANK, 25.0))
    assert await shown() == ["tank-low"]


async def test_short_dip_leaves_no_trace(scene: Scene) -> None:
    keeps(scene, 5, *FINE, (MOISTURE, 20.0))
    keeps(scene, 1, *FINE, (MOISTURE, 26.0))
    assert await states(scene) == []


async def test_unknown_reading_is_no_dry_soil(scene: Scene) -> None:
    keeps(scene, 25, *FINE, (MOISTURE, 0.0), quality=Quality.OUT_OF_RANGE)
    assert ("soil-too-dry", "pending") not in await states(scene)
    assert ("soil-too-dry", "firing") not in await states(scene)


async def test_silent_probe_fires_while_others_speak(scene: Scene) -> None:
    beat(scene, *FINE, (MOISTURE, 28.0))
    keeps(scene, 31, *FINE)
    assert await states(scene) == [("soil-no-data", "pending")]
    keeps(scene, 2, *FINE)
    (alert,) = [each for each in await alerts(scene) if each["tenant"] == "demo-farm"]
    assert (alert["rule"], alert["state"], alert["datastream"]) == ("soil-no-data", "firing", MOISTURE)
    assert alert["since"] == "2026-11-20T06:01:00.000Z"
    beat(scene, *FINE, (MOISTURE, 28.0))
    assert await states(scene) == [("soil-no-data", "resolved")]


def tick_for(scene: Scene, seconds: int) -> None:
    for _ in range(seconds // 10):
        scene.clock.pass_s(10)
        scene.parts.watch.tick()


async def test_silent_site_is_one_alert_and_not_one_for_each_probe(scene: Scene) -> None:
    beat(scene, *FINE, (MOISTURE, 28.0))
    tick_for(scene, 1800)
    farm = [each for each in await alerts(scene) if each["tenant"] == "demo-farm"]
    assert [(each["rule"], each["state"], each["datastream"]) for each in farm] == [("site-silent", "firing", None)]
    assert "melon-greenhouse" in farm[0]["title"]["en"]
    beat(scene, *OTHERS)
    farm = [each for each in await alerts(scene) if each["tenant"] == "demo-farm"]
    assert [(each["rule"], each["state"]) for each in farm if each["rule"] == "site-silent"] == [
        ("site-silent", "resolved")
    ]
    assert "firing" not in {each["state"] for each in farm}


AHEAD_S = 20 * 3600


def ahead(scene: Scene, *samples: tuple[str, float]) -> bus.Heard:
    """As `heard`, from a clock that is 20 hours fast."""
    for name, value in samples:
        scene.reads(name, (-AHEAD_S, value))
    tenant, site, _ = samples[0][0].split("/", 2)
    at_ms = scene.clock.now_ms + AHEAD_S * 1000
    readings = [bus.LiveSample(name.split("/", 2)[2], at_ms, value, 0) for name, value in samples]
    return bus.Heard(tenant, site, bus.Stored(readings=readings))


async def test_reading_from_the_future_does_not_hide_that_a_probe_is_silent(scene: Scene) -> None:
    beat(scene, *FINE, (MOISTURE, 28.0))
    scene.parts.watch.hear([ahead(scene, (MOISTURE, 28.0))])
    keeps(scene, 34, *FINE)
    assert await states(scene) == [("soil-no-data", "firing")]


async def test_reading_from_the_future_does_not_blind_a_threshold(scene: Scene) -> None:
    beat(scene, *MOIST, (TANK, 90.0))
    scene.parts.watch.hear([ahead(scene, (TANK, 90.0))])
    keeps(scene, 6, *MOIST, (TANK, 20.0))
    assert await states(scene) == [("tank-low", "firing")]


def firing_text(scene: Scene, rule: str) -> dict[str, str]:
    with scene.database.reading() as session:
        (text,) = [row.text for row in repository.open_rows(session) if (row.rule, row.state) == (rule, "firing")]
        return text


async def test_words_of_a_firing_alert_follow_its_value_and_its_minutes(scene: Scene) -> None:
    keeps(scene, 25, *FINE, (MOISTURE, 21.0))
    assert "21 %" in firing_text(scene, "soil-too-dry")["en"]
    keeps(scene, 40, *FINE, (MOISTURE, 19.5))
    said = firing_text(scene, "soil-too-dry")
    assert "19.5 %" in said["en"]
    assert any(f"{minutes} minutes" in said["en"] for minutes in (31, 32))
    assert "19.5%" in said["th"]


async def test_alert_whose_sensor_died_says_since_when_nothing_is_known_until_it_is_heard(scene: Scene) -> None:
    keeps(scene, 6, *MOIST, (TANK, 20.0))
    keeps(scene, 40, *MOIST)
    said = firing_text(scene, "tank-low")
    assert said["en"].startswith("Not known since 13:02: ")
    assert said["th"].startswith("ไม่รู้ค่าตั้งแต่ 13:02 น. ")
    assert "20 cm of water are left" in said["en"]
    watch = restarted(scene)
    for _ in range(4):
        beat(scene, *MOIST, watch=watch)
    assert firing_text(scene, "tank-low") == said
    for _ in range(4):
        beat(scene, *MOIST, (TANK, 18.0), watch=watch)
    assert firing_text(scene, "tank-low")["en"].startswith("18 cm of water are left")
    beat(scene, *MOIST, (TANK, 90.0), watch=watch)
    assert await states(scene) == [("tank-low", "resolved")]


async def test_what_was_pending_when_its_sensor_died_is_dropped(scene: Scene) -> None:
    beat(scene, *MOIST, (TANK, 20.0))
    assert await states(scene) == [("tank-low", "pending")]
    keeps(scene, 12, *MOIST)
    assert await states(scene) == []


async def test_cloud_that_was_down_blames_nobody_for_it(scene: Scene) -> None:
    beat(scene, *FINE, (MOISTURE, 28.0))
    scene.clock.pass_s(86_400)
    watch = restarted(scene)
    watch.tick()
    assert "firing" not in {state for _, state in await states(scene)}


def describe_orchard(session: Session) -> None:
    """A farm whose zone, probe and tank have names of their own."""
    site = "demo-farm/orchard"
    session.add(
        Site(tenant="demo-farm", id="orchard", node="edge-1", kind="farm", name=words("Orchard"), described_ms=0)
    )
    session.flush()
    for position, (path, unit) in enumerate(
        (("north-bed/vwc", "%"), ("probe-a/vwc", "%"), ("pond/water", "cm"), ("air-9/pm2_5", "ug/m3"))
    ):
        session.add(datastream(f"{site}/{path}", unit, position))
    north = zone(1)
    north.site, north.id, north.moisture = "orchard", "north-bed", f"{site}/north-bed/vwc"
    session.add(north)
    session.get_one(Site, ("demo-farm", "orchard")).tank = f"{site}/pond/water"


def test_shipped_rules_watch_zone_tank_and_sensors_by_what_they_are_for(database: Database) -> None:
    with database.writing() as session:
        describe(session)
        describe_orchard(session)
    with database.reading() as session:
        about = {subject.key for subject in find_subjects(session, load_rules())}
    soil = {"soil-too-dry", "soil-too-wet", "soil-no-data"}
    orchard = {(rule, name) for rule, name in about if name.startswith("demo-farm/orchard/")}
    assert orchard == {
        *((rule, "demo-farm/orchard/north-bed/vwc") for rule in soil),
        ("tank-low", "demo-farm/orchard/pond/water"),
        ("dust-high", "demo-farm/orchard/air-9/pm2_5"),
    }
    assert {(rule, name) for rule, name in about if rule in {"air-no-data", "rain-no-data", "river-no-data"}} == {
        ("air-no-data", DUST),
        ("rain-no-data", RAIN),
        ("river-no-data", RIVER),
    }
    assert {name for rule, name in about if rule in soil} >= {MOISTURE, ZONE_2}


async def test_silent_rain_gauge_of_a_town_is_told_in_both_languages(scene: Scene) -> None:
    beat(scene, (RAIN, 100.0), (RIVER, 2.0), (DUST, 20.0))
    keeps(scene, 155, (RIVER, 2.0), (DUST, 20.0))
    (alert,) = [each for each in await alerts(scene) if each["tenant"] == "demo-town"]
    assert (alert["rule"], alert["state"], alert["title"]["en"]) == ("rain-no-data", "firing", "No data from rain-1")
    assert alert["title"]["th"] == "ไม่มีข้อมูลจากrain-1 (ไทย)"


def restarted(scene: Scene, rules: Sequence[Rule] | None = None) -> Watch:
    """The watch of a cloud that starts anew on the same database and store."""
    rules = load_rules() if rules is None else rules
    return Watch(scene.database, scene.store, rules, scene.clock, lambda _tenant: None)


async def test_alert_goes_on_firing_after_a_restart_and_ends_by_the_next_reading(scene: Scene) -> None:
    keeps(scene, 5, *MOIST, (TANK, 20.0))
    before = await alerts(scene)
    watch = restarted(scene)
    watch.tick()
    assert [(each["id"], each["state"]) for each in await alerts(scene)] == [
        (each["id"], "firing") for each in before
    ]
    beat(scene, *MOIST, (TANK, 90.0), watch=watch)
    assert await states(scene) == [("tank-low", "resolved")]


async def test_start_catches_up_with_what_the_store_has(scene: Scene) -> None:
    scene.reads(TANK, *[(ago_s, 20.0) for ago_s in range(0, 300, 10)])
    restarted(scene).tick()
    assert ("tank-low", "firing") in await states(scene)


async def test_alert_that_ended_while_the_cloud_was_down_is_resolved_at_its_time(scene: Scene) -> None:
    keeps(scene, 6, *MOIST, (TANK, 20.0))
    scene.clock.pass_s(600)
    scene.reads(TANK, *[(ago_s, 100.0) for ago_s in range(0, 300, 10)])
    restarted(scene).tick()
    (tank,) = [each for each in await alerts(scene) if each["rule"] == "tank-low"]
    assert tank["state"] == "resolved"
    assert tank["resolved_at"] == "2026-11-20T06:08:10.000Z"


async def test_rule_that_is_taken_away_takes_its_alert_with_it(scene: Scene) -> None:
    keeps(scene, 6, *MOIST, (TANK, 20.0))
    restarted(scene, rules=()).tick()
    assert ("tank-low", "resolved") in await states(scene)


async def test_new_band_of_a_zone_is_heeded_once_the_node_describes_it(scene: Scene) -> None:
    with scene.database.writing() as session:
        session.get_one(Zone, ("demo-farm", "melon-greenhouse", "zone-1")).band_low_pct = 40.0
    scene.parts.watch.hear([bus.Heard("demo-farm", "melon-greenhouse", bus.Stored(events=["site.described"]))])
    keeps(scene, 2, *FINE, (MOISTURE, 30.0))
    assert ("soil-too-dry", "pending") in await states(scene)


async def test_river_is_judged_by_its_bank(scene: Scene) -> None:
    keeps(scene, 21, (RIVER, 4.4))
    assert "river-high" not in {rule for rule, _ in await states(scene)}
    keeps(scene, 21, (RIVER, 4.6))
    (alert,) = [each for each in await alerts(scene) if each["rule"] == "river-high"]
    assert (alert["state"], alert["severity"]) == ("firing", "critical")
    assert "4.6 m" in alert["text"]["en"]
    assert "river-1" in alert["title"]["en"]


async def test_alerts_of_other_tenants_are_not_shown(scene: Scene) -> None:
    keeps(scene, 6, *MOIST, (TANK, 20.0))
    assert await alerts(scene, "stranger") == []


async def test_watch_hears_of_readings_by_itself(scene: Scene) -> None:
    upkeep = asyncio.create_task(scene.parts.run())
    scene.hears(TANK, 20.0)
    await until(lambda: "tank-low" in open_rules(scene))
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
