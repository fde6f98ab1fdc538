"""A node in a process of its own, to be harmed: makes readings, events and outcomes, and gives them to its uplink.

On stdout it says what it does, a line each (see `Journal`); on stdin it is told what happens to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import signal
import sys
import time
from collections import deque
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import structlog

from tests.faults import disk
from tests.faults.hurry import hurry
from tests.faults.readings import BEHIND, EVENT_EVERY, STEP_MS, TENANT, samples, specs
from tests.patience import until
from tonnam_link.clock import system_clock
from tonnam_link.commands.keyring import Keyring
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Frame, Outcome
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.outbox import aside
from tonnam_link.outbox.limits import Limits
from tonnam_link.receiving.relay import Relay
from tonnam_link.topics import Origin

OFFERED_AT_ONCE = 200
PROGRESS = (CommandState.ACCEPTED, CommandState.RUNNING, CommandState.DONE)


class Orders(msgspec.Struct, frozen=True):
    """What a node is started with.

    `first` is the number of its first reading. `since_ms`: number 0 was observed then, and each later one 10 s after
    the one before; 0: they are observed when they are made. `boot` is empty for a machine whose clock is right; else
    the machine started at `booted_s` (of `time.monotonic`) and its clock is `wrong_ms` ahead until somebody tells.
    With a `site`, the broker of a site, it has what the nodes there seal in custody, too.
    """

    outbox: str
    broker: str
    node: str
    first: int
    every_s: float
    frames: tuple[int, ...]
    seal_every_s: float
    seed: int
    key: str
    ledger: bool
    limit_bytes: int
    disk_full: bool = False
    since_ms: int = 0
    boot: str = ""
    booted_s: float = 0.0
    wrong_ms: int = 0
    site: str = ""


class Made(NamedTuple):
    """An image with its number."""

    number: int
    frame: Frame


def say(word: str, *rest: object) -> None:
    """One line of the journal. It is in the pipe when this returns, and stays there when the process is killed."""
    sys.stdout.write(" ".join([word, *map(str, rest)]) + "\n")
    sys.stdout.flush()


class Node:
    """Makes readings until it is told to hush; keeps what the outbox refuses, and offers it again."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._dice = Random(orders.seed)
        self._number = orders.first
        self._wrong_ms = orders.wrong_ms
        self._last_ms = self._last_mono_ms = 0
        self._kept: deque[Made] = deque()
        self._hushed = asyncio.Event()
        self._clock = self._make_clock()
        self._uplink = Uplink(
            Path(orders.outbox),
            Broker.parse(orders.broker),
            tenant=TENANT,
            node=orders.node,
            datastreams=specs(orders.node),
            clock=self._clock,
            limits=Limits(bytes=orders.limit_bytes) if orders.limit_bytes else None,
            keys=Keyring(None, orders.key),
            seal_every_s=orders.seal_every_s,
        )
        self._relay = self._make_relay() if orders.site else None

    def _make_relay(self) -> Relay:
        return Relay(
            self._uplink,
            Broker.parse(self._orders.site),
            gateway=Origin(TENANT, self._orders.node),
            nodes=[BEHIND],
            outbox_bytes=Limits().bytes,
            clock=self._clock.now_ms,
        )

    def _make_clock(self) -> NodeClock:
        orders = self._orders
        if not orders.boot:
            return NodeClock(kernel_synced=lambda: True)
        return NodeClock(
            wall=lambda: system_clock() + self._wrong_ms,
            mono=lambda: round((time.monotonic() - orders.booted_s) * 1000),
            boot=orders.boot,
            kernel_synced=lambda: False,
        )

    async def run(self) -> None:
        """Until cancelled."""
        say("running")
        async with asyncio.TaskGroup() as tasks:
            for work in (self._uplink.run, self._measure, self._obey_people, self._listen, self._tell_time):
                tasks.create_task(work())
            if self._relay is not None:
                tasks.create_task(self._relay.run())

    async def _measure(self) -> None:
        while not self._hushed.is_set():
            self._kept.extend(self._make() for _ in range(self._dice.choice(self._orders.frames)))
            await self._offer()
            await asyncio.sleep(self._orders.every_s * self._dice.uniform(0.5, 1.5))
        await self._drain()
        say("empty")

    async def _drain(self) -> None:
        empty = await self._is_empty()
        while not empty:
            await asyncio.sleep(0.1)
            empty = await self._is_empty()

    async def _is_empty(self) -> bool:
        """Whether all that was ever made is confirmed, and nothing of a damaged file is left to be taken over.

        Of an outbox that does not even take nothing, nobody knows.
        """
        await self._offer()
        try:
            await self._uplink.accept()
        except OutboxUnavailable:
            return False
        taken_over = aside.unread(Path(self._orders.outbox)) is None
        return taken_over and not self._kept and self._uplink.backlog().empty

    def _make(self) -> Made:
        number, self._number = self._number, self._number + 1
        frame = self._frame(number)
        say("offered", number, frame.observed_at_ms, system_clock(), int(frame.stamp is None))
        return Made(number, frame)

    def _frame(self, number: int) -> Frame:
        """With a time of its own, whatever the clocks do."""
        found = samples(self._orders.node, number)
        if self._orders.since_ms:
            return Frame(self._orders.since_ms + number * STEP_MS, found)
        now = self._clock.instant()
        later_ms = max(0, self._last_mono_ms + 1 - now.mono_ms)
        self._last_mono_ms = now.mono_ms + later_ms
        if now.stamp is not None:
            return Frame(now.ms, found, now.stamp._replace(mono_ms=self._last_mono_ms))
        self._last_ms = max(self._last_ms + 1, now.ms + later_ms)
        return Frame(self._last_ms, found)

    async def _offer(self) -> None:
        """Give the outbox what it has not taken yet, in order."""
        made = list(self._kept)[:OFFERED_AT_ONCE]
        if not made:
            return
        events = [self._event(each) for each in made if each.number % EVENT_EVERY == 0]
        first, last = made[0].number, made[-1].number
        try:
            await self._uplink.accept([each.frame for each in made], events, at_once=self._dice.random() < 0.03)
        except OutboxUnavailable:
            say("refused", first, last)
            return
        say("accepted", first, last)
        for _ in made:
            self._kept.popleft()

    def _event(self, made: Made) -> Event:
        node, frame = self._orders.node, made.frame
        body = {"number": made.number, "node": node}
        return Event(f"{node}-{made.number}", "fault.noted", frame.observed_at_ms, body, frame.stamp)

    async def _obey_people(self) -> None:
        """Carry out every command, on paper, and tell of each step."""
        while True:
            command = await self._uplink.commands.get()
            for state in PROGRESS:
                now = self._clock.instant()
                await self._tell(Outcome(command.id, state, now.ms, {"th": state, "en": state}, stamp=now.stamp))
            say("done", command.id)

    async def _tell(self, outcome: Outcome) -> None:
        while True:
            with contextlib.suppress(OutboxUnavailable):
                await self._uplink.accept(outcomes=[outcome])
                return
            await asyncio.sleep(0.2)

    async def _tell_time(self) -> None:
        await until(lambda: self._clock.synced, "the time", math.inf)
        say("synced")

    async def _listen(self) -> None:
        """Do what stdin says; when nobody holds it any more, end."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            match line.decode().split():
                case ["hush"]:
                    self._hushed.set()
                case ["read-only", on]:
                    disk.make_read_only(on == "on")
                case ["wrong", milliseconds]:
                    self._wrong_ms = int(milliseconds)
        os.kill(os.getpid(), signal.SIGTERM)


async def main(orders: Orders) -> None:
    """Run the node until SIGTERM."""
    running = asyncio.create_task(Node(orders).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def run() -> None:
    """The whole program."""
    hurry()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    disk.watch(ledger=orders.ledger)
    if orders.disk_full:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk.FULL_BYTES, resource.RLIM_INFINITY))
    asyncio.run(main(orders))


if __name__ == "__main__":
    run()
