"""Whole numbers as bytes that compress well: all lowest bytes first, then all second bytes, and so on.

A list of unsigned numbers begins with one byte that says how many bytes each takes (1, 2 or 4); an empty list is
empty. Signed numbers are folded into unsigned ones first: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from tonnam_link.errors import Rejected

LETTERS = {1: "B", 2: "H", 4: "I"}
MAX_FOLDED = 0xFFFF_FFFF


def pack(numbers: Sequence[int]) -> bytes:
    """Numbers from 0 to 2**32 - 1."""
    if not numbers:
        return b""
    most = max(numbers)
    width = 1 if most <= 0xFF else 2 if most <= 0xFFFF else 4
    straight = struct.pack(f"<{len(numbers)}{LETTERS[width]}", *numbers)
    return bytes([width]) + b"".join(straight[plane::width] for plane in range(width))


def unpack(packed: bytes, limit: int) -> tuple[int, ...]:
    """What `pack` was given. Raises Rejected, also when it is more than `limit` numbers."""
    width, size = shape(packed, limit)
    straight = bytearray(width * size)
    for plane in range(width):
        straight[plane::width] = packed[1 + plane * size : 1 + (plane + 1) * size]
    return struct.unpack(f"<{size}{LETTERS[width]}", straight)


def shape(packed: bytes, limit: int) -> tuple[int, int]:
    """How many bytes each number takes, and how many numbers there are. Raises Rejected."""
    if not packed:
        return 1, 0
    width = packed[0]
    if width not in LETTERS or (len(packed) - 1) % width or len(packed) > 1 + limit * width:
        raise Rejected("packed numbers are malformed or too many")
    return width, (len(packed) - 1) // width


def fold(number: int) -> int:
    """A signed number as an unsigned one: small ones stay small."""
    return number << 1 if number >= 0 else ~(number << 1)


def unfold(number: int) -> int:
    """The signed number."""
    return number >> 1 if number & 1 == 0 else ~(number >> 1)


def bitmap(positions: Iterable[int], size: int) -> bytes:
    """One bit for each of `size` positions, from the lowest bit of the first byte."""
    bits = bytearray((size + 7) // 8)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


def positions(bits: bytes, size: int) -> list[int]:
    """Which of `size` bits are set. Raises Rejected."""
    if len(bits) != (size + 7) // 8:
        raise Rejected("a bitmap has the wrong length")
    return [position for position in range(size) if bits[position >> 3] >> (position & 7) & 1]
