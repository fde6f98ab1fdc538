"""An outbox beside the asyncio loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.node.worker import DiskHangs, Worker
from tonnam_link.outbox.outbox import Backlog, Outbox

P = ParamSpec("P")
T = TypeVar("T")

OPEN_AGAIN_S = 3.0


class Disk:
    """Runs what blocks on one worker thread, one call after the other, in the order of the calls.

    `opening` makes the outbox and `starting` prepares it for writing. While either fails, calls raise
    OutboxUnavailable, and every few seconds one tries again. A disk that hangs (see `Worker`) is one that refuses,
    but what it was asked may be done all the same. That it refuses is logged once, and that it takes again, too.
    """

    def __init__(self, opening: Callable[[], Outbox], starting: Callable[[Outbox], None], log: Any) -> None:
        self.outbox: Outbox | None = None
        self._opening, self._starting, self._log = opening, starting, log
        self._started = False
        self._failure: OutboxUnavailable | None = None
        self._failed_at = 0.0
        self._failing = self._closed = False
        self._worker = Worker("outbox")

    @property
    def epoch(self) -> int | None:
        """That of the outbox; None while there is none. It changes when a damaged file had to be replaced."""
        return None if self.outbox is None else self.outbox.epoch

    @property
    def backlog(self) -> Backlog:
        """What is unconfirmed; nothing is known of an outbox that cannot be opened."""
        return Backlog() if self.outbox is None else self.outbox.backlog

    def open(self) -> Outbox:
        """The outbox, opened now if it is not yet. Blocking. Raises as the making of an outbox does."""
        if self.outbox is None:
            self.outbox = self._try(self._opening)
        return self.outbox

    def start(self) -> Outbox:
        """The outbox, ready to take. Blocking. Raises as `open`."""
        outbox = self.open()
        if not self._started:
            self._try(lambda: self._starting(outbox))
            self._started = True
        return outbox

    async def __call__(self, work: Callable[Concatenate[Outbox, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work` with the outbox. Cancelled, it may be done or not."""
        return await self._run(lambda: work(self.start(), *args, **kwargs))

    async def reading(self, work: Callable[Concatenate[Outbox, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`, which only needs what the outbox has already: also when the disk takes nothing."""
        return await self._run(lambda: work(self.open(), *args, **kwargs))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise OutboxUnavailable("the outbox is closed: the uplink has ended")
        try:
            return await self._worker(work)
        except OutboxUnavailable as error:
            self.refuses(error)
            raise
        except DiskHangs as error:
            refusal = OutboxUnavailable(str(error))
            self.refuses(refusal)
            raise refusal from error

    def _try(self, attempt: Callable[[], T]) -> T:
        if self._failure is not None and time.monotonic() - self._failed_at < OPEN_AGAIN_S:
            raise OutboxUnavailable(str(self._failure)) from self._failure
        try:
            return attempt()
        except OutboxUnavailable as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise

    def refuses(self, error: OutboxUnavailable) -> None:
        """Note that the disk does not take something."""
        if not self._failing and not self._closed:
            self._log.error("outbox.unavailable", reason=str(error), meaning="readings go on, but only live")
        self._failing = True

    def takes(self) -> None:
        """Note that the disk has taken something."""
        if self._failing:
            self._log.info("outbox.available")
        self._failing = False

    async def renew(self) -> None:
        """Put another outbox in the place of this one, which is thrown away. For those in memory."""

        def work() -> None:
            self._close()
            self.outbox, self._started = None, False
            self.start()

        await self._run(work)

    async def close(self) -> None:
        """Close the outbox after all that was asked before. A disk that hangs is not waited for."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(DiskHangs):
            await self._worker(self._close)
        self._worker.end()

    def _close(self) -> None:
        if self.outbox is not None:
            self.outbox.close()
