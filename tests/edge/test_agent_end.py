"""The agent in this process, on real sockets: it ends in time, with everything off, whatever hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import structlog

from tests.edge.farms import SITE, site_of
from tests.edge.servers import ModbusServer
from tests.edge.test_all_off import Board
from tonnam_edge import agent as agent_module
from tonnam_edge.agent import Agent
from tonnam_edge.state_store import StateStore
from tonnam_link.messages import Command, Event, Frame, Outcome, Stamp
from tonnam_link.node import worker


class HangingLink:
    """An outbox on a disk that never answers."""

    def __init__(self) -> None:
        self.commands: asyncio.Queue[Command] = asyncio.Queue()
        self.asked = asyncio.Event()

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None:
        self.asked.set()
        await asyncio.Event().wait()

    async def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None:
        return at_ms if stamp is None else None

    async def run(self) -> None:
        await asyncio.Event().wait()


class BrokenLink(HangingLink):
    """A link that fails in a way that nobody has thought of."""

    async def run(self) -> None:
        await self.asked.wait()
        raise RuntimeError("a link that fails")


async def test_a_disk_that_hangs_holds_up_neither_the_closing_nor_the_end(tmp_path: Path) -> None:
    board, link = Board(), HangingLink()
    async with ModbusServer(board.execute) as server:
        store = StateStore(tmp_path)
        site = site_of(tmp_path, SITE.replace("tcp://127.0.0.1:1502", server.address))
        agent = Agent(site, store, link, structlog.get_logger())
        running = asyncio.create_task(agent.run())
        async with asyncio.timeout(10):
            while any(board.on[:3]) or not agent.core.safe:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await link.asked.wait()
            began = time.monotonic()
            agent.stop()
            await running
        assert time.monotonic() - began < 8
        store.close()


class WatchfulLink(HangingLink):
    """An outbox that takes everything, and remembers of what times."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None:
        self.times += [frame.observed_at_ms for frame in frames]


async def test_a_disk_that_hangs_while_it_runs_ends_no_reading_and_is_told_as_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More steps than may wait for a disk are made while it hangs."""
    monkeypatch.setattr(worker, "HANGS_S", 0.1)
    monkeypatch.setattr(agent_module, "CYCLE_S", 0.01)
    link, answers = WatchfulLink(), threading.Event()
    async with ModbusServer(Board().execute) as server:
        store = StateStore(tmp_path)
        told = SITE.replace("tcp://127.0.0.1:1502", server.address) + "\n[telling]\nevery_s = 1\n"
        agent = Agent(site_of(tmp_path, told), store, link, structlog.get_logger())
        running = asyncio.create_task(agent.run())
        try:
            await until(lambda: bool(link.times) and agent.core.safe)
            store._database.set_trace_callback(lambda said: answers.wait() if said == "COMMIT" else None)
            await until(lambda: not agent._custody.remembers)
            before = len(link.times)
            await until(lambda: len(link.times) > before)
            assert not running.done()
            answers.set()
            await until(lambda: agent._custody.remembers)
        finally:
            answers.set()
            agent.stop()
            await running
        store.close()


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not come():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_link_that_breaks_ends_the_agent_with_everything_off_and_a_note_that_says_so(tmp_path: Path) -> None:
    board = Board(refuses={0: 3, 1: 3})
    async with ModbusServer(board.execute) as server:
        store = StateStore(tmp_path)
        site = site_of(tmp_path, SITE.replace("tcp://127.0.0.1:1502", server.address))
        with pytest.raises(ExceptionGroup) as caught:
            await Agent(site, store, BrokenLink(), structlog.get_logger()).run()
        store.close()
    assert board.on[:3] == [False] * 3
    assert caught.value.__notes__ == ["Valves and pump were turned off, and read back as off"]
