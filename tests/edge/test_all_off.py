"""The last resort: everything off, each valve by itself, again until it is read back; and starts that fail."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from tests.edge.farms import SITE, site_of
from tests.edge.plants import ACTUATOR, valve_of_kind
from tests.edge.servers import ModbusServer, free_port, simulated_farm
from tests.edge.test_agent import agent, coils, thirsty, until_coils
from tonnam_edge.all_off import all_off
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.modbus.writes import Write
from tonnam_edge.site.site_file import BusPart
from tonnam_edge.state_store import OUTBOX_FILE
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin


class Board:
    """A relay board with everything on. Writes to a coil are refused or forgotten as often as it says there."""

    def __init__(self, refuses: Mapping[int, int] | None = None, forgets: Mapping[int, int] | None = None) -> None:
        self.on = [True] * 8
        self.refuses, self.forgets = dict(refuses or {}), dict(forgets or {})

    def execute(self, unit: int, request: bytes) -> bytes:
        if request[0] == 1:
            return bytes([1, 1, sum(on << n for n, on in enumerate(self.on))])
        if request[0] != 5:
            return request
        coil = request[2]
        for fails in (self.refuses, self.forgets):
            if fails.get(coil, 0) > 0:
                fails[coil] -= 1
                return request if fails is self.forgets else bytes([0x85, 4])
        self.on[coil] = any(request[3:5])
        return request


async def turned_off(folder: Path, address: str, *, within_s: float) -> bool:
    site = site_of(folder, SITE.replace("tcp://127.0.0.1:1502", address))
    return await all_off(site, ModbusTransport, structlog.get_logger(), None, within_s=within_s)


async def test_all_off_tries_again_until_every_coil_is_read_back_as_off(tmp_path: Path) -> None:
    board = Board(refuses={0: 2}, forgets={1: 2})
    async with ModbusServer(board.execute) as server:
        assert await turned_off(tmp_path, server.address, within_s=4)
    assert board.on[:3] == [False] * 3


async def test_one_actuator_that_fails_does_not_keep_the_others_open(tmp_path: Path) -> None:
    board = Board(refuses={0: 1000})
    async with ModbusServer(board.execute) as server:
        assert not await turned_off(tmp_path, server.address, within_s=1)
    assert board.on[:3] == [True, False, False]


async def test_all_off_closes_valves_of_every_kind_and_leaves_on_what_is_safe_so(tmp_path: Path) -> None:
    board = Board()
    board.on = [True, False, True, True, False, False, False, False]
    text = valve_of_kind(SITE, "normally_open").replace(
        'id = "valve-2"\nrole = "valve"\n', 'id = "valve-2"\nrole = "valve"\nkind = "latching"\nclose_coil = 5\n'
    )
    text += ACTUATOR.format("flood", "pump", 4) + 'safe_state = "on"\n'
    async with ModbusServer(board.execute) as server:
        site = site_of(tmp_path, text.replace("tcp://127.0.0.1:1502", server.address))
        assert await all_off(site, ModbusTransport, structlog.get_logger(), None, within_s=4)
    assert board.on[:6] == [False, True, False, True, True, True]


async def test_all_off_on_a_silent_cabinet_ends_in_time_and_says_no(tmp_path: Path) -> None:
    began = time.monotonic()
    async with ModbusServer(lambda unit, request: None) as server:
        assert not await turned_off(tmp_path, server.address, within_s=1)
    assert time.monotonic() - began < 2


@pytest.fixture
def watering(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The farm with pump and a valve on, as a process that was killed leaves it."""
    with simulated_farm(tmp_path) as addresses:
        asyncio.run(_open(addresses))
        yield addresses


async def _open(farm: Mapping[str, str]) -> None:
    port = ModbusTransport(BusPart(id="cabinet", address=farm["cabinet"]))
    for coil in (0, 1):
        await port.write(Write(1, coil, 0xFF00))
    await port.close()


def _no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


async def test_a_damaged_state_file_is_set_aside_and_the_agent_goes_on(
    tmp_path: Path, watering: Mapping[str, str]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "state.sqlite3").write_bytes(b"torn by a power cut" * 500)
    with agent(tmp_path, watering) as running:
        await running.says("agent.started")
        await running.says("of=memory_lost")
        await until_coils(watering, [0, 0, 0])
        assert running.log().count("state.damaged") == 1
        assert running.end(signal.SIGTERM) == 0
    assert (state / "state.sqlite3.damaged-1").read_bytes().startswith(b"torn")


@pytest.mark.parametrize(
    "document",
    [
        b'{"runs":{"zone-1":{"run_id":1}}}',
        b"\xff\x00",
        b'{"runs":{"zone-1":{"run_id":"r","zone":"zone-1","cause":"timer","program":null,"command_id":null,'
        b'"planned_s":60,"started_at_ms":9000000000000000000,"reason":{}}}}',
    ],
)
async def test_a_memory_that_cannot_be_understood_is_set_aside_and_the_agent_goes_on(
    tmp_path: Path, watering: Mapping[str, str], document: bytes
) -> None:
    with agent(tmp_path, watering) as first:
        await first.says("agent.started")
        assert first.end(signal.SIGTERM) == 0
    await _open(watering)
    with sqlite3.connect(tmp_path / "state" / "state.sqlite3") as database:
        database.execute("INSERT OR REPLACE INTO document VALUES ('memory', ?)", (document,))
    database.close()
    with agent(tmp_path, watering) as running:
        await running.says("agent.started")
        await until_coils(watering, [0, 0, 0])
        assert running.log().count("state.damaged") == 1
        assert running.end(signal.SIGTERM) == 0
    with sqlite3.connect(tmp_path / "state" / "state.sqlite3") as database:
        kept = database.execute("SELECT body FROM document WHERE name = 'memory.damaged-1'").fetchone()
    database.close()
    assert kept == (document,)


async def test_a_full_disk_at_the_start_keeps_everything_off_until_there_is_room(
    tmp_path: Path, watering: Mapping[str, str]
) -> None:
    with agent(tmp_path, watering, text=thirsty(), before=_no_room) as running:
        await until_coils(watering, [0, 0, 0])
        since = time.monotonic()
        while time.monotonic() - since < 4:
            assert await coils(watering) == [0, 0, 0]
            await asyncio.sleep(0.1)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await until_coils(watering, [1, 1, 0])
        assert running.end(signal.SIGTERM) == 0
        said = running.output()
    assert await coils(watering) == [0, 0, 0]
    assert (said.count("state.unavailable"), said.count("state.recalled")) == (1, 1), said


@pytest.fixture
def outbox_of_another(tmp_path: Path) -> Path:
    """A state directory in which no agent of this farm can start."""
    state = tmp_path / "state"
    state.mkdir()
    Outbox(state / OUTBOX_FILE, Origin("another", "node")).close()
    return state


async def test_a_start_that_fails_turns_everything_off_and_says_so(
    tmp_path: Path, watering: Mapping[str, str], outbox_of_another: Path
) -> None:
    with agent(tmp_path, watering) as running:
        assert running.process.wait(20) == 1
        assert running.log().strip().endswith("Valves and pump were turned off, and read back as off"), running.log()
    assert await coils(watering) == [0, 0, 0]


async def test_a_start_that_cannot_reach_the_cabinet_does_not_say_that_it_is_off(
    tmp_path: Path, outbox_of_another: Path
) -> None:
    buses = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("cabinet", "climate", "inverter", "soil")}
    with agent(tmp_path, buses) as running:
        assert running.process.wait(20) == 1
        assert "did NOT confirm" in running.log()


async def test_an_agent_that_is_refused_the_state_does_not_close_the_others_valves(
    tmp_path: Path, watering: Mapping[str, str]
) -> None:
    with agent(tmp_path, watering, text=thirsty()) as first:
        await first.says("run.started")
        await until_coils(watering, [1, 1, 0])
        with agent(tmp_path, watering, text=thirsty()) as second:
            assert second.process.wait(20) == 2
        assert await coils(watering) == [1, 1, 0]
        assert first.end(signal.SIGTERM) == 0


async def test_a_disk_that_fills_while_water_runs_ends_nothing_but_keeps_new_water_from_starting(
    tmp_path: Path, watering: Mapping[str, str]
) -> None:
    with agent(tmp_path, watering, text=thirsty()) as running:
        await running.says("run.started")
        await until_coils(watering, [1, 1, 0])
        size = (tmp_path / "state" / "state.sqlite3-wal").stat().st_size
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        await running.says("state.unavailable")
        assert await coils(watering) == [1, 1, 0]
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await running.says("state.available")
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        assert running.end(signal.SIGTERM) == 0
        assert "all_off=True" in running.log()
    assert await coils(watering) == [0, 0, 0]
