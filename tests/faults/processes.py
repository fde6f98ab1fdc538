"""The processes of the fault suite: real ones, started and killed by a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from tests import servers
from tests.faults.node import Orders
from tests.faults.readings import TENANT
from tests.ledger import Ledger
from tonnam_link.topics import Origin

END_S = 20.0


class Offer(NamedTuple):
    """An image that a node made: the time that it gave to it, and when we heard of it (`time.monotonic`)."""

    at_ms: int
    heard: float


@dataclass
class Journal:
    """What a node says it did. `offered` has every image that it ever made, by number."""

    offered: dict[int, Offer] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    refusals: int = 0

    def note(self, line: str) -> None:
        match line.split():
            case ["offered", number, at_ms]:
                self.offered[int(number)] = Offer(int(at_ms), time.monotonic())
            case ["accepted", first, last]:
                self.accepted.update(range(int(first), int(last) + 1))
            case ["refused", *_]:
                self.refusals += 1

    @property
    def next(self) -> int:
        """The first number that was never used."""
        return max(self.offered, default=0) + 1


class Process:
    """A Python program of the suite. What it logs stands in `log`."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.log = home / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def _start(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    async def kill(self) -> None:
        """As when the power goes."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code. AssertionError when it does not end."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(END_S):
                return await self._process.wait()
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


class NodeProcess(Process):
    """One node with its outbox, whose commits are noted by its ledger."""

    def __init__(self, name: str, home: Path, broker: str, dice: Random, module: str) -> None:
        super().__init__(name, home)
        self.journal = Journal()
        self.empty = asyncio.Event()
        self.outbox = home / name / "outbox.db"
        self.ledger = Ledger(self.outbox, Origin(TENANT, name))
        self._broker = broker
        self._dice = dice
        self._module = module
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it where an earlier one of it was killed."""
        orders = Orders(
            outbox=str(self.outbox),
            broker=self._broker,
            node=self.name,
            first=self.journal.next,
            every_s=self._dice.uniform(0.05, 0.12),
            seal_every_s=self._dice.uniform(0.3, 1.5),
            seed=self._dice.randrange(2**32),
        )
        self.empty.clear()
        await self._start(self._module, msgspec.json.encode(orders).decode())
        self._reading = asyncio.create_task(self._read())

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
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line == b"empty\n":
                self.empty.set()
            self.journal.note(line.decode())

    async def _last_words(self) -> None:
        """What was in the pipe when it ended counts, too."""
        if self._reading is not None:
            await self._reading


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
