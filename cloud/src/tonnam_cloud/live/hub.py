"""Who is watching, and what is still to be told to each. All of it runs on the event loop; `tell` may be called
from any thread."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from fastapi.sse import format_sse_event
from pydantic import BaseModel

from tonnam_cloud.live.schemas import Changed, End, EndReason, What

QUEUE = 200
"""So many events may wait for one client. One that lags further is dropped: it reconnects and fetches all anew."""
COALESCE_S = 1.0


@dataclass(frozen=True)
class Told:
    """One event on its way: its name and its content."""

    event: str
    content: BaseModel

    @cached_property
    def wire(self) -> bytes:
        """The event as it is sent: encoded once, however many watch."""
        return format_sse_event(event=self.event, data_str=self.content.model_dump_json())


class Watcher:
    """One connected client. `ended` is set once nothing more is to come; `turn`, from 0 to 1, is its own moment in
    whatever is spread over time."""

    def __init__(self, tenants: Collection[str]) -> None:
        self.tenants = frozenset(tenants)
        self.ended = False
        self.turn = random.random()
        self._queue: asyncio.Queue[Told] = asyncio.Queue(QUEUE)
        self._resting: dict[What, bool] = {}

    def put(self, told: Told) -> None:
        """Queue an event; a client that lags too far behind is told only that this is the end."""
        if self.ended:
            return
        if self._queue.full():
            self.end("lagged")
        else:
            self._queue.put_nowait(told)

    def end(self, reason: EndReason) -> None:
        """Throw away what waits: `end` is the next and last event."""
        if self.ended:
            return
        self.ended = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Told("end", End(reason=reason)))

    def changed(self, what: What) -> None:
        """Hint at a change: at once, but at most once a second per kind; the last hint is never lost."""
        if what in self._resting:
            self._resting[what] = True
            return
        self.put(Told("changed", Changed(what=what)))
        self._resting[what] = False
        asyncio.get_running_loop().call_later(COALESCE_S, self._rested, what)

    def _rested(self, what: What) -> None:
        if self._resting.pop(what):
            self.changed(what)

    async def next(self, timeout_s: float) -> Told:
        """The next event. Raises TimeoutError when nothing comes."""
        async with asyncio.timeout(timeout_s):
            return await self._queue.get()


class Hub:
    """All connected clients. Each hears only of its own tenants."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._watchers)

    def join(self, tenants: Collection[str]) -> Watcher:
        self._loop = asyncio.get_running_loop()
        watcher = Watcher(tenants)
        self._watchers.add(watcher)
        if self._closed:
            watcher.end("closing")
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def tell(self, tenant: str, event: str, content: BaseModel) -> None:
        """Send an event to everybody who may see the tenant."""
        self._soon(self._spread, tenant, Told(event, content))

    def changed(self, tenant: str | None, *whats: What) -> None:
        """Hint to those who may see the tenant (None: to all) that something is worth fetching again."""
        self._soon(self._hint, tenant, whats)

    def changed_by_turns(self, over_s: float, *whats: What) -> None:
        """Hint to all, to each at its own moment within `over_s`, so that not all of them fetch at once."""
        self._soon(self._hint_by_turns, over_s, whats)

    def close(self) -> None:
        """End every stream, and those that still come, so that the server can stop."""
        self._closed = True
        for watcher in list(self._watchers):
            watcher.end("closing")

    def _soon(self, call: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    def _spread(self, tenant: str, told: Told) -> None:
        for watcher in self._watchers:
            if tenant in watcher.tenants:
                watcher.put(told)

    def _hint_by_turns(self, over_s: float, whats: Sequence[What]) -> None:
        for watcher in self._watchers:
            for what in whats:
                asyncio.get_running_loop().call_later(watcher.turn * over_s, watcher.changed, what)

    def _hint(self, tenant: str | None, whats: Sequence[What]) -> None:
        for watcher in self._watchers:
            if tenant is None or tenant in watcher.tenants:
                for what in whats:
                    watcher.changed(what)
