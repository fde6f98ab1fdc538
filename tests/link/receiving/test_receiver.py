"""The receiver over real brokers: what it forgets, what it answers, and what it tells of itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import structlog

from tests.link.harness import ORIGIN, START_MS, Ledger, running, until
from tonnam_link.clock import system_clock
from tonnam_link.messages import Event, Reply, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.codec import encode_events
from tonnam_link.wire.replies import decode_reply

STRANGER = Origin("farm", "edge-2")


class Node:
    """One that publishes whatever a test wants as `edge-1`, and hears the replies."""

    def __init__(self, url: str, origin: Origin = ORIGIN) -> None:
        self.origin = origin
        self.replies: list[Reply] = []
        self.session = Session(Broker.parse(url), client_id=str(origin).replace("/", "-"))
        self.session.subscribe(
            node_topic(*origin, Channel.REPLY),
            lambda message: self.replies.append(decode_reply(origin, message.payload)),
        )

    def batch(self, sequence: int, *ids: str) -> bytes:
        return encode_events(self.origin, 7, sequence, [Event(name, "k", START_MS, {}) for name in ids])

    def send(self, payload: bytes, channel: Channel = Channel.UP) -> None:
        assert self.session.publish(node_topic(*self.origin, channel), payload)

    async def hears(self, count: int) -> None:
        await until(lambda: len(self.replies) >= count, f"{count} replies")


@contextlib.asynccontextmanager
async def receiving(url: str, ledger: Ledger, *nodes: Node, **about: Any) -> AsyncIterator[Receiver]:
    """A receiver that commits to the ledger, and nodes, all connected."""
    session = Session(Broker.parse(url), client_id="cloud", pause_s=(0.1, 0.5))
    receiver = Receiver(session, ledger.commit, **about)
    async with running(session.run(), receiver.run(), *(node.session.run() for node in nodes)):
        for each in (session, *(node.session for node in nodes)):
            await each.connected.wait()
        yield receiver


async def test_garbled_batch_is_not_judged_until_the_very_same_bytes_come_again(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonnam_link.receiving.lanes.SAME_AGAIN_S", 0.2)
    ledger, node = Ledger(), Node(broker)
    good = node.batch(1, "e1")
    bad = good[:20] + bytes([good[20] ^ 4]) + good[21:]

    def answered() -> bool:
        node.send(bad)
        return len(node.replies) >= 3

    with structlog.testing.capture_logs() as logs:
        async with receiving(broker, ledger, node, log=structlog.get_logger()) as receiver:
            node.send(bad)
            node.send(good)
            await node.hears(1)
            assert (list(ledger.events), receiver.counts["garbled"]) == (["e1"], 1)
            await until(answered, "answers to what comes again and again")
    (aside,) = [received for group in ledger.groups for received in group if received.garbled]
    assert aside.payload == bad
    assert [reply.verdict for reply in node.replies[:3]] == [Verdict.STORED, Verdict.QUARANTINED, Verdict.QUARANTINED]
    assert "garbled" in node.replies[2].reason
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["batch.garbled"]


async def test_batch_under_another_name_is_garbled_and_never_reaches_that_node(broker: str) -> None:
    ledger, node, stranger = Ledger(), Node(broker), Node(broker, STRANGER)
    async with receiving(broker, ledger, node, stranger) as receiver:
        stranger.send(node.batch(1, "e1"))
        stranger.send(stranger.batch(1, "e2"))
        await stranger.hears(1)
        assert (list(ledger.events), receiver.counts["garbled"], node.replies) == (["e2"], 1, [])


@pytest.mark.parametrize(("clock", "known"), [(lambda: None, False), (system_clock, True)])
async def test_reply_tells_the_time_only_when_it_is_known(
    mosquitto_broker: str, clock: Callable[[], int | None], known: bool
) -> None:
    ledger, node = Ledger(), Node(mosquitto_broker)
    async with receiving(mosquitto_broker, ledger, node, clock=clock):
        node.send(node.batch(1, "e1"))
        await node.hears(1)
    assert (node.replies[0].utc_ms > 0) is known
    assert (ledger.groups[0][0].received_at_ms > 0) is known


async def test_receiver_of_some_nodes_takes_nothing_from_others(broker: str) -> None:
    ledger, node, stranger = Ledger(), Node(broker), Node(broker, STRANGER)
    async with receiving(broker, ledger, node, stranger, origins=[ORIGIN]):
        stranger.send(stranger.batch(1, "e2"))
        for channel in (Channel.UP, Channel.BACK, Channel.OUTCOME):
            node.send(node.batch(1, "e1"), channel)
        await node.hears(1)
    assert list(ledger.events) == ["e1"]


async def test_stored_batch_that_comes_again_costs_no_commit(broker: str) -> None:
    ledger, node = Ledger(), Node(broker)
    async with receiving(broker, ledger, node) as receiver:
        for count in range(1, 21):
            node.send(node.batch(1, "e1"), Channel.BACK)
            await node.hears(count)
        assert receiver.counts["repeated"] == 19
    assert sum(map(len, ledger.groups)) == 1
    assert {reply.verdict for reply in node.replies} == {Verdict.STORED}


async def test_backlog_is_credited_and_what_is_live_is_not(broker: str) -> None:
    ledger, node = Ledger(), Node(broker)
    async with receiving(broker, ledger, node):
        node.send(node.batch(1, "e1"))
        await node.hears(1)
        node.send(node.batch(2, "e2"), Channel.BACK)
        await node.hears(2)
    assert [reply.back_credit for reply in node.replies] == [0, 1]


async def test_counts_tell_what_was_ignored_and_what_waits(mosquitto_broker: str) -> None:
    ledger, node = Ledger(), Node(mosquitto_broker)
    ledger.gate.clear()
    async with receiving(mosquitto_broker, ledger, node) as receiver:
        node.send(bytes(1_100_000))
        node.send(node.batch(1, "e1"))
        await until(lambda: receiver.counts["batches"] == 1, "the first batch")
        assert receiver.counts["ignored"] == 1
        node.send(node.batch(2, "e2"))
        node.send(node.batch(3, "e3"), Channel.BACK)
        await until(lambda: receiver.counts["waiting_back"] == 1, "what waits")
        assert receiver.counts["waiting_live"] == 1
        ledger.gate.set()
        await node.hears(3)
        assert (receiver.counts["waiting_live"], receiver.counts["waiting_back"]) == (0, 0)


class Poisoned(Ledger):
    """A ledger whose owner has a bug: it breaks on one batch, or on all."""

    poison = b"poison"

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        if any(self.poison in received.payload for received in group):
            raise ValueError("a bug")
        return await super().commit(group)


async def test_batch_that_breaks_the_owner_is_busy_and_those_beside_it_are_stored(broker: str) -> None:
    ledger, node = Poisoned(), Node(broker)
    ledger.gate.clear()
    with structlog.testing.capture_logs() as logs:
        async with receiving(broker, ledger, node, log=structlog.get_logger()) as receiver:
            node.send(node.batch(1, "e1"))
            await until(lambda: receiver.counts["batches"] == 1, "the first batch")
            for sequence, name in enumerate(("e2", "poison", "e4", "e5"), start=2):
                node.send(node.batch(sequence, name))
            await until(lambda: receiver.counts["waiting_live"] == 4, "the others")
            ledger.gate.set()
            await node.hears(5)
    assert {reply.sequence: reply.verdict for reply in node.replies} == {
        1: Verdict.STORED, 2: Verdict.STORED, 3: Verdict.BUSY, 4: Verdict.STORED, 5: Verdict.STORED,
    }  # fmt: skip
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["commit.failed"]


async def test_owner_that_fails_with_everything_is_not_asked_for_each(mosquitto_broker: str) -> None:
    ledger, node = Poisoned(), Node(mosquitto_broker)
    ledger.poison = b""
    asked: list[int] = []

    async def commit(group: Sequence[Received]) -> Sequence[Answer]:
        asked.append(len(group))
        await asyncio.sleep(0.05)
        return await Poisoned.commit(ledger, group)

    ledger.commit = commit  # type: ignore[method-assign]
    async with receiving(mosquitto_broker, ledger, node):
        for sequence in range(1, 21):
            node.send(node.batch(sequence, "e"))
        await node.hears(20)
    assert {reply.verdict for reply in node.replies} == {Verdict.BUSY}
    assert len(asked) <= 8, "one group, and two of it alone"


async def cancelled(_group: Sequence[Received]) -> Sequence[Answer]:
    """As when a pool is shut down in which the owner's work waits."""
    raise asyncio.CancelledError


async def none_at_all(group: Sequence[Received]) -> Sequence[Any]:
    return [None] * len(group)


@pytest.mark.parametrize("bad", [cancelled, none_at_all])
async def test_receiver_outlives_whatever_becomes_of_a_commit(
    mosquitto_broker: str, bad: Callable[[Sequence[Received]], Awaitable[Sequence[Answer]]]
) -> None:
    ledger, node = Ledger(), Node(mosquitto_broker)
    owners = [bad]

    async def commit(group: Sequence[Received]) -> Sequence[Answer]:
        return await (owners.pop() if owners else ledger.commit)(group)

    session = Session(Broker.parse(mosquitto_broker), client_id="cloud")
    async with running(session.run(), Receiver(session, commit).run(), node.session.run()):
        for each in (session, node.session):
            await each.connected.wait()
        node.send(node.batch(1, "e1"))
        await node.hears(1)
        node.send(node.batch(1, "e1"))
        await node.hears(2)
    assert [reply.verdict for reply in node.replies] == [Verdict.BUSY, Verdict.STORED]


async def test_nodes_whose_batches_break_the_owner_do_not_starve_the_others(mosquitto_broker: str) -> None:
    """Two of them are always there, and always first."""
    ledger, good, plug = Poisoned(), Node(mosquitto_broker), Node(mosquitto_broker, STRANGER)
    wicked = [Node(mosquitto_broker, Origin("farm", name)) for name in ("wicked-1", "wicked-2")]

    async def commit(group: Sequence[Received]) -> Sequence[Answer]:
        await ledger.gate.wait()
        return await ledger.commit(group)

    session = Session(Broker.parse(mosquitto_broker), client_id="cloud")
    with structlog.testing.capture_logs() as logs:
        receiver = Receiver(session, commit, log=structlog.get_logger())
        nodes = [plug, *wicked, good]
        async with running(session.run(), receiver.run(), *(node.session.run() for node in nodes)):
            for each in (session, *(node.session for node in nodes)):
                await each.connected.wait()
            for turn in (1, 2):
                ledger.gate.clear()
                plug.send(plug.batch(turn, "plug"))
                await until(lambda: receiver.counts["batches"] == 4 * turn - 3, "what is in the commit")  # noqa: B023
                for count, node in enumerate([*wicked, good], start=1):
                    node.send(node.batch(turn, "e1" if node is good else "poison"))
                    await until(lambda: receiver.counts["waiting_live"] == count, "what waits")  # noqa: B023
                ledger.gate.set()
                await good.hears(turn)
    assert good.replies[-1].verdict is Verdict.STORED
    assert sum(log["event"] == "commit.failed" for log in logs) == 1
