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

from tonnam_link.broker import Broker
from tonnam_link.clock import Clock, system_clock
from tonnam_link.disk import Disk
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.inbox import Inbox
from tonnam_link.keyring import Keyring
from tonnam_link.messages import Command, DatastreamSpec, Event, Frame, Outcome, Presence
from tonnam_link.outbox import Backlog, Outbox
from tonnam_link.sealing import Sealed
from tonnam_link.sender import Sender
from tonnam_link.session import Session
from tonnam_link.topics import Channel, Origin, node_topic

SEAL_EVERY_S = 60.0
HISTORY_READINGS_A_BATCH = 16_384


class Uplink:
    """A node's end of the link. Raises OutboxUnavailable, OutboxInUse, and ValueError for ids that are none.

    `commands` are what people and the cloud want, signed by one of `keys` for this node; expired ones included: the
    owner refuses those, with a reason (see `inbox`). Without `keys` every command is refused.
    """

    def __init__(
        self,
        outbox_path: Path,
        broker: Broker,
        *,
        tenant: str,
        node: str,
        datastreams: Sequence[DatastreamSpec],
        keys: Keyring | None = None,
        clock: Clock = system_clock,
        seal_every_s: float = SEAL_EVERY_S,
        log: Any = None,
    ) -> None:
        self._log = (log or structlog.get_logger("tonnam.link")).bind(node=f"{tenant}/{node}")
        self._clock = clock
        self._keys = keys or Keyring()
        self._inbox = Inbox(
            Origin(tenant, node),
            self._keys,
            accept=self.accept,
            moment=lambda: (clock(), None),
            when_keys_change=self._announce,
            log=self._log,
        )
        self.commands: asyncio.Queue[Command] = self._inbox.commands
        self._presence_topic = node_topic(tenant, node, Channel.PRESENCE)
        self._session_name = ""
        self._session = Session(broker, client_id=f"tonnam-{tenant}-{node}", will=self._will, log=self._log)
        self._session.subscribe(node_topic(tenant, node, Channel.COMMAND), self._inbox.hear_command)
        self._session.subscribe(node_topic(tenant, node, Channel.CONFIG), self._inbox.hear_config)
        self._session.when_connected(self._announce)
        outbox = Outbox(outbox_path, Origin(tenant, node))
        outbox.register(datastreams)
        self._disk = Disk(outbox)
        self._sender = Sender(self._disk, self._session, tenant, node, clock=clock, log=self._log)
        self._seal_every_s = seal_every_s
        self._beat_changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the broker hears us just now. It says nothing about the cloud."""
        return self._session.connected.is_set()

    @property
    def utc_offset_ms(self) -> float | None:
        """The receiver's clock minus ours, by its last reply; None before the first."""
        return self._sender.utc_offset_ms

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
        return self._disk.outbox.backlog

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
        not take that second step, at the next beat). Raises as `Outbox.accept` does; nothing was accepted then.
        When it is cancelled it may have been accepted or not; to accept the same again is safe either way.
        """
        sealed = await self._disk(self._disk.outbox.accept, frames, events, outcomes)
        self._sender.offer(sealed)
        if at_once:
            with contextlib.suppress(OutboxUnavailable):
                await self._seal()

    async def run(self) -> None:
        """Send until cancelled; then seal what waits, commit, say farewell and close the outbox."""
        try:
            await self._report_damage()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._session.run())
                tasks.create_task(self._sender.run())
                tasks.create_task(self._beat())
                tasks.create_task(self._inbox.run())
        finally:
            await self._close()

    async def _close(self) -> None:
        try:
            await self._seal()
            await self._sender.settle()
        except OutboxUnavailable as error:
            self._log.error("outbox.unavailable", reason=str(error))
        finally:
            await self._disk.close()

    async def _seal(self) -> None:
        self._sender.offer(await self._disk(self._disk.outbox.seal))

    async def _beat(self) -> None:
        """Seal at once what an earlier process left, then at every beat."""
        failing = False
        while True:
            try:
                await self._seal()
                failing = False
            except OutboxUnavailable as error:
                if not failing:
                    self._log.error("outbox.unavailable", reason=str(error))
                failing = True
            await self._until_next_beat()

    async def _until_next_beat(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while (left := last + self._seal_every_s - loop.time()) > 0:
            self._beat_changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._beat_changed.wait()
            except TimeoutError:
                return

    async def _report_damage(self) -> None:
        aside = self._disk.outbox.set_aside
        if aside is None:
            return
        self._log.error("outbox.damaged", set_aside=str(aside))
        text = {"th": "ไฟล์ข้อมูลที่รอส่งเสียหาย ข้อมูลบางส่วนอาจหายไป", "en": "The file of unsent readings was damaged."}
        event = Event(uuid.uuid4().hex, "outbox.damaged", self._clock(), {"file": aside.name, "text": text})
        await self.accept(events=[event])

    def _will(self) -> tuple[str, bytes]:
        self._session_name = uuid.uuid4().hex
        return self._presence_topic, self._presence(online=False)

    def _announce(self) -> None:
        self._session.publish(self._presence_topic, self._presence(online=True), qos=1, retain=True)

    def _presence(self, *, online: bool) -> bytes:
        presence = Presence(self._session_name, online, self._clock(), self._keys.serial, list(self._keys.ids))
        return msgspec.json.encode(presence)


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
