"""The agent on a machine that does not know the time: in this process, with real sockets, broker and outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.edge.farms import SITE, site_of
from tests.edge.servers import ModbusServer
from tests.edge.test_all_off import Board
from tests.link.harness import Ledger, cloud, until
from tests.link.machines import IN_1970_MS, IN_2036_MS, Machine
from tonnam_edge.agent import Agent
from tonnam_edge.state_store import OUTBOX_FILE, StateStore
from tonnam_link.clock import system_clock
from tonnam_link.messages import Command, CommandAction
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node import greeter
from tonnam_link.node.uplink import Uplink


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greet again after a moment."""
    monkeypatch.setattr(greeter, "FIRST_PAUSE_S", 0.5)


class Ran:
    """An agent that runs, and its uplink."""

    def __init__(self, folder: Path, address: str, broker: str, machine: Machine) -> None:
        text = SITE.replace("tcp://127.0.0.1:1502", address).replace("[[zone]]", f"{BEAT}[[zone]]", 1)
        site = site_of(folder, text)
        self.clock = machine.clock()
        self.store = StateStore(folder / "state")
        self.link = Uplink(
            folder / "state" / OUTBOX_FILE,
            Broker.parse(broker),
            tenant="farm",
            node="edge-1",
            datastreams=[datastream.spec for datastream in site.datastreams],
            clock=self.clock,
            seal_every_s=0.2,
        )
        self.agent = Agent(site, self.store, self.link, structlog.get_logger(), clock=self.clock)


BEAT = """[telling]
every_s = 1
send_s = 1

"""


@contextlib.asynccontextmanager
async def ran(folder: Path, broker: str, machine: Machine) -> AsyncIterator[Ran]:
    """The agent from its start to its good end."""
    async with ModbusServer(Board().execute) as server:
        one = Ran(folder, server.address, broker, machine)
        task = asyncio.create_task(one.agent.run())
        try:
            yield one
        finally:
            one.agent.stop()
            await task
            one.store.close()


def starts(ledger: Ledger) -> list[dict[str, Any]]:
    """The bodies of the starts that were told, in their order."""
    told = [event for event in ledger.events.values() if event.kind == "node.started"]
    return [event.body for event in sorted(told, key=lambda event: event.at_ms)]


def kinds(ledger: Ledger) -> set[str]:
    return {event.kind for event in ledger.events.values()}


async def test_all_that_it_said_before_it_knew_the_time_arrives_at_its_right_time(
    tmp_path: Path, mosquitto_broker: str
) -> None:
    machine, ledger, began_ms = Machine(IN_1970_MS), Ledger(), system_clock()
    async with ran(tmp_path, mosquitto_broker, machine) as one:
        await until(lambda: one.link.backlog().readings > 10, "readings in 1970")
        machine.sets_its_clock(IN_2036_MS)
        await until(lambda: one.link.backlog().readings > 20, "readings in 2036")
        assert one.agent.core.safe
        async with cloud(mosquitto_broker, ledger):
            await until(lambda: {"node.started", "site.described", "zone.planned"} <= kinds(ledger), "the events")
            await until(lambda: one.clock.synced and len(ledger.readings) > 60, "readings with a time")
    times = sorted({at for _, at in ledger.readings})
    assert began_ms - 1_000 < times[0] < times[-1] < system_clock() + 1_000
    assert all(began_ms - 1_000 < event.at_ms < system_clock() + 1_000 for event in ledger.events.values())
    (started,) = [event for event in ledger.events.values() if event.kind == "node.started"]
    assert (started.body["gap_from_ms"], started.body["gap_to_ms"]) == (None, None)


async def test_command_to_water_waits_for_the_time_and_a_stop_does_not(tmp_path: Path, mosquitto_broker: str) -> None:
    machine, ledger = Machine(), Ledger()

    def order(command_id: str, action: CommandAction) -> Command:
        now_ms = system_clock()
        return Command(command_id, action, "zone-1", now_ms, now_ms + 60_000, 30)

    async with ran(tmp_path, mosquitto_broker, machine) as one:
        async with cloud(mosquitto_broker, ledger, clock=lambda: None):
            await until(lambda: one.agent.core.safe and one.link.answered, "the start")
            one.link.commands.put_nowait(order("w-1", CommandAction.WATER))
            await until(one.link.commands.empty, "the way of the command")
            one.link.commands.put_nowait(order("s-1", CommandAction.STOP))
            await until(one.link.commands.empty, "the way of the stop")
            assert not ledger.outcomes
        async with cloud(mosquitto_broker, ledger):
            await until(lambda: "s-1" in ledger.outcomes, "what became of the stop", 30)
            assert "w-1" not in ledger.outcomes
            one.link.commands.put_nowait(order("w-2", CommandAction.WATER))
            await until(lambda: "w-2" in ledger.outcomes, "what became of the water")
    assert ledger.outcomes["s-1"].state == "done"
    assert abs(ledger.outcomes["s-1"].at_ms - system_clock()) < 60_000


async def test_gap_after_a_kill_is_told_in_true_times_though_the_killed_one_never_knew_them(
    tmp_path: Path, mosquitto_broker: str
) -> None:
    machine, ledger = Machine(), Ledger()
    async with ran(tmp_path, "mqtt://127.0.0.1:9", machine) as one:
        await until(lambda: one.link.backlog().readings > 20, "readings without a time")
        one.store.ended_cleanly = lambda: None  # type: ignore[method-assign]
    ended_ms = system_clock()
    async with ran(tmp_path, mosquitto_broker, machine) as one:
        await until(lambda: one.link.connected, "the connection")
        async with cloud(mosquitto_broker, ledger):
            await until(lambda: len(starts(ledger)) == 2, "both starts")
    first, second = starts(ledger)
    assert first["gap_from_ms"] is None
    assert abs(second["gap_from_ms"] - ended_ms) < 5_000


async def test_farm_that_runs_beside_a_refusing_disk_is_seen_live(tmp_path: Path, mosquitto_broker: str) -> None:
    machine, ledger = Machine(), Ledger()
    async with cloud(mosquitto_broker, ledger), ran(tmp_path, mosquitto_broker, machine) as one:
        await until(lambda: len(ledger.readings) > 20, "readings")
        assert one.link._disk.outbox is not None
        one.link._disk.outbox._db.execute("PRAGMA query_only = ON")
        one.store._database.execute("PRAGMA query_only = ON")
        await until(lambda: not one.agent.core.remembers, "the refusal")
        before = len(ledger.readings)
        await until(lambda: len(ledger.readings) > before + 30, "live readings")
        one.link._disk.outbox._db.execute("PRAGMA query_only = OFF")
        one.store._database.execute("PRAGMA query_only = OFF")
        await until(lambda: one.agent.core.remembers, "the disk")
        await until(lambda: one.link.backlog().empty, "the last reply")
    assert set(ledger.writes.values()) <= {1, 2}
