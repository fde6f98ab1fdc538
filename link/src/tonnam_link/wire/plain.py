"""Sealed readings back to rows, in plain Python: for a node, which has no numpy and thins its own batches."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice

import msgspec

from tonnam_link.errors import LinkError, Rejected
from tonnam_link.messages import LATEST_MS, Sample
from tonnam_link.quality import Quality
from tonnam_link.wire.bits import column_lengths, unfold, unpack, unpack_if_any
from tonnam_link.wire.columns import DOUBLES, Axis, check_forms, scale_of, unpack_axis, unpack_masks, unpack_numbers
from tonnam_link.wire.dictionary import Dictionary
from tonnam_link.wire.envelope import Kind, open_body, open_envelope
from tonnam_link.wire.readings import HAS_RAW, IS_UNKNOWN, QUALITY_BITS, ReadingsBody, Row


def rows_of(payload: bytes, dictionary: Dictionary) -> list[Row]:
    """The rows of a batch of readings, in order of time, as the receiver would read them. Raises Rejected."""
    try:
        return _rows_of(payload, dictionary)
    except LinkError:
        raise
    except (ValueError, OverflowError, IndexError, RecursionError, struct.error) as error:
        raise Rejected(f"malformed: {error}") from error


def _rows_of(payload: bytes, dictionary: Dictionary) -> list[Row]:
    envelope = open_envelope(payload)
    if envelope.kind != Kind.READINGS or envelope.dictionary != dictionary.digest:
        raise Rejected("not a batch of readings of this dictionary")
    body = msgspec.msgpack.decode(open_body(envelope), type=ReadingsBody)
    numbers = unpack_numbers(body.numbers, body.columns, dictionary)
    instants = unpack_axis(Axis(body.first_at_ms, body.frames, body.step_ms, body.extra_steps), LATEST_MS)
    places = unpack_masks(body.masks, body.mask_numbers, body.columns, len(instants))
    samples = _samples(body, numbers, list(map(len, places)), dictionary)
    rows: list[list[tuple[int, Sample]]] = [[] for _ in instants]
    for number, positions in zip(numbers, places, strict=True):
        for position, sample in zip(positions, samples, strict=False):
            rows[position].append((number, sample))
    return [Row(at, found) for at, found in zip(instants, rows, strict=True) if found]


def _samples(
    body: ReadingsBody, numbers: Sequence[int], sizes: Sequence[int], dictionary: Dictionary
) -> Iterator[Sample]:
    """All samples, column after column."""
    if not (body.odd or body.marks or body.raws):
        return map(Sample, _values(body, numbers, sizes, dictionary))
    marks = _marks(body, sum(sizes))
    raws = iter(_doubles(body.raws, sum(mark & HAS_RAW > 0 for mark in marks)))
    ends = list(accumulate(sizes))
    known = [
        size - sum(mark & IS_UNKNOWN > 0 for mark in marks[end - size : end])
        for size, end in zip(sizes, ends, strict=True)
    ]
    values = _values(body, numbers, known, dictionary)
    samples = []
    for mark in marks:
        if not mark:
            samples.append(Sample(next(values)))
            continue
        value = None if mark & IS_UNKNOWN else next(values)
        samples.append(Sample(value, Quality(mark & QUALITY_BITS), next(raws) if mark & HAS_RAW else None))
    return iter(samples)


def _marks(body: ReadingsBody, samples: int) -> bytes:
    """One mark for every sample."""
    if len(body.marks) > samples or 0 in body.marks:
        raise Rejected("the marks are too many, or one marks nothing")
    all_marks = bytearray(samples)
    at = -1
    for gap, mark in zip(unpack(body.odd, [len(body.marks)]), body.marks, strict=True):
        at += gap + 1
        if mark & ~(QUALITY_BITS | HAS_RAW | IS_UNKNOWN):
            raise Rejected("an unknown mark")
        all_marks[at] = mark
    return bytes(all_marks)


def _values(
    body: ReadingsBody, numbers: Sequence[int], known: Sequence[int], dictionary: Dictionary
) -> Iterator[float]:
    """The known values, column after column; `known` says how many each column has."""
    forms = unpack_if_any(body.forms, len(numbers))
    check_forms(forms)
    in_steps = [size for form, size in zip(forms, known, strict=True) if form != DOUBLES]
    steps = map(unfold, unpack(body.integers, column_lengths(in_steps)))
    doubles = iter(_doubles(body.doubles, sum(known) - sum(in_steps)))
    parts: list[Iterator[float]] = []
    for form, number, size in zip(forms, numbers, known, strict=True):
        if form == DOUBLES:
            parts.append(iter(list(islice(doubles, size))))
            continue
        divisor, factor = scale_of(form, number, dictionary)
        parts.append(iter([step / divisor * factor for step in accumulate(islice(steps, size))]))
    return chain.from_iterable(parts)


def _doubles(packed: bytes, size: int) -> Sequence[float]:
    doubles = struct.unpack(f"<{size}d", packed)
    if not all(map(math.isfinite, doubles)):
        raise Rejected("a number is not finite")
    return doubles
