"""Draws many readings with few points: keeps every peak, every valley and every gap. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 400
WINDOWS = 130
"""Each window keeps at most its lowest, its highest and one gap, and the newest point is kept: 391 points."""

Times = NDArray[np.int64]
Values = NDArray[np.float64]


def thin(times_ms: Times, values: Values, gap_ms: int) -> tuple[list[float], list[float | None]]:
    """At most 400 points (epoch seconds, value or None) of sorted readings, where NaN means unknown.

    Between readings further apart than `gap_ms`, and where values are unknown, stands one None.
    """
    times_ms, values = _with_gaps(times_ms, values, gap_ms)
    if len(times_ms) > MOST_POINTS:
        kept = _kept(times_ms, values)
        times_ms, values = times_ms[kept], values[kept]
    return [at / 1000 for at in times_ms.tolist()], [None if v != v else v for v in values.tolist()]


def _with_gaps(times_ms: Times, values: Values, gap_ms: int) -> tuple[Times, Values]:
    """With a NaN one millisecond after each reading that a gap follows, and of successive NaN only the first."""
    before_gap = np.flatnonzero(np.diff(times_ms) > max(gap_ms, 1))
    times_ms = np.insert(times_ms, before_gap + 1, times_ms[before_gap] + 1)
    values = np.insert(values, before_gap + 1, np.nan)
    unknown = np.isnan(values)
    repeated = unknown & np.concatenate(([True], unknown[:-1])) if len(values) else unknown
    return times_ms[~repeated], values[~repeated]


def _kept(times_ms: Times, values: Values) -> NDArray[np.int64]:
    """The positions that are kept, in order."""
    edges = np.linspace(times_ms[0], times_ms[-1] + 1, WINDOWS + 1)
    starts = np.searchsorted(times_ms, edges)
    kept = {len(times_ms) - 1}
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        window = values[start:end]
        unknown = np.isnan(window)
        if unknown.any():
            kept.add(start + int(unknown.argmax()))
        if not unknown.all():
            kept.update((start + int(np.nanargmin(window)), start + int(np.nanargmax(window))))
    return np.array(sorted(kept), dtype=np.int64)
