"""Ingest's way to the store: in a thread of its own, and without waiting long for one that hangs.

A write that takes too long goes on, and its batches are answered `busy` meanwhile, as are those that come after it.
How it ended is remembered: when its batches come again, they get that answer instead of being written once more.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from tonnam_cloud.errors import CloudError
from tonnam_cloud.ingest.work import Storable, Work
from tonnam_cloud.store.port import AggregateBatch, ReadingBatch, Refused, Store

PATIENCE_S = 1.5
"""Outcomes and events of the same group wait no longer for the store."""
RETRY_S = 5.0
REMEMBERED = 10_000
HANGS = "the store does not answer"
_T = TypeVar("_T")
_Key = tuple[str, int, int, bool, int]

log = structlog.get_logger(__name__)


class StoreWriter:
    """One writer. `on_away` hears why batches wait, `on_back` that the store takes them; both on the event loop."""

    def __init__(self, store: Store, on_away: Callable[[str], None], on_back: Callable[[], None]) -> None:
        self._store = store
        self._on_away = on_away
        self._on_back = on_back
        self._thread = ThreadPoolExecutor(1, "store")
        self._under_way: asyncio.Future[dict[_Key, list[Refused]]] | None = None
        self._late: OrderedDict[_Key, list[Refused]] = OrderedDict()

    async def write(self, works: Sequence[Work]) -> None:
        """Store the readings of a group; of those that cannot be stored now the batch waits at its node."""
        carrying = [(work, work.readings) for work in works if work.readings is not None and not self._knows(work)]
        if not carrying:
            return
        if self._under_way is not None and not self._under_way.done():
            self._put_off(carrying, HANGS)
            return
        batches = [readings for _, readings in carrying]
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._append, batches)
        done, _ = await asyncio.wait({writing}, timeout=PATIENCE_S)
        if not done:
            self._under_way = writing
            writing.add_done_callback(self._ended_late)
            self._put_off(carrying, HANGS)
            return
        try:
            ended = writing.result()
        except CloudError as error:
            self._put_off(carrying, str(error))
            return
        self._on_back()
        for work, readings in carrying:
            _settle(work, ended[_key(readings)])

    def upkeep(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Run work in the store's thread, between writes."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Wait for what the thread is doing; nothing starts any more."""
        self._thread.shutdown(cancel_futures=True)

    def _put_off(self, carrying: Sequence[tuple[Work, Storable]], why: str) -> None:
        self._on_away(why)
        for work, _ in carrying:
            work.wait(why, RETRY_S)

    def _knows(self, work: Work) -> bool:
        """Whether a write of this very batch has ended late; then its work knows how."""
        refused = None if work.readings is None else self._late.pop(_key(work.readings), None)
        _settle(work, refused or ())
        return refused is not None

    def _ended_late(self, writing: asyncio.Future[dict[_Key, list[Refused]]]) -> None:
        if writing.cancelled() or isinstance(writing.exception(), CloudError):
            return
        self._on_back()
        self._late.update(writing.result())
        while len(self._late) > REMEMBERED:
            self._late.popitem(last=False)

    def _append(self, batches: Sequence[Storable]) -> dict[_Key, list[Refused]]:
        """In the thread. How each ended: the readings of it that the store can never take."""
        ended: dict[_Key, list[Refused]] = {_key(batch): [] for batch in batches}
        places = {(batch.source, batch.epoch, batch.sequence): _key(batch) for batch in batches}
        for refused in self._append_all(batches):
            ended[places[refused.source, refused.epoch, refused.sequence]].append(refused)
        return ended

    def _append_all(self, batches: Sequence[Storable]) -> Sequence[Refused]:
        """One that breaks the store is refused whole, and the others are taken without it."""
        try:
            readings = [batch for batch in batches if isinstance(batch, ReadingBatch)]
            aggregates = [batch for batch in batches if isinstance(batch, AggregateBatch)]
            refused = list(self._store.append(readings)) if readings else []
            return refused + list(self._store.append_aggregates(aggregates)) if aggregates else refused
        except CloudError:
            raise
        except Exception as error:
            log.exception("the store cannot take a group of batches", batches=len(batches))
            if len(batches) == 1:
                why = f"the store cannot take it: {type(error).__name__}"
                return [Refused(batches[0].source, batches[0].epoch, batches[0].sequence, 0, why)]
        return [refused for each in batches for refused in self._append_all([each])]


def _settle(work: Work, refused: Sequence[Refused]) -> None:
    for each in refused:
        work.quarantine(each.reason, each.readings)


def _key(batch: Storable) -> _Key:
    """What tells one write from another: a replay may have more of the same batch."""
    if isinstance(batch, ReadingBatch):
        rows = sum(len(column.observed_at_ms) for column in batch.columns)
    else:
        rows = sum(len(column.minute_ms) for column in batch.columns)
    return batch.source, batch.epoch, batch.sequence, batch.again, rows
