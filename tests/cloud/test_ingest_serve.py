"""`tonnam-cloud serve` as a process: a node's readings come in through a real broker, whatever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.readings import rows
from tests.cloud.told import NODE, SITE, SPECS, TENANT, described, event, words
from tests.servers import HOST, BrokerServer, InfluxServer, executable, free_port, influx_server, running, wait_until
from tonnam_cloud.database import Database
from tonnam_cloud.opening import open_database
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Node, Site
from tonnam_cloud.settings import Settings
from tonnam_cloud.store.embedded import EmbeddedReader, EmbeddedStore
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_link.messages import Frame, Sample
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node.uplink import Uplink
from tonnam_link.topics import Channel, node_topic

MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
EVER = (0, 2**53)


@dataclass
class Cloud:
    """A process, its data directory and what it said."""

    data: Path
    broker: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TONNAM_DATA": str(self.data), "TONNAM_BROKER": self.broker, **self.settings}

    @property
    def said(self) -> str:
        log = self.data.with_suffix(".log")
        return log.read_text() if log.exists() else ""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [executable("tonnam-cloud"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def start(self) -> None:
        command = [executable("tonnam-cloud"), "serve", "--port", str(self.port)]
        with self.data.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stderr=log)
        wait_until(self.healthy, f"the cloud; it said: {self.said}")

    def healthy(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.said
        try:
            return bool(self.health()["status"] == "ok")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def health(self) -> Any:
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/api/health", timeout=2) as answer:
            return json.load(answer)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.process = None
        return code

    def database(self) -> Database:
        return Database(f"sqlite:///{self.data / 'tonnam.db'}")


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Clouds, each with a registered node; what still runs is killed at the end."""
    clouds: list[Cloud] = []

    def make(broker: str, **settings: str) -> Cloud:
        cloud = Cloud(tmp_path / f"cloud-{len(clouds)}", broker, settings)
        clouds.append(cloud)
        database = open_database(Settings(data=cloud.data))
        with database.writing() as session:
            repository.add_node(session, TENANT, NODE, words("Cabinet"), 0)
        database.close()
        return cloud

    yield make
    for cloud in clouds:
        if cloud.process is not None:
            cloud.end(signal.SIGKILL)


@asynccontextmanager
async def node_running(outbox: Path, broker: str) -> AsyncIterator[Uplink]:
    uplink = Uplink(outbox, Broker.parse(broker), tenant=TENANT, node=NODE, datastreams=SPECS, seal_every_s=0.2)
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        task.cancel()
        await asyncio.wait({task})


def frame(at_ms: int, value: float) -> Frame:
    return Frame(at_ms, {f"{SITE}/zone-1/soil_moisture": Sample(value)})


async def until(holds: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, holds, what, 40.0)


def stored(cloud: Cloud) -> list[int]:
    reader = EmbeddedReader(cloud.data)
    try:
        return [at_ms for at_ms, *_ in rows(reader.series(MOISTURE, *EVER))]
    finally:
        reader.close()


async def test_readings_and_descriptions_of_a_node_arrive_through_the_broker(
    make_cloud: Callable[..., Cloud], broker: str, tmp_path: Path
) -> None:
    cloud = make_cloud(broker)
    await asyncio.to_thread(cloud.start)
    now_ms = int(time.time() * 1000)
    times = [now_ms + i for i in range(100)]
    async with node_running(tmp_path / "outbox.db", broker) as uplink:
        await uplink.accept(events=[event("site.described", described(), now_ms)])
        await uplink.accept([frame(at_ms, 26.0) for at_ms in times])
        await until(lambda: stored(cloud) == times, "all readings")
        database = cloud.database()
        await until(lambda: node_online(database), "the node's presence")
        with database.reading() as session:
            assert session.get_one(Site, (TENANT, SITE)).name == words("Greenhouse")
    await until(lambda: not node_online(database), "the node's farewell")
    told = await asyncio.to_thread(cloud.health)
    assert told["ingest"]["readings"] >= 100
    assert told["link"]["batches"] >= told["ingest"]["batches"] > 1
    database.close()
    assert await asyncio.to_thread(cloud.end) == 0


def node_online(database: Database) -> bool:
    with database.reading() as session:
        return session.get_one(Node, (TENANT, NODE)).online


async def test_a_cloud_killed_again_and_again_stores_every_reading_once(
    make_cloud: Callable[..., Cloud], nats_server: BrokerServer, tmp_path: Path
) -> None:
    cloud = make_cloud(nats_server.url)
    now_ms = int(time.time() * 1000)
    times: list[int] = []
    await asyncio.to_thread(cloud.start)
    async with node_running(tmp_path / "outbox.db", nats_server.url) as uplink:
        for turn in range(2):
            before = len(stored(cloud)) if turn else 0
            for part in range(10):
                new = [now_ms + 1000 * turn + 100 * part + i for i in range(20)]
                await uplink.accept([frame(at_ms, 26.0) for at_ms in new])
                times += new
                if part == 4:
                    await until(lambda: len(stored(cloud)) > before, "the first readings of a turn")  # noqa: B023
            await asyncio.to_thread(cloud.end, signal.SIGKILL)
            await asyncio.to_thread(cloud.start)
        await until(lambda: len(stored(cloud)) >= len(times), "all readings")
    assert stored(cloud) == times
    assert await asyncio.to_thread(cloud.end) == 0


async def test_readings_wait_at_the_node_while_influxdb_is_away(
    make_cloud: Callable[..., Cloud], mosquitto_broker: str, tmp_path: Path
) -> None:
    with running(influx_server(tmp_path)) as influx:
        assert isinstance(influx, InfluxServer)
        name = influx.database()
        settings = {"TONNAM_STORE": "influx", "TONNAM_INFLUX_URL": influx.url, "TONNAM_INFLUX_DATABASE": name}
        cloud = make_cloud(mosquitto_broker, **settings)
        store = InfluxStore(InfluxAddress(influx.url, name))
        await asyncio.to_thread(cloud.start)
        now_ms = int(time.time() * 1000)
        async with node_running(tmp_path / "outbox.db", mosquitto_broker) as uplink:
            await uplink.accept([frame(now_ms, 1.0)])
            await until(lambda: len(store.series(MOISTURE, *EVER)) == 1, "the first reading")
            influx.kill()
            await uplink.accept([frame(now_ms + 1, 2.0)])
            await until(lambda: "batches wait at the nodes" in cloud.said, "the complaint")
            await asyncio.to_thread(influx.start)
            await until(lambda: len(store.series(MOISTURE, *EVER)) == 2, "the second reading")
        store.close()
        assert cloud.said.count("batches wait at the nodes") == 2, "its beginning and its end"
        assert await asyncio.to_thread(cloud.end, signal.SIGINT) == 0


async def test_nonsense_over_the_broker_is_kept_shown_and_stays_what_it_is(
    make_cloud: Callable[..., Cloud], mosquitto_broker: str
) -> None:
    cloud = make_cloud(mosquitto_broker)
    await asyncio.to_thread(cloud.start)
    node = Session(Broker.parse(mosquitto_broker), client_id="nonsense")

    async def insist() -> None:
        while True:
            node.publish(node_topic(TENANT, NODE, Channel.UP), b"nonsense")
            await asyncio.sleep(0.3)  # the very same bytes again, later: they were meant

    speaking = [asyncio.create_task(node.run()), asyncio.create_task(insist())]
    await until(lambda: bool(cloud.health()["ingest"]["garbled"]), "what was garbled twice")
    for task in speaking:
        task.cancel()
    await asyncio.wait(speaking)
    listed = await asyncio.to_thread(cloud.command, "quarantine", "list")
    assert f"{TENANT} {NODE}  8 bytes: garbled, or not sealed for this node" in listed.stdout
    replayed = await asyncio.to_thread(cloud.command, "quarantine", "replay", "1")
    assert (replayed.returncode, replayed.stdout) == (0, "1  still: garbled, or not sealed for this node\n")
    assert await asyncio.to_thread(cloud.end) == 0


def test_it_ends_within_seconds_without_a_broker(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(f"mqtt://{HOST}:{free_port()}")
    cloud.start()
    started = time.monotonic()
    assert cloud.end() == 0
    assert time.monotonic() - started < 5
    assert "Traceback" not in cloud.said


def test_a_taken_port_is_one_clear_line(make_cloud: Callable[..., Cloud], mosquitto_server: BrokerServer) -> None:
    cloud = make_cloud(mosquitto_server.url)
    ended = cloud.command("serve", "--port", str(mosquitto_server.port))
    assert ended.returncode == 1
    said = f"port {mosquitto_server.port} on 127.0.0.1 cannot be used (Address already in use): choose another"
    assert ended.stderr.strip() == f"tonnam-cloud: {said}"


def test_data_of_another_writer_are_one_clear_line(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(f"mqtt://{HOST}:{free_port()}")
    other = EmbeddedStore(cloud.data)
    ended = cloud.command("serve", "--port", str(cloud.port))
    other.close()
    assert ended.returncode == 1
    assert ended.stderr.strip().startswith(f"tonnam-cloud: {cloud.data} is held by another tonnam-cloud")
    assert len(ended.stderr.strip().splitlines()) == 1
