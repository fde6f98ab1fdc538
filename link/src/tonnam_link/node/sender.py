"""Sends the batches of an outbox and releases those that the receiver has on its own disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Reply, Verdict
from tonnam_link.mqtt.session import Session
from tonnam_link.node.disk import Disk
from tonnam_link.node.flow import Flight, Flow
from tonnam_link.node.line import Line
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.topics import Channel, Origin, node_topic

DISK_PAUSE_S = 5.0
SHORTEST_PAUSE_S = 0.005
SENT_AGAIN = -1


class Sender:
    """Between an outbox and a session. Its owner passes it the replies of the outbox's epoch.

    What replies say of the time goes to `clock`, but only of batches that were sent once: else nobody knows which
    sending a reply belongs to.
    """

    def __init__(
        self, disk: Disk, session: Session, origin: Origin, *, line: Line, clock: NodeClock, log: Any
    ) -> None:
        self._disk, self._session = disk, session
        self._topics = {channel: node_topic(*origin, channel) for channel in Channel}
        self._line, self._clock, self._log = line, clock, log
        self._flow = Flow()
        self._wake = asyncio.Event()
        self._epoch = disk.epoch
        self._connection = 0
        self._sent_mono_ms: dict[int, int] = {}
        self._released: list[int] = []
        self._wanted: list[str] = []
        session.when_connected(self._wake.set)

    def offer(self, batches: Iterable[Sealed]) -> None:
        """Send batches that were sealed just now."""
        self._notice_epoch()
        self._flow.offer(batches, self._now())
        self._wake.set()

    def backlog_came(self) -> None:
        """There may be more in the outbox than what was offered."""
        self._flow.backlog_came(self._now())
        self._wake.set()

    def heard(self) -> None:
        """The receiver has answered something else."""
        self._flow.lives(self._now())
        self._wake.set()

    def look_back(self) -> None:
        """Something was sealed that does not go live, but should not wait for long either."""
        self._flow.more_backlog(self._now())
        self._wake.set()

    def answered(self, reply: Reply) -> None:
        """Take a reply of the outbox's epoch."""
        self._notice_epoch()
        if reply.verdict is Verdict.QUARANTINED:
            self._log.warning("batch.quarantined", sequence=reply.sequence, reason=reply.reason)
        sent_mono_ms = self._sent_mono_ms.get(reply.sequence, SENT_AGAIN)
        if sent_mono_ms != SENT_AGAIN:
            self._clock.learn(reply.utc_ms, sent_mono_ms, self._clock.mono_ms())
            self._sent_mono_ms[reply.sequence] = SENT_AGAIN
        wanted = self._flow.answered(reply, self._now())
        if wanted is not None:
            self._wanted.append(wanted)
        if reply.verdict.releases:
            self._released.append(reply.sequence)
            self._sent_mono_ms.pop(reply.sequence, None)
        self._wake.set()

    async def run(self) -> None:
        """Send and release until cancelled. While the disk fails, it tries again every few seconds."""
        while True:
            self._wake.clear()
            self._notice_epoch()
            pause_s = DISK_PAUSE_S
            with contextlib.suppress(OutboxUnavailable):  # what the disk cannot forget, memory can
                await self.settle()
            with contextlib.suppress(OutboxUnavailable):
                if self._session.connected.is_set():
                    await self._send()
                pause_s = self._flow.next_at(self._now()) - self._now()
            await self._pause(pause_s)

    async def settle(self) -> None:
        """Release what was answered, and seal the dictionaries that are wanted."""
        released = list(self._released)
        if released:
            await self._disk.reading(Outbox.release, released)
            del self._released[: len(released)]
        while self._wanted:
            sealed = await self._disk(Outbox.seal_dictionary, self._wanted[-1])
            self._wanted.pop()
            if sealed is not None:
                self._flow.offer_dictionary(sealed, self._now())

    def _notice_epoch(self) -> None:
        """Begin anew with a new outbox: nothing of the old one can be sent any more."""
        if self._epoch != self._disk.epoch:
            self._epoch = self._disk.epoch
            self._flow = Flow()
            self._connection = 0
            self._sent_mono_ms.clear()
            self._released.clear()
            self._wanted.clear()

    async def _send(self) -> None:
        if self._connection != self._session.connections:
            self._connection = self._session.connections
            self._flow.connected(self._now())
        for flight in self._flow.to_send(self._now()):
            await self._publish(flight)
        if self._flow.wants_backlog(self._now()):
            oldest = await self._disk.reading(Outbox.oldest, self._spoken_for())
            if oldest is None:
                self._flow.no_backlog(self._now())
            elif oldest.sequence not in self._spoken_for():  # sealed or answered meanwhile
                await self._publish(self._flow.send_back(oldest, self._now()))

    def _spoken_for(self) -> set[int]:
        """What is no backlog: it goes live, is under way, or was answered and not yet released on the disk."""
        return self._flow.busy_with.union(self._released)

    async def _publish(self, flight: Flight) -> None:
        sequence = flight.sealed.sequence
        payload = await self._disk.reading(Outbox.payload, sequence)
        if payload is None:
            self._flow.forget(sequence)
            self._sent_mono_ms.pop(sequence, None)
            return
        flight.sent_at = self._now()
        sent = self._session.publish(self._topics[flight.channel], payload)
        once = sent and sequence not in self._sent_mono_ms
        self._sent_mono_ms[sequence] = self._clock.mono_ms() if once else SENT_AGAIN
        if sent:
            self._line.asked(self._now())

    async def _pause(self, seconds: float) -> None:
        if not self._session.connected.is_set():
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(max(SHORTEST_PAUSE_S, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
