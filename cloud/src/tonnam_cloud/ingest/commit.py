"""Ingest: the `commit` of the link's receiver, and its housekeeping.

Readings go to the store, all else to the relational database, and only then come the answers. Both take the same
batch any number of times, so a crash between the two is repaired when the node sends again. All blocking work runs
in one thread; the event loop only passes groups to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from tonnam_cloud.database import Database
from tonnam_cloud.errors import CloudError, Rejected, Transient
from tonnam_cloud.ingest import live
from tonnam_cloud.ingest.opening import Opener, Work
from tonnam_cloud.ingest.status import COUNTS, IngestStatus
from tonnam_cloud.outage import Outage
from tonnam_cloud.registry import application, repository
from tonnam_cloud.registry.application import Source
from tonnam_cloud.registry.models import Quarantine
from tonnam_cloud.store.port import ReadingBatch, Refused, Store
from tonnam_link.clock import Clock
from tonnam_link.codec import MAX_BATCH_BYTES, Dictionary
from tonnam_link.messages import Verdict
from tonnam_link.receiver import Answer, Received
from tonnam_link.topics import Channel

AWAY_RETRY_S = 5.0
HOUSEKEEPING_S = 1.0
HEARD_EVERY_MS = 5_000
REPORT_EVERY_S = 60.0
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
        self._thread = ThreadPoolExecutor(1, "ingest")
        self._outage = Outage("batches wait at the nodes")
        self._complained: set[tuple[str, str]] = set()
        self._heard: dict[tuple[str, str], int] = {}
        self._heard_kept_ms = 0

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        """Store a group; its answers, in its order. See tonnam_link.receiver."""
        answers, messages = await self.blocking(self._commit, group)
        for topic, payload in messages:
            self._publish(topic, payload)
        return answers

    async def run(self) -> None:
        """Housekeeping and the line a minute, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_house())
            tasks.create_task(self._report())

    def blocking(self, work: Callable[..., _T], *arguments: object) -> Awaitable[_T]:
        """Run work in the thread that writes."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """Wait for what the thread is doing; nothing starts any more."""
        self._thread.shutdown(cancel_futures=True)

    def _commit(self, group: Sequence[Received]) -> tuple[Sequence[Answer], list[live.Message]]:
        try:
            works = self._opener.open(group)
            stored = self._store_readings(works)
            told = self._keep(works)
        except Transient as error:
            self._away(error)
            self.status.busy += len(group)
            return [Answer(Verdict.BUSY, str(error), AWAY_RETRY_S)] * len(group), []
        if stored:
            self._outage.over()
            self.status.waiting_for = ""
        self._count(works)
        messages = [
            message
            for work, sites in zip(works, told, strict=True)
            for message in live.messages(work.received.tenant, work.received.node, work.received.channel, sites)
        ]
        return [work.answer for work in works], messages

    def _away(self, error: CloudError) -> None:
        self._outage.note(error)
        self.status.waiting_for = str(error)

    def _store_readings(self, works: Sequence[Work]) -> bool:
        """Whether the store answers: while it is away its batches wait at their nodes; events and outcomes go on."""
        carrying = [(work, work.readings) for work in works if work.readings is not None]
        if not carrying:
            return True
        try:
            refused = self._append(carrying)
        except CloudError as error:
            self._away(error)
            for work, _ in carrying:
                work.wait(str(error), AWAY_RETRY_S)
            return False
        by_key = {(readings.source, readings.epoch, readings.sequence): work for work, readings in carrying}
        for each in refused:
            by_key[each.source, each.epoch, each.sequence].quarantine(each.reason, each.readings)
        return True

    def _append(self, carrying: Sequence[tuple[Work, ReadingBatch]]) -> Sequence[Refused]:
        """Give batches to the store; one that breaks it goes into quarantine, and the others are taken without it."""
        try:
            return self._store.append([readings for _, readings in carrying])
        except CloudError:
            raise
        except Exception as error:
            log.exception("the store cannot take a group of batches", batches=len(carrying))
            if len(carrying) == 1:
                carrying[0][0].quarantine(f"the store cannot take it: {type(error).__name__}")
                return []
        return [refused for each in carrying for refused in self._append([each])]

    def _keep(self, works: Sequence[Work]) -> list[dict[str, live.Told]]:
        """The relational part of a group, in one transaction; if the database refuses it, batch by batch."""
        self._note_heard(works)
        if not any(_needs_database(work) for work in works):
            return [_sites(work) for work in works]
        try:
            with self._database.writing() as session:
                told = [self._keep_one(session, work) for work in works]
        except Transient:
            raise
        except Exception:
            log.exception("a group of batches cannot be kept as one", batches=len(works))
            told = [self._keep_alone(work) for work in works]
        for work in works:
            if work.batch is not None and work.batch.kind == "dictionary":
                self._opener.learned(work.received.tenant, work.batch)
        return told

    def _keep_alone(self, work: Work) -> dict[str, live.Told]:
        """One batch in a transaction of its own: one that can never be taken goes into quarantine.

        Whatever it was, nothing but an outage may keep a batch at its node: that would be for ever.
        """
        try:
            with self._database.writing() as session:
                return self._keep_one(session, work)
        except Transient:
            raise
        except Exception as error:
            log.exception("a batch cannot be kept", node=work.source)
            work.batch = None
            work.quarantine(f"the database cannot take it: {type(getattr(error, 'orig', error)).__name__}")
            with self._database.writing() as session:
                return self._keep_one(session, work)

    def _keep_one(self, session: Session, work: Work) -> dict[str, live.Told]:
        sites = _sites(work)
        received, batch = work.received, work.batch
        source = Source(received.tenant, received.node, received.received_at_ms)
        if batch is not None:
            if batch.kind == "dictionary" and batch.dictionary is not None:
                content = Dictionary(batch.specs).body
                repository.keep_dictionary(session, source.tenant, batch.dictionary, content, source.received_ms)
            for event in batch.events:
                try:
                    about = application.apply_event(session, source, event)
                except Rejected as error:
                    work.quarantine(str(error))
                    continue
                for site in about:
                    sites.setdefault(site, live.Told()).events.append(event.kind)
            for outcome in batch.outcomes:
                site_of_command = application.apply_outcome(session, source, outcome)
                if site_of_command is not None:
                    sites.setdefault(site_of_command, live.Told()).outcomes.append(outcome.command_id)
        _set_aside(session, work)
        return sites

    def _note_heard(self, works: Iterable[Work]) -> None:
        for work in works:
            if work.answer.verdict is not Verdict.BUSY:
                self._heard[work.received.tenant, work.received.node] = work.received.received_at_ms

    async def _keep_house(self) -> None:
        """Compaction in slices between commits, and when nodes were last heard."""
        while True:
            try:
                more = await self.blocking(self._store.maintain)
                for topic, payload in await self.blocking(self._keep_heard):
                    self._publish(topic, payload)
            except CloudError as error:
                self._outage.note(error)
                more = False
            await asyncio.sleep(0 if more else HOUSEKEEPING_S)

    def _keep_heard(self) -> list[live.Message]:
        """Write down when nodes were last heard, every few seconds; messages on those that are back."""
        now_ms = self._clock()
        if not self._heard or abs(now_ms - self._heard_kept_ms) < HEARD_EVERY_MS:
            return []
        with self._database.writing() as session:
            returned = repository.heard(session, self._heard)
            messages = [message for tenant, node in returned for message in came_or_went(session, tenant, node)]
        self._heard.clear()
        self._heard_kept_ms = now_ms
        return messages

    def _count(self, works: Sequence[Work]) -> None:
        status = self.status
        for work in works:
            status.batches += 1
            status.busy += work.answer.verdict is Verdict.BUSY
            status.quarantined += work.answer.verdict is Verdict.QUARANTINED
            if work.answer.verdict.releases:
                status.last_stored_ms = work.received.received_at_ms
            if work.readings is not None:
                status.readings += sum(len(column.observed_at_ms) for column in work.readings.columns)
            if work.batch is not None:
                status.events += len(work.batch.events)
                status.outcomes += len(work.batch.outcomes)
            self._complain(work)

    def _complain(self, work: Work) -> None:
        """Say once a minute and node what is wrong with its batches."""
        if work.answer.reason and work.answer.verdict in {Verdict.QUARANTINED, Verdict.BUSY}:
            key = (work.source, work.answer.reason)
            if key not in self._complained and len(self._complained) < 100:
                self._complained.add(key)
                log.warning(f"batch {work.answer.verdict}", node=work.source, reason=work.answer.reason)

    async def _report(self) -> None:
        before = self.status.counts()
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            now = self.status.counts()
            log.info("ingest, in the last minute", **{name: now[name] - before[name] for name in COUNTS})
            before = now
            self._complained.clear()


def came_or_went(session: Session, tenant: str, node: str) -> Iterable[live.Message]:
    """Messages to the sites of a node that came or went."""
    for site in application.sites_of(session, Source(tenant, node, 0)):
        yield from live.messages(tenant, node, Channel.UP, {site: live.Told(events=[live.PRESENCE])})


def _sites(work: Work) -> dict[str, live.Told]:
    return live.newest_by_site(work.readings.columns) if work.readings is not None else {}


def _needs_database(work: Work) -> bool:
    return bool(work.set_aside) or (work.batch is not None and work.batch.kind != "readings")


def _set_aside(session: Session, work: Work) -> None:
    if work.set_aside:
        received = work.received
        entry = Quarantine(
            tenant=received.tenant,
            node=received.node,
            channel=received.channel.value,
            reason=work.answer.reason,
            readings=sum(each.readings for each in work.set_aside),
            payload=received.payload[:MAX_BATCH_BYTES],
            received_ms=received.received_at_ms,
        )
        repository.set_aside(session, entry)
