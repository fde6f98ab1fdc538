"""The custody chain: a gateway keeps what nodes behind it seal in its own outbox, and passes on what goes down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Forwarded, Presence, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.outbox.forwards import Inner, inner_of
from tonnam_link.outbox.outbox import Backlog
from tonnam_link.rarely import Rarely
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Channel, Origin, node_topic, parse_node_topic
from tonnam_link.wire.envelope import MAX_BATCH_BYTES, Kind, open_envelope

DISK_RETRY_S = 5.0
FULL_RETRY_S = 60.0
NO_CHAIN_RETRY_S = 300.0
FULL_FOR_BACK = 0.5
FULL_FOR_ALL = 0.75
SITE_AWAY_S = 10.0
LOOK_EVERY_S = 1.0
MAX_PRESENCE_BYTES = 4_096
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
    configuration for them go down, their presence goes up; when the site's broker is away they are offline.

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
        self._presences: dict[Origin, tuple[Presence, bytes]] = {}
        self._told_now: set[Origin] = set()
        self._untold: set[Origin] = set()
        self._rarely = Rarely(self._log)
        self._away_s = 0.0
        self.receiver = Receiver(self._site, self._commit, clock=clock, origins=self._origins, log=self._log)
        for origin in self._origins:
            self._site.subscribe(node_topic(*origin, Channel.PRESENCE), self._on_presence)
            for channel in (Channel.COMMAND, Channel.CONFIG):
                uplink.session.subscribe(node_topic(*origin, channel), self._pass_down, needed=False)
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
        if len(received.payload) > MAX_BATCH_BYTES:
            self._rarely.warn("batch.oversized", node=str(received.origin), size=len(received.payload))
            return Answer(Verdict.QUARANTINED, f"oversized: {len(received.payload)} bytes")
        if inner.kind is Kind.FORWARD:
            return Answer(Verdict.BUSY, "a gateway cannot stand behind another gateway", NO_CHAIN_RETRY_S)
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
        presence = _presence(message.payload)
        if source is None or presence is None:
            self._rarely.warn("presence.malformed", topic=message.topic)
            return
        before = self._presences.get(source.origin)
        if before is not None and not presence.online and presence.session != before[0].session:
            return  # the last will of an older session
        self._presences[source.origin] = (presence, message.payload)
        self._untold.add(source.origin)
        self._tell_news()

    def _tell_presences(self) -> None:
        """All of them, to a cloud that may know none."""
        self._told_now.clear()
        self._untold.update(self._presences)
        self._tell_news()

    def _tell_news(self) -> None:
        """What has changed; of one node no more than once in a while, however often it comes and goes."""
        for origin in self._untold - self._told_now:
            _, payload = self._presences[origin]
            self._tell_presence(origin, _offline(payload, self._clock()) if self._site_is_away else payload)
            self._untold.discard(origin)
            self._told_now.add(origin)

    def _tell_presence(self, origin: Origin, payload: bytes) -> None:
        """Without a connection towards the cloud it is told at the next."""
        self._uplink.session.publish(node_topic(*origin, Channel.PRESENCE), payload, qos=1, retain=True)

    @property
    def _site_is_away(self) -> bool:
        return self._away_s >= SITE_AWAY_S

    async def _watch_site(self) -> None:
        """Nodes that cannot be reached are offline. When the site's broker is back it tells who is there."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._told_now.clear()
            self._tell_news()
            before = self._site_is_away
            self._away_s = 0.0 if self._site.connected.is_set() else self._away_s + LOOK_EVERY_S
            if self._site_is_away and not before:
                self._tell_presences()


def _presence(payload: bytes) -> Presence | None:
    if len(payload) > MAX_PRESENCE_BYTES:
        return None
    try:
        return msgspec.json.decode(payload, type=Presence)
    except (ValueError, RecursionError):  # not only what is no JSON: what is no UTF-8 either
        return None


def _offline(payload: bytes, at_ms: int | None) -> bytes:
    """The same presence, but offline. What else it tells stays."""
    told = msgspec.json.decode(payload, type=dict[str, Any])
    return msgspec.json.encode({**told, "online": False, "at_ms": told["at_ms"] if at_ms is None else at_ms})
