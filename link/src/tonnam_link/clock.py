"""Where the time comes from."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Tells the time in whole milliseconds since 1970 (UTC)."""


def system_clock() -> int:
    """The machine's own clock."""
    return time.time_ns() // 1_000_000
