"""The agent as a process before a flood gate on a real socket: kills, ends, keys, and what `all-off` does there."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.edge.floods import BOARD, EXAMPLE, PUMP_KEY, RIVER, UPSTREAM, FloodTown
from tests.edge.servers import ModbusServer
from tests.edge.test_agent import agent


class LiveTown(FloodTown):
    """The town by this machine's clock."""

    def __init__(self) -> None:
        super().__init__()
        self._at = time.monotonic()

    def execute(self, unit: int, request: bytes) -> bytes | None:
        now = time.monotonic()
        self.step(now - self._at)
        self._at = now
        return super().execute(unit, request)


def hurried() -> str:
    """The example with motors that need little rest."""
    return EXAMPLE.read_text(encoding="utf-8").replace("rest_s = 30", "rest_s = 1")


async def all_off(folder: Path, address: str) -> tuple[int, str]:
    command = [
        sys.executable,
        "-c",
        "from tonnam_edge.main import main; main()",
        "all-off",
        str(folder / "site.toml"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, "--bus", f"cabinet={address}", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_kill_ends_in_the_safe_state_by_the_board_and_the_next_start_goes_by_the_river_again(
    tmp_path: Path,
) -> None:
    town = LiveTown()
    async with ModbusServer(town.execute) as server:
        farm = {"cabinet": server.address}
        with agent(tmp_path, farm, text=hurried()) as running:
            await running.until(lambda: town.coils[:3] == [True, True, True])
            assert running.end(signal.SIGKILL) == -signal.SIGKILL
        assert set(town.until) == {0, 1, 2}
        town.step(121)
        assert (town.coils[:3], town.runs(0), town.runs(1)) == ([False] * 3, True, True)
        town.levels[RIVER], town.levels[UPSTREAM] = 260.0, 295.0
        with agent(tmp_path, farm, text=hurried()) as running:
            await running.until(lambda: town.coils[:3].count(True) == 1 and not town.coils[2])
            await running.says("from 250 cm up it is on")
            assert await asyncio.to_thread(running.end, signal.SIGTERM) == 0
        assert town.coils[:3] == [False] * 3


async def test_the_key_stops_a_running_agent_and_all_off_from_moving_anything(tmp_path: Path) -> None:
    town = LiveTown()
    async with ModbusServer(town.execute) as server:
        with agent(tmp_path, {"cabinet": server.address}, text=hurried()) as running:
            await running.until(lambda: town.coils[:3] == [True, True, True])
            town.turn_key(PUMP_KEY, locked=True)
            await running.says("Locked by the key at the cabinet")
            before = len(town.writes)
            town.levels[RIVER], town.levels[UPSTREAM] = 260.0, 295.0
            await running.until(lambda: not town.coils[2])
            assert await asyncio.to_thread(running.end, signal.SIGTERM) == 0
        code, said = await all_off(tmp_path, server.address)
        assert {coil for _, coil, _ in town.writes[before:]} == {2}
        assert code == 0
        assert "left alone" in said
        town.turn_key(PUMP_KEY, locked=False)
        code, said = await all_off(tmp_path, server.address)
        assert (code, town.coils[:3]) == (0, [False] * 3)
        assert "safe state, and read back there" in said


async def test_what_waited_for_a_silent_board_is_not_carried_out_once_it_is_locked(tmp_path: Path) -> None:
    town = LiveTown()
    async with ModbusServer(town.execute) as server:
        with agent(tmp_path, {"cabinet": server.address}, text=hurried()) as running:
            await running.until(lambda: town.coils[:3] == [True, True, True])
            town.silent.add(BOARD)
            town.levels[RIVER], town.levels[UPSTREAM] = 330.0, 365.0
            await running.says("every pump runs")
            town.turn_key(PUMP_KEY, locked=True)
            await running.says("Locked by the key at the cabinet")
            before = len(town.writes)
            town.silent.discard(BOARD)
            await running.until(lambda: any(coil == 2 for _, coil, _ in town.writes[before:]))
            await running.says("device.answers")
            assert await asyncio.to_thread(running.end, signal.SIGTERM) == 0
    assert {coil for _, coil, _ in town.writes[before:]} == {2}
