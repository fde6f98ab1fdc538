"""Resident memory that the link adds to a node: a process with it, less one with only an event loop."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.linkcost.brokers import TlsBroker
from benchmarks.linkcost.wire import Cloud, cloud_session


@dataclass(frozen=True)
class Resident:
    """In MiB, after the work and at most."""

    after: float
    most: float


async def measure(broker: TlsBroker, directory: Path, images: int = 360) -> tuple[Resident, Resident]:
    """A bare process, and one with the link."""
    async with cloud_session(broker, Cloud()):
        node = await _resident("node_process", broker.url, str(directory), str(images))
    return await _resident("bare_process"), node


async def _resident(module: str, *arguments: str) -> Resident:
    command = [sys.executable, "-m", f"benchmarks.linkcost.{module}", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    told, trouble = await process.communicate()
    if process.returncode:
        raise RuntimeError(trouble.decode(errors="replace"))
    after, most = map(int, told.split())
    return Resident(after / 1024, most / 1024)
