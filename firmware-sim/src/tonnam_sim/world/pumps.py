"""The pumps' motors: who gives them current, how fast they turn, and what they do to a weak supply."""

from __future__ import annotations

import math

from ..physics.roof import roof_w
from .cabinet import BOARDS_DOWN_UNDER, PUMP_STALLS_UNDER, Cabinet
from .conditions import Conditions
from .config import INRUSH, PumpConfig, WorldConfig
from .drives import CutOff, Motor
from .plumbing import Plumbing

VOLTS, POWER_FACTOR = 230.0, 0.85
_SOLAR_STALLS, _SOLAR_STARTS = 0.6, 0.7  # shares of the pump's speed


class PumpHouse:
    """All pumps of a world, in the order of `WorldConfig.pumps`. The world tells time, sun and what is wrong."""

    def __init__(self, config: WorldConfig, cabinet: Cabinet) -> None:
        self._config, self._cabinet, self._pumps = config, cabinet, config.pumps
        self.motors = {pump.id: Motor(pump.spin_s) for pump in self._pumps}
        if len(self.motors) != len(self._pumps):
            raise ValueError("two pumps have the same id")
        self._cut_offs = {pump.id: CutOff(pump.cut_off_s) for pump in self._pumps}
        self._solar_runs = dict.fromkeys(self.motors, False)
        self._sun_w_m2, self._on = 0.0, Conditions()
        self._lost = 0.0

    @property
    def running(self) -> list[bool]:
        """Which pumps have current."""
        return [motor.on for motor in self.motors.values()]

    @property
    def voltage(self) -> float:
        """Share of the supply's voltage that is there while the pumps draw what they draw."""
        return self._on.voltage - self._lost

    def tell(self, now_s: float, on: Conditions, sun_w_m2: float, plumbing: Plumbing) -> None:
        """Current to motors from now on; a start that the supply does not bear resets all boards."""
        self._on, self._sun_w_m2 = on, sun_w_m2
        self._switch(now_s, plumbing)
        if self._config.volts_lost_a <= 0.0:
            return
        self._sag(now_s)
        if on.voltage >= BOARDS_DOWN_UNDER > self.voltage:
            for number, board in enumerate(self._config.boards):
                self._cabinet.reboot(number, now_s, board.boots_s)
            self._switch(now_s, plumbing)
            self._sag(now_s)

    def _switch(self, now_s: float, plumbing: Plumbing) -> None:
        for pump, books in zip(self._pumps, plumbing.pumps, strict=True):
            passes = self._cut_offs[pump.id].passes(now_s, self._has_current(pump, now_s))
            passes = passes and pump.id not in self._on.dead_pumps  # its timer relay counts all the same
            if self.motors[pump.id].tell(now_s, passes) and passes:
                books.starts += 1

    def _sag(self, now_s: float) -> None:
        amperes = 0.0
        for pump in self._pumps:
            motor = self.motors[pump.id]
            if motor.on:
                amperes += pump.full_load_a * (INRUSH if motor.speed(now_s) < 1.0 else 1.0)
        self._lost = amperes * self._config.volts_lost_a

    def _has_current(self, pump: PumpConfig, now_s: float) -> bool:
        on = self._on
        if on.voltage < PUMP_STALLS_UNDER:
            return False
        if not self._cabinet.energised(pump.id, now_s):
            return False
        if pump.contactor is not None and not self._cabinet.contact(contactor_of(pump), now_s):
            return False
        return pump.supply == "grid" or self._sun_turns(pump)

    def _sun_turns(self, pump: PumpConfig) -> bool:
        """Whether there is sun enough: it stalls under one speed and starts again above a higher one."""
        least = _SOLAR_STALLS if self._solar_runs[pump.id] else _SOLAR_STARTS
        self._solar_runs[pump.id] = self._solar_share(pump) >= least
        return self._solar_runs[pump.id]

    def _solar_share(self, pump: PumpConfig) -> float:
        watts = roof_w(self._sun_w_m2) / 10_000.0 * pump.solar_w
        needed = pump.full_load_a * VOLTS * POWER_FACTOR
        return float(min(1.0, (watts / needed) ** (1 / 3)))

    def speeds(self, now_s: float) -> list[float]:
        """Share of its full speed at which each pump turns."""
        return [self._speed(pump, now_s) for pump in self._pumps]

    def _speed(self, pump: PumpConfig, now_s: float) -> float:
        turns = self.motors[pump.id].speed(now_s) * min(1.0, self.voltage + 1e-12)
        return turns * (self._solar_share(pump) if pump.supply == "solar" else 1.0)

    def amperes(self, number: int, now_s: float, plumbing: Plumbing) -> float:
        """Current of one pump: less against a closed pipe, and less without water."""
        pump = self._pumps[number]
        if not self.motors[pump.id].on:
            return 0.0
        brings = min(1.0, plumbing.pumps[number].flow * 60.0 / 100.0)
        load = 0.55 + 0.45 * brings if plumbing.primed else 0.4
        return pump.full_load_a * load * self._speed(pump, now_s)

    def next_s(self, now_s: float) -> float:
        """When a motor is up to speed, or a cut-off ends what is on."""
        return min(
            math.inf,
            *(motor.next_s(now_s) for motor in self.motors.values()),
            *(cut_off.next_s(now_s) for cut_off in self._cut_offs.values()),
        )


def contactor_of(pump: PumpConfig) -> str:
    """The name of a pump's contactor among the actuators."""
    return "contactor" if pump.id == "pump" else f"{pump.id}-contactor"
