"""A bus over real sockets: dead devices, writes before reads, and what is on the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from tests.edge.farms import SITE, Registers, site_of
from tests.edge.servers import ModbusServer, free_port
from tonnam_edge.core import Action, NotWritten, Observation
from tonnam_edge.errors import Rejected, Transient
from tonnam_edge.modbus.bus import Bus
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.modbus.writes import Write
from tonnam_edge.site.polling import DevicePlan, Poll, Read
from tonnam_edge.site.site_file import BusPart

LEVEL = Registers({2: 1, 3: 1, 4: 1500})
METER = Registers({0: 0, 1: 77, 2: 0})


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def cabinet(unit: int, request: bytes) -> bytes | None:
    """Relay (echoes writes, coils all off), level and meter."""
    if unit == 1:
        return bytes([1, 1, 0]) if request[0] == 1 else request
    return {2: LEVEL, 3: METER}[unit].execute(unit, request)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    folder: Path, server: ModbusServer, seen: list[Observation], lost: list[NotWritten] | None = None
) -> AsyncIterator[Bus]:
    site = site_of(folder, SITE.replace("tcp://127.0.0.1:1502", server.address + '"\ntimeout_s = 0.3\n#"'))
    port, tell = ModbusTransport(site.buses["cabinet"]), ([] if lost is None else lost).append
    bus = Bus("cabinet", site, port, seen.append, mono_ms, structlog.get_logger(), tell)
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def values(seen: list[Observation], device: str) -> list[Observation]:
    return [each for each in seen if each.device == device and each.values is not None]


async def test_every_device_of_a_bus_is_read(tmp_path: Path) -> None:
    seen: list[Observation] = []
    async with ModbusServer(cabinet) as server, running(tmp_path, server, seen):
        await until(lambda: all(values(seen, device) for device in ("relay", "tank", "flow")))
    assert values(seen, "tank")[0].values == {"unit_code": 1, "decimals": 1, "level": 150.0}
    assert values(seen, "flow")[0].values == {"total": 77, "rate": 0}


async def test_a_dead_device_slows_a_live_one_by_no_more_than_its_timeout(tmp_path: Path) -> None:
    seen: list[Observation] = []
    async with (
        ModbusServer(lambda unit, request: None if unit == 2 else cabinet(unit, request)) as server,
        running(tmp_path, server, seen),
    ):
        await until(lambda: len(values(seen, "relay")) >= 5)
    times = [each.mono_ms for each in values(seen, "relay")]
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < 1000 + 300 + 400
    asked = sum(unit == 2 for unit, _ in server.frames)
    assert asked <= 3  # it is asked less and less often


async def test_a_device_that_says_it_is_broken_is_a_fault_and_not_silence(tmp_path: Path) -> None:
    seen: list[Observation] = []

    def broken(unit: int, request: bytes) -> bytes | None:
        return bytes([request[0] | 0x80, 4]) if unit == 2 else cabinet(unit, request)

    async with ModbusServer(broken) as server, running(tmp_path, server, seen):
        await until(lambda: any(each.device == "tank" for each in seen))
    tank = next(each for each in seen if each.device == "tank")
    assert (tank.values, tank.fault) == (None, True)


async def test_a_poll_that_breaks_is_that_devices_fault_and_the_others_are_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Observation] = []
    whole = DevicePlan.poll

    def poll(plan: DevicePlan) -> Poll:
        """A planner with an error in it that nobody has found yet, for one make of device."""
        words = yield from whole(plan)
        if plan.profile.id == "qdy30a":
            raise IndexError("list index out of range")
        return words

    monkeypatch.setattr(DevicePlan, "poll", poll)
    async with ModbusServer(cabinet) as server, running(tmp_path, server, seen):
        await until(lambda: len(values(seen, "relay")) >= 2 and any(each.device == "tank" for each in seen))
    tank = [each for each in seen if each.device == "tank"]
    assert all((each.values, each.fault) == (None, True) for each in tank)


async def test_closing_goes_before_opening_and_before_reading(tmp_path: Path) -> None:
    async with ModbusServer(cabinet) as server, running(tmp_path, server, []) as bus:
        now = mono_ms()
        bus.act([Action("valve-1", "relay", 1, True, 60.0, now), Action("pump", "relay", 0, False, None, now)])
        await until(lambda: len(server.frames) >= 3)
    assert server.frames[:2] == [(1, bytes.fromhex("05 0000 0000")), (1, bytes.fromhex("05 0201 0258"))]


async def test_an_opening_overtaken_by_a_close_or_too_old_is_never_sent(tmp_path: Path) -> None:
    seen: list[Observation] = []
    async with ModbusServer(cabinet) as server, running(tmp_path, server, seen) as bus:
        now = mono_ms()
        bus.act([Action("valve-1", "relay", 1, False, None, now)])
        bus.act([Action("valve-1", "relay", 1, True, 60.0, now - 1)])
        bus.act([Action("valve-2", "relay", 2, True, 60.0, now - 10_000)])
        await until(lambda: bool(values(seen, "relay")))
    writes = [request for _, request in server.frames if request[0] == 5]
    assert writes == [bytes.fromhex("05 0001 0000")]


async def test_an_opening_that_nobody_acknowledges_or_that_is_dropped_is_told(tmp_path: Path) -> None:
    lost: list[NotWritten] = []

    def deaf(unit: int, request: bytes) -> bytes | None:
        """The board refuses one coil, and does not answer for another."""
        if request[0] == 5 and request[2] in {0, 1}:
            return bytes([0x85, 4]) if request[2] == 0 else None
        return cabinet(unit, request)

    async with ModbusServer(deaf) as server, running(tmp_path, server, [], lost) as bus:
        now = mono_ms()
        bus.act([Action("pump", "relay", 0, True, 60.0, now), Action("valve-1", "relay", 1, True, 60.0, now)])
        bus.act([Action("valve-2", "relay", 2, True, 60.0, now - 10_000)])
        await until(lambda: len(lost) == 3)
        bus.act([Action("valve-2", "relay", 2, True, 60.0, mono_ms()), Action("pump", "relay", 0, False, None, now)])
        await until(lambda: (1, bytes.fromhex("05 0202 0258")) in server.frames)
    assert lost == [NotWritten("pump", now), NotWritten("valve-1", now), NotWritten("valve-2", now - 10_000)]


async def test_a_server_that_comes_back_is_read_again(tmp_path: Path) -> None:
    seen: list[Observation] = []
    silent = True

    def answer(unit: int, request: bytes) -> bytes | None:
        return None if silent else cabinet(unit, request)

    async with ModbusServer(answer) as server, running(tmp_path, server, seen):
        await until(lambda: len(seen) >= 3)
        assert all(each.values is None for each in seen)
        silent = False
        await until(lambda: bool(values(seen, "relay")))


async def test_nobody_there_is_transient_and_an_exception_is_rejected() -> None:
    nobody = ModbusTransport(BusPart(id="x", address=f"tcp://127.0.0.1:{free_port()}", timeout_s=0.2))
    with pytest.raises(Transient, match="no connection"):
        await nobody.read(1, Read(3, 0, 1))
    async with ModbusServer(LEVEL.execute) as server:
        port = ModbusTransport(BusPart(id="x", address=server.address))
        assert await port.read(2, Read(3, 2, 3)) == [1, 1, 1500]
        with pytest.raises(Rejected):
            await port.read(2, Read(3, 2, 9))
        await port.close()


async def test_a_strict_board_that_refuses_a_flash_is_heard() -> None:
    async with ModbusServer(lambda unit, request: bytes([0x85, 3])) as server:
        port = ModbusTransport(BusPart(id="x", address=server.address))
        with pytest.raises(Rejected):
            await port.write(Write(1, 0x0200, 600))
        await port.close()


async def test_a_cancellation_that_comes_together_with_the_answer_is_heeded() -> None:
    async with ModbusServer(LEVEL.execute) as server:
        port = ModbusTransport(BusPart(id="x", address=server.address))
        await port.read(2, Read(3, 2, 3))
        reading = asyncio.create_task(port.read(2, Read(3, 2, 3)))
        context = port._client.ctx
        before = context.response_future
        async with asyncio.timeout(5):
            while context.response_future is before or not context.response_future.done():  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert reading.cancel()
        await asyncio.wait([reading])
        await port.close()
    assert reading.cancelled()
