"""Numbers out of Modbus registers: 16-bit words in, plain numbers out. What the numbers mean is in a profile."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Literal

NumberType = Literal["bit", "int16", "uint16", "int32", "uint32", "float32"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]

WIDTH: dict[NumberType, int] = {"bit": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
_FORMAT: dict[NumberType, str] = {"int32": ">i", "uint32": ">I", "float32": ">f"}


def number(words: Sequence[int], kind: NumberType, order: WordOrder = "ABCD") -> int | float | None:
    """The number in one or two `words`; None for a float that is not a number.

    ABCD is big-endian with the high word first; CDAB has the words swapped, BADC the bytes in each word, DCBA both.
    """
    if kind == "bit" or (kind == "uint16" and order in {"ABCD", "CDAB"}):
        return words[0]
    if order in {"BADC", "DCBA"}:
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    if kind == "uint16":
        return words[0]
    if kind == "int16":
        return words[0] - 0x10000 if words[0] & 0x8000 else words[0]
    if order in {"CDAB", "DCBA"}:
        words = words[::-1]
    value: int | float = struct.unpack(_FORMAT[kind], struct.pack(">HH", words[0], words[1]))[0]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def unsigned(words: Sequence[int], order: WordOrder = "ABCD") -> int:
    """The words as one unsigned number, which is how profiles write sentinels: compared before any sign."""
    return int(number(words, "uint16" if len(words) == 1 else "uint32", order) or 0)
