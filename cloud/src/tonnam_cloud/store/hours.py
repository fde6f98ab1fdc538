"""Means of whole clock hours. Those that ended long ago are kept for a while, so that a page need not read a day."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from tonnam_cloud.store.port import Buckets, Store

HOUR_MS = 3_600_000
LATE_MS = 2 * HOUR_MS
"""Readings of an hour that ended less than this ago may well be on their way: it is computed anew each time."""
KEPT_MS = 600_000
"""Backlog of an outage may be later still: what is kept is computed anew so often."""
MOST_KEPT = 100_000

Hour = tuple[str, int]


class HourMeans:
    """The last hours of many datastreams. Blocks, as the store does; for any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Hour, tuple[float | None, int]] = {}  # the mean, and when it was read
        self._lock = threading.Lock()

    def last(self, datastreams: Collection[str], hours: int, now_ms: int) -> Mapping[str, Sequence[float | None]]:
        """The means of the last whole clock hours of each, oldest first; None for an hour without a known value."""
        end_ms = now_ms // HOUR_MS * HOUR_MS
        starts = range(end_ms - hours * HOUR_MS, end_ms, HOUR_MS)
        old = [at_ms for at_ms in starts if at_ms + HOUR_MS <= now_ms - LATE_MS]
        young = starts[len(old) :]
        known: dict[Hour, float | None] = self._old(datastreams, old, now_ms)
        known.update(self._read(datastreams, young))
        return {name: [known.get((name, at_ms)) for at_ms in starts] for name in datastreams}

    def _old(self, datastreams: Collection[str], starts: Sequence[int], now_ms: int) -> dict[Hour, float | None]:
        """Those that are kept, and the others read; by one thread at a time, so that many pages read a day once."""
        with self._lock:
            missing = [
                (name, at_ms) for name in datastreams for at_ms in starts if not self._is_kept((name, at_ms), now_ms)
            ]
            if missing:
                times = sorted({at_ms for _, at_ms in missing})
                read = self._read({name for name, _ in missing}, range(times[0], times[-1] + HOUR_MS, HOUR_MS))
                self._keep({hour: read.get(hour) for hour in missing}, now_ms)
            found = {(name, at_ms): self._kept[name, at_ms][0] for name in datastreams for at_ms in starts}
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return found

    def _is_kept(self, hour: Hour, now_ms: int) -> bool:
        found = self._kept.get(hour)
        return found is not None and abs(now_ms - found[1]) < KEPT_MS

    def _keep(self, read: Mapping[Hour, float | None], now_ms: int) -> None:
        for hour, mean in read.items():
            self._kept.pop(hour, None)  # to the end: the first are the oldest
            self._kept[hour] = (mean, now_ms)

    def _read(self, datastreams: Collection[str], starts: Sequence[int]) -> dict[Hour, float | None]:
        """The means of successive hours, of those that have readings."""
        if not datastreams or not starts:
            return {}
        found = self._store.buckets_of(datastreams, starts[0], starts[-1] + HOUR_MS, HOUR_MS)
        return {(name, at_ms): mean for name, buckets in found.items() for at_ms, mean in _means(buckets)}


def _means(buckets: Buckets) -> list[tuple[int, float | None]]:
    means = (None if mean != mean else mean for mean in buckets.mean.tolist())
    return list(zip(buckets.start_ms.tolist(), means, strict=True))
