"""A database that can be read and takes nothing: one outage in the log, and every batch waits or is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from tests.cloud.told import (
    NODE,
    NOW_MS,
    TENANT,
    received,
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    started,
    words,
)
from tests.servers import PostgresServer
from tonnam_cloud.database import Database
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.registry import repository
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.tables import metadata
from tonnam_link.messages import Verdict


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Iterator[Database]:
    database = Database(postgres.database())
    metadata.create_all(database.engine)
    yield database
    database.close()


def make_read_only(database: Database, on: bool) -> None:
    """From the next connection on."""
    with database.engine.begin() as connection:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'}"))
    database.engine.dispose()


async def verdict(ingest: Ingest, payload: bytes) -> Verdict:
    [answer] = await ingest.commit([received(payload)])
    return answer.verdict


async def test_database_that_takes_nothing_is_one_outage_though_readings_go_on(
    postgresql: Database, tmp_path: Path
) -> None:
    with postgresql.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    store = EmbeddedStore(tmp_path / "store")
    ingest = Ingest(postgresql, store, lambda _topic, _payload: True, lambda: NOW_MS)
    assert await verdict(ingest, sealed_dictionary()) is Verdict.STORED
    make_read_only(postgresql, True)
    with structlog.testing.capture_logs() as logs:
        for number in range(3):
            assert await verdict(ingest, sealed_events(started(f"run-{number}"))) is Verdict.BUSY
            assert await verdict(ingest, sealed_readings((NOW_MS + number, 26.4))) is Verdict.STORED
            assert "read-only" in ingest.status.waiting_for
        make_read_only(postgresql, False)
        assert await verdict(ingest, sealed_events(started("run-0"))) is Verdict.STORED
    assert ingest.status.waiting_for == ""
    told = [log["event"] for log in logs if "wait at the nodes" in log["event"]]
    assert told == ["batches wait at the nodes for the database", "batches wait at the nodes for the database: over"]
    ingest.close()
    store.close()
