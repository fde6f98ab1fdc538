"""What a gateway passes on: taken as its own node's, and only from the gateway that may speak for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count

import msgspec
import pytest
from sqlalchemy import select

from tests.cloud.readings import rows
from tests.cloud.scene import until
from tests.cloud.told import (
    DICTIONARY,
    NODE,
    NOW_MS,
    ORIGIN,
    SITE,
    TENANT,
    described,
    event,
    received,
    sealed_aggregates,
    sealed_dictionary,
    sealed_events,
    sealed_outcomes,
    sealed_readings,
    started,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import access, repository
from tonnam_cloud.registry.models import Command, Event, Node, Quarantine, Run, Site
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import CommandState, Forwarded, Outcome, Presence, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.receiving.receiver import Answer
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.codec import encode_events, encode_forward

EVER = (0, 2**53)
GATEWAY = "gateway-1"
MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
STORED = Answer(Verdict.STORED)
_sequences = count(1)


@pytest.fixture
async def ingest(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Ingest]:
    """A cloud that knows a gateway, and a node behind it."""
    with database.writing() as session:
        repository.add_node(session, TENANT, GATEWAY, words("Gateway"), NOW_MS)
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS, via=GATEWAY)
        repository.add_node(session, TENANT, "edge-9", words("Alone"), NOW_MS)
    ingest = Ingest(database, embedded_store, lambda _topic, _payload: True, lambda: NOW_MS)
    yield ingest
    ingest.close()


def passed_on(payload: bytes, channel: Channel = Channel.UP, origin: Origin = ORIGIN) -> bytes:
    """A node's sealed batch in one of the gateway's."""
    return encode_forward(Origin(TENANT, GATEWAY), 77, next(_sequences), Forwarded(origin, channel, payload))


async def commit(ingest: Ingest, *payloads: bytes, lane: Channel = Channel.UP) -> Sequence[Answer]:
    return await ingest.commit([received(payload, lane, GATEWAY) for payload in payloads])


def entries(database: Database) -> list[Quarantine]:
    with database.reading() as session:
        found = list(session.scalars(select(Quarantine)))
        session.expunge_all()
        return found


async def test_readings_events_and_outcomes_are_those_of_their_node(
    ingest: Ingest, database: Database, embedded_store: EmbeddedStore
) -> None:
    with database.writing() as session:
        session.add(command())
    readings = passed_on(sealed_readings((NOW_MS, 26.4)))
    assert await commit(ingest, readings) == [Answer(Verdict.NEED_DICTIONARY, DICTIONARY.hash)]
    answers = await commit(
        ingest,
        passed_on(sealed_dictionary()),
        readings,
        passed_on(sealed_events(event("site.described", described()), started())),
        passed_on(sealed_outcomes(Outcome("c-1", CommandState.DONE, NOW_MS, words("done"))), Channel.OUTCOME),
        passed_on(sealed_aggregates((NOW_MS // 60_000 * 60_000 - 60_000, 25.0)), Channel.BACK),
    )
    assert answers == [STORED] * 5
    assert [row[1] for row in rows(embedded_store.series(MOISTURE, *EVER))] == [25.0, 26.4]
    with database.reading() as session:
        assert {each.node for each in session.scalars(select(Event))} == {NODE}
        assert session.get_one(Site, (TENANT, SITE)).node == NODE
        assert session.get_one(Run, (TENANT, "run-1")).node == NODE
        assert session.get_one(Command, "c-1").state == "done"
    assert (ingest.status.forwards, ingest.status.readings, ingest.status.aggregates) == (6, 1, 1)


def command() -> Command:
    return Command(
        id="c-1", tenant=TENANT, site=SITE, node=NODE, zone="zone-1", action="water", max_run_s=60, state="sent",
        created_by="somchai", created_ms=NOW_MS, expires_ms=NOW_MS, changed_ms=NOW_MS,
    )  # fmt: skip


async def test_the_same_batch_directly_and_through_the_gateway_is_stored_once(
    ingest: Ingest, database: Database, embedded_store: EmbeddedStore
) -> None:
    batches = [sealed_dictionary(), sealed_readings((NOW_MS, 26.4)), sealed_events(started())]
    assert await ingest.commit([received(batch) for batch in batches]) == [STORED] * 3
    assert await commit(ingest, *map(passed_on, batches), lane=Channel.BACK) == [STORED] * 3
    assert len(embedded_store.series(MOISTURE, *EVER)) == 1
    with database.reading() as session:
        assert len(session.scalars(select(Event)).all()) == 1


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        (Origin(TENANT, "edge-9"), "it has no gateway and speaks for itself"),
        (Origin(TENANT, "edge-8"), "its gateway is edge-9"),
        (Origin(TENANT, "nobody"), f"tonnam-cloud node add {TENANT} nobody --via {GATEWAY}"),
        (Origin("demo-town", NODE), "that is somebody else's"),
        (Origin(TENANT, GATEWAY), "it has no gateway and speaks for itself"),
    ],
)
async def test_a_gateway_that_may_not_speak_for_a_node_is_not_believed_and_nobody_is_told_to_let_it(
    ingest: Ingest, database: Database, origin: Origin, why: str
) -> None:
    with database.writing() as session:
        repository.add_node(session, TENANT, "edge-8", words("Other"), NOW_MS, via="edge-9")
    batch = passed_on(encode_events(origin, 5, 1, [started()]), origin=origin)
    (answer,) = await commit(ingest, batch)
    assert answer.verdict is Verdict.QUARANTINED
    assert answer.reason == f"{GATEWAY} may not speak for {origin}: {why}"
    (entry,) = entries(database)
    assert (entry.node, entry.via, entry.payload) == (GATEWAY, None, batch)
    with database.reading() as session:
        assert session.scalars(select(Event)).all() == []


async def test_a_node_added_behind_the_gateway_is_believed_at_once_and_its_quarantine_can_be_replayed(
    database: Database, embedded_store: EmbeddedStore
) -> None:
    with database.writing() as session:
        repository.add_node(session, TENANT, GATEWAY, words("Gateway"), NOW_MS)
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    ingest = Ingest(database, embedded_store, lambda _topic, _payload: True, lambda: NOW_MS)
    batch = passed_on(sealed_events(started()))
    assert (await commit(ingest, batch))[0].verdict is Verdict.QUARANTINED
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS, via=GATEWAY)
        quarantine.ask(session, Wanted(reason="may not speak"), NOW_MS)
    await ingest._replay()
    with database.reading() as session:
        assert session.get_one(Run, (TENANT, "run-1")).node == NODE
    assert [entry.state for entry in entries(database)] == [quarantine.STORED]
    ingest.close()


async def test_what_is_not_as_its_node_sealed_it_is_kept_under_that_node_with_the_gateway_named(
    ingest: Ingest, database: Database
) -> None:
    sealed = sealed_events(started())
    inner = sealed[:30] + bytes([sealed[30] ^ 1]) + sealed[31:]
    (answer,) = await commit(ingest, passed_on(inner))
    assert (answer.verdict, answer.reason) == (Verdict.QUARANTINED, "garbled, or not sealed for this node")
    (entry,) = entries(database)
    assert (entry.node, entry.via, entry.channel, entry.payload) == (NODE, GATEWAY, "up", inner)
    assert ingest.status.garbled == 1


async def test_a_forward_within_a_forward_is_refused(ingest: Ingest, database: Database) -> None:
    inner = encode_forward(
        Origin(TENANT, NODE), 5, 1, Forwarded(Origin(TENANT, "edge-9"), Channel.UP, sealed_events(started()))
    )
    (answer,) = await commit(ingest, passed_on(inner))
    assert answer == Answer(Verdict.QUARANTINED, "a forwarded batch within a forwarded batch")
    assert [(entry.node, entry.via) for entry in entries(database)] == [(NODE, GATEWAY)]


async def test_garbled_bytes_are_kept_with_the_reason_and_never_opened(ingest: Ingest, database: Database) -> None:
    batch = replace(received(sealed_events(started())), garbled=True)
    (answer,) = await ingest.commit([batch])
    assert answer == Answer(Verdict.QUARANTINED, "garbled, or not sealed for this node")
    assert (ingest.status.garbled, ingest.status.quarantined) == (1, 1)
    with database.reading() as session:
        assert session.scalars(select(Event)).all() == []


async def test_a_revoked_node_behind_a_gateway_blocks_nobody_and_loses_nothing(
    ingest: Ingest, database: Database
) -> None:
    with database.writing() as session:
        access.revoke(session, TENANT, NODE, NOW_MS)
    (answer,) = await commit(ingest, passed_on(sealed_events(started())))
    assert (answer.verdict, "revoked" in answer.reason) == (Verdict.QUARANTINED, True)
    assert [(entry.node, entry.via) for entry in entries(database)] == [(NODE, GATEWAY)]


async def test_a_hello_is_answered_and_kept_nowhere(ingest: Ingest, database: Database) -> None:
    hello = sealed_events()
    assert await ingest.commit([received(hello)]) == [STORED]
    assert await commit(ingest, passed_on(hello), encode_events(Origin(TENANT, GATEWAY), 9, 9, [])) == [STORED] * 2
    assert entries(database) == []
    with database.reading() as session:
        assert session.scalars(select(Event)).all() == []
    assert await heard(ingest, database) == {NODE, GATEWAY}


async def heard(ingest: Ingest, database: Database) -> set[str]:
    await ingest.blocking(ingest._keep_heard)
    with database.reading() as session:
        return {node.id for node in repository.all_nodes(session) if node.last_heard_ms is not None}


async def test_old_batches_in_a_gateways_custody_do_not_say_that_their_node_lives(
    ingest: Ingest, database: Database
) -> None:
    await commit(ingest, passed_on(sealed_events(started())), lane=Channel.BACK)
    assert await heard(ingest, database) == {GATEWAY}


async def test_backlog_that_a_node_hands_over_now_says_that_it_lives(ingest: Ingest, database: Database) -> None:
    await commit(ingest, passed_on(sealed_events(started()), Channel.BACK))
    assert await heard(ingest, database) == {GATEWAY, NODE}


# ---- presence


def tell(database: Database, node: str, online: bool, at_ms: int, name: str = "s") -> set[str]:
    """The nodes that came or went by it."""
    with database.writing() as session:
        return {changed for _, changed in repository.presence(session, TENANT, node, online, name, at_ms)}


def online(database: Database) -> set[str]:
    with database.reading() as session:
        return {node.id for node in repository.all_nodes(session) if node.online}


def test_with_a_gateway_go_the_nodes_behind_it(ingest: Ingest, database: Database) -> None:
    for node in (GATEWAY, NODE, "edge-9"):
        assert tell(database, node, True, 1) == {node}
    assert tell(database, GATEWAY, False, 2) == {GATEWAY, NODE}
    assert online(database) == {"edge-9"}
    assert tell(database, NODE, True, 3) == set(), "what a broker has kept does not wake what is cut off"
    assert tell(database, GATEWAY, True, 4) == {GATEWAY}
    assert tell(database, NODE, True, 5) == {NODE}


async def test_what_a_broker_has_kept_may_come_in_any_order(ingest: Ingest, database: Database) -> None:
    """A cloud that was away hears the node behind a gateway before the gateway itself."""
    session = Session(Broker("localhost", 1), client_id="test")
    presences = Presences(session, ingest, database, lambda _topic, _payload: True, lambda: NOW_MS)
    said = {node: msgspec.json.encode(Presence("s", True, NOW_MS)) for node in (NODE, GATEWAY)}
    for node, payload in said.items():
        presences.hear(Message(node_topic(TENANT, node, Channel.PRESENCE), payload, True))
    keeping = asyncio.create_task(presences.run())
    await until(lambda: online(database) == {NODE, GATEWAY})
    presences.hear(
        Message(node_topic(TENANT, GATEWAY, Channel.PRESENCE), b'{"session":"s","online":false,"at_ms":1}', True)
    )
    await until(lambda: online(database) == set())
    keeping.cancel()
    await asyncio.wait({keeping})


def test_a_batch_from_behind_a_gateway_wakes_both(ingest: Ingest, database: Database) -> None:
    tell(database, GATEWAY, True, 1)
    tell(database, NODE, True, 1)
    tell(database, GATEWAY, False, 2)
    with database.writing() as session:
        assert set(repository.heard(session, {(TENANT, GATEWAY): 3, (TENANT, NODE): 3})) == {
            (TENANT, GATEWAY),
            (TENANT, NODE),
        }
        assert all(session.get_one(Node, (TENANT, node)).online for node in (GATEWAY, NODE))


@pytest.mark.parametrize(
    ("node", "via"), [(GATEWAY, NODE), ("edge-9", NODE), (NODE, NODE), (NODE, "nobody"), (GATEWAY, "edge-9")]
)
def test_a_node_behind_a_node_behind_a_gateway_is_refused(
    ingest: Ingest, database: Database, node: str, via: str
) -> None:
    with database.writing() as session, pytest.raises(Rejected, match="cannot speak for"):
        repository.add_node(session, TENANT, node, words("x"), NOW_MS, via=via)
