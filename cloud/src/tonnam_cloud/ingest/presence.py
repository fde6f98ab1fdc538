"""Whether nodes are connected, from the retained presence that each of them and its last will publish."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.orm import Session as DatabaseSession

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.ingest import live
from tonnam_cloud.ingest.commit import Ingest, came_or_went
from tonnam_cloud.outage import Outage
from tonnam_cloud.registry import repository
from tonnam_link.clock import Clock
from tonnam_link.messages import Presence
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.topics import Channel, all_nodes, parse_node_topic

QUEUE = 20_000
LONGEST_SESSION = 64
AGAIN_S = 2.0

log = structlog.get_logger(__name__)


class Seen(NamedTuple):
    """One presence of a node, and when it came."""

    tenant: str
    node: str
    presence: Presence
    received_ms: int


class Presences:
    """Keeps nodes' presence in the registry, in the order in which it came. Bounded: the oldest make way."""

    def __init__(
        self,
        session: Session,
        ingest: Ingest,
        database: Database,
        publish: Callable[[str, bytes], bool],
        clock: Clock,
    ) -> None:
        self._ingest = ingest
        self._database = database
        self._publish = publish
        self._clock = clock
        self._waiting: deque[Seen] = deque(maxlen=QUEUE)
        self._arrived = asyncio.Event()
        self._outage = Outage("presence waits for the database")
        session.subscribe(all_nodes(Channel.PRESENCE), self.hear)

    def hear(self, message: Message) -> None:
        """Take a message; what cannot be read is ignored."""
        source = parse_node_topic(message.topic)
        try:
            presence = msgspec.json.decode(message.payload, type=Presence)
        except (ValueError, RecursionError):
            log.warning("a presence that cannot be read", topic=message.topic)
            return
        if source is not None and len(presence.session) <= LONGEST_SESSION and "\0" not in presence.session:
            self._waiting.append(Seen(source.tenant, source.node, presence, self._clock()))
            self._arrived.set()

    async def run(self) -> None:
        """Keep what arrives, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            seen = list(self._waiting)
            self._waiting.clear()
            await self._keep(seen)

    async def _keep(self, seen: Sequence[Seen]) -> None:
        while True:
            try:
                messages = await self._ingest.blocking(self._write, seen)
            except Transient as error:
                self._outage.note(error)
                await asyncio.sleep(AGAIN_S)
                continue
            except Exception:
                log.exception("presence could not be kept", nodes=len(seen))
                for each in seen if len(seen) > 1 else ():
                    await self._keep([each])
                return
            self._outage.over()
            for topic, payload in messages:
                self._publish(topic, payload)
            return

    def _write(self, seen: Sequence[Seen]) -> list[live.Message]:
        """Gateways before those behind them, because a broker tells what it has kept in any order."""
        messages: list[live.Message] = []
        with self._database.writing() as session:
            senders = repository.senders(session)
            behind = {key for key, sender in senders.items() if sender.via}
            for each in sorted(seen, key=lambda each: (each.tenant, each.node) in behind):
                messages.extend(_note(session, each))
        return messages


def _note(session: DatabaseSession, seen: Seen) -> Iterator[live.Message]:
    tenant, node, presence, at_ms = seen
    for changed in repository.presence(session, tenant, node, presence.online, presence.session, at_ms):
        log.info("node is online" if presence.online else "node is offline", node="/".join(changed))
        yield from came_or_went(session, *changed)
    if presence.online and presence.trusts is not None:
        repository.trust(session, tenant, node, presence.keys, presence.trusts)
