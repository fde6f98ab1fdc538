"""What has waited for long does not hold up what is new."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from tests import servers
from tests.link.harness import (
    ORIGIN,
    SPECS,
    START_MS,
    Ledger,
    cloud,
    event,
    frame,
    identities,
    node,
    running,
    until,
)
from tonnam_link.node.uplink import write_backlog
from tonnam_link.outbox.limits import Limits
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.decode import peek


async def test_backlog_drains_behind_what_is_new(broker: str, path: Path) -> None:
    """Days of history wait in the outbox; what happens now does not wait for them."""
    ledger = Ledger()
    history = [frame(n) for n in range(25_000)]
    assert write_backlog(path, ORIGIN, SPECS, history, [event(n) for n in range(50)]) == 100_000
    live = [frame(n, START_MS + 10**9) for n in range(20)]
    uplink = node(path, broker)
    history_left_at_first_live = []

    def watch(received: Received) -> Answer | None:
        if received.channel is Channel.UP and peek(received.payload).kind == "readings":
            history_left_at_first_live.append(uplink.backlog().readings)
        return None

    ledger.before = watch
    async with cloud(broker, ledger), running(uplink.run()):
        for one in live:
            await uplink.accept([one])
            await asyncio.sleep(0.02)
        await until(lambda: uplink.backlog().empty, "the last reply", 40)
    assert ledger.readings.keys() == identities(history) | identities(live)
    assert len(ledger.events) == 50
    assert history_left_at_first_live[0] > 40_000


async def test_live_batches_are_committed_before_backlog_that_waited_longer(broker: str, path: Path) -> None:
    ledger = Ledger()
    ledger.gate.clear()
    paths = [path.with_name(f"{n}.db") for n in range(6)]
    for n, one in enumerate(paths):
        write_backlog(one, Origin("farm", f"edge-{n}"), SPECS, [frame(n) for n in range(10)], [])
    nodes = [node(one, broker, name=f"edge-{n}") for n, one in enumerate(paths)]
    async with cloud(broker, ledger), running(*(one.run() for one in nodes)):
        await until(lambda: sum(topic.endswith("back") for topic in ledger.arrived) >= 6, "backlog of all six")
        await nodes[0].accept(events=[event(1)])
        await until(lambda: any(topic.endswith("up") for topic in ledger.arrived), "the event")
        ledger.gate.set()
        await until(lambda: all(one.backlog().empty for one in nodes), "the last reply", 40)
    first_with_event = next(i for i, group in enumerate(ledger.groups) for r in group if r.channel is Channel.UP)
    assert first_with_event <= 1
    assert ledger.groups[first_with_event][0].channel is Channel.UP
    assert all(len([r for r in group if r.channel is Channel.BACK]) <= 4 for group in ledger.groups)


async def test_day_without_anybody_is_a_few_batches_and_not_one_a_beat(broker: str, path: Path) -> None:
    ledger, frames = Ledger(), [frame(number) for number in range(10_000)]
    uplink = node(path, broker, seal_every_s=0.01)
    async with running(uplink.run()):
        await until(lambda: uplink.connected, "the connection")
        for start in range(0, 10_000, 100):
            await uplink.accept(frames[start : start + 100])
        assert uplink.backlog().readings == 40_000
        assert uplink.backlog().batches <= 4
        async with cloud(broker, ledger):
            await until(lambda: uplink.backlog().empty, "all of it", 40)
    assert ledger.readings.keys() == identities(frames)
    assert sum(peek(r.payload).kind == "readings" for group in ledger.groups for r in group) <= 8


async def test_outbox_that_begins_to_thin_says_so(path: Path) -> None:
    nobody = f"mqtt://{servers.HOST}:{servers.free_port()}"
    with capture_logs() as logs:
        uplink = node(path, nobody, limits=Limits(bytes=300_000), seal_every_s=0.05)
        async with running(uplink.run()):
            number = 0
            while not any(log["event"] == "outbox.thins" for log in logs):
                assert number < 60_000
                await uplink.accept([frame(number + n) for n in range(500)])
                number += 500
    assert sum(log["event"] == "outbox.thins" for log in logs) == 1
