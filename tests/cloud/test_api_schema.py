"""The API against its own OpenAPI description: made-up requests never break it, and answers are as described."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.cloud.scene import (
    DUST,
    FARM,
    MOISTURE,
    NOW_MS,
    PAGE,
    PASSWORD,
    RAIN,
    RIVER,
    SECOND_MS,
    TANK,
    VALVE,
    playing,
    run,
)
from tonnam_cloud.api import create_app
from tonnam_cloud.database import Database
from tonnam_cloud.parts import Parts
from tonnam_cloud.registry.models import Command, Site
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.tables import metadata

pytestmark = pytest.mark.xdist_group("api-schema")
KNOWN_COMMAND = "0123456789abcdef0123456789abcdef"
KNOWN = {
    "tenant": "demo-farm",
    "site": "melon-greenhouse",
    "zone": "zone-1",
    "thing": "tank",
    "property": "level",
    "command_id": KNOWN_COMMAND,
    "latch": "l-1",
}
WORDS = {"th": "น้ำไม่ไหล", "en": "no water flows"}
STANDS = {
    "site": "melon-greenhouse",
    "latches": [{"id": "l-1", "of": "no_flow", "subject": "zone-1", "zones": ["zone-1"], "text": WORDS}],
    "lockouts": [{"id": "k-1", "who": "somchai", "why": "digging", "since_ms": NOW_MS}],
    "modes": [{"zone": "zone-2", "mode": "hand", "text": WORDS}],
    "emergency": {"since_ms": NOW_MS},
}
CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@asynccontextmanager
async def furnished(directory: Path) -> AsyncIterator[str]:
    """A farm and a town with readings of every kind; the address of their API."""
    database, store = Database(f"sqlite:///{directory / 'tonnam.db'}"), EmbeddedStore(directory / "store")
    metadata.create_all(database.engine)
    async with playing(database, store) as scene:
        for name, value in ((MOISTURE, 28.0), (VALVE, 1.0), (TANK, 20.0), (DUST, 30.0), (RAIN, 3.0), (RIVER, 2.0)):
            scene.reads(name, *[(ago_s, value) for ago_s in range(0, 86_400, 300)])
        with database.writing() as session:
            session.add_all([run("run-1", 3600, 3000), run("run-2", 60), known_command()])
            session.get_one(Site, ("demo-farm", "melon-greenhouse")).stands = STANDS
        scene.parts.watch.tick()
        yield scene.base_url
    store.close()
    database.close()


def known_command() -> Command:
    return Command(
        id=KNOWN_COMMAND,
        tenant="demo-farm",
        site="melon-greenhouse",
        node="edge-1",
        zone="zone-1",
        action="water",
        max_run_s=300,
        state="done",
        created_by="somchai",
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 60 * SECOND_MS,
        changed_ms=NOW_MS,
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API on a loop of its own, because the requests of this module block."""
    started: list[str] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with furnished(tmp_path_factory.mktemp("schema")) as base_url:
            started.append(base_url)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield started[0]
    stop.set()
    thread.join(30)


@pytest.fixture(scope="module")
def token(address: str) -> str:
    """The session of a farmer."""
    credentials = {"username": "somchai", "password": PASSWORD}
    answer = httpx.post(f"{address}/api/session", json=credentials, headers=PAGE)
    return str(answer.cookies["tonnam_session"])


NO_PARTS = cast(Parts, None)  # to describe itself the application needs none
DESCRIPTION = create_app(NO_PARTS).openapi()
# The endless stream and the end of the session have tests of their own.
api = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path="/api/live").exclude(method="DELETE")
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@api.parametrize()
@few
def test_made_up_requests_get_the_answers_described(case: Any, address: str, token: str) -> None:
    case.cookies = {"tonnam_session": token}
    case.call_and_validate(base_url=address, checks=CHECKS)


@api.parametrize()
@few
def test_requests_of_our_page_get_the_answers_described(case: Any, address: str, token: str) -> None:
    """With the header of our page, and to things that exist: most of these succeed."""
    case.cookies = {"tonnam_session": token}
    case.headers = {**(case.headers or {}), **PAGE}
    case.path_parameters = {name: KNOWN[name] for name in case.path_parameters or {}}
    case.call_and_validate(base_url=address, checks=CHECKS[:-1])


def test_every_known_address_answers(address: str, token: str) -> None:
    with httpx.Client(base_url=address, cookies={"tonnam_session": token}) as client:
        for path in (
            "/api/me",
            "/api/overview",
            "/api/town",
            "/api/alerts",
            f"/api/commands/{KNOWN_COMMAND}",
            f"/api/sites/{FARM}/zones/zone-1/history",
            f"/api/sites/{FARM}/things/tank/level/history",
        ):
            assert client.get(path).status_code == 200, path
