"""The store that needs no server: one SQLite file, `readings.db`, with one writer and any number of readers.

A batch is appended to a log as one blob, in a transaction that is on disk when `append` returns (WAL,
`synchronous=FULL`). `maintain` packs the log into compressed chunks by datastream, in short slices (compaction.py).
`latest` is kept in memory by the writer; a reader takes it from a table that compaction keeps, and from the log.
Aggregates go the same way, as datastreams beside the one they are of (lanes.py).

A reader in another process: `EmbeddedReader(directory)`. The writer, which also reads: `EmbeddedStore(directory)`.
"""

from __future__ import annotations

import fcntl
import json
import queue
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO, Literal

from tonnam_cloud.errors import Misconfigured, Transient
from tonnam_cloud.store import arrays, lanes
from tonnam_cloud.store.chunks import Record, by_datastream, make_record, pack_record, unpack_chunk, unpack_record
from tonnam_cloud.store.compaction import Compactor, immediate
from tonnam_cloud.store.damaged import whole
from tonnam_cloud.store.minutes import (
    MINUTE_MS,
    Minutes,
    bucketed,
    filled,
    minute_of,
    next_minute,
    nothing,
    uncovered,
)
from tonnam_cloud.store.newest import SUSPECT, Newest, last_of, note, read_newest
from tonnam_cloud.store.port import AggregateBatch, Buckets, Latest, ReadingBatch, Refused, Series

FILE_NAME = "readings.db"
LOCK_NAME = "readings.lock"
BUSY_TIMEOUT_S = 10
HOUR_MS = 3_600_000
_LOOKS_BACK_MS = (HOUR_MS, 24 * HOUR_MS, 30 * 24 * HOUR_MS, 2**62)


class EmbeddedReader:
    """Reads a store's file, beside its writer. Thread-safe: each call takes a connection of its own from a pool."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        """See Store.series."""
        found = self.series_of([datastream], from_ms, to_ms).get(datastream) or arrays.empty()
        return found if max_points is None else arrays.thin(found, max_points)

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        """See Store.series_of: one pass over the log, however many datastreams."""
        with self._snapshot() as connection:
            found = _read_whole(connection, datastreams, from_ms, to_ms)
        return {name: filled(series, minutes) for name, (series, minutes) in found.items()}

    def buckets(self, datastream: str, from_ms: int, to_ms: int, step_ms: int) -> Buckets:
        """See Store.buckets."""
        found = self.buckets_of([datastream], from_ms, to_ms, step_ms)
        return found.get(datastream) or arrays.bucket(arrays.empty(), step_ms)

    def buckets_of(
        self, datastreams: Collection[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Mapping[str, Buckets]:
        """See Store.buckets_of."""
        with self._snapshot() as connection:
            found = _read_whole(connection, datastreams, from_ms, to_ms)
        return {
            name: buckets
            for name, (series, minutes) in found.items()
            if len(buckets := bucketed(arrays.bucket(arrays.trusted(series), step_ms), minutes, step_ms))
        }

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        """See Store.latest."""
        with self._snapshot() as connection:
            if at_ms is not None:
                return {name: row.public() for name, row in _last_until(connection, datastreams, at_ms).items()}
            newest, names = read_newest(connection), _numbers_by_id(connection)
        found = {name: _newest(newest, names, name) for name in datastreams}
        return {name: row.public() for name, row in found.items() if row is not None}

    def datastreams(self) -> Sequence[str]:
        """See Store.datastreams."""
        with self._snapshot() as connection:
            return sorted({lanes.datastream_of(name) for name in _numbers_by_id(connection)})

    def close(self) -> None:
        """Close what is idle. Not while a call is running."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection in a read transaction: chunks and log as of one instant."""
        with _sorted_errors(self._path):
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = _connect(self._path, "rw")
                connection.execute("PRAGMA query_only=ON")
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.rollback()
                self._idle.put(connection)


class EmbeddedStore(EmbeddedReader):
    """The one writer. A second one on the same directory, in any process, is Misconfigured."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._lock = _lock(directory / LOCK_NAME)
        with _sorted_errors(self._path):
            self._writer = _connect(self._path, "rwc")
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._writer.execute("PRAGMA synchronous=FULL")
            self._writer.executescript(files("tonnam_cloud.store").joinpath("schema.sql").read_text("utf-8"))
            self._numbers = _numbers_by_id(self._writer)
            self._sources: dict[str, int] = dict(self._writer.execute("SELECT id, number FROM source"))
            self._numbered: list[tuple[dict[str, int], str]] = []  # in this transaction: a rollback takes it back
            self._latest = read_newest(self._writer)
            self._compactor = Compactor(self._writer)

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        """See Store.append: one transaction for all of them. It can take everything."""
        taken: list[Record] = []
        with _sorted_errors(self._path):
            try:
                with immediate(self._writer):
                    taken.extend(self._log(batch) for batch in batches if self._is_new(batch) and batch.columns)
            except BaseException:
                for known, name in self._numbered:
                    del known[name]
                raise
            finally:
                self._numbered.clear()
        for record in taken:
            note(self._latest, record)
        self._compactor.logged(len(taken), sum(len(record.observed_at_ms) for record in taken))
        return []

    def append_aggregates(self, batches: Sequence[AggregateBatch]) -> Sequence[Refused]:
        """See Store.append_aggregates."""
        return self.append([lanes.as_readings(batch) for batch in batches])

    def maintain(self, budget_s: float = 0.05) -> bool:
        """See Store.maintain: one slice of compaction."""
        with _sorted_errors(self._path):
            return self._compactor.slice(budget_s)

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        """See Store.latest; from memory, unless the newest reading is younger than `at_ms`."""
        found, older = {}, []
        for name in datastreams:
            newest = _newest(self._latest, self._numbers, name)
            if newest is None:
                continue
            if at_ms is None or newest.observed_at_ms <= at_ms:
                found[name] = newest.public()
            else:
                older.append(name)
        return {**found, **super().latest(older, at_ms)} if older else found

    def close(self) -> None:
        """Close everything and let another writer in."""
        super().close()
        self._writer.close()
        self._lock.close()

    def _is_new(self, batch: ReadingBatch) -> bool:
        """Notes the batch as seen; False when it was before, and is no replay."""
        source = self._number(self._sources, "source", batch.source)
        epoch = batch.epoch - (1 << 64) if batch.epoch >= 1 << 63 else batch.epoch
        cursor = self._writer.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (source, epoch, batch.sequence))
        return cursor.rowcount == 1 or batch.again

    def _log(self, batch: ReadingBatch) -> Record:
        columns = [column for column in batch.columns if len(column.observed_at_ms)]
        numbers = [self._number(self._numbers, "datastream", column.datastream) for column in columns]
        record = make_record(numbers, columns)
        times = record.observed_at_ms
        self._writer.execute(
            "INSERT INTO log (from_ms, to_ms, readings, record) VALUES (?, ?, ?, ?)",
            (int(times.min()), int(times.max()), len(times), pack_record(record)),
        )
        return record

    def _number(self, known: dict[str, int], table: str, name: str) -> int:
        number = known.get(name)
        if number is None:
            number = known[name] = len(known) + 1
            self._numbered.append((known, name))
            self._writer.execute(f"INSERT INTO {table} (number, id) VALUES (?, ?)", (number, name))
        return number


def _newest(known: Mapping[int, Newest], numbers: Mapping[str, int], name: str) -> Newest | None:
    """The newest of a datastream among readings and aggregates; a minute counts from its start."""
    raw, mean = (known.get(numbers.get(each, -1)) for each in (name, name + lanes.MEAN))
    if mean is None:
        return raw
    mean = mean._replace(observed_at_ms=mean.observed_at_ms // MINUTE_MS * MINUTE_MS)
    return mean if raw is None or mean.rank > raw.rank else raw


def _read_whole(
    connection: sqlite3.Connection, datastreams: Collection[str], from_ms: int, to_ms: int
) -> dict[str, tuple[Series, Minutes]]:
    """The readings of a range, and the aggregates of those of its minutes that have no reading."""
    means = _ids(connection, [name + lanes.MEAN for name in datastreams])
    if not means:
        read = _read_many(connection, datastreams, from_ms, to_ms)
        return {name: (series, nothing()) for name, series in read.items()}
    beside = [lanes.datastream_of(mean) + lane for mean in means.values() for lane in lanes.LANES]
    first_ms, last_ms = next_minute(from_ms), next_minute(to_ms)
    read = _read_many(connection, [*datastreams, *beside], from_ms, last_ms)
    found = {}
    for name in datastreams:
        raw = read.get(name, arrays.empty())
        parts = {
            name + lane: arrays.clip(read.get(name + lane, arrays.empty()), first_ms, last_ms) for lane in lanes.LANES
        }
        minutes = uncovered(lanes.minutes_of(name, parts), minute_of(arrays.trusted(raw).observed_at_ms))
        series = arrays.clip(raw, from_ms, to_ms)
        if len(series) or len(minutes):
            found[name] = (series, minutes)
    return found


def _read_many(
    connection: sqlite3.Connection, datastreams: Collection[str], from_ms: int, to_ms: int
) -> dict[str, Series]:
    """The readings of a range, from chunks and then from the log: the order in which they were written."""
    parts: dict[int, list[Series]] = {}
    names = _ids(connection, datastreams)
    if not names:
        return {}
    numbers = json.dumps([*names])
    chunks = connection.execute(
        "SELECT datastream, packed FROM chunk WHERE datastream IN (SELECT value FROM json_each(?)) "
        "AND from_ms < ? AND to_ms >= ? ORDER BY datastream, rank",
        (numbers, to_ms, from_ms),
    )
    for number, packed in chunks:
        parts.setdefault(number, []).extend(whole(unpack_chunk, [packed]))
    records = connection.execute(
        "SELECT record FROM log WHERE from_ms < ? AND to_ms >= ? ORDER BY id", (to_ms, from_ms)
    )
    for number, series in by_datastream([*whole(unpack_record, (blob for (blob,) in records))], [*names]):
        parts.setdefault(number, []).append(series)
    merged = {names[number]: _joined(pieces, from_ms, to_ms) for number, pieces in parts.items() if pieces}
    return {name: series for name, series in merged.items() if len(series)}


def _joined(pieces: list[Series], from_ms: int, to_ms: int) -> Series:
    """Sorted pieces as one, without sorting when there is but one."""
    return arrays.clip(pieces[0], from_ms, to_ms) if len(pieces) == 1 else arrays.merge(pieces, from_ms, to_ms)


def _last_until(connection: sqlite3.Connection, datastreams: Collection[str], at_ms: int) -> dict[str, Newest]:
    """The newest reading at or before an instant, looking no further back than it must."""
    found: dict[str, Newest] = {}
    for back_ms in _LOOKS_BACK_MS:
        missing = [name for name in datastreams if name not in found or found[name].quality == SUSPECT]
        if not missing:
            break
        for name, (series, minutes) in _read_whole(connection, missing, at_ms - back_ms, at_ms + 1).items():
            if newest := last_of(filled(series, minutes)):
                found[name] = newest
    return found


def _ids(connection: sqlite3.Connection, names: Collection[str]) -> dict[int, str]:
    """Those of the names that have readings, by number."""
    asked = "SELECT number, id FROM datastream WHERE id IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(asked, (json.dumps([*names]),)))


def _numbers_by_id(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT id, number FROM datastream"))


def _connect(path: Path, mode: Literal["rw", "rwc"]) -> sqlite3.Connection:
    """A connection that begins no transaction by itself and may go from thread to thread, one at a time."""
    place = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(place, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, uri=True)


def _lock(path: Path) -> IO[str]:
    """Holds the directory, made if need be, for this writer; the system lets go of it when the process ends, however
    it ends. Raises Misconfigured."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a")
    except OSError as error:
        raise Misconfigured(f"TONNAM_DATA: {path}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise Misconfigured(f"{path.parent} is held by another tonnam-cloud: stop that one first") from error
    return handle


@contextmanager
def _sorted_errors(path: Path) -> Iterator[None]:
    """Disk full, locked or gone is Transient; a damaged file needs a person."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Transient(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{path} cannot be read ({error}): put a backup in its place") from error
