"""Pumping stations and gates as a real controller tells of them: kept, alerted, and on the town's page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from tests.cloud.scene import NOW_MS, PASSWORD, Scene, playing
from tests.edge.floods import PUMP_KEY, RIVER, UPSTREAM, Flood
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected
from tonnam_cloud.people.person import Role
from tonnam_cloud.registry import told
from tonnam_cloud.registry.application import Source, apply_event
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import Event

SOURCE = Source("demo-town", "gateway-1", NOW_MS)


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


@pytest.fixture
def flood() -> Flood:
    """A controller that has been up for a minute, the river being low."""
    flood = Flood()
    flood.events.append(flood.core.describe(flood.now_ms))
    flood.run(60)
    return flood


def tell(database: Database, events: Iterable[Event]) -> None:
    with database.writing() as session:
        for event in events:
            if event.kind in {"site.described", "site.stands"}:
                apply_event(session, SOURCE, event)


def alerts(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        rows = session.scalars(select(AlertRow).where(AlertRow.state == "firing")).all()
        return [(row.rule, row.title["en"]) for row in rows]


async def station(scene: Scene, name: str) -> Any:
    async with scene.client("somchai") as client:
        sites = (await client.get("/api/town")).json()["sites"]
    site = next(each for each in sites if each["id"] == "flood-gate")
    return next(each for each in site["stations"] if each["id"] == name)


async def test_the_town_shows_each_station_how_it_stands_and_why(scene: Scene, flood: Flood) -> None:
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 260.0, 295.0
    flood.run(60)
    tell(scene.database, flood.events)
    scene.reads("demo-town/flood-gate/river/level", (5, 260.0))
    pumps, gate = await station(scene, "flood-pumps"), await station(scene, "sluice")
    assert (pumps["state"], pumps["level"]["value"], pumps["locked"], pumps["mode"]) == ("on", 260.0, False, "auto")
    assert [(part["id"], part["state"]) for part in pumps["parts"]] == [("pump-1", "on"), ("pump-2", "off")]
    assert pumps["text"]["en"] == "The water is at 260 cm; from 250 cm up it is on"
    assert (gate["state"], gate["alarm"], gate["latches"]) == ("closed", None, [])
    assert (pumps["order_state"], pumps["max_order_s"]) == ("on", 3600)
    assert (gate["order_state"], gate["fresh"], gate["heard_at"]) == ("closed", True, pumps["heard_at"])
    assert alerts(scene.database) == []


async def test_a_station_whose_controller_is_silent_is_not_shown_as_fresh(scene: Scene, flood: Flood) -> None:
    tell(scene.database, flood.events)
    assert (await station(scene, "flood-pumps"))["heard_at"] is None
    scene.reads("demo-town/flood-gate/river/level", (300, 260.0))
    pumps = await station(scene, "flood-pumps")
    assert (pumps["fresh"], pumps["heard_at"]) == (False, "2026-11-20T05:55:00.000Z")
    scene.reads("demo-town/flood-gate/pump-1/running", (5, 0.0))
    assert (await station(scene, "flood-pumps"))["fresh"] is True


async def test_an_order_that_no_controller_answers_expires_in_a_stations_words(scene: Scene, flood: Flood) -> None:
    tell(scene.database, flood.events)
    scene.parts.people.put_account("ploy", display_name="Ploy", roles={"demo-town": Role.FARMER}, password=PASSWORD)
    where = "/api/sites/demo-town/flood-gate/zones/flood-pumps/commands"
    async with scene.client("ploy") as client:
        too_long = (await client.post(where, json={"action": "water", "minutes": 61})).json()["error"]
        assert too_long["message"]["en"] == "This station takes an order for 1 to 60 minutes."
        sent = (await client.post(where, json={"action": "water", "minutes": 60})).json()
        scene.clock.pass_s(80)
        await scene.parts.commands.round()
        told = (await client.get(f"/api/commands/{sent['id']}")).json()
        assert (told["state"], told["reason"]["en"][:21]) == ("expired", "The station's cabinet")


async def test_what_concerns_the_whole_site_is_shown_with_each_station(scene: Scene, flood: Flood) -> None:
    tell(scene.database, flood.events)
    lost = {"id": "l-1", "of": "memory_lost", "subject": "flood-gate", "text": {"th": "ลืม", "en": "forgotten"}}
    body = {**flood.said("site.stands")[-1], "latches": [lost]}
    tell(scene.database, [Event("later", "site.stands", flood.now_ms, body)])
    for name in ("flood-pumps", "sluice"):
        assert [each["kind"] for each in (await station(scene, name))["latches"]] == ["memory_lost"]


async def test_a_locked_station_is_shown_as_locked(scene: Scene, flood: Flood) -> None:
    flood.town.turn_key(PUMP_KEY, locked=True)
    flood.run(3)
    tell(scene.database, flood.events)
    pumps = await station(scene, "flood-pumps")
    assert (pumps["state"], pumps["locked"], pumps["in_hand"]) == ("off", True, True)


async def test_an_unknown_level_and_a_latch_are_alerts_until_they_are_over(scene: Scene, flood: Flood) -> None:
    flood.town.silent |= {RIVER, UPSTREAM}
    flood.town.broken_pumps.add(0)
    flood.run(70)
    tell(scene.database, flood.events)
    assert ("station", "Flood pumps: somebody must look") in alerts(scene.database)
    assert ("latch", "Flood pumps: a pump does not run") in alerts(scene.database)
    assert [each["kind"] for each in (await station(scene, "flood-pumps"))["latches"]] == ["not_running"]
    flood.town.silent.clear()
    flood.run(10)
    tell(scene.database, flood.events)
    assert [rule for rule, _ in alerts(scene.database)] == ["latch"]


async def test_an_order_for_a_station_is_sent_by_minutes_and_obeyed_by_its_controller(
    scene: Scene, flood: Flood
) -> None:
    tell(scene.database, flood.events)
    scene.parts.people.put_account("ploy", display_name="Ploy", roles={"demo-town": Role.FARMER}, password=PASSWORD)
    where = "/api/sites/demo-town/flood-gate/zones/{}/commands"
    async with scene.client("ploy") as client:
        sent = await client.post(where.format("flood-pumps"), json={"action": "water", "minutes": 5})
        assert sent.status_code == 202, sent.text
        for station, wish in (
            ("flood-pumps", {"action": "water", "minutes": 61}),
            ("flood-pumps", {"action": "water", "litres": 100}),
            ("moon", {"action": "water", "minutes": 5}),
        ):
            assert (await client.post(where.format(station), json=wish)).status_code in {404, 422}
    await scene.parts.commands.round()
    [(topic, command)] = scene.wire.published
    assert (topic.split("/")[2:4], command.zone, command.max_run_s) == (
        ["demo-town", "gateway-1"],
        "flood-pumps",
        300,
    )
    late_ms = flood.now_ms - command.issued_at_ms
    times = {"issued_at_ms": command.issued_at_ms + late_ms, "expires_at_ms": command.expires_at_ms + late_ms}
    flood.core.command(msgspec.structs.replace(command, signed_by="5a" * 8, **times))
    flood.run(10)
    assert any(flood.running())
    assert flood.states(command.id) == ["accepted", "running"]


def test_a_station_whose_level_is_not_of_its_site_is_rejected(flood: Flood) -> None:
    described = flood.core.describe(flood.now_ms)
    described.body["stations"][0]["level"] = "flood-gate/moon/level"
    with pytest.raises(Rejected, match="moon"):
        told.read(described)
