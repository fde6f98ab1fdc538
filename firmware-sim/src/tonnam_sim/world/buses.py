"""The world's buses: Modbus PDUs in and out, with what a cable can do to them, and how long each transaction took."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..bus import Bus, wire_s
from ..devices.pdu import WRITES, Device
from ..physics.noise import Stream, uniform
from .conditions import Conditions
from .config import BusConfig

_TCP_S = 0.004
_UNITS_A_BUS = 1_000_000_007


class WorldBus(Bus):
    """A bus that keeps its time. `before` is called before a write is carried out, `written` after it.
    `spent_s` is how long its transactions have held the wires since `take_spent_s`.

    The world does not wait for it: who drives the world steps it by that time, as a real master would have waited.
    """

    def __init__(
        self,
        name: str,
        number: int,
        config: BusConfig,
        devices: Mapping[int, Device],
        *,
        before: Callable[[], None],
        written: Callable[[], None],
    ) -> None:
        super().__init__(name, devices)
        self.config = config
        self.conditions = Conditions()
        self.boards_down: set[int] = set()
        self.last_s = self.spent_s = 0.0
        self.seed = 0
        self._number = number
        self._count = 0
        self._before, self._written = before, written

    def execute(self, unit: int, request: bytes) -> bytes | None:
        """Carry a request PDU to a unit and return its response PDU; None when nobody answers."""
        response = self._carried(unit, request)
        self.last_s = self._lasts_s(request, response)
        self.spent_s += self.last_s
        return response

    def silent(self, unit: int) -> bool:
        """Whether nobody answers for a unit now, however often it is asked."""
        on = self.conditions
        return self.name in on.silent_buses or unit in self.boards_down or (self.name, unit) in on.dead_units

    def take_spent_s(self) -> float:
        """The time on the wires since the last call."""
        spent, self.spent_s = self.spent_s, 0.0
        return spent

    def _carried(self, unit: int, request: bytes) -> bytes | None:
        on = self.conditions
        lost = self._lost()
        if self.name in on.silent_buses or lost == "requests" or not request:
            return None
        self.dead = self.boards_down
        if on.dead_units:
            self.dead = self.boards_down | {dead for bus, dead in on.dead_units if bus == self.name}
        code = on.refusing_units.get((self.name, unit)) if on.refusing_units else None
        if code is not None and unit in self.devices and unit not in self.dead:
            response: bytes | None = bytes([request[0] | 0x80, code])
        else:
            response = self._execute(unit, request)
        return None if lost == "answers" else response

    def _execute(self, unit: int, request: bytes) -> bytes | None:
        if request[0] not in WRITES:
            return super().execute(unit, request)
        self._before()
        response = super().execute(unit, request)
        self._written()
        return response

    def _lost(self) -> str | None:
        """What of this transaction the cable loses."""
        self._count += 1
        if not self.conditions.lossy_buses:
            return None
        share, what = self.conditions.lossy_buses.get(self.name, (0.0, ""))
        if share <= 0.0:
            return None
        luck = uniform(self.seed, Stream.LOST_FRAMES, self._number * _UNITS_A_BUS + self._count)
        return what if luck < share else None

    def _lasts_s(self, request: bytes, response: bytes | None) -> float:
        if self.config.baud is None:
            return _TCP_S if response is not None else self.config.timeout_s
        return wire_s(request, response, self.config.baud, self.config.timeout_s)
