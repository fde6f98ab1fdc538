"""The tables that `make season` prints: one line for each layout, and one for each kind of blow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.season.suite import Sums, Tally

OUTCOMES = ("done", "stopped", "failed", "interrupted")
SUMS = ("episodes", "runs", "litres", "latches", "findings", "seconds")
LAYOUT_TITLES = ("layout", *SUMS, *OUTCOMES, "steps a day", "ms a day", "a second", "L beyond", "s beyond", "verdict")
BLOW_TITLES = ("blow", "struck", *SUMS, "in smallest wrong cases")


def table(tallies: Mapping[str, Tally]) -> str:
    """Layouts, then kinds of blows: what became of the episodes in which such a one struck."""
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    layouts = [_layout(name, tally) for name, tally in tallies.items()]
    blows = [_blow(kind, whole) for kind in sorted(whole.struck)]
    return "\n\n".join(
        [_lines(LAYOUT_TITLES, [*layouts, _layout("all", whole)], last=True), _lines(BLOW_TITLES, blows)]
    )


def _sums(sums: Sums) -> tuple[str, ...]:
    return tuple(str(round(getattr(sums, name))) for name in SUMS)


def _layout(name: str, tally: Tally) -> tuple[str, ...]:
    days = max(tally.days, 1e-9)
    outcomes = (str(tally.runs[each]) for each in OUTCOMES)
    a_day = (str(round(tally.steps / days)), str(round(1000 * tally.whole.seconds / days)))
    speed = (*a_day, f"{tally.episodes / max(tally.whole.seconds, 1e-9):.1f}")
    worst = (str(round(tally.worst_l)), f"{tally.worst_coil_s:.1f}")
    verdict = f"{len(tally.failures)} WRONG" if tally.failures else "ok"
    return (name, *_sums(tally.whole), *outcomes, *speed, *worst, verdict)


def _blow(kind: str, tally: Tally) -> tuple[str, ...]:
    wrong = sum(kind in failure.case.kinds for failure in tally.failures)
    return kind, str(tally.struck[kind]), *_sums(tally.of[kind]), str(wrong) if wrong else "-"


def _lines(titles: Sequence[str], rows: Sequence[Sequence[str]], *, last: bool = False) -> str:
    widths = [max(len(row[place]) for row in [titles, *rows]) for place in range(len(titles))]
    lines = [_line(row, widths) for row in [titles, *rows]]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], *([rule] if last else []), lines[-1]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if place == 0 else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
