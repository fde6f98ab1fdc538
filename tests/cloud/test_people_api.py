"""Signing in over HTTP, and who sees what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import httpx
import pytest

from tests.cloud.scene import COMMANDS, FARM, PAGE, PASSWORD, Scene, playing
from tonnam_cloud.database import Database
from tonnam_cloud.people.service import IDLE_MS, LIFETIME_MS, LINK_MS
from tonnam_cloud.store.embedded import EmbeddedStore

DAY_S = 86_400


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


async def sign_in(scene: Scene, name: str = "somchai", password: str = PASSWORD) -> httpx.Response:
    async with scene.client() as client:
        return await client.post("/api/session", json={"username": name, "password": password})


async def test_signing_in_tells_who_one_is(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        me = (await client.get("/api/me")).json()
    assert me == {
        "user": {
            "name": "somchai",
            "display_name": "Somchai",
            "role": "farmer",
            "tenants": ["demo-farm", "demo-town"],
        },
        "can_command": True,
        "commands_in": ["demo-farm"],
    }


async def test_name_may_be_typed_with_capitals_and_spaces(scene: Scene) -> None:
    assert (await sign_in(scene, " Somchai ")).status_code == 200


async def test_cookie_is_hidden_from_scripts_and_other_sites(scene: Scene) -> None:
    answer = await sign_in(scene)
    cookie = SimpleCookie(answer.headers["set-cookie"])["tonnam_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "lax"
    assert not cookie["secure"]
    with scene.database.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT token_hash FROM sign_in").scalars().all()
    assert stored
    assert cookie.value not in stored


async def test_wrong_password_and_unknown_name_get_the_same_answer(scene: Scene) -> None:
    wrong, unknown = await sign_in(scene, password="not this one"), await sign_in(scene, "nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"]["code"] == "wrong_password"


async def test_guessing_is_told_to_wait_even_when_it_comes_all_at_once(scene: Scene) -> None:
    answers = await asyncio.gather(*(sign_in(scene, password=f"guess number {n}") for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 3
    late = await sign_in(scene)
    assert late.status_code == 429
    assert late.headers["retry-after"] == "2"
    assert (await sign_in(scene, "malee")).status_code == 200
    scene.clock.pass_s(3)
    assert (await sign_in(scene)).status_code == 200


async def test_nothing_is_shown_without_signing_in(scene: Scene) -> None:
    async with scene.client() as client:
        for path in (
            "/api/me",
            "/api/overview",
            "/api/town",
            "/api/alerts",
            "/api/live",
            "/api/commands/" + "0" * 32,
        ):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in"), path


async def test_signing_out_ends_the_session_on_the_server(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        token = client.cookies["tonnam_session"]
        assert (await client.delete("/api/session")).status_code == 204
        client.cookies.set("tonnam_session", token)
        assert (await client.get("/api/me")).status_code == 401


async def test_session_ends_when_unused_and_lives_on_while_used(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        for _ in range(3):
            scene.clock.now_ms += IDLE_MS - 1
            assert (await client.get("/api/me")).status_code == 200
        scene.clock.now_ms += IDLE_MS
        assert (await client.get("/api/me")).status_code == 401


async def test_session_ends_for_good_after_its_lifetime(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        for _ in range(LIFETIME_MS // (10 * DAY_S * 1000) - 1):
            scene.clock.pass_s(10 * DAY_S)
            assert (await client.get("/api/me")).status_code == 200
        scene.clock.pass_s(10 * DAY_S)
        assert (await client.get("/api/me")).status_code == 401


async def test_link_signs_in_once(scene: Scene) -> None:
    token = scene.parts.people.new_link("malee")
    async with scene.client() as client:
        first = await client.post("/api/session/link", json={"token": token})
        assert first.json()["user"]["name"] == "malee"
        assert (await client.get("/api/me")).json()["can_command"] is False
        again = await client.post("/api/session/link", json={"token": token})
        assert (again.status_code, again.json()["error"]["code"]) == (401, "link_over")


async def test_link_is_over_after_a_quarter_of_an_hour(scene: Scene) -> None:
    token = scene.parts.people.new_link("malee")
    scene.clock.now_ms += LINK_MS
    async with scene.client() as client:
        assert (await client.post("/api/session/link", json={"token": token})).status_code == 401


async def test_only_one_of_many_at_once_gets_in_by_a_link(scene: Scene) -> None:
    token = scene.parts.people.new_link("malee")
    async with scene.client() as client:
        tries = [client.post("/api/session/link", json={"token": token}) for _ in range(6)]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*tries))
    assert statuses == [200] + [401] * 5


async def test_new_password_ends_old_sessions_and_links(scene: Scene) -> None:
    token = scene.parts.people.new_link("malee")
    async with scene.client("malee") as client:
        scene.parts.people.set_password("malee", "another-one-entirely")
        assert (await client.get("/api/me")).status_code == 401
        assert (await client.post("/api/session/link", json={"token": token})).status_code == 401
    assert (await sign_in(scene, "malee")).status_code == 401
    assert (await sign_in(scene, "malee", "another-one-entirely")).status_code == 200


async def test_request_from_another_sites_page_is_refused(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        del client.headers["X-Tonnam"]
        for method, path in (("POST", "/api/session"), ("DELETE", "/api/session"), ("POST", COMMANDS)):
            answer = await client.request(method, path, json={"action": "stop"} if path == COMMANDS else None)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_page"), path
        client.headers.update(PAGE)
        assert (await client.get("/api/me")).status_code == 200


@pytest.mark.parametrize("place", [FARM, "demo-farm/nowhere", "no-such/melon-greenhouse"])
async def test_what_is_not_ones_own_does_not_exist(scene: Scene, place: str) -> None:
    async with scene.client("stranger") as client:
        for path in (f"/api/sites/{place}/zones/zone-1/history", f"/api/sites/{place}/things/tank/level/history"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        order = await client.post(f"/api/sites/{place}/zones/zone-1/commands", json={"action": "stop"})
        assert order.status_code == 404
        overview = (await client.get("/api/overview")).json()
        assert overview["sites"] == []
        assert [site["id"] for site in (await client.get("/api/town")).json()["sites"]] == ["town"]
