"""The relational database when it is away, busy or asked by many at once."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import exc, text

from tests.cloud.scene import DUST, FARM, MOISTURE, RAIN, RIVER, Scene, playing
from tests.cloud.told import NODE, NOW_MS, TENANT, words
from tests.servers import HOST
from tonnam_cloud import database as database_module
from tonnam_cloud import upkeep
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Node
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import Latest, Series
from tonnam_link.messages import Presence
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session

WORD = msgspec.json.encode(Presence("s", True, NOW_MS))
API_THREADS, LOOP_THREADS, INGEST_THREADS = 40, 36, 1


def test_as_many_connections_are_at_hand_as_threads_may_ask_for(database: Database) -> None:
    with ExitStack() as held:
        for _ in range(API_THREADS + LOOP_THREADS):
            held.enter_context(database.reading()).execute(text("SELECT 1"))
        with database.writing() as session:
            assert session.scalar(text("SELECT 1")) == INGEST_THREADS


def test_database_whose_connections_are_all_taken_is_busy_and_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("IDLE_CONNECTIONS", 1), ("MOST_CONNECTIONS", 1), ("CONNECTION_WITHIN_S", 0.05)):
        monkeypatch.setattr(database_module, name, value)
    database = Database(f"sqlite:///{tmp_path / 'small.db'}")
    with database.reading() as first:
        first.execute(text("SELECT 1"))
        with pytest.raises(Transient, match="all its connections are taken"), database.writing() as second:
            second.execute(text("SELECT 1"))
    database.close()


def lost() -> exc.DBAPIError:
    return exc.ProgrammingError("x", {}, sqlite3.ProgrammingError("closed"), connection_invalidated=True)


def test_server_that_takes_a_connection_and_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a machine that lost its power does: nothing comes back."""
    monkeypatch.setitem(database_module.GIVE_UP, "connect_timeout", 2)
    with socket.create_server((HOST, 0)) as silent:
        database = Database(f"postgresql://nobody@{HOST}:{silent.getsockname()[1]}/none")
        with pytest.raises(Transient, match="does not answer"), database.reading() as session:
            session.connection()
        database.close()


@pytest.mark.parametrize(
    "error",
    [
        exc.OperationalError("x", {}, sqlite3.OperationalError("disk I/O error")),
        exc.InterfaceError("x", {}, sqlite3.InterfaceError("the connection is closed")),
        exc.DatabaseError("x", {}, sqlite3.DatabaseError("disk image is malformed")),
        lost(),
    ],
)
def test_lost_connection_is_something_to_try_again(database: Database, error: exc.DBAPIError) -> None:
    with pytest.raises(Transient), database.reading():
        raise error


def test_content_that_the_database_refuses_is_not_an_outage(database: Database) -> None:
    with pytest.raises(exc.IntegrityError), database.writing() as session:
        session.execute(text("INSERT INTO node (tenant, id, name, created_ms, online) VALUES ('a', 'b', '{}', 0, 0)"))


class WatchedStore(EmbeddedStore):
    """Notes how many connections to the database are held while it is asked."""

    def __init__(self, directory: Path, database: Database) -> None:
        super().__init__(directory)
        self.asked = 0
        self.held = 0
        self._database = database

    def _note(self) -> None:
        pool: Any = self._database.engine.pool
        self.asked += 1
        self.held = max(self.held, pool.checkedout())

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        self._note()
        return super().series(datastream, from_ms, to_ms, max_points)

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        self._note()
        return super().latest(datastreams, at_ms)

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        self._note()
        return super().series_of(datastreams, from_ms, to_ms)


@pytest.fixture
def watched_store(tmp_path: Path, database: Database) -> Iterator[WatchedStore]:
    store = WatchedStore(tmp_path / "store", database)
    yield store
    store.close()


@pytest.fixture
async def scene(database: Database, watched_store: WatchedStore) -> AsyncIterator[Scene]:
    async with playing(database, watched_store) as scene:
        yield scene


@pytest.mark.parametrize(
    "page",
    [
        "/api/overview",
        "/api/town",
        f"/api/sites/{FARM}/zones/zone-1/history",
        f"/api/sites/{FARM}/things/zone-1/soil_moisture/history",
    ],
)
async def test_page_holds_no_connection_while_it_asks_the_store(
    scene: Scene, watched_store: WatchedStore, page: str
) -> None:
    for name in (MOISTURE, DUST, RAIN, RIVER):
        scene.reads(name, (60, 3.0))
    async with scene.client("somchai") as client:
        assert (await client.get(page)).status_code == 200
    assert watched_store.asked > 0
    assert watched_store.held == 0


async def test_upkeep_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "START_AGAIN_S", 0.0)
    tries = 0
    works = asyncio.Event()

    async def flaky() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("out of luck")
        works.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(upkeep.for_ever("flaky", flaky))
    async with asyncio.timeout(5):
        await works.wait()
    running.cancel()
    assert tries == 3


async def test_presence_that_cannot_be_kept_takes_no_other_with_it(
    database: Database, embedded_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as session:
        for node in (NODE, "edge-2"):
            repository.add_node(session, TENANT, node, words(node), NOW_MS)
    monkeypatch.setattr(repository, "presence", failing_for("edge-2", repository.presence))
    ingest = Ingest(database, embedded_store, published, lambda: NOW_MS)
    wire = Session(Broker.parse("mqtt://localhost:1"), client_id="x")
    presences = Presences(wire, ingest, database, published, lambda: NOW_MS)
    for node in ("edge-2", NODE):
        presences.hear(Message(f"tonnam/1/{TENANT}/{node}/presence", WORD))
    running = asyncio.create_task(presences.run())

    def online() -> bool:
        with database.reading() as session:
            return session.get_one(Node, (TENANT, NODE)).online

    async with asyncio.timeout(5):
        while not await asyncio.to_thread(online):
            assert not running.done()
    running.cancel()
    ingest.close()


Changed = Collection[tuple[str, str]]
"""The nodes whose state changed."""


def failing_for(node: str, otherwise: Callable[..., Changed]) -> Callable[..., Changed]:
    def presence(session: Any, tenant: str, node_id: str, *rest: Any) -> Changed:
        if node_id == node:
            raise ValueError("this one can never be kept")
        return otherwise(session, tenant, node_id, *rest)

    return presence


def published(_topic: str, _payload: bytes) -> bool:
    return True
