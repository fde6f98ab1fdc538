"""Short ways to write readings in tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from tonnam_cloud.store.port import AggregateBatch, AggregateColumn, Column, ReadingBatch, Series

START_MS = 1_790_000_000_000
MOISTURE = "demo-farm/melon-greenhouse/zone-1/soil_moisture"
LEVEL = "demo-farm/melon-greenhouse/tank/level"

Row = tuple[int, float | None, int, float | None]
_sequences = count(1)


def column(rows: Sequence[Row], datastream: str = MOISTURE) -> Column:
    """Readings as (observed_at_ms, value, quality, raw), None for what is not there."""
    times, values, qualities, raws = zip(*rows, strict=True)
    return Column(
        datastream,
        np.array(times, np.int64),
        np.array([np.nan if value is None else value for value in values], np.float64),
        np.array(qualities, np.uint8),
        np.array([np.nan if raw is None else raw for raw in raws], np.float64),
    )


def good(values: Sequence[float | None], datastream: str = MOISTURE, start_ms: int = START_MS) -> Column:
    """One reading a second, all good."""
    return column([(start_ms + 1000 * i, value, 0, None) for i, value in enumerate(values)], datastream)


def batch(*columns: Column, sequence: int | None = None, epoch: int = -7) -> ReadingBatch:
    return ReadingBatch("demo-farm/edge-1", epoch, next(_sequences) if sequence is None else sequence, columns)


MinuteRow = tuple[int, int, float, float, float, int]


def minutes(rows: Sequence[MinuteRow], datastream: str = MOISTURE) -> AggregateColumn:
    """Aggregates as (minute_ms, count, minimum, maximum, mean, quality)."""
    starts, counts, lowest, highest, means, qualities = zip(*rows, strict=True)
    return AggregateColumn(
        datastream,
        np.array(starts, np.int64),
        np.array(counts, np.int64),
        np.array(lowest, np.float64),
        np.array(highest, np.float64),
        np.array(means, np.float64),
        np.array(qualities, np.uint8),
    )


def aggregates(*columns: AggregateColumn, sequence: int | None = None) -> AggregateBatch:
    return AggregateBatch("demo-farm/edge-1", -7, next(_sequences) if sequence is None else sequence, columns)


def rows(series: Series | Column) -> list[Row]:
    """A series as tuples, with None for NaN."""
    return [
        (at_ms, None if value != value else value, quality, None if raw != raw else raw)
        for at_ms, value, quality, raw in zip(
            series.observed_at_ms.tolist(),
            series.value.tolist(),
            series.quality.tolist(),
            series.raw.tolist(),
            strict=True,
        )
    ]
