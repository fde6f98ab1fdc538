"""Warnings about what strangers send: at most one a minute and kind, so that nobody can fill a disk with our log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

EVERY_S = 60.0


class Rarely:
    """Says warnings; those that come too soon after one of their kind are counted, and told with the next."""

    def __init__(self, log: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, tuple[float, int]] = {}

    def warn(self, event: str, **about: Any) -> None:
        """Log the event unless one of its kind was logged within the last minute."""
        at, untold = self._said.get(event, (-EVERY_S, 0))
        now = self._now()
        if now - at < EVERY_S:
            self._said[event] = (at, untold + 1)
            return
        self._said[event] = (now, 0)
        self._log.warning(event, **about, **({"more_since_last": untold} if untold else {}))
