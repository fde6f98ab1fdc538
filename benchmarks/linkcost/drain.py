"""A hundred nodes come back after a day away, all at once: how long until the cloud has everything on its disk.

The nodes' outboxes are real files, the broker is real, the cloud is `tonnam-cloud serve` with its embedded store. All
of it runs on this one machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.linkcost.brokers import TlsBroker
from benchmarks.linkcost.field import EVERY_S, Field
from tests.servers import HOST, free_port
from tonnam_cloud.opening import open_database
from tonnam_cloud.registry import repository
from tonnam_cloud.settings import Settings
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink, write_backlog
from tonnam_link.topics import Origin

TENANT = "demo-farm"
HOUR_MS = 3_600_000
LOOK_S = 0.1
WORTH_WORKERS_H = 24.0
GIVE_UP_S = 1800.0


@dataclass(frozen=True)
class Drained:
    """What was drained: nodes, hours of each, readings, batches; and how long it took from the first connection."""

    nodes: int
    hours: float
    readings: int
    batches: int
    seconds: float

    @property
    def times_faster(self) -> float:
        """Than it was recorded."""
        return self.hours * 3600 / self.seconds


async def measure(broker: TlsBroker, source: Field, nodes: int, hours: float, directory: Path) -> Drained:
    """Fill the outboxes, start the cloud, connect all nodes at once, and wait until every outbox is empty."""
    names = [f"edge-{number + 1}" for number in range(nodes)]
    readings = _fill(source, names, hours, directory / "nodes")
    async with _cloud(broker, names, directory / "cloud"):
        uplinks = [_uplink(broker, source, name, directory / "nodes") for name in names]
        batches = sum(uplink.backlog().batches for uplink in uplinks)
        began = time.monotonic()
        running = [asyncio.create_task(uplink.run()) for uplink in uplinks]
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await _until_empty(uplinks, running)
            seconds = time.monotonic() - began
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return Drained(nodes, hours, readings, batches, seconds)


def _fill(source: Field, names: Sequence[str], hours: float, directory: Path) -> int:
    """An outbox for each node, with what it would have sealed while it was away. Returns readings."""
    start_ms = time.time_ns() // 1_000_000 - round(hours * HOUR_MS)
    fill = partial(_fill_one, source, round(hours * 3600 / EVERY_S), start_ms, directory)
    if len(names) * hours < WORTH_WORKERS_H:
        return sum(map(fill, names))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        return sum(workers.map(fill, names))


def _fill_one(source: Field, images: int, start_ms: int, directory: Path, name: str) -> int:
    (directory / name).mkdir(parents=True)
    frames = source.frames(images, start_ms=start_ms)
    return write_backlog(directory / name / "outbox.sqlite3", Origin(TENANT, name), source.specs, frames, [])


def _uplink(broker: TlsBroker, source: Field, name: str, directory: Path) -> Uplink:
    return Uplink(
        directory / name / "outbox.sqlite3",
        Broker.parse(broker.url),
        tenant=TENANT,
        node=name,
        datastreams=source.specs,
        clock=NodeClock(kernel_synced=lambda: True),
    )


async def _until_empty(uplinks: Sequence[Uplink], running: Sequence[asyncio.Task[None]]) -> None:
    while not all(uplink.backlog().empty for uplink in uplinks):
        for task in running:
            if task.done():
                task.result()
        await asyncio.sleep(LOOK_S)


@contextlib.asynccontextmanager
async def _cloud(broker: TlsBroker, names: Sequence[str], data: Path) -> AsyncIterator[None]:
    """`tonnam-cloud serve` with these nodes, ready."""
    port = free_port()
    settings = Settings(data=data, broker=broker.url, port=port)
    database = open_database(settings)
    with database.writing() as session:
        for name in names:
            repository.add_node(session, TENANT, name, {"th": name, "en": name}, 0)
    database.close()
    environment = os.environ | {"TONNAM_DATA": str(data), "TONNAM_BROKER": broker.url, "TONNAM_STORE": "embedded"}
    with (data / "cloud.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "tonnam-cloud"), "serve", "--port", str(port),
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await _healthy(port, process, data / "cloud.log")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _healthy(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    for _ in range(300):
        if process.returncode is not None:
            break
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_ask, f"http://{HOST}:{port}/api/health")
            return
        await asyncio.sleep(LOOK_S)
    raise RuntimeError(f"the cloud is not up: see {log}")


def _ask(url: str) -> None:
    urllib.request.urlopen(url, timeout=2).close()
