"""The broker that compose runs: its configuration, users and access list, in Debian's Mosquitto."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from tests import servers
from tests.gateway.running import eventually, running
from tests.servers import HOST, BrokerServer, executable, free_port
from tonnam_link.broker import Broker
from tonnam_link.session import Session
from tonnam_link.topics import Channel, node_topic

ROOT = Path(__file__).parents[1]
USERS = {"cloud": "CLOUD", "gateway-1": "GATEWAY", "edge-1": "EDGE", "field": "FIELD", "health": "HEALTH"}


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokerServer]:
    """`deploy/mosquitto/start` as the container runs it, but with this machine's directories and a free port."""
    port = free_port()
    text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    for container, here in (
        ("/mosquitto/run/", f"{tmp_path}/"),
        ("/mosquitto/data/", f"{tmp_path}/"),
        ("listener 1883\n", f"listener {port} {HOST}\n"),
    ):
        assert container in text
        text = text.replace(container, here)
    config = tmp_path / "mosquitto.conf"
    config.write_text(text + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")
    monkeypatch.setenv("TONNAM_MOSQUITTO_RUN", str(tmp_path))
    for user, variable in USERS.items():
        monkeypatch.setenv(f"MQTT_PASSWORD_{variable}", f"secret-of-{user}")
    command = [str(ROOT / "deploy/mosquitto/start"), executable("mosquitto"), "-c", str(config)]
    with servers.running(BrokerServer(command, port, tmp_path / "log")) as server:
        assert isinstance(server, BrokerServer)
        yield server


@asynccontextmanager
async def signed_in(server: BrokerServer, user: str, *filters: str) -> AsyncIterator[tuple[Session, list[str]]]:
    """A session of the user, and the topics of what it hears."""
    heard: list[str] = []
    session = Session(Broker(HOST, server.port, user, f"secret-of-{user}"), client_id=f"test-{user}")
    for topic_filter in filters:
        session.subscribe(topic_filter, lambda message: heard.append(message.topic))
    async with running(session.run):
        await eventually(session.connected.is_set, f"the session of {user}")
        yield session, heard


def test_compose_gives_the_broker_the_passwords_that_its_start_wants() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(compose["services"]["mosquitto"]["environment"]) == {
        f"MQTT_PASSWORD_{name}" for name in USERS.values()
    }


def test_passwords_are_hashed_and_readable_by_the_broker_only(deployed: BrokerServer) -> None:
    file = deployed.log.parent / "passwords"
    assert "secret-of" not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
    assert {line.split(":")[0] for line in file.read_text(encoding="utf-8").splitlines()} == set(USERS)


@pytest.mark.parametrize(("user", "password"), [(None, None), ("cloud", "guessed"), ("root", "secret-of-cloud")])
async def test_stranger_is_refused(deployed: BrokerServer, user: str | None, password: str | None) -> None:
    session = Session(Broker(HOST, deployed.port, user, password), client_id="stranger")
    with capture_logs() as logs:
        async with running(session.run):
            await eventually(lambda: bool(logs), "the refusal")
    assert [line["reason"] for line in logs] == ["the broker refuses: Not authorized"]


async def test_node_speaks_for_itself_only_and_the_cloud_hears_it(deployed: BrokerServer) -> None:
    own, others = (node_topic("demo-town", "gateway-1", Channel.UP), node_topic("demo-farm", "edge-1", Channel.UP))
    async with (
        signed_in(deployed, "cloud", "tonnam/1/+/+/up") as (_, heard),
        signed_in(deployed, "gateway-1") as (gateway, _),
        signed_in(deployed, "edge-1") as (edge, _),
    ):
        for topic in (others, node_topic("demo-town", "gateway-1", Channel.COMMAND), own):
            gateway.publish(topic, b"x")
        await eventually(lambda: own in heard, "what the gateway says for itself")
        edge.publish(others, b"x")
        await eventually(lambda: others in heard, "what the edge says for itself")
    assert heard == [own, others]


async def test_gateway_hears_the_town_and_its_commands_but_not_the_farm_s(deployed: BrokerServer) -> None:
    mine, farms = (
        node_topic(*node, Channel.COMMAND) for node in (("demo-town", "gateway-1"), ("demo-farm", "edge-1"))
    )
    filters = ("tele/#", "tonnam-air-1/tele/+", "application/+/device/+/event/up", "town/river-1/state", mine, farms)
    async with (
        signed_in(deployed, "gateway-1", *filters) as (_, heard),
        signed_in(deployed, "field") as (field, _),
        signed_in(deployed, "cloud") as (cloud, _),
    ):
        said = ["tele/tonnam-air-1/SENSOR", "application/a/device/b/event/up", "town/river-1/state"]
        for topic in (mine, *said):
            field.publish(topic, b"x")
        await eventually(lambda: said[-1] in heard, "the town")
        for topic in (farms, mine):
            cloud.publish(topic, b"x")
        await eventually(lambda: mine in heard, "the command")
    assert heard == [*said, mine]
