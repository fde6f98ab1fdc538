"""A node's intake: what is signed gets in, all else is refused, counted and told, and told seldom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import signed
from tests.link.harness import SPECS, START_MS, Ledger, cloud, running, until
from tonnam_link.clock import system_clock
from tonnam_link.commands.inbox import (
    ANNOUNCE_AGAIN_MS,
    COMMANDS_WAITING,
    MOST_ANSWERS,
    MOST_EVENTS,
    SAME_WITHIN_MS,
    Inbox,
)
from tonnam_link.commands.keyring import Keyring
from tonnam_link.commands.refusals import LATEST_MS, SOONEST_MS, TEXTS, Refusals, Why
from tonnam_link.commands.signing import key_id, public_key, sign
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Command, CommandAction, CommandState, Event, Frame, Outcome, Presence
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.node.uplink import Uplink
from tonnam_link.topics import Channel, Origin

NODE = Origin("farm", "edge-1")
TOPIC = "tonnam/1/farm/edge-1"
SECOND, THIRD, FOURTH = (bytes([number] * 32) for number in (2, 3, 4))
FORGER = b"f" * 32
NOW_MS = system_clock()


def water(command_id: str = "c-1") -> Command:
    return Command(command_id, CommandAction.WATER, "zone-1", NOW_MS, NOW_MS + 60_000, 600)


def stop(command_id: str = "s-1") -> Command:
    return Command(command_id, CommandAction.STOP, "zone-1", NOW_MS - 120_000, NOW_MS - 60_000)


def ids(*privates: bytes) -> list[str]:
    return [key_id(public_key(private)).hex() for private in privates]


def counts(events: Sequence[Event]) -> Counter[str]:
    """How many refusals of each kind were told."""
    told: Counter[str] = Counter()
    for event in events:
        assert event.kind == "command.rejected"
        assert event.body["text"] == TEXTS[Why(event.body["why"])]
        told[event.body["why"]] += event.body["count"]
    return told


class Node:
    """An inbox without a broker: time and disk are turned by the test."""

    def __init__(self, keys: Keyring) -> None:
        self.keys = keys
        self.mono_ms = 1_000
        self.events: list[Event] = []
        self.offered: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.announced = 0
        self.disk_is_full = False
        self.inbox = Inbox(
            NODE,
            keys,
            accept=self.accept,
            moment=lambda: (START_MS, None),
            when_keys_change=self.announce,
            log=structlog.get_logger(),
            mono_ms=lambda: self.mono_ms,
        )

    async def accept(
        self, frames: Sequence[Frame] = (), events: Sequence[Event] = (), outcomes: Sequence[Outcome] = ()
    ) -> None:
        if self.disk_is_full:
            self.offered += events
            raise OutboxUnavailable("full")
        self.events += events
        self.outcomes += outcomes

    def announce(self) -> None:
        self.announced += 1

    def hears(self, payload: bytes, channel: Channel = Channel.COMMAND) -> None:
        hear = self.inbox.hear_command if channel is Channel.COMMAND else self.inbox.hear_config
        hear(Message(f"{TOPIC}/{channel}", payload))


def keyed() -> Node:
    return Node(Keyring(None, signed.PUBLIC))


FORGED = {
    Why.UNSIGNED: msgspec.json.encode(water()),
    Why.UNKNOWN_KEY: signed.command(water(), NODE, FORGER),
    Why.ALTERED: signed.command(water(), Origin("farm", "edge-2")),
    Why.MALFORMED: sign(signed.PRIVATE, Channel.COMMAND, NODE, b'{"id": "c-1"}'),
}


async def test_what_is_signed_gets_in_whatever_its_age_and_names_its_key() -> None:
    node = keyed()
    for command in (water(), stop()):
        node.hears(signed.command(command, NODE))
        expected = msgspec.structs.replace(command, signed_by=ids(signed.PRIVATE)[0])
        assert node.inbox.commands.get_nowait() == expected
    assert await node.inbox.settle()
    assert node.events == []


async def test_the_wire_cannot_say_who_signed() -> None:
    node = keyed()
    lie = msgspec.structs.replace(water(), signed_by="00" * 8)
    node.hears(signed.command(lie, NODE))
    assert node.inbox.commands.get_nowait().signed_by == ids(signed.PRIVATE)[0]


@pytest.mark.parametrize("why", FORGED)
async def test_what_is_not_as_the_cloud_signed_it_is_refused_counted_and_told(why: Why) -> None:
    node = keyed()
    for _ in range(3):
        node.hears(FORGED[why])
    assert node.inbox.commands.empty()
    assert await node.inbox.settle()
    assert counts(node.events) == {why: 3}
    assert node.outcomes == []


@given(
    st.binary(max_size=200),
    st.integers(0, 400),
    st.integers(0, 400),
    st.sampled_from([Channel.COMMAND, Channel.CONFIG]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_instead_of_what_was_signed_is_only_counted(
    noise: bytes, start: int, length: int, channel: Channel
) -> None:
    good = signed.command(water(), NODE) if channel is Channel.COMMAND else signed.keys(1, [FORGER], NODE)
    for node in (keyed(), Node(Keyring())):
        for payload in {noise, good[:start] + noise + good[start + length :]} - {good}:
            node.hears(payload, channel)
        assert node.inbox.commands.empty()
        assert node.keys.serial == 0
        assert sum(node.inbox.refusals.totals.values()) >= 1


async def test_a_stop_without_a_signature_stops_nothing() -> None:
    node = keyed()
    node.hears(msgspec.json.encode(stop()))
    node.hears(signed.command(stop(), NODE, FORGER))
    assert node.inbox.commands.empty()


async def test_a_flood_of_forgeries_is_told_ever_more_seldom_and_none_is_left_uncounted() -> None:
    node = keyed()
    told_at: list[tuple[int, str]] = []
    for second in range(4 * 3600):
        node.mono_ms = 1_000 + second * 1_000
        for payload in (FORGED[Why.UNSIGNED], FORGED[Why.MALFORMED]):
            node.hears(payload)
        before = len(node.events)
        await node.inbox.settle()
        told_at += [(node.mono_ms, event.body["why"]) for event in node.events[before:]]
    for why in ("unsigned", "malformed"):
        times = [at_ms for at_ms, each in told_at if each == why]
        assert times[0] == 1_000
        assert min(later - sooner for sooner, later in pairwise(times)) >= SOONEST_MS
        assert len(times) < 12
    node.mono_ms += LATEST_MS
    await node.inbox.settle()
    assert counts(node.events) == {"unsigned": 4 * 3600, "malformed": 4 * 3600}


async def test_what_the_disk_does_not_take_is_told_when_it_does() -> None:
    node = keyed()
    node.disk_is_full = True
    node.hears(FORGED[Why.UNKNOWN_KEY])
    assert not await node.inbox.settle()
    assert not await node.inbox.settle()
    node.hears(FORGED[Why.UNKNOWN_KEY])
    node.disk_is_full = False
    node.mono_ms += SOONEST_MS
    assert await node.inbox.settle()
    assert counts(node.events) == {"unknown_key": 2}
    assert {event.id for event in node.offered} == {node.events[0].id}, "the same event, however often it is offered"


async def test_a_disk_that_refuses_for_months_does_not_fill_the_memory() -> None:
    node = keyed()
    node.disk_is_full = True
    for _ in range(3_000):
        node.hears(FORGED[Why.UNSIGNED])
        node.mono_ms += LATEST_MS
        await node.inbox.settle()
    node.disk_is_full = False
    await node.inbox.settle()
    node.mono_ms += LATEST_MS
    await node.inbox.settle()
    assert len(node.events) <= MOST_EVENTS + 1
    assert counts(node.events) == {"unsigned": 3_000}


async def test_a_node_without_a_key_refuses_with_a_reason_that_a_farmer_can_read() -> None:
    node = Node(Keyring())
    for _ in range(3):
        node.hears(signed.command(water(), NODE))
    await node.inbox.settle()
    (outcome,) = node.outcomes
    assert (outcome.command_id, outcome.state) == ("c-1", CommandState.REFUSED)
    assert "กุญแจ" in outcome.reason["th"]
    assert counts(node.events) == {"no_key": 3}
    assert node.inbox.commands.empty()


async def test_a_node_without_a_key_cannot_be_made_to_fill_its_disk_with_answers() -> None:
    node = Node(Keyring())
    for number in range(3 * MOST_ANSWERS):
        node.hears(signed.command(water(f"c-{number}"), NODE, FORGER))
        node.mono_ms += 1_000
        await node.inbox.settle()
    assert len(node.outcomes) == MOST_ANSWERS
    assert len(node.events) < 8


async def test_a_message_that_comes_twice_is_one_command_and_one_sent_again_is_heard_again() -> None:
    node = keyed()
    for _ in range(5):
        node.hears(signed.command(water(), NODE))
    assert node.inbox.commands.qsize() == 1
    node.mono_ms += SAME_WITHIN_MS
    node.hears(signed.command(water(), NODE))
    assert node.inbox.commands.qsize() == 2


async def test_more_commands_than_have_room_are_dropped_and_counted() -> None:
    node = keyed()
    for number in range(COMMANDS_WAITING + 10):
        node.hears(signed.command(water(f"c-{number}"), NODE))
    await node.inbox.settle()
    assert node.inbox.commands.qsize() == COMMANDS_WAITING
    assert counts(node.events) == {"too_many": 10}


async def test_new_keys_count_at_once_are_kept_and_announced(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    node = Node(Keyring(path, signed.PUBLIC))
    node.hears(signed.keys(1, [signed.PRIVATE, SECOND], NODE), Channel.CONFIG)
    node.hears(signed.command(water("c-2"), NODE, SECOND))
    assert node.inbox.commands.qsize() == 1
    await node.inbox.settle()
    assert node.announced == 1
    assert Keyring(path).ids == ids(signed.PRIVATE, SECOND)
    node.hears(signed.keys(2, [SECOND], NODE, SECOND), Channel.CONFIG)
    node.mono_ms += SAME_WITHIN_MS
    node.hears(signed.command(water("c-3"), NODE))
    await node.inbox.settle()
    assert node.inbox.commands.qsize() == 1
    assert counts(node.events) == {"unknown_key": 1}
    assert Keyring(path, signed.PUBLIC).ids == ids(SECOND)


async def test_a_node_that_was_away_through_several_rotations_comes_up_in_one_step() -> None:
    node = keyed()
    node.hears(signed.keys(7, [THIRD, FOURTH], NODE), Channel.CONFIG)
    node.hears(signed.command(water(), NODE, FOURTH))
    assert node.inbox.commands.qsize() == 1


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (signed.keys(5, [FORGER], NODE, FORGER), Why.UNKNOWN_KEY),
        (signed.keys(5, [FORGER], Origin("farm", "edge-2")), Why.ALTERED),
        (signed.keys(1, [FORGER], NODE), Why.OLD_KEYS),
        (signed.keys(5, [], NODE), Why.MALFORMED),
        (sign(signed.PRIVATE, Channel.COMMAND, NODE, b'{"kind":"keys","serial":9,"keys":[]}'), Why.ALTERED),
        (sign(signed.PRIVATE, Channel.CONFIG, NODE, b"nothing"), Why.MALFORMED),
        (b"", Why.UNSIGNED),
    ],
)
async def test_keys_that_the_cloud_did_not_sign_or_no_longer_means_change_nothing(payload: bytes, why: Why) -> None:
    node = keyed()
    node.hears(signed.keys(2, [signed.PRIVATE, SECOND], NODE), Channel.CONFIG)
    node.hears(payload, Channel.CONFIG)
    await node.inbox.settle()
    assert counts(node.events) == {why: 1}
    node.hears(signed.command(water(), NODE, FORGER))
    assert node.inbox.commands.empty()


async def test_a_configuration_of_a_later_version_is_left_alone() -> None:
    node = keyed()
    node.hears(sign(signed.PRIVATE, Channel.CONFIG, NODE, b'{"kind":"calibration","serial":1}'), Channel.CONFIG)
    await node.inbox.settle()
    assert node.events == []


async def test_keys_sent_again_are_answered_by_presence_but_not_echoed_to_a_flood() -> None:
    node = keyed()
    document = signed.keys(1, [signed.PRIVATE], NODE)
    node.hears(document, Channel.CONFIG)
    await node.inbox.settle()
    for _ in range(100):
        node.hears(document, Channel.CONFIG)
    assert node.announced == 2
    node.mono_ms += ANNOUNCE_AGAIN_MS
    node.hears(document, Channel.CONFIG)
    assert node.announced == 3
    assert await node.inbox.settle()
    assert node.events == []


def test_a_reason_that_was_quiet_for_a_while_is_told_at_once_again() -> None:
    refusals = Refusals()
    refusals.note(Why.EXPIRED)
    assert len(refusals.due(0)) == 1
    refusals.note(Why.EXPIRED)
    assert refusals.due(SOONEST_MS - 1) == []
    assert len(refusals.due(SOONEST_MS)) == 1
    assert refusals.next_due_ms() is None
    refusals.note(Why.EXPIRED)
    assert refusals.next_due_ms() == 3 * SOONEST_MS
    assert len(refusals.due(20 * SOONEST_MS)) == 1
    refusals.note(Why.EXPIRED)
    assert refusals.next_due_ms() == 21 * SOONEST_MS
    assert refusals.totals == {Why.EXPIRED: 4}


@asynccontextmanager
async def forger(url: str) -> AsyncIterator[Session]:
    """Somebody who holds the broker: may publish and read everything."""
    session = Session(Broker.parse(url), client_id="forger", pause_s=(0.1, 0.2))
    async with running(session.run()):
        await session.connected.wait()
        yield session


def uplink_at(path: Path, url: str, keys: Keyring) -> Uplink:
    broker = Broker.parse(url)
    return Uplink(path, broker, tenant="farm", node="edge-1", datastreams=SPECS, keys=keys, seal_every_s=0.1)


async def test_who_holds_the_broker_gets_nothing_in_and_the_cloud_is_told(broker: str, tmp_path: Path) -> None:
    ledger = Ledger()
    uplink = uplink_at(tmp_path / "outbox.db", broker, Keyring(None, signed.PUBLIC))
    async with cloud(broker, ledger), forger(broker) as session, running(uplink.run()):
        await until(lambda: uplink.connected, "the node")
        for payload in (*FORGED.values(), b"[" * 100_000, b"", signed.keys(9, [FORGER], NODE, FORGER)):
            session.publish(f"{TOPIC}/command", payload)
            session.publish(f"{TOPIC}/config", payload)
        session.publish(f"{TOPIC}/command", signed.command(stop(), NODE))
        got = await asyncio.wait_for(uplink.commands.get(), 10)
        assert (got.id, uplink.commands.empty()) == ("s-1", True)
        await until(lambda: len(counts(list(ledger.events.values()))) == 4, "the news of it")
        assert uplink.connected
    assert set(counts(list(ledger.events.values()))) == {"unsigned", "unknown_key", "altered", "malformed"}


async def test_keys_change_over_the_broker_and_outlive_the_process(broker: str, tmp_path: Path) -> None:
    seen: list[Presence] = []

    def see(message: Message) -> None:
        seen.append(msgspec.json.decode(message.payload, type=Presence))

    session = Session(Broker.parse(broker), client_id="cloud", pause_s=(0.1, 0.2))
    session.subscribe(f"{TOPIC}/presence", see)
    async with running(session.run()):
        await session.connected.wait()
        uplink = uplink_at(tmp_path / "outbox.db", broker, Keyring(tmp_path / "keys.json", signed.PUBLIC))
        async with running(uplink.run()):
            await until(lambda: bool(seen), "its presence")
            assert (seen[-1].keys, seen[-1].trusts) == (0, ids(signed.PRIVATE))
            session.publish(f"{TOPIC}/config", signed.keys(3, [SECOND, THIRD], NODE))
            await until(lambda: seen[-1].keys == 3, "its presence with the new keys")
            session.publish(f"{TOPIC}/command", signed.command(water(), NODE))
            session.publish(f"{TOPIC}/command", signed.command(water("c-2"), NODE, THIRD))
            assert (await asyncio.wait_for(uplink.commands.get(), 10)).id == "c-2"
        again = uplink_at(tmp_path / "outbox.db", broker, Keyring(tmp_path / "keys.json", signed.PUBLIC))
        async with running(again.run()):
            await until(lambda: seen[-1].online and len({each.session for each in seen}) == 2, "the next process")
            assert (seen[-1].keys, seen[-1].trusts) == (3, ids(SECOND, THIRD))
