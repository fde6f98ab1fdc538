"""Nodes' presence in the registry: floods, what cannot be read, and wills that come late or were never heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.cloud.scene import until
from tests.cloud.told import NODE, NOW_MS, TENANT, words
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import presence as module
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences, Seen, Waiting
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Node
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import Presence
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.topics import Channel, Origin, node_topic

OTHER = "edge-2"


@pytest.fixture
def nodes(database: Database) -> Database:
    with database.writing() as session:
        for node in (NODE, OTHER):
            repository.add_node(session, TENANT, node, words(node), NOW_MS)
    return database


@pytest.fixture
async def presences(nodes: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Presences]:
    ingest = Ingest(nodes, embedded_store, lambda _topic, _payload: True, lambda: NOW_MS)
    wire = Session(Broker("localhost", 1), client_id="test")
    yield Presences(wire, ingest, nodes, lambda _topic, _payload: True, lambda: NOW_MS)
    ingest.close()


def said(node: str, online: bool, session: str = "s", *, retained: bool = False) -> Message:
    payload = f'{{"session":"{session}","online":{str(online).lower()},"at_ms":1}}'.encode()
    return Message(node_topic(TENANT, node, Channel.PRESENCE), payload, retained)


def seen(node: str, online: bool, session: str = "s") -> Seen:
    return Seen(Origin(TENANT, node), Presence(session, online, 1), NOW_MS)


def note(database: Database, online: bool, name: str, *, kept: bool = False) -> bool:
    """What the registry says of the node afterwards."""
    with database.writing() as session:
        repository.presence(session, TENANT, NODE, online, name, NOW_MS, kept)
        return session.get_one(Node, (TENANT, NODE)).online


def online(database: Database) -> set[str]:
    with database.reading() as session:
        return {node.id for node in repository.all_nodes(session) if node.online}


def test_node_that_floods_pushes_out_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODES", 10)
    waiting = Waiting()
    waiting.put(seen(OTHER, True))
    for number in range(1000):
        waiting.put(seen(NODE, number % 3 == 0, str(number)))
    assert waiting.take() == [seen(OTHER, True), seen(NODE, True, "999")]
    assert waiting.take() == []


def test_of_a_flood_of_farewells_the_first_and_the_last_count() -> None:
    waiting = Waiting()
    flood = [seen(NODE, True), *(seen(NODE, False, str(number)) for number in range(1000)), seen(NODE, False)]
    for each in flood:
        waiting.put(each)
    taken = waiting.take()
    assert len(taken) == module.A_NODE
    assert (taken[0], taken[-1]) == (flood[0], flood[-1])


def test_nodes_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODES", 10)
    waiting = Waiting()
    for number in range(100):
        waiting.put(seen(f"n-{number}", True))
    assert [each.origin.node for each in waiting.take()] == [f"n-{number}" for number in range(90, 100)]


async def test_flood_is_written_in_few_steps_and_another_node_is_heard_through_it(
    presences: Presences, nodes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    with capture_logs() as logs:
        presences.hear(said(OTHER, True))
        for number in range(30_000):
            presences.hear(said(NODE, number % 2 == 0, str(number // 2)))
        keeping = asyncio.create_task(presences.run())
        await until(lambda: online(nodes) == {OTHER})
    keeping.cancel()
    await asyncio.wait({keeping})
    assert sum(log["event"].startswith("node is") for log in logs) <= 3


async def test_presence_that_cannot_be_read_is_complained_of_once_in_a_while(presences: Presences) -> None:
    with capture_logs() as logs:
        for _ in range(1000):
            presences.hear(said(NODE, True, "s" * 65))
            presences.hear(Message("tonnam/1/farm/live/presence", b"nonsense"))
    assert [log["event"] for log in logs] == ["a presence that cannot be read"]


def test_last_will_of_an_older_session_is_ignored(nodes: Database) -> None:
    assert [note(nodes, True, "a"), note(nodes, True, "b"), note(nodes, False, "a")] == [True] * 3
    assert note(nodes, False, "b") is False


def test_node_that_came_and_went_while_the_cloud_was_away_is_offline(nodes: Database) -> None:
    """All that the broker has is the will of a session that the cloud never heard of."""
    assert note(nodes, True, "a") is True
    assert note(nodes, False, "b", kept=True) is False


def test_farewell_of_a_session_that_only_its_batches_told_of_counts(nodes: Database) -> None:
    """A will of an older session took the place of its presence at the broker, and the cloud began with that."""
    for told in (True, False):
        note(nodes, told, "a")
    with nodes.writing() as session:
        assert repository.heard(session, {(TENANT, NODE): NOW_MS + 1}) == [(TENANT, NODE)]
    assert note(nodes, False, "b") is False


def test_batch_that_a_gateway_kept_does_not_wake_a_node_that_has_died_since(nodes: Database) -> None:
    with nodes.writing() as session:
        repository.add_node(session, TENANT, "behind", words("Behind"), NOW_MS, via=NODE)
        repository.presence(session, TENANT, "behind", True, f"via-{NODE}", NOW_MS, False)
        repository.presence(session, TENANT, "behind", False, f"via-{NODE}", NOW_MS + 1, False)
        assert repository.heard(session, {(TENANT, "behind"): NOW_MS + 5}) == []
        behind = session.get_one(Node, (TENANT, "behind"))
        session.refresh(behind)
        assert (behind.online, behind.last_heard_ms) == (False, NOW_MS + 5)
