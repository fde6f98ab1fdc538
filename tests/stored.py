"""What the cloud has on its disk, read beside it: what an outbox committed is held against this."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tests.ledger import Reading
from tonnam_cloud.store.embedded import EmbeddedReader
from tonnam_link.messages import Sample
from tonnam_link.quality import Quality

FAR_FUTURE_MS = 2**45
MINUTE_MS = 60_000


class Kept(NamedTuple):
    """One event as the cloud keeps it."""

    node: str
    id: str
    kind: str
    at_ms: int
    body: dict[str, Any]


class Minute(NamedTuple):
    """How many readings with a known value a minute has, and what they are."""

    readings: int
    minimum: float
    maximum: float
    mean: float


class SetAside(NamedTuple):
    """One batch in quarantine."""

    node: str
    reason: str
    readings: int
    payload: bytes


def stored(data: Path) -> dict[Reading, Sample]:
    """Everything in the embedded store; AssertionError when a reading stands there twice."""
    reader = EmbeddedReader(data)
    found: dict[Reading, Sample] = {}
    for datastream in reader.datastreams():
        series = reader.series(datastream, 0, FAR_FUTURE_MS)
        times = series.observed_at_ms.tolist()
        assert len(set(times)) == len(times), f"{datastream} has a reading twice"
        columns = (series.value.tolist(), series.quality.tolist(), series.raw.tolist())
        for at, value, quality, raw in zip(times, *columns, strict=True):
            found[datastream, at] = Sample(_known(value), Quality(quality), _known(raw))
    reader.close()
    return found


def stored_minutes(data: Path, datastream: str) -> dict[int, Minute]:
    """What is known of each minute of a datastream, by its start: from its readings, or from its aggregates."""
    reader = EmbeddedReader(data)
    found = reader.buckets(datastream, 0, FAR_FUTURE_MS, MINUTE_MS)
    reader.close()
    columns = (found.start_ms, found.count, found.minimum, found.maximum, found.mean)
    return {row[0]: Minute(*row[1:]) for row in zip(*(column.tolist() for column in columns), strict=True)}


def stored_events(data: Path) -> list[Kept]:
    """All events in the cloud's database."""
    rows = _rows(data, "SELECT tenant || '/' || node, id, kind, at_ms, body FROM event")
    return [Kept(node, name, kind, at_ms, json.loads(body)) for node, name, kind, at_ms, body in rows]


def command_states(data: Path) -> dict[str, str]:
    """The state of every command in the cloud's database."""
    return dict(_rows(data, "SELECT id, state FROM command"))


def quarantined(data: Path) -> list[SetAside]:
    """All that the cloud set aside."""
    rows = _rows(data, "SELECT tenant || '/' || node, reason, readings, payload FROM quarantine")
    return [SetAside(*row) for row in rows]


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "tonnam.db", timeout=30)) as db:
        return db.execute(query).fetchall()
