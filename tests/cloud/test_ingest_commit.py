"""Ingest's commit: what is stored, what is answered, and what happens when a part is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import select

from tests.cloud.readings import rows
from tests.cloud.told import (
    DICTIONARY,
    NODE,
    NOW_MS,
    SITE,
    TENANT,
    described,
    ended,
    event,
    received,
    sealed_dictionary,
    sealed_events,
    sealed_outcomes,
    sealed_readings,
    started,
    words,
)
from tests.servers import wait_until
from tonnam_cloud.database import Base, Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.live.bus import CHECKSUM
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Command, Event, Node, Quarantine, Run, Site
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import ReadingBatch, Refused
from tonnam_link.messages import CommandState, DatastreamSpec, Outcome, Verdict
from tonnam_link.receiving.receiver import Answer
from tonnam_link.topics import Channel
from tonnam_link.wire.codec import Dictionary

DAY_MS = 86_400_000
EVER = (0, 2**53)
MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
STORED = Answer(Verdict.STORED)


class Bus:
    """The live bus, and what was said on it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        self.said.append((topic, json.loads(payload[CHECKSUM:])))
        return True


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
async def ingest(database: Database, embedded_store: EmbeddedStore, bus: Bus) -> AsyncIterator[Ingest]:
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    ingest = Ingest(database, embedded_store, bus.publish, lambda: NOW_MS)
    yield ingest
    ingest.close()


async def commit(ingest: Ingest, *payloads: bytes, channel: Channel = Channel.UP) -> Sequence[Answer]:
    return await ingest.commit([received(payload, channel) for payload in payloads])


def count(database: Database, table: type[Base]) -> int:
    with database.reading() as session:
        return len(session.scalars(select(table)).all())


async def test_readings_wait_for_their_dictionary_and_are_stored_with_it(
    ingest: Ingest, embedded_store: EmbeddedStore
) -> None:
    readings = sealed_readings((NOW_MS, 26.4), (NOW_MS + 1000, None))
    assert await commit(ingest, readings) == [Answer(Verdict.NEED_DICTIONARY, DICTIONARY.hash)]
    assert await commit(ingest, sealed_dictionary(), readings) == [STORED, STORED]
    assert rows(embedded_store.series(MOISTURE, *EVER)) == [(NOW_MS, 26.4, 0, None), (NOW_MS + 1000, None, 6, None)]
    assert ingest.status.readings == 2


async def test_a_dictionary_outlives_the_process(
    ingest: Ingest, database: Database, embedded_store: EmbeddedStore, bus: Bus
) -> None:
    await commit(ingest, sealed_dictionary())
    later = Ingest(database, embedded_store, bus.publish, lambda: NOW_MS)
    assert await commit(later, sealed_readings((NOW_MS, 26.4))) == [STORED]
    later.close()


async def test_a_node_that_is_not_registered_keeps_its_batches(ingest: Ingest, database: Database) -> None:
    stranger = received(sealed_readings((NOW_MS, 1.0)), node="edge-9")
    (answer,) = await ingest.commit([stranger])
    assert (answer.verdict, answer.retry_s) == (Verdict.BUSY, 60.0)
    assert "tonnam-cloud node add demo-farm edge-9" in answer.reason
    assert count(database, Quarantine) == 0


async def test_a_node_registered_while_running_is_soon_known(
    database: Database, embedded_store: EmbeddedStore, bus: Bus
) -> None:
    now = [NOW_MS]
    ingest = Ingest(database, embedded_store, bus.publish, lambda: now[0])
    assert (await commit(ingest, sealed_dictionary()))[0].verdict is Verdict.BUSY
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    now[0] += 1001
    assert await commit(ingest, sealed_dictionary()) == [STORED]
    ingest.close()


@pytest.mark.parametrize("payload", [b"", b"\x01garbage", b"\x09" + b"x" * 40, b"\x01" * 300_000])
async def test_what_cannot_be_read_is_released_and_kept_for_a_person(
    ingest: Ingest, database: Database, payload: bytes
) -> None:
    good = sealed_dictionary()
    answers = await commit(ingest, payload, good)
    assert [answer.verdict for answer in answers] == [Verdict.QUARANTINED, Verdict.STORED]
    assert answers[0].reason
    await commit(ingest, payload)
    with database.reading() as session:
        (entry,) = quarantine.find(session, Wanted())
        assert (entry.payload, entry.reason) == (payload[: quarantine.LARGEST_KEPT], answers[0].reason)


async def test_readings_from_more_than_a_day_ahead_are_kept_out_and_the_rest_is_stored(
    ingest: Ingest, database: Database, embedded_store: EmbeddedStore
) -> None:
    ahead = sealed_readings((NOW_MS, 26.4), (NOW_MS + DAY_MS, 27.0), (NOW_MS + DAY_MS + 1, 28.0))
    _, answer = await commit(ingest, sealed_dictionary(), ahead)
    assert answer.verdict is Verdict.QUARANTINED
    assert "more than a day ahead" in answer.reason
    assert embedded_store.series(MOISTURE, *EVER).value.tolist() == [26.4, 27.0]
    with database.reading() as session:
        (entry,) = quarantine.find(session, Wanted())
        assert (entry.readings, entry.payload) == (1, ahead)


async def test_a_datastream_with_an_impossible_name_is_kept_out_and_the_rest_is_stored(
    ingest: Ingest, embedded_store: EmbeddedStore
) -> None:
    odd = Dictionary([DatastreamSpec("zone 1/../x", "%", 0.1), DatastreamSpec("s/t/level", "cm", 0.1)])
    answers = await commit(
        ingest,
        sealed_dictionary(odd),
        sealed_readings((NOW_MS, 1.0), dictionary=odd),
        sealed_readings((NOW_MS, 2.0), dictionary=odd, number=1),
    )
    assert [answer.verdict for answer in answers] == [Verdict.STORED, Verdict.QUARANTINED, Verdict.STORED]
    assert embedded_store.datastreams() == [f"{TENANT}/s/t/level"]


def sent_command() -> Command:
    return Command(
        id="c-1",
        tenant=TENANT,
        site=SITE,
        node=NODE,
        zone="zone-1",
        action="water",
        max_run_s=60,
        state="sent",
        created_by="somchai",
        created_ms=NOW_MS,
        expires_ms=NOW_MS,
        changed_ms=NOW_MS,
    )


async def test_events_and_outcomes_reach_their_tables_once(ingest: Ingest, database: Database) -> None:
    with database.writing() as session:
        session.add(sent_command())
    batches = [
        sealed_events(event("site.described", described()), started(), ended()),
        sealed_outcomes(Outcome("c-1", CommandState.DONE, NOW_MS, words("done"), "run-1")),
    ]
    for _ in range(2):
        assert await commit(ingest, *batches) == [STORED, STORED]
    assert (count(database, Site), count(database, Event), count(database, Run)) == (1, 3, 1)
    with database.reading() as session:
        assert session.get_one(Command, "c-1").state == "done"


async def test_one_bad_event_does_not_keep_its_neighbours_out(ingest: Ingest, database: Database) -> None:
    (answer,) = await commit(ingest, sealed_events(event("run.started", {"run_id": "x"}), started("run-2")))
    assert answer.verdict is Verdict.QUARANTINED
    assert (count(database, Run), count(database, Quarantine)) == (1, 1)


async def test_the_live_bus_hears_of_what_was_stored(ingest: Ingest, bus: Bus) -> None:
    await commit(ingest, sealed_dictionary(), sealed_readings((NOW_MS, 26.4), (NOW_MS + 1000, None)))
    await commit(ingest, sealed_events(started()))
    await commit(ingest, sealed_readings((NOW_MS - 5000, 26.0)), channel=Channel.BACK)
    topic = f"tonnam/1/live/{TENANT}/{SITE}"
    assert bus.said[0] == (
        topic,
        {
            "node": NODE,
            "lane": "up",
            "readings": [["zone-1/soil_moisture", NOW_MS + 1000, None, 6]],
            "events": [],
            "outcomes": [],
            "backlog": False,
        },
    )
    assert (bus.said[1][0], bus.said[1][1]["events"]) == (topic, ["run.started"])
    assert (bus.said[2][1]["lane"], bus.said[2][1]["readings"], bus.said[2][1]["backlog"]) == ("back", [], True)


class AwayStore(EmbeddedStore):
    """A store whose disk or server comes and goes."""

    away = False
    refuses = 0

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        if self.away:
            raise Transient("the store is away")
        super().append(batches)
        return [Refused(b.source, b.epoch, b.sequence, self.refuses, "wrong type") for b in batches if self.refuses]


@pytest.fixture
def embedded_store(tmp_path_factory: pytest.TempPathFactory) -> AwayStore:
    return AwayStore(tmp_path_factory.mktemp("store"))


async def test_while_the_store_is_away_readings_wait_and_events_go_on(
    ingest: Ingest, embedded_store: AwayStore, database: Database
) -> None:
    await commit(ingest, sealed_dictionary())
    waiting = sealed_readings((NOW_MS, 26.4))
    embedded_store.away = True
    busy, stored = await commit(ingest, waiting, sealed_events(started()))
    assert (busy.verdict, busy.reason, stored) == (Verdict.BUSY, "the store is away", STORED)
    assert ingest.status.waiting_for == "the store is away"
    embedded_store.away = False
    assert await commit(ingest, waiting) == [STORED]
    assert (ingest.status.waiting_for, count(database, Run)) == ("", 1)
    assert embedded_store.series(MOISTURE, *EVER).value.tolist() == [26.4]


async def test_what_the_store_refuses_is_kept_for_a_person(
    ingest: Ingest, embedded_store: AwayStore, database: Database
) -> None:
    await commit(ingest, sealed_dictionary())
    embedded_store.refuses = 1
    (answer,) = await commit(ingest, sealed_readings((NOW_MS, 26.4)))
    assert answer == Answer(Verdict.QUARANTINED, "wrong type")
    assert count(database, Quarantine) == 1


async def test_while_the_database_is_away_everything_waits_and_nothing_is_doubled(
    ingest: Ingest, embedded_store: AwayStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [sealed_dictionary(), sealed_readings((NOW_MS, 26.4)), sealed_events(started())]
    with monkeypatch.context() as away:
        away.setattr(repository, "keep_dictionary", away_database)
        answers = await commit(ingest, *batches)
    assert {answer.verdict for answer in answers} == {Verdict.BUSY}
    assert await commit(ingest, *batches) == [STORED] * 3
    assert embedded_store.series(MOISTURE, *EVER).value.tolist() == [26.4]
    assert count(database, Run) == 1


def away_database(*_: object) -> None:
    raise Transient("the database does not answer")


async def test_nodes_are_marked_as_heard_and_the_bus_hears_of_their_return(
    ingest: Ingest, database: Database, bus: Bus
) -> None:
    await commit(ingest, sealed_dictionary(), sealed_events(event("site.described", described())))
    keeping = asyncio.create_task(ingest.run())

    def heard() -> int | None:
        with database.reading() as session:
            return session.get_one(Node, (TENANT, NODE)).last_heard_ms

    await asyncio.to_thread(wait_until, lambda: heard() is not None, "the time of the last batch")
    keeping.cancel()
    await asyncio.wait({keeping})
    assert heard() == NOW_MS
    assert bus.said[-1][1]["events"] == ["node.presence"]


async def test_an_outcome_that_the_database_cannot_take_never_stops_the_others(
    any_database: Database, embedded_store: AwayStore, bus: Bus
) -> None:
    """PostgreSQL refuses a run id of 200 letters, SQLite takes it: either way the node is released."""
    with any_database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
        session.add(sent_command())
    ingest = Ingest(any_database, embedded_store, bus.publish, lambda: NOW_MS)
    odd = sealed_outcomes(Outcome("c-1", CommandState.RUNNING, NOW_MS, words("x"), "r" * 200))
    answers = await commit(ingest, sealed_events(started()), odd, sealed_events(ended()))
    assert all(answer.verdict.releases for answer in answers)
    assert answers[0] == answers[2] == STORED
    with any_database.reading() as session:
        assert session.get_one(Run, (TENANT, "run-1")).outcome == "done"
    ingest.close()
