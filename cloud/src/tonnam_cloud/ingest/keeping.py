"""The relational part of ingest: what a group of batches leaves in the database. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy.orm import Session

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Rejected, Transient
from tonnam_cloud.ingest import live, quarantine
from tonnam_cloud.ingest.work import Work
from tonnam_cloud.registry import application, repository
from tonnam_cloud.registry.application import Source
from tonnam_cloud.store.port import ReadingBatch
from tonnam_link.messages import Verdict
from tonnam_link.wire.codec import Dictionary

log = structlog.get_logger(__name__)

Sites = dict[str, live.Told]


def keep(database: Database, works: Sequence[Work]) -> list[Sites]:
    """Keep a group in one transaction; if the database refuses it, batch by batch. What each tells of which sites.

    Raises Transient, with nothing kept, when the database is away.
    """
    if not needs_database(works):
        return [_sites(work) for work in works]
    try:
        with database.writing() as session:
            return [_keep_one(session, work) for work in works]
    except Transient:
        raise
    except Exception:
        log.exception("a group of batches cannot be kept as one", batches=len(works))
        return [_keep_alone(database, work) for work in works]


def needs_database(works: Iterable[Work]) -> bool:
    """Whether a group leaves anything there: hellos and mere readings do not."""
    return any(_needs_database(work) for work in works)


def _keep_alone(database: Database, work: Work) -> Sites:
    """One batch in a transaction of its own: one that can never be taken goes into quarantine.

    Whatever it was, nothing but an outage may keep a batch at its node: that would be for ever.
    """
    try:
        with database.writing() as session:
            return _keep_one(session, work)
    except Transient:
        raise
    except Exception as error:
        log.exception("a batch cannot be kept", node=str(work.origin))
        work.batch = None
        work.quarantine(f"the database cannot take it: {type(getattr(error, 'orig', error)).__name__}")
        with database.writing() as session:
            return _keep_one(session, work)


def _keep_one(session: Session, work: Work) -> Sites:
    sites = _sites(work)
    batch = work.batch
    source = Source(*work.origin, work.received.received_at_ms)
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
    _settle_quarantine(session, work, source.received_ms)
    return sites


def _settle_quarantine(session: Session, work: Work, now_ms: int) -> None:
    """What was set aside goes into quarantine; what comes out of it has its result noted."""
    out = sum(each.readings for each in work.set_aside)
    if work.replays is None:
        if work.set_aside:
            quarantine.put_in(session, work.content, work.via, work.answer.reason, out)
        return
    verdict, reason = work.answer.verdict, work.answer.reason
    if verdict is Verdict.BUSY:
        quarantine.note_wait(session, work.replays, reason, now_ms)
    elif verdict is Verdict.STORED:
        quarantine.note_result(session, work.replays, "stored", now_ms, state=quarantine.STORED, readings=0)
    else:
        why = "its dictionary is not known" if verdict is Verdict.NEED_DICTIONARY else reason
        quarantine.note_result(session, work.replays, f"still: {why}", now_ms, state=quarantine.KEPT, readings=out)


def _sites(work: Work) -> Sites:
    return live.newest_by_site(work.readings.columns) if isinstance(work.readings, ReadingBatch) else {}


def _needs_database(work: Work) -> bool:
    batch = work.batch
    told = batch is not None and (batch.kind == "dictionary" or batch.events or batch.outcomes)
    return bool(work.set_aside or told or work.replays is not None)
