"""A real gateway process, and what stands at either side of it: a device and the cloud's end of the link."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from tests import signed
from tests.gateway.sent import TOWN
from tests.servers import executable
from tonnam_link.errors import MissingDictionary
from tonnam_link.messages import Event, Outcome, Verdict
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import Batch, decode

NODE = ("demo-town", "gateway-1")
Key = tuple[str, int]


class Cloud:
    """What the cloud has of the gateway's node: it keeps everything in memory and answers after that."""

    def __init__(self, broker: str) -> None:
        self.readings: dict[Key, tuple[float | None, int]] = {}
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.session = Session(Broker.parse(broker), client_id="test-cloud", pause_s=(0.1, 0.2))
        self.receiver = Receiver(self.session, self._commit)
        self._dictionaries: dict[str, Dictionary] = {}

    async def _commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        return [self._store(received) for received in group]

    def _store(self, received: Received) -> Answer:
        assert (received.tenant, received.node) == NODE
        try:
            batch = decode(received.payload, self._dictionaries)
        except MissingDictionary:
            return Answer(Verdict.NEED_DICTIONARY)
        if batch.kind == "dictionary":
            dictionary = Dictionary(batch.specs)
            self._dictionaries[dictionary.hash] = dictionary
        self.events += batch.events
        self.outcomes += batch.outcomes
        self.readings |= readings_of(batch)
        return Answer(Verdict.STORED)

    def values(self, datastream: str) -> list[float | None]:
        """What is stored of a datastream, in order of time."""
        return [value for (name, _), (value, _) in sorted(self.readings.items()) if name == datastream]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def readings_of(batch: Batch) -> dict[Key, tuple[float | None, int]]:
    """The readings of a batch by datastream and time."""
    found: dict[Key, tuple[float | None, int]] = {}
    for column in batch.columns:
        for at_ms, value, quality in zip(column.observed_at_ms, column.value, column.quality, strict=True):
            known = None if value != value else float(value)
            found[column.datastream, int(at_ms)] = (known, int(quality))
    return found


@contextlib.asynccontextmanager
async def running(*jobs: Callable[[], object]) -> AsyncIterator[None]:
    """Run the coroutines until the block is left."""
    tasks = [asyncio.ensure_future(job()) for job in jobs]  # type: ignore[call-overload]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def cloud_at(broker: str) -> AsyncIterator[Cloud]:
    """The cloud's end, connected."""
    cloud = Cloud(broker)
    async with running(cloud.session.run, cloud.receiver.run):
        await eventually(cloud.session.connected.is_set, "the cloud's session")
        yield cloud


@contextlib.asynccontextmanager
async def devices_at(broker: str) -> AsyncIterator[Session]:
    """A session that publishes what devices say, connected."""
    session = Session(Broker.parse(broker), client_id="test-devices", pause_s=(0.1, 0.2))
    async with running(session.run):
        await eventually(session.connected.is_set, "the devices' session")
        yield session


async def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    """Wait until the condition holds; AssertionError that names `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        await asyncio.sleep(0.02)


class GatewayProcess:
    """`tonnam-gateway run` with a mapping that gathers and sends quickly."""

    def __init__(self, directory: Path, *, uplink: str, field: str = "") -> None:
        text = TOWN.read_text(encoding="utf-8").replace("every_s = 5.0 ", "every_s = 0.1 ")
        self.mapping = directory / "town.toml"
        self.mapping.write_text(text.replace("send_every_s = 10.0", "send_every_s = 0.3"), encoding="utf-8")
        self.state = directory / "state"
        self.log = directory / "gateway.log"
        self._environment = {
            "TONNAM_BROKER": uplink,
            "TONNAM_FIELD_BROKER": field,
            "TONNAM_CLOUD_KEY": signed.PUBLIC,
            "PATH": "/usr/bin:/bin",
        }
        self.start()

    def start(self) -> None:
        command = [executable("tonnam-gateway"), "run", str(self.mapping), "--state", str(self.state)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    def kill(self) -> None:
        """As when the power goes."""
        self.process.kill()
        self.process.wait()

    async def listening(self) -> None:
        """Until its session to the field is there (again)."""
        await eventually(lambda: self.said("broker.connected", "towards=field") > 0, "the gateway's session")

    def said(self, *words: str) -> int:
        """How many lines of its log have all the words."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return sum(all(word in line for word in words) for line in lines)


@contextlib.contextmanager
def gateway_process(directory: Path, *, uplink: str, field: str = "") -> Iterator[GatewayProcess]:
    """The process, ended when the block is left."""
    gateway = GatewayProcess(directory, uplink=uplink, field=field)
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.kill()
        sys.stdout.write(gateway.log.read_text(encoding="utf-8", errors="replace"))
