"""Sends the batches of an outbox and releases those that the receiver has on its own disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

from tonnam_link.clock import Clock
from tonnam_link.disk import Disk
from tonnam_link.errors import OutboxUnavailable, Rejected
from tonnam_link.flow import Flight, Flow
from tonnam_link.messages import Verdict
from tonnam_link.replies import decode_reply
from tonnam_link.sealing import Sealed
from tonnam_link.session import Message, Session
from tonnam_link.topics import Channel, Origin, node_topic

DISK_PAUSE_S = 5.0
SHORTEST_PAUSE_S = 0.005


class Sender:
    """Between an outbox and a session. `utc_offset_ms` is the receiver's clock minus ours, or None before a reply."""

    def __init__(
        self, disk: Disk, session: Session, tenant: str, node: str, *, clock: Clock, log: Any = None
    ) -> None:
        self.utc_offset_ms: float | None = None
        self._disk = disk
        self._session = session
        self._origin = Origin(tenant, node)
        self._topics = {channel: node_topic(tenant, node, channel) for channel in Channel}
        self._clock = clock
        self._log = log or structlog.get_logger("tonnam.link")
        self._flow = Flow()
        self._wake = asyncio.Event()
        self._connection = 0
        self._released: list[int] = []
        self._wanted: list[str] = []
        session.subscribe(self._topics[Channel.REPLY], self._on_reply)
        session.when_connected(self._wake.set)

    def offer(self, batches: Iterable[Sealed]) -> None:
        """Send batches that were sealed just now."""
        self._flow.offer(batches, self._now())
        self._wake.set()

    async def run(self) -> None:
        """Send and release until cancelled. While the disk fails, it tries again every few seconds."""
        failing = False
        while True:
            self._wake.clear()
            try:
                await self._settle()
                if self._session.connected.is_set():
                    await self._send()
                pause_s = self._flow.next_at(self._now()) - self._now()
                failing = False
            except OutboxUnavailable as error:
                if not failing:
                    self._log.error("outbox.unavailable", reason=str(error))
                failing, pause_s = True, DISK_PAUSE_S
            await self._pause(pause_s)

    async def settle(self) -> None:
        """Release what was answered, before the end."""
        await self._settle()

    async def _settle(self) -> None:
        released, self._released = self._released, []
        if released:
            await self._disk(self._disk.outbox.release, released)
        while self._wanted:
            sealed = await self._disk(self._disk.outbox.seal_dictionary, self._wanted[-1])
            self._wanted.pop()
            if sealed is not None:
                self._flow.offer_dictionary(sealed, self._now())

    async def _send(self) -> None:
        if self._connection != self._session.connections:
            self._connection = self._session.connections
            self._flow.connected(self._now())
        for flight in self._flow.to_send(self._now()):
            await self._publish(flight)
        if self._flow.wants_backlog(self._now()):
            oldest = await self._disk(self._disk.outbox.oldest, self._spoken_for())
            if oldest is None:
                self._flow.no_backlog(self._now())
            elif oldest.sequence not in self._spoken_for():  # sealed or answered meanwhile
                await self._publish(self._flow.send_back(oldest, self._now()))

    def _spoken_for(self) -> set[int]:
        """What is no backlog: it goes live, is under way, or was answered and not yet released on the disk."""
        return self._flow.busy_with.union(self._released)

    async def _publish(self, flight: Flight) -> None:
        payload = await self._disk(self._disk.outbox.payload, flight.sealed.sequence)
        if payload is None:
            self._flow.forget(flight.sealed.sequence)
            return
        flight.sent_at = self._now()
        self._session.publish(self._topics[flight.channel], payload)

    async def _pause(self, seconds: float) -> None:
        if not self._session.connected.is_set():
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(max(SHORTEST_PAUSE_S, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _on_reply(self, message: Message) -> None:
        try:
            reply = decode_reply(self._origin, message.payload)
        except Rejected as error:
            self._log.warning("reply.malformed", reason=error.reason)
            return
        if reply.epoch != self._disk.outbox.epoch:
            return
        if reply.verdict is Verdict.QUARANTINED:
            self._log.warning("batch.quarantined", sequence=reply.sequence, reason=reply.reason)
        sent_at = self._flow.sent_at(reply.sequence)
        wanted = self._flow.answered(reply, self._now())
        if sent_at is not None and reply.utc_ms:
            half_trip_ms = (self._now() - sent_at) * 500
            self.utc_offset_ms = reply.utc_ms + half_trip_ms - self._clock()
        if wanted is not None:
            self._wanted.append(wanted)
        if reply.verdict.releases:
            self._released.append(reply.sequence)
        self._wake.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
