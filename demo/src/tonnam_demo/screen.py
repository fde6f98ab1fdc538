"""What the demo shows in the terminal: one page at the start, then a live line per process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import segno
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tonnam_demo.children import Child, State

REFRESH_S = 0.5
PLAIN_EVERY_S = 30.0
_MARKS = {
    State.STARTING: ("○", "yellow"),
    State.RUNNING: ("●", "green"),
    State.PAUSED: ("▲", "red"),
    State.STOPPING: ("◌", "yellow"),
    State.STOPPED: ("■", "dim"),
}


def address_on_the_network() -> str | None:
    """This machine's address as a phone on the same network sees it; None when there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation address; UDP connect sends nothing
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def qr_code(text: str) -> str:
    """The text as a QR code of half blocks, for a terminal."""
    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True)
    return out.getvalue()


class Screen:
    """Prints the page and keeps the lines; plain lines where the output is no terminal."""

    def __init__(self, log: Path) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._log = log
        self._closed = False

    def say(self, line: str) -> None:
        """One line, above the live ones, with the time; also in the log, for when the terminal was closed."""
        text = _with_time(line)
        with contextlib.suppress(OSError), self._log.open("a") as log:  # a full disk must not end the demo
            log.write(text + "\n")
        self._print(Text(text))

    def _print(self, what: Text | str) -> None:
        if self._closed:
            return
        try:
            self.console.print(what)
        except OSError:
            self._leave_terminal()

    def _leave_terminal(self) -> None:
        """The terminal is gone: what is said goes to the log only, and what is still buffered goes nowhere."""
        self._closed = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

    def finish(self) -> None:
        """Write out what is buffered, if there is still somebody to read it."""
        try:
            sys.stdout.flush()
        except OSError:
            self._leave_terminal()

    def page(self, lines: Sequence[str], qr_target: str | None) -> None:
        """The page that says what is running and where."""
        self._print("")
        for line in lines:
            self._print(line)
        if qr_target and not self._closed:
            # QR readers need dark on light whatever the terminal's colours; segno writes the escapes for that.
            sys.stdout.write(qr_code(qr_target))
            sys.stdout.flush()
        self._print("")

    async def keep(self, children: Sequence[Child], stop: asyncio.Event) -> None:
        """The live lines, until `stop`."""
        if self.console.is_terminal:
            try:
                await self._keep_live(children, stop)
            except OSError:
                self._leave_terminal()
        await self._keep_plain(children, stop)

    async def _keep_live(self, children: Sequence[Child], stop: asyncio.Event) -> None:
        with Live(console=self.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
            while not (stop.is_set() or self._closed):
                live.update(_table(children, self.console.width), refresh=True)
                await _pause(stop, REFRESH_S)

    async def _keep_plain(self, children: Sequence[Child], stop: asyncio.Event) -> None:
        while not stop.is_set():
            await _pause(stop, PLAIN_EVERY_S)
            for child in [] if stop.is_set() else children:
                self._print(Text(_with_time(_plain(child))))


def _with_time(line: str) -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}  {line}"


def _table(children: Sequence[Child], width: int) -> Group:
    table = Table.grid(padding=(0, 2))
    for child in children:
        mark, style = _MARKS[child.state]
        restarts = f"restarted {child.restarts}x" if child.restarts else ""
        table.add_row(
            Text(f"{mark} {child.spec.name}", style=style),
            child.state.value,
            _age(child),
            restarts,
            Text(child.last_line[: max(20, width - 55)], style="dim", no_wrap=True),
        )
    return Group(Text(), table, Text("Ctrl-C ends everything and puts the valves off.", style="dim"))


def _age(child: Child) -> str:
    seconds = int(time.monotonic() - child.started_at)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _plain(child: Child) -> str:
    pid = f"pid {child.pid}" if child.pid else "no process"
    state = f"{child.state.value} for {_age(child)}, {pid}, restarted {child.restarts}x"
    return f"{child.spec.name}: {state}; {child.last_line}"


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
