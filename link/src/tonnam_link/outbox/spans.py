"""The times that readings have, as few spans; and where a block of readings of unknown time finds room among them.

Pure. A span is its first and last millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tonnam_link.messages import LATEST_MS

Span = tuple[int, int]

NEAR_MS = 3_600_000
MOST_SPANS = 64


def add(spans: Sequence[Span], new: Span) -> tuple[Span, ...]:
    """The spans with `new`, in order; what lies within an hour is one, and of too many the nearest become one."""
    joined: list[Span] = []
    for span in sorted((*spans, new)):
        if joined and span[0] - joined[-1][1] <= NEAR_MS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span[1]))
        else:
            joined.append(span)
    while len(joined) > MOST_SPANS:
        gaps = [after[0] - before[1] for before, after in pairwise(joined)]
        at = gaps.index(min(gaps))
        joined[at : at + 2] = [(joined[at][0], joined[at + 1][1])]
    return tuple(joined)


def runs(instants: Iterable[int]) -> Iterator[Span]:
    """Instants in order, as spans."""
    span: Span | None = None
    for at in instants:
        if span is not None and at - span[1] <= NEAR_MS:
            span = span[0], at
            continue
        if span is not None:
            yield span
        span = at, at
    if span is not None:
        yield span


def place(spans: Sequence[Span], wanted: Span) -> int:
    """How far to shift `wanted` so that it lies between 1970 and 9999 and touches none of the spans.

    Where it has to give way it goes later: a boot whose clock was wrong came after what is known already. Where
    there is no room (it would have to be thousands of years long) it is only kept within the calendar.
    """
    length = wanted[1] - wanted[0]
    latest = max(0, LATEST_MS - length)
    for start in (wanted[0], 0):
        start = _free(spans, min(max(start, 0), latest), length)
        if start <= latest:
            return start - wanted[0]
    return min(max(wanted[0], 0), latest) - wanted[0]


def _free(spans: Sequence[Span], start: int, length: int) -> int:
    for first, last in sorted(spans):
        if first <= start + length and start <= last:
            start = last + 1
    return start
