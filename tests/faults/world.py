"""A small world in which everything breaks: nodes, a broker and a cloud, each behind a proxy, all of them killed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests import servers
from tests.faults.cases import BROKER_DECK, CLOUD_DECK, NODE_DECK, Fault, Kill, draw
from tests.faults.chronicle import CLOUD, Blow, Chronicle
from tests.faults.link_faults import LinkFault
from tests.faults.processes import CloudProcess, NodeProcess
from tests.faults.proxy import Proxy
from tests.faults.readings import TENANT
from tests.link.harness import until
from tonnam_cloud.opening import open_database
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Command
from tonnam_cloud.settings import read_settings
from tonnam_link.clock import system_clock

BROKER = "broker"
BROKERS = {"mosquitto": servers.mosquitto_server, "nats": servers.nats_server}
STRIKES_WITHIN_S = 4.0
DRAINS_WITHIN_S = 90.0
COMMANDS_A_NODE = 3
COMMAND_LIVES_MS = 3_600_000
PAUSES_S = {CLOUD: (1.5, 4.0), BROKER: (4.0, 10.0)}
NODE_PAUSE_S = (0.1, 1.2)


@dataclass(frozen=True)
class Setting:
    """Which world it is. Everything that chance decides comes from `seed`."""

    seed: int
    broker: str
    nodes: int = 6
    cloud_module: str = "tests.faults.cloud"
    node_module: str = "tests.faults.node"

    def dice(self, place: str) -> Random:
        """Dice of a place: what one does, does not change what another draws."""
        return Random(f"{self.seed}:{self.broker}:{place}")

    @property
    def node_names(self) -> list[str]:
        return [f"node-{number}" for number in range(1, self.nodes + 1)]


class World:
    """Use `running_world`. What it keeps on disk is below `home`."""

    def __init__(self, setting: Setting, home: Path, broker: servers.BrokerServer) -> None:
        self.setting = setting
        self.home = home
        self.broker = broker
        self.chronicle = Chronicle(setting.node_names)
        self.proxies = {
            place: Proxy(broker.port, setting.dice(f"{place}'s proxy"), self.chronicle.watch(place))
            for place in (CLOUD, *setting.node_names)
        }
        self.cloud = CloudProcess(home, self._url(CLOUD), setting.cloud_module)
        self.nodes = {
            name: NodeProcess(name, home, self._url(name), setting.dice(f"{name}'s program"), setting.node_module)
            for name in setting.node_names
        }
        self._left = 0
        self._lasting: set[asyncio.Task[None]] = set()

    def _url(self, place: str) -> str:
        return f"mqtt://{servers.HOST}:{self.proxies[place].port}"

    async def start(self) -> None:
        """Start everything, and wait until each node has had something stored."""
        await asyncio.to_thread(self._register)
        for proxy in self.proxies.values():
            await proxy.start()
        for node in self.nodes.values():
            node.ledger.begin()
        await asyncio.gather(self.cloud.start(), *(node.start() for node in self.nodes.values()))
        for name in self.nodes:
            await self._wait(lambda: self.chronicle.stored_replies[name] > 0, f"{name}'s first reply")  # noqa: B023

    async def suffer(self, faults: int) -> None:
        """Let so many faults happen, at all places at once, each place at its own pace."""
        self._left = faults
        async with asyncio.TaskGroup() as tasks:
            for place in (CLOUD, BROKER, *self.nodes):
                tasks.create_task(self._suffer_at(place))
        await asyncio.gather(*self._lasting)

    async def heal(self) -> None:
        """End every fault, let the nodes measure no more, and wait until their outboxes are empty."""
        for proxy in self.proxies.values():
            await proxy.heal()
        for node in self.nodes.values():
            await node.tell("hush")
        for name, node in self.nodes.items():
            await self._wait(node.empty.is_set, f"the empty outbox of {name}", DRAINS_WITHIN_S)

    async def stop(self) -> None:
        """End everything in order. AssertionError when a process does not end well."""
        codes = await asyncio.gather(*(node.stop() for node in self.nodes.values()))
        assert set(codes) == {0}, f"nodes ended with {codes}: {[node.said() for node in self.nodes.values()]}"
        code = await self.cloud.stop()
        assert code == 0, f"the cloud ended with {code}: {self.cloud.said()}"

    async def destroy(self) -> None:
        """Leave nothing running, whatever has happened."""
        for task in self._lasting:
            task.cancel()
        for process in (*self.nodes.values(), self.cloud):
            if process.runs:
                await process.kill()
        for proxy in self.proxies.values():
            await proxy.stop()

    async def _wait(self, ready: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
        """As `until`, and AssertionError when a process ends by itself meanwhile."""

        def checked() -> bool:
            for process in (*self.nodes.values(), self.cloud):
                process.check()
            return ready()

        await until(checked, what, timeout_s)

    async def _suffer_at(self, place: str) -> None:
        dice = self.setting.dice(place)
        deck = {CLOUD: CLOUD_DECK, BROKER: BROKER_DECK}.get(place, NODE_DECK)
        for fault in draw(deck, dice):
            await asyncio.sleep(dice.uniform(*PAUSES_S.get(place, NODE_PAUSE_S)))
            if self._left <= 0:
                return
            if await self.strike(place, fault):
                self._left -= 1

    async def strike(self, place: str, fault: Fault) -> bool:
        """Let a fault happen; whether it did within a few seconds."""
        if isinstance(fault, Kill):
            await self._kill(place, fault)
            return True
        return await self._strike_link(place, fault)

    async def _kill(self, place: str, fault: Kill) -> None:
        blow = self.chronicle.strike(fault.kind, place)
        if place == BROKER:
            await asyncio.to_thread(self.broker.kill)
            await asyncio.sleep(fault.down_s)
            await asyncio.to_thread(self.broker.start)
        else:
            process = self.cloud if place == CLOUD else self.nodes[place]
            process.check()
            await process.kill()
            await asyncio.sleep(fault.down_s)
            await process.start()
        blow.over = time.monotonic()

    async def _strike_link(self, place: str, fault: LinkFault) -> bool:
        proxy = self.proxies[place]
        if not await _comes(lambda: proxy.connected):
            return False
        strike = proxy.strike(fault)
        if not await _comes(strike.struck.is_set):
            proxy.forget(strike)
            return False
        blow = self.chronicle.strike(fault.kind, place)
        task = asyncio.create_task(self._note_end(strike.over.wait(), blow))
        self._lasting.add(task)
        return True

    async def _note_end(self, over: Awaitable[bool], blow: Blow) -> None:
        await over
        blow.over = time.monotonic()

    def _register(self) -> None:
        """What a person does before: the nodes may send, and there are wishes for each of them."""
        database = open_database(read_settings(data=self.cloud.data, broker=self.cloud.environment["TONNAM_BROKER"]))
        try:
            with database.writing() as session:
                for name in self.nodes:
                    repository.add_node(session, TENANT, name, {"th": name, "en": name}, system_clock())
                    session.add_all(_commands(name))
        finally:
            database.close()


def _commands(node: str) -> Iterator[Command]:
    now_ms = system_clock()
    for number in range(COMMANDS_A_NODE):
        yield Command(
            id=f"{node}-wish-{number}",
            tenant=TENANT,
            site=node,
            node=node,
            zone="zone-1",
            action="stop",
            max_run_s=0,
            state="queued",
            created_by="tester",
            created_ms=now_ms,
            changed_ms=now_ms,
            expires_ms=now_ms + COMMAND_LIVES_MS,
        )


async def _comes(ready: Callable[[], bool]) -> bool:
    """Wait a little until `ready()`; whether it came."""
    deadline = time.monotonic() + STRIKES_WITHIN_S
    while not ready():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


@contextlib.asynccontextmanager
async def running_world(setting: Setting, home: Path) -> AsyncIterator[World]:
    """A world whose nodes have all been heard; everything has ended when the block is left."""
    broker = await asyncio.to_thread(BROKERS[setting.broker], home)
    world = World(setting, home, broker)
    try:
        await world.start()
        yield world
    finally:
        await world.destroy()
        await asyncio.to_thread(broker.stop)
