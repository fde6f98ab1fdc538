"""Lists of whole numbers in as few bits as they need. In plain Python; docs/link.md has the layout.

A packed list is parted into runs, and each run into blocks of 16 numbers, the last one shorter. All numbers of a
block have the same width. First come the widths of all blocks, as half bytes, then all numbers; low bits come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tonnam_link.errors import Rejected

BLOCK = 16
WIDTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 24, 44)
MAX_NUMBER = 2**44 - 1
_CODES = [min(code for code, width in enumerate(WIDTHS) if width >= needed) for needed in range(45)]


def pack(runs: Iterable[Sequence[int]]) -> bytes:
    """Numbers from 0 to 2**44 - 1. The reader must know how long each run is."""
    codes: list[int] = []
    packed = bytearray()
    bits = filled = 0
    for run in runs:
        for start in range(0, len(run), BLOCK):
            block = run[start : start + BLOCK]
            code = _CODES[max(block).bit_length()]
            codes.append(code)
            width = WIDTHS[code]
            if not width:
                continue
            for number in block:
                bits |= number << filled
                filled += width
            whole = filled >> 3
            packed += (bits & (1 << 8 * whole) - 1).to_bytes(whole, "little")
            bits >>= 8 * whole
            filled &= 7
    if filled:
        packed.append(bits)
    return _half_bytes(codes) + bytes(packed)


def _half_bytes(codes: list[int]) -> bytes:
    even = codes if len(codes) % 2 == 0 else [*codes, 0]
    return bytes(low | high << 4 for low, high in zip(even[::2], even[1::2], strict=True))


def unpack(packed: bytes, runs: Iterable[int]) -> list[int]:
    """What `pack` was given, run after run; `runs` are their lengths. Raises Rejected."""
    blocks = [min(BLOCK, length - start) for length in runs for start in range(0, length, BLOCK)]
    head = (len(blocks) + 1) // 2
    codes = [half for byte in packed[:head] for half in (byte & 15, byte >> 4)]
    if len(codes) < len(blocks):
        raise Rejected("packed numbers are too few")
    numbers: list[int] = []
    bits, filled, at = 0, 0, head
    for length, code in zip(blocks, codes, strict=False):
        width = WIDTHS[code]
        more = (width * length - filled + 7) // 8
        bits |= int.from_bytes(packed[at : at + more], "little") << filled
        at, filled = at + more, filled + 8 * more - width * length
        mask = (1 << width) - 1
        numbers += [bits >> shift & mask for shift in range(0, width * length, width)] if width else [0] * length
        bits >>= width * length
    if at != len(packed):
        raise Rejected("packed numbers are too few or too many")
    return numbers


def pack_if_any(numbers: Sequence[int]) -> bytes:
    """One run; nothing when all of it is 0, which is how an optional list is left out."""
    return pack([numbers]) if any(numbers) else b""


def unpack_if_any(packed: bytes, length: int) -> list[int]:
    """One run of that length; zeros when it was left out. Raises Rejected."""
    return unpack(packed, [length]) if packed else [0] * length


def column_runs(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """A column as differences: in one run its first number, in another what each adds to the one before. Folded."""
    if numbers:
        yield [fold(numbers[0])]
        yield [fold(after - before) for before, after in pairwise(numbers)]


def column_lengths(sizes: Iterable[int]) -> list[int]:
    """The lengths of the runs of columns of these sizes."""
    return [length for size in sizes for length in (min(size, 1), max(size - 1, 0))]


def fold(number: int) -> int:
    """A signed number as an unsigned one: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4."""
    return number << 1 if number >= 0 else ~(number << 1)


def unfold(number: int) -> int:
    """The signed number."""
    return ~(number >> 1) if number & 1 else number >> 1


def bitmap(positions: Iterable[int], size: int) -> bytes:
    """One bit for each of `size` positions, from the lowest bit of the first byte."""
    bits = bytearray((size + 7) // 8)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


def positions(bits: bytes) -> list[int]:
    """Which bits are set."""
    return [8 * at + bit for at, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1]


def gaps(rising: Iterable[int]) -> list[int]:
    """Rising positions as how many lie between each and the one before."""
    found, before = [], -1
    for position in rising:
        found.append(position - before - 1)
        before = position
    return found
