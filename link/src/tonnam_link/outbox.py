"""Readings, events and outcomes on disk that the next tier has not yet confirmed.

SQLite in WAL mode with `synchronous=FULL`: what `accept` was given is on the disk when it returns. Blocking; to be
used by one thread at a time and one process at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tonnam_link import codec, outbox_file
from tonnam_link.codec import Dictionary, Kind, Row
from tonnam_link.errors import LinkError, OutboxUnavailable, Rejected
from tonnam_link.messages import DatastreamSpec, Event, Frame, Outcome
from tonnam_link.sealing import Sealed, Sealing, unpack_samples
from tonnam_link.topics import Origin

__all__ = ["Backlog", "Outbox", "Sealed"]

RELEASES_AT_ONCE = 64


@dataclass(frozen=True)
class Backlog:
    """What the next tier has not confirmed. `readings` counts those too that are accepted but not yet sealed."""

    batches: int = 0
    readings: int = 0
    bytes: int = 0

    @property
    def empty(self) -> bool:
        return not (self.batches or self.readings)


class Outbox:
    """The outbox in the file `path`. Raises OutboxUnavailable, OutboxInUse.

    A file that is damaged is renamed, `set_aside` says to what, and a new one with a new epoch is begun.
    """

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path = path
        self.origin = origin
        self.set_aside: Path | None = None
        self.dictionary: Dictionary | None = None
        self._released: set[int] = set()
        self._lock = outbox_file.lock(path)
        try:
            self._open()
        except sqlite3.Error as error:
            self._lock.close()
            raise OutboxUnavailable(f"the outbox {path} cannot be opened: {error}") from error
        except LinkError:
            self._lock.close()
            raise

    def register(self, specs: Sequence[DatastreamSpec]) -> Dictionary:
        """Say which datastreams frames from now on may name. What is pending keeps the dictionary it came with."""
        dictionary = Dictionary(specs)
        if dictionary.hash not in self._dictionaries:
            with self._transaction() as db:
                db.execute("INSERT INTO dictionary VALUES (?, ?)", (dictionary.hash, dictionary.body))
            self._dictionaries[dictionary.hash] = dictionary
        self.dictionary = dictionary
        return dictionary

    def accept(
        self, frames: Sequence[Frame] = (), events: Sequence[Event] = (), outcomes: Sequence[Outcome] = ()
    ) -> list[Sealed]:
        """Commit all of it in one transaction: from the return on, it is ours to deliver.

        Events and outcomes are sealed by it; these batches are returned. Frames wait for `seal`; one without samples
        is nothing. Raises ValueError when a frame cannot be sent (unknown datastream, impossible time), TooLarge
        when an event cannot; then, and when OutboxUnavailable is raised, nothing was accepted.

        Times are kept as they are given, so the same call made again (because it was cancelled, or because the
        process was killed before it knew) changes nothing in the end: a reading is (datastream, observed_at).
        """
        rows = [self._row(frame) for frame in frames if frame.samples]
        with self._sealing() as sealing:
            for row in rows:
                sealing.keep(self._registered(), row)
            sealing.events(events)
            sealing.outcomes(outcomes)
        return sealing.sealed

    def seal(self) -> list[Sealed]:
        """Turn all frames that wait into batches, and return those. Also forgets released batches on the disk."""
        if not (self._waiting or self._released):
            return []
        with self._sealing() as sealing:
            if self._waiting:
                sealing.pending()
        return sealing.sealed

    def seal_history(self, frames: Iterable[Frame], events: Iterable[Event], readings_a_batch: int) -> int:
        """Seal frames in order of time, and events: all in one transaction. Returns the number of readings."""
        before = self._backlog.readings
        with self._sealing() as sealing:
            sealing.pending()
            for chunk in self._chunks(frames, readings_a_batch):
                sealing.history(self._registered(), chunk)
            sealing.events(events)
        return self._backlog.readings - before

    def seal_dictionary(self, name: str) -> Sealed | None:
        """A batch of kind dictionary, or None when no dictionary of that hash was ever registered here."""
        dictionary = self._dictionaries.get(name)
        if dictionary is None:
            return None
        with self._sealing() as sealing:
            sealing.definition(dictionary)
        return sealing.sealed[0]

    def payload(self, sequence: int) -> bytes | None:
        """The bytes of a batch, or None when it is no longer here."""
        if sequence in self._released:
            return None
        with self._reading() as db:
            row = db.execute("SELECT payload FROM batch WHERE sequence = ?", (sequence,)).fetchone()
        return None if row is None else bytes(row[0])

    def oldest(self, but: Collection[int] = ()) -> Sealed | None:
        """The batch that should go next as backlog: events and outcomes before readings, then the oldest first."""
        skipped = [*but, *self._released]
        marks = ",".join("?" * len(skipped))
        query = f"SELECT sequence, kind, dictionary, readings, size FROM batch WHERE sequence NOT IN ({marks})"
        with self._reading() as db:
            row = db.execute(f"{query} ORDER BY kind = 0, sequence LIMIT 1", skipped).fetchone()
        return None if row is None else Sealed(row[0], Kind(row[1]), *row[2:])

    def release(self, sequences: Iterable[int]) -> None:
        """Forget batches that the next tier has on its own disk.

        The disk is told with the next transaction: a kill before that only makes them be sent once more.
        """
        with self._reading() as db:
            for sequence in set(sequences) - self._released:
                row = db.execute("SELECT readings, size FROM batch WHERE sequence = ?", (sequence,)).fetchone()
                if row is not None:
                    self._released.add(sequence)
                    self._count(-1, -row[0], -row[1])
        if len(self._released) >= RELEASES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Forget released batches on the disk, too."""
        if self._released:
            with self._sealing():
                pass

    @property
    def backlog(self) -> Backlog:
        """What is unconfirmed just now; cheap, and readable from any thread."""
        return self._backlog

    def close(self) -> None:
        """Commit what `release` was told and close the file."""
        try:
            with contextlib.suppress(OutboxUnavailable):
                self.flush()
            self._db.close()
        finally:
            self._lock.close()

    def _open(self) -> None:
        try:
            self._db = outbox_file.open_file(self.path)
            self._load()
        except sqlite3.OperationalError:
            raise  # the disk, not the file
        except (sqlite3.DatabaseError, LookupError, ValueError, Rejected):
            self.set_aside = outbox_file.move_aside(self.path)
            self._db = outbox_file.open_file(self.path)
            self._load()

    def _load(self) -> None:
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        self.epoch: int = meta["epoch"]
        self._next: int = meta["next_sequence"]
        bodies = self._db.execute("SELECT hash, body FROM dictionary").fetchall()
        self._dictionaries = {name: codec.parse_dictionary(body) for name, body in bodies}
        self._waiting = 0
        for name, samples in self._db.execute("SELECT dictionary, samples FROM pending"):
            specs = self._dictionaries[name].specs  # what is not there has been damaged: LookupError
            self._waiting += len([specs[number] for number, _ in unpack_samples(samples)])
        counts = "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(size), 0) FROM batch"
        batches, readings, size = self._db.execute(counts).fetchone()
        self._backlog = Backlog(batches, readings + self._waiting, size)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise OutboxUnavailable(f"the outbox {self.path} cannot be read: {error}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise OutboxUnavailable(f"the outbox {self.path} cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _sealing(self) -> Iterator[Sealing]:
        """A transaction; what it changes in memory is changed only after its commit."""
        with self._transaction() as db:
            sealing = Sealing(db, self.origin, self.epoch, self._next, self._dictionaries)
            db.executemany("DELETE FROM batch WHERE sequence = ?", [(sequence,) for sequence in self._released])
            yield sealing
            if sealing.sealed:
                db.execute("UPDATE meta SET value = ? WHERE key = 'next_sequence'", (sealing.next,))
        self._released.clear()
        self._next = sealing.next
        self._waiting = 0 if sealing.emptied else self._waiting + sealing.kept_readings
        self._count(len(sealing.sealed), sealing.new_readings, sum(batch.size for batch in sealing.sealed))

    def _count(self, batches: int, readings: int, size: int) -> None:
        now = self._backlog
        self._backlog = replace(
            now, batches=now.batches + batches, readings=now.readings + readings, bytes=now.bytes + size
        )

    def _registered(self) -> Dictionary:
        if self.dictionary is None:
            raise ValueError("no datastreams are registered in this outbox")
        return self.dictionary

    def _chunks(self, frames: Iterable[Frame], readings_a_batch: int) -> Iterator[list[Row]]:
        chunk: list[Row] = []
        size = 0
        for frame in frames:
            if frame.samples:
                chunk.append(self._row(frame))
                size += len(frame.samples)
            if size >= readings_a_batch or len(chunk) == codec.MAX_FRAMES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _row(self, frame: Frame) -> Row:
        """The frame as numbers of the dictionary. Raises ValueError."""
        numbers = self._registered().numbers
        codec.check_time(frame.observed_at_ms)
        unknown = frame.samples.keys() - numbers.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: not registered in this outbox")
        return Row(
            frame.observed_at_ms, [(numbers[name], codec.clean(sample)) for name, sample in frame.samples.items()]
        )
