"""Litres out of a free-running counter that wraps, restarts and sometimes lies."""

from __future__ import annotations

COUNTER_WRAPS = 2**32
# A reading that cannot be true must be seen this often before it counts as a restarted meter.
AGREE = 3


class Meter:
    """Follows a totaliser and says how much water passed. `step_l` is the volume of one pulse."""

    def __init__(self, step_l: float, flow_l_min: float) -> None:
        self._wraps_l = COUNTER_WRAPS * step_l
        self._flow_l_min = flow_l_min
        self._last_l: float | None = None
        self._odd: list[float] = []
        self.litres: float | None = None
        self.rose_mono_ms = 0
        self._seen_mono_ms = 0

    def begin(self, total_l: float | None, mono_ms: int) -> None:
        """Count from here. Without a total there is nothing to count, and litres stay unknown."""
        self._last_l, self._odd = total_l, []
        self.litres = None if total_l is None else 0.0
        self.rose_mono_ms = self._seen_mono_ms = mono_ms

    @property
    def total_l(self) -> float | None:
        """The total that was believed last; None before it has begun."""
        return self._last_l

    def passed_l(self, total_l: float) -> float:
        """What has passed since it showed that, if it has only counted; 0 before it has begun."""
        return 0.0 if self._last_l is None else (self._last_l - total_l) % self._wraps_l

    def see(self, total_l: float | None, mono_ms: int) -> None:
        """Take in a total; one that no flow could have made is held back until it has been seen three times."""
        if total_l is None or self._last_l is None:
            return
        passed_l = (total_l - self._last_l) % self._wraps_l
        elapsed_min = (mono_ms - self._seen_mono_ms) / 60_000
        if passed_l > 50 + 5 * self._flow_l_min * (elapsed_min + 0.2):
            self._restart(total_l)
            return
        self._odd = []
        self._last_l, self._seen_mono_ms = total_l, mono_ms
        if passed_l > 0:
            self.rose_mono_ms = mono_ms
            self.litres = None if self.litres is None else self.litres + passed_l

    def _restart(self, total_l: float) -> None:
        self._odd.append(total_l)
        if len(self._odd) >= AGREE:
            self._last_l, self._odd = total_l, []
            self.litres = None
