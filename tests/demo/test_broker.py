"""The embedded broker's configuration, tried on the real NATS server: each user has its own topics and no others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tonnam_demo import broker
from tonnam_demo.credentials import Credentials, load_or_make
from tonnam_demo.plan import TOWN_SITE
from tonnam_gateway.loader import load as load_mapping

FILTERS = load_mapping(TOWN_SITE).filters()
CREDENTIALS = Credentials(cloud="c", edge="e", gateway="g", field="f", login="l")


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[servers.BrokerServer]:
    port = servers.free_port()
    config = tmp_path / "nats.conf"
    broker.write_config(
        config, nats_port=servers.free_port(), mqtt_port=port, users=broker.demo_users(CREDENTIALS, FILTERS)
    )
    assert config.stat().st_mode & 0o077 == 0
    command = [servers.executable("nats-server"), "-c", str(config)]
    with servers.running(servers.BrokerServer(command, port, tmp_path / "nats.log")) as server:
        assert isinstance(server, servers.BrokerServer)
        yield server


class Party:
    """A client that collects what it hears."""

    def __init__(self, server: servers.BrokerServer, user: str, password: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answer: list[int] = []
        self._changed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{password}")  # NATS takes no dot
        self.client.username_pw_set(user, password)
        self.client.on_message = lambda _c, _u, message: self._note(self.heard, (message.topic, message.payload))
        self.client.on_connect = lambda _c, _u, _f, code, _p: self._note(self.answer, code.value)
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self._note(self.answer, codes[0].value)
        self.client.connect(servers.HOST, server.port)
        self.client.loop_start()
        self.wait(1)

    def _note(self, place: list, what: object) -> None:  # type: ignore[type-arg]
        place.append(what)

    def wait(self, answers: int) -> None:
        servers.wait_until(lambda: len(self.answer) >= answers, f"{answers} answers")

    def subscribe(self, topic: str, qos: int = 0) -> int:
        before = len(self.answer)
        self.client.subscribe(topic, qos)
        self.wait(before + 1)
        return self.answer[-1]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_wrong_password_is_refused(nats: servers.BrokerServer) -> None:
    party = Party(nats, "cloud", "wrong")
    assert party.answer[0] != 0
    party.close()


def test_node_speaks_as_itself_only(nats: servers.BrokerServer) -> None:
    cloud, edge = Party(nats, "cloud", "c"), Party(nats, "demo-farm.edge-1", "e")
    assert cloud.subscribe("tonnam/1/+/+/up") == 0
    edge.client.publish("tonnam/1/demo-town/gateway-1/up", b"forged")
    edge.client.publish("tonnam/1/demo-farm/edge-1/up", b"true")
    servers.wait_until(lambda: bool(cloud.heard), "a message")
    assert cloud.heard == [("tonnam/1/demo-farm/edge-1/up", b"true")]
    edge.close()
    cloud.close()


def test_node_hears_its_own_replies_and_nobody_elses_commands(nats: servers.BrokerServer) -> None:
    cloud, edge = Party(nats, "cloud", "c"), Party(nats, "demo-farm.edge-1", "e")
    assert edge.subscribe("tonnam/1/demo-farm/edge-1/reply") == 0
    assert edge.subscribe("tonnam/1/demo-town/gateway-1/command") == 0x80
    cloud.client.publish("tonnam/1/demo-farm/edge-1/reply", b"stored")
    servers.wait_until(lambda: bool(edge.heard), "the reply")
    edge.close()
    cloud.close()


def test_presence_is_kept_for_those_who_come_later(nats: servers.BrokerServer) -> None:
    edge = Party(nats, "demo-farm.edge-1", "e")
    edge.client.publish("tonnam/1/demo-farm/edge-1/presence", b"here", qos=1, retain=True).wait_for_publish(10)
    cloud = Party(nats, "cloud", "c")
    assert cloud.subscribe("tonnam/1/+/+/presence", qos=1) == 1
    servers.wait_until(lambda: bool(cloud.heard), "the retained presence")
    edge.close()
    cloud.close()


def test_town_devices_reach_the_gateway(nats: servers.BrokerServer) -> None:
    field, gateway = Party(nats, "field", "f"), Party(nats, "demo-town.gateway-1", "g")
    assert [gateway.subscribe(topic_filter) for topic_filter in FILTERS] == [0] * len(FILTERS)
    field.client.publish("tele/tonnam-air-1/SENSOR", b"{}")
    servers.wait_until(lambda: bool(gateway.heard), "the device's message")
    field.close()
    gateway.close()


def test_credentials_are_made_once_and_are_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    made, new = load_or_make(path)
    again, new_again = load_or_make(path)
    assert (new, new_again) == (True, False)
    assert made == again
    assert path.stat().st_mode & 0o077 == 0
    assert len({made.cloud, made.edge, made.gateway, made.field, made.login}) == 5
