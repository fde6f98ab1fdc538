"""A disk that hangs already when the program starts: everything is off, and the agent begins when the disk may."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.edge.cabinets import Cabinet, Soil, standing
from tests.edge.test_bus import until
from tests.edge.test_site_change import Farm
from tonnam_edge import serve
from tonnam_edge.errors import Transient
from tonnam_edge.last_site import keep_site
from tonnam_edge.state_store import StateLock, StateStore


class HungDisk:
    """Answers only when it is let."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked = threading.Event()

    def behind(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def waiting(*args: Any, **kwargs: Any) -> Any:
            self.asked.set()
            self.free.wait(30)
            return work(*args, **kwargs)

        return waiting


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> HungDisk:
    monkeypatch.setattr(serve, "DISK_ANSWERS_S", 0.1)
    return HungDisk()


@contextlib.asynccontextmanager
async def starting(folder: Path, cabinet: Cabinet) -> AsyncIterator[tuple[Farm, asyncio.Task[None]]]:
    with capture_logs() as log:
        async with standing(cabinet, Soil(280, 280)) as text:
            farm = Farm(folder, text, log)
            task = asyncio.create_task(farm.served.run())
            try:
                yield farm, task
            finally:
                if not task.done():
                    signal.raise_signal(signal.SIGTERM)
                await asyncio.gather(task, return_exceptions=True)


HANGING: dict[str, Callable[..., Any]] = {
    "StateLock": StateLock,
    "StateStore": StateStore,
    "_uplink": serve._uplink,
    "keep_site": keep_site,
}


@pytest.mark.parametrize("what", HANGING)
async def test_everything_is_off_before_the_disk_answers_and_the_agent_begins_when_it_does(
    tmp_path: Path, disk: HungDisk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(serve, what, disk.behind(HANGING[what]))
    cabinet = Cabinet(on=True)
    async with starting(tmp_path, cabinet) as (farm, _):
        await until(disk.asked.is_set)
        await until(lambda: not any(cabinet.coils))
        assert len(farm.said("disk.hangs")) == 1
        assert not farm.said("agent.started")
        disk.free.set()
        await until(lambda: bool(farm.said("agent.started")))
        assert len(farm.said("disk.answers")) == 1


async def test_it_can_be_ended_while_the_disk_hangs_and_says_that_all_is_off(
    tmp_path: Path, disk: HungDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "StateStore", disk.behind(StateStore))
    async with starting(tmp_path, Cabinet(on=True)) as (farm, task):
        await until(lambda: bool(farm.said("disk.hangs")))
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Transient, match="does not answer") as raised:
            await task
        assert raised.value.__notes__ == ["Valves and pump were turned off, and read back as off"]
        disk.free.set()
