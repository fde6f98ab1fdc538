"""A hundred real nodes at one real receiver, over real brokers, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from tests.link.harness import SPECS, frame, running, until
from tests.link.simulation import percentile
from tonnam_link.clock import system_clock
from tonnam_link.errors import MissingDictionary
from tonnam_link.messages import DatastreamSpec, Frame, Sample, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node import flow
from tonnam_link.node.uplink import Uplink, write_backlog
from tonnam_link.outbox import outbox_file
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.receiving import reception
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import Batch, decode

NODES = 100
BATCHES = 5
READINGS_A_BATCH = 80
HASTE = 0.3
STALL_S = 10.0 * HASTE
PAUSES = ("RESEND_S", "FIRST_BACK_S", "UNASKED_BACK_S", "LOOK_AGAIN_S", "CREDIT_S", "DICTIONARY_AGAIN_S", "HURRY_S")


@dataclass
class Store:
    """What a cloud keeps, by node; `takes_s` for each batch of backlog. A cleared `gate` holds it, `busy` refuses."""

    takes_s: float = 0.0
    busy: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    dictionaries: dict[str, Dictionary] = field(default_factory=dict)
    stored: Counter[tuple[Origin, int, int]] = field(default_factory=Counter)
    readings: Counter[Origin] = field(default_factory=Counter)
    came: Counter[Channel] = field(default_factory=Counter)
    live_s: list[tuple[float, float]] = field(default_factory=list)
    overtaken: list[tuple[float, int]] = field(default_factory=list)  # when a live reading was stored, after how many
    heard_ms: dict[Origin, int] = field(default_factory=dict)
    back_at_ms: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        await self.gate.wait()
        if self.busy:
            return [Answer(Verdict.BUSY, "away", 5.0 * HASTE)] * len(group)
        return await asyncio.to_thread(lambda: [self._store(received) for received in group])

    def _store(self, received: Received) -> Answer:
        try:
            batch = decode(received.payload, self.dictionaries)
        except MissingDictionary:
            return Answer(Verdict.NEED_DICTIONARY)
        if batch.kind == "dictionary":
            self.dictionaries[batch.dictionary or ""] = Dictionary(batch.specs)
        if received.channel is Channel.BACK:
            time.sleep(self.takes_s)
        self._note(received, batch)
        return Answer(Verdict.STORED)

    def _note(self, received: Received, batch: Batch) -> None:
        self.came[received.channel] += 1
        self.stored[received.origin, batch.epoch, batch.sequence] += 1
        self.readings[received.origin] += sum(len(column.observed_at_ms) for column in batch.columns)
        now_ms = system_clock()
        heard_ms = self.heard_ms.setdefault(received.origin, now_ms)
        if received.channel is Channel.BACK:
            self.back_at_ms.append(now_ms)
            return
        for column in batch.columns[:1]:
            now_told = [at for at in column.observed_at_ms.tolist() if now_ms - at < 3_600_000]
            self.live_s += [(time.monotonic(), (now_ms - at) / 1000) for at in now_told]
            since = [len(self.back_at_ms) - bisect_left(self.back_at_ms, at) for at in now_told if at >= heard_ms]
            self.overtaken += [(time.monotonic(), count) for count in since]

    def late(self, since: float, until: float) -> list[float]:
        """How old live readings were when they were stored: measured since then, stored until then, monotonic."""
        return [age for at, age in self.live_s if since <= at - age and at < until] or [float("inf")]

    def waited(self, until: float) -> list[int]:
        """Behind how many batches of backlog live readings were stored that came before then, monotonic.

        Only those of nodes that were there when they measured: to connect a hundred takes its time, too.
        """
        return [count for at, count in self.overtaken if at < until] or [sum(self.came.values())]


@contextlib.asynccontextmanager
async def receiving(url: str, store: Store) -> AsyncIterator[Receiver]:
    session = Session(Broker.parse(url), client_id="cloud", pause_s=(0.1, 0.5))
    receiver = Receiver(session, store.commit)
    async with running(session.run(), receiver.run()):
        await session.connected.wait()
        yield receiver


def origin(number: int) -> Origin:
    return Origin("farm", f"n-{number}")


@pytest.fixture(autouse=True)
def disks_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No node waits until the disk of this machine has taken what a hundred others wrote."""
    set_up = outbox_file._set_up

    def without_waiting(db: sqlite3.Connection) -> None:
        set_up(db)
        db.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(outbox_file, "_set_up", without_waiting)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The outboxes of a hundred nodes that have been away."""
    for number in range(NODES):
        outbox = Outbox(tmp_path / f"{number}.db", origin(number))
        outbox.register(SPECS)
        frames = (frame(n) for n in range(BATCHES * READINGS_A_BATCH // len(SPECS)))
        outbox.seal_history(frames, [], READINGS_A_BATCH)
        outbox.close()
    return tmp_path


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends wait less for everything, so that a shorter stall is as many of their time-outs long."""
    for name in PAUSES:
        monkeypatch.setattr(flow, name, HASTE * getattr(flow, name))
    monkeypatch.setattr(reception, "GRANT_S", HASTE * reception.GRANT_S)
    monkeypatch.setattr(reception, "LATER_S", tuple(HASTE * seconds for seconds in reception.LATER_S))


def node(home: Path, number: int, url: str, specs: Sequence[DatastreamSpec] = SPECS) -> Uplink:
    return Uplink(
        home / f"{number}.db",
        Broker.parse(url),
        tenant="farm",
        node=f"n-{number}",
        datastreams=specs,
        seal_every_s=1.0,
    )


async def tell_now(uplinks: Sequence[Uplink], every_s: float) -> None:
    """Each of the nodes, one after the other, tells what it measures just now; all of them once in `every_s`."""
    while True:
        for uplink in uplinks:
            now = Frame(system_clock(), {SPECS[0].datastream: Sample(20.0)})
            await uplink.accept([now], at_once=True)
            await asyncio.sleep(every_s / len(uplinks))


async def hang(store: Store) -> None:
    store.gate.clear()
    await asyncio.sleep(STALL_S)
    store.gate.set()


async def refuse(store: Store) -> None:
    store.busy = True
    await asyncio.sleep(STALL_S)
    store.busy = False


@pytest.mark.parametrize(("server", "stall"), [("mosquitto_broker", hang), ("nats_broker", refuse)])
@pytest.mark.timeout(90)
async def test_hundred_nodes_back_at_once_while_the_store_stalls_lose_nothing_and_do_not_storm(
    home: Path, request: pytest.FixtureRequest, server: str, stall: Callable[[Store], Awaitable[None]]
) -> None:
    url: str = request.getfixturevalue(server)
    store = Store()
    uplinks = [node(home, number, url) for number in range(NODES)]
    async with receiving(url, store) as receiver, running(*(uplink.run() for uplink in uplinks)):
        telling = asyncio.create_task(tell_now(uplinks, 3.0))
        await until(lambda: store.came[Channel.BACK] > 2 * NODES, "the first backlog", 30)
        stalled = time.monotonic()
        await stall(store)
        ended = time.monotonic()
        await until(lambda: store.came[Channel.BACK] >= NODES * BATCHES, "all backlog", 30)
        drained = time.monotonic()
        await until(lambda: len(store.late(ended + HASTE, float("inf"))) > 30, "live readings after the stall", 30)
        telling.cancel()
        await until(lambda: all(uplink.backlog().empty for uplink in uplinks), "the last reply", 30)
        counts = receiver.counts
    before, after = store.late(0.0, stalled), store.late(ended + HASTE, float("inf"))
    figures = (
        f"live s before: p90 {percentile(before, 0.9):.2f}; after: p90 {percentile(after, 0.9):.2f}, of the stall "
        f"{max(store.late(stalled, drained)):.1f}; drained {drained - ended:.1f} s after it; {counts}, "
        f"{sum(store.stored.values())} stored"
    )
    assert all(store.readings[origin(n)] >= BATCHES * READINGS_A_BATCH for n in range(NODES)), figures
    assert set(store.stored.values()) == {1}, f"no batch is paid for twice; {figures}"
    waited = percentile(store.waited(stalled), 0.9)
    assert waited < NODES * BATCHES / 10, f"live readings waited behind {waited} batches of backlog; {figures}"
    assert counts["batches"] < 2 * len(store.stored), figures
    assert counts["dropped"] == 0, figures


@pytest.mark.timeout(90)
async def test_receiver_killed_among_a_hundred_nodes_is_found_again_by_all(
    home: Path, nats_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    uplinks = [node(home, number, nats_broker) for number in range(NODES)]
    async with running(*(uplink.run() for uplink in uplinks)):
        async with receiving(nats_broker, store):
            await until(lambda: store.came[Channel.BACK] > 2 * NODES, "some of the backlog", 30)
        async with receiving(nats_broker, store):
            started = time.monotonic()
            await until(lambda: all(uplink.backlog().empty for uplink in uplinks), "the last reply", 60)
    assert all(store.readings[origin(n)] >= BATCHES * READINGS_A_BATCH for n in range(NODES))
    assert sum(store.stored.values()) < 1.2 * len(store.stored), "hardly any batch is paid for twice"
    assert time.monotonic() - started < 20.0


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A node that has been away for a day, with thirty datastreams every ten seconds."""
    specs = [DatastreamSpec(f"melon/zone-{n}/soil_moisture", "%", 0.1) for n in range(30)]
    samples = [
        {spec.datastream: Sample(20 + (n * 7 + k) % 50 / 10) for n, spec in enumerate(specs)} for k in range(50)
    ]
    frames = (Frame(1_795_000_000_000 + n * 10_000, samples[n % 50]) for n in range(8_640))
    assert write_backlog(tmp_path / "0.db", origin(0), specs, frames, []) == 259_200
    (tmp_path / "specs").write_bytes(msgspec.json.encode(specs))
    return tmp_path


@pytest.mark.timeout(60)
async def test_day_of_one_node_does_not_delay_five_others(day: Path, broker: str) -> None:
    """The store takes 0.2 s for each of its big batches, as a database of the network would."""
    specs = msgspec.json.decode((day / "specs").read_bytes(), type=list[DatastreamSpec])
    store = Store(takes_s=0.2)
    away = node(day, 0, broker, specs)
    others = [node(day, number, broker) for number in range(1, 6)]
    async with receiving(broker, store), running(*(uplink.run() for uplink in (away, *others))):
        telling = asyncio.create_task(tell_now(others, 0.5))
        started = time.monotonic()
        await until(lambda: away.backlog().empty, "the day", 45)
        drained = time.monotonic()
        telling.cancel()
    late = store.late(started + 1.0, drained)
    figures = (
        f"live s: p50 {percentile(late, 0.5):.2f}, p95 {percentile(late, 0.95):.2f}, max {max(late):.2f}; "
        f"drained in {drained - started:.1f} s"
    )
    assert store.readings[origin(0)] == 259_200, figures
    assert percentile(store.waited(drained), 0.95) <= 4, figures
    assert len(late) > 10, figures
    assert drained - started < 24 * 3600 / 20, figures
