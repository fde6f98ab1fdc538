"""A small world in which everything breaks: nodes, a broker and a cloud, each behind a proxy, all of them killed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests import servers
from tests.faults.cases import BROKER, CLOUD, DECKS, SITE, Fault, Kill
from tests.faults.chronicle import Blow, Chronicle
from tests.faults.lane import Strike
from tests.faults.link_faults import (
    Cut,
    Delay,
    Duplicate,
    Garble,
    HalfOpen,
    LinkFault,
    Refuse,
    Reorder,
    Swallow,
    Throttle,
    Truncate,
)
from tests.faults.processes import Addresses, CloudProcess, NodeProcess
from tests.faults.proxy import Proxy
from tests.faults.readings import BEHIND, GATEWAY, TENANT, Role, role_of
from tests.faults.trouble import Trouble
from tests.link.harness import until
from tonnam_cloud.keys.vault import Vault
from tonnam_cloud.opening import open_database
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Command
from tonnam_cloud.settings import read_settings
from tonnam_link.clock import system_clock

BROKERS = {"mosquitto": servers.mosquitto_server, "nats": servers.nats_server}
STRIKES_WITHIN_S = 4.0
STARTS_WITHIN_S = 100.0
DRAINS_WITHIN_S = 100.0
COMMANDS_A_NODE = 3
COMMAND_LIVES_MS = 3_600_000
PAUSES_S = {
    CLOUD: (1.0, 3.0),
    BROKER: (3.0, 8.0),
    SITE: (1.0, 2.5),
    Role.SMALL: (0.5, 3.0),
    Role.WORN: (0.3, 1.5),
}
NODE_PAUSE_S = (0.05, 0.6)
EVERYBODY = ("node-1", "node-2", "node-3", GATEWAY, BEHIND, Role.WORN, Role.SMALL, Role.TIMELESS)
ON_THE_LINK = (Cut, Refuse, Delay, Throttle, HalfOpen, Duplicate, Swallow, Reorder, Garble, Truncate)


@dataclass(frozen=True)
class Setting:
    """Which world it is. Everything that chance decides comes from `seed`."""

    seed: int
    broker: str
    nodes: tuple[str, ...] = EVERYBODY
    cloud_module: str = "tests.faults.cloud"
    node_module: str = "tests.faults.node"

    def dice(self, place: str) -> Random:
        """Dice of a place: what one does, does not change what another draws."""
        return Random(f"{self.seed}:{self.broker}:{place}")


class World:
    """Use `running_world`. What it keeps on disk is below `home`."""

    def __init__(self, setting: Setting, home: Path, brokers: Mapping[str, servers.BrokerServer]) -> None:
        self.setting = setting
        self.brokers = brokers
        self.chronicle = Chronicle(setting.nodes, {SITE: [BEHIND], GATEWAY: [GATEWAY, BEHIND]})
        self.proxies = {place: self._proxy(place) for place in (CLOUD, *setting.nodes)}
        if GATEWAY in setting.nodes:
            self.proxies[SITE] = self._proxy(SITE)
        self.cloud = CloudProcess(home, self._url(CLOUD), setting.cloud_module)
        key = Vault(self.cloud.data, system_clock).current.public
        self.nodes = {name: self._node(name, home, key) for name in setting.nodes}
        self._trouble = {
            name: Trouble(node, self.proxies[name], setting.dice(f"{name}'s trouble"))
            for name, node in self.nodes.items()
        }
        self._left = 0
        self._enough = asyncio.Event()
        self._lasting: set[asyncio.Task[None]] = set()

    @property
    def places(self) -> list[str]:
        """Wherever something can happen."""
        return [*self.proxies, BROKER]

    def _proxy(self, place: str) -> Proxy:
        broker = self.brokers[SITE if place in {SITE, BEHIND} else BROKER]
        return Proxy(broker.port, self.setting.dice(f"{place}'s proxy"), self.chronicle.watch(place))

    def _node(self, name: str, home: Path, key: str) -> NodeProcess:
        at = Addresses(self._url(name), key, self._url(SITE) if name == GATEWAY else "")
        return NodeProcess(name, home, at, self.setting.dice(f"{name}'s program"), self.setting.node_module)

    def _url(self, place: str) -> str:
        return f"mqtt://{servers.HOST}:{self.proxies[place].port}"

    async def start(self) -> None:
        """Start everything, and wait until each node has had something stored."""
        await asyncio.to_thread(self._register)
        for proxy in self.proxies.values():
            await proxy.start()
        await asyncio.gather(self.cloud.start(), *(node.start() for node in self.nodes.values()))
        for name in self.nodes:
            await self._wait(lambda: self.chronicle.stored_replies[name] > 0, f"{name}'s first reply")  # noqa: B023

    async def suffer(self, faults: int) -> None:
        """Let so many faults happen or a few more, at all places at once, each place at its own pace."""
        self._left = faults
        self._enough.clear()
        async with asyncio.TaskGroup() as tasks:
            for place in self.places:
                tasks.create_task(self._suffer_at(place))
        await asyncio.gather(*self._lasting)

    async def strike(self, place: str, fault: Fault) -> bool:
        """Let a fault happen; whether it did within a few seconds."""
        if isinstance(fault, Kill):
            await self._kill(place, fault)
            return True
        if isinstance(fault, ON_THE_LINK):
            return await self._strike_link(place, fault)
        blow = self.chronicle.strike(fault.kind, place)
        await self._trouble[place].befall(fault)
        blow.over = time.monotonic()
        return True

    async def heal(self) -> None:
        """End every fault, let the nodes measure no more, and wait until their outboxes are empty.

        The gateway comes last: what the node behind it had is in its custody then.
        """
        for proxy in self.proxies.values():
            await proxy.heal()
        last = [name for name in self.nodes if name == GATEWAY]
        for names in (self.nodes.keys() - last, last):
            for name in names:
                await self.nodes[name].tell("hush")
            for name in names:
                await self._wait(self.nodes[name].empty.is_set, f"the empty outbox of {name}", DRAINS_WITHIN_S)

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

    async def _wait(self, ready: Callable[[], bool], what: str, timeout_s: float = STARTS_WITHIN_S) -> None:
        """As `until`, and AssertionError when a process ends by itself meanwhile."""

        def checked() -> bool:
            for process in (*self.nodes.values(), self.cloud):
                process.check()
            return ready()

        await until(checked, what, timeout_s)

    async def _suffer_at(self, place: str) -> None:
        dice = self.setting.dice(place)
        kind = place if place in DECKS else role_of(place)
        deck = DECKS[kind]
        for number, fault in enumerate(deck.draw(dice)):
            pause_s = dice.uniform(*PAUSES_S.get(kind, NODE_PAUSE_S))
            if number < len(deck.own):
                await asyncio.sleep(pause_s)
            elif await _comes(self._enough.is_set, pause_s):
                return
            if await self.strike(place, fault):
                self._left -= 1
                if self._left <= 0:
                    self._enough.set()

    async def _kill(self, place: str, fault: Kill) -> None:
        blow = self.chronicle.strike(fault.kind, place)
        if place in self.brokers:
            await asyncio.to_thread(self.brokers[place].kill)
            await asyncio.sleep(fault.down_s)
            await asyncio.to_thread(self.brokers[place].start)
        else:
            process: CloudProcess | NodeProcess = self.cloud if place == CLOUD else self.nodes[place]
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
        task = asyncio.create_task(_note_end(strike, self.chronicle.strike(fault.kind, place)))
        self._lasting.add(task)
        return True

    def _register(self) -> None:
        """What a person does before: the nodes may send, and there are wishes for each of them."""
        database = open_database(read_settings(data=self.cloud.data, broker=self.cloud.environment["TONNAM_BROKER"]))
        try:
            with database.writing() as session:
                for name in self.nodes:
                    via = GATEWAY if name == BEHIND else None
                    repository.add_node(session, TENANT, name, {"th": name, "en": name}, system_clock(), via)
                    session.flush()
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


async def _note_end(strike: Strike, blow: Blow) -> None:
    await strike.over.wait()
    blow.over = time.monotonic()


async def _comes(ready: Callable[[], bool], within_s: float = STRIKES_WITHIN_S) -> bool:
    """Wait a little until `ready()`; whether it came."""
    with contextlib.suppress(AssertionError):
        await until(ready, "it", within_s)
        return True
    return False


@contextlib.asynccontextmanager
async def running_world(setting: Setting, home: Path) -> AsyncIterator[World]:
    """A world whose nodes have all been heard; everything has ended when the block is left."""
    brokers = {}
    for name in (BROKER, SITE) if GATEWAY in setting.nodes else (BROKER,):
        (home / name).mkdir()
        brokers[name] = await asyncio.to_thread(BROKERS[setting.broker], home / name)
    world = World(setting, home, brokers)
    try:
        await world.start()
        yield world
    finally:
        await world.destroy()
        for broker in brokers.values():
            await asyncio.to_thread(broker.stop)
