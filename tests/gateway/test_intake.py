from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.gateway.sent import LEVEL, LWT, after, town
from tonnam_gateway import intake as module
from tonnam_gateway import node_state
from tonnam_gateway.intake import Intake
from tonnam_gateway.node_state import NodeState
from tonnam_gateway.translator import Translator
from tonnam_link.errors import OutboxUnavailable, TooLarge
from tonnam_link.messages import Event, Frame
from tonnam_link.mqtt.session import Message
from tonnam_link.node.node_clock import NodeClock


class Disk:
    """Takes what it is given, or refuses."""

    def __init__(self) -> None:
        self.full = False
        self.frames: list[Frame] = []
        self.events: list[Event] = []

    async def accept(self, frames: Sequence[Frame], events: Sequence[Event]) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise OutboxUnavailable("no space left")
        if any(len(event.body.get("text", "")) > 1000 for event in events):
            raise TooLarge("event big has 1001 bytes, at most 1000 are allowed")
        self.frames += frames
        self.events += events


def ticking(*, knows: bool = True) -> NodeClock:
    """A clock that goes on by a second each time it is asked."""
    seconds = itertools.count()
    start_ms = int(after(0).timestamp() * 1000)
    return NodeClock(lambda: start_ms, lambda: next(seconds) * 1000, "boot-1", lambda: knows)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def intake(disk: Disk) -> Intake:
    return Intake(Translator(town()), disk.accept, every_s=60, clock=ticking(), log=structlog.get_logger())


async def test_messages_wait_for_company_and_are_committed_together(intake: Intake, disk: Disk) -> None:
    for _ in range(3):
        intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
    assert disk.frames == []
    assert await intake.flush()
    assert (len(disk.frames), intake.accepted) == (3, 3)
    assert await intake.flush()
    assert len(disk.frames) == 3


async def test_event_does_not_wait_for_the_round(intake: Intake, disk: Disk) -> None:
    committed = asyncio.Event()

    async def after_round() -> None:
        committed.set()

    running = asyncio.create_task(intake.run(after_round))
    intake.on_message(Message(LWT, b"Offline"))
    async with asyncio.timeout(5):
        await committed.wait()
        intake.stop()
        await running
    assert [event.kind for event in disk.events] == ["device.lost"]


async def test_what_a_full_disk_refuses_is_offered_again_and_said_once(intake: Intake, disk: Disk) -> None:
    disk.full = True
    with capture_logs() as logs:
        for _ in range(3):
            intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
            assert not await intake.flush()
        disk.full = False
        assert await intake.flush()
    assert len(disk.frames) == 3
    assert [line["event"] for line in logs] == ["outbox.refuses", "outbox.accepts_again", "readings.flow"]


async def test_event_that_is_too_large_is_dropped_and_takes_nothing_with_it(intake: Intake, disk: Disk) -> None:
    intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
    intake.add_events([Event(text[:2], "big", 1, {"text": text}) for text in ("a", "b" * 1001, "c")])
    with capture_logs() as logs:
        assert await intake.flush()
        assert await intake.flush()
    assert (len(disk.frames), [event.id for event in disk.events]) == (1, ["a", "c"])
    assert [line["event"] for line in logs] == ["event.too_large", "readings.flow"]


async def test_oldest_is_dropped_and_counted_when_a_full_disk_takes_nothing_for_long(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    translator = Translator(town())
    intake = Intake(translator, disk.accept, every_s=60, clock=ticking(), log=structlog.get_logger())
    for number in range(6):
        intake.on_message(Message(LEVEL, b'{"level_m": %d}' % number))
    await intake.flush()
    assert [sample.value for frame in disk.frames for sample in frame.samples.values()] == [2, 3, 4, 5]
    assert translator.counts["dropped"] == 2
    await intake.flush()
    (gap,) = disk.events
    assert (gap.kind, gap.body["cause"], gap.body["readings"]) == ("readings.gap", "memory", 2)
    assert gap.body["from_ms"] < gap.body["to_ms"] < disk.frames[0].observed_at_ms


async def test_gap_of_readings_whose_time_is_not_known_waits_for_it(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    clock = ticking(knows=False)
    intake = Intake(Translator(town()), disk.accept, every_s=60, clock=clock, log=structlog.get_logger())
    for number in range(3):
        intake.on_message(Message(LEVEL, b'{"level_m": %d}' % number))
    await intake.flush()
    await intake.flush()
    assert disk.events == []
    counted = [frame.stamp.mono_ms for frame in disk.frames if frame.stamp is not None]
    clock.resume(1_795_000_000_000)
    await intake.flush()
    await intake.flush()
    (gap,) = disk.events
    assert 1_795_000_000_000 <= gap.body["from_ms"] < gap.body["to_ms"] < 1_795_000_000_000 + counted[0]


def test_state_survives_and_a_torn_file_is_a_first_start(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    assert node_state.load(file) == NodeState()
    node_state.save(file, NodeState(17, ["air-node"]))
    assert node_state.load(file) == NodeState(17, ["air-node"])
    file.write_bytes(file.read_bytes()[:9])
    assert node_state.load(file) == NodeState()


def test_state_is_on_the_disk_before_it_takes_the_name_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted(name: str, work: Callable[..., None]) -> Callable[..., None]:
        def note_and_do(*given: Any) -> None:
            done.append(name)
            work(*given)

        return note_and_do

    monkeypatch.setattr(os, "fsync", noted("fsync", fsync))
    monkeypatch.setattr(os, "replace", noted("replace", replace))
    node_state.save(tmp_path / "node.json", NodeState(17))
    assert done == ["fsync", "replace"]
