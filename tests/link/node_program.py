"""A node in a process of its own, to be killed: accepts a frame every few milliseconds and says so after each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog

from tests.link.harness import SPECS, frame, running
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.uplink import Uplink


async def accept_for_ever(path: Path, url: str, first: int) -> None:
    uplink = Uplink(path, Broker.parse(url), tenant="farm", node="edge-1", datastreams=SPECS, seal_every_s=0.1)
    async with running(uplink.run()):
        number = first
        while True:
            await uplink.accept([frame(number)])
            number += 1
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(accept_for_ever(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
