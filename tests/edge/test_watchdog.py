"""What systemd hears over a real socket: pings only while the loop and every bus with valves on it make progress."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import shlex
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import site_of
from tests.edge.test_bus import until
from tonnam_edge import watchdog
from tonnam_edge.agent import Agent
from tonnam_edge.main import app
from tonnam_edge.modbus import bus
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.site.polling import Read
from tonnam_edge.site.site_file import BusPart
from tonnam_edge.state_store import StateStore
from tonnam_edge.watchdog import Systemd

UNIT = Path("deploy/edge/tonnam-edge.service")


class Listening:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """What has come since the last look."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(256).decode())
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    one = Listening(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield one
    one.close()


class Hanging(ModbusTransport):
    """A port that at some point neither answers nor times out, of the buses named."""

    buses: Sequence[str] = ()

    def __init__(self, part: BusPart) -> None:
        super().__init__(part)
        self._id = part.id

    async def read(self, unit: int, read: Read) -> Sequence[int]:
        if self._id in self.buses:
            await asyncio.Event().wait()
        return await super().read(unit, read)


@contextlib.asynccontextmanager
async def running(folder: Path, cabinet: Cabinet) -> AsyncIterator[Agent]:
    async with standing(cabinet, Soil(280, 280)) as text:
        store = StateStore(folder / "state")
        agent = Agent(site_of(folder, text), store, DeafLink(), structlog.get_logger(), transport=Hanging)
        task = asyncio.create_task(agent.run())
        try:
            yield agent
        finally:
            agent.stop()
            await task
            store.close()


async def hears(systemd: Listening, words: str) -> None:
    await until(lambda: words in systemd.heard())


async def test_it_says_that_it_is_ready_then_pings_then_that_it_stops(tmp_path: Path, systemd: Listening) -> None:
    async with running(tmp_path, Cabinet()):
        first: list[str] = []
        while len(first) < 3:
            first += systemd.heard()
            await asyncio.sleep(0.01)
        assert first[:3] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert "STOPPING=1" in systemd.heard()


async def test_a_loop_that_is_blocked_does_not_ping(tmp_path: Path, systemd: Listening) -> None:
    async with running(tmp_path, Cabinet()):
        await hears(systemd, "WATCHDOG=1")
        systemd.heard()
        time.sleep(2.5)  # noqa: ASYNC251 - this is the fault
        assert systemd.heard() == []
        await hears(systemd, "WATCHDOG=1")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus is taken for stuck a little sooner."""
    monkeypatch.setattr(watchdog, "SLACK_MS", 0)
    monkeypatch.setattr(bus, "REST_MS", 200)
    monkeypatch.setattr(watchdog, "REST_MS", 200)


@pytest.mark.usefixtures("impatient")
async def test_a_bus_of_valves_that_hangs_ends_the_pings_though_the_loop_goes_on(
    tmp_path: Path, systemd: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, Cabinet()) as agent:
        await until(lambda: agent.core.safe)
        await hears(systemd, "WATCHDOG=1")
        monkeypatch.setattr(Hanging, "buses", ["cabinet"])
        await until(lambda: agent._watchdog._stuck == {"cabinet"})
        systemd.heard()
        cycles = agent._cycled_mono_ms
        await until(lambda: agent._cycled_mono_ms > cycles + 2_000)
        assert systemd.heard() == []


@pytest.mark.usefixtures("impatient")
async def test_a_bus_of_probes_that_hangs_and_a_cabinet_that_is_dead_are_no_reason_to_be_killed(
    tmp_path: Path, systemd: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = Cabinet()
    async with running(tmp_path, cabinet) as agent:
        await until(lambda: agent.core.safe)
        monkeypatch.setattr(Hanging, "buses", ["soil"])
        cabinet.boards[1].answers = False
        began = agent._cycled_mono_ms
        pings = 0
        while agent._cycled_mono_ms < began + 3_000:
            await hears(systemd, "WATCHDOG=1")
            pings += 1
        assert pings >= 2
        cabinet.boards[1].answers = True


def test_without_systemd_nothing_is_said_and_a_deaf_one_does_no_harm(tmp_path: Path) -> None:
    Systemd({}).say("READY=1")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).say("READY=1")
    assert not Systemd({}).watches
    assert not Systemd({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watches
    assert Systemd({"WATCHDOG_USEC": "30000000"}).watches


def test_a_socket_in_the_abstract_namespace_is_one_too(tmp_path: Path) -> None:
    name = f"tonnam-test-{tmp_path.name}-{time.monotonic_ns()}"
    one = Listening(f"\0{name}")
    Systemd({"NOTIFY_SOCKET": f"@{name}"}).say("READY=1")
    assert one.heard() == ["READY=1"]
    one.close()


class _Unit(configparser.RawConfigParser):
    """A unit file: keys keep their case and may come several times."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit() -> dict[str, list[str]]:
    """Every key of the unit with its values."""
    _Unit(strict=False).read_string(UNIT.read_text(encoding="utf-8"))  # it is one at all
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_is_watched_has_no_start_limit_and_turns_all_off_after_every_end() -> None:
    keys = unit()
    assert (keys["Type"], keys["Restart"], keys["StartLimitIntervalSec"]) == (["notify"], ["always"], ["0"])
    limit_ms = 2 * 1_000 + bus.REST_MS + watchdog.SLACK_MS
    assert limit_ms < int(keys["WatchdogSec"][0]) * 1000
    (after,) = keys["ExecStopPost"]
    assert "all-off" in after
    assert "--unless-guarded" in after
    assert keys["ExecReload"][1] == "/bin/kill -HUP $MAINPID"


@pytest.mark.parametrize("key", ["ExecStart", "ExecReload", "ExecStopPost"])
def test_the_units_commands_are_commands_of_the_program_with_options_that_it_has(key: str) -> None:
    program, command, *rest = shlex.split(unit()[key][0])
    assert program.endswith("/tonnam-edge")
    help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert help_text.exit_code == 0
    assert all(option in help_text.output for option in rest if option.startswith("--"))
