"""A process that did not run for a while: it blames nobody, and tells no water that did not run."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import BAND, SITE, site_of
from tests.edge.servers import simulated_farm
from tests.edge.test_agent import agent, coils, thirsty, until_coils
from tests.edge.test_bus import until
from tests.link.machines import IN_1970_MS, Machine
from tonnam_edge.agent import Agent
from tonnam_edge.core.memory import Memory
from tonnam_edge.state_store import StateStore


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


@contextlib.asynccontextmanager
async def watering(folder: Path, cabinet: Cabinet, soil: Soil, machine: Machine) -> AsyncIterator[Agent]:
    async with standing(cabinet, soil, SITE + BAND) as text:
        store = StateStore(folder / "state")
        link = DeafLink()
        one = Agent(site_of(folder, text), store, link, structlog.get_logger(), clock=machine.clock())
        task = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            one.stop()
            await task
            store.close()


def told(one: Agent) -> DeafLink:
    assert isinstance(one._link, DeafLink)
    return one._link


async def test_a_time_in_which_it_stood_still_is_told_as_that_and_not_as_water(tmp_path: Path) -> None:
    cabinet, machine = Cabinet(), Machine()
    machine.synced = True
    machine.sets_its_clock(1_795_230_000_000)
    async with watering(tmp_path, cabinet, Soil(200, 280), machine) as one:
        await until(lambda: cabinet.coils == [True, True, False])
        machine.passes(3_600_000)
        await until(lambda: "run.ended" in told(one).kinds() and cabinet.coils == [False] * 3)
        await until(lambda: one.core.safe)
        (ended,) = told(one).ended()
        assert Memory.decode(one.core.document).known.used["zone-1"].seconds == ended.body["litres"]  # at 60 L/min
    assert ended.body["outcome"] == "interrupted"
    assert ended.body["duration_s"] == ended.body["litres"] < 60  # its meter counted on, whoever stood still
    assert "stood still for 60 minutes" in ended.body["reason"]["en"]
    assert not {"device.lost", "actuator.fault"} & set(told(one).kinds())


async def test_a_frozen_process_goes_on_when_it_may_run_again(tmp_path: Path, farm: Mapping[str, str]) -> None:
    with agent(tmp_path, farm, text=thirsty()) as running:
        await running.says("run.started")
        await until_coils(farm, [1, 1, 0])
        running.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(9)  # the fault itself
        running.process.send_signal(signal.SIGCONT)
        await running.says("outcome=interrupted")
        await until_coils(farm, [0, 0, 0])
        said = running.log()
        assert "agent.stood_still" in said
        assert not [each for each in ("actuator.fault", "device.lost", "does not answer") if each in said]
        assert running.end(signal.SIGTERM) == 0
    assert await coils(farm) == [0, 0, 0]


async def test_moisture_waters_on_a_machine_whose_clock_is_unset_and_stands(tmp_path: Path) -> None:
    """No network, no cloud, no broker; the clock shows one and the same second of 1970."""
    cabinet, soil, machine = Cabinet(), Soil(200, 280), Machine(IN_1970_MS)
    clock = machine.clock()
    clock._wall = lambda: IN_1970_MS
    async with standing(cabinet, soil, SITE + BAND) as text:
        store, link = StateStore(tmp_path / "state"), DeafLink()
        one = Agent(site_of(tmp_path, text), store, link, structlog.get_logger(), clock=clock)
        task = asyncio.create_task(one.run())
        await until(lambda: cabinet.coils == [True, True, False])
        soil.tenths[0] = 320  # wet enough
        await until(lambda: "run.ended" in link.kinds() and cabinet.coils == [False] * 3)
        one.stop()
        await task
        store.close()
    (ended,) = link.ended()
    assert ended.body["outcome"] == "done"
    assert ended.stamp is not None
    assert ended.body["litres"] > 0
