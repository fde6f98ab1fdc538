"""A node that keeps what its outbox refuses and offers it again, as edge and gateway do.

As a process of its own it says after each offer how many frames it has made and how many of them were accepted.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from tests.link.harness import event, frame, node, running
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Event, Frame
from tonnam_link.node.uplink import Uplink

EVERY_S = 0.02
EVENT_EVERY = 10


class Owner:
    """Makes a frame every few milliseconds, and now and then an event, until told to hush."""

    def __init__(self, uplink: Uplink, told: Callable[[Owner], None] = lambda _: None) -> None:
        self.made = self.accepted = 0
        self.hushed = False
        self._uplink, self._told = uplink, told
        self._frames: list[Frame] = []
        self._events: list[Event] = []

    @property
    def refused(self) -> int:
        return self.made - self.accepted

    async def run(self) -> None:
        """Make and offer until cancelled."""
        while True:
            if not self.hushed:
                self._frames.append(frame(self.made))
                if self.made % EVENT_EVERY == 0:
                    self._events.append(event(self.made))
                self.made += 1
            await self._offer()
            self._told(self)
            await asyncio.sleep(EVERY_S)

    async def _offer(self) -> None:
        frames, events = list(self._frames), list(self._events)
        try:
            await self._uplink.accept(frames, events)
        except OutboxUnavailable:
            return
        del self._frames[: len(frames)], self._events[: len(events)]
        self.accepted += len(frames)


async def serve(path: Path, url: str) -> None:
    def say(owner: Owner) -> None:
        sys.stdout.write(f"{owner.made} {owner.accepted}\n")
        sys.stdout.flush()

    uplink = node(path, url)
    async with running(uplink.run()):
        await Owner(uplink, say).run()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
