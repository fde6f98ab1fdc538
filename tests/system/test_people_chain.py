"""A lock-out and a latch all the way: from a person's tap to the edge's disk and back to the page and its alerts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.edge.servers import break_farm, simulated_farm
from tests.link.harness import running, until
from tests.system.test_command_states import Cloud, cloud_at, edge
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.farm.schemas import LockWish
from tonnam_cloud.people.person import Person, Role
from tonnam_cloud.registry import standing
from tonnam_cloud.registry.models import Site
from tonnam_cloud.registry.told import SiteStands

SOMCHAI = Person("somchai", "สมชาย ใจดี", {"demo-farm": Role.FARMER})
PLACE = ("demo-farm", "melon-greenhouse")


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


def stands(cloud: Cloud) -> SiteStands:
    with cloud.database.reading() as session:
        site = session.get(Site, PLACE)
        return SiteStands(PLACE[1]) if site is None else standing.of(site)


def is_described(cloud: Cloud) -> bool:
    with cloud.database.reading() as session:
        return session.get(Site, PLACE) is not None


def alerts(cloud: Cloud) -> list[tuple[str, str]]:
    with cloud.database.reading() as session:
        return [(row.rule, row.state) for row in session.scalars(select(AlertRow))]


async def test_a_lock_and_a_latch_go_the_whole_way(
    tmp_path: Path, farm: Mapping[str, str], mosquitto_broker: str
) -> None:
    async with cloud_at(tmp_path / "cloud", mosquitto_broker) as cloud, running(cloud.session.run()):
        with edge(tmp_path, farm, mosquitto_broker):
            await until(lambda: cloud.node().online and bool(cloud.node().trusts), "the node")
            await until(lambda: is_described(cloud), "the site")
            locked = await asyncio.to_thread(
                cloud.parts.commands.lock, SOMCHAI, *PLACE, LockWish(zone="zone-2", why="ขุดท่อ"), "k"
            )
            await cloud.comes_to(locked.id, "done")
            cloud.order("water")
            await cloud.comes_to("water", "refused")
            await until(lambda: len(stands(cloud).lockouts) == 1, "what stands")
            assert "สมชาย ใจดี: ขุดท่อ" in cloud.reason("water")["en"]
        with edge(tmp_path, farm, mosquitto_broker) as process:
            await process.says("agent.started")
            cloud.order("again")
            await cloud.comes_to("again", "refused")
            await unlock(tmp_path)
            await until(lambda: stands(cloud).lockouts == [], "the end of the lock")
            await latch_and_clear(cloud, tmp_path)


async def unlock(folder: Path) -> None:
    program = [sys.executable, "-c", "from tonnam_edge.main import main; main()", "unlock", str(folder / "site.toml")]
    words = [*program, "--state", str(folder / "state"), "--who", "somchai"]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def latch_and_clear(cloud: Cloud, folder: Path) -> None:
    """A contact that stays closed is latched, alerted, and cleared once it is mended."""
    cloud.order("stuck", seconds=4)
    await cloud.comes_to("stuck", "running", 60)
    break_farm(folder, fault="stuck_coil", coil=2, closed=True)
    await until(lambda: len(stands(cloud).latches) == 1, "the latch", 60)
    [latch] = stands(cloud).latches
    assert (latch.of, latch.subject, latch.zones) == ("not_closed", "valve-2", ["zone-2"])
    assert alerts(cloud) == [("latch", "firing")]
    break_farm(folder, fault="stuck_coil", coil=2, on=False)
    cleared = await asyncio.to_thread(cloud.parts.commands.clear, SOMCHAI, *PLACE, latch.id, "c")
    await cloud.comes_to(cleared.id, "done")
    await until(lambda: stands(cloud).latches == [] and alerts(cloud) == [("latch", "resolved")], "its end")
