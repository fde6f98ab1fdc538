"""The conductor's children: started again when they die, ended when told, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.servers import wait_until
from tonnam_demo import children
from tonnam_demo.children import Child, ChildSpec, State

SLEEPER = "import signal, time; print('here', flush=True); signal.pause()"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('here', flush=True)
while True: signal.pause()
"""
TALKER = """
import signal
for _ in range(100): print('y' * 80)
print('end', flush=True)
signal.pause()
"""


async def until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, condition, what)


@contextlib.asynccontextmanager
async def supervised(program: str, tmp_path: Path, reports: list[str], **spec: float) -> AsyncIterator[Child]:
    child = Child(ChildSpec("pump", [sys.executable, "-c", program], **spec), tmp_path, reports.append)  # type: ignore[arg-type]
    task = asyncio.create_task(child.run())
    try:
        yield child
    finally:
        await child.stop()
        await task


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_S", 0.05)


async def test_killed_child_is_reported_in_one_line_and_started_again(tmp_path: Path) -> None:
    reports: list[str] = []
    async with supervised(SLEEPER, tmp_path, reports) as child:
        await until(lambda: child.last_line == "here", "the child speaks")
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid not in (None, first), "another process")
        assert len(reports) == 1
        assert reports[0].startswith("pump was killed by SIGKILL; it is started again in 0.05 s")
        assert child.restarts == 1


async def test_child_that_is_stopped_while_it_is_being_started_ends(tmp_path: Path) -> None:
    for steps in range(8):
        child = Child(ChildSpec("pump", [sys.executable, "-c", SLEEPER]), tmp_path, print)
        task = asyncio.create_task(child.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        await child.stop()
        await asyncio.wait_for(task, 10)
        assert child.pid is None


async def test_child_that_ends_by_itself_says_what_it_last_said(tmp_path: Path) -> None:
    reports: list[str] = []
    async with supervised("print('no such site file'); raise SystemExit(2)", tmp_path, reports):
        await until(lambda: bool(reports), "a report")
    assert "ended with code 2" in reports[0]
    assert "it last said: no such site file" in reports[0]


@pytest.mark.parametrize(
    ("line", "gist"),
    [
        (b"2026-11-20 22:49:08 [info     ] zone.planned                   zone=zone-2\n", "zone.planned zone=zone-2"),
        (b"22:50:43 [warning  ] the town goes on               hour=4.9\n", "the town goes on hour=4.9"),
        (b"[1099] 2026/11/20 22:50:42.184988 [INF] Server is ready\n", "Server is ready"),
        (b"\x1b[32mplain words\x1b[0m\n", "plain words"),
    ],
)
def test_last_line_is_told_without_time_level_and_columns(line: bytes, gist: str) -> None:
    assert children._gist(line) == gist


async def test_stop_ends_the_process_and_is_not_reported_as_a_death(tmp_path: Path) -> None:
    reports: list[str] = []
    async with supervised(SLEEPER, tmp_path, reports) as child:
        await until(lambda: child.last_line == "here", "the child speaks")
        pid = child.pid
        assert await child.stop() == -signal.SIGTERM
    assert reports == []
    assert child.state == State.STOPPED
    assert pid is not None
    assert not _alive(pid)


async def test_child_that_ignores_the_end_is_killed_after_its_time(tmp_path: Path) -> None:
    reports: list[str] = []
    async with supervised(STUBBORN, tmp_path, reports, stop_timeout_s=0.2) as child:
        await until(lambda: child.last_line == "here", "the child speaks")
        assert await child.stop() == -signal.SIGKILL
    assert reports == ["pump did not end within 0.2 s and is killed"]


async def test_log_is_begun_anew_when_it_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT_BYTES", 1000)
    async with supervised(TALKER, tmp_path, []) as child:
        await until(lambda: child.last_line == "end", "the last line")
    text = (tmp_path / "pump.log").read_text()
    assert len(text) <= 1200
    assert text.endswith("end\n")


async def test_log_that_cannot_be_written_is_said_once_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pump.log").mkdir()
    reports: list[str] = []
    async with supervised(TALKER, tmp_path, reports) as child:
        await until(lambda: child.last_line == "end", "the last line")
    assert reports == ["pump's log cannot be written (Is a directory); it runs on without"]


def test_children_end_when_the_conductor_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    conductor = f"""
import asyncio, pathlib, sys
from tonnam_demo.children import Child, ChildSpec
async def main():
    child = Child(ChildSpec("pump", [sys.executable, "-c", {SLEEPER!r}]), pathlib.Path({str(tmp_path)!r}), print)
    task = asyncio.create_task(child.run())
    while child.last_line != "here": await asyncio.sleep(0.01)
    pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))
    await task
asyncio.run(main())
"""
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", conductor])
    wait_until(lambda: pid_file.exists() and bool(pid_file.read_text()), "the child's number")
    child = int(pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until(lambda: not _alive(child), "the end of the child")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
