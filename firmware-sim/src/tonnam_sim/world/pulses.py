"""A water meter's pulses: whole ones only, and a frequency that is known from the time between the last two."""

from __future__ import annotations

import math

_SILENT_AFTER = 3.0  # times the last interval without a pulse: the frequency falls


class PulseTrain:
    """Counts `pulse_l` of water a pulse. Exact for any way of cutting a time of constant flow."""

    def __init__(self, pulse_l: float, begins_at: int = 0) -> None:
        self._pulse_l = pulse_l
        self._wheel_l = 0.0
        self._count = begins_at
        self._last_s = -math.inf
        self._interval_s = math.inf

    @property
    def count(self) -> int:
        """The counter, from where it began."""
        return self._count

    def turn(self, litres: float, from_s: float, seconds: float) -> None:
        """The wheel turns evenly by so much during these seconds."""
        if litres <= 0.0 or seconds <= 0.0:
            return
        total_l = self._wheel_l + litres
        pulses = math.floor(total_l / self._pulse_l + 1e-9)
        self._wheel_l = total_l - pulses * self._pulse_l
        if pulses <= 0:
            return
        self._count += pulses
        each_s = self._pulse_l / litres * seconds
        last_s = from_s + seconds - max(0.0, self._wheel_l) / litres * seconds
        self._interval_s = each_s if pulses > 1 else last_s - self._last_s
        self._last_s = last_s

    def restart(self) -> None:
        """The counter loses its count."""
        self._count = 0

    def frequency_hz(self, now_s: float) -> float:
        """Pulses a second by the last interval; after a longer silence, what that silence allows."""
        if not math.isfinite(self._interval_s) or self._interval_s <= 0.0:
            return 0.0
        quiet_s = now_s - self._last_s
        if quiet_s > _SILENT_AFTER * self._interval_s:
            return 0.0 if quiet_s > max(30.0, 10.0 * self._interval_s) else 1.0 / quiet_s
        return 1.0 / self._interval_s
