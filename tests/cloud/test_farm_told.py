"""What the API says of the past of a farm: what its runs were given and took, and what its controller has told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cloud.scene import FARM, NOW_MS, Scene, playing, run, words
from tonnam_cloud.database import Database
from tonnam_cloud.registry.models import Event
from tonnam_cloud.store.embedded import EmbeddedStore


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


async def get(scene: Scene, path: str) -> Any:
    async with scene.client("somchai") as client:
        return (await client.get(path)).json()


async def test_run_says_what_it_was_given_and_what_its_pump_took(scene: Scene) -> None:
    given, older = run("run-2", 3600, 60), run("run-1", 7200, 6000)
    tank = {"injector": "a", "liquid": "a", "name": words("Tank A"), "ml": 120.5}
    given.doses = [tank, {"injector": "b", "ml": 3.0}]
    given.kwh, given.baht = 0.42, 1.11
    with scene.database.writing() as session:
        session.add_all([given, older])
    before, last = (await get(scene, f"/api/sites/{FARM}/zones/zone-1/history"))["runs"]
    assert last["doses"] == [tank, {"injector": "b", "liquid": None, "name": None, "ml": 3.0}]
    assert (last["kwh"], last["baht"]) == (0.42, 1.11)
    assert (before["doses"], before["kwh"], before["baht"]) == ([], None, None)


def told(number: int, kind: str, ago_s: int, **body: Any) -> Event:
    at_ms = NOW_MS - ago_s * 1000
    body = {"site": "melon-greenhouse", **body}
    return Event(
        tenant="demo-farm", node="edge-1", id=f"e{number}", kind=kind, at_ms=at_ms, received_ms=at_ms, body=body
    )


async def test_what_a_farm_has_told_is_listed_in_words_newest_first(scene: Scene) -> None:
    rows = [
        told(1, "program.skipped", 300, zone="zone-1", text=words("its day has its water")),
        told(2, "lock.cleared", 200, by="Somchai"),
        told(3, "device.lost", 100, site="another", text=words("silent")),
        told(4, "zone.planned", 90, text=words("seen elsewhere")),
        told(5, "node.started", 80, site=None, clock_suspect=True),
        told(6, "zone.waits", 80 * 3600, text=words("too old")),
    ]
    with scene.database.writing() as session:
        session.add_all(rows)
    found = (await get(scene, f"/api/sites/{FARM}/events"))["events"]
    assert [(each["kind"], each["zone"], each["at"]) for each in found] == [
        ("node.started", None, None),
        ("lock.cleared", None, "2026-11-20T05:56:40.000Z"),
        ("program.skipped", "zone-1", "2026-11-20T05:55:00.000Z"),
    ]
    assert [each["text"] and each["text"]["en"] for each in found] == [None, "By Somchai", "its day has its water"]
    assert found[2]["title"]["en"] == "A watering was left out"
    async with scene.client("stranger") as client:
        assert (await client.get(f"/api/sites/{FARM}/events")).status_code == 404
