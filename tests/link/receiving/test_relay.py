"""The custody chain over two real brokers: a node at a site's Mosquitto, a gateway, and a cloud at NATS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests import servers
from tests.link.harness import SPECS, START_MS, Ledger, cloud, frame, identities, running, until
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Outcome, Reply, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node.uplink import Uplink, write_backlog
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.receiving.relay import Relay
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.codec import Dictionary, encode_dictionary
from tonnam_link.wire.decode import peek
from tonnam_link.wire.replies import decode_reply

GATEWAY = Origin("farm", "gateway-1")
EDGE = Origin("farm", "edge-1")
PRESENCE = node_topic(*EDGE, Channel.PRESENCE)


@dataclass
class Chain:
    """Where everything is. `site` and `cloud` are brokers that a test may kill."""

    home: Path
    site: servers.BrokerServer
    cloud: servers.BrokerServer
    ledger: Ledger = field(default_factory=Ledger)

    def node(self, origin: Origin = EDGE) -> Uplink:
        """A node at the site."""
        return self._uplink(origin, self.site)

    def gateway(self) -> Uplink:
        return self._uplink(GATEWAY, self.cloud)

    def relay(self, uplink: Uplink, *nodes: str, **about: Any) -> Relay:
        options = {"clock": lambda: time.time_ns() // 1_000_000, "outbox_bytes": Limits().bytes, **about}
        return Relay(uplink, Broker.parse(self.site.url), gateway=GATEWAY, nodes=nodes or [EDGE.node], **options)

    def _uplink(self, origin: Origin, server: servers.BrokerServer) -> Uplink:
        return Uplink(
            self.home / f"{origin.node}.db", Broker.parse(server.url), tenant=origin.tenant, node=origin.node,
            datastreams=SPECS, seal_every_s=0.1,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def relaying(self, *nodes: str, **about: Any) -> AsyncIterator[Uplink]:
        """The gateway at work."""
        uplink = self.gateway()
        relay = self.relay(uplink, *nodes, **about)
        async with running(uplink.run(), relay.run()):
            yield uplink


@pytest.fixture
def chain(tmp_path: Path, mosquitto_server: servers.BrokerServer, nats_server: servers.BrokerServer) -> Chain:
    return Chain(tmp_path, mosquitto_server, nats_server)


def event(number: int) -> Event:
    return Event(f"e{number}", "run.started", START_MS + number, {"zone": "zone-1"})


async def test_what_a_node_seals_reaches_the_cloud_as_its_own(chain: Chain) -> None:
    frames, node = [frame(n) for n in range(20)], chain.node()
    async with cloud(chain.cloud.url, chain.ledger), chain.relaying() as gateway, running(node.run()):
        await node.accept(frames, [event(1)], [Outcome("c1", CommandState.DONE, START_MS)])
        await gateway.accept(events=[event(2)])
        await until(lambda: node.backlog().empty and gateway.backlog().empty and len(chain.ledger.events) == 2, "all")
    assert chain.ledger.readings.keys() == identities(frames)
    assert set(chain.ledger.writes.values()) == {1}
    assert (set(chain.ledger.events), set(chain.ledger.outcomes)) == ({"e1", "e2"}, {"c1"})
    passed_on = [r for group in chain.ledger.groups for r in group if peek(r.payload).kind == "forward"]
    assert {(r.origin, r.channel) for r in passed_on} == {(GATEWAY, Channel.UP), (GATEWAY, Channel.OUTCOME)}
    assert set(chain.ledger.forwarded) == {EDGE}


async def test_node_is_answered_when_the_gateway_has_it_though_the_cloud_is_away(chain: Chain) -> None:
    chain.cloud.kill()
    frames, node = [frame(n) for n in range(10)], chain.node()
    async with chain.relaying() as gateway:
        async with running(node.run()):
            await node.accept(frames)
            await until(lambda: node.backlog().empty, "the gateway's reply")
        assert gateway.backlog().batches >= 2, "the readings, and their dictionary before them"
    async with chain.relaying() as gateway:
        await asyncio.to_thread(chain.cloud.start)
        async with cloud(chain.cloud.url, chain.ledger):
            await until(lambda: gateway.backlog().empty, "the cloud's reply", 40)
    assert chain.ledger.readings.keys() == identities(frames)


async def test_cloud_that_forgot_a_dictionary_gets_it_from_those_that_passed(chain: Chain) -> None:
    node = chain.node()
    async with chain.relaying() as gateway, running(node.run()):
        async with cloud(chain.cloud.url, chain.ledger):
            await node.accept([frame(0)])
            await until(lambda: len(chain.ledger.readings) == 4, "the first readings")
        await until(lambda: gateway.backlog().empty, "the reply")
        chain.ledger.dictionaries.clear()
        async with cloud(chain.cloud.url, chain.ledger):
            await node.accept([frame(1)])
            await until(lambda: len(chain.ledger.readings) == 8, "the second readings")
    assert chain.ledger.verdicts[Verdict.NEED_DICTIONARY] >= 1
    assert list(chain.ledger.dictionaries) == [Dictionary(SPECS).hash]


async def test_backlog_of_a_node_stays_backlog_and_what_is_live_overtakes_it(chain: Chain) -> None:
    """Two tiers of backlog, and still what happens now is first at the cloud."""
    history = [frame(n) for n in range(25_000)]
    write_backlog(chain.home / "edge-1.db", EDGE, SPECS, history, [])
    left_at_first_live: list[int] = []
    node = chain.node()

    def watch(received: Received) -> Answer | None:
        passed_on = peek(received.payload).kind == "forward"
        if received.channel is Channel.UP and passed_on and "now" in chain.ledger.events:
            left_at_first_live.append(100_000 - len(chain.ledger.readings))
        return None

    chain.ledger.before = watch
    async with cloud(chain.cloud.url, chain.ledger), chain.relaying() as gateway, running(node.run()):
        await node.accept(events=[Event("now", "run.started", START_MS, {})])
        await until(lambda: "now" in chain.ledger.events, "the event", 10)
        await node.accept([frame(0, START_MS + 10**9)])
        await until(lambda: node.backlog().empty and gateway.backlog().empty, "the last reply", 60)
    assert chain.ledger.readings.keys() == identities([*history, frame(0, START_MS + 10**9)])
    assert set(chain.ledger.writes.values()) == {1}
    assert left_at_first_live[0] > 30_000
    lanes = {r.channel for group in chain.ledger.groups for r in group if peek(r.payload).kind == "forward"}
    assert lanes == {Channel.UP, Channel.BACK}


async def test_commands_and_keys_go_down_to_the_node_and_nobody_else(chain: Chain) -> None:
    got: list[tuple[str, bytes]] = []
    listener = Session(Broker.parse(chain.site.url), client_id="listener")
    for channel in (Channel.COMMAND, Channel.CONFIG):
        listener.subscribe(f"tonnam/1/farm/+/{channel}", lambda message: got.append(message[:2]))
    above = Session(Broker.parse(chain.cloud.url), client_id="above")
    async with chain.relaying() as gateway, running(listener.run(), above.run()):
        for session in (listener, above, gateway.session):
            await session.connected.wait()

        def told() -> bool:
            for node in ("edge-1", "edge-2", "gateway-1"):
                above.publish(node_topic("farm", node, Channel.COMMAND), b"\x00sealed")
            above.publish(node_topic(*EDGE, Channel.CONFIG), b"keys")
            return len(got) >= 2

        await until(told, "what goes down")
    wanted = {(Channel.COMMAND, b"\x00sealed"), (Channel.CONFIG, b"keys")}
    assert set(got) == {(node_topic(*EDGE, channel), payload) for channel, payload in wanted}


def said(session: str, online: bool, at_ms: int = 1) -> bytes:
    """A presence, as a node publishes it."""
    return json.dumps({"session": session, "online": online, "at_ms": at_ms}).encode()


class Watcher:
    """Who sees the presence of the node at the cloud's broker, as the cloud does."""

    def __init__(self, url: str) -> None:
        self.told: list[dict[str, Any]] = []
        self.session = Session(Broker.parse(url), client_id="watcher", pause_s=(0.1, 0.5))
        self.session.subscribe(PRESENCE, lambda message: self.told.append(json.loads(message.payload)))

    def sees(self, online: bool) -> bool:
        return bool(self.told) and self.told[-1]["online"] is online


async def test_presence_of_a_node_goes_up_and_comes_again_after_either_broker_was_away(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonnam_link.receiving.relay.SITE_AWAY_S", 1.0)
    monkeypatch.setattr("tonnam_link.receiving.relay.LOOK_EVERY_S", 0.1)
    watcher, node = Watcher(chain.cloud.url), chain.node()
    async with chain.relaying(), running(watcher.session.run()):
        async with running(node.run()):
            await until(lambda: watcher.sees(True), "the node")
            chain.cloud.kill()
            await asyncio.to_thread(chain.cloud.start)
            watcher.told.clear()
            await until(lambda: watcher.sees(True), "the node, told anew", 40)
            chain.site.kill()
            await until(lambda: watcher.sees(False), "that it cannot be reached")
            await asyncio.to_thread(chain.site.start)
            await until(lambda: watcher.sees(True), "the node, back", 40)
        await until(lambda: watcher.sees(False), "its farewell")
    assert {"session", "online", "at_ms", "trusts"} <= watcher.told[-1].keys()


@contextlib.asynccontextmanager
async def telling(chain: Chain, payload: bytes) -> AsyncIterator[None]:
    """A node that is quick to come back to the site's broker, and lets it keep its presence."""
    node = Session(Broker.parse(chain.site.url), client_id="quick", pause_s=(0.01, 0.02))

    def tell() -> None:
        node.publish(PRESENCE, payload, qos=1, retain=True)

    node.when_connected(tell)
    async with running(node.run()):
        await node.connected.wait()
        yield


async def test_node_that_is_back_before_the_gateway_is_not_told_to_be_away(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the broker has kept comes with the connection, before anybody has looked whether the site is back."""
    monkeypatch.setattr("tonnam_link.receiving.relay.SITE_AWAY_S", 0.1)
    watcher = Watcher(chain.cloud.url)
    async with chain.relaying(), running(watcher.session.run()), telling(chain, said("s", True)):
        await until(lambda: watcher.sees(True), "the node")
        chain.site.kill()
        await until(lambda: watcher.sees(False), "that it cannot be reached")
        await asyncio.to_thread(chain.site.start)
        await until(lambda: watcher.sees(True), "the node, back", 40)


async def test_node_that_does_not_come_back_with_the_site_is_offline_after_a_while(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker was away too shortly to count, and has forgotten the node and its last will."""
    monkeypatch.setattr("tonnam_link.receiving.relay.SITE_AWAY_S", 600.0)
    monkeypatch.setattr("tonnam_link.receiving.relay.SILENT_S", 2.0)
    monkeypatch.setattr("tonnam_link.receiving.relay.LOOK_EVERY_S", 0.1)
    watcher = Watcher(chain.cloud.url)
    async with chain.relaying(), running(watcher.session.run()):
        async with telling(chain, said("s", True)):
            await until(lambda: watcher.sees(True), "the node")
            chain.site.kill()
        await asyncio.to_thread(chain.site.start)
        await until(lambda: watcher.sees(False), "that it is gone", 40)


async def test_a_node_that_comes_and_goes_all_the_time_costs_the_line_to_the_cloud_little(chain: Chain) -> None:
    """Whoever holds a node behind a gateway must not fill the gateway's line, or its disk with complaints."""
    watcher = Watcher(chain.cloud.url)
    wild = Session(Broker.parse(chain.site.url), client_id="wild")
    with structlog.testing.capture_logs() as logs:
        async with chain.relaying(), running(watcher.session.run(), wild.run()):
            for session in (watcher.session, wild):
                await session.connected.wait()
            for number in range(300):
                for online in (True, False):
                    wild.publish(PRESENCE, said(str(number), online), qos=1)
                wild.publish(PRESENCE, b"nonsense", qos=1)
            wild.publish(PRESENCE, said("last", True, at_ms=2), qos=1)
            await until(lambda: bool(watcher.told) and watcher.told[-1]["at_ms"] == 2, "the last one")
    assert len(watcher.told) < 30
    assert sum(each["event"] == "presence.malformed" for each in logs) == 1


async def test_full_gateway_lets_the_nodes_keep_what_they_have(chain: Chain) -> None:
    chain.cloud.kill()
    write_backlog(chain.home / "edge-1.db", EDGE, SPECS, [frame(n) for n in range(40_000)], [])
    node = chain.node()
    room = node.backlog().bytes
    async with chain.relaying(outbox_bytes=room) as gateway, running(node.run()):
        await until(lambda: gateway.backlog().bytes > 0.5 * room, "half an outbox")
        held = gateway.backlog().bytes
        await node.accept(events=[event(1)])
        await until(lambda: gateway.backlog().bytes > held, "the event, for which there is room")
        assert gateway.backlog().bytes < 0.75 * room
        assert node.backlog().bytes > 0.25 * room


async def test_disk_of_the_gateway_that_takes_nothing_is_busy_and_no_more(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, real, refusals = chain.node(), Outbox.accept_forwarded, iter(range(3))

    def full(self: Outbox, items: Any) -> Any:
        for _ in refusals:
            raise OutboxUnavailable("no space left")
        return real(self, items)

    monkeypatch.setattr(Outbox, "accept_forwarded", full)
    monkeypatch.setattr("tonnam_link.receiving.relay.DISK_RETRY_S", 1.0)
    async with cloud(chain.cloud.url, chain.ledger), chain.relaying(), running(node.run()):
        await node.accept(events=[event(1)])
        await until(lambda: "e1" in chain.ledger.events, "the event", 30)


@pytest.mark.parametrize("known", [False, True])
async def test_gateway_without_the_time_tells_none(chain: Chain, known: bool) -> None:
    replies: list[Reply] = []
    node = chain.node()
    listener = Session(Broker.parse(chain.site.url), client_id="listener")
    listener.subscribe(
        node_topic(*EDGE, Channel.REPLY), lambda message: replies.append(decode_reply(EDGE, message.payload))
    )
    clock = {"clock": lambda: START_MS if known else None}
    async with running(listener.run()):
        await listener.connected.wait()
        async with chain.relaying(**clock), running(node.run()):
            await node.accept(events=[event(1)])
            await until(lambda: bool(replies), "the reply")
    assert {reply.utc_ms for reply in replies} == {START_MS if known else 0}


async def test_hello_of_a_node_is_answered_and_goes_no_further(chain: Chain) -> None:
    node = chain.node()
    async with chain.relaying() as gateway, running(node.run()):
        await until(lambda: node.answered, "the answer")
        assert gateway.backlog().empty


async def test_what_is_garbled_for_good_is_passed_on_for_the_cloud_to_set_aside(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonnam_link.receiving.lanes.SAME_AGAIN_S", 0.2)
    replies: list[Reply] = []
    edge = Session(Broker.parse(chain.site.url), client_id="edge")
    edge.subscribe(
        node_topic(*EDGE, Channel.REPLY), lambda message: replies.append(decode_reply(EDGE, message.payload))
    )
    good = encode_dictionary(EDGE, 7, 1, Dictionary(SPECS))
    bad = good[:-1] + bytes([good[-1] ^ 1])

    def answered() -> bool:
        edge.publish(node_topic(*EDGE, Channel.UP), bad)
        return bool(replies)

    async with cloud(chain.cloud.url, chain.ledger), chain.relaying() as gateway, running(edge.run()):
        await edge.connected.wait()
        await until(answered, "the gateway's answer")
        assert replies[0].verdict is Verdict.STORED
        await until(lambda: gateway.backlog().empty, "the cloud's answer")
        assert chain.ledger.verdicts == {Verdict.QUARANTINED: 1}
        assert not await gateway.knows_dictionary(EDGE, Dictionary(SPECS).hash), "it is not kept as a dictionary"
