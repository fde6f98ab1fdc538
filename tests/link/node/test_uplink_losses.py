"""Every accepted reading is committed at the far end, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import structlog

from tests import servers
from tests.link.harness import (
    ORIGIN,
    SPECS,
    START_MS,
    TOPIC,
    Ledger,
    cloud,
    event,
    frame,
    identities,
    node,
    node_process,
    running,
    sealed,
    until,
)
from tonnam_link.messages import (
    Event,
    Reply,
    Verdict,
)
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.wire.replies import decode_reply


async def test_broker_killed_in_the_middle_loses_nothing(broker_server: servers.BrokerServer, path: Path) -> None:
    ledger, frames = Ledger(), [frame(n) for n in range(150)]
    uplink = node(path, broker_server.url)
    async with cloud(broker_server.url, ledger), running(uplink.run()):
        for number, one in enumerate(frames):
            await uplink.accept([one], [event(number)] if number % 10 == 0 else [])
            if number in {50, 100}:
                broker_server.kill()
            if number in {70, 130}:
                await asyncio.to_thread(broker_server.start)
            await asyncio.sleep(0.01)
        await until(lambda: uplink.backlog().empty, "the last reply", 30)
    assert ledger.readings.keys() == identities(frames)
    assert len(ledger.events) == 15


async def test_receiver_killed_in_the_middle_loses_nothing(broker: str, path: Path) -> None:
    ledger, frames = Ledger(), [frame(n) for n in range(90)]
    uplink = node(path, broker)
    async with running(uplink.run()):
        for start in (0, 30, 60):
            async with cloud(broker, ledger):
                for one in frames[start : start + 20]:
                    await uplink.accept([one])
                    await asyncio.sleep(0.01)
            for one in frames[start + 20 : start + 30]:
                await uplink.accept([one])
                await asyncio.sleep(0.01)
        async with cloud(broker, ledger):
            await until(lambda: uplink.backlog().empty, "the last reply", 30)
    assert ledger.readings.keys() == identities(frames)


async def test_node_killed_again_and_again_loses_nothing_it_said_was_accepted(broker: str, path: Path) -> None:
    ledger, first = Ledger(), 0
    chance = random.Random(5)
    async with cloud(broker, ledger):
        for _ in range(3):
            async with node_process(path, broker, first) as process:
                assert process.stdout is not None
                for _ in range(chance.randint(20, 60)):
                    first = int(await process.stdout.readline())
                process.kill()
                rest = (await process.stdout.read()).split()
            first = int(rest[-1]) if rest else first
        uplink = node(path, broker)
        async with running(uplink.run()):
            await until(lambda: uplink.backlog().empty, "the last reply", 30)
    missing = identities([frame(n) for n in range(first)]) - ledger.readings.keys()
    assert not missing
    assert len(ledger.readings) <= len(SPECS) * (first + 3)


async def test_lost_replies_and_busy_receivers_only_cause_repetition(broker: str, path: Path) -> None:
    """Every batch is committed, and then the node is told that it was not."""
    stored: set[bytes] = set()
    ledger, frames = Ledger(), [frame(n) for n in range(40)]

    def busy_after_the_first_commit(received: Received) -> Answer | None:
        answer = ledger.store(received)
        if answer.verdict is not Verdict.STORED or received.payload in stored:
            return answer
        stored.add(received.payload)
        return Answer(Verdict.BUSY, retry_s=0.1)

    ledger.before = busy_after_the_first_commit
    uplink = node(path, broker, seal_every_s=0.3)
    async with cloud(broker, ledger), running(uplink.run()):
        for one in frames:
            await uplink.accept([one])
            await asyncio.sleep(0.01)
        await until(lambda: uplink.backlog().empty, "the last reply", 40)
    assert ledger.readings.keys() == identities(frames)
    assert min(ledger.writes.values()) == 2


async def test_commit_that_raises_is_logged_and_the_batch_comes_again(broker: str, path: Path) -> None:
    ledger = Ledger()
    failures = iter([OSError("the disk is gone")])

    def fail_once(_: Received) -> Answer | None:
        for failure in failures:
            raise failure
        return None

    ledger.before = fail_once
    uplink = node(path, broker)
    with structlog.testing.capture_logs() as logs:
        async with cloud(broker, ledger), running(uplink.run()):
            await uplink.accept(events=[event(1)])
            await until(lambda: "e1" in ledger.events, "the event", 15)
            await until(lambda: uplink.backlog().empty, "the last reply")
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["commit.failed"]


async def test_batch_that_always_fails_does_not_take_others_with_it(broker: str, path: Path) -> None:
    ledger = Ledger()

    def fail_on_poison(received: Received) -> Answer | None:
        if b"poison" in received.payload:
            raise ValueError("a bug")
        return None

    ledger.before = fail_on_poison
    nodes = [node(path.with_name(f"{n}.db"), broker, name=f"edge-{n}") for n in range(2)]
    async with cloud(broker, ledger), running(*(one.run() for one in nodes)):
        await nodes[0].accept(events=[Event("poison", "bad", START_MS, {})])
        for number in range(30):
            await nodes[1].accept([frame(number)])
            await asyncio.sleep(0.01)
        await until(lambda: nodes[1].backlog().empty, "the good node's last reply", 30)
        assert nodes[0].backlog().batches == 1
    assert ledger.readings.keys() == identities([frame(n) for n in range(30)])


async def test_garbage_and_strangers_do_not_stop_the_receiver(broker: str, path: Path) -> None:
    ledger = Ledger()
    uplink = node(path, broker)
    replies: list[Reply] = []
    stranger = Session(Broker.parse(broker), client_id="stranger")
    stranger.subscribe(f"{TOPIC}/reply", lambda message: replies.append(decode_reply(ORIGIN, message.payload)))
    later = sealed(b"\x09", [7, 8, "of the future"])
    async with cloud(broker, ledger), running(stranger.run()):
        await stranger.connected.wait()
        for payload in (b"", b"\x01", b"\xff" * 1000, later, bytes(300_000)):
            for channel in ("up", "back", "outcome"):
                stranger.publish(f"{TOPIC}/{channel}", payload)
        stranger.publish("tonnam/1/FARM/edge-1/up", later)
        async with running(uplink.run()):
            await uplink.accept(events=[event(1)])
            await until(lambda: "e1" in ledger.events, "the event")
        await until(lambda: len(replies) >= 4, "the answers")
    of_the_future = [reply for reply in replies if (reply.epoch, reply.sequence) == (7, 8)]
    assert len(of_the_future) == 3
    assert {reply.verdict for reply in of_the_future} == {Verdict.QUARANTINED}
    assert "wrong version" in of_the_future[0].reason
