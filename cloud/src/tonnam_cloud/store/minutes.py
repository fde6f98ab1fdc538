"""One-minute aggregates among readings: which of them count, and what they add to series and buckets. Pure.

A minute may have come in parts (a node that thins twice may cut through one), each part in a batch of its own. So an
adapter keeps parts, at the minute's start plus the `slot` of their batch, and `join` makes one row of them when read.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonnam_cloud.store import arrays
from tonnam_cloud.store.port import AggregateBatch, Buckets, Codes, Counts, Floats, Millis, Series
from tonnam_link.quality import Quality

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class Minutes:
    """Aggregates of one datastream, sorted. Of `join`: each minute once. See AggregateColumn."""

    minute_ms: Millis
    count: Counts
    minimum: Floats
    maximum: Floats
    mean: Floats
    quality: Codes

    def __len__(self) -> int:
        return len(self.minute_ms)

    def at(self, places: NDArray[np.bool_] | Millis) -> Minutes:
        """The rows at some places."""
        return Minutes(
            self.minute_ms[places],
            self.count[places],
            self.minimum[places],
            self.maximum[places],
            self.mean[places],
            self.quality[places],
        )


def slot(batch: AggregateBatch) -> int:
    """Milliseconds into the minute at which a batch's parts are kept: the same batch always finds the same place.

    Should two batches with parts of one minute ever find the same (one chance in 60,000), one of them wins.
    """
    return zlib.crc32(f"{batch.source} {batch.epoch} {batch.sequence}".encode()) % MINUTE_MS


def minute_of(times_ms: Millis) -> Millis:
    """The starts of the minutes of times."""
    starts: Millis = times_ms // MINUTE_MS * MINUTE_MS
    return starts


def next_minute(at_ms: int) -> int:
    """The first start of a minute at or after an instant."""
    return -(-at_ms // MINUTE_MS) * MINUTE_MS


def join(parts: Minutes) -> Minutes:
    """Each minute once, from the parts of minutes in any order. The same part twice counts once.

    Where a part has good values, parts without any do not count.
    """
    parts = parts.at(np.lexsort(_content(parts)))
    parts = parts.at(_firsts(*_content(parts)))
    first = _firsts(parts.minute_ms)
    if len(first) == len(parts):
        return parts
    best = np.repeat(parts.quality[first], np.diff(np.append(first, len(parts))))
    parts = parts.at((parts.quality == Quality.GOOD) | (best != Quality.GOOD))
    first = _firsts(parts.minute_ms)
    count = np.add.reduceat(parts.count, first)
    lowest, highest = np.minimum.reduceat(parts.minimum, first), np.maximum.reduceat(parts.maximum, first)
    share = parts.count / np.repeat(count, np.diff(np.append(first, len(parts))))
    mean = np.clip(np.add.reduceat(parts.mean * share, first), lowest, highest)
    return Minutes(parts.minute_ms[first], count, lowest, highest, mean, parts.quality[first])


def uncovered(minutes: Minutes, raw_minute_ms: Millis) -> Minutes:
    """Those that lie in none of the minutes that have raw readings."""
    return minutes.at(~np.isin(minutes.minute_ms, raw_minute_ms))


def filled(series: Series, minutes: Minutes) -> Series:
    """A series with one reading more for each of these minutes, at its start."""
    if not len(minutes):
        return series
    none = np.full(len(minutes), np.nan)
    return arrays.merge([series, Series(minutes.minute_ms, minutes.mean, minutes.quality, none)])


def bucketed(buckets: Buckets, minutes: Minutes, step_ms: int) -> Buckets:
    """Buckets with these minutes in them, each value as often as it was counted."""
    minutes = minutes.at(minutes.quality != Quality.CLOCK_SUSPECT)
    if not len(minutes):
        return buckets
    starts = np.concatenate((buckets.start_ms, minutes.minute_ms // step_ms * step_ms))
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    first = _firsts(starts)
    counts, lowest, highest, means = (
        np.concatenate(pair)[order]
        for pair in (
            (buckets.count, minutes.count),
            (buckets.minimum, minutes.minimum),
            (buckets.maximum, minutes.maximum),
            (buckets.mean, minutes.mean),
        )
    )
    count = np.add.reduceat(counts, first)
    share = counts / np.repeat(np.maximum(count, 1), np.diff(np.append(first, len(starts))))
    mean = np.add.reduceat(np.where(counts, means, 0.0) * share, first)
    return Buckets(
        starts[first],
        count,
        np.fmin.reduceat(lowest, first),
        np.fmax.reduceat(highest, first),
        np.where(count, mean, np.nan),
    )


def nothing() -> Minutes:
    """No minutes."""
    none = np.empty(0, np.float64)
    whole = np.empty(0, np.int64)
    return Minutes(whole, whole, none, none, none, np.empty(0, np.uint8))


def _content(parts: Minutes) -> tuple[Floats | Counts | Codes, ...]:
    """All that tells one part from another; sorted by the last of it first."""
    return parts.mean, parts.maximum, parts.minimum, parts.count, parts.quality, parts.minute_ms


def _firsts(*columns: Floats | Counts | Codes) -> Millis:
    """Where each run of equal rows begins."""
    begins = np.ones(len(columns[0]), np.bool_)
    begins[1:] = False
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(begins)
