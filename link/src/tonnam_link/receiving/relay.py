"""The custody chain: a gateway keeps what nodes behind it seal in its own outbox, and passes on what goes down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Forwarded, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.outbox.forwards import Inner, inner_of
from tonnam_link.outbox.outbox import Backlog
from tonnam_link.rarely import Rarely
from tonnam_link.receiving.attendance import Attendance, read_presence
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Channel, Origin, node_topic, parse_node_topic
from tonnam_link.wire.envelope import MAX_BATCH_BYTES, Kind, open_envelope

DISK_RETRY_S = 5.0
FULL_RETRY_S = 60.0
NO_CHAIN_RETRY_S = 300.0
FULL_FOR_BACK = 0.5
FULL_FOR_ALL = 0.75
SITE_AWAY_S = 10.0
SILENT_S = 60.0
"""A node that lives is back at a broker that came back by then: it tries every 30 s at least."""
LOOK_EVERY_S = 1.0
NO_EVENTS = b"\x90"


class Custodian(Protocol):
    """What a relay needs of an uplink."""

    @property
    def session(self) -> Session:
        """The connection towards the cloud. It does not run yet when the relay is made."""

    def backlog(self) -> Backlog:
        """What the next tier has not confirmed."""

    async def knows_dictionary(self, origin: Origin, name: str) -> bool:
        """Whether a dictionary of that hash passed here before."""

    async def accept_forwarded(self, items: Sequence[Forwarded]) -> None:
        """Commit batches of other nodes to the outbox, and send them. Raises OutboxUnavailable."""


class Relay:
    """Stands between a site's broker and an uplink, for some nodes of the gateway's tenant.

    A batch of theirs is answered when it is in the uplink's outbox, so custody never has a hole; it is not opened.
    One whose dictionary never passed here is answered `need_dictionary`, so that the gateway can always tell the
    cloud. When the outbox is rather full the nodes are asked to wait: their own disks have room. Commands and
    configuration for them go down, their presence goes up. When the site's broker is away they are offline, and so is
    who does not come back with it.

    `clock` answers None while the gateway does not know the time: then its replies tell none.
    """

    def __init__(
        self,
        uplink: Custodian,
        site: Broker,
        *,
        gateway: Origin,
        nodes: Sequence[str],
        outbox_bytes: int,
        clock: Callable[[], int | None],
        log: Any = None,
    ) -> None:
        self._uplink = uplink
        self._outbox_bytes = outbox_bytes
        self._clock = clock
        self._log = log or structlog.get_logger("tonnam.link")
        self._site = Session(site, client_id=f"tonnam-relay-{gateway.tenant}-{gateway.node}", log=self._log)
        self._origins = [Origin(gateway.tenant, node) for node in nodes]
        self._dictionaries: set[tuple[Origin, str]] = set()
        self._heard: set[Origin] = set()
        self._attendance = Attendance(self._origins, gateway, time.monotonic())
        self._rarely = Rarely(self._log)
        self.receiver = Receiver(self._site, self._commit, clock=clock, origins=self._origins, log=self._log)
        for origin in self._origins:
            self._site.subscribe(node_topic(*origin, Channel.PRESENCE), self._on_presence)
            for channel in (Channel.COMMAND, Channel.CONFIG):
                uplink.session.subscribe(node_topic(*origin, channel), self._pass_down, needed=False)
        self._site.when_lost(self._site_lost)
        uplink.session.when_connected(self._tell_presences)

    async def run(self) -> None:
        """Relay until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._site.run())
            tasks.create_task(self.receiver.run())
            tasks.create_task(self._watch_site())

    async def _commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        answers: list[Answer | None] = []
        arriving: set[tuple[Origin, str]] = set()
        for received in group:
            inner = Inner() if received.garbled else inner_of(received.payload)
            answer = self._at_once(received, inner) or await self._missing(received, inner, arriving)
            answers.append(answer)
            if answer is None and inner.kind is Kind.DICTIONARY and inner.dictionary is not None:
                arriving.add((received.origin, inner.dictionary))
        taken = [received for received, answer in zip(group, answers, strict=True) if answer is None]
        taken_answer = await self._take(taken)
        if taken_answer.verdict.releases:
            self._dictionaries |= arriving
        return [answer or taken_answer for answer in answers]

    async def _take(self, batches: Sequence[Received]) -> Answer:
        """Commit batches to the outbox; what to answer to all of them."""
        if not batches:
            return Answer(Verdict.STORED)
        items = [Forwarded(received.origin, received.channel, received.payload) for received in batches]
        try:
            await self._uplink.accept_forwarded(items)
        except OutboxUnavailable as error:  # it may also have been damaged, and is new now
            self.receiver.forget()
            self._dictionaries.clear()
            return Answer(Verdict.BUSY, str(error), DISK_RETRY_S)
        for origin in {received.origin for received in batches} - self._heard:
            self._heard.add(origin)
            self._log.info("relay.flows", node=str(origin))
        return Answer(Verdict.STORED)

    def _at_once(self, received: Received, inner: Inner) -> Answer | None:
        """The answer to a batch that the outbox need not, should not or cannot take."""
        if inner.kind is Kind.EVENTS and open_envelope(received.payload).body == NO_EVENTS:
            return Answer(Verdict.STORED)  # a hello
        if inner.kind is Kind.FORWARD:
            return Answer(Verdict.BUSY, "a gateway cannot stand behind another gateway", NO_CHAIN_RETRY_S)
        if len(received.payload) > MAX_BATCH_BYTES:
            self._rarely.warn("batch.oversized", node=str(received.origin), size=len(received.payload))
            return Answer(Verdict.QUARANTINED, f"oversized: {len(received.payload)} bytes")
        full = FULL_FOR_BACK if received.channel is Channel.BACK else FULL_FOR_ALL
        if self._uplink.backlog().bytes > full * self._outbox_bytes:
            return Answer(Verdict.BUSY, "the gateway's outbox is full", FULL_RETRY_S)
        return None

    async def _missing(self, received: Received, inner: Inner, arriving: set[tuple[Origin, str]]) -> Answer | None:
        """The answer to a batch whose dictionary is not here and not in this group either."""
        if inner.kind not in {Kind.READINGS, Kind.AGGREGATES} or inner.dictionary is None:
            return None
        key = (received.origin, inner.dictionary)
        if key in self._dictionaries or key in arriving:
            return None
        try:
            known = await self._uplink.knows_dictionary(*key)
        except OutboxUnavailable as error:
            return Answer(Verdict.BUSY, str(error), DISK_RETRY_S)
        if known:
            self._dictionaries.add(key)
        return None if known else Answer(Verdict.NEED_DICTIONARY, inner.dictionary)

    def _pass_down(self, message: Message) -> None:
        """While the site's broker is away it is lost: the cloud sends again what matters."""
        self._site.publish(message.topic, message.payload)

    def _on_presence(self, message: Message) -> None:
        source = parse_node_topic(message.topic)
        presence = read_presence(message.payload)
        if source is None or presence is None:
            self._rarely.warn("presence.malformed", topic=message.topic)
            return
        self._attendance.hear(source.origin, presence)
        self._tell_news()

    def _tell_presences(self) -> None:
        """All of them, to a cloud that may know none."""
        self._attendance.tell_all_again()
        self._tell_news()

    def _tell_news(self) -> None:
        """What the connection towards the cloud does not take is told in a later round."""
        for origin, payload in self._attendance.to_tell():
            topic = node_topic(*origin, Channel.PRESENCE)
            if self._uplink.session.publish(topic, payload, qos=1, retain=True):
                self._attendance.told(origin)

    def _site_lost(self) -> None:
        self._attendance.doubt_all(time.monotonic())

    async def _watch_site(self) -> None:
        """Nodes that cannot be reached, or have not come back with the site's broker, are offline."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            patience_s = SILENT_S if self._site.connected.is_set() else SITE_AWAY_S
            self._attendance.give_up(time.monotonic() - patience_s, self._clock(), self._heard)
            self._attendance.next_round()
            self._tell_news()
