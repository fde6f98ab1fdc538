"""What readings and aggregates have in common on the wire: time axis, columns, scales. In plain Python.

The columns of a batch stand in ascending order of their numbers in the dictionary.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from tonnam_link.errors import Rejected, TooLarge
from tonnam_link.wire.bits import bitmap, gaps, pack_if_any, positions, unpack_if_any
from tonnam_link.wire.dictionary import Dictionary

MAX_READINGS = 65_536
MAX_FRAMES = 16_384

BY_RESOLUTION = 0
DOUBLES = 8
MAX_STEPS = 2**42 - 1
MAX_STEP = 2**32 - 1


class Axis(NamedTuple):
    """Instants in ascending order: the first, how many, the shortest step, and what each step is longer than that."""

    first: int
    size: int
    step: int
    extra_steps: bytes


def pack_axis(instants: Sequence[int]) -> Axis:
    """Raises TooLarge when neighbours lie 2**32 units apart."""
    steps = [after - before for before, after in pairwise(instants)]
    if max(steps, default=0) > MAX_STEP:
        raise TooLarge("the times of one batch lie too far apart")
    shortest = min(steps, default=0)
    return Axis(instants[0], len(instants), shortest, pack_if_any([step - shortest for step in steps]))


def unpack_axis(axis: Axis, latest: int) -> list[int]:
    """The instants. Raises Rejected."""
    check_axis(axis, latest)
    extra = unpack_if_any(axis.extra_steps, axis.size - 1)
    instants = list(accumulate((axis.step + more for more in extra), initial=axis.first))
    if instants[-1] > latest:
        raise Rejected("a time lies after 9999")
    return instants


def check_axis(axis: Axis, latest: int) -> None:
    """Raise Rejected unless the times rise from one that there is."""
    rises = 0 < axis.step <= MAX_STEP if axis.size > 1 else axis.step == 0
    if not (0 < axis.size <= MAX_FRAMES and 0 <= axis.first <= latest and rises):
        raise Rejected("the time axis is malformed")


def pack_numbers(numbers: Sequence[int]) -> bytes:
    """Which of the dictionary's datastreams have a column; nothing when they are the first ones."""
    return pack_if_any(gaps(numbers))


def unpack_numbers(packed: bytes, columns: int, dictionary: Dictionary) -> list[int]:
    """The dictionary's numbers of the columns. Raises Rejected."""
    if not 0 < columns <= len(dictionary.specs):
        raise Rejected("there are no columns, or more than datastreams")
    numbers = [at - 1 for at in accumulate(gap + 1 for gap in unpack_if_any(packed, columns))]
    if numbers[-1] >= len(dictionary.specs):
        raise Rejected("a column of a datastream that is not there")
    return numbers


def pack_masks(columns: Sequence[Collection[int]], size: int) -> tuple[bytes, bytes]:
    """Which instants each column has: the bitmaps that occur, and for each column the number of its bitmap.

    Number 0 is a column that has all `size` instants. Nothing when all columns are so.
    """
    of_column = [bitmap(places, size) if len(places) < size else b"" for places in columns]
    found = {bits: number for number, bits in enumerate(dict.fromkeys([b"", *of_column]))}
    return b"".join(found), pack_if_any([found[bits] for bits in of_column])


def choose_masks(masks: bytes, packed: bytes, columns: int, size: int) -> list[bytes | None]:
    """For each column its bitmap; None for one that has all `size` instants. Raises Rejected.

    What is chosen unpacks to no more than a batch may hold.
    """
    width = (size + 7) // 8
    if len(masks) % width:
        raise Rejected("a bitmap has the wrong length")
    found = [masks[start : start + width] for start in range(0, len(masks), width)]
    samples = [size]
    for bits in found:
        whole = int.from_bytes(bits, "little")
        if whole >> size:
            raise Rejected("a bitmap has bits past its end")
        samples.append(whole.bit_count())
    chosen = unpack_if_any(packed, columns)
    if max(chosen) >= len(samples):
        raise Rejected("a column names a bitmap that is not there")
    check_sizes([samples[number] for number in chosen])
    return [found[number - 1] if number else None for number in chosen]


def unpack_masks(masks: bytes, packed: bytes, columns: int, size: int) -> list[Sequence[int]]:
    """For each column the positions on the axis that it has. Raises Rejected."""
    chosen = choose_masks(masks, packed, columns, size)
    places = {bits: range(size) if bits is None else positions(bits) for bits in dict.fromkeys(chosen)}
    return [places[bits] for bits in chosen]


def check_sizes(sizes: Collection[int]) -> None:
    """Raise Rejected unless every column has something, and all together not too much."""
    if not all(sizes) or sum(sizes) > MAX_READINGS:
        raise Rejected(f"a column without samples, or more than {MAX_READINGS} in all")


def in_steps(values: Sequence[float], scale: tuple[float, float]) -> list[int] | None:
    """Values in whole steps of a scale, or None where they do not fit."""
    divisor, factor = scale
    try:
        steps = [round(value * divisor / factor) for value in values]
    except OverflowError:
        return None
    if steps and max(max(steps), -min(steps)) > MAX_STEPS:
        return None
    return steps


def whole_steps(values: Sequence[float], number: int, dictionary: Dictionary) -> tuple[int, list[int]]:
    """The form of a column and its values in steps; no steps in the form that sends doubles.

    Where the datastream has no resolution, values that are decimals with few places go in steps of the last place,
    if each comes back exactly.
    """
    scale = dictionary.scales[number]
    if scale[1]:
        steps = in_steps(values, scale)
        return (DOUBLES, []) if steps is None else (BY_RESOLUTION, steps)
    for form in range(1, DOUBLES):
        divisor = 10.0 ** (form - 1)
        steps = in_steps(values, (divisor, 1.0))
        if steps is not None and all(step / divisor == value for step, value in zip(steps, values, strict=True)):
            return form, steps
    return DOUBLES, []


def scale_of(form: int, number: int, dictionary: Dictionary) -> tuple[float, float]:
    """What a number of steps is divided by and then multiplied with. Raises Rejected."""
    if form != BY_RESOLUTION:
        return 10.0 ** (form - 1), 1.0
    if not dictionary.scales[number][1]:
        raise Rejected("a datastream without a resolution is sent in steps of it")
    return dictionary.scales[number]


def check_forms(forms: Collection[int]) -> None:
    """Raise Rejected when there is a form that there is not."""
    if max(forms) > DOUBLES:
        raise Rejected(f"unknown form {max(forms)} of a column")


def pack_doubles(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)
