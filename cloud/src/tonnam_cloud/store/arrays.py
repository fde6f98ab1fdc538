"""What every adapter does with arrays of readings: merge, thin for a chart, put into buckets. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tonnam_cloud.store.port import Buckets, Column, Millis, Series
from tonnam_link.quality import Quality


def empty() -> Series:
    """A series without readings."""
    nothing = np.empty(0, np.float64)
    return Series(np.empty(0, np.int64), nothing, np.empty(0, np.uint8), nothing)


def merge(parts: Sequence[Series | Column], from_ms: int | None = None, to_ms: int | None = None) -> Series:
    """The readings of all parts sorted by time, each time once: of equal times the one in the earliest part wins.

    A reading is never judged again under the same key, so what was written first stays.
    """
    parts = [part for part in parts if len(part.observed_at_ms)]
    if not parts:
        return empty()
    times = np.concatenate([part.observed_at_ms for part in parts])
    order = np.argsort(times, kind="stable")
    times = times[order]
    keep = np.empty(len(times), np.bool_)
    keep[0] = True
    np.not_equal(times[1:], times[:-1], out=keep[1:])
    if from_ms is not None:
        keep &= times >= from_ms
    if to_ms is not None:
        keep &= times < to_ms
    order = order[keep]
    return Series(
        times[keep],
        np.concatenate([part.value for part in parts])[order],
        np.concatenate([part.quality for part in parts])[order],
        np.concatenate([part.raw for part in parts])[order],
    )


def clip(series: Series, from_ms: int, to_ms: int) -> Series:
    """The part of a sorted series with from_ms <= t < to_ms, without copying."""
    first, last = np.searchsorted(series.observed_at_ms, (from_ms, to_ms))
    return pick(series, slice(int(first), int(last)))


def pick(series: Series, which: slice | Millis) -> Series:
    """The readings of a series at some places."""
    return Series(series.observed_at_ms[which], series.value[which], series.quality[which], series.raw[which])


def thin(series: Series, max_points: int) -> Series:
    """At most `max_points` of the readings, so that a chart looks the same: all of them are real readings.

    The readings are cut into runs of equal length; of each run its lowest and highest known value stay, or its
    first reading when none is known, so that a gap stays a gap.
    """
    if len(series) <= max_points:
        return series
    runs = max(1, max_points // 2)
    edges = np.linspace(0, len(series), runs + 1).astype(np.int64)
    unknown = np.isnan(series.value)
    places = []
    for fill, smallest in ((np.inf, True), (-np.inf, False)):
        filled = np.where(unknown, fill, series.value)
        best = (np.minimum if smallest else np.maximum).reduceat(filled, edges[:-1])
        matches = np.flatnonzero(filled == np.repeat(best, np.diff(edges)))
        places.append(matches[np.searchsorted(matches, edges[:-1])])
    return pick(series, np.unique(np.concatenate(places)))


def trusted(series: Series) -> Series:
    """The readings whose time is known."""
    suspect = series.quality == Quality.CLOCK_SUSPECT
    return pick(series, np.flatnonzero(~suspect)) if suspect.any() else series


def bucket(series: Series, step_ms: int) -> Buckets:
    """Count, minimum, maximum and mean of the known values of a sorted series, per step. Steps without readings
    are left out."""
    starts = series.observed_at_ms // step_ms * step_ms
    if not len(starts):
        nothing = np.empty(0, np.float64)
        return Buckets(starts, np.empty(0, np.int64), nothing, nothing, nothing)
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    known = ~np.isnan(series.value)
    count = np.add.reduceat(known.astype(np.int64), first)
    total = np.add.reduceat(np.where(known, series.value, 0.0), first)
    none = count == 0
    lowest = np.minimum.reduceat(np.where(known, series.value, np.inf), first)
    highest = np.maximum.reduceat(np.where(known, series.value, -np.inf), first)
    mean = total / np.where(none, 1, count)
    return Buckets(starts[first], count, *(np.where(none, np.nan, figures) for figures in (lowest, highest, mean)))
