"""Sender and receiver over real brokers: every accepted reading is committed, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import structlog

from tests import servers
from tests.link.harness import (
    ORIGIN,
    SPECS,
    START_MS,
    Identity,
    Ledger,
    cloud,
    frame,
    identities,
    node_process,
    running,
    sealed,
    until,
)
from tests.link.test_outbox import batches, identities_of
from tonnam_link.broker import Broker
from tonnam_link.codec import Dictionary
from tonnam_link.decode import peek
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import (
    CommandState,
    DatastreamSpec,
    Event,
    Frame,
    Outcome,
    Reply,
    Sample,
    Verdict,
)
from tonnam_link.outbox import Outbox
from tonnam_link.receiver import Answer, Received
from tonnam_link.replies import decode_reply, encode_reply
from tonnam_link.sealing import Sealed
from tonnam_link.session import Session
from tonnam_link.topics import Channel, Origin
from tonnam_link.uplink import Uplink, write_backlog

TOPIC = "tonnam/1/farm/edge-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


def node(path: Path, url: str, *, seal_every_s: float = 0.1, name: str = "edge-1") -> Uplink:
    broker = Broker.parse(url)
    return Uplink(path, broker, tenant="farm", node=name, datastreams=SPECS, seal_every_s=seal_every_s)


def event(number: int) -> Event:
    return Event(f"e{number}", "run.started", START_MS + number, {"zone": "zone-1"})


async def test_readings_events_and_outcomes_reach_the_ledger_and_leave_the_outbox(broker: str, path: Path) -> None:
    ledger, frames = Ledger(), [frame(n) for n in range(20)]
    uplink = node(path, broker)
    async with cloud(broker, ledger), running(uplink.run()):
        await uplink.accept(frames, [event(1)], [Outcome("c1", CommandState.DONE, START_MS)])
        await until(lambda: uplink.backlog().empty, "the last reply")
        assert uplink.connected
        assert uplink.utc_offset_ms is not None
        assert abs(uplink.utc_offset_ms) < 1_000
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
        await until(lambda: uplink.connected, "the connection")
        await uplink.accept([frame(0)], [event(1)])
        await until(lambda: "e1" in ledger.events, "the event", 2)
        assert not ledger.readings
        await uplink.accept([frame(1)], at_once=True)
        await until(lambda: len(ledger.readings) == 8, "the readings", 2)
        await uplink.accept([frame(2)])
        uplink.seal_every_s = 0.05
        await until(lambda: len(ledger.readings) == 12, "the readings of the new beat", 2)


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


async def test_reply_of_another_epoch_releases_nothing(broker: str, path: Path) -> None:
    uplink = node(path, broker)
    stranger = Session(Broker.parse(broker), client_id="stranger")
    got: list[bytes] = []
    stranger.subscribe(f"{TOPIC}/up", lambda message: got.append(message.payload))
    async with running(stranger.run()):
        await stranger.connected.wait()
        async with running(uplink.run()):
            await uplink.accept(events=[event(1)])
            await uplink.accept(events=[event(2)])
            await until(lambda: len(got) == 2, "both batches")
            epoch, first, *_ = peek(got[0])
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
    assert first_with_event == 1
    assert ledger.groups[1][0].channel is Channel.UP
    assert all(len([r for r in group if r.channel is Channel.BACK]) <= 4 for group in ledger.groups)


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
    def full(_: Outbox) -> list[Sealed]:
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


@pytest.fixture
def damaged_path(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"water" * 1000)
    return path


async def test_damaged_outbox_is_reported_as_an_event(broker: str, damaged_path: Path) -> None:
    ledger = Ledger()
    uplink = node(damaged_path, broker)
    async with cloud(broker, ledger), running(uplink.run()):
        await until(lambda: bool(ledger.events), "the report")
    (report,) = ledger.events.values()
    assert report.kind == "outbox.damaged"
    assert report.body["file"] == "outbox.db.damaged-1"
