"""A process with an event loop and nothing else: what the link's memory is measured against."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path


def resident_kib(field: str = "VmRSS") -> int:
    """What of this process is in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:")))


async def live() -> None:
    await asyncio.sleep(0.1)
    gc.collect()
    sys.stdout.write(f"{resident_kib()} {resident_kib('VmHWM')}\n")


if __name__ == "__main__":
    asyncio.run(live())
