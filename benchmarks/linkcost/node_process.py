"""A process with an event loop and the link: an hour of thirty datastreams accepted, sealed, sent over TLS, answered.

python -m benchmarks.linkcost.node_process BROKER_URL DIRECTORY IMAGES
"""

from __future__ import annotations

import asyncio
import gc
import math
import sys
from pathlib import Path

import structlog

from benchmarks.linkcost.bare_process import resident_kib
from tonnam_link.messages import DatastreamSpec, Frame, Sample
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink

SPECS = [DatastreamSpec(f"farm/thing-{number}/soil_moisture", "%", 0.1) for number in range(30)]
LOOK_S = 0.05
START_MS = 1_795_000_000_000


def frame(number: int) -> Frame:
    samples = {spec.datastream: Sample(25 + math.sin(k + number / 50)) for k, spec in enumerate(SPECS)}
    return Frame(START_MS + number * 10_000, samples)


async def live(url: str, directory: Path, images: int) -> None:
    uplink = Uplink(
        directory / "outbox.sqlite3", Broker.parse(url), tenant="demo-farm", node="edge-1", datastreams=SPECS,
        clock=NodeClock(kernel_synced=lambda: True), seal_every_s=0.2,
    )  # fmt: skip
    running = asyncio.create_task(uplink.run())
    async with asyncio.timeout(60):
        for number in range(images):
            await uplink.accept([frame(number)])
        while not uplink.connected or not uplink.backlog().empty:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_S)
    gc.collect()
    sys.stdout.write(f"{resident_kib()} {resident_kib('VmHWM')}\n")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(live(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
