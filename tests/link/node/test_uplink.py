"""A node's uplink over real brokers: what it sends, when, and what it takes from others."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests import servers
from tests.link.harness import (
    ORIGIN,
    SPECS,
    START_MS,
    TOPIC,
    Identity,
    Ledger,
    cloud,
    event,
    frame,
    identities,
    is_hello,
    node,
    node_process,
    running,
    until,
)
from tests.link.outboxes import batches, identities_of
from tonnam_link.clock import system_clock
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import (
    CommandState,
    DatastreamSpec,
    Frame,
    Outcome,
    Reply,
    Sample,
    Verdict,
)
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node.uplink import Uplink
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.topics import Channel
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import peek
from tonnam_link.wire.replies import encode_reply


async def test_readings_events_and_outcomes_reach_the_ledger_and_leave_the_outbox(broker: str, path: Path) -> None:
    ledger, frames = Ledger(), [frame(n) for n in range(20)]
    uplink = node(path, broker)
    async with cloud(broker, ledger), running(uplink.run()):
        await uplink.accept(frames, [event(1)], [Outcome("c1", CommandState.DONE, START_MS)])
        await until(lambda: uplink.backlog().empty, "the last reply")
        assert uplink.connected
        assert uplink.clock.synced
        assert abs(uplink.clock.now_ms() - system_clock()) < 1_000
    assert ledger.readings.keys() == identities(frames)
    assert set(ledger.writes.values()) == {1}
    assert (set(ledger.events), set(ledger.outcomes)) == ({"e1"}, {"c1"})
    assert ledger.verdicts[Verdict.NEED_DICTIONARY] >= 1
    channels = {(r.channel, peek(r.payload).kind) for group in ledger.groups for r in group}
    assert channels == {(Channel.UP, "events"), (Channel.OUTCOME, "outcomes"), (Channel.UP, "readings"),
                        (Channel.UP, "dictionary")}  # fmt: skip


async def test_events_and_urgent_frames_do_not_wait_for_the_beat(broker: str, path: Path) -> None:
    ledger = Ledger(dictionaries={Dictionary(SPECS).hash: Dictionary(SPECS)})
    uplink = node(path, broker, seal_every_s=3600)
    async with cloud(broker, ledger), running(uplink.run()):
        number = await settled(uplink, ledger)
        told = len(ledger.readings)
        await uplink.accept([frame(number)], at_once=True)
        await until(lambda: len(ledger.readings) == told + 8, "the readings", 2)
        await uplink.accept([frame(number + 1)])
        uplink.seal_every_s = 0.05
        await until(lambda: len(ledger.readings) == told + 12, "the readings of the new beat", 2)


async def settled(uplink: Uplink, ledger: Ledger) -> int:
    """Send an event and a frame together until the event comes alone; how many times that was.

    What waits is sealed when somebody begins to answer and when the time becomes known, which happens a few times.
    """
    for number in range(5):
        await uplink.accept([frame(number)], [event(number)])
        await until(lambda: f"e{number}" in ledger.events, "the event", 5)  # noqa: B023
        if not identities([frame(number)]) & ledger.readings.keys():
            return number + 1
    pytest.fail("routine readings go out together with every event")


async def test_reply_of_another_epoch_releases_nothing(broker: str, path: Path) -> None:
    uplink = node(path, broker)
    stranger = Session(Broker.parse(broker), client_id="stranger")
    got: list[bytes] = []

    def told() -> list[bytes]:
        return [payload for payload in got if not is_hello(payload)]

    stranger.subscribe(f"{TOPIC}/up", lambda message: got.append(message.payload))
    async with running(stranger.run()):
        await stranger.connected.wait()
        async with running(uplink.run()):
            await uplink.accept(events=[event(1)])
            await uplink.accept(events=[event(2)])
            await until(lambda: len(told()) == 2, "both batches")
            epoch, first, *_ = peek(told()[0])
            for reply in (
                Reply(epoch + 1, first, Verdict.STORED, 0),
                Reply(epoch, first + 1, Verdict.QUARANTINED, 0, reason="a test"),
            ):
                stranger.publish(f"{TOPIC}/reply", encode_reply(ORIGIN, reply))
            stranger.publish(f"{TOPIC}/reply", b"nonsense")
            await until(lambda: uplink.backlog().batches < 2, "the release")
    outbox = Outbox(path, ORIGIN)
    oldest = outbox.oldest()
    assert oldest is not None
    assert oldest.sequence == first
    assert outbox.oldest([first]) is None


async def test_presence_is_retained_and_a_killed_node_is_seen_as_gone(broker: str, path: Path) -> None:
    seen: list[dict[str, object]] = []
    watcher = Session(Broker.parse(broker), client_id="watcher")
    watcher.subscribe(f"{TOPIC}/presence", lambda message: seen.append(json.loads(message.payload)))
    async with running(watcher.run()):
        await watcher.connected.wait()
        async with node_process(path, broker):
            await until(lambda: len(seen) == 1, "the node")
        await until(lambda: len(seen) == 2, "its will")
        uplink = node(path, broker)
        async with running(uplink.run()):
            await until(lambda: len(seen) == 3, "the next node")
        await until(lambda: len(seen) == 4, "its farewell")
    assert [presence["online"] for presence in seen] == [True, False, True, False]
    assert seen[0]["session"] == seen[1]["session"] != seen[2]["session"] == seen[3]["session"]


async def test_end_seals_what_waits_and_closes_within_a_second(broker: str, path: Path) -> None:
    uplink = node(path, broker, seal_every_s=3600)
    task = asyncio.create_task(uplink.run())
    await until(lambda: uplink.connected, "the connection")
    await uplink.accept([frame(0)])
    started = time.monotonic()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert time.monotonic() - started < 1.0
    with pytest.raises(OutboxUnavailable, match="ended"):
        await uplink.accept([frame(1)])
    outbox = Outbox(path, ORIGIN)
    assert (outbox.backlog.batches, outbox.backlog.readings) == (1, 4)


async def accepted_twice(path: Path, first: Callable[[Uplink], Awaitable[object]]) -> list[set[Identity]]:
    """What each batch of readings carries after `first` and then the same frame accepted once more."""
    uplink = node(path, f"mqtt://{servers.HOST}:{servers.free_port()}", seal_every_s=3600)
    await first(uplink)
    await uplink.accept([frame(0)])
    async with running(uplink.run()):
        await asyncio.sleep(0)
    outbox = Outbox(path, ORIGIN)
    outbox.register(SPECS)
    return [identities_of(batch) for batch in batches(outbox)]


async def test_accept_that_was_cancelled_may_be_repeated(path: Path) -> None:
    async def cut_short(uplink: Uplink) -> None:
        accepting = asyncio.create_task(uplink.accept([frame(0)]))
        await asyncio.sleep(0)
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)

    assert await accepted_twice(path, cut_short) == [identities([frame(0)])]


async def test_urgent_accept_whose_seal_fails_has_accepted_and_leaves_the_rest_to_the_beat(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Outbox, at_least: int = 0) -> list[Sealed]:
        monkeypatch.undo()
        raise OutboxUnavailable("no space left")

    async def urgently(uplink: Uplink) -> None:
        monkeypatch.setattr(Outbox, "seal", full)
        await uplink.accept([frame(0)], at_once=True)
        assert uplink.backlog().readings == 4

    assert await accepted_twice(path, urgently) == [identities([frame(0)])]


async def test_frames_can_be_accepted_without_any_broker(path: Path) -> None:
    uplink = node(path, f"mqtt://{servers.HOST}:{servers.free_port()}")
    async with running(uplink.run()):
        for number in range(20):
            await uplink.accept([frame(number)])
            await asyncio.sleep(0.01)
        assert uplink.backlog().readings == 80
        assert not uplink.connected


async def test_new_site_file_brings_a_new_dictionary(broker: str, path: Path) -> None:
    ledger = Ledger()
    more = [*SPECS, DatastreamSpec("melon/tank/level", "cm", 1.0)]
    async with cloud(broker, ledger):
        async with running((first := node(path, broker)).run()):
            await first.accept([frame(0)])
            await until(lambda: first.backlog().empty, "the first reply")
        second = Uplink(path, Broker.parse(broker), tenant="farm", node="edge-1", datastreams=more, seal_every_s=0.1)
        async with running(second.run()):
            await second.accept([Frame(START_MS, {"melon/tank/level": Sample(120.0)})])
            await until(lambda: second.backlog().empty, "the second reply")
    assert ledger.readings["melon/tank/level", START_MS] == 120.0
    assert len(ledger.dictionaries) == 2
