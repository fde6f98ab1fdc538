"""Whether nodes are connected, from the retained presence that each of them and its last will publish."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

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
from tonnam_link.rarely import Rarely
from tonnam_link.receiving.attendance import read_presence
from tonnam_link.topics import Channel, Origin, all_nodes, parse_node_topic

NODES = 20_000
A_NODE = 4
AGAIN_S = 2.0
GATHER_S = 1.0
"""However often nodes come and go, the registry writes and the log tells it once in this time."""

log = structlog.get_logger(__name__)


class Seen(NamedTuple):
    """One presence of a node, and when it came. `kept`: the broker had kept it; it is the last that was said."""

    origin: Origin
    presence: Presence
    received_ms: int
    kept: bool = False


class Waiting:
    """Of each node what still counts: that it was last online, and a few farewells, one of which may be that one's.

    So a node that floods takes the place of its own words only. Of too many nodes the first makes way.
    """

    def __init__(self) -> None:
        self._words: OrderedDict[Origin, list[Seen]] = OrderedDict()

    def put(self, seen: Seen) -> None:
        words = self._words.setdefault(seen.origin, [])
        if seen.presence.online:
            words.clear()
        elif len(words) == A_NODE:
            words.pop()
        words.append(seen)
        if len(self._words) > NODES:
            self._words.popitem(last=False)

    def take(self) -> list[Seen]:
        """All that waits, and nothing waits any more."""
        words, self._words = self._words, OrderedDict()
        return [seen for each in words.values() for seen in each]


class Presences:
    """Keeps nodes' presence in the registry; of each node in the order in which it came. Bounded, see `Waiting`."""

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
        self._waiting = Waiting()
        self._rarely = Rarely(log)
        self._arrived = asyncio.Event()
        self._outage = Outage("presence waits for the database")
        session.subscribe(all_nodes(Channel.PRESENCE), self.hear)

    def hear(self, message: Message) -> None:
        """Take a message; what cannot be read is ignored."""
        source = parse_node_topic(message.topic)
        presence = read_presence(message.payload)
        if source is None or presence is None:
            self._rarely.warn("a presence that cannot be read", topic=message.topic)
            return
        self._waiting.put(Seen(source.origin, presence, self._clock(), message.retained))
        self._arrived.set()

    async def run(self) -> None:
        """Keep what arrives, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._keep(self._waiting.take())
            await asyncio.sleep(GATHER_S)

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
            for each in sorted(seen, key=lambda each: each.origin in behind):
                messages.extend(_note(session, each))
        return messages


def _note(session: DatabaseSession, seen: Seen) -> Iterator[live.Message]:
    (tenant, node), presence, at_ms, kept = seen
    changes = repository.presence(session, tenant, node, presence.online, presence.session, at_ms, kept)
    for changed in changes:
        log.info("node is online" if presence.online else "node is offline", node="/".join(changed))
        yield from came_or_went(session, *changed)
    if presence.online and presence.trusts is not None:
        repository.trust(session, tenant, node, presence.keys, presence.trusts)
