"""The far end of the link for tests: a ledger that a real Receiver commits to, over a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.patience import until as until
from tonnam_link.errors import MissingDictionary, Rejected
from tonnam_link.messages import DatastreamSpec, Event, Frame, Sample, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.node.uplink import Uplink
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Channel, Origin, all_nodes
from tonnam_link.wire.codec import Dictionary, checksum
from tonnam_link.wire.decode import Batch, decode, intact, peek

SPECS = [
    DatastreamSpec("melon/zone-1/soil_moisture", "%", 0.1),
    DatastreamSpec("melon/zone-2/soil_moisture", "%", 0.1),
    DatastreamSpec("melon/pump/running", "1", 1.0),
    DatastreamSpec("melon/climate/air_temperature", "Cel", 0.0),
]
ORIGIN = Origin("farm", "edge-1")
TOPIC = "tonnam/1/farm/edge-1"
START_MS = 1_795_000_000_000
Identity = tuple[str, int]


def frame(number: int, start_ms: int = START_MS) -> Frame:
    """Image `number` of a greenhouse: one second after the one before."""
    values = (20 + number % 100 / 10, 30 - number % 50 / 10, float(number % 2), 25 + number / 7)
    samples = {spec.datastream: Sample(value) for spec, value in zip(SPECS, values, strict=True)}
    return Frame(start_ms + number * 1000, samples)


def event(number: int) -> Event:
    return Event(f"e{number}", "run.started", START_MS + number, {"zone": "zone-1"})


def node(path: Path, url: str, *, name: str = "edge-1", seal_every_s: float = 0.1, **options: Any) -> Uplink:
    """The uplink of a node of the greenhouse."""
    broker = Broker.parse(url)
    return Uplink(path, broker, tenant="farm", node=name, datastreams=SPECS, seal_every_s=seal_every_s, **options)


def is_hello(payload: bytes) -> bool:
    """Whether a batch only asks for a reply."""
    try:
        return peek(payload).kind == "events" and not decode(payload, {}).events
    except Rejected:
        return False


def sealed(version: bytes, array: Sequence[Any]) -> bytes:
    """Any array as a batch of any version, with its checksum."""
    packed = msgspec.msgpack.encode(array)
    return version + checksum(ORIGIN, version, packed) + packed


def identities(frames: Sequence[Frame]) -> set[Identity]:
    """The identities of all readings of the frames."""
    return {(name, f.observed_at_ms) for f in frames for name in f.samples}


@dataclass
class Ledger:
    """What a cloud would have stored. A hello is answered and leaves no trace.

    `before` sees each batch first and may answer in its place; a cleared `gate` holds every commit.
    """

    dictionaries: dict[str, Dictionary] = field(default_factory=dict)
    readings: dict[Identity, float] = field(default_factory=dict)
    qualities: dict[Identity, int] = field(default_factory=dict)
    writes: Counter[Identity] = field(default_factory=Counter)
    events: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, Any] = field(default_factory=dict)
    groups: list[list[Received]] = field(default_factory=list)
    forwarded: Counter[Origin] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    arrived: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    before: Callable[[Received], Answer | None] = lambda _: None

    def __post_init__(self) -> None:
        self.gate.set()

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        await self.gate.wait()
        told = [received for received in group if not is_hello(received.payload)]
        if told:
            self.groups.append(told)
        answers = [self.answer(received) for received in group]
        self.verdicts.update(answers[group.index(received)].verdict for received in told)
        return answers

    def answer(self, received: Received) -> Answer:
        if is_hello(received.payload):
            return Answer(Verdict.STORED)
        return self.before(received) or self.store(received)

    def hear(self, message: Message) -> None:
        if not is_hello(message.payload):
            self.arrived.append(message.topic)

    def store(self, received: Received) -> Answer:
        """Commit a batch, or the one that a gateway passed on in it."""
        if received.garbled or not intact(received.payload, received.origin):
            return Answer(Verdict.QUARANTINED, "garbled, or not sealed for this node")
        try:
            batch = decode(received.payload, self.dictionaries)
        except MissingDictionary:
            return Answer(Verdict.NEED_DICTIONARY)
        except Rejected as error:
            return Answer(Verdict.QUARANTINED, error.reason)
        if batch.forwarded is not None:
            item = batch.forwarded
            self.forwarded[item.origin] += 1
            return self.store(Received(*item.origin, item.channel, item.payload, received.received_at_ms))
        self._write(batch)
        return Answer(Verdict.STORED)

    def _write(self, batch: Batch) -> None:
        if batch.kind == "dictionary":
            dictionary = Dictionary(batch.specs)
            self.dictionaries[dictionary.hash] = dictionary
        for column in batch.columns:
            for at, value in zip(column.observed_at_ms.tolist(), column.value.tolist(), strict=True):
                known = self.readings.setdefault((column.datastream, at), value)
                assert known == value or known != known, "the same identity with another value"
                self.writes[column.datastream, at] += 1
            self.qualities |= {
                (column.datastream, at): quality
                for at, quality in zip(column.observed_at_ms.tolist(), column.quality.tolist(), strict=True)
            }
        self.events.update((event.id, event) for event in batch.events)
        self.outcomes.update((outcome.command_id, outcome) for outcome in batch.outcomes)


@contextlib.asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the coroutines beside the block, cancel them at its end, and raise what they raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [result for result in results if isinstance(result, Exception)]
    if failed:
        raise failed[0]


@contextlib.asynccontextmanager
async def cloud(url: str, ledger: Ledger, **options: Any) -> AsyncIterator[None]:
    """A receiver over the broker that commits to the ledger, connected when the block begins."""
    session = Session(Broker.parse(url), client_id="cloud", pause_s=(0.2, 1.0))
    receiver = Receiver(session, ledger.commit, **options)
    for channel in (Channel.UP, Channel.BACK):
        session.subscribe(all_nodes(channel), ledger.hear)
    async with running(session.run(), receiver.run()):
        await session.connected.wait()
        yield


@contextlib.asynccontextmanager
async def node_process(path: Path, url: str, first: int = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """A node in a process of its own (see tests/link/node_program.py), killed at the end of the block."""
    command = [sys.executable, "-m", "tests.link.node_program", str(path), url, str(first)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
