"""What one transaction of an outbox writes: batches that are sealed for good, and what is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeVar

import msgspec

from tonnam_link.errors import TooLarge
from tonnam_link.messages import Event, Forwarded, Outcome, Sample
from tonnam_link.outbox import forwards, spans
from tonnam_link.outbox.damage import check
from tonnam_link.outbox.gaps import Cause, Gap, join
from tonnam_link.outbox.spans import Span
from tonnam_link.outbox.state import State
from tonnam_link.quality import Quality
from tonnam_link.wire import codec
from tonnam_link.wire.aggregates import MINUTE_MS
from tonnam_link.wire.codec import AggregateRow, Dictionary, Kind, Row
from tonnam_link.wire.envelope import intact, open_envelope, seal

WORDS_A_BATCH = 1_000
READINGS_A_BATCH = 16_384

W = TypeVar("W", Event, Outcome)


class Rank(IntEnum):
    """What may become of a batch when the outbox is full. The numbers are in its file."""

    KEPT = 0
    THINNED = 1
    DROPPED = 2


class Sealed(NamedTuple):
    """A batch that will never change. `dictionary` is the hash of the one that it uses or is.

    `readings` counts what its aggregates were made of, too. Of a batch of another node that is passed on, `inner` is
    the kind and `dictionary` the one of that batch; how many readings are in it nobody has counted.
    """

    sequence: int
    kind: Kind
    dictionary: str | None
    readings: int
    size: int
    inner: Kind | None = None


class Sealing:
    """The writes of one transaction. The outbox takes over `state` and `sealed` after its commit."""

    def __init__(self, db: sqlite3.Connection, state: State, dictionary: Callable[[str], Dictionary | None]) -> None:
        self.db = db
        self.state = state
        self.dictionary = dictionary
        self.sealed: list[Sealed] = []

    def forget(self, sequences: Iterable[int]) -> None:
        """Forget batches. Those that are not here make no difference."""
        for sequence in sequences:
            row = self.db.execute("SELECT readings, size FROM batch WHERE sequence = ?", (sequence,)).fetchone()
            if row is not None:
                self.db.execute("DELETE FROM batch WHERE sequence = ?", (sequence,))
                self.state.batches -= 1
                self.state.readings -= row[0]
                self.state.size -= row[1]

    def rows(self, dictionary: Dictionary, rows: Sequence[Row], rank: Rank = Rank.THINNED) -> None:
        """Seal readings, in as many batches as they need. Raises ValueError."""
        for chunk in _chunks(rows, READINGS_A_BATCH):
            self._rows(dictionary, chunk, rank)

    def events(self, events: Iterable[Event]) -> None:
        """Seal events, in as many batches as they need. Raises ValueError."""
        for part in _parts(events):
            payload = codec.encode_events(self.state.origin, self.state.epoch, self.state.next, part)
            self._insert(Kind.EVENTS, payload, times=_times(part))

    def outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Seal outcomes, in as many batches as they need. Raises ValueError."""
        for part in _parts(outcomes):
            payload = codec.encode_outcomes(self.state.origin, self.state.epoch, self.state.next, part)
            self._insert(Kind.OUTCOMES, payload, times=_times(part))

    def definition(self, dictionary: Dictionary) -> None:
        """Seal a dictionary."""
        payload = codec.encode_dictionary(self.state.origin, self.state.epoch, self.state.next, dictionary)
        self._insert(Kind.DICTIONARY, payload, dictionary=dictionary.hash)

    def encode_aggregates(
        self, dictionary: Dictionary, rows: Sequence[AggregateRow], ahead: int = 0
    ) -> list[tuple[bytes, Sequence[AggregateRow]]]:
        """The batches that these aggregates would be if they were sealed next, after `ahead` others."""
        state = self.state
        if not rows:
            return []
        try:
            payload = codec.encode_aggregates(state.origin, state.epoch, state.next + ahead, dictionary, rows)
        except TooLarge:
            middle = len(rows) // 2
            before = self.encode_aggregates(dictionary, rows[:middle], ahead)
            return before + self.encode_aggregates(dictionary, rows[middle:], ahead + len(before))
        return [(payload, rows)]

    def aggregates(
        self, dictionary: Dictionary, batches: Iterable[tuple[bytes, Sequence[AggregateRow]]], since_ms: int
    ) -> None:
        """Seal what `encode_aggregates` made, of readings that are here since `since_ms`."""
        for payload, rows in batches:
            minutes = [row.minute_ms for row in rows]
            times = (min(minutes), max(minutes) + MINUTE_MS - 1)
            self._insert(
                Kind.AGGREGATES, payload, dictionary=dictionary.hash, rank=Rank.DROPPED,
                readings=sum(row.count for row in rows), times=times, since_ms=since_ms,
            )  # fmt: skip

    def rank(self, sequences: Iterable[int], rank: Rank) -> None:
        """Say that something else may become of batches."""
        self.db.executemany("UPDATE batch SET rank = ? WHERE sequence = ?", [(rank, number) for number in sequences])

    def forward(self, item: Forwarded) -> Sealed:
        """Seal a batch of another node, or find the one that has it in it. Raises TooLarge."""
        sequence = forwards.held(self.db, item)
        if sequence is not None:
            return self.found(sequence)
        inner = forwards.inner_of(item.payload)
        whole = intact(item.payload, item.origin)
        if inner.kind is Kind.DICTIONARY and inner.dictionary is not None and whole:
            forwards.keep_dictionary(self.db, item, inner.dictionary)
        payload = codec.encode_forward(self.state.origin, self.state.epoch, self.state.next, item)
        readings = inner.kind in {Kind.READINGS, Kind.AGGREGATES}
        return self._insert(
            Kind.FORWARD, payload, dictionary=inner.dictionary, rank=Rank.DROPPED if readings else Rank.KEPT,
            inner=inner.kind, fingerprint=forwards.fingerprint(item),
        )  # fmt: skip

    def adopt(self, payload: bytes, readings: int) -> None:
        """Seal what is in a batch of an older file of this outbox as a new one. Raises TooLarge, Rejected."""
        envelope, state = open_envelope(payload), self.state
        if envelope.kind == Kind.FORWARD:
            self.forward(forwards.unwrap(payload))
            return
        times = forwards.times_of(payload)
        renamed = msgspec.structs.replace(envelope, epoch=state.epoch, sequence=state.next)
        ranks = {Kind.READINGS: Rank.THINNED, Kind.AGGREGATES: Rank.DROPPED}
        kind = Kind(envelope.kind)
        self._insert(
            kind, seal(state.origin, renamed, codec.MAX_BATCH_BYTES), rank=ranks.get(kind, Rank.KEPT),
            dictionary=None if envelope.dictionary is None else envelope.dictionary.hex(),
            readings=readings, times=times or (None, None),
        )  # fmt: skip
        if times is not None and kind is Kind.READINGS:
            state.spans = spans.add(state.spans, times)

    def register(self, dictionary: Dictionary) -> None:
        """Keep a dictionary."""
        self.db.execute("INSERT OR IGNORE INTO dictionary VALUES (?, ?)", (dictionary.hash, dictionary.body))

    def found(self, sequence: int) -> Sealed:
        """A batch that is here already."""
        query = "SELECT sequence, kind, dictionary, readings, size, inner FROM batch WHERE sequence = ?"
        return sealed_of(self.db.execute(query, (sequence,)).fetchone())

    def gap(self, gap: Gap) -> None:
        """Note that readings are thinned or gone. It is told, as one event with others of its kind, by `gaps`."""
        self.state.gaps = join(self.state.gaps, gap)

    def gaps(self, at_ms: int | None, causes: Collection[Cause]) -> None:
        """Tell the gaps of these causes that were noted: seal them as events of that time, or of their own last.

        One of which nobody knows when it began may last until then.
        """
        events = []
        for gap in self.state.gaps:
            if gap.cause in causes:
                last_ms = max(gap.to_ms, at_ms or 0) if gap.from_ms is None else gap.to_ms
                told = msgspec.structs.replace(gap, to_ms=last_ms)
                events.append(told.event(told.to_ms if at_ms is None else at_ms))
        self.events(events)
        self.state.gaps = tuple(gap for gap in self.state.gaps if gap.cause not in causes)

    def _rows(self, dictionary: Dictionary, rows: Sequence[Row], rank: Rank) -> None:
        state = self.state
        try:
            payload = codec.encode_readings(state.origin, state.epoch, state.next, dictionary, rows)
        except TooLarge:
            for half in _halves(rows):
                self._rows(dictionary, half, rank)
            return
        readings = sum(len(row.samples) for row in rows)
        times = (min(row.observed_at_ms for row in rows), max(row.observed_at_ms for row in rows))
        self._insert(Kind.READINGS, payload, dictionary=dictionary.hash, rank=rank, readings=readings, times=times)
        state.spans = spans.add(state.spans, times)

    def _insert(
        self,
        kind: Kind,
        payload: bytes,
        *,
        dictionary: str | None = None,
        readings: int = 0,
        rank: Rank = Rank.KEPT,
        since_ms: int | None = None,
        times: Span | tuple[None, None] = (None, None),
        inner: Kind | None = None,
        fingerprint: int | None = None,
    ) -> Sealed:
        state = self.state
        sealed = Sealed(state.next, kind, dictionary, readings, len(payload), inner)
        since_ms = state.ran_ms if since_ms is None else since_ms
        self.db.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*sealed, rank, since_ms, *times, fingerprint, check(sealed.sequence, kind, readings, *times), payload),
        )
        self.sealed.append(sealed)
        state.next += 1
        state.batches += 1
        state.readings += readings
        state.size += len(payload)
        return sealed


def sealed_of(row: Sequence[int | str | None]) -> Sealed:
    """A batch as the table has it."""
    sequence, kind, dictionary, readings, size, inner = msgspec.convert(
        row, tuple[int, int, str | None, int, int, int | None]
    )
    return Sealed(sequence, Kind(kind), dictionary, readings, size, None if inner is None else Kind(inner))


def pack_samples(samples: Sequence[tuple[int, Sample]]) -> bytes:
    """The samples of one frame, for the disk."""
    return msgspec.msgpack.encode([(number, *sample) for number, sample in samples])


def unpack_samples(packed: bytes) -> list[tuple[int, Sample]]:
    """The samples of one frame, back from the disk."""
    cells = msgspec.msgpack.decode(packed, type=list[tuple[int, float | None, Quality, float | None]])
    return [(number, Sample(value, quality, raw)) for number, value, quality, raw in cells]


def check_word(word: Event | Outcome) -> int:
    """How many bytes it takes, about. Raises TooLarge, ValueError when it can never be sent."""
    codec.check_time(word.at_ms)
    length = len(msgspec.json.encode(word))
    if length > codec.MAX_EVENT_BYTES:
        name = f"event {word.kind}" if isinstance(word, Event) else f"the outcome of {word.command_id[:40]}"
        raise TooLarge(f"{name} has {length} bytes, at most {codec.MAX_EVENT_BYTES} are allowed")
    return length


def _chunks(rows: Sequence[Row], readings: int) -> Iterator[Sequence[Row]]:
    """The rows in parts of so many readings, or one row."""
    begin, size = 0, 0
    for at, row in enumerate(rows):
        if at > begin and (size + len(row.samples) > readings or at - begin == codec.MAX_FRAMES):
            yield rows[begin:at]
            begin, size = at, 0
        size += len(row.samples)
    if begin < len(rows):
        yield rows[begin:]


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    if len(rows) > 1:
        middle = len(rows) // 2
        return rows[:middle], rows[middle:]
    at, samples = rows[0]
    middle = len(samples) // 2
    return [Row(at, samples[:middle])], [Row(at, samples[middle:])]


def _parts(words: Iterable[W]) -> Iterator[list[W]]:
    """Events or outcomes in parts that fit into a batch each."""
    part: list[W] = []
    size = 0
    for word in words:
        length = check_word(word)
        if part and (size + length > codec.MAX_EVENT_BYTES or len(part) == WORDS_A_BATCH):
            yield part
            part, size = [], 0
        part.append(word)
        size += length
    if part:
        yield part


def _times(words: Sequence[Event | Outcome]) -> Span:
    times = [word.at_ms for word in words]
    return min(times), max(times)
