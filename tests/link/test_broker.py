"""Addresses of brokers, right and wrong."""

from __future__ import annotations

import pytest

from tonnam_link.broker import Broker


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://farm.example", Broker("farm.example", 1883)),
        ("mqtt://127.0.0.1:1999/", Broker("127.0.0.1", 1999)),
        ("mqtts://farm.example", Broker("farm.example", 8883, tls=True)),
        ("mqtt://edge-1:p%40ss@farm.example:1884", Broker("farm.example", 1884, "edge-1", "p@ss")),
        ("mqtt://[::1]:1883", Broker("::1", 1883)),
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
