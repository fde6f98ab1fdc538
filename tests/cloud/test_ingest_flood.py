"""What a broken or hostile node sends: answered with a reason, in bounded time and space, at nobody else's cost."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
import zstandard
from sqlalchemy import select

from tests.cloud.told import (
    EPOCH,
    NODE,
    NOW_MS,
    ORIGIN,
    SITE,
    TENANT,
    event,
    received,
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    started,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import quarantine, rate
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.ingest.rate import Allowance
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Run
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import DatastreamSpec, Sample, Verdict
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import Dictionary, encode_events, encode_readings
from tonnam_link.wire.envelope import MAX_BATCH_BYTES, Envelope, Kind, seal
from tonnam_link.wire.readings import Row

STORED = Answer(Verdict.STORED)
OTHER = Origin(TENANT, "edge-2")
# Times are those that this process has computed, however busy the machine is with others.
HUGE = 10 * MAX_BATCH_BYTES


@pytest.fixture
async def ingest(database: Database, embedded_store: EmbeddedStore) -> AsyncIterator[Ingest]:
    with database.writing() as session:
        for node in (NODE, OTHER.node):
            repository.add_node(session, TENANT, node, words("Cabinet"), NOW_MS)
    ingest = Ingest(database, embedded_store, lambda _topic, _payload: True, lambda: NOW_MS)
    yield ingest
    ingest.close()


def sealed(kind: Kind, body: bytes, *, compressed: bool = False, digest: bytes | None = None) -> bytes:
    """A batch as the node itself would seal it, whatever is in it."""
    return seal(ORIGIN, Envelope(EPOCH, 7, kind, digest, compressed, body), HUGE)


def bomb(size: int, *, says_its_size: bool = True) -> bytes:
    """Nothing but zeros, compressed to next to nothing."""
    return zstandard.ZstdCompressor(write_content_size=says_its_size).compress(bytes(size))


def tiny_events(count: int) -> bytes:
    row = msgspec.msgpack.encode(["a", "b", 0, "{}"])
    return zstandard.ZstdCompressor().compress(b"\xdd" + count.to_bytes(4, "big") + row * count)


BAD = {
    "empty": b"",
    "oversized": sealed(Kind.EVENTS, bytes(300_000)),
    "later version": b"\x03" + sealed_events(started())[1:],
    "first version": b"\x01" + sealed_events(started())[1:],
    "noise": b"\x02" + bytes(range(256)) * 30,
    "nested": b"\x02\0\0\0\0" + b"\x91" * 200_000,
    "bomb": sealed(Kind.EVENTS, bomb(100_000_000), compressed=True),
    "bomb of unknown size": sealed(Kind.EVENTS, bomb(100_000_000, says_its_size=False), compressed=True),
    "bomb of readings": sealed(Kind.DICTIONARY, bomb(2_000_000), compressed=True, digest=b"12345678"),
    "many events": sealed(Kind.EVENTS, tiny_events(200_000), compressed=True),
    "not compressed though it says so": sealed(Kind.EVENTS, b"\x90", compressed=True),
    "no such kind": seal(ORIGIN, Envelope(EPOCH, 7, 99, None, False, b"\x90"), HUGE),
    "negative time": sealed(Kind.EVENTS, msgspec.msgpack.encode([["a", "b", -1, "{}"]])),
    "body that is no object": sealed(Kind.EVENTS, msgspec.msgpack.encode([["a", "b", 1, "[]"]])),
    "forward of nothing": sealed(Kind.FORWARD, b"\x90"),
}


@pytest.mark.parametrize("name", BAD)
async def test_each_bad_batch_is_answered_with_a_reason_and_holds_nobody_up(
    ingest: Ingest, database: Database, name: str
) -> None:
    began = time.process_time()
    answers = await commit(ingest, ORIGIN, BAD[name], sealed_dictionary(), sealed_events(started()))
    assert time.process_time() - began < 3
    assert [answer.verdict for answer in answers] == [Verdict.QUARANTINED, Verdict.STORED, Verdict.STORED]
    assert answers[0].reason
    with database.reading() as session:
        (entry,) = quarantine.find(session, Wanted())
        assert (entry.size, entry.reason) == (len(BAD[name]), answers[0].reason)
        assert session.scalars(select(Run.run_id)).all() == ["run-1"]


async def commit(ingest: Ingest, origin: Origin, *payloads: bytes) -> Sequence[Answer]:
    return await ingest.commit([Received(*origin, Channel.UP, payload, NOW_MS) for payload in payloads])


async def test_a_flood_of_nonsense_slows_nobody_and_fills_nothing(ingest: Ingest, database: Database) -> None:
    await commit(ingest, OTHER, b"the other node's own trouble")
    flood = [number.to_bytes(4, "big") * 1_000 for number in range(2_000)]
    busy, slowest_s = 0, 0.0
    for number in range(40):
        batches = [received(payload) for payload in flood[number * 50 : number * 50 + 50]]
        other = encode_events(OTHER, 5, number + 1, [started(f"run-{number}")])
        began = time.process_time()
        *answers, stored = await ingest.commit([*batches, Received(*OTHER, Channel.UP, other, NOW_MS)])
        slowest_s = max(slowest_s, time.process_time() - began)
        assert stored == STORED
        assert all(answer.reason for answer in answers)
        busy += sum(answer.verdict is Verdict.BUSY for answer in answers)
    assert slowest_s < 2
    assert busy > 1_800
    with database.reading() as session:
        assert len(quarantine.find(session, Wanted(node=ORIGIN))) < 200
        assert len(quarantine.find(session, Wanted(node=OTHER))) == 1
        assert len(session.scalars(select(Run)).all()) == 40


async def test_a_flood_of_events_that_cannot_be_is_rationed_too(ingest: Ingest, database: Database) -> None:
    """These are seen only when they are applied; then the node is in debt, and soon nothing of it is taken."""
    for number in range(300):
        odd = event("run.started", {"run_id": f"odd-{number}"})
        await commit(ingest, ORIGIN, encode_events(ORIGIN, 5, number + 1, [odd]))
    (answer,) = await commit(ingest, ORIGIN, encode_events(ORIGIN, 5, 999, [started()]))
    assert (answer.verdict, answer.retry_s > 1) == (Verdict.BUSY, True)
    assert "tonnam-cloud quarantine list" in answer.reason
    with database.reading() as session:
        assert len(quarantine.find(session, Wanted())) < 150
    assert await commit(ingest, OTHER, encode_events(OTHER, 5, 1, [started()])) == [STORED]


async def test_thousands_of_bad_names_make_one_short_reason(ingest: Ingest) -> None:
    names = [f"zone {number}/../x" for number in range(4_000)]
    odd = Dictionary([DatastreamSpec(name, "%", 1) for name in names])
    batch = encode_readings(ORIGIN, EPOCH, 8, odd, [Row(NOW_MS, [(number, Sample(1.0)) for number in range(4_000)])])
    began = time.process_time()
    _, answer = await commit(ingest, ORIGIN, sealed_dictionary(odd), batch)
    assert time.process_time() - began < 2
    assert (answer.verdict, len(answer.reason) <= 500) == (Verdict.QUARANTINED, True)


def test_an_allowance_is_spent_and_comes_back_with_time() -> None:
    allowance = Allowance()
    for _ in range(rate.BURST):
        assert allowance.wait_s(ORIGIN, 100.0) == 0
        allowance.spend(ORIGIN, 10, 100.0)
    assert allowance.wait_s(ORIGIN, 100.0) == pytest.approx(1.0)
    assert allowance.wait_s(OTHER, 100.0) == 0
    assert allowance.wait_s(ORIGIN, 101.5) == 0
    assert allowance.wait_s(ORIGIN, 0.0) == pytest.approx(1.0), "a clock that jumps back gives nothing away"


def test_an_allowance_counts_bytes_too() -> None:
    allowance = Allowance()
    allowance.spend(ORIGIN, rate.BURST_BYTES + rate.BYTES_A_SECOND, 0.0)
    assert allowance.wait_s(ORIGIN, 0.0) == pytest.approx(1.0)
    assert allowance.wait_s(ORIGIN, 2.0) == 0


@pytest.mark.filterwarnings("ignore:overflow encountered")
async def test_a_value_that_no_float_holds_is_set_aside(ingest: Ingest, embedded_store: EmbeddedStore) -> None:
    """One step of 1e308, and the column says that it is many of them."""
    dictionary = Dictionary([DatastreamSpec(f"{SITE}/zone-1/soil_moisture", "%", 1e307)])
    rows = [Row(NOW_MS, [(0, Sample(1.7e308))])]
    steep = Dictionary([DatastreamSpec(f"{SITE}/zone-1/soil_moisture", "%", 1e308)])
    payload = encode_readings(ORIGIN, EPOCH, 7, dictionary, rows)
    payload = resealed(payload, steep)
    answers = await commit(ingest, ORIGIN, sealed_dictionary(steep), payload, sealed_readings((NOW_MS, 1.0)))
    assert answers[1].verdict is Verdict.QUARANTINED
    assert embedded_store.datastreams() == []


def resealed(payload: bytes, dictionary: Dictionary) -> bytes:
    """The same columns, said to be of another dictionary."""
    envelope = msgspec.msgpack.decode(payload[5:], type=Envelope)
    return seal(ORIGIN, msgspec.structs.replace(envelope, dictionary=dictionary.digest), HUGE)
