"""The API's slices on each kind of database: what SQLite takes, PostgreSQL takes too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.cloud.scene import COMMANDS, TANK, Scene, playing, run
from tonnam_cloud.database import Database
from tonnam_cloud.farm.commands import ACCEPT_WITHIN_MS, ANSWER_GRACE_MS
from tonnam_cloud.store.embedded import EmbeddedStore


@pytest.fixture
async def scene(any_database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(any_database, embedded_store) as scene:
        yield scene


async def test_link_is_spent_once_by_many_at_once(scene: Scene) -> None:
    token = scene.parts.people.new_link("malee")
    async with scene.client() as client:
        tries = [client.post("/api/session/link", json={"token": token}) for _ in range(4)]
        answers = await asyncio.gather(*tries)
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_command_is_taken_once_sent_and_expired(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        key, wish = {"Idempotency-Key": "tap-1"}, {"action": "water", "minutes": 5}
        answers = await asyncio.gather(*(client.post(COMMANDS, json=wish, headers=key) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {202}
        (command_id,) = {answer.json()["id"] for answer in answers}
        await scene.parts.commands.round()
        assert (await client.get(f"/api/commands/{command_id}")).json()["state"] == "sent"
        scene.clock.now_ms += ACCEPT_WITHIN_MS + ANSWER_GRACE_MS
        await scene.parts.commands.round()
        assert (await client.get(f"/api/commands/{command_id}")).json()["state"] == "expired"
    assert [wire.id for _, wire in scene.wire.published] == [command_id]


async def test_overview_shows_runs_and_alerts(scene: Scene) -> None:
    scene.reads(TANK, *[(ago_s, 20.0) for ago_s in range(0, 300, 10)])
    with scene.database.writing() as session:
        session.add_all([run("run-1", 3600, 3000), run("run-2", 60)])
    scene.parts.watch.tick()
    async with scene.client("somchai") as client:
        overview = (await client.get("/api/overview")).json()
        alerts = (await client.get("/api/alerts")).json()["alerts"]
    zone = overview["sites"][0]["zones"][0]
    assert (zone["run"]["id"], zone["last_run"]["id"]) == ("run-2", "run-1")
    assert [each["rule"] for each in overview["alerts"]] == ["tank-low"]
    assert ("tank-low", "firing") in [(each["rule"], each["state"]) for each in alerts]
