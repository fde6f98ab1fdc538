"""Bytes on the wire between nodes and a real broker, over TLS, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.linkcost import peers
from benchmarks.linkcost.brokers import TlsBroker
from benchmarks.linkcost.field import EVERY_S, IMAGES_A_BATCH, Field
from benchmarks.linkcost.proxy import Proxy, Traffic, counting
from tonnam_link.errors import MissingDictionary
from tonnam_link.messages import Frame, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import KEEPALIVE_S, Session
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import decode

SETTLE_BATCHES = 1.5
CONNECT_TIMEOUT_S = 20.0
PEER_KEEPALIVE_S = KEEPALIVE_S
"""As ours, so that their batches too spare them the pings; 60 is what most take."""


@dataclass(frozen=True)
class Pace:
    """How long a batch's time is, and how many are counted. Anything but a minute is only for trying."""

    batches: int
    batch_s: float = 60.0

    @property
    def image_s(self) -> float:
        return self.batch_s / IMAGES_A_BATCH


@dataclass
class Said:
    """What an application said: readings, and bytes of its own payload."""

    readings: int = 0
    payload: int = 0

    def since(self, before: Said) -> Said:
        return Said(self.readings - before.readings, self.payload - before.payload)

    def copy(self) -> Said:
        return Said(self.readings, self.payload)


@dataclass(frozen=True)
class Cost:
    """What a contender's nodes cost together, in bytes, while they were counted. `joining` is one node's."""

    readings: int
    payload: int
    mqtt: int
    tls: int
    headers: int
    joining: int

    @property
    def total(self) -> int:
        return self.payload + self.mqtt + self.tls + self.headers


@dataclass
class Cloud:
    """The other end of our link: commits to memory at once, and counts what each node said."""

    said: defaultdict[Origin, Said] = field(default_factory=lambda: defaultdict(Said))
    _dictionaries: dict[str, Dictionary] = field(default_factory=dict)

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        return [self._answer(received) for received in group]

    def _answer(self, received: Received) -> Answer:
        try:
            batch = decode(received.payload, self._dictionaries)
        except MissingDictionary:
            return Answer(Verdict.NEED_DICTIONARY)
        if batch.kind == "dictionary":
            known = Dictionary(batch.specs)
            self._dictionaries[known.hash] = known
        said = self.said[received.origin]
        said.readings += sum(len(column.value) for column in batch.columns)
        said.payload += len(received.payload) if batch.columns else 0
        return Answer(Verdict.STORED)


@dataclass
class Peer:
    """A node that publishes with QoS 1 and is answered by its broker."""

    session: Session
    said: Said = field(default_factory=Said)

    async def send(self, topic: str, payload: bytes, readings: int) -> None:
        self.session.publish(topic, payload, qos=1)
        self.said.readings += readings
        self.said.payload += len(payload)


def senml(peer: Peer, frames: Sequence[Frame], source: Field) -> Awaitable[None]:
    """A batch's time of frames in one message."""
    readings = sum(sample.value is not None for frame in frames for sample in frame.samples.values())
    return peer.send("demo-farm/edge-1/senml", peers.senml_zstd(source.specs, frames), readings)


async def singles(peer: Peer, frames: Sequence[Frame], source: Field) -> None:
    """A message for each reading."""
    for frame in frames:
        for topic, payload in peers.single_messages(frame):
            await peer.send(topic, payload, 1)


Publish = Callable[[Peer, Sequence[Frame], Field], Awaitable[None]]
PEERS: dict[str, tuple[Publish, int]] = {
    "SenML JSON, zstd, QoS 1": (senml, IMAGES_A_BATCH),
    "JSON a reading, QoS 1": (singles, 1),
}
OURS = "Tonnam"


class Start(NamedTuple):
    """Where a node begins: the `number`-th of its kind, with image `first`."""

    broker: TlsBroker
    source: Field
    pace: Pace
    number: int
    first: int


class Counted(NamedTuple):
    """What one node said and what that took; `joining`: the bytes of connecting, once."""

    said: Said
    traffic: Traffic
    joining: int


async def measure(
    broker: TlsBroker, fields: Sequence[Field], pace: Pace, nodes: int, directory: Path
) -> dict[str, dict[str, Cost]]:
    """What each contender costs with each field on this broker: so many nodes, at different times of it."""
    cloud = Cloud()
    found: dict[tuple[str, str], list[asyncio.Task[Counted]]] = defaultdict(list)
    async with cloud_session(broker, cloud), asyncio.TaskGroup() as group:
        for source in fields:
            for number in range(nodes):
                start = Start(broker, source, pace, number, number * len(source.images) // nodes)
                ours = group.create_task(_our_node(start, cloud, directory))
                found[source.name, OURS].append(ours)
                for name, how in PEERS.items():
                    found[source.name, name].append(group.create_task(_peer(start, *how)))
    return {
        source.name: {name: _cost([task.result() for task in found[source.name, name]]) for name in (OURS, *PEERS)}
        for source in fields
    }


def _cost(found: Sequence[Counted]) -> Cost:
    payload, tls = sum(one.said.payload for one in found), sum(one.traffic.tls for one in found)
    return Cost(
        sum(one.said.readings for one in found),
        payload,
        sum(one.traffic.payload for one in found) - tls - payload,
        tls,
        sum(one.traffic.headers for one in found),
        sum(one.joining for one in found) // len(found),
    )


@contextlib.asynccontextmanager
async def cloud_session(broker: TlsBroker, cloud: Cloud) -> AsyncIterator[None]:
    session = Session(Broker.parse(broker.url), client_id="cloud")
    receiver = Receiver(session, cloud.commit)
    tasks = [asyncio.create_task(session.run()), asyncio.create_task(receiver.run())]
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await session.connected.wait()
        yield
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _our_node(start: Start, cloud: Cloud, directory: Path) -> Counted:
    node = f"edge-{start.number + 1}"
    async with counting(start.broker.port) as proxy:
        uplink = Uplink(
            directory / start.source.tenant / node / "outbox.sqlite3",
            Broker.parse(start.broker.url_at(proxy.port)),
            tenant=start.source.tenant,
            node=node,
            datastreams=start.source.specs,
            clock=NodeClock(kernel_synced=lambda: True),
            seal_every_s=start.pace.batch_s,
        )

        async def work(number: int) -> None:
            await uplink.accept([Frame(uplink.clock.now_ms(), start.source.image(start.first + number))])

        running = asyncio.create_task(uplink.run())
        try:
            return await _count(proxy, start.pace, 1, work, lambda: cloud.said[Origin(start.source.tenant, node)])
        finally:
            await _end([running])


async def _peer(start: Start, publish: Publish, images: int) -> Counted:
    async with counting(start.broker.port) as proxy:
        at = Broker.parse(start.broker.url_at(proxy.port))
        name = f"{start.source.tenant}-peer-{images}-{start.number}"
        peer = Peer(Session(at, client_id=name, keepalive_s=PEER_KEEPALIVE_S))

        async def work(number: int) -> None:
            now_ms, first = time.time_ns() // 1_000_000, start.first + number * images
            oldest_ms = now_ms - (images - 1) * EVERY_S * 1000
            await publish(peer, list(start.source.frames(images, first, oldest_ms)), start.source)

        running = asyncio.create_task(peer.session.run())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await peer.session.connected.wait()
            return await _count(proxy, start.pace, images, work, lambda: peer.said)
        finally:
            await _end([running])


async def _count(
    proxy: Proxy, pace: Pace, images: int, work: Callable[[int], Awaitable[None]], said: Callable[[], Said]
) -> Counted:
    """Do the work every so many images; what was said and went over the wire in `pace.batches` whole batches' time.

    Work begins half an image's time after the node, so that nothing happens where counting begins and ends.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    counting_from = began + SETTLE_BATCHES * pace.batch_s

    async def until(moment: float, number: int) -> int:
        while (due := began + pace.image_s * (0.5 + number * images)) < moment:
            await asyncio.sleep(due - loop.time())
            await work(number)
            number += 1
        await asyncio.sleep(moment - loop.time())
        return number

    number = await until(counting_from, 0)
    settled, said_before = proxy.traffic(), said().copy()
    await until(counting_from + pace.batches * pace.batch_s, number)
    traffic, found = proxy.traffic().since(settled), said().since(said_before)
    joining = settled.total - traffic.total * SETTLE_BATCHES / pace.batches
    return Counted(found, traffic, max(0, round(joining)))
