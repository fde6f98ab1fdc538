"""A disk that refuses and a file that is damaged: readings go on live, and nothing is missing in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.link.harness import SPECS, START_MS, Ledger, cloud, event, frame, identities, node, running, until
from tests.link.stubborn import EVENT_EVERY, Owner
from tonnam_link.clock import system_clock
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Event, Frame, Sample
from tonnam_link.node import care, disk, volatile, worker
from tonnam_link.node.uplink import Uplink

NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open again, and keep house again, after a moment."""
    monkeypatch.setattr(disk, "OPEN_AGAIN_S", 0.2)
    monkeypatch.setattr(care, "HOUSE_EVERY_S", 0.5)


class Stubborn:
    """A node in a process of its own (see tests/link/stubborn.py)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.made = self.accepted = 0

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.made, self.accepted = map(int, line.split())

    def may_write(self, most_bytes: int) -> None:
        """Files may grow up to so many bytes: a full disk when that is few."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


@contextlib.asynccontextmanager
async def stubborn(path: Path, url: str, before: Callable[[], None] | None = None) -> AsyncIterator[Stubborn]:
    """The process, killed at the end of the block."""
    command = [sys.executable, "-m", "tests.link.stubborn", str(path), url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=before
    )
    try:
        one = Stubborn(process)
        async with running(one.listen()):
            yield one
    finally:
        assert process.returncode is None, "it ended by itself"
        process.kill()
        await process.wait()


def numbers(ledger: Ledger) -> set[int]:
    """Which frames are there with all their readings."""
    by_time: dict[int, set[str]] = {}
    for name, at in ledger.readings:
        by_time.setdefault(at, set()).add(name)
    first = frame(0).observed_at_ms
    return {(at - first) // 1000 for at, names in by_time.items() if len(names) == len(SPECS)}


def kinds(ledger: Ledger) -> set[str]:
    return {event.kind for event in ledger.events.values()}


async def none_is_missing(ledger: Ledger, made: int, timeout_s: float = 30) -> None:
    await until(lambda: set(range(made)) <= numbers(ledger), f"the first {made} frames", timeout_s)
    due = {f"e{number}" for number in range(0, made, EVENT_EVERY)}
    await until(lambda: due <= ledger.events.keys(), "their events", timeout_s)


async def test_full_disk_holds_up_no_live_reading_and_loses_none(broker: str, path: Path) -> None:
    ledger = Ledger()
    async with cloud(broker, ledger), stubborn(path, broker) as one:
        await until(lambda: len(numbers(ledger)) > 20, "readings before")
        one.may_write(1)
        await until(lambda: one.made - one.accepted > 10, "the refusal")
        refused = one.accepted
        await until(lambda: len(numbers(ledger) & set(range(refused + 5, refused + 200))) > 30, "live readings")
        assert one.accepted == refused
        one.may_write(resource.RLIM_INFINITY)
        await until(lambda: one.accepted > refused + 50, "the disk")
        await none_is_missing(ledger, one.accepted)


async def test_full_disk_at_the_start_does_not_end_the_node(broker: str, path: Path) -> None:
    ledger = Ledger()
    full = (0, resource.RLIM_INFINITY)
    async with (
        cloud(broker, ledger),
        stubborn(path, broker, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, full)) as one,
    ):
        await until(lambda: len(numbers(ledger)) > 30, "live readings")
        assert one.accepted == 0
        one.may_write(resource.RLIM_INFINITY)
        await until(lambda: one.accepted > 50, "the disk")
        await none_is_missing(ledger, one.accepted)


async def test_outbox_that_cannot_be_opened_is_said_once_and_tried_again(broker: str, path: Path) -> None:
    path.parent.write_text("where the directory should be")
    ledger = Ledger()
    with capture_logs() as logs:
        uplink = node(path, broker)
        owner = Owner(uplink)
        async with cloud(broker, ledger), running(uplink.run(), owner.run()):
            await until(lambda: len(numbers(ledger)) > 20, "live readings")
            assert owner.accepted == 0
            path.parent.unlink()
            await until(lambda: owner.accepted > 20, "the outbox")
            await none_is_missing(ledger, owner.accepted)
    said = [log["event"] for log in logs if log["event"].startswith("outbox.")]
    assert said == ["outbox.unavailable", "outbox.available"]


async def test_read_only_disk_sends_each_reading_once_and_goes_on_with_the_backlog(broker: str, path: Path) -> None:
    ledger = Ledger()
    uplink = node(path, broker)
    owner = Owner(uplink)
    ledger.gate.clear()
    async with cloud(broker, ledger), running(uplink.run(), owner.run()):
        await until(lambda: owner.accepted > 50, "readings before")
        for number in range(1_000, 1_150):
            await uplink.accept(events=[event(number)])
        assert uplink._disk.outbox is not None
        uplink._disk.outbox._db.execute("PRAGMA query_only = ON")
        await until(lambda: owner.refused > 60, "the refusal")
        owner.hushed = True
        ledger.gate.set()
        await until(lambda: set(range(owner.accepted, owner.made)) <= numbers(ledger), "live readings")
        backlog = {"e0", "e10", "e20", *(f"e{number}" for number in range(1_000, 1_150))}
        await until(lambda: backlog <= ledger.events.keys(), "the backlog")
        assert max(ledger.writes.values()) == 1
        uplink._disk.outbox._db.execute("PRAGMA query_only = OFF")
        await until(lambda: owner.refused == 0 and uplink.backlog().empty, "the disk")
    assert numbers(ledger) == set(range(owner.made))
    assert max(ledger.writes.values()) <= 2


@contextlib.asynccontextmanager
async def hanging(uplink: Uplink) -> AsyncIterator[None]:
    """While the block runs every commit hangs; then all that were begun are done."""
    answers = threading.Event()
    assert uplink._disk.outbox is not None
    uplink._disk.outbox._db.set_trace_callback(lambda said: answers.wait() if said == "COMMIT" else None)
    try:
        yield
    finally:
        answers.set()


async def test_disk_that_hangs_holds_up_no_live_reading_and_loses_none(
    broker: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HANGS_S", 0.2)
    ledger = Ledger()
    with capture_logs() as logs:
        uplink = node(path, broker)
        owner = Owner(uplink)
        async with cloud(broker, ledger), running(uplink.run(), owner.run()):
            await until(lambda: len(numbers(ledger)) > 20, "readings before")
            async with hanging(uplink):
                await until(lambda: owner.refused > 10, "the refusal")
                accepted = owner.accepted
                await until(lambda: len(numbers(ledger) & set(range(accepted + 5, accepted + 200))) > 30, "live ones")
                assert owner.accepted == accepted
            await until(lambda: owner.accepted > accepted + 50, "the disk")
            await none_is_missing(ledger, owner.accepted)
    said = [log["event"] for log in logs if log["event"].startswith("outbox.")]
    assert said == ["outbox.unavailable", "outbox.available"]


async def test_disk_that_hangs_does_not_hold_up_the_end(
    mosquitto_broker: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HANGS_S", 0.2)
    uplink = node(path, mosquitto_broker)
    task = asyncio.create_task(uplink.run())
    await until(lambda: uplink.connected, "the connection")
    async with hanging(uplink):
        with pytest.raises(OutboxUnavailable, match="has not answered"):
            await uplink.accept([frame(0)])
        task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(task, return_exceptions=True)


async def test_file_that_is_damaged_while_it_runs_is_replaced_and_told(broker: str, path: Path) -> None:
    ledger = Ledger()
    uplink = node(path, broker)
    owner = Owner(uplink)
    for number in range(60):  # more than SQLite has in memory
        noise = {"text": os.urandom(50_000).hex()}
        await uplink.accept(events=[Event(f"long-{number}", "long", START_MS, noise)])
    garble(path)
    async with cloud(broker, ledger), running(uplink.run(), owner.run()):
        await until(lambda: "outbox.damaged" in kinds(ledger), "the report")
        made = owner.made
        await until(lambda: owner.accepted > made + 50, "the new file")
        owner.hushed = True
        await until(lambda: set(range(made, owner.made)) <= numbers(ledger), "all readings since")
        await until(lambda: uplink.backlog().empty and "readings.gap" in kinds(ledger), "the gap and the last reply")
    gaps = [event.body for event in ledger.events.values() if event.kind == "readings.gap"]
    missing = identities([frame(number) for number in range(owner.made)]) - ledger.readings.keys()
    assert all(any((gap["from_ms"] or 0) <= at <= gap["to_ms"] for gap in gaps) for _, at in missing)
    assert path.with_name("outbox.db.damaged-1").exists()


def garble(path: Path) -> None:
    """Write nonsense over the file and its log, in place, as a dying memory card does."""
    for part in (path, path.with_name(f"{path.name}-wal")):
        with part.open("r+b") as file:
            size = file.seek(0, 2)
            file.seek(0)
            file.write(b"\xa5" * size)


@pytest.fixture
def damaged_path(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"water" * 1000)
    return path


async def test_damaged_outbox_is_reported_as_an_event(broker: str, damaged_path: Path) -> None:
    ledger = Ledger()
    uplink = node(damaged_path, broker)
    async with cloud(broker, ledger), running(uplink.run()):
        await until(lambda: uplink.clock.synced, "the time")
        await uplink.accept([frame(0, system_clock())])
        await until(lambda: len(ledger.events) == 2, "the reports")
    told = {event.kind: event.body for event in ledger.events.values()}
    assert told["outbox.damaged"]["file"] == "outbox.db.damaged-1"
    assert (told["readings.gap"]["cause"], told["readings.gap"]["from_ms"]) == ("damaged", None)
    assert abs(told["readings.gap"]["to_ms"] - system_clock()) < 60_000


async def test_memory_past_the_disk_is_bounded_and_what_it_drops_is_with_its_owner(
    mosquitto_broker: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volatile, "MOST_WAITING", 200)
    path.parent.write_text("where the directory should be")
    ledger = Ledger()
    uplink = node(path, mosquitto_broker, seal_every_s=3600)
    owner = Owner(uplink)
    most = 0

    def watch(_: Owner) -> None:
        nonlocal most
        most = max(most, uplink._volatile._disk.backlog.readings)

    owner._told = watch
    async with running(uplink.run(), owner.run()):
        await until(lambda: owner.made > 150, "many readings", 30)
        assert 100 < most < 400
        uplink.seal_every_s = 0.1
        async with cloud(mosquitto_broker, ledger):
            path.parent.unlink()
            await until(lambda: owner.accepted > 150, "the outbox")
            await none_is_missing(ledger, owner.accepted)


async def test_what_can_never_be_sent_does_not_hold_up_the_others(mosquitto_broker: str, path: Path) -> None:
    path.parent.write_text("where the directory should be")
    ledger = Ledger()
    uplink = node(path, mosquitto_broker)
    stranger = Frame(frame(5).observed_at_ms, {"melon/who/knows": Sample(1.0)})
    async with cloud(mosquitto_broker, ledger), running(uplink.run()):
        await until(lambda: uplink.connected, "the connection")
        with contextlib.suppress(Exception):
            await uplink.accept([frame(0), stranger, frame(1)])
        await until(lambda: numbers(ledger) == {0, 1}, "the others")
