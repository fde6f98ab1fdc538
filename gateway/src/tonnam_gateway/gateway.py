"""The running gateway: a session to the field, the translator, and the uplink."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tonnam_gateway import events, node_state
from tonnam_gateway.intake import Intake
from tonnam_gateway.mapping import Mapping
from tonnam_gateway.node_state import NodeState
from tonnam_gateway.translator import Translator
from tonnam_link.commands.keyring import Keyring
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Frame, Outcome
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.node.worker import DiskHangs, Worker
from tonnam_link.outbox.limits import Limits
from tonnam_link.receiving.relay import Relay
from tonnam_link.topics import Origin

OUTBOX = "outbox.sqlite"
KEYS = "keys.json"
STATE = "node.json"
SAVE_EVERY_S = 10.0
ANSWERED_KNOWN = 1_000
FAREWELL_S = 3.0
START_LOOKS, START_LOOK_S = 300, 0.2
_REFUSAL = {"th": "เครื่องนี้รับค่าจากเมืองเท่านั้น ไม่มีวาล์วให้สั่ง", "en": "This gateway only listens; it has no valve to command"}


class Gateway:
    """One node of a tenant. Opens its outbox in `state` (a directory that exists); raises LinkError.

    `cloud_key` is the first key whose commands it understands; ValueError when it is none. `site` is the broker of
    the nodes behind it, when the mapping names some.
    """

    def __init__(
        self,
        mapping: Mapping,
        state: Path,
        *,
        uplink: Broker,
        field: Broker,
        site: Broker | None = None,
        log: Any,
        cloud_key: str | None = None,
        clock: NodeClock | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._mapping = mapping
        self._state = state / STATE
        self._clock = clock = clock or NodeClock()
        self._log = log
        self._limits = limits = limits or Limits()
        self._before = before = node_state.load(self._state)
        self._translator = Translator(mapping, before.lost)
        self._uplink = Uplink(
            state / OUTBOX,
            uplink,
            tenant=mapping.tenant,
            node=mapping.node,
            datastreams=mapping.specs(),
            keys=Keyring(state / KEYS, cloud_key),
            clock=clock,
            limits=limits,
            seal_every_s=float(mapping.gather.send_every_s),
            log=log.bind(towards="cloud"),
        )
        self._intake = Intake(
            self._translator, self._accept, every_s=float(mapping.gather.every_s), clock=clock, log=log
        )
        self._field = Session(
            field, client_id=f"tonnam-field-{mapping.tenant}-{mapping.node}", log=log.bind(towards="field")
        )
        for topic_filter in mapping.filters():
            self._field.subscribe(topic_filter, self._intake.on_message)
        self._relay = self._relaying(mapping, site) if site is not None else None
        self._saver = Worker("state")
        self._saved_at = -SAVE_EVERY_S
        self._unsaved = False
        self._started = self._moment()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then commit what waits and end within a few seconds."""
        async with asyncio.TaskGroup() as tasks:
            uplink = tasks.create_task(self._uplink.run())
            telling = tasks.create_task(self._tell_start())
            refusing = tasks.create_task(self._refuse_commands())
            outside = [tasks.create_task(run()) for run in self._outside()]
            taking_in = tasks.create_task(self._intake.run(self._save_now_and_then))
            await stop.wait()
            await _end(telling, *outside)
            self._intake.add_events([events.node_stopped(self._mapping, self._moment())])
            self._intake.stop()
            await asyncio.wait({taking_in}, timeout=FAREWELL_S)
            await _end(taking_in, refusing, uplink)
        await self._save()
        self._saver.end()
        self._log.info("gateway.stopped", accepted=self._intake.accepted, **self._translator.counts)

    async def _tell_start(self) -> None:
        """Say what there is here, that we are here, and since when nothing was heard.

        When that was in this boot, before anybody knew the time, it waits a while for that to be known.
        """
        mapping, before, gap_from_ms = self._mapping, self._before, None
        if mapping.site:
            self._intake.add_events([events.site_described(mapping, self._started)])
        for _ in range(START_LOOKS):
            if before.alive_at_ms is not None:
                gap_from_ms = await self._uplink.time_of(before.alive_at_ms, before.stamp)
            if gap_from_ms is not None or before.stamp is None or before.stamp.boot != self._clock.boot:
                break
            await asyncio.sleep(START_LOOK_S)
        self._intake.add_events([events.node_started(mapping, uuid.uuid4().hex, gap_from_ms, self._started)])

    def _moment(self) -> events.Moment:
        now = self._clock.instant()
        return events.Moment(now.ms, now.stamp)

    def _outside(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What brings in what is new, and ends before the uplink."""
        running = [self._field.run] if self._mapping.devices else []
        return [*running, self._relay.run] if self._relay else running

    def _relaying(self, mapping: Mapping, site: Broker) -> Relay:
        return Relay(
            self._uplink,
            site,
            gateway=Origin(mapping.tenant, mapping.node),
            nodes=mapping.relay.nodes if mapping.relay else [],
            outbox_bytes=self._limits.bytes,
            clock=lambda: self._clock.now_ms() if self._clock.synced else None,
            log=self._log.bind(towards="site"),
        )

    async def _accept(self, frames: Sequence[Frame], told: Sequence[Event]) -> None:
        await self._uplink.accept(frames=frames, events=told)

    async def _refuse_commands(self) -> None:
        """While the disk takes nothing a command stays unanswered: the cloud sends it again until it expires.

        Each is answered once: whoever repeats one cannot fill the outbox with answers.
        """
        answered: deque[str] = deque(maxlen=ANSWERED_KNOWN)
        while True:
            command = await self._uplink.commands.get()
            if command.id in answered:
                continue
            at_ms, stamp = self._moment()
            outcome = Outcome(command.id, CommandState.REFUSED, at_ms, _REFUSAL, stamp=stamp)
            with contextlib.suppress(OutboxUnavailable):
                await self._uplink.accept(outcomes=[outcome])
                answered.append(command.id)

    async def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
            await self._save()

    async def _save(self) -> None:
        """A disk that does not take it costs only what the next start knows; readings go on."""
        self._saved_at = time.monotonic()
        at_ms, stamp = self._moment()
        state = NodeState(at_ms, sorted(self._translator.lost), stamp)
        try:
            await self._saver(node_state.save, self._state, state)
        except (OSError, DiskHangs) as error:
            if not self._unsaved:
                self._log.error(
                    "state.not_saved", text=f"{error}; the next start will not know until when this one ran"
                )
            self._unsaved = True
            return
        if self._unsaved:
            self._log.info("state.saved_again")
        self._unsaved = False


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
