"""The processes of the fault suite: real ones, started and killed by a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from tests import servers
from tests.faults.node import Orders
from tests.faults.readings import TENANT, Role, role_of
from tests.ledger import Ledger
from tests.link.harness import until
from tonnam_link.clock import system_clock
from tonnam_link.topics import Origin

END_S = 60.0
SAYS_WITHIN_S = 60.0
SMALL_BYTES = 120 * 1024
MINUTE_MS = 60_000
OLDEST_MS = 30 * 60 * MINUTE_MS - 3_000


class Offer(NamedTuple):
    """An image that a node made. `at_ms` is the time that it gave to it: for good, or as a guess.

    `true_ms` is when it was by a clock that is right, `heard` by ours (`time.monotonic`).
    """

    at_ms: int
    true_ms: int
    final: bool
    heard: float


@dataclass
class Journal:
    """What a node says it did. `offered` has every image that it ever made, by number; `done` commands."""

    offered: dict[int, Offer] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    refusals: int = 0

    def note(self, line: str) -> None:
        match line.split():
            case ["offered", number, at_ms, true_ms, final]:
                self.offered[int(number)] = Offer(int(at_ms), int(true_ms), final == "1", time.monotonic())
            case ["accepted", first, last]:
                self.accepted.update(range(int(first), int(last) + 1))
            case ["done", command]:
                self.done.add(command)
            case ["refused", *_]:
                self.refusals += 1

    @property
    def next(self) -> int:
        """The first number that was never used."""
        return max(self.offered, default=0) + 1


@dataclass
class Boot:
    """The machine of a node from power to power. Its clock is `wrong_ms` ahead until somebody tells the time."""

    wrong_ms: int
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    booted_s: float = field(default_factory=time.monotonic)


class Process:
    """A Python program of the suite. What it logs stands in `log`."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.log = home / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._logging: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def _start(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self._logging = asyncio.create_task(self._log(self._process))

    async def _log(self, process: asyncio.subprocess.Process) -> None:
        """Write down what it logs: it cannot itself while its disk is full."""
        assert process.stderr is not None
        with self.log.open("ab") as log:
            while said := await process.stderr.read(65_536):
                log.write(said)
                log.flush()

    async def kill(self) -> None:
        """As when the power goes."""
        self.signal(signal.SIGKILL)
        await self._ended()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _ended(self) -> int:
        assert self._process is not None
        assert self._logging is not None
        code = await self._process.wait()
        await self._logging
        return code

    async def stop(self) -> int:
        """SIGTERM; the exit code. AssertionError when it does not end."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                return await self._ended()
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"{self.name} did not end within {END_S:g} s: {self.said()}") from None

    def check(self) -> None:
        """AssertionError when it has ended by itself."""
        if self._process is not None:
            code = self._process.returncode
            assert code is None or code == -9, f"{self.name} ended with {code}: {self.said()}"

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class Addresses(NamedTuple):
    """What the person who sets up a node tells it: its broker, the cloud's key; a gateway, the site's broker too."""

    broker: str
    key: str
    site: str = ""


class NodeProcess(Process):
    """One node with its outbox, whose commits are noted by its ledger if it has one."""

    def __init__(self, name: str, home: Path, at: Addresses, dice: Random, module: str) -> None:
        super().__init__(name, home)
        self.role = role_of(name)
        self.journal = Journal()
        self.running = asyncio.Event()
        self.empty = asyncio.Event()
        self.synced = asyncio.Event()
        self.outbox = home / name / "outbox.db"
        self.ledger = Ledger(self.outbox, Origin(TENANT, name))
        self.boot = Boot(0) if self.role is Role.TIMELESS else None
        self._began_ms = system_clock() // MINUTE_MS * MINUTE_MS - OLDEST_MS  # no image at the start of a minute
        self._at = at
        self._dice = dice
        self._module = module
        self._reading: list[asyncio.Task[None]] = []

    async def start(self, *, disk_full: bool = False) -> None:
        """Start it where an earlier one of it was killed."""
        small = self.role is Role.SMALL
        orders = Orders(
            outbox=str(self.outbox),
            broker=self._at.broker,
            node=self.name,
            first=self.journal.next,
            every_s=self._dice.uniform(0.05, 0.12),
            frames=(8,) if small else (1, 1, 1, 2, 3),
            seal_every_s=self._dice.uniform(0.3, 1.5),
            seed=self._dice.randrange(2**32),
            key=self._at.key,
            ledger=self.role is Role.PLAIN,
            limit_bytes=SMALL_BYTES if small else 0,
            disk_full=disk_full,
            since_ms=self._began_ms if small else 0,
            boot=self.boot.name if self.boot else "",
            booted_s=self.boot.booted_s if self.boot else 0.0,
            wrong_ms=self.boot.wrong_ms if self.boot else 0,
            site=self._at.site,
        )
        for said in (self.running, self.empty, self.synced):
            said.clear()
        await self._start(self._module, msgspec.json.encode(orders).decode())
        assert self._process is not None
        self._reading = [asyncio.create_task(self._read(self._process))]

    async def kill(self) -> None:
        await super().kill()
        await self._last_words()

    async def stop(self) -> int:
        code = await super().stop()
        await self._last_words()
        return code

    async def tell(self, line: str) -> None:
        """Say a line to it."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()

    async def says(self, word: asyncio.Event, what: str) -> None:
        """Wait until it says something. AssertionError when it ends instead, or takes for ever."""

        def said() -> bool:
            self.check()
            return word.is_set()

        await until(said, f"{what} of {self.name}", SAYS_WITHIN_S)

    def remark(self, what: str) -> None:
        """Note something in the file that its journal is kept in."""
        with self.log.with_suffix(".journal").open("a") as kept:
            kept.write(f"{time.monotonic():.3f} {what}\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Take in what it says, and keep that in a file beside its log."""
        assert process.stdout is not None
        async for line in process.stdout:
            self.remark(line.decode().strip())
            self._hear(line.decode())

    def _hear(self, line: str) -> None:
        match line.split():
            case ["running"]:
                self.running.set()
            case ["empty"]:
                self.empty.set()
            case ["synced"]:
                self.synced.set()
            case _:
                self.journal.note(line)

    async def _last_words(self) -> None:
        """What was in the pipe when it ended counts, too."""
        await asyncio.gather(*self._reading)


class CloudProcess(Process):
    """The real `tonnam-cloud serve` with the embedded store."""

    def __init__(self, home: Path, broker: str, module: str) -> None:
        super().__init__("cloud", home)
        self.data = home / "cloud"
        self.data.mkdir(exist_ok=True)
        self.port = servers.free_port()
        self._module = module
        self.environment = {"TONNAM_DATA": str(self.data), "TONNAM_BROKER": broker}

    async def start(self) -> None:
        port = str(self.port)
        await self._start(self._module, "serve", "--port", port, environment=self.environment)

    async def healthy(self) -> bool:
        """Whether it answers."""
        self.check()
        return await asyncio.to_thread(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{servers.HOST}:{self.port}/api/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
