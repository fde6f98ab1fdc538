"""A thread for what blocks on a disk, beside the asyncio loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HANGS_S = 5.0


class DiskHangs(Exception):
    """The disk does not answer. What was asked may yet be done, when it answers again."""

    def __init__(self) -> None:
        super().__init__(f"the disk has not answered for {HANGS_S:.0f} s")


class Worker:
    """Runs one call after the other, in the order of the calls.

    A disk that does not answer is one that refuses: a call that takes longer than `HANGS_S` raises DiskHangs, and so
    do those that wait behind it, which are not done then, and at once all that come until it has ended.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._began: float | None = None

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`. Cancelled, it may be done or not."""
        if self._left_s() <= 0:
            raise DiskHangs
        doing = asyncio.get_running_loop().run_in_executor(self._thread, lambda: self._timed(work, *args, **kwargs))
        try:
            while not doing.done():
                await asyncio.wait([doing], timeout=self._left_s())
                if not doing.done() and self._left_s() <= 0:
                    raise DiskHangs
            return doing.result()
        finally:
            doing.cancel()

    def end(self) -> None:
        """Take no more calls. What is being done is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _timed(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._began = time.monotonic()
        try:
            return work(*args, **kwargs)
        finally:
            self._began = None

    def _left_s(self) -> float:
        """How long what is being done may still take."""
        began = self._began
        return HANGS_S if began is None else began + HANGS_S - time.monotonic()
