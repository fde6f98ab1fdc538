"""The table that `make faults` prints: one line for each kind of fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.faults.chronicle import Blow
from tests.faults.suite import Result
from tests.faults.trial import Tally

TITLES = (
    "fault",
    "struck",
    "sent again",
    "duplicates",
    "longest recovery",
    "accepted",
    "stored",
    "in gaps",
    "verdict",
)


def table(results: Sequence[Result]) -> str:
    """All worlds together."""
    kinds = sorted({blow.kind for blow in _blows(results)})
    before = [kind for result in results for kind in result.verdict.tallies if kind not in kinds]
    rows = [_row(kind, results, [kind]) for kind in [*kinds, *sorted(set(before))]]
    rows.append(_row("all", results, [*kinds, *before]))
    widths = [max(len(row[place]) for row in [TITLES, *rows]) for place in range(len(TITLES))]
    lines = [_line(row, widths) for row in [TITLES, *rows]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:-1], "-" * len(lines[0]), lines[-1]])


def _row(title: str, results: Sequence[Result], kinds: Sequence[str]) -> tuple[str, ...]:
    blows = [blow for blow in _blows(results) if blow.kind in kinds]
    tally = sum((_tally(result, kind) for result in results for kind in set(kinds)), Tally())
    again = sum(result.chronicle.sent_again[kind] for result in results for kind in set(kinds))
    duplicates = sum(result.chronicle.duplicates[kind] for result in results for kind in set(kinds))
    counts = [len(blows), again, duplicates, _longest(blows), tally.accepted, tally.stored, tally.covered]
    return (title, *map(str, counts), f"{tally.lost} LOST" if tally.lost else "ok")


def _tally(result: Result, kind: str) -> Tally:
    return result.verdict.tallies.get(kind, Tally())


def _blows(results: Iterable[Result]) -> Iterator[Blow]:
    for result in results:
        yield from result.chronicle.blows


def _longest(blows: Sequence[Blow]) -> str:
    times = [blow.recovery_s for blow in blows if blow.recovery_s is not None]
    return f"{max(times):.1f} s" if times else "-"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if place in {0, len(row) - 1} else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
