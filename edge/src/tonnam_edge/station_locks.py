"""Which pumps and gates are locked by the key at the cabinet, seen without an agent: `all_off` leaves them alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tonnam_edge.commissioning.bench import Bench
from tonnam_edge.modbus.wire import Transport
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import BusPart


async def locked_now(site: Site, transport: Callable[[BusPart], Transport], within_s: float) -> frozenset[str]:
    """The actuators of stations whose key switch is read as locked. One that cannot be read locks nothing."""
    locks = [(station, station.lock) for station in site.stations.values() if station.lock is not None]
    if not locks:
        return frozenset()
    found: set[str] = set()
    bench = Bench(site, transport)
    try:
        for station, lock in locks:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(within_s / len(locks)):
                    closed = await bench.value(f"{site.id}/{lock.contact}")
                    if closed is not None and bool(closed) is lock.closed_when_locked:
                        found |= set(station.moved)
    finally:
        await bench.close()
    return frozenset(found)
