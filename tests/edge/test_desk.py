"""Lock, unlock and clear at the controller itself: with an agent that runs, and without one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest
import structlog

from tests.edge.cabinets import Cabinet, DeafLink, Soil, standing
from tests.edge.farms import SITE, site_of
from tonnam_edge.agent import Agent
from tonnam_edge.core.memory import Latch, Memory
from tonnam_edge.core.people.at_site import Answer, Request
from tonnam_edge.desk import FOLDER, Desk, ask, new_request
from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import StateLock, StateStore
from tonnam_link.messages import Command, CommandAction
from tonnam_link.node.node_clock import NodeClock


class Running:
    """An agent in this process, before a cabinet on a socket."""

    def __init__(self, agent: Agent, site: Site, state: Path, link: DeafLink, cabinet: Cabinet) -> None:
        self.agent, self.site, self.state, self.link, self.cabinet = agent, site, state, link, cabinet

    async def ask(self, deed: str, **said: str | None) -> Answer:
        return await asyncio.to_thread(ask, self.state, self.site, new_request(deed, **said))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def water(self, command_id: str) -> None:
        now = NodeClock(kernel_synced=lambda: True).instant().ms
        self.link.commands.put_nowait(Command(command_id, CommandAction.WATER, "zone-1", now, now + 60_000, 600, "k"))

    def states(self, command_id: str) -> list[str]:
        return [str(each.state) for each in self.link.outcomes if each.command_id == command_id]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    cabinet, link, state = Cabinet(), DeafLink(), folder / "state"
    async with standing(cabinet, Soil(280, 280)) as text:
        site = site_of(folder, text)
        with closing(StateStore(state)) as store:
            clock = NodeClock(kernel_synced=lambda: True)
            agent = Agent(site, store, link, structlog.get_logger(), clock=clock)
            task = asyncio.create_task(agent.run())
            farm = Running(agent, site, state, link, cabinet)
            await farm.until(lambda: agent.core.safe)
            yield farm
            agent.stop()
            await task


def memory(state: Path) -> Memory:
    with closing(StateStore(state)) as store:
        document = store.memory()
    assert document is not None
    return Memory.decode(document)


async def test_a_lock_ends_the_run_blocks_starts_and_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as farm:
        farm.water("c1")
        await farm.until(lambda: "running" in farm.states("c1"))
        answer = await farm.ask("lock", who="สมชาย", why="ขุดท่อ", zone="zone-1")
        assert answer.done
        assert answer.stands[0]["en"] == "Zone 1 is locked by สมชาย: ขุดท่อ. It can be unlocked at the farm only"
        await farm.until(lambda: not any(farm.cabinet.coils))
        farm.water("c2")
        await farm.until(lambda: farm.states("c2") == ["refused"])
        assert not (await farm.ask("unlock", who="สมชาย", zone="zone-2")).done
    assert [each.who for each in memory(tmp_path / "state").lockouts.values()] == ["สมชาย"]
    async with running(tmp_path) as farm:
        farm.water("c3")
        await farm.until(lambda: farm.states("c3") == ["refused"])
        assert (await farm.ask("unlock", who="สมหญิง")).done
        await farm.until(lambda: "lock.cleared" in farm.link.kinds())
        farm.water("c4")
        await farm.until(lambda: "accepted" in farm.states("c4"))
    assert memory(tmp_path / "state").lockouts == {}


async def test_without_an_agent_the_state_itself_is_changed_and_the_next_agent_tells_it(tmp_path: Path) -> None:
    async with running(tmp_path) as farm:
        site, state = farm.site, farm.state
    assert ask(state, site, new_request("lock", who="somchai", why="digging")).done
    assert not ask(state, site, new_request("lock", who="somchai", why="digging", zone="zone-9")).done
    [lockout] = memory(state).lockouts.values()
    assert (lockout.zone, lockout.who, lockout.afar) == (None, "somchai", False)
    async with running(tmp_path) as farm:
        await farm.until(lambda: "lock.set" in farm.link.kinds())
        farm.water("c1")
        await farm.until(lambda: farm.states("c1") == ["refused"])
    assert ask(state, site, new_request("unlock", who="somchai")).done
    assert memory(state).lockouts == {}


def test_latches_are_listed_and_cleared_without_a_cloud(tmp_path: Path) -> None:
    site, state = site_of(tmp_path), tmp_path / "state"
    latches = {name: Latch(name, "leak", "meter", 0, {"th": "รั่ว", "en": "It leaks"}) for name in ("l-1", "l-2")}
    with closing(StateStore(state)) as store:
        store.commit(Memory(latches=latches).encode(), [], [])
    listed = ask(state, site, new_request("stands"))
    assert [each["en"] for each in listed.stands] == ["l-1 It leaks", "l-2 It leaks"]
    assert ask(state, site, new_request("clear", who="somchai", latch="l-1")).done
    assert list(memory(state).latches) == ["l-2"]
    assert not ask(state, site, new_request("clear", who="somchai", latch="l-1")).done
    assert ask(state, site, new_request("clear", who="somchai")).done
    assert memory(state).latches == {}


def test_what_nobody_has_taken_is_taken_back(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    StateStore(tmp_path).close()
    Desk(tmp_path).open()
    with closing(StateLock(tmp_path)), pytest.raises(Transient, match="Nothing was changed"):
        ask(tmp_path, site, new_request("unlock", who="somchai"), within_s=0.1)
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_desk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    site, desk = site_of(tmp_path), Desk(tmp_path)
    StateStore(tmp_path).close()
    desk.open()
    request = new_request("unlock", who="somchai")
    (tmp_path / FOLDER / f"ask-{request.id}.json").mkdir()
    with closing(StateLock(tmp_path)), pytest.raises(Transient, match="as the user of the agent"):
        ask(tmp_path, site, request, within_s=0.1)


def test_the_desk_is_empty_at_a_start_and_throws_away_what_is_no_request(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.open()
    old = tmp_path / FOLDER / "ask-0.json"
    old.write_bytes(msgspec.json.encode(Request("0", "unlock", "somebody, last week")))
    desk.open()
    assert desk.take() == []
    for name, content in (("1", b"{"), ("2", b'{"id": "2", "deed": "open the water"}'), ("3", b"\xff")):
        (tmp_path / FOLDER / f"ask-{name}.json").write_bytes(content)
    assert desk.take() == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_folder_that_is_no_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no agent has run"):
        ask(tmp_path / "typo", site_of(tmp_path), new_request("unlock", who="somchai"))
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("who", ["", " ", "x" * 65, "two\nlines", "\x1b[31mred"])
def test_a_name_is_one_short_line(who: str) -> None:
    with pytest.raises(ValueError, match="--who"):
        new_request("unlock", who=who)


def test_the_commands_say_what_came_of_it(tmp_path: Path) -> None:
    site, state = tmp_path / "site.toml", tmp_path / "state"
    site.write_text(SITE, encoding="utf-8")

    def told(*words: str) -> tuple[int, str]:
        program = [sys.executable, "-c", "from tonnam_edge.main import main; main()", *words]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    where = (str(site), "--state", str(state))
    code, text = told("lock", *where, "--who", "somchai", "--why", "digging")
    assert code == 2
    assert "no agent has run" in text
    StateStore(state).close()
    assert told("lock", *where, "--who", "somchai", "--why", "digging")[0] == 0
    code, text = told("stands", *where)
    assert (code, "The whole farm is locked by somchai: digging" in text) == (0, True)
    assert told("unlock", *where, "--who", "somchai")[0] == 0
    assert told("unlock", *where, "--who", "somchai") == (1, "Nothing is locked there\n")
    said = "There is no zone zone-9 here. There are: zone-1, zone-2\n"
    assert told("unlock", *where, "--who", "somchai", "--zone", "zone-9") == (1, said)
