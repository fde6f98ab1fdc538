"""An outbox beside the asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.outbox import Outbox

P = ParamSpec("P")
T = TypeVar("T")


class Disk:
    """Runs what blocks on one worker thread, one call after the other, in the order of the calls."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._closed = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`. It is done even when the caller is cancelled meanwhile."""
        if self._closed:
            raise OutboxUnavailable("the outbox is closed: the uplink has ended")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, lambda: work(*args, **kwargs))

    async def close(self) -> None:
        """Close the outbox after all that was asked before."""
        try:
            await self(self.outbox.close)
        finally:
            self._closed = True
            self._worker.shutdown(wait=False)
