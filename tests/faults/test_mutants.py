"""The suite can fail: programs with one deliberate mistake each are found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cases import CLOUD, Kill
from tests.faults.link_faults import Cut, Garble, Way
from tests.faults.suite import live_through
from tests.faults.world import Setting, World
from tests.link.harness import until

pytestmark = pytest.mark.timeout(300)


def mutants(name: str) -> str:
    return f"tests.faults.mutants.{name}"


async def test_cloud_that_answers_before_its_disk_has_it_is_found_out(tmp_path: Path) -> None:
    async def kill_the_cloud(world: World) -> None:
        for _ in range(3):  # on a loaded machine its disk may have it all at one such moment
            before = world.chronicle.stored_replies.total()  # first come events and outcomes, which it does keep
            await until(lambda: world.chronicle.stored_replies.total() > before + 15, "more replies", 60)  # noqa: B023
            await world.strike(CLOUD, Kill(0.0, "cloud"))

    setting = Setting(1, "mosquitto", nodes=("node-1", "node-2"), cloud_module=mutants("hasty_cloud"))
    result = await live_through(setting, tmp_path, kill_the_cloud)
    assert any("images are lost" in line for line in result.verdict.wrong)


async def test_node_that_forgets_what_was_not_stored_is_found_out(tmp_path: Path) -> None:
    async def cut(world: World) -> None:
        await world.strike("node-1", Cut(reset=True))

    setting = Setting(1, "mosquitto", nodes=("node-1",), node_module=mutants("careless_node"))
    result = await live_through(setting, tmp_path, cut)
    assert any("images are lost" in line for line in result.verdict.wrong)


async def test_cloud_that_looks_at_no_checksum_is_found_out(tmp_path: Path) -> None:
    async def garble(world: World) -> None:
        for _ in range(8):
            await world.strike("node-1", Garble(Way.UP, "payload"))

    setting = Setting(1, "mosquitto", nodes=("node-1",), cloud_module=mutants("trusting_cloud"))
    result = await live_through(setting, tmp_path, garble)
    assert result.verdict.wrong
