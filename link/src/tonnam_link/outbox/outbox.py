"""Readings, events and outcomes on disk that the next tier has not yet confirmed.

SQLite in WAL mode with `synchronous=FULL`: what `accept` was given is on the disk when it returns. Blocking; to be
used by one thread at a time and one process at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.machine import ms_since_boot
from tonnam_link.messages import DatastreamSpec, Event, Forwarded, Frame, Outcome
from tonnam_link.outbox import forwards
from tonnam_link.outbox.book import Book
from tonnam_link.outbox.damage import Damaged
from tonnam_link.outbox.keeper import Keeper
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.sealing import Rank, Sealed, sealed_of
from tonnam_link.outbox.shelf import Backlog, Shelf
from tonnam_link.outbox.spans import Span
from tonnam_link.outbox.state import Boot
from tonnam_link.outbox.waiting import times_of_all
from tonnam_link.topics import Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Kind, Row

__all__ = ["Backlog", "Limits", "Outbox", "Sealed"]

RELEASES_AT_ONCE = 64


class Past(NamedTuple):
    """What an outbox knows of the time: the last offset of a boot, the times of all its readings, and since when
    some of that boot wait for theirs.
    """

    offset_ms: int | None
    taken: tuple[Span, ...]
    first_mono_ms: int | None


class Outbox:
    """The outbox of `origin` in the file `path`, or without one in memory.

    Raises OutboxUnavailable, OutboxInUse, OutboxOfAnother. A file that is damaged is renamed, `set_aside` says to
    what, and a new one with a new epoch is begun; if that is found later, the call that found it raises
    OutboxUnavailable, and can be made again. `mono_ms` is a clock that never steps.
    """

    def __init__(
        self,
        path: Path | None,
        origin: Origin,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        *,
        mono_ms: Callable[[], int] = ms_since_boot,
    ) -> None:
        self.path = path
        self.origin = origin
        self.limits = limits
        self._shelf = Shelf(path, origin, mono_ms)
        self._keeper = Keeper(self._shelf, limits)

    @property
    def epoch(self) -> int:
        """What its batches have in common. A new file, after damage, has another one."""
        return self._shelf.epoch

    @property
    def set_aside(self) -> Path | None:
        """What the last file that was damaged is called now; None if none was."""
        return self._shelf.set_aside

    @property
    def put_back(self) -> int:
        """How often its files were deleted while they were open, and were written again. Nothing is lost then."""
        return self._shelf.put_back

    @property
    def dictionary(self) -> Dictionary | None:
        """What frames may name, as `register` was told."""
        return self._shelf.dictionary

    def register(self, specs: Sequence[DatastreamSpec]) -> Dictionary:
        """Say which datastreams frames from now on may name. What is pending keeps the dictionary it came with."""
        dictionary = Dictionary(specs)
        with self._shelf.using("written") as book:
            book.register(dictionary)
        self._shelf.dictionary = dictionary
        return dictionary

    def begin(self, boot: str) -> list[Sealed]:
        """Say which boot of the machine is going on. What waits of others for their time will never have it told.

        It is sealed, once, at what those boots believed: readings as `clock_suspect`, and no two boots at the same
        times. The batches made at once are returned; of many readings the rest follows with `seal` and `tend`.
        """
        self._shelf.boot = Boot(boot)
        with self._shelf.writing() as (sealing, waiting):
            self._shelf.boot = sealing.state.boot(boot)
            waiting.settle()
            waiting.seal_ended()
        return sealing.sealed

    def learn(self, boot: str, utc_minus_mono_ms: int) -> list[Sealed]:
        """Say what UTC minus time since boot is. The first word for a boot counts; of one that has ended none does.

        Events and outcomes that waited for it are sealed and returned; readings can then be sealed. Raises ValueError
        when it would put them outside of what batches can carry.
        """
        with self._shelf.writing() as (sealing, waiting):
            known = sealing.state.boot(boot)
            if known.learned_ms is None and (known.suspect_ms is None or boot == self._shelf.current):
                waiting.learn(boot, utc_minus_mono_ms)
                waiting.settle()
        if boot == self._shelf.current:
            self._shelf.boot = sealing.state.boot(boot)
        return sealing.sealed

    def offset_of(self, boot: str) -> int | None:
        """What UTC minus time since boot was first said to be, or None."""
        with self._shelf.using("read") as book:
            return book.state.boot(boot).learned_ms

    def follow(self, boot: str, utc_minus_mono_ms: int) -> None:
        """Say what the offset of a boot that was learned has become, for a later process of the same boot."""
        with self._shelf.writing() as (sealing, waiting):
            known = sealing.state.boot(boot)
            if known.learned_ms is not None:
                known = msgspec.structs.replace(known, runs_ms=utc_minus_mono_ms)
                sealing.state.remember(known, waiting.counts.boots)
        if boot == self._shelf.current:
            self._shelf.boot = known

    def offset_now(self, boot: str) -> int | None:
        """What `learn` and then `follow` said last of a boot, or None."""
        return self.past(boot).offset_ms

    def past(self, boot: str) -> Past:
        """What a clock that begins in that boot has to go on from."""
        with self._shelf.using("read") as book:
            known, db = book.state.boot(boot), book.db
            first_mono_ms = None
            if known.learned_ms is None:
                (first_mono_ms,) = db.execute("SELECT min(mono_ms) FROM untimed WHERE boot = ?", (boot,)).fetchone()
            offset_ms = known.learned_ms if known.runs_ms is None else known.runs_ms
            return Past(offset_ms, times_of_all(db, book.state, book.counts, boot), first_mono_ms)

    @property
    def passes(self) -> int:
        """How often it was found to be beyond its limits, and began to thin and drop."""
        return self._keeper.passes

    def accept(
        self, frames: Sequence[Frame] = (), events: Sequence[Event] = (), outcomes: Sequence[Outcome] = ()
    ) -> list[Sealed]:
        """Commit all of it in one transaction: from the return on, it is ours to deliver.

        Events and outcomes are sealed by it; these batches are returned. Frames wait for `seal`; one without samples
        is nothing. What has a stamp waits until the time of its boot is known. Raises ValueError when a frame cannot
        be sent (unknown datastream, impossible time), TooLarge when an event cannot; then, and when OutboxUnavailable
        is raised, nothing was accepted.

        Times are kept as they are given, so the same call made again (because it was cancelled, or because the
        process was killed before it knew) changes nothing in the end: a reading is (datastream, observed_at).
        """
        rows = [(self._row(frame), frame.stamp) for frame in frames if frame.samples]
        self._keeper.make_room(readings=bool(rows), words=bool(events))
        with self._shelf.writing() as (sealing, waiting):
            for row, stamp in rows:
                waiting.keep(self._registered(), row, stamp)
            waiting.words([*events, *outcomes])
        final = [(frame.observed_at_ms, frame.stamp) for frame in frames]
        final += [(event.at_ms, event.stamp) for event in events]
        self._keeper.latest_ms = max((at for at, stamp in final if stamp is None), default=self._keeper.latest_ms)
        return sealing.sealed

    def accept_forwarded(self, items: Sequence[Forwarded]) -> list[Sealed]:
        """Commit sealed batches of other nodes: from the return on, they are in our custody.

        One batch is returned for each item, in order. An item that is here already is kept once: the same batch is
        returned again. Raises TooLarge, OutboxUnavailable; nothing was accepted then.
        """
        kinds = {forwards.inner_of(item.payload).kind for item in items}
        self._keeper.make_room(readings=bool(kinds & {Kind.READINGS, Kind.AGGREGATES}), words=True)
        with self._shelf.writing() as (sealing, _):
            return [sealing.forward(item) for item in items]

    def knows_dictionary(self, origin: Origin, name: str) -> bool:
        """Whether a dictionary of that hash of that node has passed here, so that we can tell it when asked."""
        with self._shelf.using("read") as book:
            return forwards.dictionary(book.db, name, origin) is not None

    @property
    def waiting(self) -> int:
        """How many readings `seal` would seal just now, but for those that wait for `begin` or `learn`."""
        book = self._shelf.book
        return 0 if book is None else book.sealable(self._shelf.current)

    @property
    def fresh(self) -> bool:
        """Whether `seal` would seal frames whose time was known when they were accepted; else those that waited."""
        book = self._shelf.book
        return book is not None and book.counts.pending > 0

    def seal(self, at_least: int = 0) -> list[Sealed]:
        """Turn all frames that wait and have a time into batches, and return those; none when they are fewer than so
        many readings. Also forgets released batches on the disk.
        """
        book = self._shelf.book
        due = self.waiting >= max(1, at_least) or (book is not None and book.counts.held > 0)
        if not (due or self._shelf.released):
            return []
        with self._shelf.writing() as (sealing, waiting):
            if due:
                waiting.seal()
        return sealing.sealed

    def tend(self) -> bool:
        """Keep house for about a quarter of a second: thin and drop what is beyond the limits, shorten the file.

        True when there is more to do. Some of it is done by every `accept`; to call this between them, again and
        again while it says True, keeps those short.
        """
        return self._keeper.tend()

    @property
    def used_bytes(self) -> int:
        """How much of the file something is on: what the limit is for."""
        return self._keeper.used()

    def seal_history(self, frames: Iterable[Frame], events: Iterable[Event], readings_a_batch: int) -> int:
        """Seal frames in order of time, and events: all in one transaction. Returns the number of readings."""
        readings = 0
        with self._shelf.writing() as (sealing, waiting):
            waiting.seal()
            for chunk in self._chunks(frames, readings_a_batch):
                sealing.rows(self._registered(), chunk)
                readings += sum(len(row.samples) for row in chunk)
            sealing.events(events)
        return readings

    def seal_dictionary(self, name: str) -> Sealed | None:
        """A batch with the dictionary of that hash, or None when it was never registered and has not passed here.

        Of another node's it is that node's own batch, passed on once more.
        """
        with self._shelf.using("read") as book:
            dictionary = book.dictionary(name)
            foreign = forwards.dictionary(book.db, name) if dictionary is None else None
        if dictionary is None and foreign is None:
            return None
        with self._shelf.writing() as (sealing, _):
            if dictionary is not None:
                sealing.definition(dictionary)
                return sealing.sealed[0]
            return None if foreign is None else sealing.forward(foreign)

    def payload(self, sequence: int) -> bytes | None:
        """The bytes of a batch, or None when it is no longer here."""
        if sequence in self._shelf.released:
            return None
        with self._shelf.using("read") as book:
            row = book.db.execute("SELECT payload FROM batch WHERE sequence = ?", (sequence,)).fetchone()
            if row is None:
                return None
            payload = bytes(row[0])
            if not codec.intact(payload, self.origin) or codec.identify(payload) != (self.epoch, sequence):
                raise Damaged(f"batch {sequence} is not what was sealed")
            return payload

    def oldest(self, but: Collection[int] = ()) -> Sealed | None:
        """The batch that should go next as backlog: events and outcomes before readings, then the oldest first."""
        skipped = {*but, *self._shelf.released}
        with self._shelf.using("read") as book:
            kept, *others = (self._first(book, rank, skipped) for rank in Rank)
            found = kept or min((other for other in others if other is not None), default=None)
            if found is None and book.state.batches > len(skipped):
                raise Damaged("there are batches that cannot be found")
        return found

    def _first(self, book: Book, rank: Rank, skipped: Collection[int]) -> Sealed | None:
        query = "SELECT sequence, kind, dictionary, readings, size, inner FROM batch WHERE rank = ? ORDER BY sequence"
        rows = book.db.execute(query, (rank,))
        return next((sealed_of(row) for row in rows if row[0] not in skipped), None)

    def release(self, sequences: Iterable[int]) -> None:
        """Forget batches that the next tier has on its own disk.

        The disk is told with the next transaction: a kill before that only makes them be sent once more.
        """
        query = "SELECT sequence, kind, dictionary, readings, size, inner FROM batch WHERE sequence = ?"
        with self._shelf.using("read") as book:
            for sequence in set(sequences) - self._shelf.released.keys():
                row = book.db.execute(query, (sequence,)).fetchone()
                if row is not None:
                    self._shelf.released[sequence] = sealed_of(row)
        self._shelf.recount()
        if len(self._shelf.released) >= RELEASES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Forget released batches on the disk, too."""
        if self._shelf.released:
            with self._shelf.writing():
                pass

    @property
    def backlog(self) -> Backlog:
        """What is unconfirmed just now; cheap, and readable from any thread."""
        return self._shelf.backlog

    def close(self) -> None:
        """Commit what `release` was told and close the file."""
        try:
            with contextlib.suppress(OutboxUnavailable):
                self.flush()
        finally:
            self._keeper.close()
            self._shelf.close()

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._shelf.book is not None
        return self._shelf.book.db

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
        if frame.stamp is None:
            codec.check_time(frame.observed_at_ms)
        unknown = frame.samples.keys() - numbers.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: not registered in this outbox")
        return Row(
            frame.observed_at_ms, [(numbers[name], codec.clean(sample)) for name, sample in frame.samples.items()]
        )
