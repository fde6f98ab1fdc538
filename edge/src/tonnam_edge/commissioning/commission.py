"""Commissioning: each board and each valve is tried, a person says what there is to see, and the results are kept.

Whatever happens, one thing is open at a time, and never longer than the shortest time in which a person can see
something; the board holds that deadline where it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tonnam_edge.commissioning import commission_words as words
from tonnam_edge.commissioning.bench import Bench
from tonnam_edge.errors import Transient
from tonnam_edge.limits import DECAY_S, FILL_S, OPEN_MARGIN_S, PULSES_TO_WAIT, PUMP_MARGIN_S
from tonnam_edge.person import Person
from tonnam_edge.site.coils import PULSE_S, energised
from tonnam_edge.site.site import Actuator, Device, Zone
from tonnam_edge.site.site_file import ActuatorPart

# Travel is written in steps of this: a person presses no button more exactly.
TRAVEL_STEP_S = 0.5
METER_EVERY_S = 0.25


@dataclass(frozen=True)
class Times:
    """How long things are on, in seconds."""

    power_s: float = 60.0  # for a person to switch a board off and on
    look_s: float = 10.0  # to see which way a valve moves, and the first try of its travel
    longest_travel_s: float = 120.0
    contactor_s: float = 3.0
    flash_s: float = 3.0
    fill_s: float = FILL_S
    flow_s: float = 30.0
    decay_s: float = DECAY_S


class Commissioning:
    """One walk through a site. `results` are what was found good, as `site_edit.Changes`."""

    def __init__(self, bench: Bench, person: Person, today: str | None, times: Times | None = None) -> None:
        self._bench, self._person, self._today = bench, person, today
        self._site = bench.site
        self._times = times or Times()
        self._bad_boards: set[str] = set()
        self._good: set[str] = set()  # pumps whose contactor has pulled in
        self._untried_boards: set[str] = set()  # whose power nobody has cut
        self.results: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)

    async def walk(self) -> None:
        """Everything in its order. What is found wrong is told and not written. Raises Gone, NotOff."""
        for board in self._boards():
            await self._heeding_silence(self._board, board)
        for actuator in self._moved(turns=False):
            await self._heeding_silence(self._valve, actuator)
        for actuator in self._moved(turns=True):
            await self._heeding_silence(self._pump, actuator)
        for zone in self._site.zones.values():
            if self._site.total_of(zone.id) is not None:
                await self._heeding_silence(self._flow, zone)

    async def _heeding_silence(self, step: Callable[[Any], Any], what: Any) -> None:
        try:
            await step(what)
        except Transient as failure:
            self._person.tell(words.silent(str(failure)))

    def _boards(self) -> list[Device]:
        used = {actuator.part.device for actuator in self._site.actuators.values()}
        return [device for name, device in self._site.devices.items() if name in used]

    def _moved(self, *, turns: bool) -> Iterator[Actuator]:
        """Those of boards that are as they must be."""
        for actuator in self._site.actuators.values():
            if actuator.part.turns is turns and actuator.part.device not in self._bad_boards:
                yield actuator

    def _of(self, board: Device) -> list[Actuator]:
        return [one for one in self._site.actuators.values() if one.part.device == board.part.id]

    def _energised(self, board: Device) -> Actuator | None:
        """What is moved to try a board: one whose coil is on while it is on, a valve rather than a motor."""
        mine = [one for one in self._of(board) if _by_its_coil(one.part)]
        return min(mine, key=lambda one: one.part.turns, default=None)

    def _let_go(self, board: Device) -> Actuator | None:
        """What is moved to try the board's other timer, which turns a coil on again: a valve that closes when
        energised."""
        mine = [one for one in self._of(board) if one.part.kind != "latching" and not _by_its_coil(one.part)]
        return min(mine, key=lambda one: one.part.turns, default=None)

    async def _board(self, board: Device) -> None:
        """Its state after a power cut, and its timers."""
        self._bad_boards.add(board.part.id)  # until it is found good
        relay, name, first = board.profile.relay, board.part.name, self._energised(board)
        if relay is None:
            return
        await self._bench.coils(board.part.id, relay.coils)  # who does not answer is left out
        await self._all_off(board)
        untimed = any(one.timer_s is None for one in self._of(board))
        if untimed and await self._person.ask(words.no_timer(name), "yn") == "n":
            return
        if first is not None and not await self._comes_back_off(board, first):
            return
        await self._all_off(board)
        for timed in (first, self._let_go(board)):
            if timed is not None and timed.timer_s is not None and not await self._timer(board, timed):
                return
        pulsed = next((one for one in self._of(board) if one.part.kind == "latching"), None)
        if pulsed is not None and not await self._pulse(board, pulsed):
            return
        self._bad_boards.discard(board.part.id)

    async def _all_off(self, board: Device) -> None:
        """What a power cut has let go of, too: a valve that closes when energised."""
        for actuator in self._of(board):
            await self._bench.off(actuator)

    async def _comes_back_off(self, board: Device, first: Actuator) -> bool:
        """Whether a relay that was on is off after a power cut. One that remembers would open a valve at night."""
        name, relay = board.part.name, first.relay
        try:
            async with self._bench.on(first, self._times.power_s):
                answer = await self._person.ask(words.cut_power(name, self._times.power_s))
                if answer == "s":
                    self._untried_boards.add(board.part.id)
                    return True
                off = not any(await self._coils(board, relay.coils))
        except TimeoutError:
            await self._person.ask(words.time_over())
            return False
        self._person.tell(words.comes_back(name, off=off))
        if off:
            self.results["device", board.part.id]["power_on"] = "off"
        return off

    async def _coils(self, board: Device, count: int) -> Sequence[int]:
        """Its coils, as soon as it answers: a board takes a while to boot."""
        while True:
            try:
                return await self._bench.coils(board.part.id, count)
            except Transient:
                await asyncio.sleep(0.2)

    async def _timer(self, board: Device, first: Actuator) -> bool:
        """Whether the board ends an opening by itself, and what a second one does while the first still runs."""
        flash_s = self._times.flash_s
        loop = asyncio.get_running_loop()
        ended: float | None = None
        try:
            began = loop.time()
            async with self._bench.on(first, flash_s, within_s=3 * flash_s):
                await asyncio.sleep(flash_s * 2 / 3)
                await self._bench.renew(first, flash_s)
                while await self._bench.is_on(first):  # noqa: ASYNC110 - it must be asked
                    await asyncio.sleep(flash_s / 30)
                ended = (loop.time() - began) / flash_s
        except TimeoutError:
            ended = None
        closes, renews = ended is not None and ended < 1.85, ended is not None and 1.4 < ended < 1.85
        self._person.tell(words.timer_result(board.part.name, closes=closes, renews=renews))
        for one in self._of(board) if closes else ():
            if one.timer_s is not None and _by_its_coil(one.part) is _by_its_coil(first.part):
                self.results["actuator", one.id]["renewable"] = "verified" if renews else "unknown"
        return closes

    async def _pulse(self, board: Device, valve: Actuator) -> bool:
        """Whether the board ends a latching valve's pulse by itself: one that stays on burns out. Raises NotOff."""
        pulse_s = valve.part.pulse_s or PULSE_S
        async with self._bench.on(valve, self._times.flash_s, within_s=3 * self._times.flash_s + pulse_s):
            await asyncio.sleep(pulse_s + self._times.flash_s / 3)
            ends = not await self._bench.is_on(valve)
            self._person.tell(words.pulse_result(board.part.name, ends=ends))
        return ends

    async def _valve(self, actuator: Actuator) -> None:
        """Which way it moves, and how long that takes."""
        name = actuator.part.name
        seen = await self._look(actuator)
        if seen != ("c" if actuator.part.safe_open else "o"):
            self._person.tell(words.not_right(name, "c" if seen == "o" else seen))
            return
        travel_s = await self._travel(actuator)
        if travel_s is None:
            self._person.tell(words.not_right(name, ""))
            return
        self._person.tell(words.travel_is(name, travel_s))
        self.results["actuator", actuator.id]["travel_s"] = travel_s
        self._passed(actuator)

    def _passed(self, actuator: Actuator) -> None:
        """Commissioned is what was tried whole: not on a board that may come back with a relay on."""
        if self._today is not None and actuator.part.device not in self._untried_boards:
            self.results["actuator", actuator.id]["commissioned"] = self._today

    async def _look(self, actuator: Actuator) -> str:
        """What a person sees when it is on; "" when there was no answer in time."""
        look_s = self._times.look_s
        try:
            async with self._bench.on(actuator, look_s):
                return await self._person.ask(words.what_moves(actuator.part.name, look_s), "ocwn")
        except TimeoutError:
            await self._person.ask(words.time_over())
            return ""

    async def _travel(self, actuator: Actuator) -> float | None:
        """The longer of both ways, with the shortest opening that is long enough; None when none is."""
        hold_s, longest_s = self._times.look_s, self._times.longest_travel_s
        while True:
            travelled_s = await self._there_and_back(actuator, hold_s)
            if travelled_s is not None and travelled_s <= longest_s:
                return math.ceil(travelled_s / TRAVEL_STEP_S) * TRAVEL_STEP_S
            if travelled_s is not None or hold_s >= longest_s:
                return None
            hold_s = min(2 * hold_s, longest_s)

    async def _there_and_back(self, actuator: Actuator, hold_s: float) -> float | None:
        loop, name = asyncio.get_running_loop(), actuator.part.name
        await self._person.ask(words.when_open(name, hold_s))
        try:
            async with self._bench.on(actuator, hold_s):
                began = loop.time()
                await self._person.ask(words.opens_now(name))
                there_s = loop.time() - began
        except TimeoutError:
            await self._person.ask(words.time_over())
            return None
        began = loop.time()
        await self._person.ask(words.closes_now(name))
        return max(there_s, loop.time() - began)

    async def _pump(self, actuator: Actuator) -> None:
        """Its contactor, while its motor has no supply."""
        seconds, stops = self._times.contactor_s, actuator.part.safe_open
        self._person.tell(words.contactor_moves(actuator.part.name, seconds, stops=stops))
        async with self._bench.on(actuator, seconds, within_s=2 * seconds):
            await asyncio.sleep(seconds * 2 / 3)
        if await self._person.ask(words.contactor(actuator.part.name, stops=stops), "yn") == "y":
            self._passed(actuator)
            self._good.add(actuator.id)

    async def _flow(self, zone: Zone) -> None:
        """The zone's flow by the meter, as in a short run: valves, travel, pump; pump, pressure, valves."""
        name, valves, motors = zone.part.name, self._valves_of(zone), self._motors_of(zone)
        if not all("travel_s" in self.results["actuator", one.id] for one in valves):
            return
        if not all(one.id in self._good for one in motors):
            return
        if await self._person.ask(words.measure_flow(name), "ys") == "s":
            return
        travel_s = max(float(self.results["actuator", one.id]["travel_s"]) for one in valves)
        runs_s = self._times.fill_s + self._times.flow_s + PUMP_MARGIN_S
        self._person.tell(words.water_flows(name, runs_s))
        async with contextlib.AsyncExitStack() as path:
            for valve in valves:
                await path.enter_async_context(
                    self._bench.on(valve, runs_s + 2 * travel_s + 2 * OPEN_MARGIN_S + DECAY_S)
                )
            await asyncio.sleep(travel_s)
            l_min = await self._pumped(motors, runs_s, self._site.total_of(zone.id))
        if l_min is None:
            self._person.tell(words.flow_unknown(name))
        elif await self._person.ask(words.flow_is(name, l_min), "yn") == "y":
            self.results["zone", zone.id]["flow_l_min"] = l_min

    def _valves_of(self, zone: Zone) -> list[Actuator]:
        names = (zone.part.valve, zone.part.master)
        return [self._site.actuators[name] for name in names if name is not None]

    def _motors_of(self, zone: Zone) -> list[Actuator]:
        """The contactor in series with the pump, if there is one, and the pump."""
        pump = None if zone.part.pump is None else self._site.actuators[zone.part.pump]
        names = () if pump is None else (pump.part.contactor, pump.id)
        return [self._site.actuators[name] for name in names if name is not None]

    async def _pumped(self, motors: Sequence[Actuator], runs_s: float, total: str | None) -> float | None:
        async with contextlib.AsyncExitStack() as on:
            for motor in motors:
                await on.enter_async_context(self._bench.on(motor, runs_s))
            l_min = await self._metered(total)
        await asyncio.sleep(self._times.decay_s if motors else 0)
        return l_min

    async def _metered(self, meter: str | None) -> float | None:
        """L/min from the first to the last pulse after the pipe is full; None when fewer than three came."""
        await asyncio.sleep(self._times.fill_s)
        loop, pulses = asyncio.get_running_loop(), list[tuple[float, float]]()
        ends, last = loop.time() + self._times.flow_s, await self._bench.value(meter)
        while loop.time() < ends:
            total = await self._bench.value(meter)
            if total is not None and total != last:
                pulses.append((loop.time(), total))
                last = total
            await asyncio.sleep(METER_EVERY_S)
        if len(pulses) <= PULSES_TO_WAIT or pulses[-1][1] <= pulses[0][1]:
            return None
        (from_s, from_l), (to_s, to_l) = pulses[0], pulses[-1]
        return round((to_l - from_l) / (to_s - from_s) * 60, 1)


def _by_its_coil(part: ActuatorPart) -> bool:
    """Whether its coil is on for as long as it is not in its safe state."""
    return part.kind != "latching" and energised(part, is_open=not part.safe_open)
