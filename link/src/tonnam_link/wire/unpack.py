"""The columns of a batch of readings or aggregates as arrays. Vectorised: no object per reading."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonnam_link.errors import Rejected
from tonnam_link.messages import LATEST_MS
from tonnam_link.quality import Quality
from tonnam_link.wire.aggregates import MINUTE_MS, AggregatesBody
from tonnam_link.wire.arrays import (
    Flags,
    Floats,
    Whole,
    scales,
    unpack,
    unpack_axis,
    unpack_columns,
    unpack_doubles,
    unpack_forms,
    unpack_odd,
    unpack_times,
)
from tonnam_link.wire.columns import DOUBLES, MAX_READINGS, Axis, unpack_numbers
from tonnam_link.wire.dictionary import Dictionary
from tonnam_link.wire.readings import HAS_RAW, IS_UNKNOWN, QUALITY_BITS, ReadingsBody


class Column(msgspec.Struct, frozen=True, eq=False):
    """The readings of one datastream, in order of time. All arrays have the same length.

    `value` is NaN where it is unknown, `raw` NaN where no number was rejected.
    """

    datastream: str
    unit: str
    observed_at_ms: Whole
    value: Floats
    quality: NDArray[np.uint8]
    raw: Floats


class AggregateColumn(msgspec.Struct, frozen=True, eq=False):
    """One-minute aggregates of one datastream, in order of time. All arrays have the same length.

    `minute_ms` is when each minute starts; `count` how many known values were in it, at least 1; of those are
    `minimum`, `maximum` and `mean`. `quality` is 0 (good) when any of them was good: then only good ones count.
    """

    datastream: str
    unit: str
    minute_ms: Whole
    count: Whole
    minimum: Floats
    maximum: Floats
    mean: Floats
    quality: NDArray[np.uint8]


def unpack_readings(body: ReadingsBody, dictionary: Dictionary) -> list[Column]:
    """One Column for each datastream of the batch. Raises Rejected when the parts do not fit together."""
    numbers = unpack_numbers(body.numbers, body.columns, dictionary)
    instants = unpack_axis(Axis(body.first_at_ms, body.frames, body.step_ms, body.extra_steps), LATEST_MS)
    times, sizes = unpack_times(instants, body.masks, body.mask_numbers, body.columns)
    quality, unknown, raw = _marks(body, len(times))
    ends = np.cumsum(sizes)
    value = _values(body, numbers, dictionary, sizes, ends, unknown)
    columns = []
    for number, start, end in zip(numbers, (ends - sizes).tolist(), ends.tolist(), strict=True):
        spec, part = dictionary.specs[number], slice(start, end)
        columns.append(Column(spec.datastream, spec.unit, times[part], value[part], quality[part], raw[part]))
    return columns


def _marks(body: ReadingsBody, samples: int) -> tuple[NDArray[np.uint8], Flags | None, Floats]:
    """Qualities, which values are unknown (None: none is), and rejected raw numbers."""
    quality, raw = np.zeros(samples, np.uint8), np.full(samples, np.nan)
    if not (body.odd or body.marks or body.raws):
        return quality, None, raw
    at, marks = unpack_odd(body.odd, body.marks, samples)
    with_raw = at[(marks & HAS_RAW) > 0]
    raw[with_raw] = unpack_doubles(body.raws, len(with_raw))
    quality[at] = marks & QUALITY_BITS
    if (marks & ~np.uint8(QUALITY_BITS | HAS_RAW | IS_UNKNOWN)).any() or (quality > max(Quality)).any():
        raise Rejected("an unknown mark or quality")
    unknown = np.zeros(samples, np.bool_)
    unknown[at] = (marks & IS_UNKNOWN) > 0
    return quality, unknown, raw


def _values(
    body: ReadingsBody, numbers: list[int], dictionary: Dictionary, sizes: Whole, ends: Whole, unknown: Flags | None
) -> Floats:
    """All values, column after column; NaN where one is unknown."""
    forms = unpack_forms(body.forms, len(numbers))
    stepped = forms != DOUBLES
    known = sizes if unknown is None else sizes - np.add.reduceat(unknown, ends - sizes, dtype=np.int64)
    steps = unpack_columns(body.integers, known[stepped])
    columns = [(form, number) for form, number in zip(forms.tolist(), numbers, strict=True) if form != DOUBLES]
    divisor, factor = scales(columns, known[stepped], dictionary)
    in_steps: Floats = steps / divisor * factor
    doubles = unpack_doubles(body.doubles, int(known[~stepped].sum()))
    if unknown is None and not len(doubles):
        return in_steps
    value = np.full(len(unknown) if unknown is not None else int(ends[-1]), np.nan)
    here = np.ones(len(value), np.bool_) if unknown is None else ~unknown
    by_steps = np.repeat(stepped, sizes)
    value[here & by_steps], value[here & ~by_steps] = in_steps, doubles
    return value


def unpack_aggregates(body: AggregatesBody, dictionary: Dictionary) -> list[AggregateColumn]:
    """One AggregateColumn for each datastream of the batch. Raises Rejected when the parts do not fit together."""
    numbers = unpack_numbers(body.numbers, body.columns, dictionary)
    axis = Axis(body.first_minute, body.minutes, body.step_minutes, body.extra_steps)
    minutes, sizes = unpack_times(
        unpack_axis(axis, LATEST_MS // MINUTE_MS) * MINUTE_MS, body.masks, body.mask_numbers, body.columns
    )
    count = unpack_columns(body.counts, sizes)
    if (count < 1).any() or (count > MAX_READINGS).any():
        raise Rejected("an aggregate of nothing, or of too much")
    minimum, maximum, mean = _aggregated(body, numbers, dictionary, sizes, count)
    quality = np.zeros(len(minutes), np.uint8)
    at, qualities = unpack_odd(body.odd, body.qualities, len(minutes))
    if (qualities > max(Quality)).any():
        raise Rejected("an unknown quality")
    quality[at] = qualities
    ends = np.cumsum(sizes)
    columns = []
    for number, start, end in zip(numbers, (ends - sizes).tolist(), ends.tolist(), strict=True):
        spec, part = dictionary.specs[number], slice(start, end)
        column = AggregateColumn(
            spec.datastream, spec.unit, minutes[part], count[part],
            minimum[part], maximum[part], mean[part], quality[part],
        )  # fmt: skip
        columns.append(column)
    return columns


def _aggregated(
    body: AggregatesBody, numbers: list[int], dictionary: Dictionary, sizes: Whole, count: Whole
) -> Floats:
    """Minimum, maximum and mean of every row: three rows of an array."""
    forms = unpack_forms(body.forms, len(numbers))
    stepped = forms != DOUBLES
    by_steps = np.repeat(stepped, sizes)
    found = np.empty((3, len(count)))
    columns = [(form, number) for form, number in zip(forms.tolist(), numbers, strict=True) if form != DOUBLES]
    divisor, factor = scales(columns, sizes[stepped], dictionary)
    minimum = unpack_columns(body.minima, sizes[stepped])
    span, excess = unpack(body.spans, sizes[stepped]), unpack(body.excesses, sizes[stepped])
    if (excess > span * count[by_steps]).any():
        raise Rejected("a mean lies above the maximum")
    mean = minimum + excess / count[by_steps]
    found[:, by_steps] = np.stack((minimum, minimum + span, mean)) / divisor * factor
    doubles = unpack_doubles(body.doubles, 3 * int(sizes[~stepped].sum())).reshape(-1, 3)
    if (doubles[:, 0] > doubles[:, 2]).any() or (doubles[:, 2] > doubles[:, 1]).any():
        raise Rejected("a mean lies outside its minimum and maximum")
    found[:, ~by_steps] = doubles.T
    return found
