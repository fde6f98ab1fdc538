"""The store's port: what ingest, API and alerts may ask of any store of readings.

All calls block: call them from a worker thread, never from the event loop. `append`, `append_aggregates` and
`maintain` are for one thread at a time; reads may come from any thread. Datastream ids are full
(`{tenant}/{site}/{thing}/{property}`), times are integer milliseconds since 1970 (UTC), ranges are half open:
from_ms <= t < to_ms.
Inside arrays an unknown value is NaN (arrays have no None); `Latest` has None. Raises Transient when a store is away.

One-minute aggregates are what a node's full outbox has left of its oldest readings. All reads use them, but only
where a minute has no raw reading at all: readings that come later win. In a series such a minute is one reading at
its start, with the mean as its value; it lies in a range when its start does.

A reading whose clock is suspect (quality clock_suspect) stands in series under the time that it claims, but nobody
knows where it belongs: it is newest only when there is no other, counts in no bucket, and covers no minute.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tonnam_link.quality import Quality

Millis = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Readings of one datastream on their way in; four arrays of one length. Times need not be sorted."""

    datastream: str
    observed_at_ms: Millis
    value: Floats
    quality: Codes
    raw: Floats


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """One sealed batch. (source, epoch, sequence) is its identity; `source` is `{tenant}/{node}`."""

    source: str
    epoch: int
    sequence: int
    columns: Sequence[Column]
    again: bool = False
    """A replay of a batch of which only a part was stored: its identity was seen, and yet it must be written."""


@dataclass(frozen=True, slots=True, eq=False)
class AggregateColumn:
    """One-minute aggregates of one datastream on their way in; arrays of one length. Minutes need not be sorted.

    `minute_ms` are multiples of 60,000; `count`, from 1 up, says of how many known values `minimum`, `maximum` and
    `mean` are. `quality` is good when good values were counted, and only those then.
    """

    datastream: str
    minute_ms: Millis
    count: Counts
    minimum: Floats
    maximum: Floats
    mean: Floats
    quality: Codes


@dataclass(frozen=True, slots=True)
class AggregateBatch:
    """One sealed batch of aggregates. It shares its identity's numbers with the source's batches of readings."""

    source: str
    epoch: int
    sequence: int
    columns: Sequence[AggregateColumn]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Readings that a store can never take, such as a value of another type: for the quarantine."""

    source: str
    epoch: int
    sequence: int
    readings: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Readings of one datastream, sorted by time, each time once. NaN in `value` = unknown, in `raw` = none."""

    observed_at_ms: Millis
    value: Floats
    quality: Codes
    raw: Floats

    def __len__(self) -> int:
        return len(self.observed_at_ms)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest reading of a datastream. One whose clock is suspect is newest only when there are no others."""

    observed_at_ms: int
    value: float | None
    quality: Quality
    raw: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """One row per bucket that has readings; `start_ms` is a multiple of the step. `count` counts known values.

    `minimum`, `maximum` and `mean` are NaN where count is 0 (readings, but none with a known value).
    """

    start_ms: Millis
    count: Counts
    minimum: Floats
    maximum: Floats
    mean: Floats

    def __len__(self) -> int:
        return len(self.start_ms)


class Store(Protocol):
    """A store of readings. The identity of a reading is (datastream, observed_at): writing it again is harmless."""

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        """Take batches; they are durable when it returns. Raises Transient, with nothing lost, when it cannot now."""

    def append_aggregates(self, batches: Sequence[AggregateBatch]) -> Sequence[Refused]:
        """Take aggregates, as `append` takes readings. Different ones of one minute are parts of it, and joined."""

    def maintain(self, budget_s: float = 0.05) -> bool:
        """Do a slice of the store's housekeeping. True when there is more to do now."""

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        """Readings in a range; with `max_points`, at most so many of them that keep each lowest and highest."""

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        """Readings of many datastreams in a range, with one question; those without any are left out."""

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        """The newest reading of each (observed at or before `at_ms`); those without any are left out."""

    def buckets(self, datastream: str, from_ms: int, to_ms: int, step_ms: int) -> Buckets:
        """Count, minimum, maximum and mean of the known values, in steps."""

    def buckets_of(
        self, datastreams: Collection[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Mapping[str, Buckets]:
        """The buckets of many datastreams, with one question; those without readings are left out."""

    def datastreams(self) -> Sequence[str]:
        """Every datastream that has readings, sorted."""

    def close(self) -> None:
        """Give back files and sockets."""
