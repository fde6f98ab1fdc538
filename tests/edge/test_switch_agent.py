"""The cabinet's switches over a real socket: what is turned or pressed there reaches the valves and the cloud."""

from __future__ import annotations

import asyncio
import struct
from contextlib import closing
from pathlib import Path

import structlog

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import site_of
from tests.edge.switches import switched
from tests.edge.test_desk import Running
from tonnam_edge.agent import Agent
from tonnam_edge.state_store import StateStore
from tonnam_link.node.node_clock import NodeClock


class SwitchedCabinet(Cabinet):
    """The cabinet with a module of digital inputs as unit 4: both zones on auto, nothing pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = [True, False, True, False, True, False, False, False]

    def execute(self, unit: int, request: bytes) -> bytes | None:
        if unit != 4:
            return super().execute(unit, request)
        function, first, count = struct.unpack(">BHH", request)
        assert function == 2
        wanted = self.inputs[first : first + count]
        return bytes([2, 1, sum(closed << n for n, closed in enumerate(wanted))])


async def test_a_pressed_stop_closes_the_water_and_a_switch_on_off_keeps_it_closed(tmp_path: Path) -> None:
    cabinet, link = SwitchedCabinet(), DeafLink()
    async with standing(cabinet, Soil(280, 280), switched()) as text:
        site = site_of(tmp_path, text)
        with closing(StateStore(tmp_path / "state")) as store:
            clock = NodeClock(kernel_synced=lambda: True)
            agent = Agent(site, store, link, structlog.get_logger(), clock=clock)
            task = asyncio.create_task(agent.run())
            farm = Running(agent, site, tmp_path / "state", link, cabinet)
            await farm.until(lambda: link.kinds().count("zone.mode") == 2)
            farm.water("c1")
            await farm.until(lambda: "running" in farm.states("c1"))
            cabinet.inputs[4] = False
            await farm.until(lambda: not any(cabinet.coils) and "emergency.pressed" in link.kinds())
            cabinet.inputs[4], cabinet.inputs[0] = True, False
            await farm.until(lambda: "emergency.released" in link.kinds() and link.kinds().count("zone.mode") == 3)
            farm.water("c2")
            await farm.until(lambda: farm.states("c2") == ["refused"])
            agent.stop()
            await task
    assert "emergency stop" in link.ended()[-1].body["reason"]["en"]
    assert 'switch at the cabinet is at "off"' in link.outcomes[-1].reason["en"]
