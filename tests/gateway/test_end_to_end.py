from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

from tests import signed
from tests.gateway.running import Key, cloud_at, devices_at, eventually, gateway_process, readings_of
from tests.gateway.sent import LEVEL, LWT, SENSOR, UP, town
from tests.servers import BrokerServer
from tonnam_gateway.gateway import OUTBOX
from tonnam_link.messages import Command, CommandAction, CommandState
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.quality import Quality
from tonnam_link.topics import Channel, Origin, node_topic
from tonnam_link.wire.decode import decode

RIVER = "town/river-1/river_level"


def level(number: int) -> bytes:
    """The level `number` mm, measured just now but each at a second of its own."""
    return json.dumps({"level_m": number / 1000, "ts": int(time.time()) - 2000 + number}).encode()


async def test_what_devices_say_reaches_the_cloud_as_readings(tmp_path: Path, broker: str) -> None:
    async with cloud_at(broker) as cloud, devices_at(broker) as devices:
        with gateway_process(tmp_path, uplink=broker) as gateway:
            await gateway.listening()
            devices.publish(SENSOR, b'{"PMS5003":{"PM2.5":37,"PM10":null},"SHT3X":{"Humidity":162.8},"TempUnit":"C"}')
            devices.publish(UP, b'{"deduplicationId":"a","fPort":2,"object":{"rain_total_mm":123.4}}')
            devices.publish(LEVEL, b"not JSON at all")
            devices.publish(LEVEL, level(1310))
            devices.publish(LWT, b"Offline")
            await eventually(lambda: len(cloud.readings) >= 5 and "device.lost" in cloud.kinds(), "all readings")
    assert {name: reading for (name, _), reading in cloud.readings.items()} == {
        "town/air-1/pm2_5": (37.0, Quality.GOOD),
        "town/air-1/pm10": (None, Quality.DEVICE_FAULT),
        "town/air-1/humidity": (None, Quality.OUT_OF_RANGE),
        "town/rain-1/rain_total": (123.4, Quality.GOOD),
        RIVER: (1.31, Quality.GOOD),
    }
    assert set(cloud.kinds()[:2]) == {"node.started", "site.described"}


async def test_kill_loses_nothing_that_was_accepted(tmp_path: Path, nats_broker: str) -> None:
    async with devices_at(nats_broker) as devices:
        with gateway_process(tmp_path, uplink=nats_broker) as gateway:
            await gateway.listening()
            for number in range(1, 41):
                devices.publish(LEVEL, level(number))
                await asyncio.sleep(0.01)
            gateway.kill()
            accepted = in_outbox(gateway.state / OUTBOX)
            assert 0 < len(accepted) <= 40
            async with cloud_at(nats_broker) as cloud:
                gateway.start()
                await eventually(lambda: set(accepted) <= set(cloud.readings), "every accepted reading")
                await eventually(lambda: cloud.kinds().count("node.started") == 2, "both starts")
    assert {key: cloud.readings[key] for key in accepted} == accepted
    started = sorted(
        (event.at_ms, event.body["gap_from_ms"]) for event in cloud.events if event.kind == "node.started"
    )
    assert [gap_from_ms is None for _, gap_from_ms in started] == [True, False], "the gap of the kill is told"


def in_outbox(path: Path) -> dict[Key, tuple[float | None, int]]:
    """All readings that the file holds."""
    outbox = Outbox(path, Origin("demo-town", "gateway-1"))
    dictionary = outbox.register(town().specs())
    try:
        outbox.seal()
        found: dict[Key, tuple[float | None, int]] = {}
        seen: list[int] = []
        while (sealed := outbox.oldest(but=seen)) is not None:
            seen.append(sealed.sequence)
            payload = outbox.payload(sealed.sequence)
            assert payload is not None
            if sealed.kind.label == "readings":
                found |= readings_of(decode(payload, {dictionary.hash: dictionary}))
        return found
    finally:
        outbox.close()


async def test_retained_message_is_not_new_at_every_connect(tmp_path: Path, broker_server: BrokerServer) -> None:
    kept = b'{"PMS5003":{"PM2.5":37}}'
    timed = json.dumps({"Time": "2026-01-20T13:00:05", "PMS5003": {"PM10": 58}}).encode()
    async with cloud_at(broker_server.url) as cloud, devices_at(broker_server.url) as devices:
        devices.publish(SENSOR, kept, qos=1, retain=True)
        devices.publish(SENSOR.replace("tele/tonnam-air-1", "tonnam-air-1/tele"), timed, qos=1, retain=True)
        with gateway_process(tmp_path, uplink=broker_server.url) as gateway:
            for start in (1, 2):
                await eventually(lambda: gateway.said("retained_without_time") == start, "the notice")  # noqa: B023
                devices.publish(LEVEL, level(start))
                await eventually(lambda: len(cloud.values(RIVER)) == start, "a fresh reading")  # noqa: B023
                if start == 1:
                    gateway.kill()
                    gateway.start()
    assert [key for key in cloud.readings if key[0] != RIVER] == [("town/air-1/pm10", 1768888805_000)]


async def test_readings_wait_on_disk_while_there_is_no_broker_towards_the_cloud(
    tmp_path: Path, nats_broker: str, mosquitto_server: BrokerServer
) -> None:
    mosquitto_server.kill()
    async with devices_at(nats_broker) as devices:
        with gateway_process(tmp_path, uplink=mosquitto_server.url, field=nats_broker) as gateway:
            await gateway.listening()
            for number in range(1, 11):
                devices.publish(LEVEL, level(number))
            await eventually(lambda: gateway.said("readings.flow") > 0, "readings on disk")
            assert gateway.said("broker.unreachable", "towards=cloud") == 1
            mosquitto_server.start()
            async with cloud_at(mosquitto_server.url) as cloud:
                await eventually(lambda: len(cloud.values(RIVER)) == 10, "ten readings")
    assert cloud.values(RIVER) == [number / 1000 for number in range(1, 11)]


async def test_outage_of_the_field_broker_is_logged_once_and_its_end_once(
    tmp_path: Path, mosquitto_server: BrokerServer, nats_broker: str
) -> None:
    with gateway_process(tmp_path, uplink=nats_broker, field=mosquitto_server.url) as gateway:
        await gateway.listening()
        mosquitto_server.kill()
        await eventually(lambda: gateway.said("broker.", "towards=field") == 2, "the outage in the log")
        mosquitto_server.start()
        await eventually(lambda: gateway.said("broker.connected", "towards=field") == 2, "the end in the log")
        async with cloud_at(nats_broker) as cloud, devices_at(mosquitto_server.url) as devices:
            devices.publish(LEVEL, level(5))
            await eventually(lambda: cloud.values(RIVER) == [0.005], "a reading after the outage")
    assert gateway.said("broker.", "towards=field") == 3


async def test_sigterm_commits_what_waits_and_ends_well(tmp_path: Path, mosquitto_broker: str) -> None:
    async with cloud_at(mosquitto_broker) as cloud, devices_at(mosquitto_broker) as devices:
        with gateway_process(tmp_path, uplink=mosquitto_broker) as gateway:
            await gateway.listening()
            devices.publish(LEVEL, level(7))
            devices.publish(LWT, b"Offline")
            await eventually(lambda: "device.lost" in cloud.kinds(), "the lost device")
            gateway.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(gateway.process.wait, 5) == 0
            gateway.start()
            await eventually(lambda: "node.stopped" in cloud.kinds(), "the farewell")
            await eventually(lambda: gateway.said("broker.connected", "towards=field") == 2, "the second start")
            devices.publish(LWT, b"Offline")
            devices.publish(LWT, b"Online")
            await eventually(lambda: "device.back" in cloud.kinds(), "the device that is back")
    assert cloud.values(RIVER) == [0.007]
    assert cloud.kinds().count("device.lost") == 1, "it was lost before, and is not lost again"


async def test_commands_are_refused_with_a_reason_and_forged_ones_are_not_even_answered(
    tmp_path: Path, mosquitto_broker: str
) -> None:
    async with cloud_at(mosquitto_broker) as cloud:
        with gateway_process(tmp_path, uplink=mosquitto_broker) as gateway:
            await eventually(lambda: gateway.said("broker.connected", "towards=cloud") > 0, "the uplink")
            now_ms = time.time_ns() // 1_000_000
            command = Command("c-1", CommandAction.WATER, "zone-1", now_ms, now_ms + 60_000, 60)
            topic = node_topic("demo-town", "gateway-1", Channel.COMMAND)
            node = Origin("demo-town", "gateway-1")
            for forged in (
                b"{}",
                signed.command(command, node, b"f" * 32),
                signed.command(command, Origin("a", "b")),
            ):
                cloud.session.publish(topic, forged)
            cloud.session.publish(topic, signed.command(command, node))
            await eventually(lambda: bool(cloud.outcomes), "the outcome")
            await eventually(lambda: cloud.kinds().count("command.rejected") == 3, "the news of forgeries")
    (outcome,) = cloud.outcomes
    assert (outcome.command_id, outcome.state) == ("c-1", CommandState.REFUSED)
    assert outcome.reason["th"]
