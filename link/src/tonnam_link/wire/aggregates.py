"""One-minute aggregates as columns: what is left of the oldest readings of a full outbox. Needs no numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from tonnam_link.errors import TooLarge
from tonnam_link.quality import Quality
from tonnam_link.wire.bits import MAX_NUMBER, column_runs, gaps, pack, pack_if_any
from tonnam_link.wire.columns import (
    BY_RESOLUTION,
    DOUBLES,
    MAX_FRAMES,
    MAX_READINGS,
    in_steps,
    pack_axis,
    pack_doubles,
    pack_masks,
    pack_numbers,
)
from tonnam_link.wire.dictionary import Dictionary
from tonnam_link.wire.readings import check_time

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
    """The columns of a batch of aggregates, as docs/link.md tells. Empty parts at the end are left out on the wire.

    The time axis counts minutes. `spans` are maximum minus minimum; `excesses` the sum of what all counted values lie
    above the minimum; both, and `minima`, in steps. `doubles` has minimum, maximum and mean of each row in turn.
    """

    first_minute: int
    minutes: int
    step_minutes: int
    columns: int
    counts: bytes
    minima: bytes = b""
    spans: bytes = b""
    excesses: bytes = b""
    extra_steps: bytes = b""
    forms: bytes = b""
    doubles: bytes = b""
    numbers: bytes = b""
    masks: bytes = b""
    mask_numbers: bytes = b""
    odd: bytes = b""
    qualities: bytes = b""


class _Steps(NamedTuple):
    """A column in whole steps; nothing in it when it goes as doubles."""

    form: int
    minima: Sequence[int] = ()
    spans: Sequence[int] = ()
    excesses: Sequence[int] = ()


def aggregates_body(dictionary: Dictionary, rows: Sequence[AggregateRow]) -> AggregatesBody:
    """The columns of `rows`. Raises TooLarge, ValueError."""
    columns = _columns(rows)
    axis = pack_axis(sorted({row.minute_ms // MINUTE_MS for row in rows}))
    place = {minute: index for index, minute in enumerate(sorted({row.minute_ms for row in rows}))}
    steps = [_steps(column, number, dictionary) for number, column in columns.items()]
    masks, mask_numbers = pack_masks(
        [[place[row.minute_ms] for row in column] for column in columns.values()], len(place)
    )
    flat = [row for column in columns.values() for row in column]
    odd = [position for position, row in enumerate(flat) if row.quality]
    return AggregatesBody(
        axis.first, axis.size, axis.step, len(columns),
        pack([run for column in columns.values() for run in column_runs([row.count for row in column])]),
        pack([run for column in steps for run in column_runs(column.minima)]),
        pack([column.spans for column in steps]),
        pack([column.excesses for column in steps]),
        axis.extra_steps,
        pack_if_any([column.form for column in steps]),
        _doubles([columns[number] for number, part in zip(columns, steps, strict=True) if part.form == DOUBLES]),
        pack_numbers(list(columns)),
        masks, mask_numbers, pack([gaps(odd)]), bytes(flat[position].quality for position in odd),
    )  # fmt: skip


def _columns(rows: Sequence[AggregateRow]) -> dict[int, list[AggregateRow]]:
    """The rows of each datastream, all in ascending order. Raises TooLarge, ValueError."""
    minutes = len({row.minute_ms for row in rows})
    if not rows:
        raise ValueError("a batch of aggregates has at least one row")
    if len(rows) > MAX_READINGS or minutes > MAX_FRAMES:
        raise TooLarge(f"{len(rows)} aggregates of {minutes} minutes do not fit into one batch")
    columns: dict[int, list[AggregateRow]] = {}
    for row in sorted(rows, key=lambda row: (row.number, row.minute_ms)):
        _check(row)
        column = columns.setdefault(row.number, [])
        if column and column[-1].minute_ms == row.minute_ms:
            raise ValueError(f"minute {row.minute_ms} of datastream {row.number} is there twice")
        column.append(row)
    return columns


def _check(row: AggregateRow) -> None:
    check_time(row.minute_ms)
    finite = all(map(math.isfinite, (row.minimum, row.maximum, row.mean)))
    if row.minute_ms % MINUTE_MS or not 0 < row.count <= MAX_READINGS or not finite or row.minimum > row.maximum:
        raise ValueError(f"{row} cannot be")


def _steps(column: Sequence[AggregateRow], number: int, dictionary: Dictionary) -> _Steps:
    """A column in steps of its resolution or, where that is 0, in decimals if it comes back so. Else in doubles."""
    scale = dictionary.scales[number]
    if scale[1]:
        return _in_steps(column, BY_RESOLUTION, scale) or _Steps(DOUBLES)
    for form in range(1, DOUBLES):
        divisor = 10.0 ** (form - 1)
        steps = _in_steps(column, form, (divisor, 1.0))
        if steps is not None and _comes_back(column, steps, divisor):
            return steps
    return _Steps(DOUBLES)


def _in_steps(column: Sequence[AggregateRow], form: int, scale: tuple[float, float]) -> _Steps | None:
    divisor, factor = scale
    minima = in_steps([row.minimum for row in column], scale)
    maxima = in_steps([row.maximum for row in column], scale)
    if minima is None or maxima is None:
        return None
    spans = [most - least for least, most in zip(minima, maxima, strict=True)]
    excesses = []
    for row, least, span in zip(column, minima, spans, strict=True):
        excess = round((row.mean * divisor / factor - least) * row.count)
        excesses.append(min(max(excess, 0), span * row.count))
    return None if max(excesses) > MAX_NUMBER else _Steps(form, minima, spans, excesses)


def _comes_back(column: Sequence[AggregateRow], steps: _Steps, divisor: float) -> bool:
    for row, least, span, excess in zip(column, steps.minima, steps.spans, steps.excesses, strict=True):
        exact = least / divisor == row.minimum and (least + span) / divisor == row.maximum
        if not exact or not math.isclose((least + excess / row.count) / divisor, row.mean, rel_tol=1e-14):
            return False
    return True


def _doubles(columns: Iterable[Sequence[AggregateRow]]) -> bytes:
    numbers: list[float] = []
    for row in chain.from_iterable(columns):
        numbers += row.minimum, row.maximum, min(max(row.mean, row.minimum), row.maximum)
    return pack_doubles(numbers)
