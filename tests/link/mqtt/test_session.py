"""One MQTT session over real brokers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import structlog

from tests import servers
from tests.faults.link_faults import Garble, HalfOpen, Part, Way
from tests.faults.packets import Packet
from tests.faults.proxy import between
from tests.link.harness import running, until
from tonnam_link.mqtt import connection as module
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Message, Session


@dataclass(frozen=True)
class Exchanged(Garble):
    """A packet towards the client in which some bytes are others."""

    way: Way = Way.DOWN
    part: Part = "payload"
    old: bytes = b""
    new: bytes = b""

    def garbled(self, packet: Packet, dice: Random) -> bytes:
        return packet.raw.replace(self.old, self.new, 1)


@dataclass(frozen=True)
class OneLetter(Garble):
    """A subscription in which one letter of the topic is another one."""

    way: Way = Way.UP
    part: Part = "subscribe"

    def garbled(self, packet: Packet, dice: Random) -> bytes:
        return packet.raw.replace(b"reply", b"rerly")


def session(url: str, client_id: str = "one") -> Session:
    return Session(Broker.parse(url), client_id=client_id, pause_s=(0.1, 0.5))


async def test_message_reaches_every_callback_whose_filter_matches(broker: str) -> None:
    got: list[tuple[str, str, bytes]] = []
    one = session(broker)
    one.subscribe("farm/+/up", lambda message: got.append(("plus", *message[:2])))
    one.subscribe("farm/#", lambda message: got.append(("hash", *message[:2])))
    async with running(one.run()):
        await one.connected.wait()
        assert one.publish("farm/a/up", b"\x00water")
        await until(lambda: len(got) >= 2, "both messages")
        assert set(got) == {("plus", "farm/a/up", b"\x00water"), ("hash", "farm/a/up", b"\x00water")}


async def test_exception_in_a_callback_is_logged_and_the_session_lives_on(broker: str) -> None:
    got: list[bytes] = []

    def fail_first(message: Message) -> None:
        got.append(message.payload)
        if len(got) == 1:
            raise KeyError("a bug")

    with structlog.testing.capture_logs() as logs:
        one = Session(Broker.parse(broker), client_id="one", log=structlog.get_logger())
        one.subscribe("t", fail_first)
        async with running(one.run()):
            await one.connected.wait()
            one.publish("t", b"1")
            one.publish("t", b"2")
            await until(lambda: got == [b"1", b"2"], "the second message")
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["callback.failed"]
    assert one.connections == 1


async def test_session_comes_back_with_its_subscriptions_when_the_broker_was_killed(
    broker_server: servers.BrokerServer,
) -> None:
    got: list[bytes] = []
    one = session(broker_server.url)
    one.subscribe("t", lambda message: got.append(message.payload))
    async with running(one.run()):
        await one.connected.wait()
        broker_server.kill()
        await until(lambda: not one.connected.is_set(), "the loss")
        assert one.publish("t", b"lost") is False
        await asyncio.to_thread(broker_server.start)
        await until(one.connected.is_set, "the broker's return")
        assert one.publish("t", b"back")
        await until(lambda: got == [b"back"], "the message")
        assert one.connections == 2


async def test_session_waits_for_a_broker_that_is_not_there_yet(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers.running(servers.mosquitto_server(tmp_path)))
        assert isinstance(server, servers.BrokerServer)
        server.stop()
        one = session(server.url)
        with structlog.testing.capture_logs() as logs:
            one = Session(Broker.parse(server.url), client_id="one", log=structlog.get_logger(), pause_s=(0.05, 0.1))
            async with running(one.run()):
                await asyncio.sleep(0.5)
                assert not one.connected.is_set()
                await asyncio.to_thread(server.start)
                await until(one.connected.is_set, "the broker")
        assert [log["event"] for log in logs] == ["broker.unreachable", "broker.connected"]


async def test_will_is_published_at_a_break_and_at_a_good_end(broker: str) -> None:
    seen: list[bytes] = []
    watcher = session(broker, "watcher")
    watcher.subscribe("presence/+", lambda message: seen.append(message.payload))
    wills = iter([b"first", b"second"])
    one = Session(Broker.parse(broker), client_id="one", will=lambda: ("presence/one", next(wills)))
    async with running(watcher.run()):
        await watcher.connected.wait()
        async with running(one.run()):
            await one.connected.wait()
        await until(lambda: seen == [b"first"], "the farewell")
        async with running(one.run()):
            await one.connected.wait()
        await until(lambda: seen == [b"first", b"second"], "the second farewell")
    late = session(broker, "late")
    kept: list[bytes] = []
    late.subscribe("presence/one", lambda message: kept.append(message.payload))
    async with running(late.run()):
        await until(lambda: kept == [b"second"], "the retained will")


async def test_message_that_the_broker_had_kept_says_so_at_every_connect(broker_server: servers.BrokerServer) -> None:
    got: list[Message] = []
    one = session(broker_server.url)
    one.subscribe("kept", got.append)
    async with running((teller := session(broker_server.url, "teller")).run()):
        await teller.connected.wait()
        teller.publish("kept", b"old", qos=1, retain=True)
        for connection in (1, 2):
            async with running(one.run()):
                await until(lambda: len(got) == 2 * connection - 1, "what was kept")  # noqa: B023 - awaited here
                teller.publish("kept", b"old", qos=1, retain=True)
                await until(lambda: len(got) == 2 * connection, "the same, fresh")  # noqa: B023
    assert got == [Message("kept", b"old", retained) for retained in (True, False)] * 2


@pytest.fixture
def strict_nats(tmp_path: Path) -> Iterator[servers.BrokerServer]:
    """A NATS server that lets nobody subscribe to `secret`. (Mosquitto's access list grants every subscription.)"""
    port = servers.free_port()
    config = tmp_path / "nats.conf"
    user = '{ user: "one", password: "pw", permissions: { subscribe: { allow: ">", deny: "secret" } } }'
    config.write_text(
        f'server_name: "strict"\nlisten: "{servers.HOST}:{servers.free_port()}"\n'
        f'jetstream {{ store_dir: "{tmp_path}/js" }}\nmqtt {{ listen: "{servers.HOST}:{port}" }}\n'
        f"authorization {{ users: [ {user} ] }}\n"
    )
    command = [servers.executable("nats-server"), "-c", str(config)]
    with servers.running(servers.BrokerServer(command, port, tmp_path / "log")) as server:
        assert isinstance(server, servers.BrokerServer)
        yield server


async def test_subscription_that_is_not_granted_is_no_connection(strict_nats: servers.BrokerServer) -> None:
    broker = Broker.parse(strict_nats.url.replace("mqtt://", "mqtt://one:pw@"))
    with structlog.testing.capture_logs() as logs:
        one = Session(broker, client_id="one", log=structlog.get_logger(), pause_s=(0.05, 0.1))
        one.subscribe("secret", lambda *_: None)
        async with running(one.run()):
            await until(lambda: bool(logs), "the refusal")
            assert not one.connected.is_set()
    assert logs[0]["event"] == "broker.unreachable"
    assert "secret" in logs[0]["reason"]


async def test_subscription_that_is_only_wished_for_may_be_refused_and_is_asked_for_again(
    strict_nats: servers.BrokerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonnam_link.mqtt.connection.ASK_AGAIN_S", 0.2)
    broker = Broker.parse(strict_nats.url.replace("mqtt://", "mqtt://one:pw@"))
    got: list[str] = []
    with structlog.testing.capture_logs() as logs:
        one = Session(broker, client_id="one", log=structlog.get_logger(), pause_s=(0.05, 0.1))
        for topic, needed in (("secret", False), ("open", True)):
            one.subscribe(topic, lambda message: got.append(message.topic), needed=needed)
        async with running(one.run()):
            await until(one.connected.is_set, "the connection")
            one.publish("open", b"1")
            await until(lambda: got == ["open"], "what is granted")
            config = tmp_path / "nats.conf"
            config.write_text(config.read_text().replace(', deny: "secret"', ""))
            strict_nats.process.send_signal(signal.SIGHUP)
            await until(lambda: one.publish("secret", b"2") and "secret" in got, "what is granted now")
    refusals = [log for log in logs if log["event"] == "subscription.refused"]
    assert [log["topic"] for log in refusals] == ["secret"] * len(refusals)
    assert 1 <= len(refusals) <= one.connections


async def test_wrong_password_is_logged_once_and_tried_again(strict_nats: servers.BrokerServer) -> None:
    broker = Broker.parse(strict_nats.url.replace("mqtt://", "mqtt://one:wrong@"))
    with structlog.testing.capture_logs() as logs:
        one = Session(broker, client_id="one", log=structlog.get_logger(), pause_s=(0.02, 0.05))
        async with running(one.run()):
            await asyncio.sleep(0.5)
            assert not one.connected.is_set()
    assert [log["event"] for log in logs] == ["broker.unreachable"]
    assert "refuses" in logs[0]["reason"]


async def test_broker_that_has_not_said_a_word_since_we_spoke_is_left(
    broker_server: servers.BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    async with between(broker_server.port, Random(1)) as proxy:
        one = session(f"mqtt://{servers.HOST}:{proxy.port}")
        kept: list[bytes] = []
        one.subscribe("farm/reply", lambda message: kept.append(message.payload))
        async with running(one.run()):
            await one.connected.wait()
            one.publish("farm/reply", b"kept", qos=1, retain=True)

            def asked_again() -> bool:
                one.publish("farm/up", b"nobody replies")
                return len(kept) >= 3  # the broker tells it to whoever subscribes

            await until(asked_again, "questions to the broker")
            assert one.connections == 1, "the broker answers, though nobody behind it does"
            proxy.strike(HalfOpen((Way.UP, Way.DOWN), None))
            one.publish("farm/up", b"nobody hears")
            await until(lambda: one.connections == 2, "another connection")


PING = b"\xc0\x00"


@contextlib.asynccontextmanager
async def counting_pings(upstream_port: int) -> AsyncIterator[tuple[int, Counter[bytes]]]:
    """A way to the broker on another port, and how often each packet that is alone in its segment has gone there."""
    sent: Counter[bytes] = Counter()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(65_536):
                sent[chunk] += 1
                writer.write(chunk)
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(servers.HOST, upstream_port)
        await asyncio.gather(pass_on(reader, up_writer), pass_on(up_reader, writer))

    server = await asyncio.start_server(carry, servers.HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], sent
    finally:
        server.close()


async def test_session_pings_only_when_nothing_else_goes_to_and_fro(broker_server: servers.BrokerServer) -> None:
    async with counting_pings(broker_server.port) as (port, sent), counting_pings(broker_server.port) as quiet_way:
        broker = Broker.parse(f"mqtt://{servers.HOST}:{port}")
        talker = Session(broker, client_id="talker", keepalive_s=2)
        quiet = Session(Broker.parse(f"mqtt://{servers.HOST}:{quiet_way[0]}"), client_id="quiet", keepalive_s=2)

        def pinged() -> bool:
            talker.publish("farm/up", b"a batch", qos=1)
            return quiet_way[1][PING] >= 2

        async with running(talker.run(), quiet.run()):
            await until(pinged, "pings of the quiet one")
        assert sent[PING] == 0


async def test_subscription_that_was_garbled_on_its_way_is_asked_for_again(
    broker_server: servers.BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEW_S", 0.5)
    got: list[bytes] = []
    async with between(broker_server.port, Random(1)) as proxy, running((teller := session(broker_server.url)).run()):
        proxy.strike(OneLetter())
        deaf = session(f"mqtt://{servers.HOST}:{proxy.port}", "deaf")
        deaf.subscribe("farm/reply", lambda message: got.append(message.payload))
        async with running(deaf.run()):
            await deaf.connected.wait()
            await teller.connected.wait()
            assert proxy.happened["subscribe garbled"] == 1

            def told() -> bool:
                teller.publish("farm/reply", b"stored")
                return bool(got)

            assert not told()
            await until(told, "a subscription that hears")
        assert deaf.connections == 1


@pytest.mark.parametrize(("old", "new", "connections"), [(b"farm", b"f\xbarm", 1), (b"\x30", b"\x90", 2)])
async def test_garbled_packet_from_the_broker_costs_a_connection_at_most(
    broker_server: servers.BrokerServer, old: bytes, new: bytes, connections: int
) -> None:
    """A topic that is not UTF-8, and a message that claims to be the answer to a subscription."""
    got: list[bytes] = []
    async with between(broker_server.port, Random(1)) as proxy, running((teller := session(broker_server.url)).run()):
        with structlog.testing.capture_logs() as logs:
            broker = Broker.parse(f"mqtt://{servers.HOST}:{proxy.port}")
            hearer = Session(broker, client_id="hearer", log=structlog.get_logger(), pause_s=(0.05, 0.1))
            hearer.subscribe("farm/reply", lambda message: got.append(message.payload))
            async with running(hearer.run()):
                await hearer.connected.wait()
                await teller.connected.wait()
                strike = proxy.strike(Exchanged(old=old, new=new))

                def heard() -> bool:
                    teller.publish("farm/reply", b"stored")
                    return strike.struck.is_set() and bool(got)

                await until(heard, "a message after the garbled one")
            assert hearer.connections == connections
    assert sum(log["event"] in {"message.ignored", "broker.unreachable"} for log in logs) == 1
