"""Readings as columns. Needs no numpy, so that a small node can seal. The layout is in docs/link.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tonnam_link.errors import TooLarge
from tonnam_link.messages import LATEST_MS, Sample
from tonnam_link.quality import Quality
from tonnam_link.wire.bits import column_runs, gaps, pack, pack_if_any
from tonnam_link.wire.columns import (
    DOUBLES,
    MAX_FRAMES,
    MAX_READINGS,
    pack_axis,
    pack_doubles,
    pack_masks,
    pack_numbers,
    whole_steps,
)
from tonnam_link.wire.dictionary import Dictionary

QUALITY_BITS = 0x0F
HAS_RAW = 0x40
IS_UNKNOWN = 0x80


def check_time(at_ms: int) -> None:
    """Raise ValueError unless `at_ms` lies where batches can carry it."""
    if not 0 <= at_ms <= LATEST_MS:
        raise ValueError(f"{at_ms} ms is no time from 1970 to 9999")


class Row(NamedTuple):
    """One image, with datastreams as numbers of a dictionary."""

    observed_at_ms: int
    samples: Sequence[tuple[int, Sample]]


class ReadingsBody(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The columns of a batch of readings, as docs/link.md tells. Empty parts at the end are left out on the wire.

    `integers` and the parts after it that hold whole numbers are packed as in `bits`. `odd` says how many samples lie
    before each that has a mark, column after column; a mark is a quality, with a bit when the value is unknown and
    one when a rejected number stands in `raws`.
    """

    first_at_ms: int
    frames: int
    step_ms: int
    columns: int
    integers: bytes = b""
    extra_steps: bytes = b""
    forms: bytes = b""
    doubles: bytes = b""
    numbers: bytes = b""
    masks: bytes = b""
    mask_numbers: bytes = b""
    odd: bytes = b""
    marks: bytes = b""
    raws: bytes = b""


def readings_body(dictionary: Dictionary, rows: Sequence[Row]) -> ReadingsBody:
    """The columns of `rows`. Raises TooLarge when they pass the limits of one batch."""
    instants = sorted({row.observed_at_ms for row in rows})
    columns = _columns(instants, rows)
    _check_limits(instants, columns)
    axis = pack_axis(instants)
    forms: list[int] = []
    runs: list[Sequence[int]] = []
    doubles: list[float] = []
    for number, cells in columns.items():
        known = [value for value, _, _ in cells.values() if value is not None]
        form, steps = whole_steps(known, number, dictionary)
        forms.append(form)
        runs += column_runs(steps)
        doubles += known if form == DOUBLES else []
    masks, mask_numbers = pack_masks(list(columns.values()), len(instants))
    odd, marks, raws = _marks([sample for cells in columns.values() for sample in cells.values()])
    return ReadingsBody(
        axis.first, axis.size, axis.step, len(columns), pack(runs), axis.extra_steps, pack_if_any(forms),
        pack_doubles(doubles), pack_numbers(list(columns)), masks, mask_numbers, odd, marks, raws,
    )  # fmt: skip


def _columns(instants: Sequence[int], rows: Sequence[Row]) -> dict[int, dict[int, Sample]]:
    """Datastream number -> position on the instants -> sample, both in ascending order."""
    position = {observed_at_ms: index for index, observed_at_ms in enumerate(instants)}
    columns: dict[int, dict[int, Sample]] = {}
    for row in sorted(rows, key=lambda row: row.observed_at_ms):
        at = position[row.observed_at_ms]
        for number, sample in row.samples:
            columns.setdefault(number, {}).setdefault(at, sample)
    return dict(sorted(columns.items()))


def _check_limits(instants: Sequence[int], columns: Mapping[int, Mapping[int, Sample]]) -> None:
    readings = sum(map(len, columns.values()))
    if not readings:
        raise ValueError("a batch of readings has at least one")
    if readings > MAX_READINGS or len(instants) > MAX_FRAMES:
        raise TooLarge(f"{readings} readings at {len(instants)} instants do not fit into one batch")
    check_time(instants[0])
    check_time(instants[-1])


def _marks(samples: Sequence[Sample]) -> tuple[bytes, bytes, bytes]:
    """Where samples are not simply good and known, what they are, and rejected raw numbers."""
    marks = [
        quality | (IS_UNKNOWN if value is None else 0) | (0 if raw is None else HAS_RAW)
        for value, quality, raw in samples
    ]
    at = [position for position, mark in enumerate(marks) if mark]
    raws = [raw for _, _, raw in samples if raw is not None]
    return pack([gaps(at)]), bytes(marks[position] for position in at), pack_doubles(raws)


def trimmed(body: msgspec.Struct) -> bytes:
    """A body on the wire: an array without the empty parts at its end."""
    parts = list(msgspec.structs.astuple(body))
    while parts[-1] == b"":
        parts.pop()
    return msgspec.msgpack.encode(parts)


def clean(sample: Sample) -> Sample:
    """The sample as it can be sent: a number that is not finite is unknown, and then its quality is not good."""
    value, quality, raw = sample
    if raw is None and type(value) is float and type(quality) is Quality and math.isfinite(value):
        return sample
    if value is not None and not math.isfinite(value):
        value, quality = None, quality or Quality.DEVICE_FAULT
    if raw is not None and not math.isfinite(raw):
        raw = None
    return Sample(None if value is None else float(value), Quality(quality), None if raw is None else float(raw))
