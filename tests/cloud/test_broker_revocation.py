"""Nodes are shut out, let in again and given new passwords while the broker runs, and nobody else notices.

`tonnam-cloud broker-config --follow` runs in a process of its own, as in production; both brokers are real.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud.broker_scene import FARM, KINDS, TOWN, Access, Party, Stage, following, staged
from tests.link.harness import SPECS, Ledger, cloud, frame, identities, running, until
from tests.servers import wait_until
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.uplink import Uplink

WITHIN_S = 10.0
A, B = f"tonnam/1/{FARM}", f"tonnam/1/{TOWN}"
pytestmark = pytest.mark.xdist_group("broker-revocation")


@pytest.fixture(scope="module", params=KINDS)
def running_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    access, kind = Access(tmp_path_factory.mktemp(request.param)), request.param
    with staged(access, kind) as scene, following(access, kind, port=scene.server.port):
        yield scene


@pytest.fixture
def stage(running_stage: Stage) -> Iterator[Stage]:
    yield running_stage
    running_stage.close()


@contextmanager
def talking(party: Party, topic: str) -> Iterator[itertools.count[int]]:
    """The party says numbers, some hundreds a second with QoS 0, until the block is left; gives the next number."""
    numbers, stop = itertools.count(), threading.Event()

    def talk() -> None:
        while not stop.wait(0.002):
            party.say(topic, str(next(numbers)).encode())

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield numbers
    finally:
        stop.set()
        thread.join()


def seconds_until_lost(party: Party, since: float) -> float:
    wait_until(lambda: party.lost, "the end of the connection", WITHIN_S)
    return time.monotonic() - since


def comes_in(stage: Stage, who: str, password: str | None = None) -> bool:
    party = stage.enter(who, password)
    return party.is_in


def test_revoked_node_is_off_within_seconds_and_others_lose_not_one_message(stage: Stage) -> None:
    cloud, bystander, victim = (stage.enter(who) for who in ("cloud", TOWN, FARM))
    cloud.subscribe("tonnam/1/+/+/up")
    victim.subscribe(f"{A}/command")
    addresses = [party.address for party in (cloud, bystander)]
    with talking(bystander, f"{B}/up") as numbers:
        wait_until(lambda: len(cloud.heard) > 100, "the talk before")
        stage.access.run("node", "revoke", *FARM.split("/"))
        took_s = seconds_until_lost(victim, time.monotonic())
        assert not comes_in(stage, FARM)
        stage.access.run("node", "restore", *FARM.split("/"))
        wait_until(lambda: comes_in(stage, FARM), "the restored node", WITHIN_S)
        heard = len(cloud.heard)
        wait_until(lambda: len(cloud.heard) > heard + 100, "the talk after")
    said = next(numbers)
    wait_until(lambda: len(cloud.heard) >= said, "the last number")
    assert cloud.heard == [(f"{B}/up", str(number).encode()) for number in range(said)]
    assert [party.address for party in (cloud, bystander)] == addresses
    assert not cloud.lost
    assert not bystander.lost
    assert took_s < WITHIN_S


def test_new_credentials_end_the_old_ones_and_the_connection_that_was_made_with_them(stage: Stage) -> None:
    old = stage.access.passwords["demo-farm.edge-1"]
    bystander, node = stage.enter(TOWN), stage.enter(FARM, old)
    new = stage.access.new_password(FARM)
    assert new != old
    seconds_until_lost(node, time.monotonic())
    assert not comes_in(stage, FARM, old)
    assert comes_in(stage, FARM, new)
    assert bystander.is_in


def test_node_that_is_added_while_the_broker_runs_comes_in(stage: Stage) -> None:
    node = "demo-farm/edge-9"
    stage.access.run("node", "add", *node.split("/"))
    assert not stage.stranger(node.replace("/", "."), "").is_in
    stage.access.new_password(node)
    wait_until(lambda: comes_in(stage, node), "the new node", WITHIN_S)


def test_gateway_loses_its_word_on_a_node_that_goes_its_own_way(stage: Stage) -> None:
    cloud, gateway = stage.enter("cloud"), stage.enter(TOWN)
    cloud.subscribe("tonnam/1/+/+/presence")
    pier = "tonnam/1/demo-town/edge-2/presence"
    gateway.say(pier, b"behind me")
    cloud.hears(pier, b"behind me")
    stage.access.run("node", "add", "demo-town", "edge-2", "--via", "")
    said = itertools.count()

    def is_still_believed() -> bool:
        number = str(next(said)).encode()
        gateway.say(pier, number)
        gateway.say(f"{B}/presence", number)
        cloud.hears(f"{B}/presence", number)
        return (pier, number) in cloud.heard

    wait_until(lambda: not is_still_believed(), "the end of its word", WITHIN_S)
    assert gateway.is_in
    stage.access.run("node", "add", "demo-town", "edge-2", "--via", "gateway-1")


async def test_node_that_was_revoked_for_a_while_loses_no_reading(stage: Stage, tmp_path: Path) -> None:
    ledger, tenant, name = Ledger(), *FARM.split("/")
    uplink = Uplink(
        tmp_path / "outbox.db", Broker.parse(stage.url(FARM)), tenant=tenant, node=name, datastreams=SPECS
    )
    frames = [frame(number) for number in range(9)]
    async with cloud(stage.url("cloud"), ledger), running(uplink.run()):
        await until(lambda: uplink.connected, "the node")
        await uplink.accept(frames[:3], at_once=True)
        stage.access.run("node", "revoke", tenant, name)
        await uplink.accept(frames[3:6], at_once=True)
        await until(lambda: not uplink.connected, "the revocation", WITHIN_S)
        await uplink.accept(frames[6:], at_once=True)
        stage.access.run("node", "restore", tenant, name)
        await until(lambda: set(ledger.readings) == identities(frames), "every reading that was accepted", 60)
