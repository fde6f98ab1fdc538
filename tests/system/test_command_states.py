"""A command from the cloud's database to the valve and back, over real brokers: every state, by evidence only."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from tests import signed
from tests.cloud.scene import QUICK
from tests.edge.servers import break_farm, simulated_farm
from tests.edge.test_agent import EXAMPLE, Running, agent
from tests.link.harness import running, until
from tonnam_cloud.database import Database
from tonnam_cloud.farm.commands import ACCEPT_WITHIN_MS, ANSWER_GRACE_MS
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.keys.vault import FILE, FOLDER, Vault
from tonnam_cloud.parts import Parts, build_parts
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Command, Event, Node
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.tables import metadata
from tonnam_link import messages
from tonnam_link.clock import system_clock
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.receiving.receiver import Answer, Received, Receiver
from tonnam_link.topics import Origin

NODE = Origin("demo-farm", "edge-1")
TOPIC = f"tonnam/1/{NODE}/command"
DEAF_MS = ACCEPT_WITHIN_MS + ANSWER_GRACE_MS + 1_000


@dataclass
class Clock:
    """Time that a test turns."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead_ms


@dataclass
class Cloud:
    """The cloud's parts in this process: what it kept of commands, a clock to turn, and ears that can be closed."""

    database: Database
    parts: Parts
    vault: Vault
    session: Session
    ingest: Ingest
    clock: Clock
    hears: asyncio.Event = field(default_factory=asyncio.Event)

    async def commit(self, group: Sequence[Received]) -> Sequence[Answer]:
        await self.hears.wait()
        return await self.ingest.commit(group)

    def order(self, command_id: str, zone: str = "zone-2", seconds: int = 3) -> None:
        """What a person's tap leaves in the database; 0 seconds is a stop."""
        with self.database.writing() as session:
            session.add(
                Command(
                    id=command_id,
                    tenant=NODE.tenant,
                    site="melon-greenhouse",
                    node=NODE.node,
                    zone=zone,
                    action="water" if seconds else "stop",
                    max_run_s=seconds,
                    state="queued",
                    created_by="somchai",
                    created_ms=self.clock(),
                    expires_ms=self.clock() + ACCEPT_WITHIN_MS,
                    changed_ms=self.clock(),
                )
            )

    def state(self, command_id: str) -> str:
        with self.database.reading() as session:
            return session.get_one(Command, command_id).state

    def reason(self, command_id: str) -> Mapping[str, str]:
        with self.database.reading() as session:
            return session.get_one(Command, command_id).reason or {}

    async def comes_to(self, command_id: str, state: str, timeout_s: float = 30) -> None:
        try:
            await until(lambda: self.state(command_id) == state, state, timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{command_id} is {self.state(command_id)}: {self.reason(command_id)}") from late

    def node(self) -> Node:
        with self.database.reading() as session:
            return session.get_one(Node, NODE)

    def rejections(self) -> dict[str, int]:
        """What the node has told of refusals, by reason."""
        with self.database.reading() as session:
            told = session.scalars(select(Event).where(Event.kind == "command.rejected")).all()
            return {event.body["why"]: event.body["count"] for event in told}


@contextlib.asynccontextmanager
async def cloud_at(folder: Path, url: str) -> AsyncIterator[Cloud]:
    """A cloud whose session is for the test to run; it signs with the key of the tests."""
    (folder / FOLDER).mkdir(parents=True)
    key = {"private": signed.PRIVATE, "made_ms": 0}
    (folder / FOLDER / FILE).write_bytes(msgspec.json.encode({"serial": 0, "keys": [key]}))
    (folder / FOLDER / FILE).chmod(0o600)
    database, store = Database(f"sqlite:///{folder / 'tonnam.db'}"), EmbeddedStore(folder / "store")
    metadata.create_all(database.engine)
    with database.writing() as writing:
        repository.add_node(writing, *NODE, {"th": "", "en": ""}, 0)
    session = Session(Broker.parse(url), client_id="cloud", pause_s=(0.1, 0.2))
    ingest = Ingest(database, store, session.publish, system_clock)
    vault, clock = Vault(folder, system_clock), Clock()
    parts = build_parts(database, store, session.publish, vault, (), clock, QUICK)
    cloud = Cloud(database, parts, vault, session, ingest, clock)
    cloud.hears.set()
    receiver = Receiver(session, cloud.commit)
    presences = Presences(session, ingest, database, session.publish, system_clock)
    try:
        async with running(parts.run(), receiver.run(), presences.run(), ingest.run()):
            yield cloud
    finally:
        ingest.close()
        store.close()
        database.close()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


@contextlib.contextmanager
def edge(folder: Path, farm: Mapping[str, str], broker: str) -> Iterator[Running]:
    """The example farm without its programs: only people water."""
    text = EXAMPLE.read_text(encoding="utf-8").partition("[[program]]")[0]
    with agent(folder, farm, broker, text) as process:
        yield process


async def test_every_state_is_reached_and_the_last_one_by_the_edges_evidence(
    tmp_path: Path, farm: Mapping[str, str], mosquitto_broker: str
) -> None:
    async with cloud_at(tmp_path / "cloud", mosquitto_broker) as cloud:
        cloud.order("early")
        await cloud.parts.commands.round()
        assert cloud.state("early") == "queued", "there is no link to the broker yet"
        async with running(cloud.session.run()):
            await cloud.comes_to("early", "sent")
            cloud.clock.ahead_ms = DEAF_MS
            await cloud.comes_to("early", "expired")
            cloud.clock.ahead_ms = 0
            with edge(tmp_path, farm, mosquitto_broker) as process:
                await until(lambda: cloud.node().online and bool(cloud.node().trusts), "the node")
                await waters_and_refuses(cloud)
                await speaks_after_it_was_given_up(cloud, process)
                await fails_when_the_valve_does_not_open(cloud, tmp_path)
                process.process.kill()
    assert cloud.rejections() == {}


async def waters_and_refuses(cloud: Cloud) -> None:
    """Accepted and running while the water runs; another wish is refused meanwhile; done when the valve is closed."""
    cloud.order("water", seconds=4)
    await until(lambda: cloud.state("water") in {"accepted", "running"}, "its acceptance", 60)
    cloud.order("other", "zone-1")
    await cloud.comes_to("water", "running")
    await cloud.comes_to("other", "refused")
    assert "รอให้เสร็จก่อน" in cloud.reason("other")["th"]
    await cloud.comes_to("water", "done")


async def speaks_after_it_was_given_up(cloud: Cloud, process: Running) -> None:
    """The cloud hears nothing for so long that it calls the command expired; then the edge's word comes."""
    cloud.hears.clear()
    cloud.order("unheard", seconds=1)
    await cloud.comes_to("unheard", "sent")
    await process.until(lambda: "command_id=unheard" in process.log())
    cloud.clock.ahead_ms = DEAF_MS
    await cloud.comes_to("unheard", "expired")
    cloud.clock.ahead_ms = 0
    cloud.hears.set()
    await cloud.comes_to("unheard", "done")


async def fails_when_the_valve_does_not_open(cloud: Cloud, folder: Path) -> None:
    break_farm(folder, fault="stuck_coil", coil=2, closed=False)
    cloud.order("stuck", seconds=1)
    await cloud.comes_to("stuck", "failed")
    assert "ไม่ยืนยัน" in cloud.reason("stuck")["th"]


async def test_keys_change_while_a_farm_is_away_and_what_a_forger_sends_is_told(
    tmp_path: Path, farm: Mapping[str, str], nats_broker: str
) -> None:
    async with cloud_at(tmp_path / "cloud", nats_broker) as cloud, running(cloud.session.run()):
        with edge(tmp_path, farm, nats_broker):
            await until(lambda: cloud.node().online and bool(cloud.node().trusts), "the node")
        first = cloud.vault.current
        cloud.vault.rotate()
        cloud.vault.retire(first.id)
        newest = cloud.vault.rotate()
        with edge(tmp_path, farm, nats_broker) as process:
            await until(lambda: cloud.node().keys_serial == cloud.vault.serial, "the newest keys at the node")
            assert cloud.node().trusts == [key.id for key in cloud.vault.keys[1:]]
            now_ms = system_clock()
            wish = messages.Command("forged", messages.CommandAction.WATER, "zone-2", now_ms, now_ms + 60_000, 600)
            for payload in (signed.command(wish, NODE, first.private), json.dumps({"id": "forged"}).encode()):
                cloud.session.publish(TOPIC, payload)
            await until(lambda: cloud.rejections().keys() == {"unknown_key", "unsigned"}, "the news of it")
            cloud.order("water", seconds=1)
            await cloud.comes_to("water", "done", 60)
            assert process.log().count("run.started") == 1
        assert newest == cloud.vault.current
        kept = msgspec.json.decode((tmp_path / "state" / "keys.json").read_bytes())
        assert (kept["serial"], len(kept["keys"])) == (3, 2)
    assert no_private_key_in(tmp_path, [key.private for key in cloud.vault.keys])


async def test_a_command_cut_off_by_a_kill_fails_and_its_repetition_opens_nothing(
    tmp_path: Path, farm: Mapping[str, str], nats_broker: str
) -> None:
    on_the_wire: list[bytes] = []
    async with cloud_at(tmp_path / "cloud", nats_broker) as cloud:
        cloud.session.subscribe(TOPIC, lambda message: on_the_wire.append(message.payload))
        async with running(cloud.session.run()):
            with edge(tmp_path, farm, nats_broker) as process:
                cloud.order("cut", seconds=30)
                await cloud.comes_to("cut", "running", 60)
                process.process.kill()
            with edge(tmp_path, farm, nats_broker) as process:
                await cloud.comes_to("cut", "failed", 60)
                for payload in on_the_wire:
                    cloud.session.publish(TOPIC, payload)
                cloud.order("stop", seconds=0)
                await cloud.comes_to("stop", "done")
                assert "run.started" not in process.log()
    assert "ปิดน้ำแล้ว" in cloud.reason("cut")["th"]


def no_private_key_in(folder: Path, privates: Sequence[bytes]) -> bool:
    """Whether no private key stands, in any form, in any file but the vault's own."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != FOLDER]
    secrets = [form for key in privates for form in (key, key.hex().encode(), msgspec.json.encode(key)[1:-1])]
    assert any(path.name == "tonnam.db" for path in files)
    return not any(secret in path.read_bytes() for path in files for secret in secrets)
