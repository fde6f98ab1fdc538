"""Nodes that take readings under a clock of their own, and whether each arrived at its time."""

from __future__ import annotations

import asyncio

from tests import servers
from tests.link.harness import Ledger
from tests.link.machines import Machine, reading, result, word
from tonnam_link.clock import system_clock
from tonnam_link.node.uplink import Uplink

TRIP_MS = 1_000
"""More than a round trip takes here: so far a time may be off."""


def nowhere() -> str:
    return f"mqtt://{servers.HOST}:{servers.free_port()}"


def told(ledger: Ledger) -> dict[int, int]:
    """When which number was read."""
    return {round(value): at for (_, at), value in sorted(ledger.readings.items())}


async def takes(uplink: Uplink, machine: Machine, first: int, count: int, every_ms: int = 1_000) -> dict[int, int]:
    """Take readings for a while. When they were taken, in the machine's count since its boot, by number.

    While the node does not know the time, it goes by as fast as the test likes.
    """
    frames, counted = [], {}
    for number in range(first, first + count):
        if uplink.clock.synced:
            await asyncio.sleep(0.002)
        else:
            machine.passes(every_ms)
        frames.append(reading(uplink.clock, number))
        counted[number] = machine.mono_ms()
    await uplink.accept(frames, [word(uplink.clock, first)], [result(uplink.clock, first)])
    return counted


def assert_right(ledger: Ledger, counted: dict[int, int], machine: Machine) -> None:
    """All readings are there, each at its time, and these rise as they were taken."""
    found, offset_ms = told(ledger), system_clock() - machine.mono_ms()
    assert found.keys() == counted.keys()
    assert all(abs(found[number] - counted[number] - offset_ms) < TRIP_MS for number in counted)
    times = [found[number] for number in sorted(found)]
    assert times == sorted(set(times))
