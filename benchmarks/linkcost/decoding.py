"""From bytes to checked arrays, on one core; and what sealing costs a node, in plain Python."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.linkcost import peers
from benchmarks.linkcost.field import IMAGES_A_BATCH, Field
from tonnam_link.messages import Frame
from tonnam_link.topics import Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Row
from tonnam_link.wire.columns import whole_steps
from tonnam_link.wire.decode import decode

ORIGIN = Origin("demo-farm", "edge-1")
EPOCH = -6_148_914_691_236_517_206
SEQUENCE = 70_000
BACKLOG_READINGS = 16_384
SECONDS_EACH = 1.0


@dataclass(frozen=True)
class Speed:
    """Readings of one batch, bytes of it a reading, and readings per second of processor time."""

    readings: int
    bytes_a_reading: float
    readings_s: float
    seal_us: float | None = None


def measure(source: Field, batches: int, seconds: float = SECONDS_EACH) -> dict[str, dict[str, Speed]]:
    """Speeds of live batches and of backlog batches, for ours and for the peers."""
    backlog_images = BACKLOG_READINGS // len(source.specs)
    return {
        "live": _speeds(source, IMAGES_A_BATCH, batches, seconds),
        "backlog": _speeds(source, backlog_images, max(1, batches // 50), seconds),
    }


def _speeds(source: Field, images: int, batches: int, seconds: float) -> dict[str, Speed]:
    rows = list(source.batches(images, batches))
    frames = [list(source.frames(images, number * images)) for number in range(batches)]
    return {
        "Tonnam": _ours(source, rows, seconds),
        "SenML JSON, zstd": _senml(source, frames, seconds),
        "JSON a reading": _singles(frames, seconds),
    }


def _ours(source: Field, rows: Sequence[Sequence[Row]], seconds: float) -> Speed:
    known = {source.dictionary.hash: source.dictionary}
    dictionary = source.dictionary

    def seal() -> list[bytes]:
        return [codec.encode_readings(ORIGIN, EPOCH, SEQUENCE, dictionary, batch) for batch in rows]

    def check() -> None:
        for payload in payloads:
            assert codec.intact(payload, ORIGIN)
            decode(payload, known)

    payloads = seal()
    readings = sum(len(row.samples) for batch in rows for row in batch)
    seal_us = _seconds(seal, seconds) / len(rows) * 1e6
    size = sum(map(len, payloads))
    return Speed(readings // len(rows), size / readings, readings / _seconds(check, seconds), seal_us)


def copying(source: Field, images: int, seconds: float = SECONDS_EACH) -> float:
    """Readings per second when nothing is decoded: numpy only copies the arrays of a batch. No decoder is faster."""
    dictionary, rows = source.dictionary, next(source.batches(images, 1))
    payload = codec.encode_readings(ORIGIN, EPOCH, SEQUENCE, dictionary, rows)
    columns = decode(payload, {dictionary.hash: dictionary}).columns

    def copy() -> None:
        for column in columns:
            for array in (column.observed_at_ms, column.value, column.quality, column.raw):
                array.copy()

    return images * len(source.specs) / _seconds(copy, seconds)


def entropy(source: Field) -> float:
    """Bytes a reading that no coder of single differences can go below.

    The entropy of each datastream's differences in steps, its distribution and the reading before known beforehand.
    """
    bits = readings = 0.0
    for number, spec in enumerate(source.specs):
        values = [image[spec.datastream].value for image in source.images]
        _, steps = whole_steps([value for value in values if value is not None], number, source.dictionary)
        counts = Counter(after - before for before, after in pairwise(steps))
        total = counts.total()
        bits -= sum(count * math.log2(count / total) for count in counts.values())
        readings += total
    return bits / 8 / max(1, readings)


def _senml(source: Field, frames: Sequence[Sequence[Frame]], seconds: float) -> Speed:
    payloads = [peers.senml_zstd(source.specs, batch) for batch in frames]
    readings = sum(len(times) for payload in payloads for times, _ in peers.read_senml_zstd(payload).values())
    taken = _seconds(lambda: [checked(peers.read_senml_zstd(payload)) for payload in payloads], seconds)
    return Speed(readings // len(payloads), sum(map(len, payloads)) / readings, readings / taken)


def _singles(frames: Sequence[Sequence[Frame]], seconds: float) -> Speed:
    groups = [[message for frame in batch for message in peers.single_messages(frame)] for batch in frames]
    readings = sum(map(len, groups))
    size = sum(len(payload) for group in groups for _, payload in group)
    taken = _seconds(lambda: [checked(peers.read_singles(group)) for group in groups], seconds)
    return Speed(readings // len(groups), size / readings, readings / taken)


def checked(columns: peers.Columns) -> list[tuple[str, object, object]]:
    """What a peer has read, as arrays: times that rise and are ones, values that are finite. As ours are checked."""
    found: list[tuple[str, object, object]] = []
    for name, (times, values) in columns.items():
        at, value = np.array(times, np.int64), np.array(values)
        if at[0] < 0 or (np.diff(at) <= 0).any() or not np.isfinite(value).all():
            raise ValueError(f"{name} cannot be")
        found.append((name, at, value))
    return found


def _seconds(what: Callable[[], object], seconds: float) -> float:
    """The shortest processor time of one call, of as many as fit into `seconds`."""
    best = float("inf")
    until = time.monotonic() + seconds
    while True:
        began = time.process_time()
        what()
        best = min(best, time.process_time() - began)
        if time.monotonic() >= until:
            return best
