"""Messages that a broker garbled are ignored, whatever became of their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.live import bus
from tonnam_link.mqtt.session import Message, OnMessage

TOPIC = "tonnam/1/live/farm/melon"
NOT_JSON = b'{"session":"a","online":tru*,"at_ms":1}'
NOT_UTF_8 = b'{"node":"\xd0","session":"\xd0","online":true,"at_ms":1}'
NESTED = b"[" * 100_000


class Wire:
    """Gives what it is told to whoever subscribes."""

    def __init__(self) -> None:
        self.tell: Callable[[Message], None] = lambda _: None

    def subscribe(self, _topic_filter: str, on_message: OnMessage) -> None:
        self.tell = on_message


@pytest.mark.parametrize("payload", [NOT_JSON, NOT_UTF_8, NESTED])
def test_garbled_presence_and_live_message_are_ignored(payload: bytes) -> None:
    wire, nobody = Wire(), object()
    arguments: list[Any] = [wire, nobody, nobody, nobody, lambda: 0]
    Presences(*arguments)
    with capture_logs() as logs:
        wire.tell(Message("tonnam/1/farm/edge-1/presence", payload))
    assert [log["event"] for log in logs] == ["a presence that cannot be read"]
    assert bus.read(TOPIC, payload) is None
    assert bus.read(TOPIC, bus.sealed(TOPIC, payload)) is None


def test_live_value_that_a_wire_changed_is_no_value() -> None:
    told = b'{"node":"edge-1","readings":[["zone-1/soil_moisture",1,31.2,0]]}'
    message = bus.sealed(TOPIC, told)
    heard = bus.read(TOPIC, message)
    assert heard is not None
    assert heard.stored.readings[0].value == 31.2
    assert bus.read(TOPIC, message.replace(b"31.2", b"91.2")) is None
    assert bus.read(TOPIC.replace("melon", "lemon"), message) is None
