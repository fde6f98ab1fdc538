"""Housekeeping of the embedded store, by its writer, in short slices: the log becomes chunks, small chunks become
larger ones. Each slice is one transaction; a kill at any instant leaves every reading in the log, a chunk, or both.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tonnam_cloud.store import arrays
from tonnam_cloud.store.chunks import Damaged, Record, by_datastream, pack_chunk, unpack_chunk, unpack_record
from tonnam_cloud.store.damaged import put_chunk_aside, put_log_aside
from tonnam_cloud.store.newest import Newest, keep_newest, last_of
from tonnam_cloud.store.port import Series

START_BATCHES = 512
START_READINGS = 500_000
"""The log is packed when it holds so much: a reader unpacks all of it for one datastream."""
FIRST_PORTION = 100_000
SMALL_READINGS = 4096
MERGED_READINGS = 8192
CROWD = 8
"""So many small chunks of a datastream side by side become one."""
KEPT_SEQUENCES = 10_000
"""A batch that comes again after so many others is stored again, and its readings are recognised when read."""


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction with the write lock from its start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


@dataclass
class _Round:
    """The oldest part of the log on its way into chunks: one a datastream, all with the rank `ids[0]`."""

    ids: list[int]
    readings: int
    pieces: Iterator[tuple[int, Series]]
    newest: list[tuple[int, Newest]] = field(default_factory=list)
    small: list[int] = field(default_factory=list)


class Compactor:
    """Knows how much waits to be packed. Uses the writer's connection between its transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._batches, self._readings = connection.execute(
            "SELECT count(*), ifnull(sum(readings), 0) FROM log"
        ).fetchone()
        self._small: dict[int, int] = dict(
            connection.execute(
                "SELECT datastream, count(*) FROM chunk WHERE readings < ? GROUP BY datastream", (SMALL_READINGS,)
            )
        )
        self._crowded = {number for number, count in self._small.items() if count >= CROWD}
        self._packing = False
        self._round: _Round | None = None
        self._portion = FIRST_PORTION

    def logged(self, batches: int, readings: int) -> None:
        """The writer has committed so much to the log."""
        self._batches += batches
        self._readings += readings

    def slice(self, budget_s: float) -> bool:
        """Work for about `budget_s`. True when there is more to do now."""
        full = self._batches >= START_BATCHES or self._readings >= START_READINGS
        self._packing = self._batches > 0 and (self._packing or full)
        if self._round is not None:
            self._go_on(self._round, budget_s)
        elif self._packing:
            self._begin_round(budget_s)
        elif self._crowded:
            self._merge_crowded(budget_s)
        return self._packing or bool(self._crowded)

    def _begin_round(self, budget_s: float) -> None:
        """Reads and sorts a portion of the log, and sizes the next one so that this takes half of the budget."""
        started = time.perf_counter()
        ids: list[int] = []
        records: list[Record] = []
        damaged: dict[int, tuple[int, str]] = {}
        readings = 0
        for number, count, blob in self._connection.execute("SELECT id, readings, record FROM log ORDER BY id"):
            if ids and readings + count > self._portion:
                break
            try:
                records.append(unpack_record(blob))
            except Damaged as error:
                damaged[number] = count, str(error)
                continue
            ids.append(number)
            readings += count
        self._put_aside(damaged)
        if not ids:
            return
        self._round = _Round(ids, readings, by_datastream(records))
        taken_s = max(time.perf_counter() - started, 1e-4)
        self._portion = int(min(max(self._portion * min(max(budget_s / 2 / taken_s, 0.5), 2), 10_000), 1_000_000))

    def _put_aside(self, damaged: dict[int, tuple[int, str]]) -> None:
        """Records that cannot be read stop no others: how many readings each had, and why, by their number."""
        for number, (readings, reason) in damaged.items():
            with immediate(self._connection):
                put_log_aside(self._connection, number, reason)
            self.logged(-1, -readings)
        self._packing = self._batches > 0

    def _go_on(self, under_way: _Round, budget_s: float) -> None:
        try:
            finished = self._pack_some(under_way, budget_s)
        except BaseException:
            self._round = None  # what was rolled back has left `pieces`: the whole round begins again
            raise
        if finished:
            self._end_round(under_way)

    def _pack_some(self, under_way: _Round, budget_s: float) -> bool:
        """Packs some of a round's datastreams; with the last of them, the round leaves the log: then it is True.

        Until then its readings stand in both places, which reading does not mind; a round that a kill cut short
        begins again and replaces its chunks.
        """
        deadline = time.perf_counter() + budget_s / 2
        with immediate(self._connection):
            for number, piece in under_way.pieces:
                self._put_chunk(number, under_way.ids[0], piece)
                if newest := last_of(piece):
                    under_way.newest.append((number, newest))
                if len(piece) < SMALL_READINGS:
                    under_way.small.append(number)
                if time.perf_counter() > deadline:
                    return False
            keep_newest(self._connection, under_way.newest)
            self._connection.execute("DELETE FROM log WHERE id <= ?", (under_way.ids[-1],))
            if len(under_way.ids) >= self._batches:
                self._forget_old_sequences()
        return True

    def _end_round(self, done: _Round) -> None:
        self._round = None
        self.logged(-len(done.ids), -done.readings)
        self._packing = self._batches > 0
        for number in done.small:
            self._small[number] = self._small.get(number, 0) + 1
            if self._small[number] >= CROWD:
                self._crowded.add(number)

    def _put_chunk(self, number: int, rank: int, piece: Series) -> None:
        times = piece.observed_at_ms
        self._connection.execute(
            "INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?, ?)",
            (number, rank, int(times[0]), int(times[-1]), len(times), pack_chunk(piece)),
        )

    def _forget_old_sequences(self) -> None:
        newest = self._connection.execute("SELECT source, epoch, max(sequence) FROM seen GROUP BY source, epoch")
        self._connection.executemany(
            "DELETE FROM seen WHERE source = ? AND epoch = ? AND sequence < ?",
            [(source, epoch, sequence - KEPT_SEQUENCES) for source, epoch, sequence in newest.fetchall()],
        )

    def _merge_crowded(self, budget_s: float) -> None:
        deadline = time.perf_counter() + budget_s / 2
        with immediate(self._connection):
            while self._crowded and time.perf_counter() < deadline:
                number = self._crowded.pop()
                self._small[number] = self._merge(number)

    def _merge(self, number: int) -> int:
        """Merges runs of small chunks that lie side by side; how many small ones now stand at the end.

        Only neighbours: what lies between them in time of writing must stay between, since the first written wins.
        """
        places = self._connection.execute(
            "SELECT rank, readings FROM chunk WHERE datastream = ? ORDER BY rank", (number,)
        ).fetchall()
        trailing = 0
        for ranks, readings in _runs(places):
            merged = len(ranks) >= CROWD or readings >= SMALL_READINGS
            if merged and len(ranks) > 1:
                self._merge_run(number, ranks)
            trailing = 0 if merged and readings >= SMALL_READINGS else 1 if merged else len(ranks)
        return trailing

    def _merge_run(self, number: int, ranks: list[int]) -> None:
        found = self._connection.execute(
            "SELECT rank, packed FROM chunk WHERE datastream = ? AND rank BETWEEN ? AND ? ORDER BY rank",
            (number, ranks[0], ranks[-1]),
        ).fetchall()
        pieces = []
        for rank, packed in found:
            try:
                pieces.append(unpack_chunk(packed))
            except Damaged as error:
                put_chunk_aside(self._connection, number, rank, str(error))
        if not pieces:
            return
        merged = arrays.merge(pieces)
        self._connection.execute(
            "DELETE FROM chunk WHERE datastream = ? AND rank BETWEEN ? AND ?", (number, ranks[0], ranks[-1])
        )
        self._put_chunk(number, ranks[0], merged)


def _runs(places: list[tuple[int, int]]) -> Iterator[tuple[list[int], int]]:
    """Runs of neighbouring chunks to look at as one: (ranks, readings). A chunk that is large enough stands alone."""
    ranks: list[int] = []
    total = 0
    for rank, readings in places:
        if ranks and (readings >= SMALL_READINGS or total + readings > MERGED_READINGS or total >= SMALL_READINGS):
            yield ranks, total
            ranks, total = [], 0
        ranks.append(rank)
        total += readings
    if ranks:
        yield ranks, total
