"""The newest reading of each datastream in the embedded store.

What a suspect clock has stamped stands behind all else, so that it cannot hide a reading whose time is known.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tonnam_cloud.store.chunks import Record, unpack_record
from tonnam_cloud.store.damaged import whole
from tonnam_cloud.store.port import Latest, Series
from tonnam_link.quality import Quality

SUSPECT = int(Quality.CLOCK_SUSPECT)
_BEHIND_ALL_MS = 1 << 60


class Newest(NamedTuple):
    """What is latest of one datastream. `value` and `raw` may be NaN."""

    observed_at_ms: int
    value: float
    quality: int
    raw: float

    @property
    def rank(self) -> tuple[bool, int]:
        """What is newer has the higher one."""
        return self.quality != SUSPECT, self.observed_at_ms

    def public(self) -> Latest:
        value, raw = (None if math.isnan(number) else number for number in (self.value, self.raw))
        return Latest(self.observed_at_ms, value, Quality(self.quality), raw)


def last_of(series: Series) -> Newest | None:
    """The newest reading of a sorted series."""
    if not len(series):
        return None
    at = len(series) - 1
    if series.quality[at] == SUSPECT:
        others = np.flatnonzero(series.quality != SUSPECT)
        at = int(others[-1]) if len(others) else at
    return Newest(
        int(series.observed_at_ms[at]), float(series.value[at]), int(series.quality[at]), float(series.raw[at])
    )


def newest_of(record: Record) -> Iterator[tuple[int, Newest]]:
    """The newest reading of each column of a record; of equal times the first."""
    starts = record.ends - record.counts
    ranks = record.observed_at_ms - np.where(record.quality == SUSPECT, _BEHIND_ALL_MS, 0)
    matches = np.flatnonzero(ranks == np.repeat(np.maximum.reduceat(ranks, starts), record.counts))
    places = matches[np.searchsorted(matches, starts)]
    columns = (record.observed_at_ms[places], record.value[places], record.quality[places], record.raw[places])
    return zip(record.numbers.tolist(), map(Newest, *(column.tolist() for column in columns)), strict=True)


def note(known: dict[int, Newest], record: Record) -> None:
    """Bring `known` up to date with a record that was written after all that it knows."""
    for number, row in newest_of(record):
        before = known.get(number)
        if before is None or row.rank > before.rank:
            known[number] = row


def read_newest(connection: sqlite3.Connection) -> dict[int, Newest]:
    """By datastream number, from the table that compaction keeps and from the log."""
    known = {
        number: Newest(at_ms, math.nan if value is None else value, quality, math.nan if raw is None else raw)
        for number, at_ms, value, quality, raw in connection.execute("SELECT * FROM latest")
    }
    blobs = (blob for (blob,) in connection.execute("SELECT record FROM log ORDER BY id"))
    for record in whole(unpack_record, blobs):
        note(known, record)
    return known


def keep_newest(connection: sqlite3.Connection, rows: list[tuple[int, Newest]]) -> None:
    """Compaction's side: note in the table what leaves the log."""
    connection.executemany(
        "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT (datastream) DO UPDATE SET "
        "observed_at_ms = excluded.observed_at_ms, value = excluded.value, quality = excluded.quality, "
        "raw = excluded.raw "
        f"WHERE (excluded.quality <> {SUSPECT}, excluded.observed_at_ms) "
        f"> (latest.quality <> {SUSPECT}, latest.observed_at_ms)",
        [(number, *row) for number, row in rows],
    )
