"""Relay boards with what they switch: coils, contacts apart from them, power, switches, emergency stop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..devices.relay import RelayBoard
from .conditions import Conditions
from .config import BoardConfig, Coil, WorldConfig

_NEAR_S = 1e-6
BOARDS_DOWN_UNDER, PUMP_STALLS_UNDER = 0.8, 0.7
_ON, _OFF = b"\x05\x00%c\xff\x00", b"\x05\x00%c\x00\x00"


def coils_of(config: WorldConfig) -> dict[str, Coil]:
    """Every actuator by its name, with its coil; a latching valve's second coil is name + "-close"."""
    coils: dict[str, Coil] = {}
    for pump in config.pumps:
        coils[pump.id] = pump.coil
        if pump.contactor is not None:
            coils["contactor" if pump.id == "pump" else f"{pump.id}-contactor"] = pump.contactor
    if config.filter.flush is not None:
        coils["flush"] = config.filter.flush.coil
    valves = [(zone.id, zone.valve) for zone in config.zones]
    if config.master is not None:
        valves.append(("master", config.master))
    for name, valve in valves:
        coils[name] = valve.coil
        if valve.close_coil is not None:
            coils[f"{name}-close"] = valve.close_coil
    for injector in config.injectors:
        coils[injector.id] = injector.coil
        if injector.valve is not None:
            coils[f"{injector.id}-valve"] = injector.valve
    if config.mixing is not None and config.mixing.circulation is not None:
        coils["circulation"] = config.mixing.circulation
    return coils


class Cabinet:
    """All boards. `contact`: whether a relay lets current through; `energised`: whether it reaches the actuator."""

    def __init__(self, boards: Sequence[BoardConfig], coils: Mapping[str, Coil]) -> None:
        if len({(coil.board, coil.channel) for coil in coils.values()}) != len(coils):
            raise ValueError("two actuators have the same coil")
        if any(coil.board >= len(boards) for coil in coils.values()):
            raise ValueError("an actuator is on a board that is not there")
        self.coils = coils
        self.boards = [
            RelayBoard(board.unit, flash=board.timer, renewal=board.renewal, clock_rate=board.clock_rate)
            for board in boards
        ]
        self._configs = boards
        self._up_s = [0.0] * len(self.boards)
        self._masks = [0] * len(self.boards)
        self._on = Conditions()

    def down(self, number: int, now_s: float) -> bool:
        """Whether a board is without power or still booting."""
        return now_s < self._up_s[number] - _NEAR_S

    def units_down(self, now_s: float) -> set[int]:
        """Modbus units of the boards that are down."""
        return {board.unit for number, board in enumerate(self._configs) if self.down(number, now_s)}

    def reboot(self, number: int, now_s: float, down_s: float) -> None:
        """A board falls silent for so long, and has forgotten coils and timers."""
        if not self.down(number, now_s):
            self._masks[number] = self.boards[number].mask
            self.boards[number].reboot()
        self._up_s[number] = max(self._up_s[number], now_s + down_s)

    def obey(self, on: Conditions, now_s: float) -> None:
        """Take over the conditions: stuck, welded and burnt relays, clocks, and boards without power."""
        self._on = on
        for number, board in enumerate(self.boards):
            board.stuck = {c.channel: on.stuck[name] for name, c in self._coils_on(number, on.stuck)}
            board.welded = {c.channel for _, c in self._coils_on(number, on.welded)}
            board.burnt = {c.channel for _, c in self._coils_on(number, on.burnt)}
            board.clock_rate = on.clock_rates.get(number, self._configs[number].clock_rate)
            if number in on.boards_down or on.voltage < BOARDS_DOWN_UNDER:
                self.reboot(number, now_s, math.inf)
            elif math.isinf(self._up_s[number]):
                self._up_s[number] = now_s + self._configs[number].boots_s

    def tick(self, now_s: float) -> None:
        """Bring the time: timers that end, boards that have booted."""
        for number, board in enumerate(self.boards):
            board.tick(now_s)
            if 0.0 < self._up_s[number] <= now_s + _NEAR_S:
                self._up_s[number] = 0.0
                board.reboot(_mask_at_power_on(self._configs[number], self._masks[number]))

    def next_s(self) -> float:
        """When a timer next ends or a board has booted."""
        ends = [end for board in self.boards if (end := board.next_flash_end_s()) is not None]
        return min((*ends, *(up for up in self._up_s if up > 0.0)), default=math.inf)

    def contact(self, name: str, now_s: float) -> bool:
        """Whether an actuator's relay lets current through. Without power to its board only a welded one does, and
        one that is wired through the contact that is closed at rest.
        """
        coil = self.coils[name]
        board = self.boards[coil.board]
        if coil.at_rest:
            held = coil.channel in board.welded
            drawn = not self.down(coil.board, now_s) and board.coil(coil.channel)
            return held or (coil.channel not in board.burnt and not drawn)
        if self.down(coil.board, now_s):
            return coil.channel in board.welded
        return board.contact(coil.channel)

    def coil(self, name: str) -> bool:
        """What the board says of an actuator's coil."""
        coil = self.coils[name]
        return self.boards[coil.board].coil(coil.channel)

    def energised(self, name: str, now_s: float) -> bool:
        """Whether the actuator has current: relay, its switch, the emergency stop, and power."""
        if not self.powered:
            return False
        position = self._on.switch("pump" if name == "master" else name)
        return position == "hand" or (position == "auto" and self.contact(name, now_s))

    @property
    def powered(self) -> bool:
        """Whether there is power for valves: not with the emergency stop pressed."""
        return self._on.voltage >= PUMP_STALLS_UNDER and not self._on.emergency_stop

    def write(self, name: str, on: bool) -> None:
        """Move a coil as another master would."""
        coil = self.coils[name]
        self.boards[coil.board].execute((_ON if on else _OFF) % coil.channel)

    def _coils_on(self, number: int, names: Iterable[str] | Mapping[str, bool]) -> list[tuple[str, Coil]]:
        return [(name, self.coils[name]) for name in names if self.coils[name].board == number]


def _mask_at_power_on(board: BoardConfig, last: int) -> int:
    return {"off": 0, "last": last, "on": 0xFF}[board.power_on]
