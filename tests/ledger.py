"""What an outbox has committed, written down by the outbox's own database: the truth that the store is held to."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.notebook import TRIGGERS
from tonnam_link.messages import Event, Outcome, Sample
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.outbox.sealing import unpack_samples
from tonnam_link.quality import Quality
from tonnam_link.topics import Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import Batch, Column, decode

Reading = tuple[str, int]


TOO_CLOSE_MS = 50


class Committed(NamedTuple):
    """What was observed, and the step to which its datastream's values are rounded on the wire."""

    sample: Sample
    resolution: float

    def came_to(self, stored: Sample) -> bool:
        """Whether `stored` is what this is in the store."""
        told = self.sample
        if (told.quality, told.raw) != (stored.quality, stored.raw):
            return False
        if told.value is None or stored.value is None:
            return told.value is stored.value
        return math.isclose(told.value, stored.value, rel_tol=1e-12, abs_tol=self.resolution * 0.501)


@dataclass(frozen=True)
class Ledger:
    """The ledger of one node's outbox."""

    path: Path
    origin: Origin

    def begin(self) -> None:
        """Make the outbox and put the notebook into it, before its node first starts."""
        Outbox(self.path, self.origin).close()
        with closing(sqlite3.connect(self.path)) as db:
            db.executescript(TRIGGERS)

    def batches(self) -> list[Batch]:
        """Every batch that was ever sealed."""
        dictionaries = self._dictionaries()
        return [decode(payload, dictionaries) for (payload,) in self._rows("SELECT payload FROM ledger_of_batches")]

    def events(self) -> dict[str, Event]:
        """Every committed event by its id."""
        return {event.id: event for batch in self.batches() for event in batch.events}

    def outcomes(self) -> list[Outcome]:
        """Every committed outcome."""
        return [outcome for batch in self.batches() for outcome in batch.outcomes]

    def readings(self) -> dict[Reading, Committed]:
        """Every committed reading by (full datastream id, observed_at_ms)."""
        dictionaries = self._dictionaries()
        found = {}
        for dictionary, at, packed in self._rows("SELECT dictionary, observed_at_ms, samples FROM ledger"):
            specs = dictionaries[dictionary].specs
            for number, sample in unpack_samples(packed):
                spec = specs[number]
                found[f"{self.origin.tenant}/{spec.datastream}", at] = Committed(sample, spec.resolution)
        return {**self._sealed(), **found}

    def _sealed(self) -> dict[Reading, Committed]:
        """What is in batches: readings that had to wait for the time leave no other trace."""
        found = {}
        resolutions = {
            (name, spec.datastream): spec.resolution
            for name, dictionary in self._dictionaries().items()
            for spec in dictionary.specs
        }
        for batch in self.batches():
            for column in batch.columns:
                resolution = resolutions[batch.dictionary or "", column.datastream]
                for at, sample in _samples(column):
                    found[f"{self.origin.tenant}/{column.datastream}", at] = Committed(sample, resolution)
        return found

    def waiting(self) -> dict[str, int]:
        """How many rows of the outbox wait, by table."""
        tables = ("batch", "pending")
        return {table: self._rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def _dictionaries(self) -> dict[str, Dictionary]:
        rows = self._rows("SELECT hash, body FROM dictionary")
        return {name: codec.parse_dictionary(body) for name, body in rows}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            return db.execute(query).fetchall()


def _samples(column: Column) -> Iterator[tuple[int, Sample]]:
    arrays = (column.observed_at_ms, column.value, column.quality, column.raw)
    for at, value, quality, raw in zip(*(each.tolist() for each in arrays), strict=True):
        yield at, Sample(None if value != value else value, Quality(quality), None if raw != raw else raw)


def too_close(readings: Iterable[Reading]) -> list[tuple[Reading, int]]:
    """Readings of one datastream with the next one within 50 ms: nobody here measures so often, so it was told twice.

    The answer gives the reading and how many ms later the next one lies.
    """
    return [
        (earlier, later[1] - earlier[1])
        for earlier, later in pairwise(sorted(readings))
        if later[0] == earlier[0] and later[1] - earlier[1] < TOO_CLOSE_MS
    ]
