"""What one transaction of an outbox writes: frames that wait, and batches that are sealed for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tonnam_link import codec
from tonnam_link.codec import Dictionary, Kind, Row
from tonnam_link.errors import TooLarge
from tonnam_link.messages import Event, Outcome, Sample
from tonnam_link.quality import Quality
from tonnam_link.topics import Origin

EVENTS_A_BATCH = 1_000


class Sealed(NamedTuple):
    """A batch that will never change. `dictionary` is the hash of the one that it uses or is."""

    sequence: int
    kind: Kind
    dictionary: str | None
    readings: int
    size: int


class Sealing:
    """The writes of one transaction. The outbox takes over `next`, `sealed` and the counts after its commit."""

    def __init__(
        self,
        db: sqlite3.Connection,
        origin: Origin,
        epoch: int,
        first: int,
        dictionaries: Mapping[str, Dictionary],
    ) -> None:
        self._db = db
        self._origin = origin
        self._epoch = epoch
        self._dictionaries = dictionaries
        self.next = first
        self.sealed: list[Sealed] = []
        self.kept_readings = 0
        self.new_readings = 0
        self.emptied = False

    def keep(self, dictionary: Dictionary, row: Row) -> None:
        """Keep a frame until the next seal."""
        statement = "INSERT INTO pending (dictionary, observed_at_ms, samples) VALUES (?, ?, ?)"
        self._db.execute(statement, (dictionary.hash, row.observed_at_ms, pack_samples(row.samples)))
        self.kept_readings += len(row.samples)
        self.new_readings += len(row.samples)

    def pending(self) -> None:
        """Seal all frames that wait, each with the dictionary that it came with.

        In order of time, so that frames which do not fit together are parted where they lie apart; of one instant
        in the order in which they were accepted.
        """
        waiting: dict[str, list[Row]] = {}
        in_order = "SELECT dictionary, observed_at_ms, samples FROM pending ORDER BY observed_at_ms, id"
        for name, at, samples in self._db.execute(in_order):
            waiting.setdefault(name, []).append(Row(at, unpack_samples(samples)))
        for name, rows in waiting.items():
            self._rows(self._dictionaries[name], rows)
        self._db.execute("DELETE FROM pending")
        self.emptied = True

    def history(self, dictionary: Dictionary, rows: Sequence[Row]) -> None:
        """Seal frames that never waited."""
        self._rows(dictionary, rows)
        self.new_readings += sum(len(row.samples) for row in rows)

    def events(self, events: Iterable[Event]) -> None:
        """Seal events, in as many batches as they need. Raises TooLarge, ValueError."""
        for part in _parts(events):
            self._insert(Kind.EVENTS, None, 0, codec.encode_events(self._origin, self._epoch, self.next, part))

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Seal outcomes in one batch. Raises TooLarge, ValueError."""
        for outcome in outcomes:
            codec.check_time(outcome.at_ms)
        if outcomes:
            payload = codec.encode_outcomes(self._origin, self._epoch, self.next, outcomes)
            self._insert(Kind.OUTCOMES, None, 0, payload)

    def definition(self, dictionary: Dictionary) -> None:
        """Seal a dictionary."""
        payload = codec.encode_dictionary(self._origin, self._epoch, self.next, dictionary)
        self._insert(Kind.DICTIONARY, dictionary.hash, 0, payload)

    def _rows(self, dictionary: Dictionary, rows: Sequence[Row]) -> None:
        try:
            payload = codec.encode_readings(self._origin, self._epoch, self.next, dictionary, rows)
        except TooLarge:
            for half in _halves(rows):
                self._rows(dictionary, half)
            return
        readings = sum(len(row.samples) for row in rows)
        self._insert(Kind.READINGS, dictionary.hash, readings, payload)

    def _insert(self, kind: Kind, dictionary: str | None, readings: int, payload: bytes) -> None:
        sealed = Sealed(self.next, kind, dictionary, readings, len(payload))
        self._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)", (*sealed, payload))
        self.sealed.append(sealed)
        self.next += 1


def pack_samples(samples: Sequence[tuple[int, Sample]]) -> bytes:
    """The samples of one frame, for the disk."""
    return msgspec.msgpack.encode([(number, *sample) for number, sample in samples])


def unpack_samples(packed: bytes) -> list[tuple[int, Sample]]:
    """The samples of one frame, back from the disk."""
    cells = msgspec.msgpack.decode(packed, type=list[tuple[int, float | None, Quality, float | None]])
    return [(number, Sample(value, quality, raw)) for number, value, quality, raw in cells]


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    if len(rows) > 1:
        middle = len(rows) // 2
        return rows[:middle], rows[middle:]
    at, samples = rows[0]
    middle = len(samples) // 2
    return [Row(at, samples[:middle])], [Row(at, samples[middle:])]


def _parts(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events in parts that fit into a batch each."""
    part: list[Event] = []
    size = 0
    for event in events:
        codec.check_time(event.at_ms)
        length = len(msgspec.json.encode(event))
        if length > codec.MAX_EVENT_BYTES:
            raise TooLarge(f"event {event.kind} has {length} bytes, at most {codec.MAX_EVENT_BYTES} are allowed")
        if part and (size + length > codec.MAX_EVENT_BYTES or len(part) == EVENTS_A_BATCH):
            yield part
            part, size = [], 0
        part.append(event)
        size += length
    if part:
        yield part
