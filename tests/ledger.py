"""What an outbox has committed, written down by the outbox's own database: the truth that the store is held to."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tonnam_link import codec
from tonnam_link.decode import decode, peek
from tonnam_link.messages import Sample
from tonnam_link.outbox import Outbox
from tonnam_link.sealing import unpack_samples
from tonnam_link.topics import Origin

# Whatever is inserted by a transaction of the outbox is noted in the same transaction, so the ledger holds exactly
# what was committed, and production code knows nothing of it.
TRIGGERS = """
CREATE TABLE ledger (id INTEGER PRIMARY KEY, dictionary TEXT, observed_at_ms INTEGER, samples BLOB);
CREATE TRIGGER note_reading AFTER INSERT ON pending BEGIN
    INSERT INTO ledger (dictionary, observed_at_ms, samples) VALUES (NEW.dictionary, NEW.observed_at_ms, NEW.samples);
END;
CREATE TABLE ledger_of_batches (sequence INTEGER PRIMARY KEY, payload BLOB);
CREATE TRIGGER note_batch AFTER INSERT ON batch BEGIN
    INSERT INTO ledger_of_batches VALUES (NEW.sequence, NEW.payload);
END;
"""
Reading = tuple[str, int]


TOO_CLOSE_MS = 50


class Committed(NamedTuple):
    """What was observed, and the step to which its datastream's values are rounded on the wire."""

    sample: Sample
    resolution: float

    def is_value(self, value: float | None) -> bool:
        """Whether `value` is what this came to in the store."""
        if self.sample.value is None or value is None:
            return self.sample.value is value
        return math.isclose(self.sample.value, value, rel_tol=1e-12, abs_tol=self.resolution * 0.501)


@dataclass(frozen=True)
class Ledger:
    """The ledger of one node's outbox."""

    path: Path
    origin: Origin

    def begin(self) -> None:
        """Make the outbox and put the notebook into it, before its node first starts."""
        Outbox(self.path, self.origin).close()
        with sqlite3.connect(self.path) as db:
            db.executescript(TRIGGERS)
        db.close()

    def events(self) -> set[str]:
        """The id of every committed event."""
        with sqlite3.connect(self.path, timeout=30) as db:
            payloads = [payload for (payload,) in db.execute("SELECT payload FROM ledger_of_batches")]
        db.close()
        batches = [decode(payload) for payload in payloads if peek(payload).kind == "events"]
        return {event.id for batch in batches for event in batch.events}

    def readings(self) -> dict[Reading, Committed]:
        """Every committed reading by (full datastream id, observed_at_ms)."""
        with sqlite3.connect(self.path, timeout=30) as db:
            dictionaries = {
                name: codec.parse_dictionary(body).specs
                for name, body in db.execute("SELECT hash, body FROM dictionary")
            }
            rows = db.execute("SELECT dictionary, observed_at_ms, samples FROM ledger").fetchall()
        db.close()
        return {
            (f"{self.origin.tenant}/{spec.datastream}", at): Committed(sample, spec.resolution)
            for dictionary, at, packed in rows
            for spec, sample in (
                (dictionaries[dictionary][number], sample) for number, sample in unpack_samples(packed)
            )
        }


def too_close(readings: Iterable[Reading]) -> list[tuple[Reading, int]]:
    """Readings of one datastream with the next one within 50 ms: nobody here measures so often, so it was told twice.

    The answer gives the reading and how many ms later the next one lies.
    """
    return [
        (earlier, later[1] - earlier[1])
        for earlier, later in pairwise(sorted(readings))
        if later[0] == earlier[0] and later[1] - earlier[1] < TOO_CLOSE_MS
    ]
