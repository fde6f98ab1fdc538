"""Sealed readings back to rows, in plain Python: for a node, which has no numpy and thins its own batches."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice

import msgspec

from tonnam_link.dictionary import Dictionary, steps_per_unit
from tonnam_link.envelope import Kind, open_body, open_envelope
from tonnam_link.errors import LinkError, Rejected
from tonnam_link.messages import LATEST_MS, Sample
from tonnam_link.planes import positions
from tonnam_link.quality import Quality
from tonnam_link.readings import MAX_FRAMES, MAX_READINGS, ReadingsBody, Row

Cells = tuple[list[int], list[Sample]]


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
    numbers = [*body.scaled, *body.floats]
    _check_indexes(numbers, len(dictionary.specs))
    axis = _axis(body)
    rows: list[list[tuple[int, Sample]]] = [[] for _ in axis]
    for number, (places, samples) in zip(numbers, _columns(body, axis, dictionary), strict=True):
        for place, sample in zip(places, samples, strict=True):
            rows[place].append((number, sample))
    return [Row(at, samples) for at, samples in zip(axis, rows, strict=True) if samples]


def _check_indexes(indexes: Sequence[int], size: int) -> None:
    if len(set(indexes)) < len(indexes) or not all(0 <= index < size for index in indexes):
        raise Rejected("a column is named twice, or is not there")


def _axis(body: ReadingsBody) -> list[int]:
    letter = {2: "H", 4: "I"}.get(body.step_bytes)
    if letter is None or not 0 <= body.first_at_ms <= LATEST_MS or len(body.steps) >= MAX_FRAMES * body.step_bytes:
        raise Rejected("the time axis is malformed")
    steps = struct.unpack(f"<{len(body.steps) // body.step_bytes}{letter}", body.steps)
    axis = list(accumulate(steps, initial=body.first_at_ms))
    if 0 in steps or axis[-1] > LATEST_MS:
        raise Rejected("the time axis does not rise, or passes 9999")
    return axis


def _columns(body: ReadingsBody, axis: Sequence[int], dictionary: Dictionary) -> list[Cells]:
    """For each column the places on the axis that it has, and the samples there."""
    count = len(body.scaled) + len(body.floats)
    for part in (body.present, body.unknown, body.qualities, body.raws):
        _check_indexes([each[0] for each in part], count)
    present = dict(body.present)
    places = [positions(present[i], len(axis)) if i in present else list(range(len(axis))) for i in range(count)]
    if not all(places) or sum(map(len, places)) > MAX_READINGS:
        raise Rejected("a column without samples, or too many readings")
    lengths = [len(each) for each in places]
    unknown = {index: set(positions(bits, lengths[index])) for index, bits in body.unknown}
    known = [lengths[index] - len(unknown.get(index, ())) for index in range(count)]
    values = _values(body, known, dictionary)
    qualities, raws = _qualities(body, lengths), _raws(body, lengths)
    columns = []
    for index, length in enumerate(lengths):
        bare, bad, rejected = unknown.get(index, set()), qualities.get(index, {}), raws.get(index, {})
        samples = []
        for at in range(length):
            value = None if at in bare else next(values)
            samples.append(Sample(value, bad.get(at, Quality.GOOD), rejected.get(at)))
        columns.append((places[index], samples))
    return columns


def _values(body: ReadingsBody, known: Sequence[int], dictionary: Dictionary) -> Iterator[float]:
    """The known values, column after column; `known` says how many each column has."""
    scaled = len(body.scaled)
    filled = [(number, size) for number, size in zip(body.scaled, known, strict=False) if size]
    total = sum(size for _, size in filled)
    firsts = iter(struct.unpack(f"<{len(filled)}i", body.firsts))
    deltas = iter(struct.unpack(f"<{total - len(filled)}h", body.deltas))
    doubles = struct.unpack(f"<{sum(known[scaled:])}d", body.doubles)
    if not all(map(math.isfinite, doubles)):
        raise Rejected("a value is not finite")
    values: list[float] = []
    for number, size in filled:
        resolution = dictionary.specs[number].resolution
        if not resolution:
            raise Rejected("a datastream without a resolution is sent as scaled integers")
        per_unit = steps_per_unit(resolution)
        steps = accumulate(islice(deltas, size - 1), initial=next(firsts))
        values += [step / per_unit if per_unit else step * resolution for step in steps]
    return chain(values, doubles)


def _qualities(body: ReadingsBody, lengths: Sequence[int]) -> dict[int, dict[int, Quality]]:
    found = {}
    for index, bits, words in body.qualities:
        qualities = [Quality(word) for word in words]
        if not all(qualities):
            raise Rejected("a good sample is told as not good")
        found[index] = dict(zip(positions(bits, lengths[index]), qualities, strict=True))
    return found


def _raws(body: ReadingsBody, lengths: Sequence[int]) -> dict[int, dict[int, float]]:
    found = {}
    for index, bits, packed in body.raws:
        numbers = [number for (number,) in struct.iter_unpack("<d", packed)]
        if not all(map(math.isfinite, numbers)):
            raise Rejected("a rejected raw number is not finite")
        found[index] = dict(zip(positions(bits, lengths[index]), numbers, strict=True))
    return found
