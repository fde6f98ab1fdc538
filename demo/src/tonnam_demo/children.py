"""The processes of the demo: each is started, watched, started again when it dies, and ended in order."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
LOG_LIMIT_BYTES = 5_000_000
_TERMINAL_CODES = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_TIME_AND_LEVEL = re.compile(
    r"^(\[\d+\] )?(\d{4}[-/]\d\d[-/]\d\d )?\d\d:\d\d:\d\d(\.\d+)? \[(info|warning|error|debug|INF|WRN|ERR) *\] *"
)
_PR_SET_PDEATHSIG = 1


class State(StrEnum):
    """What a child does now."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "starting again"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ChildSpec:
    """How a child is started. `environment` is added to ours; secrets go there and never into `command`.

    `ready` is polled after each start until it says so; `stop_timeout_s` is how long SIGTERM may take.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[bool]] | None = None
    stop_timeout_s: float = 10.0


def end_with_parent() -> None:
    """On Linux a child is told to end when the conductor dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One supervised process. `report` gets one line when it dies or comes back."""

    def __init__(self, spec: ChildSpec, log_directory: Path, report: Callable[[str], None]) -> None:
        self.spec = spec
        self.state = State.STARTING
        self.restarts = 0
        self.last_line = ""
        self.started_at = time.monotonic()
        self.is_ready = asyncio.Event()
        self._log = log_directory / f"{spec.name}.log"
        self._log_failed = False
        self._report = report
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._being_started = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process number while there is a process."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Keep the process running until `stop`."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            code = await self._watch(await self._start())
            if self._stopping.is_set():
                break
            if time.monotonic() - self.started_at > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self.restarts += 1
            self.state = State.PAUSED
            self._report(
                f"{self.spec.name} {_how_it_ended(code)}; it is started again in {pause_s:g} s{self._hint()}"
            )
            await _wait(self._stopping, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self.state = State.STOPPED

    async def stop(self) -> int | None:
        """End the process: SIGTERM, and SIGKILL when that does not help. Its exit code, None if there was none."""
        self._stopping.set()
        async with self._being_started:
            process = self._process
        if process is None or process.returncode is not None:
            return process.returncode if process else None
        self.state = State.STOPPING
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.spec.stop_timeout_s)
        except TimeoutError:
            self._report(f"{self.spec.name} did not end within {self.spec.stop_timeout_s:g} s and is killed")
            process.kill()
            await process.wait()
        return process.returncode

    async def _start(self) -> asyncio.subprocess.Process:
        self.started_at = time.monotonic()
        self.state = State.STARTING
        self.is_ready.clear()
        async with self._being_started:  # or `stop` would find no process to end, and it would run on
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                env={**os.environ, **self.spec.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
            return self._process

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        waiter = asyncio.create_task(self._wait_ready())
        try:
            await self._pump(process.stdout)
            return await process.wait()
        finally:
            waiter.cancel()

    async def _wait_ready(self) -> None:
        while self.spec.ready is not None and not (self._stopping.is_set() or await self.spec.ready()):
            await _wait(self._stopping, 0.1)
        if self.state == State.STARTING:
            self.state = State.RUNNING
            self.is_ready.set()

    async def _pump(self, stream: asyncio.StreamReader | None) -> None:
        """Copy what the child says to its log, which is begun anew when it is too long."""
        while stream is not None and (line := await _read_line(stream)):
            self._write(line)
            self.last_line = _gist(line) or self.last_line

    def _write(self, line: bytes) -> None:
        """One line into the log. A disk that is full costs the log, never the child; it is said once."""
        try:
            with self._log.open("ab") as log:
                if log.tell() > LOG_LIMIT_BYTES:
                    log.truncate(0)
                log.write(line)
        except OSError as error:
            if not self._log_failed:
                self._report(f"{self.spec.name}'s log cannot be written ({error.strerror}); it runs on without")
            self._log_failed = True
        else:
            self._log_failed = False

    def _hint(self) -> str:
        return f" (it last said: {self.last_line})" if self.last_line else f" (see {self._log})"


def _gist(line: bytes) -> str:
    """What a log line says, without its time, level and columns."""
    text = _TERMINAL_CODES.sub(b"", line).decode(errors="replace")
    return " ".join(_TIME_AND_LEVEL.sub("", text).split())


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or what there is of one that is longer than the stream's limit."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:
        return await stream.readexactly(overrun.consumed)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"
