"""One client's stream of server-sent events, as an HTTP response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tonnam_cloud.live.hub import Hub, Told, Watcher

PING_S = 15.0
SEND_TIMEOUT_S = 20.0
"""A client that takes nothing for so long is gone; the connection is cut."""
CHECK_S = 60.0
"""How often a long stream asks whether its session still holds."""
RECONNECT_MS = 3_000


class LiveStream(StreamingResponse):
    """Tells one watcher what comes, until it leaves, lags behind, is signed out, or the server stops.

    `signed_in` blocks (it asks the database) and says whether the session still holds. FastAPI's own event streams
    cannot cut off a client that takes nothing, nor end one from outside; only their wire format is used.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, watcher: Watcher, signed_in: Callable[[], bool]) -> None:
        super().__init__(content=[], headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._hub = hub
        self._watcher = watcher
        self._signed_in = signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._write(send)),
                    group.create_task(_until_gone(receive)),
                    group.create_task(self._until_signed_out()),
                ]
                await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        finally:
            self._hub.leave(self._watcher)

    async def _write(self, send: Send) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, format_sse_event(comment="connected", retry=RECONNECT_MS))
            while True:
                told = await self._next()
                await _send(send, KEEPALIVE_COMMENT if told is None else told.wire)
                if told is not None and told.event == "end":
                    await _send(send, b"", more=False)
                    return
        except TimeoutError:
            return

    async def _next(self) -> Told | None:
        try:
            return await self._watcher.next(PING_S)
        except TimeoutError:
            return None

    async def _until_signed_out(self) -> None:
        while not self._watcher.ended:
            await asyncio.sleep(CHECK_S)
            if not await asyncio.to_thread(self._signed_in):
                self._watcher.end("signed_out")


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
