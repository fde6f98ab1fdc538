"""Readings on their way from a device's message to the outbox."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tonnam_gateway.translator import Translator
from tonnam_link.errors import OutboxUnavailable, TooLarge
from tonnam_link.messages import Event, Frame
from tonnam_link.mqtt.session import Message
from tonnam_link.node.lost import Lost
from tonnam_link.node.node_clock import NodeClock

MAX_WAITING = 20_000
"""Frames and events that wait while the disk takes nothing; beyond that the oldest are dropped, and counted."""

Accept = Callable[[Sequence[Frame], Sequence[Event]], Awaitable[None]]


class Intake:
    """Translates messages as they come and commits what they say together, every `every_s` seconds.

    Events do not wait. `accept` returns when its disk has what it was given, or raises OutboxUnavailable; then the
    same is offered again with the next round.
    """

    def __init__(self, translator: Translator, accept: Accept, *, every_s: float, clock: NodeClock, log: Any) -> None:
        self._translator = translator
        self._accept = accept
        self._every_s = every_s
        self._clock = clock
        self._log = log
        self._frames: deque[Frame] = deque()
        self._events: deque[Event] = deque(maxlen=MAX_WAITING)
        self._lost = Lost(clock)
        self._urgent = asyncio.Event()
        self._refused = False
        self._stopping = False
        self.accepted = 0

    def on_message(self, message: Message) -> None:
        """Take in one message of a device."""
        now = self._clock.instant()
        received_at = datetime.fromtimestamp(now.ms / 1000, UTC)
        translated = self._translator.translate(
            message.topic, message.payload, received_at, retained=message.retained, stamp=now.stamp
        )
        for said in translated.said:
            self._log.warning(f"device.{said.notice.kind}", device=said.device, text=said.notice.text)
        for event in translated.events:
            self._log.info(event.kind, device=event.body["device"])
        self._frames.extend(translated.frames)
        while len(self._frames) > MAX_WAITING:
            self._lost.add([self._frames.popleft()])
            self._translator.counts["dropped"] += 1
        self.add_events(translated.events)

    def add_events(self, events: Sequence[Event]) -> None:
        """Let these be committed at once."""
        dropped = len(self._events) + len(events) - MAX_WAITING
        if dropped > 0:
            self._translator.counts["dropped"] += dropped
        self._events.extend(events)
        if events:
            self._urgent.set()

    async def run(self, after_round: Callable[[], Awaitable[None]]) -> None:
        """Commit, round after round, until `stop`. `after_round` is awaited after each that succeeded."""
        while not self._stopping:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            self._urgent.clear()
            if await self.flush():
                await after_round()

    def stop(self) -> None:
        """Let `run` end after its round: to cut a commit short would leave open whether it happened."""
        self._tell_lost(last_chance=True)
        self._stopping = True
        self._urgent.set()

    async def flush(self) -> bool:
        """Commit all that waits; False when the disk does not take it. A refusal is logged once, and its end."""
        frames, events = list(self._frames), list(self._events)
        if frames or events:
            try:
                await self._commit(frames, events)
            except OutboxUnavailable as error:
                if not self._refused:
                    self._log.error("outbox.refuses", text=f"{error}; readings wait in memory")
                self._refused = True
                return False
            self._forget(self._frames, frames)
            self._forget(self._events, events)
        self._committed(frames)
        return True

    def _tell_lost(self, *, last_chance: bool = False) -> None:
        """Readings that had to be dropped are a gap, which is told as soon as it can be dated."""
        gap = self._lost.take(last_chance=last_chance)
        if gap is not None:
            self.add_events([gap])

    async def _commit(self, frames: Sequence[Frame], events: Sequence[Event]) -> None:
        """All together; if an event is too large ever to be sent, all but that one. Raises OutboxUnavailable."""
        try:
            await self._accept(frames, events)
        except TooLarge:
            await self._accept(frames, [])
            for event in events:
                await self._commit_alone(event)

    async def _commit_alone(self, event: Event) -> None:
        try:
            await self._accept([], [event])
        except TooLarge as error:
            self._translator.counts["too_large"] += 1
            self._log.error("event.too_large", kind=event.kind, text=f"{error}; it is not told")

    @staticmethod
    def _forget(queue: deque[Any], committed: Sequence[Any]) -> None:
        """Take away what was committed; what came or was dropped while the disk was busy makes no difference."""
        done = {id(one) for one in committed}
        while queue and id(queue[0]) in done:
            queue.popleft()

    def _committed(self, frames: Sequence[Frame]) -> None:
        if self._refused:
            self._log.info("outbox.accepts_again", dropped=self._translator.counts["dropped"])
            self._refused = False
        self._tell_lost()
        if frames and not self.accepted:
            self._log.info("readings.flow", first=sorted(frames[0].samples))
        self.accepted += sum(len(frame.samples) for frame in frames)
