"""The columns of a batch of readings or aggregates as arrays. Vectorised: no object per reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonnam_link.aggregates import MINUTE_MS, AggregatesBody
from tonnam_link.dictionary import Dictionary, steps_per_unit
from tonnam_link.errors import Rejected
from tonnam_link.messages import LATEST_MS
from tonnam_link.planes import shape
from tonnam_link.quality import Quality
from tonnam_link.readings import MAX_FRAMES, MAX_READINGS, ReadingsBody

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """The readings of one datastream, in order of time. All arrays have the same length.

    `value` is NaN where it is unknown, `raw` NaN where no number was rejected.
    """

    datastream: str
    unit: str
    observed_at_ms: Whole
    value: Floats
    quality: NDArray[np.uint8]
    raw: Floats


@dataclass(frozen=True)
class AggregateColumn:
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
    numbers = [*body.scaled, *body.floats]
    _check_indexes(numbers, len(dictionary.specs))
    if not numbers:
        raise Rejected("a batch of readings without readings")
    axis = _axis(body)
    times, counts = _times(axis, body.present, len(numbers))
    bounds = np.concatenate(([0], np.cumsum(counts)))
    known = _known(body.unknown, bounds)
    value = np.full(len(times), np.nan)
    value[known] = _values(body, dictionary, np.add.reduceat(known, bounds[:-1], dtype=np.int64))
    quality, raw = _qualities(body.qualities, bounds), _raws(body.raws, bounds)
    columns = []
    for index, number in enumerate(numbers):
        part = slice(bounds[index], bounds[index + 1])
        spec = dictionary.specs[number]
        columns.append(Column(spec.datastream, spec.unit, times[part], value[part], quality[part], raw[part]))
    return columns


def _axis(body: ReadingsBody) -> Whole:
    if body.step_bytes not in {2, 4} or not 0 <= body.first_at_ms <= LATEST_MS:
        raise Rejected("the time axis is malformed")
    steps = np.frombuffer(body.steps, dtype=f"<u{body.step_bytes}")
    if len(steps) >= MAX_FRAMES or not steps.all():
        raise Rejected("the time axis is too long or does not rise")
    axis = body.first_at_ms + np.concatenate(([0], np.cumsum(steps, dtype=np.int64)))
    if axis[-1] > LATEST_MS:
        raise Rejected("a time lies after 9999")
    return axis


def _flags(bitmap: bytes, size: int) -> Flags:
    if len(bitmap) != (size + 7) // 8:
        raise Rejected("a bitmap has the wrong length")
    return np.unpackbits(np.frombuffer(bitmap, np.uint8), count=size, bitorder="little").view(np.bool_)


def _check_indexes(indexes: Sequence[int], size: int) -> None:
    if len(set(indexes)) < len(indexes) or not all(0 <= index < size for index in indexes):
        raise Rejected("a column is named twice, or is not there")


def _times(axis: Whole, present: Sequence[tuple[int, bytes]], columns: int) -> tuple[Whole, Whole]:
    """The times of all samples, column after column, and how many each column has."""
    _check_indexes([index for index, _ in present], columns)
    chosen = {index: np.flatnonzero(_flags(bitmap, len(axis))) for index, bitmap in present}
    counts = np.full(columns, len(axis), np.int64)
    for index, positions in chosen.items():
        counts[index] = len(positions)
    if not counts.all() or counts.sum() > MAX_READINGS:
        raise Rejected(f"a column without samples, or more than {MAX_READINGS} readings")
    if not chosen:
        return np.tile(axis, columns), counts
    return np.concatenate([axis[chosen[i]] if i in chosen else axis for i in range(columns)]), counts


def _known(unknown: Sequence[tuple[int, bytes]], bounds: Whole) -> Flags:
    _check_indexes([index for index, _ in unknown], len(bounds) - 1)
    known = np.ones(bounds[-1], np.bool_)
    for index, bitmap in unknown:
        start, end = bounds[index], bounds[index + 1]
        known[start:end] = ~_flags(bitmap, end - start)
    return known


def _values(body: ReadingsBody, dictionary: Dictionary, known: Whole) -> Floats:
    """The known values, column after column; `known` says how many each column has."""
    scaled = len(body.scaled)
    doubles = np.frombuffer(body.doubles, "<f8")
    if len(doubles) != known[scaled:].sum() or not np.isfinite(doubles).all():
        raise Rejected("the float64 values are too few, too many or not finite")
    return np.concatenate((_scaled_values(body, dictionary, known[:scaled]), doubles))


def _scaled_values(body: ReadingsBody, dictionary: Dictionary, known: Whole) -> Floats:
    resolutions = [dictionary.specs[number].resolution for number in body.scaled]
    filled = known > 0
    lengths = known[filled]
    firsts = np.frombuffer(body.firsts, "<i4").astype(np.int64)
    deltas = np.frombuffer(body.deltas, "<i2")
    if len(firsts) != len(lengths) or len(deltas) != lengths.sum() - len(lengths):
        raise Rejected("the scaled values are too few or too many")
    if not len(firsts):
        return np.empty(0)
    divisor, factor = _scales(resolutions, known)
    values: Floats = _running_sums(firsts, deltas, lengths) / divisor * factor
    return values


def _scales(resolutions: Sequence[float], lengths: Whole) -> tuple[Floats, Floats]:
    """What each number of steps is divided by, and then multiplied with."""
    if 0 in resolutions:
        raise Rejected("a datastream without a resolution is sent as scaled integers")
    per_unit = [steps_per_unit(resolution) for resolution in resolutions]
    divisor = np.array([float(whole or 1) for whole in per_unit])
    factor = np.array([1.0 if whole else step for whole, step in zip(per_unit, resolutions, strict=True)])
    return np.repeat(divisor, lengths), np.repeat(factor, lengths)


def _running_sums(firsts: Whole, deltas: NDArray[np.int16], lengths: Whole) -> Whole:
    """The integers of all columns: in each, its first and then the running sum of its deltas."""
    starts = np.cumsum(lengths) - lengths
    jumps = np.empty(lengths.sum(), np.int64)
    inner = np.ones(len(jumps), np.bool_)
    inner[starts] = False
    jumps[inner] = deltas
    jumps[starts] = firsts
    sums = np.cumsum(jumps)
    values: Whole = sums - np.repeat(sums[starts] - firsts, lengths)
    return values


def _qualities(parts: Sequence[tuple[int, bytes, bytes]], bounds: Whole) -> NDArray[np.uint8]:
    quality = np.zeros(bounds[-1], np.uint8)
    _check_indexes([index for index, _, _ in parts], len(bounds) - 1)
    for index, bitmap, packed in parts:
        start, end = bounds[index], bounds[index + 1]
        at = start + np.flatnonzero(_flags(bitmap, end - start))
        words = np.frombuffer(packed, np.uint8)
        if len(words) != len(at) or not words.all() or (words > max(Quality)).any():
            raise Rejected("the qualities are too few, too many or unknown")
        quality[at] = words
    return quality


def _raws(parts: Sequence[tuple[int, bytes, bytes]], bounds: Whole) -> Floats:
    raw = np.full(bounds[-1], np.nan)
    _check_indexes([index for index, _, _ in parts], len(bounds) - 1)
    for index, bitmap, packed in parts:
        start, end = bounds[index], bounds[index + 1]
        at = start + np.flatnonzero(_flags(bitmap, end - start))
        numbers = np.frombuffer(packed, "<f8")
        if len(numbers) != len(at) or not np.isfinite(numbers).all():
            raise Rejected("the rejected raw numbers are too few, too many or not finite")
        raw[at] = numbers
    return raw


def unpack_aggregates(body: AggregatesBody, dictionary: Dictionary) -> list[AggregateColumn]:
    """One AggregateColumn for each datastream of the batch. Raises Rejected when the parts do not fit together."""
    numbers = [*body.scaled, *body.floats]
    _check_indexes(numbers, len(dictionary.specs))
    if not numbers:
        raise Rejected("a batch of aggregates without aggregates")
    minutes, lengths = _times(_minutes(body), body.present, len(numbers))
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    count = _whole(body.counts, len(minutes))
    if not count.all():
        raise Rejected("an aggregate of nothing")
    cut = int(bounds[len(body.scaled)])
    resolutions = [dictionary.specs[number].resolution for number in body.scaled]
    in_steps = _aggregates_in_steps(body, resolutions, lengths[: len(body.scaled)], count[:cut])
    minimum, maximum, mean = np.concatenate((in_steps, _aggregates_as_doubles(body, len(minutes) - cut)), axis=1)
    quality = _qualities(body.qualities, bounds)
    columns = []
    for index, number in enumerate(numbers):
        part = slice(bounds[index], bounds[index + 1])
        spec = dictionary.specs[number]
        column = AggregateColumn(
            spec.datastream, spec.unit, minutes[part], count[part],
            minimum[part], maximum[part], mean[part], quality[part],
        )  # fmt: skip
        columns.append(column)
    return columns


def _minutes(body: AggregatesBody) -> Whole:
    if not 0 <= body.first_minute <= LATEST_MS // MINUTE_MS:
        raise Rejected("the first minute is no time from 1970 to 9999")
    _, size = shape(body.steps, MAX_FRAMES - 1)
    steps = _whole(body.steps, size)
    if not steps.all():
        raise Rejected("the minutes do not rise")
    minutes = (body.first_minute + np.concatenate(([0], np.cumsum(steps)))) * MINUTE_MS
    if minutes[-1] > LATEST_MS:
        raise Rejected("a time lies after 9999")
    return minutes


def _whole(packed: bytes, size: int) -> Whole:
    """Exactly `size` packed numbers."""
    width, found = shape(packed, size)
    if found != size:
        raise Rejected("packed numbers are too few")
    planes = np.frombuffer(packed, np.uint8, offset=min(1, len(packed))).reshape(width, size)
    numbers: Whole = np.ascontiguousarray(planes.T).view(f"<u{width}").astype(np.int64).ravel()
    return numbers


def _aggregates_in_steps(body: AggregatesBody, resolutions: Sequence[float], lengths: Whole, count: Whole) -> Floats:
    """Minimum, maximum and mean of the columns that travel as scaled integers."""
    divisor, factor = _scales(resolutions, lengths)
    folded, span, excess = (_whole(part, len(count)) for part in (body.minima, body.spans, body.excesses))
    if (excess > span.astype(np.float64) * count).any():  # whole numbers might overflow
        raise Rejected("a mean lies above the maximum")
    minimum = _column_sums((folded >> 1) ^ -(folded & 1), lengths)
    return np.stack((minimum, minimum + span, minimum + excess / count)) / divisor * factor


def _column_sums(differences: Whole, lengths: Whole) -> Whole:
    """In each column the running sum of its differences."""
    sums = np.cumsum(differences)
    starts = np.cumsum(lengths) - lengths
    values: Whole = sums - np.repeat(sums[starts] - differences[starts], lengths)
    return values


def _aggregates_as_doubles(body: AggregatesBody, size: int) -> Floats:
    doubles = np.frombuffer(body.doubles, "<f8")
    if len(doubles) != 3 * size or not np.isfinite(doubles).all():
        raise Rejected("the float64 aggregates are too few, too many or not finite")
    minimum, maximum, mean = parts = doubles.reshape(3, size)
    if (minimum > mean).any() or (mean > maximum).any():
        raise Rejected("a mean lies outside its minimum and maximum")
    return parts
