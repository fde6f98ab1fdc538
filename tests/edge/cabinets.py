"""A water cabinet and probes behind real sockets, in this process: boards with timers, a level, a meter, soil."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.edge.farms import SITE, Registers
from tests.edge.servers import ModbusServer
from tonnam_link.messages import Command, Event, Frame, Outcome, Stamp


class TimedBoard:
    """A relay board whose timers run by the real clock. With `renews` a second flash begins the time anew."""

    def __init__(self, *, renews: bool = True, on: bool = False) -> None:
        self.coils = [on] * 8
        self.until: dict[int, float] = {}
        self.renews = renews
        self.answers = True
        self.flashes: list[tuple[int, float]] = []

    def execute(self, request: bytes) -> bytes | None:
        self.look()
        if not self.answers:
            return None
        function, address, value = struct.unpack(">BHH", request)
        if function == 1:
            return bytes([1, 1, sum(on << n for n, on in enumerate(self.coils))])
        coil = address & 0xFF
        if address < 0x200:
            self.coils[coil] = value == 0xFF00
            self.until.pop(coil, None)
            return request
        self.flashes.append((coil, value / 10))
        if self.renews or coil not in self.until:
            self.until[coil] = time.monotonic() + value / 10
        self.coils[coil] = address < 0x400  # else a flash off: on again by itself
        return request

    def look(self) -> None:
        """Let timers run out."""
        for coil, until in list(self.until.items()):
            if time.monotonic() >= until:
                self.coils[coil] = not self.coils[coil]
                del self.until[coil]


class Cabinet:
    """Unit 1 is the board of pump and valves, 2 the level, 3 the meter; 9 is a second board."""

    def __init__(self, *, on: bool = False) -> None:
        self.boards = {1: TimedBoard(on=on), 9: TimedBoard(on=on)}
        self.level = Registers({2: 1, 3: 1, 4: 1500})
        self.litres = 5000.0
        self.flow_l_min = 600.0
        self._at = time.monotonic()

    @property
    def coils(self) -> list[bool]:
        """Pump and both valves."""
        self.boards[1].look()
        return self.boards[1].coils[:3]

    def execute(self, unit: int, request: bytes) -> bytes | None:
        self._flow()
        if unit in self.boards:
            return self.boards[unit].execute(request)
        if unit == 2:
            return self.level.execute(unit, request)
        whole = int(self.litres)
        return Registers({0: whole >> 16, 1: whole & 0xFFFF, 2: 0}).execute(unit, request)

    def _flow(self) -> None:
        now = time.monotonic()
        coils = self.boards[1].coils
        if coils[0] and (coils[1] or coils[2]):
            self.litres += self.flow_l_min * (now - self._at) / 60
        self._at = now


class Soil:
    """Probes by unit, in tenths of a per cent."""

    def __init__(self, *tenths: int) -> None:
        self.tenths = list(tenths)

    def execute(self, unit: int, request: bytes) -> bytes | None:
        moist = self.tenths[unit - 1]
        return Registers({0: moist, 1: 280, 2: 900, 3: 65}).execute(unit, request)


class DeafLink:
    """An uplink that takes everything and keeps it, without a broker."""

    def __init__(self) -> None:
        self.commands: asyncio.Queue[Command] = asyncio.Queue()
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None:
        self.events += events
        self.outcomes += outcomes

    async def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None:
        return at_ms if stamp is None else None

    async def run(self) -> None:
        await asyncio.Event().wait()

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def ended(self) -> list[Event]:
        return [event for event in self.events if event.kind == "run.ended"]


@asynccontextmanager
async def standing(cabinet: Cabinet, soil: Soil, text: str = SITE) -> AsyncIterator[str]:
    """The cabinet and the probes on sockets; gives the site file's text with their addresses."""
    async with ModbusServer(cabinet.execute) as one, ModbusServer(soil.execute) as two:
        text = text.replace("tcp://127.0.0.1:1502", one.address).replace("tcp://127.0.0.1:1503", two.address)
        yield text.replace('profile = "cwt-soil-7in1"', 'profile = "cwt-soil-7in1"\npoll_s = 0.5')
