"""How the embedded store keeps aggregates: as four datastreams more beside the one they are of, so that its log, its
compaction and its newest readings take them as they take readings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from tonnam_cloud.store import arrays
from tonnam_cloud.store.minutes import Minutes, join, minute_of, slot
from tonnam_cloud.store.port import AggregateBatch, AggregateColumn, Column, Floats, ReadingBatch, Series

COUNT, MINIMUM, MAXIMUM, MEAN = LANES = (":count", ":minimum", ":maximum", ":mean")
"""What is put behind a datastream's id: no datastream's own id has a colon. Quality is kept with the mean."""


def as_readings(batch: AggregateBatch) -> ReadingBatch:
    """The batch with four columns for each of its own."""
    part = slot(batch)
    columns = [lane for column in batch.columns for lane in _lanes(column, part)]
    return ReadingBatch(batch.source, batch.epoch, batch.sequence, columns, batch.again)


def _lanes(column: AggregateColumn, part: int) -> Iterable[Column]:
    times = column.minute_ms + part
    good, none = np.zeros(len(times), np.uint8), np.full(len(times), np.nan)
    figures = (column.count.astype(np.float64), column.minimum, column.maximum)
    for lane, values in zip((COUNT, MINIMUM, MAXIMUM), figures, strict=True):
        yield Column(column.datastream + lane, times, values, good, none)
    yield Column(column.datastream + MEAN, times, column.mean, column.quality, none)


def minutes_of(datastream: str, found: Mapping[str, Series]) -> Minutes:
    """The aggregates of a datastream, each minute once, from its lanes among what was read."""
    mean = found.get(datastream + MEAN, arrays.empty())
    count, minimum, maximum = (_values(found, datastream + lane) for lane in (COUNT, MINIMUM, MAXIMUM))
    times = minute_of(mean.observed_at_ms)
    return join(Minutes(times, count.astype(np.int64), minimum, maximum, mean.value, mean.quality))


def _values(found: Mapping[str, Series], lane: str) -> Floats:
    return found.get(lane, arrays.empty()).value


def datastream_of(name: str) -> str:
    """The datastream that a name in the store is of."""
    return name.partition(":")[0]
