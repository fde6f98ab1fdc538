"""What an edge and a gateway use: accept readings, events and outcomes, and get commands."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tonnam_link.commands.inbox import Inbox
from tonnam_link.commands.keyring import Keyring
from tonnam_link.errors import OutboxUnavailable, Rejected
from tonnam_link.messages import Command, DatastreamSpec, Event, Forwarded, Frame, Outcome, Presence, Stamp
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.node.care import Care
from tonnam_link.node.disk import Disk
from tonnam_link.node.greeter import Greeter
from tonnam_link.node.line import Line
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.sender import Sender
from tonnam_link.node.volatile import MOST_BYTES, Volatile
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Backlog, Outbox
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.rarely import Rarely
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.replies import decode_reply

SEAL_EVERY_S = 60.0
LOOK_EVERY_S = 1.0
# With what one more beat brings it still is one batch.
POSTPONED_READINGS = 15_000
LIVE_BATCHES = 2
HISTORY_READINGS_A_BATCH = 16_384


class Uplink:
    """A node's end of the link. Raises OutboxInUse, OutboxOfAnother, and ValueError for ids that are none.

    `commands` are what people and the cloud want, signed by one of `keys` for this node; expired ones included: the
    owner refuses those, with a reason (see `inbox`). Without `keys` every command is refused.

    A disk that refuses or hangs is no reason to end: readings go on live, and it is tried again. `clock` learns the
    time from replies and from what the outbox remembers of this boot.
    """

    def __init__(
        self,
        outbox_path: Path,
        broker: Broker,
        *,
        tenant: str,
        node: str,
        datastreams: Sequence[DatastreamSpec],
        clock: NodeClock | None = None,
        limits: Limits | None = None,
        keys: Keyring | None = None,
        seal_every_s: float = SEAL_EVERY_S,
        log: Any = None,
    ) -> None:
        self._log = (log or structlog.get_logger("tonnam.link")).bind(node=f"{tenant}/{node}")
        self._rarely = Rarely(self._log)
        self.clock = clock = clock or NodeClock()
        self._origin = origin = Origin(tenant, node)
        self._datastreams = Dictionary(datastreams).specs
        self._session_name = ""
        self._session = session = Session(broker, client_id=f"tonnam-{tenant}-{node}", will=self._will, log=self._log)
        self._line = line = Line()
        self._disk = Disk(lambda: Outbox(outbox_path, origin, limits or Limits()), self._start_outbox, self._log)
        self._sender = Sender(self._disk, session, origin, line=line, clock=clock, log=self._log)
        self._volatile = Volatile(
            lambda: Outbox(None, origin, Limits(bytes=4 * MOST_BYTES)),
            self._start_outbox,
            session,
            origin,
            line=line,
            clock=clock,
            log=self._log,
        )
        self._greeter = Greeter(session, origin, line, clock)
        self._care = Care(self._disk, clock, accept=self.accept, offer=self._sender.offer, log=self._log)
        self._seal_every_s = seal_every_s
        self._beat_changed = asyncio.Event()
        self._seal_now = False
        self._stirred = asyncio.Event()
        self._keys = keys or Keyring()
        self._inbox = self._listen()
        self.commands: asyncio.Queue[Command] = self._inbox.commands
        self._care.open()

    @property
    def session(self) -> Session:
        """The connection towards the next tier. Subscribe to more before `run`."""
        return self._session

    @property
    def connected(self) -> bool:
        """Whether the broker hears us just now. It says nothing about the cloud."""
        return self._session.connected.is_set()

    @property
    def answered(self) -> bool:
        """Whether the receiver answers just now."""
        return self.connected and self._line.answers(asyncio.get_running_loop().time())

    @property
    def seal_every_s(self) -> float:
        """How often routine frames are sealed and sent. May be set while it runs: small while somebody watches."""
        return self._seal_every_s

    @seal_every_s.setter
    def seal_every_s(self, seconds: float) -> None:
        self._seal_every_s = seconds
        self._beat_changed.set()

    def backlog(self) -> Backlog:
        """What the next tier has not confirmed."""
        return self._disk.backlog

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None:
        """Commit to the outbox: when this returns, all of it is ours to deliver.

        Events and outcomes are sent at once; frames at the next beat, or at once when `at_once` (if the disk does
        not take that second step, at the next beat). What has a stamp is sent when the time is known.

        Raises as `Outbox.accept` does; nothing was accepted then. When it is cancelled, or the disk hangs, it may be
        or not. To accept the same again is safe either way. After OutboxUnavailable it is the owner's duty: what was
        offered has only been sent, if that was possible.
        """
        try:
            sealed = await self._disk(Outbox.accept, [self._timed(frame) for frame in frames], events, outcomes)
        except OutboxUnavailable:
            await self._send_uncommitted(frames, events, outcomes, at_once=at_once)
            raise
        if frames or events or outcomes:
            self._disk.takes()
            self._volatile.forget()
        self._sender.offer(sealed)
        if at_once:
            with contextlib.suppress(OutboxUnavailable):
                await self._seal()

    async def accept_forwarded(self, items: Sequence[Forwarded]) -> None:
        """Commit sealed batches of other nodes, and send on at once what came live. Raises as the outbox does."""
        sealed = await self._disk(Outbox.accept_forwarded, items)
        live = [batch for item, batch in zip(items, sealed, strict=True) if item.channel is not Channel.BACK]
        self._sender.offer(live)
        if len(live) < len(sealed):
            self._sender.backlog_came()

    async def knows_dictionary(self, origin: Origin, name: str) -> bool:
        """Whether a dictionary of that hash of another node has passed here. Raises OutboxUnavailable."""
        return await self._disk.reading(Outbox.knows_dictionary, origin, name)

    async def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None:
        """When something happened that was noted as `at_ms` with `stamp`; None when nobody knows (yet)."""
        known = self.clock.time_of(at_ms, stamp)
        if known is None and stamp is not None:
            with contextlib.suppress(OutboxUnavailable):
                offset_ms = await self._disk.reading(Outbox.offset_of, stamp.boot)
                known = None if offset_ms is None else stamp.mono_ms + offset_ms
        return known

    async def run(self) -> None:
        """Send until cancelled; then seal what waits, commit, say farewell and close the outbox."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._session.run())
                tasks.create_task(self._sender.run())
                tasks.create_task(self._volatile.run())
                tasks.create_task(self._greeter.run())
                tasks.create_task(self._beat())
                tasks.create_task(self._look_after())
                tasks.create_task(self._inbox.run())
        finally:
            await self._close()

    async def _close(self) -> None:
        try:
            with contextlib.suppress(OutboxUnavailable):
                await self._disk(Outbox.seal)
                await self._sender.settle()
        finally:
            await self._volatile.close()
            await self._disk.close()

    def _timed(self, frame: Frame) -> Frame:
        """At the time that it may have been sent with already, past a disk that refused and knows another."""
        at_ms = self.clock.time_of(frame.observed_at_ms, frame.stamp)
        return frame if frame.stamp is None or at_ms is None else Frame(at_ms, frame.samples)

    def _start_outbox(self, outbox: Outbox) -> None:
        outbox.register(self._datastreams)
        outbox.begin(self.clock.boot)

    def _listen(self) -> Inbox:
        """Subscribe to what comes down."""
        inbox = Inbox(
            self._origin,
            self._keys,
            accept=self.accept,
            moment=self._moment,
            when_keys_change=self._announce,
            log=self._log,
        )
        topic = {channel: node_topic(*self._origin, channel) for channel in Channel}
        self._session.subscribe(topic[Channel.COMMAND], inbox.hear_command)
        self._session.subscribe(topic[Channel.CONFIG], inbox.hear_config)
        self._session.subscribe(topic[Channel.REPLY], self._on_reply)
        self._session.when_connected(self._line.begins)
        self._session.when_connected(self._announce)
        return inbox

    def _on_reply(self, message: Message) -> None:
        try:
            reply = decode_reply(self._origin, message.payload)
        except Rejected as error:
            self._rarely.warn("reply.malformed", reason=error.reason)
            return
        before = self.answered, self.clock.synced
        if reply.epoch == self._disk.epoch:
            self._sender.answered(reply)
        elif reply.epoch == self._volatile.epoch:
            self._volatile.answered(reply)
        elif reply.epoch == self._greeter.epoch:
            self._greeter.answered(reply)
            self._sender.heard()
        else:
            return
        self._line.heard()
        if before != (True, self.clock.synced):
            self._stirred.set()
            self._seal_soon()

    async def _send_uncommitted(
        self, frames: Sequence[Frame], events: Sequence[Event], outcomes: Sequence[Outcome], *, at_once: bool
    ) -> None:
        await self._volatile.take(frames, events, outcomes)
        if at_once:
            await self._volatile.seal()
        self._stirred.set()

    async def _seal(self) -> None:
        """Seal what waits; of much that has waited for long only the newest goes live.

        While nobody answers it is left to wait, so that a day of it is a few batches and not 1,440.
        """
        at_least = 0 if self.answered else POSTPONED_READINGS
        waited: list[Sealed] = []
        while True:
            sealed, fresh, left = await self._disk(_seal_some, at_least)
            if fresh:
                self._sender.offer(sealed[-LIVE_BATCHES:])
            else:
                waited = sealed[-1:] or waited
            if not sealed or left < max(1, at_least):
                break
        self._sender.offer(waited)
        if len(sealed) > LIVE_BATCHES:
            self._sender.backlog_came()

    async def _beat(self) -> None:
        """Seal at once what an earlier process left, then at every beat."""
        while True:
            with contextlib.suppress(OutboxUnavailable):  # the disk has said so
                await self._seal()
            with contextlib.suppress(OutboxUnavailable):
                await self._volatile.seal()
            await self._until_next_beat()

    async def _until_next_beat(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while not self._seal_now and (left := last + self._seal_every_s - loop.time()) > 0:
            self._beat_changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._beat_changed.wait()
            except TimeoutError:
                return
        self._seal_now = False

    def _seal_soon(self) -> None:
        """Somebody answers, or the time is known: what waited for that need not wait for the beat."""
        self._seal_now = True
        self._beat_changed.set()

    async def _look_after(self) -> None:
        while True:
            self._stirred.clear()
            taught, batches = self._care.taught, self._disk.backlog.batches
            more = await self._care.look()
            if self._care.taught != taught:
                self._seal_soon()
            if self._disk.backlog.batches > batches and not more:
                self._sender.look_back()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if more else LOOK_EVERY_S):
                    await self._stirred.wait()

    def _moment(self) -> tuple[int, Stamp | None]:
        now = self.clock.instant()
        return now.ms, now.stamp

    def _will(self) -> tuple[str, bytes]:
        self._session_name = uuid.uuid4().hex
        return self._presence_topic, self._presence(online=False)

    def _announce(self) -> None:
        self._session.publish(self._presence_topic, self._presence(online=True), qos=1, retain=True)

    @property
    def _presence_topic(self) -> str:
        return node_topic(*self._origin, Channel.PRESENCE)

    def _presence(self, *, online: bool) -> bytes:
        now_ms = self.clock.now_ms()
        return msgspec.json.encode(
            Presence(self._session_name, online, now_ms, self._keys.serial, list(self._keys.ids))
        )


def _seal_some(outbox: Outbox, at_least: int) -> tuple[list[Sealed], bool, int]:
    """What is sealed now, whether that is fresh, and how many readings are left to seal."""
    fresh = outbox.fresh
    return outbox.seal(at_least), fresh, outbox.waiting


def write_backlog(
    outbox_path: Path,
    origin: Origin,
    specs: Sequence[DatastreamSpec],
    frames: Iterable[Frame],
    events: Iterable[Event],
) -> int:
    """Fill an outbox with sealed history, without a broker: all of it or nothing. Returns the number of readings.

    Frames must come in order of time. A later Uplink on the same path sends them as backlog.
    """
    outbox = Outbox(outbox_path, origin)
    try:
        outbox.register(specs)
        return outbox.seal_history(frames, events, HISTORY_READINGS_A_BATCH)
    finally:
        outbox.close()


__all__ = ["Backlog", "Sealed", "Uplink", "write_backlog"]
