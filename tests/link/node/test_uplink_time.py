"""Nodes whose clocks are wrong: over real brokers every reading arrives, and at the time at which it was taken."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.link.harness import SPECS, TOPIC, Ledger, cloud, is_hello, node, running, until
from tests.link.machines import HOUR_MS, IN_1970_MS, IN_2036_MS, Machine, reading
from tests.link.node.times import TRIP_MS, assert_right, nowhere, takes, told
from tonnam_link.clock import system_clock
from tonnam_link.messages import Frame
from tonnam_link.mqtt.broker import Broker
from tonnam_link.mqtt.session import Session
from tonnam_link.node import disk, greeter
from tonnam_link.quality import Quality
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Channel
from tonnam_link.wire.decode import peek

NAME = SPECS[0].datastream


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greet again and open again after a moment."""
    monkeypatch.setattr(greeter, "FIRST_PAUSE_S", 0.5)
    monkeypatch.setattr(disk, "OPEN_AGAIN_S", 0.2)


@pytest.mark.parametrize("shows_ms", [IN_1970_MS, IN_2036_MS], ids=["1970", "2036"])
async def test_what_was_taken_under_a_wrong_clock_arrives_at_its_right_time(
    broker: str, path: Path, shows_ms: int
) -> None:
    machine, ledger = Machine(shows_ms), Ledger()
    uplink = node(path, broker, clock=machine.clock())
    taken = await takes(uplink, machine, 0, 50)
    assert (uplink.backlog().readings, uplink.backlog().words, uplink.backlog().empty) == (50, 2, False)
    async with running(uplink.run()):
        taken |= await takes(uplink, machine, 50, 10)
        async with cloud(broker, ledger):
            await until(lambda: uplink.clock.synced, "the time")
            machine.sets_its_clock(IN_2036_MS)
            taken |= await takes(uplink, machine, 60, 10)
            machine.sets_its_clock(system_clock() - HOUR_MS)
            taken |= await takes(uplink, machine, 70, 10)
            await until(lambda: len(ledger.readings) == 80 and len(ledger.outcomes) == 4, "all of it")
            await until(lambda: uplink.backlog().empty, "the last reply")
    assert_right(ledger, taken, machine)
    assert set(ledger.qualities.values()) == {Quality.GOOD}
    for first, last in ((0, 49), (50, 59), (60, 69), (70, 79)):
        event = ledger.events[f"e{first}"]
        assert abs(event.at_ms - told(ledger)[last]) < TRIP_MS
        assert event.body == {"zone": "zone-1"}
        assert abs(ledger.outcomes[f"c{first}"].at_ms - told(ledger)[last]) < TRIP_MS


async def test_node_that_loses_an_hour_before_it_knows_the_time_mixes_nothing_up(broker: str, path: Path) -> None:
    machine, ledger = Machine(system_clock()), Ledger()
    uplink = node(path, broker, clock=machine.clock())
    taken = await takes(uplink, machine, 0, 20)
    machine.sets_its_clock(system_clock() - HOUR_MS)
    taken |= await takes(uplink, machine, 20, 20)
    async with cloud(broker, ledger), running(uplink.run()):
        await until(lambda: len(ledger.readings) == 40, "all readings")
    assert_right(ledger, taken, machine)


async def test_time_is_asked_for_with_the_first_word_and_there_within_a_round_trip(broker: str, path: Path) -> None:
    machine, ledger, heard = Machine(), Ledger(), list[bytes]()
    listener = Session(Broker.parse(broker), client_id="listener")
    listener.subscribe(f"{TOPIC}/{Channel.UP}", lambda message: heard.append(message.payload))
    uplink = node(path, broker, clock=machine.clock(), seal_every_s=3600)
    async with cloud(broker, ledger), running(listener.run()):
        await listener.connected.wait()
        async with running(uplink.run()):
            await until(lambda: uplink.connected, "the connection")
            await until(lambda: uplink.clock.synced, "the time", 1.5)
            await until(lambda: bool(heard), "what the node said, which may reach us after the cloud")
    assert is_hello(heard[0])
    assert not ledger.groups


async def test_hours_that_waited_for_the_time_do_not_hold_up_what_is_new(broker: str, path: Path) -> None:
    machine, ledger, before_live = Machine(), Ledger(), list[int]()

    def watch(received: Received) -> Answer | None:
        if received.channel is Channel.UP and peek(received.payload).kind == "readings":
            before_live.append(len(ledger.readings))
        return None

    ledger.before = watch
    uplink = node(path, broker, clock=machine.clock(), seal_every_s=0.3)
    taken: dict[int, int] = {}
    for part in range(5):
        taken |= await takes(uplink, machine, part * 7_000, 7_000, every_ms=1_000)
    async with running(uplink.run()):
        await until(lambda: uplink.connected, "the connection")
        async with cloud(broker, ledger):
            await until(lambda: uplink.clock.synced, "the time")
            taken |= await takes(uplink, machine, 80_000, 5)
            await until(lambda: 80_004 in told(ledger), "the newest reading", 10)
            await until(lambda: uplink.backlog().empty, "all of it", 60)
    assert_right(ledger, taken, machine)
    assert before_live[0] < 20_000
    assert sum(received.channel is Channel.BACK for group in ledger.groups for received in group) >= 2
    assert sum(len(group) for group in ledger.groups) < 30


async def test_boots_that_never_know_the_time_are_told_once_as_suspect_and_never_as_one(
    broker: str, path: Path
) -> None:
    machine, ledger = Machine(IN_1970_MS), Ledger()
    for boot in range(3):
        uplink = node(path, broker, clock=machine.clock())
        async with cloud(broker, ledger, clock=lambda: None), running(uplink.run()):
            await takes(uplink, machine, boot * 100, 20)
            await until(lambda: len(told(ledger)) == boot * 20, "what was taken before this boot")  # noqa: B023
            assert not uplink.clock.synced
        machine.boot()
    uplink = node(path, broker, clock=machine.clock())
    async with cloud(broker, ledger), running(uplink.run()):
        taken = await takes(uplink, machine, 300, 20)
        await until(lambda: len(told(ledger)) == 80 and len(ledger.events) == 4, "all of it")
        await until(lambda: uplink.backlog().empty, "the last reply")
    found = told(ledger)
    suspect = {number for number, at in found.items() if ledger.qualities[NAME, at] == Quality.CLOCK_SUSPECT}
    assert suspect == {number for number in found if number < 300}
    offset_ms = system_clock() - machine.mono_ms()
    assert all(abs(found[number] - mono_ms - offset_ms) < TRIP_MS for number, mono_ms in taken.items())
    order = [number for number in sorted(found, key=lambda number: found[number]) if number in suspect]
    assert order == sorted(suspect)
    assert [ledger.events[f"e{n}"].body.get("clock_suspect") for n in (0, 100, 200, 300)] == [True, True, True, None]


async def test_kernel_that_knows_the_time_is_enough_also_when_it_learns_it_late(broker: str, path: Path) -> None:
    machine, ledger = Machine(IN_1970_MS), Ledger()
    uplink = node(path, broker, clock=machine.clock())
    async with cloud(broker, ledger, clock=lambda: None), running(uplink.run()):
        taken = await takes(uplink, machine, 0, 10)
        machine.sets_its_clock(system_clock())
        machine.synced = True
        await until(lambda: len(ledger.readings) == 10, "what waited", 5)
        taken |= await takes(uplink, machine, 10, 10)
        await until(lambda: len(ledger.readings) == 20, "the others", 5)
    assert_right(ledger, taken, machine)


async def test_process_that_starts_again_in_the_same_boot_knows_the_time(broker: str, path: Path) -> None:
    machine, ledger = Machine(), Ledger()
    first = node(path, broker, clock=machine.clock())
    taken = await takes(first, machine, 0, 5)
    async with cloud(broker, ledger), running(first.run()):
        await until(lambda: len(ledger.readings) == 5, "the first readings")
    second = node(path, nowhere(), clock=machine.clock())
    assert second.clock.synced
    async with running(second.run()):
        taken |= await takes(second, machine, 5, 5)
    third = node(path, broker, clock=machine.clock())
    async with cloud(broker, ledger, clock=lambda: None), running(third.run()):
        await until(lambda: len(ledger.readings) == 10, "the others")
    assert_right(ledger, taken, machine)


async def test_process_that_was_killed_before_it_knew_leaves_what_waits_to_the_next(broker: str, path: Path) -> None:
    machine, ledger = Machine(), Ledger()
    first = node(path, nowhere(), clock=machine.clock())
    taken = await takes(first, machine, 0, 5)
    async with running(first.run()):
        await asyncio.sleep(0)
    machine.passes(2 * HOUR_MS)
    second = node(path, broker, clock=machine.clock())
    async with cloud(broker, ledger), running(second.run()):
        taken |= await takes(second, machine, 5, 5)
        await until(lambda: len(ledger.readings) == 10, "all readings")
    assert_right(ledger, taken, machine)


async def test_cloud_that_is_hours_away_is_told_once_and_not_followed(broker: str, path: Path) -> None:
    machine, ledger = Machine(), Ledger()
    wrong_by_ms = 0
    uplink = node(path, broker, clock=machine.clock())
    async with cloud(broker, ledger, clock=lambda: system_clock() + wrong_by_ms), running(uplink.run()):
        await until(lambda: uplink.clock.synced, "the time")
        wrong_by_ms = 5 * HOUR_MS
        taken: dict[int, int] = {}
        for part in range(3):
            taken |= await takes(uplink, machine, 10 * part, 5)
            await until(lambda: uplink.backlog().empty, "the reply")
        await until(lambda: any(e.kind == "clock.disagrees" for e in ledger.events.values()), "the report")
    assert_right(ledger, taken, machine)
    (disagrees,) = [event for event in ledger.events.values() if event.kind == "clock.disagrees"]
    assert abs(disagrees.body["difference_s"] - 5 * 3600) <= 2


@pytest.mark.parametrize("absurd", [IN_1970_MS, IN_2036_MS])
async def test_cloud_in_1970_or_2036_teaches_nothing(mosquitto_broker: str, path: Path, absurd: int) -> None:
    machine, ledger = Machine(), Ledger()
    uplink = node(path, mosquitto_broker, clock=machine.clock())
    lost = contextlib.AsyncExitStack()
    await lost.enter_async_context(cloud(mosquitto_broker, ledger, clock=lambda: absurd))
    async with lost, running(uplink.run()):
        taken = await takes(uplink, machine, 0, 5)
        await uplink.accept([Frame(system_clock() - HOUR_MS, reading(uplink.clock, 100).samples)])
        await until(lambda: 100 in told(ledger), "a reading whose time is known")
        assert not uplink.clock.synced
        await lost.aclose()
        async with cloud(mosquitto_broker, ledger):
            await until(lambda: len(ledger.readings) == 6, "the others", 60)
    del ledger.readings[NAME, told(ledger)[100]]
    assert_right(ledger, taken, machine)


async def test_node_that_is_answered_but_not_told_the_time_asks_no_faster_for_that(
    mosquitto_broker: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeter, "FIRST_PAUSE_S", 2.0)
    machine, ledger, heard = Machine(), Ledger(), list[bytes]()
    listener = Session(Broker.parse(mosquitto_broker), client_id="listener")
    listener.subscribe(f"{TOPIC}/{Channel.UP}", lambda message: heard.append(message.payload))
    uplink = node(path, mosquitto_broker, clock=machine.clock())
    async with cloud(mosquitto_broker, ledger, clock=lambda: None), running(listener.run(), uplink.run()):
        await until(lambda: len(heard) >= 2, "the second greeting", 10)
        assert all(is_hello(payload) for payload in heard)
        assert len(heard) == 2


async def test_replies_that_come_late_or_twice_teach_nothing(mosquitto_broker: str, path: Path) -> None:
    machine, ledger, replies = Machine(), Ledger(), list[bytes]()
    stranger = Session(Broker.parse(mosquitto_broker), client_id="stranger")
    stranger.subscribe(f"{TOPIC}/{Channel.REPLY}", lambda message: replies.append(message.payload))
    uplink = node(path, mosquitto_broker, clock=machine.clock())
    async with cloud(mosquitto_broker, ledger), running(stranger.run()):
        await stranger.connected.wait()
        async with running(uplink.run()):
            await takes(uplink, machine, 0, 5)
            await until(lambda: uplink.backlog().empty and uplink.clock.synced, "the last reply")
            offset_ms, again = uplink.clock.offset_ms, list(replies)
            for payload in again * 3:
                stranger.publish(f"{TOPIC}/{Channel.REPLY}", payload)
            await until(lambda: len(replies) == 4 * len(again), "all of them once more")
            await takes(uplink, machine, 5, 1)
            await until(lambda: uplink.backlog().empty, "the next reply")
            assert uplink.clock.offset_ms is not None
            assert offset_ms is not None
            assert abs(uplink.clock.offset_ms - offset_ms) <= 50
