"""A flood gate for tests: river, canal, gate and pumps behind the same buses as a farm's world.

    world = FloodWorld(FloodConfig(), seed=1, faults=[RiverWave(at_s=3600, cm=150, rises_s=7200)])
    world.buses["cabinet"].execute(1, bytes.fromhex("050202FF00"))
    world.step(60.0)
    world.truth.canal_cm, world.truth.pump_dry_s, world.ledger()

As `World`: pure, seeded, same life for same requests at the same times. Levels and flows move on a grid of a minute
(of absolute time) and at every transition; in between flows are constant.

cabinet: relay boards at their units (1), 2 digital inputs (`world.inputs`), 3 river at the gate, 4 river at the
bridge, 5 canal (QDY30A each), 6 and up the pumps' meters (SDM120), 15 and 16 ultrasonic gauges over river and canal
(URM15, mounted at `MOUNT_CM`), 17 rain gauge (0.2 mm a tip). Inputs: pumps-auto, pumps-hand, pumps-lock, gate-open,
gate-shut, gate-lock, gate-auto, gate-hand; neither auto nor hand is off. Actuators: each pump's id and "gate".
Switches and keys: "pumps" and "gate". Sensors: river, upstream, canal, river_echo, canal_echo, "current-" + pump.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from ..devices.inputs import INPUTS, DigitalInputs
from ..devices.pdu import Device
from ..devices.sdm120 import MainsFelt, Sdm120
from ..devices.sensors import PulseCounter, Qdy30a
from ..devices.ultrasonic import Urm15
from ..physics.noise import Stream, bell
from .buses import WorldBus
from .cabinet import PUMP_STALLS_UNDER, Cabinet
from .clock import NEAR_S, Stepped
from .conditions import Conditions
from .config import Coil
from .drives import Motor, Valve
from .faults import BoardReboot, Fault, ForeignWrite, conditions
from .flood_config import FloodConfig
from .river import Canal, FloodPump, river_cm
from .senses import Senses
from .weather import Weather

SWITCHES, RIVER, UPSTREAM, CANAL, METERS_FROM, RIVER_ECHO, CANAL_ECHO, RAIN = 2, 3, 4, 5, 6, 15, 16, 17
MOUNT_CM = 600.0
_INPUTS = ("pumps-auto", "pumps-hand", "pumps-lock", "gate-open", "gate-shut", "gate-lock", "gate-auto", "gate-hand")
_GRID_S = 60.0
_VOLTS, _POWER_FACTOR, _MM_PER_TIP = 400.0, 0.85, 0.2


class FloodWorld(Stepped):
    """One flood gate. `now_s` is seconds since midnight, local time, before its first day."""

    def __init__(self, config: FloodConfig | None = None, seed: int = 0, faults: Iterable[Fault] = ()) -> None:
        self.config = config or FloodConfig()
        super().__init__(seed, self.config.start_hour * 3600.0)
        self.conditions = Conditions()
        self.canal = Canal(self.config)
        self.weather = Weather(self.config.weather, seed)
        self.rain_mm = self.energy_wh = self._rain_mm_h = 0.0
        self._make_cabinet()
        self.truth = FloodTruth(self)
        for fault in faults:
            self.add(fault)
        self._change()

    def _make_cabinet(self) -> None:
        config = self.config
        coils: dict[str, Coil] = {pump.id: pump.coil for pump in config.pumps}
        coils["gate"] = config.gate.valve.coil
        if config.gate.valve.close_coil is not None:
            coils["gate-close"] = config.gate.valve.close_coil
        self.cabinet = Cabinet(config.boards, coils)
        self.gate = Valve(config.gate.valve.kind, config.gate.valve.travel_s, is_open=config.gate.starts_open)
        self.motors = {pump.id: Motor(pump.spin_s) for pump in config.pumps}
        self.inputs = {name: (SWITCHES, at) for at, name in enumerate(_INPUTS)}
        self.senses = Senses(self.seed, self._feels(), lambda: self.now_s)
        bus = WorldBus(
            "cabinet",
            0,
            config.cabinet,
            self._devices(),
            before=lambda: self.cabinet.tick(self.now_s),
            written=self._change,
        )
        bus.seed = self.seed
        self.buses: Mapping[str, WorldBus] = MappingProxyType({"cabinet": bus})

    def ledger(self) -> dict[str, float]:
        """Litres that came in less those that went out or are still there: zero."""
        return {"water": 1000.0 * self.canal.ledger_m3()}

    # ------------------------------------------------------------------------------------------------------- time

    def _run_until(self, until_s: float) -> None:
        seconds = until_s - self.now_s
        if seconds <= 0.0:
            return
        self.canal.advance(seconds)
        self.rain_mm += self._rain_mm_h * seconds / 3600.0
        amperes = sum(self.amperes(name) for name in self.motors)
        self.energy_wh += amperes * _VOLTS * self.conditions.voltage * _POWER_FACTOR * seconds / 3600.0
        self.now_s = until_s

    def _change(self) -> None:
        now_s = self.now_s
        self.gate.move(now_s)
        self._come_and_go()
        self.cabinet.tick(now_s)
        self.buses["cabinet"].boards_down = self.cabinet.units_down(now_s)
        self._tell_drives()
        self._rain_mm_h = self.weather.rain_mm_h(now_s) + self.conditions.rain_mm_h
        grid_s = (math.floor(now_s / _GRID_S + 1e-9) + 1) * _GRID_S
        speeds = {name: self._speed(name) for name in self.motors}
        self.canal.solve(self.river_cm(), self.gate.openness, speeds, self._rain_mm_h, _GRID_S)
        self._watch()
        self._next_s = min(self._next_transition_s(), grid_s)

    def _next_transition_s(self) -> float:
        return min(
            self._next_edge_s(),
            self.cabinet.next_s(),
            self.gate.next_s(),
            self.weather.next_change_s(self.now_s),
            *(motor.next_s(self.now_s) for motor in self.motors.values()),
        )

    # ----------------------------------------------------------------------------------------------------- faults

    def _come_and_go(self) -> None:
        if self._next_edge_s() > self.now_s + NEAR_S:
            return
        while self._edges and self._edges[0][0] <= self.now_s + NEAR_S:
            _, fault = self._edges.pop(0)
            if isinstance(fault, BoardReboot):
                self.cabinet.reboot(fault.board, self.now_s, fault.down_s)
            elif isinstance(fault, ForeignWrite):
                self.cabinet.write(fault.actuator, fault.on)
        on = self.conditions = conditions(self.faults, self.now_s + NEAR_S)
        if on.voltage < PUMP_STALLS_UNDER:
            on.silent_buses.add("cabinet")
        self.cabinet.obey(on, self.now_s)
        self.senses.obey(on)
        self.buses["cabinet"].conditions = on

    def _named(self) -> Mapping[str, Iterable[object]]:
        return {
            "actuator": self.cabinet.coils,
            "pump": self.canal.pumps,
            "sensor": self.senses.names,
            "bus": self.buses,
            "board": range(len(self.cabinet.boards)),
            "subject": {"pumps", "gate"},
            "zone": (),
            "probe": (),
            "injector": (),
            "solution_probe": (),
        }

    # ----------------------------------------------------------------------------------------------------- drives

    def _tell_drives(self) -> None:
        on, now_s = self.conditions, self.now_s
        locked = "gate" in on.locks
        opens = self._closes_circuit("gate", "gate")
        shuts = "gate-close" in self.cabinet.coils and self._closes_circuit("gate-close", "gate")
        powered = self.cabinet.powered and not locked and on.switch("gate") != "off"
        self.gate.tell(now_s, opens=opens, shuts=shuts, powered=powered, jammed="gate" in on.jammed)
        for name, pump in self.canal.pumps.items():
            self._obey_float(pump)
            runs = self._closes_circuit(name, "pumps") and self.cabinet.powered and "pumps" not in on.locks
            runs = runs and name not in on.dead_pumps and pump.float_lets
            if self.motors[name].tell(now_s, runs):
                pump.starts += runs
            pump.on = runs

    def _closes_circuit(self, name: str, switch: str) -> bool:
        """By the switch off/hand/auto and the relay."""
        position = self.conditions.switch(switch)
        return position == "hand" or (position == "auto" and self.cabinet.contact(name, self.now_s))

    def _obey_float(self, pump: FloodPump) -> None:
        """The float switch in a pump's own circuit."""
        config = pump.config
        if config.float_stop_cm is None or config.id in self.conditions.floats_failed:
            pump.float_lets = True
        elif self.canal.level_cm < config.float_stop_cm:
            pump.float_lets = False
        elif self.canal.level_cm >= config.float_start_cm:
            pump.float_lets = True

    def _speed(self, name: str) -> float:
        turns = self.motors[name].speed(self.now_s) * min(1.0, self.conditions.voltage + 1e-12)
        return turns * math.sqrt(1.0 - self.conditions.worn_pumps.get(name, 0.0))

    def amperes(self, name: str) -> float:
        """What a pump draws."""
        return self.canal.pumps[name].amperes(self.motors[name].speed(self.now_s))

    def _watch(self) -> None:
        way = ("closing", "opening") if self.gate.moving else ("shut" if self.gate.position <= 0.0 else "open",) * 2
        self._tell("gate", way[self.gate.opening])
        for name, pump in self.canal.pumps.items():
            self._tell(name, "on" if pump.on else "off")
        self._tell("canal", "flooded" if self.canal.floods else "ok")
        self._tell("intake", "dry" if self.canal.dry else "wet")
        for number in range(len(self.cabinet.boards)):
            self._tell(f"board-{number}", "down" if self.cabinet.down(number, self.now_s) else "up")
        self._tell("rain", "rain" if self._rain_mm_h > 0.0 else "none")

    # ------------------------------------------------------------------------------------------- what sensors feel

    def river_cm(self) -> float:
        """The river at the gate."""
        return river_cm(self.config.river, self.seed, self.now_s, self.conditions)

    def upstream_cm(self) -> float:
        """What an honest gauge at the bridge reads."""
        river = self.config.river
        return river_cm(river, self.seed, self.now_s + river.upstream_s, self.conditions) + river.upstream_cm

    def _feels(self) -> dict[str, Callable[[], float]]:
        truths: dict[str, Callable[[], float]] = {
            "river": self.river_cm,
            "upstream": self.upstream_cm,
            "canal": lambda: self.canal.level_cm,
            "river_echo": lambda: MOUNT_CM - self.river_cm(),
            "canal_echo": lambda: MOUNT_CM - self.canal.level_cm,
        }
        found = {name: partial(self._gauged, at, name, truth) for at, (name, truth) in enumerate(truths.items())}
        return {**found, **{f"current-{name}": partial(self.amperes, name) for name in self.motors}}

    def _gauged(self, number: int, name: str, truth: Callable[[], float]) -> float:
        born_cm = self.config.probe_errors * bell(self.seed, Stream.FLOOD_NOISE, number)
        return truth() + born_cm + 0.4 * self.senses.noise(name)

    def _devices(self) -> dict[int, Device]:
        say = self.senses.say
        devices: dict[int, Device] = {
            part.unit: board for part, board in zip(self.config.boards, self.cabinet.boards, strict=True)
        }
        devices[SWITCHES] = DigitalInputs(self._contacts)
        for unit, name in ((RIVER, "river"), (UPSTREAM, "upstream"), (CANAL, "canal")):
            devices[unit] = Qdy30a(partial(say, name), unit)
        for number, name in enumerate(self.motors):
            devices[METERS_FROM + number] = Sdm120(partial(self._metered, name), METERS_FROM + number)
        for unit, name in ((RIVER_ECHO, "river_echo"), (CANAL_ECHO, "canal_echo")):
            devices[unit] = Urm15(partial(self._echo, name), unit)
        devices[RAIN] = PulseCounter(lambda: int(self.rain_mm / _MM_PER_TIP + 1e-9), lambda: 0.0)
        return devices

    def _echo(self, name: str) -> float | None:
        return None if name in self.conditions.out_of_water else self.senses.say(name)

    def _metered(self, name: str) -> MainsFelt:
        amperes, volts = max(0.0, self.senses.say(f"current-{name}")), _VOLTS * self.conditions.voltage
        pumped_kwh = self.canal.pumps[name].running_s / 3600.0 * self.canal.pumps[name].config.full_load_a * 0.34
        return MainsFelt(volts, amperes, _POWER_FACTOR * volts * amperes, pumped_kwh)

    def _contacts(self) -> list[bool]:
        on = self.conditions
        found = {
            "pumps-auto": on.switch("pumps") == "auto",
            "pumps-hand": on.switch("pumps") == "hand",
            "pumps-lock": "pumps" in on.locks,
            "gate-open": self.gate.position >= 1.0 - 1e-9,
            "gate-shut": self.gate.position <= 1e-9,
            "gate-lock": "gate" in on.locks,
            "gate-auto": on.switch("gate") == "auto",
            "gate-hand": on.switch("gate") == "hand",
        }
        return [found[name] for name in _INPUTS][:INPUTS]


@dataclass(frozen=True)
class FloodTruth:
    """What is true, whatever the gauges say: a live view. cm; cubic metres and seconds since the beginning."""

    world: FloodWorld

    @property
    def river_cm(self) -> float:
        return self.world.river_cm()

    @property
    def canal_cm(self) -> float:
        return self.world.canal.level_cm

    @property
    def gate_position(self) -> float:
        """0 shut to 1 open, where it was at the last transition."""
        return self.world.gate.position

    @property
    def pumps_running(self) -> frozenset[str]:
        return frozenset(name for name, pump in self.world.canal.pumps.items() if pump.on)

    @property
    def pumped_m3(self) -> dict[str, float]:
        return {name: pump.pumped_m3 for name, pump in self.world.canal.pumps.items()}

    @property
    def pump_s(self) -> dict[str, float]:
        """How long each pump had current."""
        return {name: pump.running_s for name, pump in self.world.canal.pumps.items()}

    @property
    def pump_dry_s(self) -> dict[str, float]:
        """Of that, without water."""
        return {name: pump.dry_s for name, pump in self.world.canal.pumps.items()}

    @property
    def pump_starts(self) -> dict[str, int]:
        return {name: pump.starts for name, pump in self.world.canal.pumps.items()}

    @property
    def out_through_gate_m3(self) -> float:
        return self.world.canal.sums.out_m3

    @property
    def in_through_gate_m3(self) -> float:
        """What the river brought in through the gate: open, or by its leaks."""
        return self.world.canal.sums.in_m3

    @property
    def flooded_s(self) -> float:
        """How long the canal stood over its banks."""
        return self.world.canal.sums.flooded_s

    @property
    def highest_cm(self) -> float:
        return self.world.canal.sums.highest_cm

    @property
    def lowest_cm(self) -> float:
        return self.world.canal.sums.lowest_cm

    @property
    def energy_wh(self) -> float:
        return self.world.energy_wh

    @property
    def rain_mm(self) -> float:
        return self.world.rain_mm

    def snapshot(self) -> dict[str, Any]:
        """A JSON-able copy of the figures above."""
        names = [name for name, kind in type(self).__dict__.items() if isinstance(kind, property)]
        plain = {name: getattr(self, name) for name in names if name != "pumps_running"}
        return {"now_s": self.world.now_s, **plain, "pumps_running": sorted(self.pumps_running)}
