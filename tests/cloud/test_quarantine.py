"""The quarantine: bounded, looked at, exported, dropped, and replayed through ingest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.cloud.readings import rows
from tests.cloud.told import (
    NODE,
    NOW_MS,
    ORIGIN,
    SITE,
    TENANT,
    event,
    received,
    sealed_aggregates,
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    started,
    words,
)
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Event, Gap, Quarantine
from tonnam_cloud.store.port import Store
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Received
from tonnam_link.topics import Channel

EVER = (0, 2**53)
DAY_MS = 86_400_000
MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def farm(any_database: Database) -> Database:
    with any_database.writing() as session:
        for node in (NODE, "edge-2"):
            repository.add_node(session, TENANT, node, words("Cabinet"), NOW_MS)
    return any_database


@pytest.fixture
def store(farm: Database, request: pytest.FixtureRequest) -> Store:
    """The embedded store beside SQLite, InfluxDB beside PostgreSQL."""
    kind = "embedded" if farm.engine.dialect.name == "sqlite" else "influx"
    found: Store = request.getfixturevalue(f"{kind}_store")
    return found


@pytest.fixture
async def ingest(farm: Database, store: Store, clock: Clock) -> AsyncIterator[Ingest]:
    ingest = Ingest(farm, store, lambda _topic, _payload: True, clock)
    yield ingest
    ingest.close()


async def commit(ingest: Ingest, *payloads: bytes) -> list[Verdict]:
    return [answer.verdict for answer in await ingest.commit([received(payload) for payload in payloads])]


def entries(database: Database, **wanted: Any) -> list[Quarantine]:
    with database.reading() as session:
        found = list(quarantine.find(session, Wanted(**wanted)))
        assert all(entry.payload is not None for entry in found)  # read while there is a session
        session.expunge_all()
        return found


def put(database: Database, payload: bytes, node: str = NODE, at_ms: int = NOW_MS) -> bool:
    with database.writing() as session:
        return quarantine.put_in(session, Received(TENANT, node, Channel.UP, payload, at_ms), None, "why\0 not", 0)


# ---- its bounds


def test_a_nodes_oldest_make_way_for_its_own_and_never_for_anothers(
    farm: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "A_NODE", 3)
    put(farm, b"other", "edge-2")
    assert [put(farm, bytes([number])) for number in (1, 2, 3, 4, 5, 5)] == [True] * 5 + [False]
    assert [entry.payload for entry in entries(farm)] == [b"\x05", b"\x04", b"\x03", b"other"]
    assert entries(farm)[0].reason == "why not"


def test_a_nodes_bytes_are_bounded_and_so_are_all_together(farm: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "A_NODE_BYTES", 1_000)
    for number in range(20):
        put(farm, bytes([number]) * 300)
    put(farm, b"x" * 400, "edge-2")
    assert [entry.size for entry in entries(farm)] == [400, 300, 300, 300]
    monkeypatch.setattr(quarantine, "IN_ALL_BYTES", 1_100)
    with farm.writing() as session:
        quarantine.bound(session)
    assert [(entry.node, entry.payload[:1]) for entry in entries(farm)] == [
        ("edge-2", b"x"),
        (NODE, b"\x13"),
        (NODE, b"\x12"),
    ]


def test_what_a_node_truly_sealed_leaves_a_gap_when_it_makes_way_and_nonsense_does_not(
    farm: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "A_NODE", 1)
    put(farm, b"nonsense", at_ms=1)
    put(farm, sealed_events(started()), at_ms=2)
    with farm.reading() as session:
        assert session.scalars(select(Gap)).all() == []
    put(farm, sealed_events(started()), at_ms=3)
    with farm.reading() as session:
        (gap,) = session.scalars(select(Gap)).all()
        assert (gap.node, gap.cause, gap.from_ms, gap.to_ms) == (NODE, "quarantine", None, 2)


def test_what_was_stored_by_replay_makes_way_first(farm: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        put(farm, bytes([number]))
    second = entries(farm)[1].id
    with farm.writing() as session:
        quarantine.note_result(session, second, "stored", NOW_MS, state=quarantine.STORED, readings=0)
    monkeypatch.setattr(quarantine, "A_NODE", 3)
    put(farm, b"\x04")
    assert [entry.payload for entry in entries(farm)] == [b"\x04", b"\x03", b"\x01"]


def test_the_beginning_of_what_is_oversized_is_kept(farm: Database) -> None:
    put(farm, b"x" * 1_000_000)
    (entry,) = entries(farm)
    assert (entry.size, len(entry.payload)) == (1_000_000, quarantine.LARGEST_KEPT)


# ---- replay


async def replay(ingest: Ingest, database: Database, clock: Clock, **wanted: Any) -> list[tuple[str, str | None]]:
    """State and result of each row, newest first, after a replay of those that are wanted."""
    with database.writing() as session:
        quarantine.ask(session, Wanted(**wanted), clock())
    await ingest._replay()
    return [(entry.state, entry.result) for entry in entries(database)]


async def test_readings_from_ahead_are_stored_once_their_time_has_come_though_the_rest_was_stored_before(
    ingest: Ingest, store: Store, farm: Database, clock: Clock
) -> None:
    early = sealed_readings((NOW_MS, 26.0), (NOW_MS + 2 * DAY_MS, 27.0), (NOW_MS + 5 * DAY_MS, 28.0))
    assert await commit(ingest, sealed_dictionary(), early) == [Verdict.STORED, Verdict.QUARANTINED]
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.0]
    assert [entry.readings for entry in entries(farm)] == [2]
    still = "still: readings from more than a day ahead: the node's clock is wrong"
    assert await replay(ingest, farm, clock) == [("kept", still)]
    clock.now_ms += DAY_MS
    assert await replay(ingest, farm, clock, reason="day ahead") == [("kept", still)]
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.0, 27.0]
    assert [entry.readings for entry in entries(farm)] == [1]
    clock.now_ms += 3 * DAY_MS
    assert await replay(ingest, farm, clock, node=ORIGIN) == [("stored", "stored")]
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.0, 27.0, 28.0]
    assert [entry.readings for entry in entries(farm)] == [0]
    with farm.writing() as session:
        assert quarantine.ask(session, Wanted(), clock()) == [], "what is stored is left alone"
    while store.maintain():
        pass
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.0, 27.0, 28.0]


async def test_aggregates_from_ahead_are_replayed_like_readings(
    ingest: Ingest, store: Store, farm: Database, clock: Clock
) -> None:
    minute = NOW_MS // 60_000 * 60_000
    await commit(ingest, sealed_dictionary(), sealed_aggregates((minute, 25.0), (minute + 2 * DAY_MS, 26.0)))
    clock.now_ms += 2 * DAY_MS
    assert await replay(ingest, farm, clock) == [("stored", "stored")]
    for _ in range(2):
        assert rows(store.series(MOISTURE, *EVER)) == [(minute, 25.0, 0, None), (minute + 2 * DAY_MS, 26.0, 0, None)]
        with farm.writing() as session:
            quarantine.note_result(session, entries(farm)[0].id, "", clock(), state=quarantine.KEPT, readings=0)
        await replay(ingest, farm, clock)


async def test_a_batch_of_which_one_event_was_bad_is_replayed_without_doubling_the_others(
    ingest: Ingest, farm: Database, clock: Clock
) -> None:
    ahead = event("node.stopped", {}, NOW_MS + 3 * DAY_MS)
    assert await commit(ingest, sealed_events(started(), ahead)) == [Verdict.QUARANTINED]
    for _ in range(2):
        assert (await replay(ingest, farm, clock))[0][0] == "kept"
    clock.now_ms += 3 * DAY_MS
    assert await replay(ingest, farm, clock) == [("stored", "stored")]
    with farm.reading() as session:
        assert len(session.scalars(select(Event)).all()) == 2


async def test_readings_without_their_dictionary_wait_for_it_in_quarantine(
    ingest: Ingest, store: Store, farm: Database, clock: Clock
) -> None:
    put(farm, sealed_readings((NOW_MS, 26.0)))
    assert await replay(ingest, farm, clock) == [("kept", "still: its dictionary is not known")]
    await commit(ingest, sealed_dictionary())
    assert await replay(ingest, farm, clock) == [("stored", "stored")]
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.0]


async def test_nonsense_stays_and_says_why_and_a_replay_is_not_heard_of_its_node(
    ingest: Ingest, farm: Database, clock: Clock
) -> None:
    for payload in (b"", b"nonsense", sealed_events(started())[:-1], b"\x01" + sealed_events(started())[1:]):
        put(farm, payload)
    results = await replay(ingest, farm, clock)
    assert results == [("kept", "still: garbled, or not sealed for this node")] * 4
    await ingest.blocking(ingest._keep_heard)
    with farm.reading() as session:
        assert {node.last_heard_ms for node in repository.all_nodes(session)} == {None}
    assert ingest.status.batches == 0


async def test_of_what_is_kept_in_part_a_replay_says_so(ingest: Ingest, farm: Database, clock: Clock) -> None:
    await commit(ingest, b"\x02" + bytes(300_000))
    assert await replay(ingest, farm, clock) == [("kept", "still: it was oversized, and only its beginning is kept")]


async def test_a_replay_of_a_node_that_may_not_send_waits_and_is_tried_again(
    ingest: Ingest, farm: Database, clock: Clock
) -> None:
    put(farm, sealed_events(started()), "edge-2")
    with farm.writing() as session:
        session.execute(update(Quarantine).values(node="edge-7"))
    assert (await replay(ingest, farm, clock))[0][1] == (
        "waits: this node is not registered: tonnam-cloud node add demo-farm edge-7"
    )
    with farm.reading() as session:
        assert quarantine.waiting(session, [entries(farm)[0].id]) == 1
        assert quarantine.asked(session, clock() - 1, 9) == [], "not all the time"
        assert len(quarantine.asked(session, clock(), 9)) == 1
