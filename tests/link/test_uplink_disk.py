"""A disk that refuses and a file that is damaged: readings go on live, and nothing is missing in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.link.harness import (
    Ledger,
    cloud,
    frame,
    node,
    running,
    until,
)
from tonnam_link.clock import system_clock


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
