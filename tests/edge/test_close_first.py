"""The order on a serial line of 4800 baud: a close is the next transaction, whatever else the bus has to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import SITE, Registers, site_of
from tests.edge.test_bus import mono_ms, until
from tonnam_edge.core import Action, Observation
from tonnam_edge.modbus.bus import Bus
from tonnam_edge.modbus.wire import ModbusTransport
from tonnam_edge.modbus.write_queue import RETRY_MS, WriteQueue
from tonnam_sim.modbus_rtu import ModbusRtuServer

SECOND_BOARD = """
[[device]]
id = "relay-2"
bus = "cabinet"
unit = 9
profile = "waveshare-relay-8ch"
name = { th = "ตู้ 2", en = "Cabinet 2" }
"""
VALVE = """
[[actuator]]
id = "valve-%d"
role = "valve"
device = "relay-2"
coil = %d
name = { th = "วาล์ว %d", en = "Valve %d" }
"""
LEVEL, METER = Registers({2: 1, 3: 1, 4: 1500}), Registers({0: 0, 1: 77, 2: 0})
Frame = tuple[int, bytes]


def site_text(line: Path) -> str:
    valves = "".join(VALVE % (n + 3, n, n, n) for n in range(3))
    text = SITE.replace('"tcp://127.0.0.1:1502"', f'"{line}"\nbaud = 4800\ntimeout_s = 0.3')
    return text.replace("[[actuator]]", SECOND_BOARD + "[[actuator]]", 1) + valves


def close(actuator: str, device: str, coil: int) -> Action:
    return Action(actuator, device, coil, False, None, mono_ms())


class Line:
    """What is on a serial line: two boards, a level and a meter, some of them dead. Keeps the order of requests."""

    def __init__(self, dead: set[int]) -> None:
        self.dead = dead
        self.heard: list[Frame] = []
        self.when_heard: Callable[[Frame], None] = lambda frame: None

    def execute(self, unit: int, request: bytes) -> bytes | None:
        self.heard.append((unit, request))
        self.when_heard((unit, request))
        if unit in self.dead:
            return None
        if unit in {1, 9}:
            return bytes([1, 1, 0]) if request[0] == 1 else request
        return {2: LEVEL, 3: METER}[unit].execute(unit, request)


@asynccontextmanager
async def serving(folder: Path, line: Line, seen: list[Observation]) -> AsyncIterator[Bus]:
    server = ModbusRtuServer(folder / "line", line.execute, baud=4800)
    server.start()
    site = site_of(folder, site_text(folder / "line"))
    bus = Bus("cabinet", site, ModbusTransport(site.buses["cabinet"]), seen.append, mono_ms, structlog.get_logger())
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.stop()


async def test_a_close_that_is_decided_while_a_poll_is_on_the_wire_is_the_next_transaction(tmp_path: Path) -> None:
    line, asked = Line(dead=set()), set[int]()
    closes: list[int] = []
    async with serving(tmp_path, line, []) as bus:

        def decide(frame: Frame) -> None:
            unit, request = frame
            if request[0] != 5 and unit not in asked:
                asked.add(unit)
                closes.append(len(line.heard))
                bus.act([Action("valve-2", "relay", 2, True, 60.0, mono_ms()), close("valve-1", "relay", 1)])

        line.when_heard = decide
        await until(lambda: asked == {1, 2, 3, 9} and len(line.heard) > closes[-1] + 1)
    for at in closes:
        assert line.heard[at] == (1, bytes.fromhex("05 0001 0000"))
        assert line.heard[at + 1] == (1, bytes.fromhex("05 0202 0258"))


async def test_a_poll_of_a_dead_device_delays_a_close_by_that_one_transaction(tmp_path: Path) -> None:
    line = Line(dead={2})
    at: list[int] = []
    async with serving(tmp_path, line, []) as bus:

        def decide(frame: Frame) -> None:
            if frame[0] == 2:
                at.append(len(line.heard))
                bus.act([close("valve-1", "relay", 1)])

        line.when_heard = decide
        await until(lambda: len(at) >= 2 and len(line.heard) > at[-1])
    assert all(line.heard[n] == (1, bytes.fromhex("05 0001 0000")) for n in at if n < len(line.heard))


async def test_closes_that_a_dead_board_does_not_answer_delay_another_boards_close_by_one_at_most(
    tmp_path: Path,
) -> None:
    line, seen = Line(dead={9}), list[Observation]()
    at: list[int] = []
    async with serving(tmp_path, line, seen) as bus:
        await until(lambda: any(unit == 9 for unit, _ in line.heard))

        def decide(frame: Frame) -> None:
            if frame[0] == 9 and frame[1][0] == 5:
                at.append(len(line.heard))
                bus.act([close("valve-1", "relay", 1)])

        line.when_heard = decide
        bus.act([close(f"valve-{n + 3}", "relay-2", n) for n in range(3)])
        await until(lambda: len(at) >= 3)
        polls = sum(each.device == "tank" and each.values is not None for each in seen)
        await until(lambda: sum(e.device == "tank" and e.values is not None for e in seen) > polls)
        line.dead.clear()
        await until(lambda: {f"050{n:03x}0000" for n in range(3)} <= {r.hex() for u, r in line.heard if u == 9})
    assert all(line.heard[n] == (1, bytes.fromhex("05 0001 0000")) for n in at if n < len(line.heard))


async def test_a_dead_boards_closes_are_all_carried_out_as_soon_as_it_answers(tmp_path: Path) -> None:
    line = Line(dead={9})
    async with serving(tmp_path, line, []) as bus:
        bus.act([close(f"valve-{n + 3}", "relay-2", n) for n in range(3)])
        await until(lambda: any(unit == 9 and request[0] == 5 for unit, request in line.heard))
        line.heard.clear()
        line.dead.clear()
        await until(lambda: len({request for unit, request in line.heard if unit == 9 and request[0] == 5}) == 3)
    writes = [n for n, (unit, request) in enumerate(line.heard) if unit == 9 and request[0] == 5]
    assert writes[-1] - writes[0] == 2  # nothing between them


LATCHING = """
[[actuator]]
id = "latch"
role = "valve"
kind = "latching"
device = "relay-2"
coil = 4
close_coil = 5
cut_off_min = 60
name = { th = "วาล์วพัลส์", en = "Latching valve" }
"""


async def test_an_opening_of_several_writes_lets_a_close_go_between_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(dead=set())
    monkeypatch.setitem(globals(), "site_text", lambda path, whole=site_text: whole(path) + LATCHING)
    async with serving(tmp_path, line, []) as bus:

        def decide(frame: Frame) -> None:
            if frame == (9, bytes.fromhex("05 0005 0000")) and len(closed) == 0:
                closed.append(len(line.heard))
                bus.act([close("valve-1", "relay", 1)])

        closed: list[int] = []
        line.when_heard = decide
        bus.act([Action("latch", "relay-2", 4, True, None, mono_ms())])
        await until(lambda: (9, bytes.fromhex("05 0204 0001")) in line.heard)
    at = closed[0]
    assert line.heard[at : at + 3] == [
        (1, bytes.fromhex("05 0001 0000")),
        (9, bytes.fromhex("05 0005 0000")),
        (9, bytes.fromhex("05 0204 0001")),
    ]


@st.composite
def decisions(draw: st.DrawFn) -> list[tuple[str, int, bool]]:
    one = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2), st.booleans())
    return draw(st.lists(one, min_size=1, max_size=12))


@settings(max_examples=200, deadline=None)
@given(decisions(), st.sets(st.sampled_from(["a", "b"])))
def test_no_close_is_lost_nor_goes_behind_an_opening_and_a_dead_board_costs_one_time_out_a_round(
    plot: list[tuple[str, int, bool]], dead: set[str]
) -> None:
    queue, last = WriteQueue(), dict[str, bool]()
    for at, (device, coil, on) in enumerate(plot):
        name = f"{device}{coil}"
        queue.put([Action(name, device, coil, on, None, at)])
        last[name] = on
    done: dict[str, bool] = {}
    tries = dict.fromkeys("ab", 0)
    opened = False
    while (action := queue.take(1_000)) is not None:
        opened |= action.open
        assert action.open or not opened
        if action.device in dead:
            tries[action.device] += not action.open
            queue.failed(action, 1_000)
        else:
            done[action.actuator] = action.open
            queue.answered(action.device)
    closes = {name for name, on in last.items() if not on}
    assert all(tries[device] <= 1 for device in dead)
    assert {name for name, on in done.items() if not on} == {name for name in closes if name[0] not in dead}
    for device in dead:
        queue.answered(device)
    later = []
    while (action := queue.take(1_000 + RETRY_MS)) is not None:
        later.append(action.actuator)
    assert set(later) == {name for name in closes if name[0] in dead}
