"""Addresses of brokers, right and wrong."""

from __future__ import annotations

import pytest

from tonnam_link.mqtt.broker import Broker


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://farm.example", Broker("farm.example", 1883)),
        ("mqtt://127.0.0.1:1999/", Broker("127.0.0.1", 1999)),
        ("mqtts://farm.example", Broker("farm.example", 8883, tls=True)),
        ("mqtt://edge-1:p%40ss@farm.example:1884", Broker("farm.example", 1884, "edge-1", "p@ss")),
        ("mqtt://[::1]:1883", Broker("::1", 1883)),
        (
            "mqtts://farm.example?ca=/etc/tonnam/our%20ca.pem",
            Broker("farm.example", 8883, tls=True, ca="/etc/tonnam/our ca.pem"),
        ),
    ],
)
def test_address_names_host_port_user_and_tls(url: str, broker: Broker) -> None:
    assert Broker.parse(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "farm.example",
        "http://farm.example",
        "mqtt://",
        "mqtt://h:port",
        "mqtt://h:0",
        "mqtt://h:70000",
        "mqtt://h/x",
        "mqtt://h?ca=ca.pem",
        "mqtts://h?ca=",
        "mqtts://h?ca=a&b=c",
        "mqtts://h?cert=ca.pem",
        "mqtts://h#ca",
    ],
)
def test_wrong_address_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://host"):
        Broker.parse(url)


def test_password_is_never_shown() -> None:
    broker = Broker.parse("mqtt://edge-1:secret@farm.example")
    assert "secret" not in f"{broker} {broker!r}"
    with pytest.raises(ValueError, match="mqtt://host") as caught:
        Broker.parse("mqtt://edge-1:secret@farm.example/x")
    assert "secret" not in str(caught.value)


def test_client_id_stays_the_same_and_cannot_be_guessed_without_the_password() -> None:
    one = Broker.parse("mqtt://farm.edge-1:secret@farm.example")
    assert one.client_id("edge-1") == Broker.parse("mqtt://farm.edge-1:secret@other.example").client_id("edge-1")
    others = ("mqtt://farm.edge-1:another@farm.example", "mqtt://farm.edge-2:secret@farm.example")
    assert len({one.client_id("edge-1"), *(Broker.parse(url).client_id("edge-1") for url in others)}) == 3
    assert one.client_id("edge-1").startswith("edge-1-")
    assert "." not in one.client_id("edge-1")
    assert Broker.parse("mqtt://farm.example").client_id("edge-1") == "edge-1"
