"""How the embedded store packs readings into blobs: a log record (many columns, as they came) and a chunk (one
datastream, sorted, small). Pure: bytes in, arrays out, and back exactly, bit for bit but for the sign of zero.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

from tonnam_cloud.errors import CloudError
from tonnam_cloud.store.port import Codes, Column, Floats, Millis, Series

VERSION = 1
_RECORD_HEAD = struct.Struct("<BII")  # version, columns, readings
_CHUNK_HEAD = struct.Struct(
    "<BBBbIq"
)  # version, flags, width of time steps, decimals (or _FLOATS), count, first time
_HAS_UNKNOWN, _HAS_QUALITY, _HAS_RAW = 1, 2, 4
_WIDTHS = (1, 2, 4, 8)
_MOST_DECIMALS = 6
_WHOLE_HEAD = struct.Struct("<qB")  # first number, width of the steps
_FLOATS = -1
_LARGEST_EXACT = float(2**52)
_Scalar = TypeVar("_Scalar", bound=np.generic)


class _Zstd(threading.local):
    """A compressor costs more to make than to use on a small blob, and is for one thread."""

    def __init__(self) -> None:
        self.fast = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self.small = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self.reader = zstandard.ZstdDecompressor()


_zstd = _Zstd()


class Unreadable(CloudError):
    """A blob of the store that this version cannot read."""


class Damaged(Unreadable):
    """A blob of the store that is not what was written. What is beside it can still be read."""


@dataclass(frozen=True)
class Record:
    """A batch in the log: columns one after the other in flat arrays. `numbers` and `counts` are one per column."""

    numbers: NDArray[np.uint32]
    counts: NDArray[np.uint32]
    observed_at_ms: Millis
    value: Floats
    quality: Codes
    raw: Floats

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where each column ends in the flat arrays."""
        return np.cumsum(self.counts, dtype=np.int64)

    def of(self, number: int) -> list[Series]:
        """The columns of one datastream, as they came (not sorted)."""
        found = []
        for place in np.flatnonzero(self.numbers == number):
            end = int(self.ends[place])
            part = slice(end - int(self.counts[place]), end)
            found.append(Series(self.observed_at_ms[part], self.value[part], self.quality[part], self.raw[part]))
        return found


def make_record(numbers: Sequence[int], columns: Sequence[Column]) -> Record:
    """A batch's columns as one record; `numbers` are the datastreams' numbers in this store."""
    return Record(
        np.array(numbers, np.uint32),
        np.array([len(column.observed_at_ms) for column in columns], np.uint32),
        np.concatenate([column.observed_at_ms for column in columns], dtype=np.int64),
        np.concatenate([column.value for column in columns], dtype=np.float64),
        np.concatenate([column.quality for column in columns], dtype=np.uint8),
        np.concatenate([column.raw for column in columns], dtype=np.float64),
    )


def pack_record(record: Record) -> bytes:
    """A record as a blob. Built for speed: it is packed again, and better, within minutes."""
    has_raw = not np.isnan(record.raw).all()
    parts = [
        _RECORD_HEAD.pack(VERSION, len(record.numbers), len(record.observed_at_ms)),
        record.numbers.tobytes(),
        record.counts.tobytes(),
        record.observed_at_ms.tobytes(),
        record.value.tobytes(),
        record.quality.tobytes(),
        record.raw.tobytes() if has_raw else b"",
    ]
    return _zstd.fast.compress(b"".join(parts))


def unpack_record(blob: bytes) -> Record:
    """A record from its blob. The arrays are read-only. Raises Damaged, Unreadable."""
    plain = _decompress(blob)
    with _damage():
        version, columns, readings = _RECORD_HEAD.unpack_from(plain)
        _check(version)
        record = _record(plain, columns, readings)
        if int(record.counts.sum()) != readings:
            raise Damaged("a blob of the store has other columns than readings")
    return record


def _record(plain: bytes, columns: int, readings: int) -> Record:
    cursor = _Cursor(plain, _RECORD_HEAD.size)
    numbers, counts = cursor.take(np.uint32, columns), cursor.take(np.uint32, columns)
    times, values = cursor.take(np.int64, readings), cursor.take(np.float64, readings)
    quality = cursor.take(np.uint8, readings)
    raw = cursor.take(np.float64, readings) if cursor.left else np.full(readings, np.nan)
    return Record(numbers, counts, times, values, quality, raw)


def by_datastream(records: Sequence[Record], among: Sequence[int] | None = None) -> Iterator[tuple[int, Series]]:
    """The readings of some records by datastream number, sorted, each time once, the first written first.

    With `among`, those of these datastreams only.
    """
    if not records:
        return
    numbers = np.concatenate([np.repeat(record.numbers, record.counts) for record in records])
    times = np.concatenate([record.observed_at_ms for record in records])
    wanted = np.arange(len(numbers)) if among is None else np.flatnonzero(np.isin(numbers, among))
    if not len(wanted):
        return
    order = wanted[np.lexsort((times[wanted], numbers[wanted]))]
    numbers, times = numbers[order], times[order]
    other = numbers[1:] != numbers[:-1]
    keep = np.concatenate(([True], other | (times[1:] != times[:-1])))
    numbers, times, order = numbers[keep], times[keep], order[keep]
    value = np.concatenate([record.value for record in records])[order]
    quality = np.concatenate([record.quality for record in records])[order]
    raw = np.concatenate([record.raw for record in records])[order]
    edges = [0, *(np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist(), len(numbers)]
    for first, end in pairwise(edges):
        part = slice(first, end)
        yield int(numbers[first]), Series(times[part], value[part], quality[part], raw[part])


def pack_chunk(series: Series) -> bytes:
    """A sorted series, not empty, as a small blob."""
    unknown = np.isnan(series.value)
    flags, optional, known = 0, [], series.value
    if unknown.any():
        known = known[~unknown]
        flags |= _HAS_UNKNOWN
        optional.append(np.packbits(unknown).tobytes())
    if series.quality.any():
        flags |= _HAS_QUALITY
        optional.append(series.quality.tobytes())
    if not np.isnan(series.raw).all():
        flags |= _HAS_RAW
        optional.append(_transposed(series.raw))
    width, steps = _narrow((series.observed_at_ms[1:] - series.observed_at_ms[:-1]).astype(np.uint64))
    decimals, numbers = _pack_values(known)
    head = _CHUNK_HEAD.pack(VERSION, flags, width, decimals, len(series), int(series.observed_at_ms[0]))
    return _zstd.small.compress(b"".join([head, steps, *optional, numbers]))


def unpack_chunk(blob: bytes) -> Series:
    """A sorted series from its blob. Raises Damaged, Unreadable."""
    plain = _decompress(blob)
    with _damage():
        return _series(plain)


def _series(plain: bytes) -> Series:
    version, flags, width, decimals, count, first_ms = _CHUNK_HEAD.unpack_from(plain)
    _check(version)
    cursor = _Cursor(plain, _CHUNK_HEAD.size)
    times = np.empty(count, np.int64)
    times[0] = first_ms
    times[1:] = first_ms + np.cumsum(cursor.take_whole(width, count - 1))
    unknown = np.zeros(count, np.bool_)
    if flags & _HAS_UNKNOWN:
        unknown = np.unpackbits(cursor.take(np.uint8, (count + 7) // 8), count=count).astype(np.bool_)
    quality = cursor.take(np.uint8, count) if flags & _HAS_QUALITY else np.zeros(count, np.uint8)
    raw = _untransposed(cursor.take(np.uint8, 8 * count)) if flags & _HAS_RAW else np.full(count, np.nan)
    value = np.full(count, np.nan)
    value[~unknown] = _unpack_values(cursor, decimals, count - int(unknown.sum()))
    return Series(times, value, quality, raw)


def _pack_values(values: Floats) -> tuple[int, bytes]:
    """Known values as (decimals, bytes): steps between scaled whole numbers where that is exact, else floats."""
    with np.errstate(over="ignore"):
        for decimals in range(_MOST_DECIMALS + 1):
            scaled = np.rint(values * 10.0**decimals)
            if (scaled / 10.0**decimals == values).all() and (np.abs(scaled) < _LARGEST_EXACT).all():
                return decimals, _pack_whole(scaled.astype(np.int64))
    return _FLOATS, _transposed(values)


def _pack_whole(numbers: NDArray[np.int64]) -> bytes:
    """The first number, the width of the steps, and the steps, folded so that small negative ones are small."""
    if not len(numbers):
        return b""
    steps = numbers[1:] - numbers[:-1]
    width, body = _narrow(((steps << 1) ^ (steps >> 63)).astype(np.uint64))
    return _WHOLE_HEAD.pack(int(numbers[0]), width) + body


def _unpack_values(cursor: _Cursor, decimals: int, count: int) -> Floats:
    if not count:
        return np.empty(0, np.float64)
    if decimals == _FLOATS:
        return _untransposed(cursor.take(np.uint8, 8 * count))
    first, width = _WHOLE_HEAD.unpack(cursor.take(np.uint8, _WHOLE_HEAD.size).tobytes())
    folded = cursor.take_whole(width, count - 1)
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    numbers[1:] = first + np.cumsum((folded >> 1) ^ -(folded & 1))
    return numbers / 10.0**decimals


def _narrow(numbers: NDArray[np.uint64]) -> tuple[int, bytes]:
    """Whole numbers in the fewest bytes each that hold the largest."""
    largest = int(numbers.max(initial=0))
    width = next(width for width in _WIDTHS if largest < 1 << (8 * width))
    return width, numbers.astype(f"<u{width}").tobytes()


def _transposed(values: Floats) -> bytes:
    """Floats with their first bytes together, then their second ones: zstd finds more in that."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8).T.tobytes()


def _untransposed(octets: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(octets.reshape(8, -1).T).reshape(-1).view(np.float64)


class _Cursor:
    """Reads arrays one after the other from bytes."""

    def __init__(self, plain: bytes, start: int) -> None:
        self._plain, self._at = plain, start

    @property
    def left(self) -> int:
        return len(self._plain) - self._at

    def take(self, kind: type[_Scalar], count: int) -> NDArray[_Scalar]:
        found = np.frombuffer(self._plain, kind, count, self._at)
        self._at += found.nbytes
        return found

    def take_whole(self, width: int, count: int) -> NDArray[np.int64]:
        """Whole numbers, not negative, of `width` bytes each."""
        found = np.frombuffer(self._plain, f"<u{width}", count, self._at)
        self._at += found.nbytes
        return found.astype(np.int64)


def _decompress(blob: bytes) -> bytes:
    try:
        return _zstd.reader.decompress(blob)
    except zstandard.ZstdError as error:
        raise Damaged("a blob of the store is damaged") from error


@contextmanager
def _damage() -> Iterator[None]:
    """What does not fit into its own lengths is damaged."""
    try:
        yield
    except (ValueError, IndexError, struct.error) as error:
        raise Damaged(f"a blob of the store is damaged: {error}") from error


def _check(version: int) -> None:
    if version != VERSION:
        raise Unreadable(f"a blob of the store has version {version}; this Tonnam reads version {VERSION}")
