"""A batch as it came becomes work: who may send it, what is in it, and what of that must be set aside.

Blocking: the database is asked for nodes and dictionaries that are not known yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.told import NAME_PATTERN
from tonnam_cloud.store.port import Column, ReadingBatch
from tonnam_link.clock import Clock
from tonnam_link.codec import Dictionary, parse_dictionary
from tonnam_link.decode import Batch, decode, peek
from tonnam_link.decode import Column as LinkColumn
from tonnam_link.errors import MissingDictionary, Rejected
from tonnam_link.messages import Verdict
from tonnam_link.receiver import Answer, Received

DAY_MS = 86_400_000
NODES_FOR_MS = 5_000
NODES_AGAIN_MS = 1_000
DICTIONARIES = 2_000
UNKNOWN_NODE_RETRY_S = 60.0
_NAME = re.compile(NAME_PATTERN)

STORED = Answer(Verdict.STORED)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SetAside:
    """Why a batch, or `readings` of it, goes into quarantine."""

    reason: str
    readings: int = 0


@dataclass
class Work:
    """One received batch on its way. Without `batch` the answer is final."""

    received: Received
    answer: Answer = STORED
    batch: Batch | None = None
    readings: ReadingBatch | None = None
    set_aside: list[SetAside] = field(default_factory=list)

    @property
    def source(self) -> str:
        return f"{self.received.tenant}/{self.received.node}"

    def quarantine(self, reason: str, readings: int = 0) -> None:
        """Keep the batch for a person and release it from the node's disk."""
        self.set_aside.append(SetAside(reason, readings))
        self.answer = Answer(Verdict.QUARANTINED, "; ".join(dict.fromkeys(each.reason for each in self.set_aside)))

    def wait(self, reason: str, retry_s: float) -> None:
        """The node keeps the batch and sends it again."""
        self.set_aside.clear()
        self.batch = self.readings = None
        self.answer = Answer(Verdict.BUSY, reason, retry_s)


@dataclass(frozen=True)
class _Known:
    """A dictionary, and which of its names are no datastream's."""

    dictionary: Dictionary
    bad: frozenset[str]


class Opener:
    """Remembers nodes for some seconds, and dictionaries, which never change."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._nodes: Mapping[tuple[str, str], repository.Sender] = {}
        self._nodes_at_ms: int | None = None
        self._dictionaries: dict[tuple[str, str], _Known] = {}

    def open(self, group: Sequence[Received]) -> list[Work]:
        """Work for each of a group, in its order. Raises Transient when the database is away."""
        arriving: dict[tuple[str, str], _Known] = {}
        return [self._open_any(received, arriving) for received in group]

    def learned(self, tenant: str, batch: Batch) -> None:
        """A dictionary is on disk now."""
        if batch.dictionary is not None:
            while len(self._dictionaries) >= DICTIONARIES:
                del self._dictionaries[next(iter(self._dictionaries))]
            self._dictionaries[tenant, batch.dictionary] = _known(Dictionary(batch.specs))

    def _open_any(self, received: Received, arriving: dict[tuple[str, str], _Known]) -> Work:
        """Bytes that break the decoder are set aside: kept at the node they would come again for ever."""
        try:
            return self._open(received, arriving)
        except Transient:
            raise
        except Exception as error:
            log.exception("a batch cannot be read", node=f"{received.tenant}/{received.node}")
            work = Work(received)
            work.quarantine(f"it cannot be read: {type(error).__name__}")
            return work

    def _open(self, received: Received, arriving: dict[tuple[str, str], _Known]) -> Work:
        work = Work(received)
        why_not = self._why_not(received.tenant, received.node)
        if why_not:
            work.wait(why_not, UNKNOWN_NODE_RETRY_S)
            return work
        try:
            known = self._dictionary(received, arriving)
            work.batch = decode(received.payload, {known.dictionary.hash: known.dictionary} if known else {})
        except Rejected as error:
            work.quarantine(error.reason)
            return work
        except MissingDictionary as error:
            work.answer = Answer(Verdict.NEED_DICTIONARY, error.dictionary)
            return work
        if work.batch.kind == "dictionary" and work.batch.dictionary:
            arriving[received.tenant, work.batch.dictionary] = _known(Dictionary(work.batch.specs))
        elif known is not None:
            work.readings = self._readings(work, work.batch, known)
        return work

    def _readings(self, work: Work, batch: Batch, known: _Known) -> ReadingBatch:
        """The readings with full ids; what can never be stored is set aside."""
        received = work.received
        latest_ms = self._clock() + DAY_MS
        columns = []
        for column in batch.columns:
            if column.datastream in known.bad:
                work.quarantine(f"{column.datastream[:100]!r} is not a datastream's name", len(column.observed_at_ms))
                continue
            ahead = len(column.observed_at_ms) - int(column.observed_at_ms.searchsorted(latest_ms, "right"))
            if ahead:
                work.quarantine("readings from more than a day ahead: the node's clock is wrong", ahead)
            if ahead < len(column.observed_at_ms):
                columns.append(_full(received.tenant, column, len(column.observed_at_ms) - ahead))
        return ReadingBatch(work.source, batch.epoch, batch.sequence, columns)

    def _why_not(self, tenant: str, node: str) -> str:
        """Why nothing is taken from a node, or "". It keeps its batches, and sends them when it may again.

        Nodes are asked for again every few seconds, and at once (but not all the time) for an unknown one.
        """
        age_ms = None if self._nodes_at_ms is None else abs(self._clock() - self._nodes_at_ms)
        known = (tenant, node) in self._nodes
        if age_ms is None or age_ms > (NODES_FOR_MS if known else NODES_AGAIN_MS):
            with self._database.reading() as session:
                self._nodes = repository.senders(session)
            self._nodes_at_ms = self._clock()
        sender = self._nodes.get((tenant, node))
        if sender is None:
            return f"this node is not registered: tonnam-cloud node add {tenant} {node}"
        return f"this node is revoked: tonnam-cloud node restore {tenant} {node}" if sender.revoked else ""

    def _dictionary(self, received: Received, arriving: dict[tuple[str, str], _Known]) -> _Known | None:
        """The dictionary that a batch needs, if it needs one and it is known. Raises Rejected."""
        seen = peek(received.payload)
        if seen.kind != "readings" or seen.dictionary is None:
            return None
        key = (received.tenant, seen.dictionary)
        found = arriving.get(key) or self._dictionaries.get(key)
        if found is None:
            with self._database.reading() as session:
                content = repository.dictionary(session, *key)
            if content is not None:
                found = self._dictionaries[key] = _known(parse_dictionary(content))
        return found


def _known(dictionary: Dictionary) -> _Known:
    return _Known(dictionary, frozenset(name for name in dictionary.numbers if _NAME.fullmatch(name) is None))


def _full(tenant: str, column: LinkColumn, count: int) -> Column:
    """The first `count` readings of a column, under the datastream's full id."""
    return Column(
        f"{tenant}/{column.datastream}",
        column.observed_at_ms[:count],
        column.value[:count],
        column.quality[:count],
        column.raw[:count],
    )
