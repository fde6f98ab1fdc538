"""What the disk knows of the time, and a disk that is not there: over real brokers, readings keep their times."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.link.harness import Ledger, cloud, node, running, until
from tests.link.machines import Machine, reading
from tests.link.node.times import assert_right, nowhere, takes, told
from tonnam_link.clock import system_clock
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Frame, Stamp
from tonnam_link.node import disk, greeter
from tonnam_link.node.uplink import Uplink


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greet again and open again after a moment."""
    monkeypatch.setattr(greeter, "FIRST_PAUSE_S", 0.5)
    monkeypatch.setattr(disk, "OPEN_AGAIN_S", 0.2)


async def test_readings_flow_live_at_their_right_times_though_neither_time_nor_disk_is_there_at_first(
    broker: str, path: Path
) -> None:
    machine, ledger = Machine(), Ledger()
    path.parent.write_text("where the directory should be")
    uplink = node(path, broker, clock=machine.clock())
    frames, counted = [], {}
    async with running(uplink.run()):
        await until(lambda: uplink.connected, "the connection")
        for number in range(20):
            machine.passes(1_000)
            frames.append(reading(uplink.clock, number))
            counted[number] = machine.mono_ms()
            with contextlib.suppress(OutboxUnavailable):
                await uplink.accept(frames)
        async with cloud(broker, ledger):
            await until(lambda: len(told(ledger)) == 20, "live readings")
            assert_right(ledger, counted, machine)
            path.parent.unlink()
            await until_accepted(uplink, frames)
            await until(lambda: uplink.backlog().empty, "the last reply")
    assert_right(ledger, counted, machine)


async def until_accepted(uplink: Uplink, frames: list[Frame]) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OutboxUnavailable):
                await uplink.accept(frames)
                return
            await asyncio.sleep(0.1)


async def test_clock_that_was_put_right_little_by_little_does_not_go_back_with_the_next_process(
    mosquitto_broker: str, path: Path
) -> None:
    machine, ledger = Machine(), Ledger()
    ahead_ms = 0
    first = node(path, mosquitto_broker, clock=machine.clock())
    async with cloud(mosquitto_broker, ledger, clock=lambda: system_clock() + ahead_ms), running(first.run()):
        await until(lambda: first.clock.synced, "the time")
        learned_ms, ahead_ms = first.clock.offset_ms, 60_000
        await takes(first, machine, 0, 1)
        await until(lambda: first.backlog().empty, "a reply that is a minute ahead")
        machine.passes(600_000)
        assert (first.clock.offset_ms or 0) - (learned_ms or 0) > 50_000
        outbox = first._disk.outbox
        assert outbox is not None
        await until(lambda: outbox.offset_now(machine.name) == first.clock.offset_ms, "a note of that")
    second = node(path, nowhere(), clock=machine.clock())
    assert second.clock.offset_ms == first.clock.offset_ms
    assert await second.time_of(0, Stamp(machine.name, 5)) == 5 + (second.clock.offset_ms or 0)
    async with running(second.run()):
        await asyncio.sleep(0)


async def test_what_waited_comes_before_what_was_taken_since_however_late_the_outbox_hears_the_time(
    mosquitto_broker: str, path: Path
) -> None:
    machine, ledger = Machine(), Ledger()
    uplink = node(path, mosquitto_broker, clock=machine.clock())
    await takes(uplink, machine, 0, 20)
    told_ms = machine.mono_ms()
    for ahead_ms in (0, 60_000):
        uplink.clock.learn(system_clock() + ahead_ms, machine.mono_ms(), machine.mono_ms())
    await takes(uplink, machine, 20, 5)
    machine.passes(600_000)
    async with cloud(mosquitto_broker, ledger), running(uplink.run()):
        await until(lambda: len(ledger.readings) == 25, "all of it")
    times = [at for _, at in sorted(told(ledger).items())]
    assert times == sorted(times)
    assert machine.mono_ms() - told_ms > 600_000


async def test_next_process_does_not_go_back_behind_the_readings_of_the_one_before(
    mosquitto_broker: str, path: Path
) -> None:
    """By how much the clock was put right is noted now and then, and the last of it is lost with a process."""
    machine, ledger = Machine(), Ledger()
    first = node(path, nowhere(), clock=machine.clock())
    for ahead_ms in (0, 60_000):
        first.clock.learn(system_clock() + ahead_ms, machine.mono_ms(), machine.mono_ms())
    async with running(first.run()):
        outbox = first._disk.outbox
        assert outbox is not None
        await until(lambda: outbox.offset_now(machine.name) is not None, "a note of the time")
        machine.passes(9_000)
        await takes(first, machine, 0, 5)
    second = node(path, mosquitto_broker, clock=machine.clock())
    await takes(second, machine, 5, 5)
    async with cloud(mosquitto_broker, ledger), running(second.run()):
        await until(lambda: len(ledger.readings) == 10, "all of it")
    times = [at for _, at in sorted(told(ledger).items())]
    assert times == sorted(times)


async def test_reading_that_went_past_the_disk_has_the_same_time_when_the_disk_takes_it(
    mosquitto_broker: str, path: Path
) -> None:
    """Though the disk knows the time of this boot better, from the process before: it is one reading."""
    machine, ledger = Machine(), Ledger()
    first = node(path, nowhere(), clock=machine.clock())
    first.clock.learn(system_clock() - 700, machine.mono_ms(), machine.mono_ms())
    async with running(first.run()):
        outbox = first._disk.outbox
        assert outbox is not None
        await until(lambda: outbox.offset_now(machine.name) is not None, "a note of the time")
    away = path.parent.rename(path.parent.with_name("away"))
    path.parent.write_text("where the directory should be")
    second = node(path, mosquitto_broker, clock=machine.clock())
    machine.passes(1_000)
    frames = [reading(second.clock, 0)]
    async with cloud(mosquitto_broker, ledger), running(second.run()):
        await until(lambda: second.clock.synced, "the time")
        with contextlib.suppress(OutboxUnavailable):
            await second.accept(frames)
        await until(lambda: len(ledger.readings) == 1, "a live reading")
        path.parent.unlink()
        away.rename(path.parent)
        await until_accepted(second, frames)
        await until(lambda: second.backlog().empty, "the last reply")
    assert set(ledger.writes.values()) == {2}
