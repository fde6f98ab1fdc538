"""The parts of a body as numpy arrays: what `bits` and `columns` do in plain Python, without an object per number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonnam_link.errors import Rejected
from tonnam_link.wire import bits
from tonnam_link.wire.bits import BLOCK, WIDTHS
from tonnam_link.wire.columns import Axis, check_axis, check_forms, check_sizes, choose_masks, scale_of
from tonnam_link.wire.dictionary import Dictionary

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

FEW = 64
_WIDTHS = np.array(WIDTHS, np.int64)
_MASKS = (np.uint64(1) << _WIDTHS.astype(np.uint64)) - np.uint64(1)


def unpack(packed: bytes, runs: Whole) -> Whole:
    """The numbers of a packed list, run after run; `runs` are their lengths. Raises Rejected."""
    in_run = (runs + BLOCK - 1) // BLOCK
    lengths = np.full(in_run.sum(), BLOCK, np.int64)
    lengths[np.cumsum(in_run)[runs > 0] - 1] = (runs[runs > 0] - 1) % BLOCK + 1
    head = (len(lengths) + 1) // 2
    codes = _half_bytes(packed[:head])[: len(lengths)]
    if len(codes) < len(lengths):
        raise Rejected("packed numbers are too few")
    widths = np.repeat(_WIDTHS[codes], lengths)
    ends = np.cumsum(widths)
    total = int(ends[-1]) if len(ends) else 0
    if len(packed) != head + (total + 7) // 8:
        raise Rejected("packed numbers are too few or too many")
    starts = ends - widths
    words = np.ndarray((len(packed) - head + 1,), "<u8", packed[head:] + bytes(8), strides=(1,))
    numbers = words[starts >> 3] >> (starts & 7).astype(np.uint64) & np.repeat(_MASKS[codes], lengths)
    whole: Whole = numbers.astype(np.int64)
    return whole


def _half_bytes(packed: bytes) -> NDArray[np.uint8]:
    both = np.frombuffer(packed, np.uint8)
    codes = np.empty(2 * len(both), np.uint8)
    codes[::2], codes[1::2] = both & 15, both >> 4
    return codes


def unpack_if_any(packed: bytes, length: int) -> Whole:
    """One run of that length; zeros when it was left out. Raises Rejected."""
    if length <= FEW:  # numpy takes longer to begin
        return np.array(bits.unpack_if_any(packed, length), np.int64)
    return unpack(packed, np.array([length])) if packed else np.zeros(length, np.int64)


def unpack_forms(packed: bytes, columns: int) -> Whole:
    """The forms of columns. Raises Rejected."""
    forms = unpack_if_any(packed, columns)
    check_forms(forms.tolist())
    return forms


def unpack_columns(packed: bytes, sizes: Whole) -> Whole:
    """The whole numbers of columns of these sizes, which travel as differences. Raises Rejected."""
    runs = np.empty(2 * len(sizes), np.int64)
    runs[::2] = sizes > 0
    runs[1::2] = sizes - runs[::2]
    folded = unpack(packed, runs)
    sums = np.cumsum(folded >> 1 ^ -(folded & 1))
    ends = np.cumsum(sizes)[sizes > 0]
    before = np.concatenate((np.zeros(1, np.int64), sums[ends[:-1] - 1]))
    return sums - np.repeat(before, sizes[sizes > 0]) if len(sums) else sums


def unpack_axis(axis: Axis, latest: int) -> Whole:
    """The instants. Raises Rejected."""
    check_axis(axis, latest)
    instants = np.empty(axis.size, np.int64)
    instants[0] = 0
    np.cumsum(unpack_if_any(axis.extra_steps, axis.size - 1) + axis.step, out=instants[1:])
    instants += axis.first
    if instants[-1] > latest:
        raise Rejected("a time lies after 9999")
    return instants


def unpack_times(instants: Whole, masks: bytes, packed: bytes, columns: int) -> tuple[Whole, Whole]:
    """The instants of all samples, column after column, and how many each column has. Raises Rejected."""
    if not packed and not masks:
        check_sizes([len(instants)] * columns)
        return np.tile(instants, columns), np.full(columns, len(instants))
    chosen = choose_masks(masks, packed, columns, len(instants))
    parts = {
        bits: instants if bits is None else instants[_flags(bits, len(instants))] for bits in dict.fromkeys(chosen)
    }
    sizes = np.array([len(parts[bits]) for bits in chosen])
    return np.concatenate([parts[bits] for bits in chosen]), sizes


def _flags(bitmap: bytes, size: int) -> Flags:
    return np.unpackbits(np.frombuffer(bitmap, np.uint8), count=size, bitorder="little").view(np.bool_)


def unpack_odd(packed: bytes, marks: bytes, samples: int) -> tuple[Whole, NDArray[np.uint8]]:
    """Which samples have a mark, and the marks. Raises Rejected."""
    if len(marks) > samples or 0 in marks:
        raise Rejected("the marks are too many, or one marks nothing")
    at = np.cumsum(unpack(packed, np.array([len(marks)])) + 1) - 1
    if len(at) and at[-1] >= samples:
        raise Rejected("a mark of a sample that is not there")
    return at, np.frombuffer(marks, np.uint8)


def unpack_doubles(packed: bytes, size: int) -> Floats:
    """Exactly `size` float64. Raises Rejected."""
    doubles = np.frombuffer(packed, "<f8")
    if len(doubles) != size or not np.isfinite(doubles).all():
        raise Rejected("the float64 numbers are too few, too many or not finite")
    return doubles


def scales(columns: Sequence[tuple[int, int]], sizes: Whole, dictionary: Dictionary) -> tuple[Floats, Floats]:
    """For each number of columns in steps, what it is divided by and then multiplied with. Raises Rejected.

    A column is its form and its number in the dictionary.
    """
    found = [scale_of(form, number, dictionary) for form, number in columns]
    divisor, factor = np.array(found, np.float64).reshape(-1, 2).T
    return np.repeat(divisor, sizes), np.repeat(factor, sizes)
