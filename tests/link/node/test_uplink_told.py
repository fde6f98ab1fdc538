"""What an uplink tells of its troubles, and how often."""

from __future__ import annotations

from pathlib import Path

import structlog

from tests.link.harness import ORIGIN, Ledger, cloud, frame, identities, node, running, until
from tonnam_link.clock import system_clock
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.topics import Channel, node_topic


def delete(folder: Path) -> None:
    for file in folder.glob("outbox.db*"):
        file.unlink()


async def test_files_that_are_deleted_under_it_are_told_and_nothing_is_lost(
    mosquitto_broker: str, tmp_path: Path
) -> None:
    ledger, now_ms = Ledger(), system_clock()
    path = tmp_path / "outbox.db"
    uplink = node(path, mosquitto_broker)
    await uplink.accept([frame(0, now_ms)])
    delete(tmp_path)
    with structlog.testing.capture_logs() as logs:
        async with cloud(mosquitto_broker, ledger), running(uplink.run()):
            await uplink.accept([frame(1, now_ms)])
            await until(lambda: "outbox.deleted" in [event.kind for event in ledger.events.values()], "the report")
            await until(lambda: uplink.backlog().empty, "the last reply")
    assert identities([frame(0, now_ms), frame(1, now_ms)]) <= ledger.readings.keys()
    assert [event.kind for event in ledger.events.values()] == ["outbox.deleted"]
    assert sum(log["event"] == "outbox.deleted" for log in logs) == 1
    assert path.exists()


async def test_replies_that_are_none_are_logged_once_a_minute(mosquitto_broker: str, tmp_path: Path) -> None:
    topic = node_topic(*ORIGIN, Channel.REPLY)
    with structlog.testing.capture_logs() as logs:
        uplink = node(tmp_path / "outbox.db", mosquitto_broker)
        stranger = Session(Broker.parse(mosquitto_broker), client_id="stranger", log=structlog.get_logger())
        heard: list[bytes] = []
        stranger.subscribe(topic, lambda message: heard.append(message.payload))
        async with running(uplink.run(), stranger.run()):
            await until(lambda: uplink.connected and stranger.connected.is_set(), "the connections")
            for number in range(50):
                assert stranger.publish(topic, b"nonsense %d" % number)
            await until(lambda: len(heard) == 50, "all of them")
            await until(lambda: any(log["event"] == "reply.malformed" for log in logs), "the warning")
    assert sum(log["event"] == "reply.malformed" for log in logs) == 1
