"""A site file that changes while its agent runs: it counts when nothing runs, whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import structlog
from structlog.testing import capture_logs

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import BAND, SITE, site_of
from tests.edge.floods import CANAL, NOON_MS, RIVER, UPSTREAM, Flood
from tests.edge.test_bus import until
from tests.edge.test_close_first import SECOND_BOARD, VALVE
from tonnam_edge.agent import MAKES_WAY_S, STATIONS_HOLD_UP_S, Agent
from tonnam_edge.core.memory import Memory
from tonnam_edge.last_site import last_site
from tonnam_edge.modbus.port_locks import PortLocks
from tonnam_edge.serve import ClockWord, LinkSettings, Served
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import StateStore
from tonnam_link.clock import system_clock
from tonnam_link.messages import Command, CommandAction, Event
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.outbox.limits import Limits

Log = Sequence[Any]


class Farm:
    """A site file that is served, and what is said meanwhile."""

    def __init__(self, folder: Path, text: str, log: Log) -> None:
        self.path, self.text, self.log = folder / "farm.toml", text, log
        self.path.write_text(text, encoding="utf-8")
        self.state = folder / "state"
        link = LinkSettings(Broker.parse("mqtt://127.0.0.1:9"), None, Limits(), ClockWord.TRUSTED)
        self.served = Served(self.load(), self.state, link, self.load, structlog.get_logger())

    def load(self) -> Site:
        return load_site(self.path)[0]

    @property
    def agent(self) -> Agent:
        assert self.served._agent is not None
        return self.served._agent

    def rewrite(self, text: str) -> None:
        """Change the file, and send SIGHUP."""
        self.path.write_text(text, encoding="utf-8")
        signal.raise_signal(signal.SIGHUP)

    def said(self, event: str) -> list[Any]:
        return [each for each in self.log if each["event"] == event]

    async def another_than(self, agent: Agent) -> Agent:
        """The agent that has taken over, when it has everything off."""
        await until(lambda: self.served._agent not in {None, agent} and self.agent.core.safe)
        return self.agent


@contextlib.asynccontextmanager
async def served(folder: Path, cabinet: Cabinet, soil: Soil, text: str = SITE) -> AsyncIterator[Farm]:
    with capture_logs() as log:
        async with standing(cabinet, soil, text) as standing_text:
            farm = Farm(folder, standing_text, log)
            task = asyncio.create_task(farm.served.run())
            try:
                await until(lambda: bool(farm.said("agent.started")))
                yield farm
            finally:
                signal.raise_signal(signal.SIGTERM)
                await task


async def test_a_new_file_counts_at_once_when_nothing_runs(tmp_path: Path) -> None:
    async with served(tmp_path, Cabinet(), Soil(280, 280)) as farm:
        first = farm.agent
        farm.rewrite(farm.text.replace("Probe 1", "Probe at the gate"))
        second = await farm.another_than(first)
        assert second.site.devices["probe-1"].part.name.en == "Probe at the gate"
        kept = last_site(farm.state)
        assert (kept.file, kept.actuators, kept.buses) == (second.site.file, second.site.actuators, second.site.buses)
        starts = farm.said("agent.started")
        assert [start["gap_from_ms"] for start in starts] == [None, None]


async def test_a_wrong_file_is_refused_with_its_problems_and_the_old_one_stays(tmp_path: Path) -> None:
    async with served(tmp_path, Cabinet(), Soil(280, 280)) as farm:
        first = farm.agent
        farm.rewrite(farm.text.replace('valve = "valve-1"', 'valve = "valve-7"'))
        await until(lambda: bool(farm.said("site.refused")))
        (said,) = farm.said("site.refused")
        assert said["where"] == 'zone "zone-1", valve'
        assert '"valve-7" is not a valve' in said["text"]
        farm.rewrite(farm.text.replace('id = "edge-1"', 'id = "edge-2"'))
        await until(lambda: len(farm.said("site.refused")) == 2)
        assert "node.id" in farm.said("site.refused")[1]["text"]
        assert farm.agent is first


async def test_a_file_whose_cabinet_another_agent_has_is_refused(tmp_path: Path) -> None:
    other = PortLocks("state /other")
    elsewhere = "tcp://10.77.1.1:502"
    other.take(site_of(tmp_path, SITE.replace("tcp://127.0.0.1:1502", elsewhere)))
    async with served(tmp_path, Cabinet(), Soil(280, 280)) as farm:
        first = farm.agent
        farm.rewrite(farm.text.replace(first.site.buses["cabinet"].address, elsewhere))
        await until(lambda: bool(farm.said("site.refused")))
        assert "another agent uses it" in farm.said("site.refused")[0]["text"]
        assert farm.agent is first
    other.close()


async def test_water_that_runs_ends_as_it_was_meant_before_a_new_file_counts_and_is_not_forgotten(
    tmp_path: Path,
) -> None:
    cabinet, soil = Cabinet(), Soil(200, 280)
    async with served(tmp_path, cabinet, soil, SITE + BAND) as farm:
        first = farm.agent
        await until(lambda: cabinet.coils == [True, True, False] and first.core.running == {"zone-1"})
        farm.rewrite(farm.text.replace("max_day_min = 60", "max_day_min = 90").replace(BAND, ""))
        await until(lambda: bool(farm.said("site.read")))
        cycled = first._cycled_mono_ms
        await until(lambda: first._cycled_mono_ms > cycled + 2_000)
        assert (farm.agent, cabinet.coils) == (first, [True, True, False])
        assert first.core.makes_way
        soil.tenths[0] = 320
        second = await farm.another_than(first)
        used = Memory.decode(second.core.document).known.used
        (ended,) = farm.said("run.ended")
        assert ended["outcome"] == "done"
        assert abs(used["zone-1"].seconds - ended["duration_s"]) < 0.1
        assert second.site.zones["zone-1"].max_day_s == 5400


async def test_a_command_that_comes_while_the_agents_change_is_heard_by_the_new_one(tmp_path: Path) -> None:
    async with served(tmp_path, Cabinet(), Soil(280, 280)) as farm:
        first = farm.agent
        accept, now_ms = first._link.accept, system_clock()
        wish = Command("w-1", CommandAction.WATER, "zone-1", now_ms, now_ms + 60_000, 30)

        async def late(frames: Any = (), events: Sequence[Event] = (), outcomes: Any = (), **how: Any) -> None:
            if any(event.kind == "node.stopped" for event in events):
                first._link.commands.put_nowait(wish)
            await accept(frames, events, outcomes, **how)

        first._link.accept = late  # type: ignore[method-assign]
        farm.rewrite(farm.text + "\n")
        second = await farm.another_than(first)
        await until(lambda: "w-1" in Memory.decode(second.core.document).heard)


async def test_a_valve_that_is_not_proven_off_is_not_dropped_from_the_file_before_it_is(tmp_path: Path) -> None:
    cabinet = Cabinet(on=True)
    text = SITE.replace("[[actuator]]", SECOND_BOARD + "[[actuator]]", 1)
    text = text.replace("[[bus]]", "[[bus]]\ntimeout_s = 0.2", 1)
    async with served(tmp_path, cabinet, Soil(280, 280), text + VALVE % (3, 0, 3, 3)) as farm:
        first = farm.agent
        cabinet.boards[9].answers = False
        cabinet.boards[9].coils[0] = True
        first.core._actuators.all_to_safety(first._clock.mono_ms(), again=True)
        await until(lambda: first.core.not_off == {"valve-3"})
        farm.rewrite(farm.text.replace(VALVE % (3, 0, 3, 3), ""))
        await until(lambda: bool(farm.said("site.read")))
        cycled = first._cycled_mono_ms
        await until(lambda: first._cycled_mono_ms > cycled + 2_000)
        assert farm.agent is first
        cabinet.boards[9].answers = True
        second = await farm.another_than(first)
        assert "valve-3" not in second.site.actuators
        assert not cabinet.boards[9].coils[0]


class Held:
    """An agent whose pumps keep a flood out, with a new site file, by a clock of the test."""

    def __init__(self, folder: Path) -> None:
        self.flood, self.store, self.passed_s = Flood(), StateStore(folder), 1000.0
        self.flood.run(45)
        self.flood.town.levels[RIVER] = 300.0
        self.flood.run(60)
        clock = NodeClock(lambda: NOON_MS + self.mono_ms(), self.mono_ms, "b", lambda: True)
        self.agent = Agent(self.flood.site, self.store, DeafLink(), structlog.get_logger(), clock=clock)
        self.agent.core = self.flood.core
        self.agent.change(self.flood.site)

    def mono_ms(self) -> int:
        return round(self.passed_s * 1000)

    @property
    def may_change(self) -> bool:
        return self.agent._may_change(self.flood.site)


async def test_a_station_holds_up_a_new_file_for_some_hours_at_most_and_says_so_once(tmp_path: Path) -> None:
    with capture_logs() as log:
        held = Held(tmp_path)
        await held.agent._custody.hand_over()
        assert not held.may_change
        held.passed_s += STATIONS_HOLD_UP_S - 1
        assert not held.may_change
        held.passed_s += 1
        assert held.may_change
    assert [each["waits_for"] for each in log if each["event"] == "site.waits"] == [["flood-pumps"]]
    held.store.close()


async def test_programs_make_way_for_a_new_file_but_not_while_a_station_holds_it_up(tmp_path: Path) -> None:
    held = Held(tmp_path)
    for _ in range(3):
        held.passed_s += MAKES_WAY_S
        assert not held.agent._makes_way()
    held.flood.town.levels[RIVER] = held.flood.town.levels[UPSTREAM] = 100.0
    held.flood.run(5)
    assert held.agent._makes_way()
    held.passed_s += MAKES_WAY_S
    assert not held.agent._makes_way()
    held.store.close()


def test_a_new_site_file_waits_neither_for_dead_gauges_nor_for_a_gate_that_stands_shut() -> None:
    """What another core would leave as it is does not hold it up."""
    flood = Flood()
    flood.run(45)
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 251.0, 286.0
    flood.run(90)
    assert flood.core.stations.busy == ["flood-pumps"]
    assert not flood.town.coils[2]
    flood.town.levels[CANAL] = 20.0
    flood.run(200)
    assert (flood.running(), flood.core.stations.busy) == ([False, False], [])
    flood.town.levels[CANAL] = 150.0
    flood.run(200)
    assert flood.core.stations.busy == ["flood-pumps"]
    flood.town.silent |= {RIVER, UPSTREAM}
    flood.run(40)
    assert (flood.running(), flood.core.stations.busy) == ([True, True], [])
