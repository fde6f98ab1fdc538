"""The fault proxy between paho and real brokers: each fault does what it says, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tests.faults.lane import Passed, Strike
from tests.faults.link_faults import (
    BOTH,
    Cut,
    Delay,
    Duplicate,
    Garble,
    HalfOpen,
    LinkFault,
    Part,
    Refuse,
    Reorder,
    Swallow,
    Throttle,
    Truncate,
    Way,
)
from tests.faults.proxy import Proxy, between
from tests.link.harness import until

PATIENCE_S = 3.0


@pytest.fixture(scope="module", params=["mosquitto", "nats"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.BrokerServer]:
    """One broker of each kind for all of these tests: none of them breaks it."""
    make = {"mosquitto": servers.mosquitto_server, "nats": servers.nats_server}[request.param]
    with servers.running(make(tmp_path_factory.mktemp("broker"))) as running:
        assert isinstance(running, servers.BrokerServer)
        yield running


@dataclass
class Client:
    """A plain paho client with its own thread, which connects again by itself."""

    name: str
    port: int
    got: list[bytes] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    ready: int = 0

    def __post_init__(self) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, self.name)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = self._on_subscribed
        self._client.on_message = lambda _c, _u, message: self.got.append(bytes(message.payload))
        self._client.on_disconnect = lambda _c, _u, _f, code, _p: self.lost.append(str(code))
        self._client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]  # paho only sleeps so long
        self._client.connect_async(servers.HOST, self.port)
        self._client.loop_start()

    def _subscribe(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"to/{self.name}")

    def _on_subscribed(self, *_: Any) -> None:
        self.ready += 1

    def send(self, to: Client, payload: bytes) -> None:
        self._client.publish(f"to/{to.name}", payload)

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Scene:
    """`far` speaks through the proxy, `near` straight with the broker."""

    proxy: Proxy
    far: Client
    near: Client
    seen: list[Passed]

    def ends(self, way: Way) -> tuple[Client, Client]:
        """Who sends and who gets what goes this way through the proxy."""
        return (self.far, self.near) if way is Way.UP else (self.near, self.far)

    async def say(self, way: Way, *payloads: bytes) -> list[bytes]:
        """Send these, and one that must get through after them; what came, without that one."""
        sender, taker = self.ends(way)
        taker.got.clear()
        for payload in payloads:
            sender.send(taker, payload)
        sender.send(taker, b"the end")
        await until(lambda: b"the end" in taker.got, "the last message", PATIENCE_S)
        return [payload for payload in taker.got if payload != b"the end"]

    async def struck(self, strike: Strike) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await strike.struck.wait()


@contextlib.asynccontextmanager
async def scene(server: servers.BrokerServer) -> AsyncIterator[Scene]:
    seen: list[Passed] = []
    async with between(server.port, Random(1), seen.append) as proxy:
        far, near = Client("far", proxy.port), Client("near", server.port)
        try:
            await until(lambda: far.ready == 1 and near.ready == 1, "both clients", 10)
            yield Scene(proxy, far, near, seen)
        finally:
            await asyncio.gather(asyncio.to_thread(far.end), asyncio.to_thread(near.end))


async def test_without_a_fault_everything_passes_unchanged_both_ways(server: servers.BrokerServer) -> None:
    sent = [b"", b"\x00" * 10, b"water" * 30_000]
    async with scene(server) as it:
        for way in BOTH:
            assert await it.say(way, *sent) == sent
            assert [p.packet.payload for p in it.seen if p.way is way][-4:-1] == sent
        assert not it.proxy.happened
        assert not it.far.lost


@pytest.mark.parametrize(
    ("way", "fault", "expected"),
    [
        (Way.UP, Duplicate(Way.UP, 2), [b"a", b"a", b"b", b"c"]),
        (Way.DOWN, Duplicate(Way.DOWN, 3), [b"a", b"a", b"a", b"b", b"c"]),
        (Way.UP, Swallow(Way.UP), [b"b", b"c"]),
        (Way.DOWN, Swallow(Way.DOWN), [b"b", b"c"]),
        (Way.UP, Reorder(Way.UP), [b"b", b"a", b"c"]),
        (Way.DOWN, Reorder(Way.DOWN), [b"b", b"a", b"c"]),
        (Way.UP, Swallow(Way.DOWN), [b"a", b"b", b"c"]),
    ],
)
async def test_packet_is_doubled_swallowed_or_swapped_once(
    server: servers.BrokerServer, way: Way, fault: LinkFault, expected: list[bytes]
) -> None:
    async with scene(server) as it:
        strike = it.proxy.strike(fault)
        assert await it.say(way, b"a", b"b", b"c") == expected
        assert await it.say(way, b"d") == [b"d"]
        assert strike.struck.is_set() == (len(expected) != 3 or expected != [b"a", b"b", b"c"])
        assert sum(it.proxy.happened.values()) == strike.struck.is_set()
        it.proxy.forget(strike)
        assert not it.far.lost


async def test_packet_held_for_a_swap_passes_when_no_other_comes(server: servers.BrokerServer) -> None:
    async with scene(server) as it:
        strike = it.proxy.strike(Reorder(Way.UP))
        it.far.send(it.near, b"alone")
        await until(lambda: it.near.got == [b"alone"], "the only packet", PATIENCE_S)
        assert not strike.struck.is_set()


@pytest.mark.parametrize("way", BOTH)
async def test_garbled_payload_arrives_with_one_byte_changed(server: servers.BrokerServer, way: Way) -> None:
    async with scene(server) as it:
        it.proxy.strike(Garble(way, "payload"))
        (garbled,) = await it.say(way, b"1234567890")
        assert sum(one != other for one, other in zip(garbled, b"1234567890", strict=True)) == 1
        assert (it.proxy.happened["payload garbled"], it.far.lost) == (1, [])


@pytest.mark.parametrize("part", ["topic", "header", "anywhere"])
async def test_stream_with_a_byte_garbled_elsewhere_comes_to_itself_or_is_cut(
    server: servers.BrokerServer, part: Part
) -> None:
    """What becomes of it is the broker's affair: the packet goes astray, or the connection ends."""
    async with scene(server) as it:
        strike = it.proxy.strike(Garble(Way.UP, part))
        it.far.send(it.near, b"astray")
        await it.struck(strike)
        it.proxy.strike(Cut(reset=True))
        await until(lambda: it.far.ready == 2, "the next connection", 5)
        assert await it.say(Way.UP, b"after") == [b"after"]


@pytest.mark.parametrize("part", ["connect", "subscribe"])
async def test_garbled_handshake_is_that_of_a_new_connection(server: servers.BrokerServer, part: Part) -> None:
    async with scene(server) as it:
        strike = it.proxy.strike(Garble(Way.UP, part))
        await until(lambda: len(it.far.lost) == 1, "the loss", PATIENCE_S)
        await it.struck(strike)
        it.proxy.strike(Cut(reset=True))
        await until(lambda: it.proxy.connected, "the next connection", 5)
        assert it.proxy.happened[f"{part} garbled"] == 1


@pytest.mark.parametrize("reset", [True, False])
async def test_cut_ends_both_sides_and_the_next_connection_is_sound(
    server: servers.BrokerServer, reset: bool
) -> None:
    async with scene(server) as it:
        it.proxy.strike(Cut(reset))
        await until(lambda: len(it.far.lost) == 1, "the loss", PATIENCE_S)
        await until(lambda: it.far.ready == 2, "the next connection", 5)
        assert await it.say(Way.UP, b"after") == [b"after"]


async def test_reset_is_seen_as_a_reset_and_a_close_as_an_end(server: servers.BrokerServer) -> None:
    async with between(server.port, Random(1)) as proxy:
        for reset in (False, True):
            reader, writer = await asyncio.open_connection(servers.HOST, proxy.port)
            await until(lambda: proxy.connected, "the connection", PATIENCE_S)
            assert proxy.strike(Cut(reset)).struck.is_set()
            if reset:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            else:
                assert await reader.read() == b""
            writer.close()
            await until(lambda: not proxy.connected, "the end", PATIENCE_S)
        assert not proxy.strike(Cut(reset=True)).struck.is_set()


async def test_refused_for_a_while_and_then_served_on_the_same_port(server: servers.BrokerServer) -> None:
    async with between(server.port, Random(1)) as proxy:
        strike = proxy.strike(Refuse(0.3))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(servers.HOST, proxy.port)
        await strike.over.wait()
        await until(lambda: servers.listens(proxy.port), "the listener", PATIENCE_S)


@pytest.mark.parametrize(("least_s", "most_s"), [(0.4, 0.4), (0.2, 0.6)])
async def test_delayed_messages_come_late_and_in_order(
    server: servers.BrokerServer, least_s: float, most_s: float
) -> None:
    sent = [bytes([number]) for number in range(20)]
    async with scene(server) as it:
        it.proxy.strike(Delay(least_s, most_s, 30))
        began = time.monotonic()
        assert await it.say(Way.UP, *sent) == sent
        assert time.monotonic() - began >= least_s
        await it.proxy.heal()
        began = time.monotonic()
        assert await it.say(Way.UP, b"soon") == [b"soon"]
        assert time.monotonic() - began < least_s


async def test_throttled_connection_takes_its_time(server: servers.BrokerServer) -> None:
    async with scene(server) as it:
        it.proxy.strike(Throttle(4000, 30))
        began = time.monotonic()
        assert await it.say(Way.DOWN, bytes(2000)) == [bytes(2000)]
        assert time.monotonic() - began >= 0.45


@pytest.mark.parametrize("ways", [BOTH, (Way.UP,), (Way.DOWN,)])
async def test_half_open_passes_nothing_on_its_ways_until_it_is_healed(
    server: servers.BrokerServer, ways: tuple[Way, ...]
) -> None:
    async with scene(server) as it:
        strike = it.proxy.strike(HalfOpen(ways, 0.5))
        for way in BOTH:
            sender, taker = it.ends(way)
            sender.send(taker, b"held")
        for way in set(BOTH) - set(ways):
            await until(lambda: it.ends(way)[1].got == [b"held"], "the open way", PATIENCE_S)  # noqa: B023
        assert not strike.over.is_set()
        assert all(it.ends(way)[1].got == [] for way in ways)
        await strike.over.wait()
        await until(lambda: it.far.got == it.near.got == [b"held"], "what was held up", PATIENCE_S)
        assert not it.far.lost


async def test_side_that_leaves_a_half_open_connection_is_not_missed_by_the_other(
    server: servers.BrokerServer,
) -> None:
    async with scene(server) as it:
        it.proxy.strike(HalfOpen(BOTH, None))
        assert not it.proxy.connected
        second = await asyncio.to_thread(Client, "far", it.proxy.port)
        await until(lambda: second.ready == 1, "another connection of the same client", 5)
        assert it.far.lost == []
        assert it.proxy.connected
        await asyncio.to_thread(second.end)


@pytest.mark.parametrize("reset", [True, False])
async def test_truncated_packet_never_arrives_and_the_connection_ends(
    server: servers.BrokerServer, reset: bool
) -> None:
    async with scene(server) as it:
        it.proxy.strike(Truncate(Way.UP, reset))
        it.far.send(it.near, b"half of this")
        await until(lambda: it.far.ready == 2, "the next connection", 5)
        assert await it.say(Way.UP, b"after") == [b"after"]
        assert it.proxy.happened == {"packet truncated": 1}


async def test_client_of_a_broker_that_is_away_is_turned_away(server: servers.BrokerServer) -> None:
    async with between(servers.free_port(), Random(1)) as proxy:
        reader, writer = await asyncio.open_connection(servers.HOST, proxy.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_proxy_that_stops_under_a_connection_says_nothing(
    server: servers.BrokerServer, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = Proxy(server.port, Random(1))
    await proxy.start()
    reader, writer = await asyncio.open_connection(servers.HOST, proxy.port)
    await until(lambda: proxy.connected, "the connection")
    await proxy.stop()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert not caplog.records
