"""A node in a process of its own, to be harmed: makes readings, events and outcomes, and gives them to its uplink.

On stdout it says what it does, a line each (see `Journal`); on stdin it is told what happens to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import deque
from pathlib import Path
from random import Random

import msgspec
import structlog

from tests.faults.hurry import hurry
from tests.faults.readings import TENANT, samples, specs
from tonnam_link.broker import Broker
from tonnam_link.clock import system_clock
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Frame, Outcome
from tonnam_link.uplink import Uplink

EVENT_EVERY = 20
OFFERED_AT_ONCE = 200
PROGRESS = (CommandState.ACCEPTED, CommandState.RUNNING, CommandState.DONE)


class Orders(msgspec.Struct, frozen=True):
    """What a node is started with. `first` is the number of its first reading."""

    outbox: str
    broker: str
    node: str
    first: int
    every_s: float
    seal_every_s: float
    seed: int


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
        self._last_ms = 0
        self._kept: deque[Frame] = deque()
        self._hushed = asyncio.Event()
        self._uplink = Uplink(
            Path(orders.outbox),
            Broker.parse(orders.broker),
            tenant=TENANT,
            node=orders.node,
            datastreams=specs(orders.node),
            seal_every_s=orders.seal_every_s,
        )

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._uplink.run())
            tasks.create_task(self._measure())
            tasks.create_task(self._obey_people())
            tasks.create_task(self._listen())

    async def _measure(self) -> None:
        while not self._hushed.is_set():
            self._kept.extend(self._frame() for _ in range(self._dice.choice([1, 1, 1, 2, 3])))
            await self._offer()
            await asyncio.sleep(self._orders.every_s * self._dice.uniform(0.5, 1.5))
        while self._kept or not self._uplink.backlog().empty:
            await self._offer()
            await asyncio.sleep(0.1)
        say("empty")

    def _frame(self) -> Frame:
        number, self._number = self._number, self._number + 1
        self._last_ms = max(self._last_ms + 1, system_clock())
        say("offered", number, self._last_ms)
        return Frame(self._last_ms, samples(self._orders.node, number))

    async def _offer(self) -> None:
        """Give the outbox what it has not taken yet, in order."""
        frames = list(self._kept)[:OFFERED_AT_ONCE]
        if not frames:
            return
        numbers = [round(next(iter(frame.samples.values())).value or 0) for frame in frames]
        events = [self._event(number) for number in numbers if number % EVENT_EVERY == 0]
        try:
            await self._uplink.accept(frames, events, at_once=self._dice.random() < 0.03)
        except OutboxUnavailable:
            say("refused", numbers[0], numbers[-1])
            return
        say("accepted", numbers[0], numbers[-1])
        for _ in frames:
            self._kept.popleft()

    def _event(self, number: int) -> Event:
        node = self._orders.node
        return Event(f"{node}-{number}", "fault.noted", system_clock(), {"number": number, "node": node})

    async def _obey_people(self) -> None:
        """Carry out every command, on paper, and tell of each step."""
        while True:
            command = await self._uplink.commands.get()
            for state in PROGRESS:
                await self._tell(Outcome(command.id, state, system_clock(), {"th": state, "en": state}))

    async def _tell(self, outcome: Outcome) -> None:
        while True:
            with contextlib.suppress(OutboxUnavailable):
                await self._uplink.accept(outcomes=[outcome])
                return
            await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        """Do what stdin says."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            match line.decode().split():
                case ["hush"]:
                    self._hushed.set()


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
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Orders)))


if __name__ == "__main__":
    run()
