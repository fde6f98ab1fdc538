"""A session over TLS, on real brokers: whom it believes, what it says when it does not, and that it tries again."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.certificates import Authority, TlsBroker, tls_broker
from tests.link.harness import running, until
from tests.servers import HOST
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session

Logs = list[MutableMapping[str, Any]]
DAY = timedelta(days=1)


@pytest.fixture(params=["nats", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TlsBroker]:
    with tls_broker(request.param, tmp_path) as server:
        yield server


def session(url: str, name: str = "one") -> Session:
    return Session(Broker.parse(url), client_id=name, log=structlog.get_logger(), pause_s=(0.05, 0.1))


def refusals(logs: Logs) -> list[str]:
    return [str(log["reason"]) for log in logs if log["event"] == "broker.unreachable"]


async def test_large_messages_pass_both_ways_over_tls(broker: TlsBroker) -> None:
    got: list[bytes] = []
    one = session(broker.url())
    one.subscribe("t/+", lambda message: got.append(message.payload))
    said = [bytes([number]) * 250_000 for number in range(4)]
    async with running(one.run()):
        await one.connected.wait()
        for number, payload in enumerate(said):
            assert one.publish(f"t/{number}", payload)
        await until(lambda: len(got) == len(said), "all messages")
    assert got == said


@pytest.mark.parametrize(
    ("names", "ends_in", "words"),
    [
        ((), -DAY, "it has expired, or this machine's clock is ahead"),
        (("other.example",), DAY, "Hostname mismatch, certificate is not valid for 'localhost'."),
    ],
)
async def test_certificate_that_is_not_right_is_refused_in_one_line_and_tried_again(
    broker: TlsBroker, names: tuple[str, ...], ends_in: timedelta, words: str
) -> None:
    await broker.show(*names, ends_in=ends_in)
    with structlog.testing.capture_logs() as logs:
        one = session(broker.url())
        async with running(one.run()):
            await until(lambda: bool(refusals(logs)), "the refusal")
            assert not one.connected.is_set()
            await broker.show()
            await until(one.connected.is_set, "the connection, once the certificate is right")
    assert refusals(logs) == [f"the broker's certificate is not accepted: {words}"]


async def test_certificate_of_an_authority_that_is_not_trusted_is_refused(broker: TlsBroker, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    with structlog.testing.capture_logs() as logs:
        one = session(f"mqtts://localhost:{broker.server.port}?ca={stranger.ca}")
        other = session(f"mqtts://localhost:{broker.server.port}", "two")
        async with running(one.run()), running(other.run()):
            await until(lambda: len(refusals(logs)) == 2, "both refusals")
    words = "no certificate authority that is known here has signed it"
    assert refusals(logs) == [f"the broker's certificate is not accepted: {words}"] * 2


async def test_machine_whose_clock_stands_before_the_certificate_connects_all_the_same(broker: TlsBroker) -> None:
    """It learns the time from the cloud's replies: it must reach them first. The name is still checked."""
    await broker.show(begins_in=DAY)
    one = session(broker.url())
    async with running(one.run()):
        await until(one.connected.is_set, "the connection")
    await broker.show("other.example", begins_in=DAY)
    with structlog.testing.capture_logs() as logs:
        two = session(broker.url())
        async with running(two.run()):
            await until(lambda: bool(refusals(logs)), "the refusal")
    assert "Hostname mismatch" in refusals(logs)[0]


async def test_renewed_certificate_is_shown_to_who_comes_and_nobody_is_dropped(broker: TlsBroker) -> None:
    got: list[bytes] = []
    one = session(broker.url())
    one.subscribe("t", lambda message: got.append(message.payload))
    async with running(one.run()):
        await one.connected.wait()
        await broker.show()
        one.publish("t", b"still here")
        await until(lambda: got == [b"still here"], "a message over the old connection")
        assert one.connections == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_broker_that_speaks_older_tls_only_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(authority.certificate, authority.key)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    server = await asyncio.start_server(lambda reader, writer: None, "localhost", ssl=old)
    port = server.sockets[0].getsockname()[1]
    with structlog.testing.capture_logs() as logs:
        one = session(f"mqtts://localhost:{port}?ca={authority.ca}")
        async with server, running(one.run()):
            await until(lambda: bool(refusals(logs)), "the refusal")
    assert "TLS" in refusals(logs)[0]


async def test_port_without_tls_says_so(mosquitto_broker: str) -> None:
    with structlog.testing.capture_logs() as logs:
        one = session(mosquitto_broker.replace("mqtt://", "mqtts://"))
        async with running(one.run()):
            await until(lambda: bool(refusals(logs)), "the refusal")
    assert refusals(logs) == ["the broker breaks off: does this port of it speak TLS 1.2 or newer?"]


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_file_of_authorities_that_is_not_right_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    with structlog.testing.capture_logs() as logs:
        one = session(f"mqtts://localhost:1?ca={file}")
        async with running(one.run()):
            await until(lambda: bool(refusals(logs)), "the refusal")
    assert str(file) in refusals(logs)[0]
    assert ("cannot be read" if content is None else "holds no certificate") in refusals(logs)[0]


async def test_handshake_with_a_silent_broker_does_not_hold_up_the_end() -> None:
    with socket.create_server((HOST, 0)) as silent:
        one = session(f"mqtts://localhost:{silent.getsockname()[1]}")
        task = asyncio.create_task(one.run())
        client, _ = await asyncio.to_thread(silent.accept)
        with client:
            assert await asyncio.to_thread(client.recv, 1)
            began = time.monotonic()
            task.cancel()
            await asyncio.wait({task})
            await asyncio.get_running_loop().shutdown_default_executor()
            assert time.monotonic() - began < 1.0
