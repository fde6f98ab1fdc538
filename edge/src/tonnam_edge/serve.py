"""Runs a site's agent under its locks, and another one when the site file has changed. The rim around the agent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from tonnam_edge.agent import Agent
from tonnam_edge.all_off import all_off, told
from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.last_site import keep_site
from tonnam_edge.modbus.port_locks import PortLocks
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.recollection import standing_in
from tonnam_edge.second_copy import Standing
from tonnam_edge.site.check import BadSiteFile
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import KEYS_FILE, OUTBOX_FILE, StateLock, StateStore
from tonnam_link.commands.keyring import Keyring
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.outbox.limits import Limits

Load = Callable[[], Site]
P = ParamSpec("P")
T = TypeVar("T")

DISK_ANSWERS_S = 2.0
OFF_AGAIN_S = 30.0


class ClockWord(StrEnum):
    """What TONNAM_CLOCK may say."""

    LEARNED = "learned"
    TRUSTED = "trusted"


class LinkSettings(NamedTuple):
    """What the environment says of the link."""

    broker: Broker
    cloud_key: str | None
    limits: Limits
    clock: ClockWord


class Served:
    """One site file, served until a signal ends it: SIGINT and SIGTERM end, SIGHUP reads the file anew.

    `load` reads the file and raises BadSiteFile.
    """

    def __init__(self, site: Site, state: Path, link: LinkSettings, load: Load, log: Any) -> None:
        self._site, self._state, self._link, self._load, self._log = site, state, link, load, log
        self._clock = NodeClock(kernel_synced=lambda: True) if link.clock is ClockWord.TRUSTED else NodeClock()
        self._ports = PortLocks(f"state {state.absolute()}")
        self._agent: Agent | None = None
        self._stands: Standing | None = None  # what people had said when the last agent ended, if there was one
        self._ended = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, "start")
        self._read_again = asyncio.Event()

    async def run(self) -> None:
        """Serve. Whatever fails once the locks are held, all is turned off and told.

        Raises Misconfigured before anything is touched when another agent moves these valves.
        """
        with contextlib.ExitStack() as held:
            held.enter_context(contextlib.closing(self._ports))
            self._ports.take(self._site)
            held.enter_context(self._signals())
            try:
                lock = held.enter_context(contextlib.closing(await self._from_disk(StateLock, self._state)))
                store = held.enter_context(contextlib.closing(await self._from_disk(StateStore, self._state, lock)))
                await self._serve(store)
            except Misconfigured:
                raise  # another agent uses this state, or there is no such place: nothing was touched
            except BaseException as failure:
                if self._agent is None:
                    remembered = self._stands or await standing_in(self._state)
                    failure.add_note(told(await self._all_off(remembered), self._site))
                raise
            finally:
                self._disk.shutdown(wait=False, cancel_futures=True)

    async def _all_off(self, remembered: Standing | None) -> bool:
        return await all_off(self._site, ModbusTransport, self._log, remembered)

    async def _from_disk(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`. While the disk hangs there is no agent: then everything is turned off from here.

        Raises Transient when it is to end before the disk has answered.
        """
        doing = asyncio.get_running_loop().run_in_executor(self._disk, lambda: work(*args, **kwargs))
        await asyncio.wait({doing}, timeout=DISK_ANSWERS_S)
        if not doing.done():
            self._log.error("disk.hangs", meaning="everything is turned off, and nothing waters until it answers")
            ended = asyncio.ensure_future(self._ended.wait())
            either: set[asyncio.Future[Any]] = {doing, ended}
            while not (doing.done() or ended.done()):
                pause_s = OFF_AGAIN_S if await self._all_off(self._stands) else DISK_ANSWERS_S
                await asyncio.wait(either, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not doing.done():
                raise Transient(f"{self._state}: the disk does not answer")
            self._log.info("disk.answers")
        return await doing

    async def _serve(self, store: StateStore) -> None:
        """One agent after another, each with the site as it is by then. What one has not heard the next one hears."""
        reading = asyncio.create_task(self._read_when_told())
        try:
            site: Site | None = self._site
            unheard = asyncio.Queue[Any]()
            while site is not None:
                self._site = site
                uplink = await self._from_disk(_begin, site, self._state, self._link, self._clock, self._log)
                while not unheard.empty():
                    uplink.commands.put_nowait(unheard.get_nowait())
                self._agent = agent = Agent(site, store, uplink, self._log, clock=self._clock)
                if self._ended.is_set():
                    agent.stop()
                self._ports.keep_only(site)
                site, unheard = await agent.run(), uplink.commands
                if site is not None:
                    self._stands, self._agent, store.set_aside = agent.stands, None, None
        finally:
            reading.cancel()

    async def _read_when_told(self) -> None:
        """Read the site file anew at each SIGHUP; what cannot be used is told, and the old one stays."""
        while True:
            await self._read_again.wait()
            self._read_again.clear()
            try:
                site = await asyncio.to_thread(self._load)
                self._may_become(site)
                self._ports.take(site)
            except BadSiteFile as bad:
                for problem in (each for each in bad.problems if each.severity == "error"):
                    self._log.error("site.refused", line=problem.line, where=problem.where, text=problem.text)
            except Misconfigured as wrong:
                self._log.error("site.refused", text=str(wrong))
            except Exception as failure:  # noqa: BLE001 - what is odd about a file must not end the watering
                self._log.error("site.refused", text=repr(failure))
            else:
                self._log.info("site.read", meaning="it counts as soon as nothing runs")
                if self._agent is not None:
                    self._agent.change(site)

    def _may_become(self, site: Site) -> None:
        """History and commands hang on who this is."""
        for what, old, new in (
            ("node.tenant", self._site.file.node.tenant, site.file.node.tenant),
            ("node.id", self._site.file.node.id, site.file.node.id),
            ("site.id", self._site.id, site.id),
        ):
            if old != new:
                raise Misconfigured(
                    f'{what} is "{old}" and cannot become "{new}" while it runs. Stop the agent first'
                )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGINT: self._end, signal.SIGTERM: self._end, signal.SIGHUP: self._read_again.set}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self._ended.set()
        if self._agent is not None:
            self._agent.stop()


def _begin(site: Site, state: Path, link: LinkSettings, clock: NodeClock, log: Any) -> Uplink:
    """The outbox, opened, and the site written down as the one that is served. Blocking."""
    uplink = _uplink(site, state, link, clock, log)
    keep_site(site, state, log)
    return uplink


def _uplink(site: Site, state: Path, link: LinkSettings, clock: NodeClock, log: Any) -> Uplink:
    keys = Keyring(state / KEYS_FILE, link.cloud_key)
    if not keys.trusted:
        log.warning("keys.none", meaning="no command from afar is obeyed", right="give it TONNAM_CLOUD_KEY")
    return Uplink(
        state / OUTBOX_FILE,
        link.broker,
        tenant=site.file.node.tenant,
        node=site.file.node.id,
        datastreams=[datastream.spec for datastream in site.datastreams],
        clock=clock,
        limits=link.limits,
        keys=keys,
        seal_every_s=site.file.telling.send_s,
    )
