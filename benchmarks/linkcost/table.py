"""Tables for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 110


def text(words: str) -> str:
    """What stands over a table."""
    return "\n" + textwrap.fill(" ".join(words.split()), WIDTH)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(["", *(_line(row, widths) for row in (head, *rows) if any(row))])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def ratio(number: float, base: float) -> str:
    return f"{number / base:.2f}" if base else "-"


def aim(what: str, found: str, met: bool) -> str:
    return f"aim: {what}; here {found}: {'met' if met else 'MISSED'}"
