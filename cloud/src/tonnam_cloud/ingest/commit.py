"""Ingest: the `commit` of the link's receiver, and its housekeeping.

Readings go to the store, all else to the relational database, and only then come the answers. Both take the same
batch any number of times, so a crash between the two is repaired when the node sends again. All blocking work runs
in two threads, one for the database and one for the store; the event loop only passes groups to them.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from tonnam_cloud.database import Database
from tonnam_cloud.errors import CloudError, Transient
from tonnam_cloud.ingest import keeping, live, quarantine
from tonnam_cloud.ingest.opening import GARBLED, Opener
from tonnam_cloud.ingest.rate import Allowance
from tonnam_cloud.ingest.status import IngestStatus
from tonnam_cloud.ingest.work import STORED, Work
from tonnam_cloud.ingest.writing import StoreWriter
from tonnam_cloud.outage import Outage
from tonnam_cloud.registry import application, repository
from tonnam_cloud.registry.application import Source
from tonnam_cloud.store.port import ReadingBatch, Store
from tonnam_link.clock import Clock
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Channel, Origin

AWAY_RETRY_S = 5.0
HOUSEKEEPING_S = 1.0
BOUND_EVERY_S = 60.0
HANGS_S = 5.0
HEARD_EVERY_MS = 5_000
REPORT_EVERY_S = 60.0
REPLAYS_AT_ONCE = 8
REPLAY_AGAIN_MS = 5_000
IN_DEBT_S = 30.0
"""A node that has put so much into quarantine is turned away altogether until some of this time has passed."""
CUT = "it was oversized, and only its beginning is kept"
TOO_MUCH = "too much of what this node sends cannot be taken: look at it with tonnam-cloud quarantine list"
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class Ingest:
    """One writer. `publish(topic, payload)` hands a message to the live bus; it is called on the event loop."""

    def __init__(self, database: Database, store: Store, publish: Callable[[str, bytes], bool], clock: Clock) -> None:
        self.status = IngestStatus()
        self._database = database
        self._store = store
        self._publish = publish
        self._clock = clock
        self._opener = Opener(database, clock)
        self._allowance = Allowance()
        self._thread = ThreadPoolExecutor(1, "ingest")
        self._store_away = Outage("batches wait at the nodes")
        self._database_away = Outage("batches wait at the nodes for the database")
        self._no_writing = False
        self._writer = StoreWriter(store, self._no_store, self._store_is_back)
        self._complained: set[tuple[Origin, str]] = set()
        self._heard: dict[tuple[str, str], int] = {}
        self._heard_kept_ms = 0

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        """Store a group; its answers, in its order. See tonnam_link.receiving.receiver."""
        works = [Work(received, received) for received in group]
        await self._take(works)
        self._count(works)
        return [work.answer for work in works]

    async def run(self) -> None:
        """Housekeeping and the line a minute, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_store())
            tasks.create_task(self._keep_house())
            tasks.create_task(self._report())

    def blocking(self, work: Callable[..., _T], *arguments: object) -> Awaitable[_T]:
        """Run work in the thread that writes to the database."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """Wait for what the threads are doing; nothing starts any more."""
        self._thread.shutdown(cancel_futures=True)
        self._writer.close()

    async def _take(self, works: Sequence[Work]) -> None:
        """Open, store and keep a group; then say on the live bus what of it is there."""
        writes = False
        try:
            await self._noticing(self.blocking(self._open, works))
            await self._writer.write(works)
            writes = keeping.needs_database(works)
            messages = await self._noticing(self.blocking(self._keep, works), writes=writes)
        except Transient as error:
            self._no_database(error, writes=writes)
            for work in works:
                work.wait(str(error), AWAY_RETRY_S)
            return
        if writes or not self._no_writing:
            self._database_is_back()
        for topic, payload in messages:
            self._publish(topic, payload)

    async def _noticing(self, asked: Awaitable[_T], *, writes: bool = False) -> _T:
        """What the database says. One that hangs says nothing: then we do, and wait on."""
        answer = asyncio.ensure_future(asked)
        done, _ = await asyncio.wait({answer}, timeout=HANGS_S)
        if not done:
            self._no_database(Transient(f"the database has not answered for {HANGS_S:g} s"), writes=writes)
        return await answer

    def _open(self, works: Sequence[Work]) -> None:
        now = time.monotonic()
        seen: Counter[Origin] = Counter()
        for work in works:
            debt_s = 0.0 if work.replays is not None else self._allowance.wait_s(work.origin, now)
            if debt_s and (seen[work.origin] or debt_s > IN_DEBT_S):
                work.wait(TOO_MUCH, debt_s)
            seen[work.origin] += 1
        self._opener.open(work for work in works if work.answer is STORED)

    def _keep(self, works: Sequence[Work]) -> list[live.Message]:
        now = time.monotonic()
        for work in works:
            if work.set_aside and work.replays is None and (debt_s := self._allowance.wait_s(work.origin, now)):
                work.wait(TOO_MUCH, debt_s)
        told = keeping.keep(self._database, works)
        for work in works:
            if work.set_aside and work.replays is None:
                self._allowance.spend(work.origin, len(work.content.payload), now)
            if work.batch is not None:
                self._opener.learned(work.origin.tenant, work.batch)
        return [
            message
            for work, sites in zip(works, told, strict=True)
            for message in live.messages(*work.origin, work.lane, sites)
        ]

    def _no_store(self, why: str) -> None:
        self._store_away.note(Transient(why))
        self.status.no_store = why

    def _store_is_back(self) -> None:
        self._store_away.over()
        self.status.no_store = ""

    def _no_database(self, error: CloudError, *, writes: bool) -> None:
        self._database_away.note(error)
        self._no_writing = self._no_writing or writes
        self.status.no_database = str(error)

    def _database_is_back(self) -> None:
        """Not when it was only read, and it was writing that it refused: that would be said again and again."""
        self._database_away.over()
        self._no_writing = False
        self.status.no_database = ""

    async def _keep_store(self) -> None:
        """Compaction in slices between writes. That it fails need not mean that batches wait."""
        outage = Outage("the store's housekeeping waits")
        while True:
            try:
                more = await self._writer.upkeep(self._store.maintain)
                outage.over()
            except CloudError as error:
                outage.note(error)
                more = False
            await asyncio.sleep(0 if more else HOUSEKEEPING_S)

    async def _keep_house(self) -> None:
        """When nodes were last heard, what is to be replayed, and how large the quarantine is."""
        bound_at = time.monotonic() + BOUND_EVERY_S
        outage = Outage("ingest's housekeeping waits for the database")
        while True:
            try:
                heard = await self.blocking(self._keep_heard)
                for topic, payload in heard or ():
                    self._publish(topic, payload)
                await self._replay()
                if bounds := time.monotonic() >= bound_at:
                    await self.blocking(self._bound)
                    bound_at = time.monotonic() + BOUND_EVERY_S
                if bounds or heard is not None:
                    outage.over()
                    self._database_is_back()
            except CloudError as error:
                outage.note(error)
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _replay(self) -> None:
        """What somebody wants out of the quarantine goes the way of what comes in, by what the registry says now."""
        works = await self.blocking(self._asked)
        if works:
            await self._take(works)
            stored = [work for work in works if work.answer.verdict is Verdict.STORED]
            self.status.replayed += len(stored)
            log.info("replayed from the quarantine", batches=len(works), stored=len(stored))

    def _asked(self) -> list[Work]:
        now_ms = self._clock()
        with self._database.reading() as session:
            rows = quarantine.asked(session, now_ms - REPLAY_AGAIN_MS, REPLAYS_AT_ONCE)
            found = [(row.id, quarantine.received(row, now_ms), quarantine.is_cut(row)) for row in rows]
        if found:
            self._opener.ask_again()
        works = [Work(received, received, replays=number) for number, received, _ in found]
        for work, (_, _, cut) in zip(works, found, strict=True):
            if cut:
                work.quarantine(CUT)
        return works

    def _bound(self) -> None:
        with self._database.writing() as session:
            quarantine.bound(session)

    def _keep_heard(self) -> list[live.Message] | None:
        """Write down when nodes were last heard, every few seconds; messages on those that are back.

        None when there was nothing to write.
        """
        now_ms = self._clock()
        if not self._heard or abs(now_ms - self._heard_kept_ms) < HEARD_EVERY_MS:
            return None
        with self._database.writing() as session:
            returned = repository.heard(session, self._heard)
            messages = [message for tenant, node in returned for message in came_or_went(session, tenant, node)]
        self._heard.clear()
        self._heard_kept_ms = now_ms
        return messages

    def _count(self, works: Sequence[Work]) -> None:
        status = self.status
        for work in works:
            for origin in work.heard():
                self._heard[origin] = work.received.received_at_ms
            status.batches += 1
            status.forwards += work.via is not None
            status.garbled += any(each.reason == GARBLED for each in work.set_aside)
            status.busy += work.answer.verdict is Verdict.BUSY
            status.quarantined += work.answer.verdict is Verdict.QUARANTINED
            if work.answer.verdict.releases:
                status.last_stored_ms = work.received.received_at_ms
            if isinstance(work.readings, ReadingBatch):
                status.readings += sum(len(column.observed_at_ms) for column in work.readings.columns)
            elif work.readings is not None:
                status.aggregates += sum(len(column.minute_ms) for column in work.readings.columns)
            if work.batch is not None:
                status.events += len(work.batch.events)
                status.outcomes += len(work.batch.outcomes)
                status.gaps += sum(event.kind == "readings.gap" for event in work.batch.events)
            self._complain(work)

    def _complain(self, work: Work) -> None:
        """Say once a minute and node what is wrong with its batches."""
        if work.answer.reason and work.answer.verdict in {Verdict.QUARANTINED, Verdict.BUSY}:
            key = (work.origin, work.answer.reason)
            if key not in self._complained and len(self._complained) < 100:
                self._complained.add(key)
                log.warning(f"batch {work.answer.verdict}", node=str(work.origin), reason=work.answer.reason)

    async def _report(self) -> None:
        before = self.status.counts()
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            now = self.status.counts()
            log.info("ingest, in the last minute", **{name: now[name] - before[name] for name in now})
            before = now
            self._complained.clear()


def came_or_went(session: Session, tenant: str, node: str) -> Iterable[live.Message]:
    """Messages to the sites of a node that came or went."""
    for site in application.sites_of(session, Source(tenant, node, 0)):
        yield from live.messages(tenant, node, Channel.UP, {site: live.Told(events=[live.PRESENCE])})
