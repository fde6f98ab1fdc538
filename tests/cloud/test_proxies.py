"""Behind a reverse proxy: what a trusted one says of the client counts, what anybody else says does not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.cloud.scene import PAGE, PASSWORD, Scene, playing
from tonnam_cloud.api import create_app
from tonnam_cloud.database import Database
from tonnam_cloud.people.throttle import FREE_TRIES
from tonnam_cloud.serve import web_config
from tonnam_cloud.settings import read_settings
from tonnam_cloud.store.embedded import EmbeddedStore

PROXY, STRANGER = "172.18.0.1", "203.0.113.9"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store) as scene:
        yield scene


def reached_from(scene: Scene, peer: str) -> httpx.AsyncClient:
    """A client whose connection comes from `peer`, where the proxies are those of docker's networks."""
    config = web_config(create_app(scene.parts), read_settings(trusted_proxies="127.0.0.1, 172.16.0.0/12"))
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(peer, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://tonnam", headers=PAGE)


async def sign_in(client: httpx.AsyncClient, password: str, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/api/session", json={"username": "somchai", "password": password}, headers=headers)


async def test_cookie_is_secure_and_https_is_kept_to_behind_a_trusted_proxy(scene: Scene) -> None:
    async with reached_from(scene, PROXY) as client:
        answer = await sign_in(client, PASSWORD, HTTPS)
        plain = await client.get("/api/health")
    assert answer.status_code == 200
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "max-age" in answer.headers["strict-transport-security"]
    assert "strict-transport-security" not in plain.headers


async def test_stranger_is_not_believed_to_speak_https(scene: Scene) -> None:
    async with reached_from(scene, STRANGER) as client:
        answer = await sign_in(client, PASSWORD, HTTPS)
    assert answer.status_code == 200
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" not in answer.headers


async def test_guesses_through_a_proxy_slow_down_who_guesses_and_nobody_else(scene: Scene) -> None:
    async with reached_from(scene, PROXY) as client:
        for _ in range(FREE_TRIES):
            assert (await sign_in(client, "wrong-guess", HTTPS)).status_code == 401
        assert (await sign_in(client, "wrong-guess", HTTPS)).status_code == 429
        other = {**HTTPS, "X-Forwarded-For": "198.51.100.8"}
        assert (await sign_in(client, PASSWORD, other)).status_code == 200


async def test_stranger_cannot_escape_the_throttle_with_a_made_up_address(scene: Scene) -> None:
    async with reached_from(scene, STRANGER) as client:
        for number in range(FREE_TRIES):
            made_up = {"X-Forwarded-For": f"198.51.100.{number}"}
            assert (await sign_in(client, "wrong-guess", made_up)).status_code == 401
        assert (await sign_in(client, "wrong-guess", {"X-Forwarded-For": "198.51.100.99"})).status_code == 429
