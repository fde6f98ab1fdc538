"""What has to run for as long as the process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

START_AGAIN_S = 5.0

log = structlog.get_logger(__name__)


async def for_ever(name: str, upkeep: Callable[[], Awaitable[None]]) -> None:
    """One part that fails must not take the others with it: a stop has to be sent whatever alerts do."""
    while True:
        try:
            await upkeep()
        except Exception:
            log.exception("a part of the cloud failed and starts again", part=name)
        await asyncio.sleep(START_AGAIN_S)
