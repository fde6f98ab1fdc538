"""The rim of the web application: errors in one form, headers, the page, and the API against its own description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.cloud.scene import COMMANDS, MOISTURE, TANK, Scene, playing
from tonnam_cloud.database import Database
from tonnam_cloud.store.embedded import EmbeddedStore

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A built page."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>ต้นน้ำ</title>")
    (dist / "assets" / "index-4f2a.js").write_text("export const water = 1;" * 100)
    (dist / "sw.js").write_text("self")
    (tmp_path / "secret.txt").write_text("secret")
    return dist


@pytest.fixture
async def scene(database: Database, embedded_store: EmbeddedStore, page: Path) -> AsyncIterator[Scene]:
    async with playing(database, embedded_store, web_dist=page) as scene:
        yield scene


async def test_health_says_ok_without_signing_in(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.get("/api/health")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["waiting"]) == ("ok", False)
    wanted = {"batches", "readings", "aggregates", "forwards", "gaps", "garbled", "quarantined", "busy", "replayed"}
    assert wanted < set(told["ingest"])
    assert set(told["ingest"].values()) == {0}


def error_of(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error"}
    assert body["error"]["message"]["th"]
    assert body["error"]["message"]["en"]
    return answer.status_code, body["error"]["code"]


async def test_every_error_has_the_same_form(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        assert error_of(await client.get("/api/nothing")) == (404, "not_found")
        assert error_of(await client.get("/api/nothing", headers={"Accept": "text/html"})) == (404, "not_found")
        assert error_of(await client.post("/api/overview")) == (405, "method")
        assert error_of(await client.post(COMMANDS, content=b"{")) == (422, "invalid")
        assert error_of(await client.post(COMMANDS, content=b"\xff", headers=JSON)) == (422, "invalid")
        assert (await client.post(COMMANDS, content=b" " * 20_000, headers=JSON)).status_code == 413
        assert error_of(await client.post("/api/session", json={"username": "x"})) == (422, "invalid")
        assert error_of(await client.get("/api/sites/UP/melon/zones/zone-1/history")) == (422, "invalid")


async def test_invalid_password_is_not_repeated_to_anybody(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.post("/api/session", json={"username": "somchai", "password": ["hush-hush"]})
    assert answer.status_code == 422
    assert "hush" not in answer.text
    assert "password" in answer.json()["error"]["message"]["en"]


async def test_database_that_is_away_is_said_so(scene: Scene) -> None:
    async with scene.client("somchai") as client:
        with scene.database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE sign_in RENAME TO elsewhere"))
        answer = await client.get("/api/overview")
    assert error_of(answer) == (503, "away")
    assert answer.headers["retry-after"] == "5"


async def test_headers_keep_foreign_pages_out(scene: Scene) -> None:
    async with scene.client() as client:
        for path in ("/", "/api/health", "/api/me", "/assets/index-4f2a.js"):
            headers = (await client.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "strict-transport-security" not in headers


async def test_hashed_files_are_kept_and_the_page_is_asked_for_anew(scene: Scene) -> None:
    async with scene.client() as client:
        script = await client.get("/assets/index-4f2a.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-encoding"] == "gzip"
        assert script.headers["content-type"].startswith("text/javascript")
        assert (await client.get("/")).headers["cache-control"] == "no-cache"
        assert (await client.get("/sw.js")).headers["cache-control"] == "no-cache"
        assert (await client.get("/api/health")).headers["cache-control"] == "no-store"
        for accept in ("*/*", "text/html,*/*"):
            missing = await client.get("/assets/index-0000.js", headers={"Accept": accept})
            assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")


async def test_page_is_not_kept_for_a_year_wherever_it_is_asked_for(scene: Scene, page: Path) -> None:
    (page / "assets" / "about.html").write_text("<!doctype html>")
    async with scene.client() as client:
        answer = await client.get("/assets/about.html")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


async def test_addresses_of_the_page_itself_give_the_page(scene: Scene) -> None:
    async with scene.client() as client:
        answer = await client.get("/zone/demo-farm/zone-1", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "ต้นน้ำ" in answer.text


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"])
async def test_files_outside_the_page_are_not_served(scene: Scene, path: str) -> None:
    async with scene.client() as client:
        answer = await client.get(f"{scene.base_url}{path}", headers={"Accept": "*/*"})
    assert "secret" not in answer.text


async def test_missing_page_is_said_clearly(
    database: Database, embedded_store: EmbeddedStore, tmp_path: Path
) -> None:
    async with playing(database, embedded_store, web_dist=tmp_path / "none") as scene, scene.client() as client:
        answer = await client.get("/")
        assert answer.status_code == 503
        assert "make web" in answer.text
        assert (await client.get("/api/health")).status_code == 200


async def test_large_answers_are_packed(scene: Scene) -> None:
    scene.reads(MOISTURE, (5, 28.0))
    scene.reads(TANK, (5, 150.0))
    async with scene.client("somchai") as client:
        answer = await client.get("/api/overview", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["sites"]


async def test_description_of_the_api_names_every_address(scene: Scene) -> None:
    async with scene.client() as client:
        paths = (await client.get("/api/openapi.json")).json()["paths"]
    assert set(paths) == {
        "/api/session",
        "/api/session/link",
        "/api/me",
        "/api/overview",
        "/api/sites/{tenant}/{site}/events",
        "/api/sites/{tenant}/{site}/zones/{zone}/history",
        "/api/sites/{tenant}/{site}/zones/{zone}/commands",
        "/api/sites/{tenant}/{site}/things/{thing}/{property}/history",
        "/api/sites/{tenant}/{site}/latches/{latch}/clear",
        "/api/sites/{tenant}/{site}/lockouts",
        "/api/commands/{command_id}",
        "/api/town",
        "/api/alerts",
        "/api/live",
        "/api/health",
    }
