"""A store that hangs, a server that hangs, a disk that is full: what can go on goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from tests.cloud.told import (
    NODE,
    NOW_MS,
    SITE,
    TENANT,
    received,
    sealed_aggregates,
    sealed_dictionary,
    sealed_events,
    sealed_readings,
    started,
    words,
)
from tests.servers import InfluxServer, influx_server, running, wait_until
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.ingest import commit as commit_module
from tonnam_cloud.ingest import writing
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Run
from tonnam_cloud.store import influx_server as server_module
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.port import ReadingBatch, Refused, Store
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Answer

EVER = (0, 2**53)
MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
MINUTE_MS = NOW_MS // 60_000 * 60_000
STORED = Answer(Verdict.STORED)


class HangingStore(EmbeddedStore):
    """Writes only while it is let."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.free = threading.Event()
        self.free.set()
        self.writes = 0
        self.refuses = ""

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        self.writes += 1
        self.free.wait(20)
        if self.refuses:
            return [Refused(each.source, each.epoch, each.sequence, 1, self.refuses) for each in batches]
        return super().append(batches)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingStore]:
    monkeypatch.setattr(writing, "PATIENCE_S", 0.2)
    store = HangingStore(tmp_path / "store")
    yield store
    store.close()


async def an_ingest(database: Database, store: Store) -> AsyncIterator[Ingest]:
    with database.writing() as session:
        repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
    ingest = Ingest(database, store, lambda _topic, _payload: True, lambda: NOW_MS)
    assert await commit(ingest, sealed_dictionary()) == [STORED]
    yield ingest
    ingest.close()


@pytest.fixture
async def ingest(database: Database, store: HangingStore) -> AsyncIterator[Ingest]:
    async for each in an_ingest(database, store):
        yield each
        store.free.set()


async def commit(ingest: Ingest, *payloads: bytes) -> Sequence[Answer]:
    return await ingest.commit([received(payload) for payload in payloads])


async def taking(ingest: Ingest, *payloads: bytes) -> tuple[float, list[Verdict]]:
    """How long a commit takes, and what it says."""
    began = time.monotonic()
    answers = await commit(ingest, *payloads)
    return time.monotonic() - began, [answer.verdict for answer in answers]


def runs(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(Run.run_id)))


async def test_a_database_that_hangs_is_named_until_it_answers(
    ingest: Ingest, store: HangingStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_module, "HANGS_S", 0.05)
    with database.writing() as session:
        session.connection()  # now whoever else wants to write waits
        waiting = asyncio.create_task(commit(ingest, sealed_events(started())))
        await asyncio.to_thread(wait_until, lambda: "has not answered" in ingest.status.waiting_for, "the word of it")
        assert not waiting.done()
    assert await waiting == [STORED]
    assert ingest.status.waiting_for == ""
    assert runs(database) == ["run-1"]


async def test_a_store_that_hangs_delays_no_event_and_is_not_asked_again_meanwhile(
    ingest: Ingest, store: HangingStore, database: Database
) -> None:
    store.free.clear()
    readings = sealed_readings((NOW_MS, 26.4))
    took_s, verdicts = await taking(ingest, readings, sealed_events(started("run-1")))
    assert (verdicts, took_s < 8) == ([Verdict.BUSY, Verdict.STORED], True)
    for number in (2, 3, 4):
        took_s, verdicts = await taking(ingest, readings, sealed_events(started(f"run-{number}")))
        assert (verdicts, took_s < 0.2) == ([Verdict.BUSY, Verdict.STORED], True)
    assert (store.writes, ingest.status.waiting_for) == (1, "the store does not answer")
    assert runs(database) == ["run-1", "run-2", "run-3", "run-4"]


async def test_housekeeping_that_fails_is_said_once_and_keeps_no_batch_waiting(
    ingest: Ingest, store: HangingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    def full(_budget_s: float = 0) -> bool:
        nonlocal tried
        tried += 1
        raise Transient("disk is full")

    monkeypatch.setattr(commit_module, "HOUSEKEEPING_S", 0.01)
    monkeypatch.setattr(store, "maintain", full)
    with structlog.testing.capture_logs() as logs:
        keeping = asyncio.create_task(ingest.run())
        for number in range(3):
            before = tried
            await asyncio.to_thread(wait_until, lambda: tried > before, "another try")  # noqa: B023
            assert await commit(ingest, sealed_readings((NOW_MS + number, 26.0))) == [STORED]
        assert ingest.status.waiting_for == ""
        keeping.cancel()
        await asyncio.wait({keeping})
    assert [log["event"] for log in logs] == ["the store's housekeeping waits"]


async def test_a_write_that_ended_late_answers_its_batch_when_it_comes_again(
    ingest: Ingest, store: HangingStore
) -> None:
    store.free.clear()
    slow, other = sealed_readings((NOW_MS, 26.4)), sealed_readings((NOW_MS + 1, 26.5))
    assert [answer.verdict for answer in await commit(ingest, slow, slow, other)] == [Verdict.BUSY] * 3
    store.free.set()
    await ingest._writer.upkeep(lambda: None)
    assert ingest.status.waiting_for == ""
    assert await commit(ingest, slow, other) == [STORED, STORED]
    assert store.writes == 1, "it was written already"
    assert store.series(MOISTURE, *EVER).value.tolist() == [26.4, 26.5]


async def test_what_a_late_write_refused_is_quarantined_when_it_comes_again(
    ingest: Ingest, store: HangingStore
) -> None:
    store.refuses = "wrong type"
    store.free.clear()
    batch = sealed_readings((NOW_MS, 26.4))
    assert (await commit(ingest, batch))[0].verdict is Verdict.BUSY
    store.free.set()
    await ingest._writer.upkeep(lambda: None)
    assert await commit(ingest, batch) == [Answer(Verdict.QUARANTINED, "wrong type")]


async def test_housekeeping_and_replays_go_on_while_the_store_hangs(ingest: Ingest, store: HangingStore) -> None:
    store.free.clear()
    await commit(ingest, sealed_readings((NOW_MS, 26.4)))
    house = asyncio.create_task(ingest.run())
    began = time.monotonic()
    await ingest.blocking(lambda: None)
    await ingest._replay()
    assert time.monotonic() - began < 1
    house.cancel()
    await asyncio.wait({house})


@pytest.fixture
def stopped_influx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InfluxServer]:
    """An InfluxDB of the test's own, to be stopped and continued by signals; nobody waits for it for long."""
    monkeypatch.setattr(server_module, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(server_module, "PAUSE_S", 0.5)
    with running(influx_server(tmp_path)) as server:
        assert isinstance(server, InfluxServer)
        yield server
        server.process.send_signal(signal.SIGCONT)


async def stand_still(process: subprocess.Popen[bytes]) -> None:
    """Stop a process, and wait until each of its threads has stopped: one that works goes on for a moment."""
    process.send_signal(signal.SIGSTOP)

    def stopped() -> bool:
        stats = [(thread / "stat").read_text() for thread in Path(f"/proc/{process.pid}/task").iterdir()]
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    await asyncio.to_thread(wait_until, stopped, "all of it to stand still")


async def test_an_influxdb_that_hangs_delays_nobody_and_works_again(
    stopped_influx: InfluxServer, database: Database
) -> None:
    store = InfluxStore(InfluxAddress(stopped_influx.url, stopped_influx.database()))
    async for ingest in an_ingest(database, store):
        assert await commit(ingest, sealed_readings((NOW_MS, 26.0))) == [STORED]
        await stand_still(stopped_influx.process)
        waiting = [sealed_readings((NOW_MS + 1, 26.1)), sealed_aggregates((MINUTE_MS - 60_000, 25.0))]
        for number in range(4):
            took_s, verdicts = await taking(ingest, *waiting, sealed_events(started(f"run-{number}")))
            assert (verdicts, took_s < 8) == ([Verdict.BUSY, Verdict.BUSY, Verdict.STORED], True)
        with pytest.raises(Transient, match="InfluxDB at"):
            await asyncio.to_thread(store.series, MOISTURE, *EVER)
        began = time.monotonic()
        with pytest.raises(Transient, match="did not answer a moment ago"):
            await asyncio.to_thread(store.series, MOISTURE, *EVER)
        assert time.monotonic() - began < server_module.TIMEOUT_S, "whoever asks next is turned away at once"
        stopped_influx.process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + 10
        while await commit(ingest, *waiting) != [STORED] * 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert len(runs(database)) == 4
        await asyncio.to_thread(wait_until, lambda: values(store) == [25.0, 26.0, 26.1], "all readings")
    store.close()


def values(store: Store) -> list[float] | None:
    """What is stored; None while the server is left alone."""
    try:
        found: list[float] = store.series(MOISTURE, *EVER).value.tolist()
    except Transient:
        return None
    return found


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from sqlalchemy import func, select
from tests.cloud.told import *
from tonnam_cloud.database import Database
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Event
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.tables import metadata

home = Path(sys.argv[1])
database = Database(f"sqlite:///{home / 'tonnam.db'}")
metadata.create_all(database.engine)
with database.writing() as session:
    repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS)
store = EmbeddedStore(home)
ingest = Ingest(database, store, lambda _topic, _payload: True, lambda: NOW_MS)


async def commit(*payloads):
    return [str(answer.verdict) for answer in await ingest.commit([received(payload) for payload in payloads])]


def told(number):
    return sealed_events(event("note.kept", {"text": "x" * 4000}, NOW_MS, f"event-{number}"))


async def main():
    await commit(sealed_dictionary())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    batches = [[told(number), sealed_readings((NOW_MS + number, 26.0))] for number in range(600)]
    verdicts = [await commit(*batch) for batch in batches]
    first = verdicts.index(["busy", "busy"])
    assert first > 10, first
    stored_before = [batch for batch, verdict in zip(batches, verdicts) if verdict[0] == "stored"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    verdicts = [await commit(*batch) for batch in batches]
    assert verdicts == [["stored", "stored"]] * 600, verdicts
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 600
    found = store.series(f"{TENANT}/{SITE}/zone-1/soil_moisture", 0, 2**53)
    assert found.observed_at_ms.tolist() == [NOW_MS + number for number in range(600)]
    print("stored before it was full:", len(stored_before))


asyncio.run(main())
ingest.close()
store.close()
"""


def test_on_a_full_disk_batches_wait_at_their_nodes_and_all_is_there_when_it_has_room_again(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr
    assert "stored before it was full" in ended.stdout
