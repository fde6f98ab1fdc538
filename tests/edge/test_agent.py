"""The agent as a process against the simulated greenhouse: kills, signals, commands over a broker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import signed
from tests.edge.servers import free_port, simulated_farm
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.site.polling import Read
from tonnam_edge.site.site_file import BusPart
from tonnam_link.messages import Command, CommandAction, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Origin
from tonnam_link.wire.decode import decode, peek

EXAMPLE = Path("edge/examples/melon-greenhouse.toml")


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


class Running:
    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    def log(self) -> str:
        """What it has said, without the colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self._log.read_text(encoding="utf-8"))

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    assert self.process.poll() is None, self.log()
                    await asyncio.sleep(0.05)
        except TimeoutError as late:
            raise AssertionError(self.log()) from late

    async def says(self, words: str) -> None:
        await self.until(lambda: words in self.log())

    def output(self) -> str:
        """All that it says until it ends, of a process that may write no file."""
        assert self.process.stderr is not None
        return re.sub(r"\x1b\[[0-9;]*m", "", self.process.stderr.read().decode())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@contextmanager
def agent(
    folder: Path,
    farm: Mapping[str, str],
    broker: str | None = None,
    text: str = "",
    before: Callable[[], None] | None = None,
) -> Iterator[Running]:
    """A running agent. With `before`, called in its process before it starts, what it says comes by a pipe."""
    site = folder / "site.toml"
    site.write_text(text or EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    log = folder / f"edge-{time.monotonic_ns()}.log"
    buses = [part for name, address in farm.items() for part in ("--bus", f"{name}={address}")]
    command = [sys.executable, "-c", "from tonnam_edge.main import main; main()", "run", str(site)]
    process = subprocess.Popen(
        [*command, "--state", str(folder / "state"), *buses],
        stderr=log.open("wb") if before is None else subprocess.PIPE,
        preexec_fn=before,
        env={
            **os.environ,
            "TONNAM_BROKER": broker or f"mqtt://127.0.0.1:{free_port()}",
            "TONNAM_CLOUD_KEY": signed.PUBLIC,
        },
    )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


async def coils(farm: Mapping[str, str]) -> list[int]:
    """Pump and both valves, as the board itself says."""
    port = ModbusTransport(BusPart(id="cabinet", address=farm["cabinet"]))
    bits = await port.read(1, Read(1, 0, 3))
    await port.close()
    return list(bits)


async def until_coils(farm: Mapping[str, str], wanted: list[int]) -> None:
    async with asyncio.timeout(30):
        while await coils(farm) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def thirsty() -> str:
    """The example with a band that no soil reaches, and short pulses: it waters as soon as it has read a probe."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return text.replace("low_pct = 26, high_pct = 31", "low_pct = 98, high_pct = 99")


async def test_after_a_kill_the_next_start_turns_everything_off_and_tells_it(
    tmp_path: Path, farm: Mapping[str, str]
) -> None:
    with agent(tmp_path, farm, text=thirsty()) as first:
        await first.says("run.started")
        await until_coils(farm, [1, 1, 0])
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert (await coils(farm))[:2] == [1, 1]
    with agent(tmp_path, farm, text=thirsty()) as second:
        await second.says("outcome=interrupted")
        await until_coils(farm, [0, 0, 0])
        assert "gap_from_ms=None" not in second.log()
        assert second.end(signal.SIGTERM) == 0


async def test_a_signal_in_the_middle_of_a_run_leaves_everything_off_within_five_seconds(
    tmp_path: Path, farm: Mapping[str, str]
) -> None:
    with agent(tmp_path, farm, text=thirsty()) as running:
        await running.says("run.started")
        await until_coils(farm, [1, 1, 0])
        began = time.monotonic()
        assert running.end(signal.SIGINT) == 0
        assert time.monotonic() - began < 5
        assert "all_off=True" in running.log()
    assert await coils(farm) == [0, 0, 0]
    with agent(tmp_path, farm, text=thirsty()) as again:
        await again.says("agent.started")
        assert "gap_from_ms=None" in again.log()
        assert again.end(signal.SIGTERM) == 0


async def test_a_second_agent_on_the_same_state_is_refused_with_2(tmp_path: Path, farm: Mapping[str, str]) -> None:
    with agent(tmp_path, farm) as first:
        await first.says("agent.started")
        with agent(tmp_path, farm) as second:
            assert second.process.wait(20) == 2
            assert "another agent" in second.log()
        assert first.end(signal.SIGTERM) == 0


async def test_a_command_over_the_broker_waters_once_and_says_what_became_of_it(
    tmp_path: Path, farm: Mapping[str, str], mosquitto_broker: str
) -> None:
    states: list[str] = []

    async def commit(group: Sequence[Received]) -> Sequence[Answer]:
        for received in group:
            if peek(received.payload).kind == "outcomes":
                states.extend(
                    str(o.state) for o in decode(received.payload, {}).outcomes if str(o.state) not in states
                )
        return [Answer(Verdict.STORED) for _ in group]

    session = Session(Broker.parse(mosquitto_broker), client_id="cloud")
    receiver = Receiver(session, commit)
    listening = asyncio.gather(session.run(), receiver.run())
    with agent(tmp_path, farm, broker=mosquitto_broker) as running:
        await running.says("agent.started")
        now_ms = time.time_ns() // 1_000_000
        wish = Command("c-1", CommandAction.WATER, "zone-2", now_ms, now_ms + 60_000, 4)
        command = signed.command(wish, Origin("demo-farm", "edge-1"))
        async with asyncio.timeout(40):
            while "done" not in states:
                session.publish("tonnam/1/demo-farm/edge-1/command", command)
                await asyncio.sleep(0.5)
        assert states == ["accepted", "running", "done"]
        assert running.log().count("run.started") == 1
        assert running.end(signal.SIGTERM) == 0
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert await coils(farm) == [0, 0, 0]
