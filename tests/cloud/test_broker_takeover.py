"""A broker ends a session when another comes with its client id, whoever that is. What a node can do with that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.broker_scene import FARM, KINDS, TOWN, Access, Stage, staged
from tests.link.harness import SPECS, Ledger, cloud, frame, identities, running, until
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node.uplink import Uplink

pytestmark = pytest.mark.xdist_group("broker-takeover")
PLAIN = "tonnam-demo-farm-edge-1"


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Access:
    return Access(tmp_path_factory.mktemp("access"))


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest, access: Access) -> Iterator[Stage]:
    with staged(access, request.param) as scene:
        yield scene


async def test_client_id_that_can_be_guessed_from_outside_is_nobody_s(stage: Stage) -> None:
    node = Session(Broker.parse(stage.url(FARM)), client_id=PLAIN)
    async with running(node.run()):
        await node.connected.wait()
        assert stage.enter(TOWN, client_id=PLAIN).is_in
        assert stage.enter(TOWN, client_id=Broker.parse(stage.url(TOWN)).client_id(PLAIN)).is_in
        watcher = stage.enter("cloud")
        watcher.subscribe("tonnam/1/+/+/up")
        assert node.publish(f"tonnam/1/{FARM}/up", b"still here")
        await until(lambda: bool(watcher.heard), "the node's message")
        assert node.connections == 1


async def test_node_whose_client_id_has_leaked_can_be_disturbed_but_loses_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    ledger, farm = Ledger(), Broker.parse(stage.url(FARM))
    tenant, name = FARM.split("/")
    uplink = Uplink(tmp_path / "outbox.db", farm, tenant=tenant, node=name, datastreams=SPECS, seal_every_s=0.2)
    frames = [frame(number) for number in range(10)]
    async with cloud(stage.url("cloud"), ledger), running(uplink.run()):
        await until(lambda: uplink.connected, "the node")
        for at, one in enumerate(frames):
            await uplink.accept([one], at_once=True)
            if at == 5:
                stage.enter(TOWN, client_id=farm.client_id(PLAIN))
                await until(lambda: not uplink.connected, "the disturbance")
        await until(lambda: set(ledger.readings) == identities(frames), "every reading that was accepted", 60)
