"""Boards that boot after the edge: off is said until each has read back off, however long that takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import SITE, site_of
from tests.edge.test_bus import until
from tests.edge.test_close_first import SECOND_BOARD, VALVE
from tests.link.machines import Machine
from tonnam_edge import agent as agent_module
from tonnam_edge.agent import Agent
from tonnam_edge.state_store import StateStore

TWO_BOARDS = SITE.replace("[[actuator]]", SECOND_BOARD + "[[actuator]]", 1) + VALVE % (3, 0, 3, 3)
TWO_BOARDS = TWO_BOARDS.replace("[[bus]]", "[[bus]]\ntimeout_s = 0.2", 1)


async def test_a_board_that_boots_minutes_after_the_edge_is_turned_off_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "CYCLE_S", 0.05)
    cabinet, machine = Cabinet(on=True), Machine()
    cabinet.boards[9].answers = False
    async with standing(cabinet, Soil(280, 280), TWO_BOARDS) as text:
        store = StateStore(tmp_path / "state")
        one = Agent(site_of(tmp_path, text), store, DeafLink(), structlog.get_logger(), clock=machine.clock())
        task = asyncio.create_task(one.run())
        await until(lambda: cabinet.coils == [False] * 3 and one.core.not_off == {"valve-3"})
        for _ in range(40):  # five minutes go by, in leaps that are no standing still
            machine.passes(7_500)
            cycled = one._cycled_mono_ms
            await until(lambda before=cycled: one._cycled_mono_ms > before)  # type: ignore[misc]
        assert cabinet.boards[9].coils[0]
        assert not one.core.safe
        cabinet.boards[9].answers = True
        await until(lambda: not cabinet.boards[9].coils[0] and one.core.safe)
        one.stop()
        await task
        store.close()
