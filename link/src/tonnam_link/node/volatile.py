"""The way of readings past a disk that refuses: live, through memory, with nobody's custody but their owner's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from tonnam_link.errors import LinkError
from tonnam_link.messages import Event, Frame, Outcome, Reply
from tonnam_link.mqtt.session import Session
from tonnam_link.node.disk import Disk
from tonnam_link.node.line import Line
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.sender import Sender
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin

MOST_BYTES = 4 * 1024 * 1024
MOST_WAITING = 200_000
MOST_SEEN = 100_000


class Volatile:
    """An outbox in memory with an epoch and a sender of its own.

    It takes each thing once, however often it is offered, and only while there is a connection: it is no custody.
    What it holds is bounded; of too much all is thrown away, for whoever offered it has it still.
    """

    def __init__(
        self,
        opening: Callable[[], Outbox],
        starting: Callable[[Outbox], None],
        session: Session,
        origin: Origin,
        *,
        line: Line,
        clock: NodeClock,
        log: Any,
    ) -> None:
        self._log = log
        self._session, self._clock = session, clock
        self._disk = Disk(opening, starting, log)
        self._sender = Sender(self._disk, session, origin, line=line, clock=clock, log=log)
        self._seen: dict[object, None] = {}
        self._taught: int | None = None
        self._needed = asyncio.Event()

    @property
    def epoch(self) -> int | None:
        """That of its batches; None while it was never needed."""
        return self._disk.epoch

    def answered(self, reply: Reply) -> None:
        """Take a reply of its epoch."""
        self._sender.answered(reply)

    async def run(self) -> None:
        """Send what it has until cancelled."""
        await self._needed.wait()
        await self._sender.run()

    async def take(self, frames: Sequence[Frame], events: Sequence[Event], outcomes: Sequence[Outcome]) -> None:
        """Send what was not offered before. What can never be sent is left out."""
        if not self._session.connected.is_set():
            return
        new = ([frame for frame in frames if self._is_new((frame.observed_at_ms, frame.stamp, *_mark(frame)))],
               [event for event in events if self._is_new(event.id)],
               [each for each in outcomes if self._is_new((each.command_id, each.state))])  # fmt: skip
        if not any(new):
            return
        await self._make_room()
        try:
            self._sender.offer(await self._disk(Outbox.accept, *new))
        except (LinkError, ValueError):
            await self._one_by_one(*new)
        self._needed.set()

    async def seal(self) -> None:
        """Send the readings that wait. What the time is goes to them as soon as it is known."""
        if not self._needed.is_set():
            return
        learned_ms = self._clock.learned_ms
        if learned_ms is not None and self._taught != self.epoch:
            self._taught = self.epoch
            self._sender.offer(await self._disk(Outbox.learn, self._clock.boot, learned_ms))
        self._sender.offer(await self._disk(Outbox.seal))

    def forget(self) -> None:
        """The disk takes again, and so does it what was offered here."""
        self._seen.clear()

    async def close(self) -> None:
        await self._disk.close()

    def _is_new(self, mark: object) -> bool:
        if mark in self._seen:
            return False
        self._seen[mark] = None
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return True

    async def _make_room(self) -> None:
        backlog = self._disk.backlog
        if backlog.bytes > MOST_BYTES or backlog.readings > MOST_WAITING:
            self._log.warning("volatile.dropped", readings=backlog.readings, meaning="nobody answers; they are kept")
            await self._disk.renew()

    async def _one_by_one(self, *new: Sequence[Any]) -> None:
        for place, words in enumerate(new):
            for word in words:
                alone: list[list[Any]] = [[], [], []]
                alone[place].append(word)
                with contextlib.suppress(LinkError, ValueError):
                    self._sender.offer(await self._disk(Outbox.accept, *alone))


def _mark(frame: Frame) -> tuple[int, str]:
    return len(frame.samples), next(iter(frame.samples), "")
