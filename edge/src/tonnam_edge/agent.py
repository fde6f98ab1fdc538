"""The agent: the core's cycle once a second, with the buses, the disk and the link around it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tonnam_edge.bus import Bus
from tonnam_edge.core import Action, Core, Observation, Step
from tonnam_edge.errors import EdgeError
from tonnam_edge.site import Site
from tonnam_edge.site_file import BusPart
from tonnam_edge.state_store import StateStore
from tonnam_edge.wire import ModbusTransport, Transport
from tonnam_edge.writes import write_of
from tonnam_link.errors import LinkError
from tonnam_link.messages import Command, Event, Frame, Outcome

CYCLE_S = 1.0
# How long the end may take: everything must be read back as off within this, or the relays' own timers must do.
ENDING_S = 4.0
# Frames kept while the outbox cannot take them; the oldest go first.
FRAMES_WAITING = 3600
STEPS_WAITING = 64


class Link(Protocol):
    """What the agent needs of `tonnam_link.uplink.Uplink`."""

    commands: asyncio.Queue[Command]

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None: ...

    async def run(self) -> None: ...


@dataclass(frozen=True)
class Clocks:
    """UTC and time since boot, in milliseconds."""

    wall_ms: Callable[[], int] = field(default=lambda: time.time_ns() // 1_000_000)
    mono_ms: Callable[[], int] = field(default=lambda: time.monotonic_ns() // 1_000_000)


class Agent:
    """Runs one site until told to stop. Valves and pump are off at the start and at the end, by read-back."""

    def __init__(
        self,
        site: Site,
        store: StateStore,
        link: Link,
        log: Any,
        *,
        clocks: Clocks | None = None,
        transport: Callable[[BusPart], Transport] = ModbusTransport,
    ) -> None:
        self.site = site
        self._store, self._link, self._log = store, link, log
        self._clocks = clocks or Clocks()
        self._transport = transport
        now_ms, mono_ms = self._clocks.wall_ms(), self._clocks.mono_ms()
        self.core = Core(site, store.memory(), now_ms=now_ms, mono_ms=mono_ms)
        self._seen: deque[Observation] = deque(maxlen=10_000)
        self._buses = {
            name: Bus(name, site, transport(part), self._seen.append, self._clocks.mono_ms, log)
            for name, part in site.buses.items()
        }
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue(STEPS_WAITING)
        self._frames: deque[Frame] = deque(maxlen=FRAMES_WAITING)
        self._accepted_mono_ms = mono_ms
        self._outbox_failed = False
        self._ending = asyncio.Event()

    def stop(self) -> None:
        """Begin to end: the running water is stopped, all is turned off and read back."""
        self._ending.set()

    async def run(self) -> None:
        """Run until `stop`. Whatever happens, the last thing done is to turn everything off."""
        await self._begin()
        safe = False
        link = asyncio.create_task(self._link.run())
        try:
            async with asyncio.TaskGroup() as tasks:
                buses = [tasks.create_task(bus.run()) for bus in self._buses.values()]
                watch = tasks.create_task(_watch(link))
                tasks.create_task(self._tell())
                await self._cycle()
                safe = self.core.safe
                for task in (*buses, watch):
                    task.cancel()
        finally:
            if not safe:
                await all_off(self.site, self._transport, self._log)
            await self._finish(link)

    async def _begin(self) -> None:
        """Hand over what the last process left, and say that we are here."""
        numbers, events, outcomes = self._store.untold()
        now_ms, gap_from_ms = self._clocks.wall_ms(), self._store.told_until_ms()
        started = Event(
            uuid.uuid4().hex,
            "node.started",
            now_ms,
            {"boot": uuid.uuid4().hex, "gap_from_ms": gap_from_ms, "gap_to_ms": now_ms},
        )
        self._log.info("agent.started", site=self.site.id, gap_from_ms=gap_from_ms)
        try:
            await self._link.accept(events=[*events, started, self.core.describe(now_ms)], outcomes=outcomes)
            await asyncio.to_thread(self._store.told, numbers, None)
        except LinkError as failure:
            self._log.error("outbox.unavailable", reason=str(failure))

    async def _cycle(self) -> None:
        """Once a second: take in, step, act. Never awaits a device, the disk or the link."""
        give_up: float | None = None
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not (self._ending.is_set() and (self.core.safe or (give_up or 0) < loop.time())):
            if give_up is None:
                await self._until(due)
            else:
                await asyncio.sleep(0.1)
            if self._ending.is_set() and give_up is None:
                give_up = loop.time() + ENDING_S
                self.core.shut_down()
            self._one_cycle()
            due = max(due + CYCLE_S, loop.time())
        await self._steps.put(None)

    async def _until(self, due: float) -> None:
        """Wait for the next cycle, or for the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._ending.wait()

    def _one_cycle(self) -> None:
        self.core.observe([self._seen.popleft() for _ in range(len(self._seen))])
        while not self._link.commands.empty():
            self.core.command(self._link.commands.get_nowait())
        step = self.core.step(self._clocks.wall_ms(), self._clocks.mono_ms())
        self._act([action for action in step.actions if not action.on])
        for event in step.events:
            self._log.info(event.kind, **_for_log(event))
        # A full queue means that the disk hangs: then the agent ends, with everything off.
        self._steps.put_nowait(step)

    def _act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self._buses[self.site.devices[action.device].part.bus].act([action])

    async def _tell(self) -> None:
        """Put steps on disk in their order; openings only after that; then hand over to the outbox."""
        while (step := await self._steps.get()) is not None:
            numbers: list[int] = []
            if step.memory is not None or step.events or step.outcomes:
                numbers = await asyncio.to_thread(self._store.commit, step.memory, step.events, step.outcomes)
            self._act([action for action in step.actions if action.on])
            if step.frame is not None:
                self._frames.append(step.frame)
            if numbers or step.urgent or self._beat_is_due():
                await self._hand_over(step.urgent)

    def _beat_is_due(self) -> bool:
        waited_ms = self._clocks.mono_ms() - self._accepted_mono_ms
        return bool(self._frames) and waited_ms >= self.site.file.telling.every_s * 1000 - 500

    async def _hand_over(self, at_once: bool) -> None:
        """Everything untold into the outbox. When it cannot take it, it stays here and is tried at the next beat."""
        self._accepted_mono_ms = self._clocks.mono_ms()
        numbers, events, outcomes = await asyncio.to_thread(self._store.untold)
        frames = list(self._frames)
        try:
            await self._link.accept(frames, events, outcomes, at_once=at_once)
        except LinkError as failure:
            if not self._outbox_failed:
                self._log.error("outbox.unavailable", reason=str(failure))
            self._outbox_failed = True
            return
        if self._outbox_failed:
            self._log.info("outbox.available")
        self._outbox_failed = False
        for _ in frames:
            self._frames.popleft()
        until_ms = frames[-1].observed_at_ms if frames else None
        await asyncio.to_thread(self._store.told, numbers, until_ms)

    async def _finish(self, link: asyncio.Task[None]) -> None:
        """Say farewell, let the link send what it can, and close."""
        stopped = Event(uuid.uuid4().hex, "node.stopped", self._clocks.wall_ms(), {})
        try:
            if not link.done():
                await self._hand_over(at_once=False)
                await self._link.accept(events=[stopped])
                self._store.ended_cleanly()
        except (LinkError, sqlite3.Error) as failure:
            self._log.error("outbox.unavailable", reason=str(failure))
        link.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await link
        self._log.info("agent.stopped", all_off=self.core.safe)


async def _watch(link: asyncio.Task[None]) -> None:
    """Fail when the link's task fails: without it nothing would ever be sent again."""
    await asyncio.wait([link])
    if not link.cancelled() and (failure := link.exception()) is not None:
        raise failure


async def all_off(site: Site, transport: Callable[[BusPart], Transport], log: Any) -> bool:
    """Turn every actuator off over fresh connections, pumps first. True when every write was answered."""
    answered = True
    ordered = sorted(site.actuators.values(), key=lambda actuator: actuator.part.kind != "pump")
    ports: dict[str, Transport] = {}
    for actuator in ordered:
        bus = site.buses[site.devices[actuator.part.device].part.bus]
        port = ports.setdefault(bus.id, transport(bus))
        action = Action(actuator.id, actuator.part.device, actuator.part.coil, False, None, 0)
        try:
            await port.write(write_of(action, site))
        except EdgeError as failure:
            answered = False
            log.error("all_off.failed", actuator=actuator.id, reason=str(failure))
    for port in ports.values():
        await port.close()
    return answered


def _for_log(event: Event) -> dict[str, Any]:
    """The body of an event as one line can hold it: English where there are two languages."""
    flat = {key: value for key, value in event.body.items() if key not in {"site", "datastreams", "zones"}}
    return {key: value["en"] if isinstance(value, dict) and "en" in value else value for key, value in flat.items()}
