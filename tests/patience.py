"""How tests wait: for what they need to see, and no longer than is reasonable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(ready: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Wait until `ready()`, looking seldom if that costs much; AssertionError that names `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        if ready():
            return
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        await asyncio.sleep(pause_s(time.monotonic() - began))


def pause_s(look_s: float) -> float:
    """How long to wait after a look that took so long: 20 ms, or so long that looking takes a quarter of the time."""
    return min(max(0.02, 3 * look_s), 1.0)
