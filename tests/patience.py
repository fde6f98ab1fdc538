"""How tests wait: for what they need to see, and no longer than is reasonable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(ready: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Wait until `ready()`; AssertionError that names `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        await asyncio.sleep(0.02)
