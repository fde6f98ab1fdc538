"""A batch as it came becomes work: who may send it, what is in it, and what of that must be set aside.

Blocking: the database is asked for nodes and dictionaries that are not known yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.ingest.work import Storable, Work
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.told import NAME_PATTERN
from tonnam_cloud.store.port import AggregateBatch, AggregateColumn, Column, Floats, Millis, ReadingBatch
from tonnam_link.clock import Clock
from tonnam_link.errors import MissingDictionary, Rejected
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import Dictionary, parse_dictionary
from tonnam_link.wire.decode import AggregateColumn as LinkAggregateColumn
from tonnam_link.wire.decode import Batch, decode, intact, peek
from tonnam_link.wire.decode import Column as LinkColumn

DAY_MS = 86_400_000
NODES_FOR_MS = 5_000
NODES_AGAIN_MS = 1_000
DICTIONARIES = 2_000
UNKNOWN_NODE_RETRY_S = 60.0
GARBLED = "garbled, or not sealed for this node"
AHEAD = "readings from more than a day ahead: the node's clock is wrong"
_NAME = re.compile(NAME_PATTERN)
_WITH_READINGS = {"readings", "aggregates"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Known:
    """A dictionary, which of its names are no datastream's, and the sites of the others."""

    dictionary: Dictionary
    bad: frozenset[str]
    sites: frozenset[str]


class Opener:
    """Remembers nodes for some seconds, and dictionaries, which never change."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._nodes: Mapping[tuple[str, str], repository.Sender] = {}
        self._site_nodes: Mapping[tuple[str, str], str] = {}
        self._nodes_at_ms: int | None = None
        self._dictionaries: dict[tuple[str, str], _Known] = {}

    def open(self, works: Iterable[Work]) -> None:
        """Find out what is in each of a group. Raises Transient when the database is away."""
        arriving: dict[tuple[str, str], _Known] = {}
        for work in works:
            self._open_any(work, arriving)

    def ask_again(self) -> None:
        """Somebody may just have changed what nodes may: do not go by what is remembered."""
        self._nodes_at_ms = None

    def learned(self, tenant: str, batch: Batch) -> None:
        """What a batch says is on disk now: a dictionary, or whose a site is."""
        if any(event.kind == "site.described" for event in batch.events):
            self.ask_again()
        if batch.kind == "dictionary" and batch.dictionary is not None:
            while len(self._dictionaries) >= DICTIONARIES:
                del self._dictionaries[next(iter(self._dictionaries))]
            self._dictionaries[tenant, batch.dictionary] = _known(Dictionary(batch.specs))

    def _open_any(self, work: Work, arriving: dict[tuple[str, str], _Known]) -> None:
        """Bytes that break the decoder are set aside: kept at the node they would come again for ever."""
        try:
            self._open(work, arriving)
        except Transient:
            raise
        except Rejected as error:
            work.quarantine(error.reason)
        except MissingDictionary as error:
            work.answer = Answer(Verdict.NEED_DICTIONARY, error.dictionary)
        except Exception as error:
            log.exception("a batch cannot be read", node=str(work.origin))
            work.quarantine(f"it cannot be read: {type(error).__name__}")

    def _open(self, work: Work, arriving: dict[tuple[str, str], _Known]) -> None:
        why_not = self._why_not(work.origin)
        if why_not:
            work.wait(why_not, UNKNOWN_NODE_RETRY_S)
            return
        if work.received.garbled:
            raise Rejected(GARBLED)
        if peek(work.received.payload).kind == "forward":
            self._unwrap(work)
        known = self._dictionary(work.content, arriving)
        batch = decode(work.content.payload, {known.dictionary.hash: known.dictionary} if known else {})
        if batch.kind == "dictionary" and batch.dictionary:
            arriving[work.origin.tenant, batch.dictionary] = _known(Dictionary(batch.specs))
        elif known is not None:
            work.readings = self._storable(work, batch, known)
        work.batch = batch

    def _unwrap(self, work: Work) -> None:
        """What a gateway has passed on becomes the content, as if its own node had sent it. Raises Rejected."""
        received, forwarded = work.received, decode(work.received.payload).forwarded
        assert forwarded is not None
        origin = forwarded.origin
        if not self._speaks_for(received, origin):
            self._ask()
        sender = self._nodes.get(origin)
        if sender is None or not self._speaks_for(received, origin):
            raise Rejected(f"{received.node} may not speak for {origin}: {_why_not_for(origin, received, sender)}")
        work.content = Received(*origin, forwarded.channel, forwarded.payload, received.received_at_ms)
        if sender.revoked:
            raise Rejected(self._why_not(origin))
        if not intact(forwarded.payload, origin):
            raise Rejected(GARBLED)
        if peek(forwarded.payload).kind == "forward":
            raise Rejected("a forwarded batch within a forwarded batch")

    def _speaks_for(self, gateway: Received, origin: Origin) -> bool:
        sender = self._nodes.get(origin)
        return sender is not None and (origin.tenant, sender.via) == (gateway.tenant, gateway.node)

    def _storable(self, work: Work, batch: Batch, known: _Known) -> Storable:
        """The readings or aggregates with full ids; what can never be stored is set aside."""
        tenant, again = work.origin.tenant, work.replays is not None
        refused = self._refused(work.origin, known, batch)
        identity = (str(work.origin), batch.epoch, batch.sequence)
        if batch.kind == "readings":
            columns = [
                _full(tenant, column, count)
                for column in batch.columns
                if (count := self._takes(work, refused, column.datastream, column.observed_at_ms, column.value))
            ]
            return ReadingBatch(*identity, columns, again)
        aggregates = [
            _full_aggregates(tenant, each, count)
            for each in batch.aggregates
            if (count := self._takes(work, refused, each.datastream, each.minute_ms, each.minimum, each.maximum))
        ]
        return AggregateBatch(*identity, aggregates, again)

    def _refused(self, origin: Origin, known: _Known, batch: Batch) -> Mapping[str, str]:
        """The datastreams of a batch under which nothing is taken from its node, and why.

        The registry is asked anew before anything is refused: a site may just have got a new node.
        """
        if not known.bad and not self._others(origin, known.sites):
            return {}
        columns: Sequence[LinkColumn | LinkAggregateColumn] = batch.columns or batch.aggregates
        sites = {column.datastream: _site_of(column.datastream) for column in columns}
        if self._others(origin, sites.values()):
            self._ask()
        others = self._others(origin, sites.values())
        refused = {name: others[site] for name, site in sites.items() if site in others}
        return refused | {name: f"{name[:100]!r} is not a datastream's name" for name in sites if name in known.bad}

    def _others(self, origin: Origin, sites: Iterable[str]) -> Mapping[str, str]:
        """Those of the sites that other nodes have described, and why their readings are not taken from this one."""
        nodes = {site: self._site_nodes.get((origin.tenant, site), origin.node) for site in sites}
        return {site: _why_not_at(site, node, origin) for site, node in nodes.items() if node != origin.node}

    def _takes(
        self, work: Work, refused: Mapping[str, str], datastream: str, times_ms: Millis, *values: Floats
    ) -> int:
        """How many of a column's first rows may be stored; the others are set aside."""
        count = len(times_ms)
        if datastream in refused:
            work.quarantine(refused[datastream], count)
            return 0
        if any(np.isinf(each).any() for each in values):
            work.quarantine(f"{datastream}: a value that is too large for any number", count)
            return 0
        kept = int(times_ms.searchsorted(self._clock() + DAY_MS, "right"))
        if kept < count:
            work.quarantine(AHEAD, count - kept)
        return kept

    def _why_not(self, origin: Origin) -> str:
        """Why nothing is taken from a node, or "". It keeps its batches, and sends them when it may again.

        Nodes are asked for again every few seconds, and at once (but not all the time) for an unknown one.
        """
        age_ms = None if self._nodes_at_ms is None else abs(self._clock() - self._nodes_at_ms)
        if age_ms is None or age_ms > (NODES_FOR_MS if origin in self._nodes else NODES_AGAIN_MS):
            self._ask()
        sender = self._nodes.get(origin)
        named = f"{origin.tenant} {origin.node}"
        if sender is None:
            return f"this node is not registered: tonnam-cloud node add {named}"
        return f"this node is revoked: tonnam-cloud node restore {named}" if sender.revoked else ""

    def _ask(self) -> None:
        """Ask the registry who may send, and for which sites."""
        with self._database.reading() as session:
            self._nodes, self._site_nodes = repository.senders(session), repository.site_nodes(session)
        self._nodes_at_ms = self._clock()

    def _dictionary(self, content: Received, arriving: dict[tuple[str, str], _Known]) -> _Known | None:
        """The dictionary that a batch needs, if it needs one and it is known. Raises Rejected."""
        seen = peek(content.payload)
        if seen.kind not in _WITH_READINGS or seen.dictionary is None:
            return None
        key = (content.tenant, seen.dictionary)
        found = arriving.get(key) or self._dictionaries.get(key)
        if found is None:
            with self._database.reading() as session:
                stored = repository.dictionary(session, *key)
            if stored is not None:
                found = self._dictionaries[key] = _known(parse_dictionary(stored))
        return found


def _why_not_for(origin: Origin, gateway: Received, sender: repository.Sender | None) -> str:
    """Why a gateway may not pass on what a node has sealed. Only where nothing speaks against it, how it may."""
    if origin.tenant != gateway.tenant:
        return "that is somebody else's"
    if sender is None:
        return f"tonnam-cloud node add {origin.tenant} {origin.node} --via {gateway.node}"
    return f"its gateway is {sender.via}" if sender.via else "it has no gateway and speaks for itself"


def _known(dictionary: Dictionary) -> _Known:
    bad = frozenset(name for name in dictionary.numbers if _NAME.fullmatch(name) is None)
    return _Known(dictionary, bad, frozenset(_site_of(name) for name in dictionary.numbers if name not in bad))


def _site_of(datastream: str) -> str:
    return datastream.partition("/")[0]


def _why_not_at(site: str, other: str, origin: Origin) -> str:
    """Why nothing is taken from a node about another one's site, and what to do if it should be."""
    return (
        f"{site} is the site of {other}. If {origin.node} has taken its place: tonnam-cloud node revoke "
        f"{origin.tenant} {other}, then tonnam-cloud quarantine replay --node {origin}"
    )


def _full(tenant: str, column: LinkColumn, count: int) -> Column:
    """The first `count` readings of a column, under the datastream's full id."""
    return Column(
        f"{tenant}/{column.datastream}",
        column.observed_at_ms[:count],
        column.value[:count],
        column.quality[:count],
        column.raw[:count],
    )


def _full_aggregates(tenant: str, column: LinkAggregateColumn, count: int) -> AggregateColumn:
    """The first `count` minutes of a column, under the datastream's full id."""
    return AggregateColumn(
        f"{tenant}/{column.datastream}",
        column.minute_ms[:count],
        column.count[:count],
        column.minimum[:count],
        column.maximum[:count],
        column.mean[:count],
        column.quality[:count],
    )
