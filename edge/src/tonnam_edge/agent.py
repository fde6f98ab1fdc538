"""The agent: the core's cycle once a second, with the buses, the disk and the link around it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tonnam_edge.all_off import ENDING_S, all_off, told
from tonnam_edge.core import Action, Core, NotWritten, Observation, Step, texts
from tonnam_edge.core.image import Now
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.custody import Custody, Link
from tonnam_edge.desk import Desk
from tonnam_edge.modbus.bus import Bus
from tonnam_edge.modbus.wire import ModbusTransport, Transport
from tonnam_edge.recollection import Recollection, begin_with, recollections
from tonnam_edge.second_copy import Standing, standing_of
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import BusPart
from tonnam_edge.state_store import StateStore, Until
from tonnam_edge.watchdog import Watchdog
from tonnam_link.errors import LinkError
from tonnam_link.messages import Event
from tonnam_link.node.node_clock import NodeClock

CYCLE_S = 1.0
# After a whole end without proof: one more try over fresh connections.
LAST_TRY_S = 1.0
# A disk or a link that hangs does not hold up the end for longer than this.
FINISH_S = 3.0
STEPS_WAITING = 64
OPEN_AGAIN_MS = 5_000
START_WAITS_MS = 60_000
# Between two cycles: after longer than this nobody has looked at a coil for as long as a proof may take.
STOOD_STILL_MS = 8_000
# Programs make way for a new site file for so long: the longest run, and its closing.
MAKES_WAY_S = 3300.0
# A station that keeps a flood out, or follows an order, holds up a new site file for so long: a tide, not a monsoon.
STATIONS_HOLD_UP_S = 6 * 3600.0


class Agent:
    """Runs one site until told to stop. Valves and pump are off at the start and at the end, by read-back.

    A disk that refuses does not end it: readings go on, and no water starts until it takes again.
    """

    def __init__(
        self,
        site: Site,
        store: StateStore,
        link: Link,
        log: Any,
        *,
        clock: NodeClock | None = None,
        transport: Callable[[BusPart], Transport] = ModbusTransport,
    ) -> None:
        self.site = site
        self._store, self._link, self._log = store, link, log
        if store.set_aside is not None:
            log.error("state.damaged", set_aside=str(store.set_aside), meaning="begun anew without what was in it")
        self._clock = clock = clock or NodeClock()
        self._transport = transport
        self.core = _core(site, store, clock, log)
        self._opening_at_mono_ms = clock.mono_ms() + OPEN_AGAIN_MS
        self._seen: deque[Observation | NotWritten] = deque(maxlen=10_000)
        self._buses = {
            name: Bus(name, site, transport(part), self._seen.append, clock.mono_ms, log, self._seen.append)
            for name, part in site.buses.items()
        }
        self._desk = Desk(store.folder)
        self._asked: deque[Request] = deque()
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue(STEPS_WAITING)
        beat_ms = site.file.telling.every_s * 1000
        self._custody = Custody(store, link, log, clock=clock, beat_ms=beat_ms)
        self._started = clock.instant()
        self._before: Until | None = None
        self._start_told = False
        self._is_off = False
        self._ending = asyncio.Event()
        self._next: Site | None = None
        self._asked_mono_ms = self._way_mono_ms = 0
        self._waits_for: list[str] = []
        self._watchdog = Watchdog(site, self._buses.values(), clock.mono_ms, log)
        self._cycled_mono_ms = clock.mono_ms()

    @property
    def stands(self) -> Standing | None:
        """What people have said and what stands; None while the memory is unread, or cannot be made out."""
        try:
            return None if self.core.unread else standing_of(self.core.document)
        except Exception as failure:  # noqa: BLE001 - all is to be turned off, whatever is wrong with the core
            self._log.error("state.senseless", reason=str(failure))
            return None

    def stop(self) -> None:
        """Begin to end: the running water is stopped, all is turned off and read back."""
        self._ending.set()

    def change(self, site: Site) -> None:
        """Make room for an agent of another description of this site, as soon as nothing runs: then `run` returns.

        Meanwhile programs start nothing beside what runs, for `MAKES_WAY_S` at most; but for a station, which holds
        it up for `STATIONS_HOLD_UP_S` at most, they do not wait.
        """
        self._next, self._waits_for = site, []
        self._asked_mono_ms = self._way_mono_ms = self._clock.mono_ms()

    async def run(self) -> Site | None:
        """Run until `stop`, or until it can change: then the site to go on with is returned.

        Whatever happens, everything is turned off before anything else ends. What is raised carries a note that says
        whether valves and pump are off.
        """
        link = asyncio.create_task(self._link.run())
        try:
            await self._serve(link)
            changing = self._next is not None and not self._ending.is_set()
            self._is_off = self.core.safe or (not changing and await self._all_off(LAST_TRY_S))
            return self._next if changing else None
        except BaseException as failure:
            self._is_off = await self._all_off(ENDING_S)
            failure.add_note(told(self._is_off, self.site))
            raise
        finally:
            await self._finish(link)

    async def _serve(self, link: asyncio.Task[None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            buses = [tasks.create_task(bus.run()) for bus in self._buses.values()]
            watch = tasks.create_task(_watch(link))
            tell = tasks.create_task(self._tell())
            attend = tasks.create_task(self._attend())
            await self._cycle()
            await asyncio.wait([tell], timeout=FINISH_S)
            for task in (*buses, watch, tell, attend):
                task.cancel()

    async def _all_off(self, within_s: float) -> bool:
        return await all_off(self.site, self._transport, self._log, self.stands, within_s=within_s)

    async def _begin(self) -> None:
        """Hand over what the last process left, and say what there is here."""
        if not self.core.unread:
            await self._note_until()
        now = self._clock.instant()
        await self._custody.tell([self.core.describe(now.ms, now.stamp)])
        await self._tell_start()
        await self._custody.hand_over()

    async def _note_until(self) -> None:
        """Note up to when the last process has told readings, before this one tells any."""
        with contextlib.suppress(sqlite3.Error):
            self._before = await self._store.beside(self._store.told_until)

    async def _tell_start(self, *, last_chance: bool = False) -> None:
        """Say once that we are here, and since when nothing was measured.

        When that was in this boot, before anybody knew the time, it waits a while for that to be known. Of a boot
        that ended without knowing it nobody can tell.
        """
        if self._start_told or self.core.unread:
            return
        until, (at_ms, began_mono_ms, stamp) = self._before, self._started
        gap_from_ms = None if until is None else await self._link.time_of(until.at_ms, until.stamp)
        if gap_from_ms is None and until is not None and until.stamp is not None and not last_chance:
            soon = self._clock.mono_ms() - began_mono_ms < START_WAITS_MS
            if soon and until.stamp.boot == self._clock.boot:
                return
        self._start_told = True
        self._log.info("agent.started", site=self.site.id, gap_from_ms=gap_from_ms)
        body = {"boot": uuid.uuid4().hex, "gap_from_ms": gap_from_ms, "gap_to_ms": at_ms if stamp is None else None}
        await self._custody.tell([Event(uuid.uuid4().hex, "node.started", at_ms, body, stamp)])

    async def _recall(self) -> None:
        """Try to read what the disk remembers, when that failed at the start."""
        if self._clock.mono_ms() < self._opening_at_mono_ms:
            return
        self._opening_at_mono_ms = self._clock.mono_ms() + OPEN_AGAIN_MS
        try:
            await self._store.beside(self._store.open)
            found = await self._store.beside(recollections, self._store)
        except sqlite3.Error:
            return
        now = self._clock.instant()
        boot, sure = self._clock.boot, now.stamp is None
        recall = partial(self.core.recall, now_ms=now.ms, mono_ms=now.mono_ms, boot=boot, sure=sure)
        _, chosen = begin_with(found, recall, partial(_set_aside, self._store, self._log))
        _say_what_is_lost(self.core, chosen, self._clock, self._log)
        self._log.info("state.recalled", meaning="water may start again")
        await self._note_until()

    async def _cycle(self) -> None:
        """Once a second: take in, step, act. Never awaits a device, the disk or the link."""
        give_up: float | None = None
        loop = asyncio.get_running_loop()
        due = loop.time()
        self._cycled_mono_ms = self._clock.mono_ms()
        while not self._is_over(give_up):
            if give_up is None:
                await self._until(due)
            else:
                await asyncio.sleep(0.1)
            if self._ending.is_set() and give_up is None:
                give_up = loop.time() + ENDING_S
                self._watchdog.stopping()
                self.core.shut_down()
            self._one_cycle()
            self._watchdog.cycle()
            due = max(due + CYCLE_S, loop.time())
        with contextlib.suppress(asyncio.QueueFull):  # the disk hangs: `_serve` ends the telling
            self._steps.put_nowait(None)

    def _is_over(self, give_up: float | None) -> bool:
        if self._ending.is_set():
            return self.core.safe or (give_up or 0) < asyncio.get_running_loop().time()
        return self._next is not None and self._may_change(self._next)

    def _may_change(self, site: Site) -> bool:
        """Nothing runs or waits, the disk takes everything, and what is not proven off will be turned off still.
        What it waits for is logged."""
        waits = [*self.core.under_way, *self._stations_that_hold_up()]
        waits += [name for name in sorted(self.core.not_off) if site.moved_by(name) != self.site.moved_by(name)]
        if not self._link.commands.empty():
            waits.append("commands")
        if self.core.unread or not self._custody.well:
            waits.append("disk")
        if waits and waits != self._waits_for:
            self._log.info("site.waits", waits_for=waits, meaning="the new site file counts when they are done")
        self._waits_for = waits
        return not waits

    def _stations_that_hold_up(self) -> list[str]:
        held_up_s = (self._clock.mono_ms() - self._asked_mono_ms) / 1000
        return self.core.stations.busy if held_up_s < STATIONS_HOLD_UP_S else []

    def _makes_way(self) -> bool:
        """Whether programs wait for the change. No longer than the longest run: what else hinders a change (a disk, a
        valve that is not proven off, a station) must not keep a crop from its water."""
        if self._next is None:
            return False
        if self._stations_that_hold_up():
            self._way_mono_ms = self._clock.mono_ms()
            return False
        return self._clock.mono_ms() - self._way_mono_ms < MAKES_WAY_S * 1000

    async def _until(self, due: float) -> None:
        """Wait for the next cycle, or for the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._ending.wait()

    def _look_at_the_clock(self) -> None:
        """Begin anew when this process has not run for a while, as if it had been killed.

        What it last saw says nothing any more: neither of the cabinet, nor of how long water ran.
        """
        now = self._clock.instant()
        still_ms, self._cycled_mono_ms = now.mono_ms - self._cycled_mono_ms, now.mono_ms
        if still_ms <= STOOD_STILL_MS or self.core.unread:
            return
        self._log.warning("agent.stood_still", seconds=round(still_ms / 1000), running=sorted(self.core.running))
        self._seen.clear()
        boot, sure, why = self._clock.boot, now.stamp is None, texts.stood_still(still_ms / 1000)
        document = self.core.document
        self.core = Core(
            self.site, document, now_ms=now.ms, mono_ms=now.mono_ms, boot=boot, sure=sure, interrupted=why
        )
        if self._ending.is_set():
            self.core.shut_down()

    def _one_cycle(self) -> None:
        self._look_at_the_clock()
        self.core.observe([self._seen.popleft() for _ in range(len(self._seen))])
        while not self._link.commands.empty():
            self.core.command(self._link.commands.get_nowait())
        while self._asked:
            self.core.ask(self._asked.popleft())
        self.core.remembers, self.core.makes_way = self._custody.remembers, self._makes_way()
        now = self._clock.instant()
        step = self.core.step(now.ms, now.mono_ms, boot=self._clock.boot, sure=now.stamp is None)
        self._act([action for action in step.actions if action.safe])
        for event in step.events:
            self._log.info(event.kind, **_for_log(event))
        # A full queue means that the disk hangs: then the agent ends, with everything off.
        self._steps.put_nowait(step)

    def _act(self, actions: Sequence[Action]) -> None:
        """Hand over what is not locked; also what has waited for the disk, or for a board that was silent."""
        for bus in self._buses.values():
            bus.leave(self.core.left)
        for action in (action for action in actions if action.actuator not in self.core.left):
            self._buses[self.site.devices[action.device].part.bus].act([action])

    async def _tell(self) -> None:
        """Put steps on disk in their order; openings only after that; then hand over to the outbox.

        While the disk takes nothing, nothing opens: an opening that is not remembered is dropped, not kept.
        """
        await self._begin()
        while (step := await self._steps.get()) is not None:
            if self.core.unread:
                await self._recall()
            await self._tell_start()
            opens = [action for action in step.actions if not action.safe]
            if await self._custody.commit(step):
                self._act(opens)
                await self._answer(step)
            else:
                self._seen.extend(NotWritten(action.actuator, action.decided_mono_ms) for action in opens)
            if step.events or step.outcomes or step.urgent or self._custody.due():
                await self._custody.hand_over(at_once=step.urgent)

    async def _attend(self) -> None:
        """Take in what people ask at this machine."""
        with contextlib.suppress(sqlite3.Error):
            await self._store.beside(self._desk.open)
        while True:
            with contextlib.suppress(sqlite3.Error):
                self._asked.extend(await self._store.beside(self._desk.take))
            await asyncio.sleep(CYCLE_S)

    async def _answer(self, step: Step) -> None:
        """Answer them, now that it is on disk."""
        if step.answers:
            with contextlib.suppress(sqlite3.Error):
                await self._store.beside(self._desk.give, step.answers)

    async def _finish(self, link: asyncio.Task[None]) -> None:
        """Say farewell, let the link send what it can, and close. A disk that hangs is not waited for."""
        now = self._clock.instant()
        stopped = Event(uuid.uuid4().hex, "node.stopped", now.ms, {}, now.stamp)
        try:
            async with asyncio.timeout(FINISH_S):
                await self._tell_start(last_chance=True)
                if not link.done() and await self._custody.hand_over(last_chance=True):
                    await self._link.accept(events=[stopped])
                    await self._store.beside(self._store.ended_cleanly)
        except (LinkError, sqlite3.Error, TimeoutError) as failure:
            self._log.error("outbox.unavailable", reason=str(failure) or "the disk does not answer")
        link.cancel()
        await asyncio.wait([link], timeout=FINISH_S)
        self._log.info("agent.stopped", all_off=self._is_off)


def _core(site: Site, store: StateStore, clock: NodeClock, log: Any) -> Core:
    """The core with what it remembers, or what there is of that; what cannot be understood is set aside and said."""
    now, boot = clock.instant(), clock.boot
    make = partial(Core, site, now_ms=now.ms, mono_ms=now.mono_ms, boot=boot, sure=now.stamp is None)
    try:
        found = recollections(store)
    except sqlite3.Error:  # custody says so
        return make(unread=True)
    core, chosen = begin_with(found, make, partial(_set_aside, store, log))
    _say_what_is_lost(core, chosen, clock, log)
    return core


def _set_aside(store: StateStore, log: Any, found: Recollection, failure: Exception) -> None:
    aside = store.set_memory_aside() if found.whole else None
    log.error("state.damaged", set_aside=aside, reason=str(failure), meaning="begun anew without it")


def _say_what_is_lost(core: Core, found: Recollection, clock: NodeClock, log: Any) -> None:
    """A memory that is lost keeps all water off until a person comes: somebody may be working at the pump."""
    if found.lost:
        now = clock.instant()
        core.latches.lose(Now(now.ms, now.mono_ms, clock.boot, now.stamp is None))
        log.error("state.lost", reason=found.reason, meaning="nothing is watered until a person has looked")
    elif found.document is not None and not found.whole:
        core.stations.leave_unknown()
        log.warning("state.restored", meaning="what stands and what limits today come from the copy")


async def _watch(link: asyncio.Task[None]) -> None:
    """Fail when the link's task fails: without it nothing would ever be sent again."""
    await asyncio.wait([link])
    if not link.cancelled() and (failure := link.exception()) is not None:
        raise failure


def _for_log(event: Event) -> dict[str, Any]:
    """The body of an event as one line can hold it: English where there are two languages."""
    flat = {key: value for key, value in event.body.items() if key not in {"site", "datastreams", "zones"}}
    return {key: value["en"] if isinstance(value, dict) and "en" in value else value for key, value in flat.items()}
