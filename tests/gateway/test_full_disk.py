"""A running gateway whose disk takes nothing, and then takes it again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.gateway.running import eventually
from tests.gateway.sent import LEVEL, town
from tests.servers import HOST, free_port
from tonnam_gateway import gateway as module
from tonnam_gateway.gateway import STATE, Gateway
from tonnam_link.messages import Command, CommandAction
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message
from tonnam_link.node import worker
from tonnam_link.node.node_clock import NodeClock

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.05)
    mapping = town().model_copy(update={"gather": town().gather.model_copy(update={"every_s": 0.05})})
    nobody = Broker(HOST, free_port())
    clock = NodeClock(kernel_synced=lambda: True)
    return Gateway(mapping, tmp_path, uplink=nobody, field=nobody, log=structlog.get_logger(), clock=clock)


def said(logs: Logs, event: str) -> int:
    return sum(line["event"] == event for line in logs)


async def test_side_file_that_cannot_be_written_costs_no_reading_and_is_said_once(
    gateway: Gateway, tmp_path: Path
) -> None:
    stop, in_the_way = asyncio.Event(), (tmp_path / STATE).with_suffix(".new")
    in_the_way.mkdir()
    with capture_logs() as logs:
        running = asyncio.create_task(gateway.run(stop))
        await eventually(lambda: said(logs, "state.not_saved") == 1, "the complaint")
        for count in (1, 2, 3):
            gateway._intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
            await eventually(lambda: gateway._intake.accepted == count, "a committed reading")  # noqa: B023
        in_the_way.rmdir()
        await eventually(lambda: said(logs, "state.saved_again") == 1, "the end of it")
        assert not running.done()
        stop.set()
        await running
    assert (said(logs, "state.not_saved"), said(logs, "state.saved_again")) == (1, 1)
    assert (tmp_path / STATE).exists()


async def test_disk_that_hangs_holds_up_neither_readings_nor_the_end(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HANGS_S", 0.1)
    stop, pipe = asyncio.Event(), (tmp_path / STATE).with_suffix(".new")
    os.mkfifo(pipe)  # to open it for writing hangs until somebody reads
    with capture_logs() as logs:
        running = asyncio.create_task(gateway.run(stop))
        await eventually(lambda: said(logs, "state.not_saved") == 1, "the complaint")
        gateway._intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
        await eventually(lambda: gateway._intake.accepted == 1, "a committed reading")
        stop.set()
        async with asyncio.timeout(10):
            await running
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))


async def test_command_while_the_disk_takes_nothing_does_not_end_the_gateway(gateway: Gateway) -> None:
    stop, outbox = asyncio.Event(), gateway._uplink._disk.outbox
    assert outbox is not None
    with capture_logs() as logs:
        running = asyncio.create_task(gateway.run(stop))
        await eventually(lambda: outbox.backlog.batches >= 1, "the first events on disk")
        before = outbox.backlog.batches
        outbox._db.execute("PRAGMA query_only = ON")
        gateway._uplink.commands.put_nowait(Command("c-1", CommandAction.STOP, "zone-1", 0, 0))
        await eventually(gateway._uplink.commands.empty, "the command's way")
        gateway._intake.on_message(Message(LEVEL, b'{"level_m": 2}'))
        await eventually(lambda: said(logs, "outbox.refuses") == 1, "the complaint")
        assert not running.done()
        outbox._db.execute("PRAGMA query_only = OFF")
        gateway._uplink.commands.put_nowait(Command("c-1", CommandAction.STOP, "zone-1", 0, 0))
        await eventually(lambda: outbox.backlog.batches == before + 1, "the refusal on disk")
        await eventually(lambda: gateway._intake.accepted == 1, "the reading on disk")
        stop.set()
        await running
