"""Readings belong to the node that has described their site: no node writes under the datastreams of another's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cloud.readings import rows
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
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import access, repository
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import DatastreamSpec, Forwarded, Sample, Verdict
from tonnam_link.receiving.receiver import Answer
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import (
    AggregateRow,
    Dictionary,
    Row,
    encode_aggregates,
    encode_dictionary,
    encode_forward,
    encode_readings,
)

EVER = (0, 2**53)
MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
OTHER = Origin(TENANT, "edge-2")
GATEWAY = Origin(TENANT, "gateway-1")
BOTH = Dictionary(
    (DatastreamSpec(f"{SITE}/zone-1/soil_moisture", "%", 0.1), DatastreamSpec("pond/tank/level", "cm", 1))
)
MINUTE_MS = NOW_MS // 60_000 * 60_000
STORED = Answer(Verdict.STORED)
WHY_NOT = (
    f"{SITE} is the site of {NODE}. If edge-2 has taken its place: tonnam-cloud node revoke {TENANT} {NODE}, "
    f"then tonnam-cloud quarantine replay --node {OTHER}"
)


@pytest.fixture
async def ingest(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Ingest]:
    """A cloud with two nodes, a gateway before the second, and the first one's site."""
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
        repository.add_node(session, TENANT, GATEWAY.node, words("Gateway"), NOW_MS)
        repository.add_node(session, TENANT, OTHER.node, words("Other"), NOW_MS, via=GATEWAY.node)
    ingest = Ingest(database, embedded_store, lambda _topic, _payload: True, lambda: NOW_MS)
    told = [sealed_dictionary(), sealed_events(event("site.described", described())), sealed_readings((NOW_MS, 26.4))]
    assert await ingest.commit([received(each) for each in told]) == [STORED] * 3
    yield ingest
    ingest.close()


async def says(ingest: Ingest, *payloads: bytes) -> list[Answer]:
    """What the second node is answered, directly."""
    return list(await ingest.commit([received(payload, node=OTHER.node) for payload in payloads]))


def readings_of_both(sequence: int) -> bytes:
    """A value of the other's site and one of a site that nobody has described."""
    values = [(0, Sample(99.0)), (1, Sample(120.0))]
    return encode_readings(OTHER, 7, sequence, BOTH, [Row(NOW_MS + 1_000, values)])


def moisture(store: EmbeddedStore) -> list[float | None]:
    return [value for _, value, *_ in rows(store.series(MOISTURE, *EVER))]


async def test_a_node_writes_nothing_under_the_datastreams_of_another_s_site_and_its_own_is_stored(
    ingest: Ingest, embedded_store: EmbeddedStore, database: Database
) -> None:
    (known, answer) = await says(ingest, encode_dictionary(OTHER, 7, 1, BOTH), readings_of_both(2))
    assert (known, answer) == (STORED, Answer(Verdict.QUARANTINED, WHY_NOT))
    assert moisture(embedded_store) == [26.4]
    assert len(embedded_store.series(f"{TENANT}/pond/tank/level", *EVER)) == 1
    with database.reading() as session:
        (entry,) = quarantine.find(session, Wanted(node=OTHER))
        assert entry.readings == 1


async def test_aggregates_are_bound_like_readings(ingest: Ingest, embedded_store: EmbeddedStore) -> None:
    rows_of_minute = [AggregateRow(MINUTE_MS - 60_000, 0, 6, 98.0, 100.0, 99.0)]
    (answer,) = await says(ingest, encode_aggregates(OTHER, 7, 2, DICTIONARY, rows_of_minute))
    assert answer == Answer(Verdict.QUARANTINED, WHY_NOT)
    assert moisture(embedded_store) == [26.4]


async def test_a_gateway_does_not_help_the_node_behind_it_nor_is_that_held_for_the_gateway(
    ingest: Ingest, embedded_store: EmbeddedStore
) -> None:
    inner = encode_readings(OTHER, 7, 2, DICTIONARY, [Row(NOW_MS + 1_000, [(0, Sample(99.0))])])
    passed_on = encode_forward(GATEWAY, 9, 1, Forwarded(OTHER, Channel.UP, inner))
    assert await ingest.commit([received(passed_on, node=GATEWAY.node)]) == [Answer(Verdict.QUARANTINED, WHY_NOT)]
    assert moisture(embedded_store) == [26.4]


async def test_a_node_that_takes_another_s_place_is_believed_at_once_and_what_it_sent_too_early_is_replayed(
    ingest: Ingest, embedded_store: EmbeddedStore, database: Database
) -> None:
    await says(ingest, encode_dictionary(OTHER, 7, 1, BOTH), readings_of_both(2))
    with database.writing() as session:
        access.revoke(session, *ORIGIN, NOW_MS)
    later = encode_readings(OTHER, 7, 3, BOTH, [Row(NOW_MS + 2_000, [(0, Sample(27.0))])])
    assert await says(ingest, later) == [STORED]
    assert moisture(embedded_store) == [26.4, 27.0]
    with database.writing() as session:
        quarantine.ask(session, Wanted(node=OTHER), NOW_MS)
    await ingest._replay()
    assert moisture(embedded_store) == [26.4, 99.0, 27.0]
    assert len(embedded_store.series(f"{TENANT}/pond/tank/level", *EVER)) == 1
