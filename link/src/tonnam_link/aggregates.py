"""One-minute aggregates as columns: what is left of the oldest readings of a full outbox. Needs no numpy."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from tonnam_link.dictionary import Dictionary, steps_per_unit
from tonnam_link.errors import TooLarge
from tonnam_link.planes import MAX_FOLDED, bitmap, fold, pack
from tonnam_link.quality import Quality
from tonnam_link.readings import MAX_FRAMES, MAX_READINGS, check_time

MINUTE_MS = 60_000


class AggregateRow(msgspec.Struct, frozen=True):
    """One minute of one datastream, which is a number of a dictionary; only known values count.

    `minute_ms` is the start of the minute. `quality` is GOOD when any counted value is good.
    """

    minute_ms: int
    number: int
    count: int
    minimum: float
    maximum: float
    mean: float
    quality: Quality = Quality.GOOD


class AggregatesBody(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The columns of a batch of aggregates. Lists of whole numbers are packed as in `planes`.

    `minima` are folded differences to the row before in the column, the first to 0; `spans` are maximum minus
    minimum; `excesses` the sum of what all counted values lie above the minimum. All three in steps of the
    resolution. `doubles` has, for columns in `floats`, all minima, then all maxima, then all means.
    """

    first_minute: int
    steps: bytes
    scaled: list[int]
    floats: list[int]
    present: list[tuple[int, bytes]]
    counts: bytes
    minima: bytes
    spans: bytes
    excesses: bytes
    doubles: bytes
    qualities: list[tuple[int, bytes, bytes]]


Column = Sequence[AggregateRow]
Steps = tuple[list[int], list[int], list[int]]


def aggregates_body(dictionary: Dictionary, rows: Sequence[AggregateRow]) -> AggregatesBody:
    """The columns of `rows`. Raises TooLarge, ValueError."""
    axis, columns = _columns(rows)
    in_steps = {number: _steps(column, dictionary.specs[number].resolution) for number, column in columns.items()}
    scaled = [number for number, steps in in_steps.items() if steps is not None]
    floats = [number for number, steps in in_steps.items() if steps is None]
    ordered = [columns[number] for number in (*scaled, *floats)]
    parts = [steps for steps in in_steps.values() if steps is not None]
    minima, spans, excesses = (pack([n for steps in parts for n in steps[part]]) for part in range(3))
    return AggregatesBody(
        axis[0] // MINUTE_MS,
        pack([(after - before) // MINUTE_MS for before, after in pairwise(axis)]),
        scaled,
        floats,
        list(_present(axis, ordered)),
        pack([row.count for column in ordered for row in column]),
        minima,
        spans,
        excesses,
        _doubles([row for number in floats for row in columns[number]]),
        list(_qualities(ordered)),
    )


def _columns(rows: Sequence[AggregateRow]) -> tuple[list[int], Mapping[int, Column]]:
    """The minutes, and the rows of each datastream, in ascending order. Raises TooLarge, ValueError."""
    axis = sorted({row.minute_ms for row in rows})
    if not rows:
        raise ValueError("a batch of aggregates has at least one row")
    if len(rows) > MAX_READINGS or len(axis) > MAX_FRAMES:
        raise TooLarge(f"{len(rows)} aggregates of {len(axis)} minutes do not fit into one batch")
    columns: dict[int, list[AggregateRow]] = {}
    for row in sorted(rows, key=lambda row: (row.number, row.minute_ms)):
        _check(row)
        columns.setdefault(row.number, []).append(row)
        if len(columns[row.number]) > 1 and columns[row.number][-2].minute_ms == row.minute_ms:
            raise ValueError(f"minute {row.minute_ms} of datastream {row.number} is there twice")
    return axis, columns


def _check(row: AggregateRow) -> None:
    check_time(row.minute_ms)
    finite = all(map(math.isfinite, (row.minimum, row.maximum, row.mean)))
    if row.minute_ms % MINUTE_MS or not 0 < row.count <= MAX_FOLDED or not finite or row.minimum > row.maximum:
        raise ValueError(f"{row} cannot be")


def _steps(column: Column, resolution: float) -> Steps | None:
    """Minima, spans and excesses in steps of the resolution, or None where they do not fit."""
    if resolution == 0:
        return None
    per_unit = steps_per_unit(resolution)
    factor, divisor = (per_unit, 1.0) if per_unit else (1, resolution)
    minima, spans, excesses, before = [], [], [], 0
    for row in column:
        minimum, maximum = row.minimum * factor / divisor, row.maximum * factor / divisor
        if max(abs(minimum), abs(maximum)) > MAX_FOLDED:
            return None
        least, span = round(minimum), round(maximum) - round(minimum)
        excess = round((row.mean * factor / divisor - least) * row.count)
        minima.append(fold(least - before))
        spans.append(span)
        excesses.append(min(max(excess, 0), span * row.count))
        before = least
    if max(*minima, *spans, *excesses) > MAX_FOLDED:
        return None
    return minima, spans, excesses


def _doubles(rows: Column) -> bytes:
    minima, maxima = [row.minimum for row in rows], [row.maximum for row in rows]
    means = [min(max(row.mean, row.minimum), row.maximum) for row in rows]
    return struct.pack(f"<{3 * len(rows)}d", *minima, *maxima, *means)


def _present(axis: Sequence[int], columns: Sequence[Column]) -> Iterator[tuple[int, bytes]]:
    position = {minute_ms: index for index, minute_ms in enumerate(axis)}
    for index, column in enumerate(columns):
        if len(column) < len(axis):
            yield index, bitmap([position[row.minute_ms] for row in column], len(axis))


def _qualities(columns: Sequence[Column]) -> Iterator[tuple[int, bytes, bytes]]:
    for index, column in enumerate(columns):
        bad = [at for at, row in enumerate(column) if row.quality]
        if bad:
            yield index, bitmap(bad, len(column)), bytes(column[at].quality for at in bad)
