"""Readings as columns. Needs no numpy, so that a small node can seal. The layout is in docs/link.md."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from tonnam_link.dictionary import Dictionary, steps_per_unit
from tonnam_link.errors import TooLarge
from tonnam_link.messages import LATEST_MS, Sample
from tonnam_link.planes import bitmap
from tonnam_link.quality import Quality

MAX_READINGS = 65_536
MAX_FRAMES = 16_384


def check_time(at_ms: int) -> None:
    """Raise ValueError unless `at_ms` lies where batches can carry it."""
    if not 0 <= at_ms <= LATEST_MS:
        raise ValueError(f"{at_ms} ms is no time from 1970 to 9999")


class Row(NamedTuple):
    """One image, with datastreams as numbers of a dictionary."""

    observed_at_ms: int
    samples: Sequence[tuple[int, Sample]]


class ReadingsBody(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The columns of a batch of readings. Little-endian; bitmaps begin with the lowest bit.

    Columns are numbered in order: those of `scaled`, then those of `floats`. `present` has a bitmap over the time
    axis for columns that lack samples; the other sparse parts have bitmaps over the samples of their column.
    """

    first_at_ms: int
    step_bytes: int
    steps: bytes
    scaled: list[int]
    firsts: bytes
    deltas: bytes
    floats: list[int]
    doubles: bytes
    present: list[tuple[int, bytes]]
    unknown: list[tuple[int, bytes]]
    qualities: list[tuple[int, bytes, bytes]]
    raws: list[tuple[int, bytes, bytes]]


def readings_body(dictionary: Dictionary, rows: Sequence[Row]) -> ReadingsBody:
    """The columns of `rows`. Raises TooLarge when they pass the limits of one batch."""
    axis = sorted({row.observed_at_ms for row in rows})
    columns = _columns(axis, rows)
    _check_limits(axis, columns)
    step_bytes, steps = _pack_steps(axis)
    scaled: dict[int, bytes] = {}
    firsts, doubles = bytearray(), bytearray()
    floats: list[int] = []
    for number, cells in columns.items():
        known = [sample.value for sample in cells.values() if sample.value is not None]
        packed = _pack_scaled(known, dictionary.specs[number].resolution)
        if packed is None:
            floats.append(number)
            doubles += struct.pack(f"<{len(known)}d", *known)
        else:
            firsts += packed[0]
            scaled[number] = packed[1]
    order = [*scaled, *floats]
    return ReadingsBody(
        axis[0], step_bytes, steps, list(scaled), bytes(firsts), b"".join(scaled.values()), floats, bytes(doubles),
        *_sparse(len(axis), [columns[number] for number in order]),
    )  # fmt: skip


def _columns(axis: Sequence[int], rows: Sequence[Row]) -> dict[int, dict[int, Sample]]:
    """Datastream number -> position on the axis -> sample, both in ascending order."""
    position = {observed_at_ms: index for index, observed_at_ms in enumerate(axis)}
    columns: dict[int, dict[int, Sample]] = {}
    for row in sorted(rows, key=lambda row: row.observed_at_ms):
        at = position[row.observed_at_ms]
        for number, sample in row.samples:
            columns.setdefault(number, {}).setdefault(at, sample)
    return dict(sorted(columns.items()))


def _check_limits(axis: Sequence[int], columns: Mapping[int, Mapping[int, Sample]]) -> None:
    readings = sum(map(len, columns.values()))
    if not readings:
        raise ValueError("a batch of readings has at least one")
    if readings > MAX_READINGS or len(axis) > MAX_FRAMES:
        raise TooLarge(f"{readings} readings at {len(axis)} instants do not fit into one batch")
    check_time(axis[0])
    check_time(axis[-1])


def _pack_steps(axis: Sequence[int]) -> tuple[int, bytes]:
    steps = [after - before for before, after in pairwise(axis)]
    widest = max(steps, default=0)
    if widest > 0xFFFF_FFFF:
        raise TooLarge("the readings of one batch lie more than 49 days apart")
    width, letter = (2, "H") if widest <= 0xFFFF else (4, "I")
    return width, struct.pack(f"<{len(steps)}{letter}", *steps)


def _pack_scaled(values: Sequence[float], resolution: float) -> tuple[bytes, bytes] | None:
    """The first value in 32 bits and the 16-bit deltas, or None where the values do not fit."""
    if resolution == 0:
        return None
    if not values:
        return b"", b""
    per_unit = steps_per_unit(resolution)
    try:
        if per_unit is None:
            scaled = [round(value / resolution) for value in values]
        else:
            scaled = [round(value * per_unit) for value in values]
        deltas = [after - before for before, after in pairwise(scaled)]
        return struct.pack("<i", scaled[0]), struct.pack(f"<{len(deltas)}h", *deltas)
    except (struct.error, OverflowError):
        return None


def _sparse(
    frames: int, columns: Sequence[Mapping[int, Sample]]
) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """What is not everywhere: absent samples, unknown values, qualities other than good, rejected raw numbers."""
    present: list[Any] = []
    unknown: list[Any] = []
    qualities: list[Any] = []
    raws: list[Any] = []
    for index, cells in enumerate(columns):
        if len(cells) < frames:
            present.append((index, bitmap(cells, frames)))
        samples = list(cells.values())
        bare = [at for at, sample in enumerate(samples) if sample.value is None]
        if bare:
            unknown.append((index, bitmap(bare, len(samples))))
        bad = [at for at, sample in enumerate(samples) if sample.quality]
        if bad:
            words = bytes(samples[at].quality for at in bad)
            qualities.append((index, bitmap(bad, len(samples)), words))
        kept = [(at, sample.raw) for at, sample in enumerate(samples) if sample.raw is not None]
        if kept:
            numbers = struct.pack(f"<{len(kept)}d", *(raw for _, raw in kept))
            raws.append((index, bitmap((at for at, _ in kept), len(samples)), numbers))
    return present, unknown, qualities, raws


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
