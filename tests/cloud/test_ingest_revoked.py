"""A revoked node: nothing is taken from it, whatever reaches the cloud, and nothing that it keeps is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cloud.readings import rows
from tests.cloud.told import NODE, NOW_MS, SITE, TENANT, received, sealed_dictionary, sealed_readings, words
from tonnam_cloud.database import Database
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.registry import access, repository
from tonnam_cloud.registry.models import Node
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Answer

MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
EVER = (0, 2**53)
WITHIN_MS = 10_000


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ingest(database: Database, embedded_store: EmbeddedStore, clock: Clock) -> AsyncIterator[Ingest]:
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    ingest = Ingest(database, embedded_store, lambda _topic, _payload: True, clock)
    yield ingest
    ingest.close()


async def answer(ingest: Ingest, payload: bytes) -> Answer:
    (found,) = await ingest.commit([received(payload)])
    return found


async def test_batches_of_a_revoked_node_wait_on_its_disk_until_it_is_restored(
    ingest: Ingest, database: Database, embedded_store: EmbeddedStore, clock: Clock
) -> None:
    assert (await answer(ingest, sealed_dictionary())).verdict is Verdict.STORED
    with database.writing() as session:
        assert access.revoke(session, TENANT, NODE, clock())
    clock.now_ms += WITHIN_MS
    batch = sealed_readings((clock(), 27.5))
    refused = await answer(ingest, batch)
    assert refused.verdict is Verdict.BUSY
    assert refused.reason == f"this node is revoked: tonnam-cloud node restore {TENANT} {NODE}"
    assert rows(embedded_store.series(MOISTURE, *EVER)) == []
    with database.writing() as session:
        assert access.restore(session, TENANT, NODE)
    clock.now_ms += WITHIN_MS
    assert (await answer(ingest, batch)).verdict is Verdict.STORED
    assert [value for _, value, *_ in rows(embedded_store.series(MOISTURE, *EVER))] == [27.5]


@pytest.mark.parametrize("online_before", [True, False])
def test_revoked_node_is_offline_though_the_broker_keeps_another_word_of_it(
    database: Database, online_before: bool
) -> None:
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
        repository.presence(session, TENANT, NODE, online_before, "session-1", NOW_MS)
        access.revoke(session, TENANT, NODE, NOW_MS + 1)
        assert not repository.presence(session, TENANT, NODE, True, "session-1", NOW_MS + 2)
        node = session.get_one(Node, (TENANT, NODE))
        assert node.online is False
        access.restore(session, TENANT, NODE)
        assert repository.presence(session, TENANT, NODE, True, "session-2", NOW_MS + 3)
        assert node.online is True


def test_nodes_behind_a_revoked_gateway_are_offline_with_it(database: Database) -> None:
    with database.writing() as session:
        repository.add_node(session, TENANT, "gateway-1", words("Gateway"), NOW_MS)
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS, via="gateway-1")
        for name in ("gateway-1", NODE):
            repository.presence(session, TENANT, name, True, f"session-{name}", NOW_MS)
        access.revoke(session, TENANT, "gateway-1", NOW_MS + 1)
    with database.reading() as session:
        assert {node.id: node.online for node in repository.all_nodes(session)} == {"gateway-1": False, NODE: False}
