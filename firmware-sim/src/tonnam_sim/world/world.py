"""The world for season tests: physics, devices and faults under one clock that is stepped from outside.

    world = World(WorldConfig(), seed=1, faults=[WeldedContact(at_s=3600, actuator="zone-1")])
    world.buses["cabinet"].execute(1, bytes.fromhex("0502010258"))
    world.step(60.0)
    world.truth.zones["zone-1"].dripped_l

Pure: same seed, same faults, same requests at the same times, same answers. Between two transitions (a valve enters
another quarter of its way, a timer ends, a line is full, rain begins, a fault comes or goes) every flow is constant;
ground, weather and probes move on a grid of absolute time. So it does not matter how time is cut into steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..physics.greenhouse import Climate
from .cabinet import PUMP_STALLS_UNDER, Cabinet, coils_of
from .clock import NEAR_S as _NEAR_S
from .clock import Stepped
from .conditions import Conditions
from .config import ValveConfig, ValveKind, WorldConfig
from .drives import CutOff, Valve
from .faults import BoardReboot, Fault, FilterCleaned, ForeignWrite, MeterReset, StockRefilled, conditions
from .field import Field
from .mixing import MixedPlumbing
from .nature import flush_conductance, zone_nature
from .plumbing import Plumbing
from .pulses import PulseTrain
from .pumps import POWER_FACTOR, VOLTS, PumpHouse
from .senses import Senses
from .solution import UNITS as SOLUTION_UNITS
from .truth import Truth
from .weather import Outside
from .wiring import feels, inputs_of, wire


class World(Stepped):
    """One farm. `now_s` is seconds since midnight, local time, before its first day."""

    def __init__(self, config: WorldConfig | None = None, seed: int = 0, faults: Iterable[Fault] = ()) -> None:
        self.config = config or WorldConfig()
        super().__init__(seed, self.config.start_hour * 3600.0)
        self.conditions = Conditions()
        self._make_field()
        self._make_cabinet()
        self.truth = Truth(self)
        for fault in faults:
            self.add(fault)
        self._change()

    def _make_field(self) -> None:
        config, seed = self.config, self.seed
        natures = [zone_nature(config, number, seed) for number in range(len(config.zones))]
        self.field = Field(config, seed, natures, self.now_s)
        self.grounds, self.probes = self.field.grounds, self.field.probes
        self.plumbing = (
            Plumbing(config, natures) if config.mixing is None else MixedPlumbing(config, natures, self.seed)
        )
        self.energy_wh_of = [0.0] * len(config.pumps)

    def _make_cabinet(self) -> None:
        config = self.config
        self.cabinet = Cabinet(config.boards, coils_of(config))
        self.valves = {zone.id: _valve(zone.valve) for zone in config.zones}
        if config.master is not None:
            self.valves["master"] = _valve(config.master)
        if config.filter.flush is not None:
            self.valves["flush"] = _valve(config.filter.flush)
        self._flush = flush_conductance(config)
        self.pump_house = PumpHouse(config, self.cabinet)
        self._cut_offs = {zone.id: CutOff(zone.valve.cut_off_s) for zone in config.zones}
        self._cut_offs["master"] = CutOff(config.master.cut_off_s if config.master is not None else None)
        if config.filter.flush is not None:
            self._cut_offs["flush"] = CutOff(config.filter.flush.cut_off_s)
        self._opened = self._paths = [0.0] * len(config.zones)
        self._flushes = 0.0
        self._paths_of = [list(main.zones) for main in self.plumbing.mains]
        self.meters = [
            PulseTrain(config.pulse_l, begins_at=150_000 + 10_000 * number + self.seed % 1000)
            for number in range(1 if config.common_meter else len(self.plumbing.mains))
        ]
        pumps = len(config.pumps) if config.pump_meters else 0
        self.pump_meters = [PulseTrain(config.pulse_l, begins_at=5_000 * number) for number in range(pumps)]
        self.inputs = inputs_of(config)
        self.senses = Senses(self.seed, feels(self), lambda: self.now_s)
        self._held_count: int | None = None
        self.buses = MappingProxyType(wire(self, before=lambda: self.cabinet.tick(self.now_s), written=self._change))
        for bus in self.buses.values():
            bus.seed = self.seed

    # ------------------------------------------------------------------------------------------------------- time

    def ledger(self) -> dict[str, float]:
        """Litres (and salts, dS/m litres) that came in less those that went out or are still there: all zero."""
        return self.truth.ledger()

    def next_turn_s(self) -> float:
        """When a timer, a cut-off, a board, a motor or a fault next turns something, or the tank ends what is drawn.

        Valves on their way, lines that fill and rain are not counted. At `now_s` or later.
        """
        spans = self.plumbing.tank_spans() if self.plumbing.drawn_l_s > 0.0 else ()
        return max(self.now_s, min(self._next_turn_s(), self.now_s + min(spans, default=math.inf)))

    def _run_until(self, until_s: float) -> None:
        """Let constant flows run."""
        seconds = until_s - self.now_s
        if seconds <= 0.0:
            return
        plumbing, on = self.plumbing, self.conditions
        before_l = [main.meter_l for main in plumbing.mains]
        plumbing.advance(seconds, running=self.pump_house.running, has_path=self._has_path())
        wheels_l = [main.meter_l - before for main, before in zip(plumbing.mains, before_l, strict=True)]
        if self.config.common_meter:
            wheels_l = [sum(wheels_l)]
        wheels_l[0] = (0.0 if on.meter_blind else wheels_l[0]) + on.phantom_l_min / 60.0 * seconds
        for meter, litres in zip(self.meters, wheels_l, strict=True):
            meter.turn(litres, self.now_s, seconds)
        for meter, books in zip(self.pump_meters, plumbing.pumps, strict=False):
            meter.turn(books.flow * seconds, self.now_s, seconds)
        for number in range(len(plumbing.pumps)):
            watts = self.amperes(number) * VOLTS * self.pump_house.voltage * POWER_FACTOR
            self.energy_wh_of[number] += watts * seconds / 3600.0
        self.now_s = until_s

    @property
    def energy_wh(self) -> float:
        """What all pumps used."""
        return sum(self.energy_wh_of)

    def _has_path(self) -> list[bool]:
        """Whether anything is open behind each main."""
        found = [any(self._opened[zone] > 0.0 for zone in zones) for zones in self._paths_of]
        found[0] = found[0] or self._flushes > 0.0
        return found

    def _change(self) -> None:
        """All that may have changed at this moment: faults, boards, valves, ground, flows; then what is next."""
        now_s = self.now_s
        for valve in self.valves.values():
            valve.move(now_s)
        self._come_and_go()
        if now_s >= self.field.next_s(now_s) - _NEAR_S:
            self.field.move(now_s, self.plumbing, self.conditions)
        self.cabinet.tick(now_s)
        self.buses["cabinet"].boards_down = self.cabinet.units_down(now_s)
        self._tell_drives()
        flush = self._flush * self._flushes
        self.plumbing.solve(self.pump_house.speeds(now_s), self._paths, self.conditions, flush)
        self._watch()
        self._next_s = min(self._next_transition_s(), self.field.next_s(now_s))

    def _next_transition_s(self) -> float:
        return min(
            self._next_turn_s(),
            self.now_s + self.plumbing.next_s(),
            self.field.rain_edge_s,
            *(valve.next_s() for valve in self.valves.values()),
        )

    def _next_turn_s(self) -> float:
        return min(
            self._next_edge_s(),
            self.cabinet.next_s(),
            self.pump_house.next_s(self.now_s),
            *(cut_off.next_s(self.now_s) for cut_off in self._cut_offs.values()),
        )

    # ----------------------------------------------------------------------------------------------------- faults

    def _come_and_go(self) -> None:
        """Faults whose time has come or gone."""
        if not self._edges or self._edges[0][0] > self.now_s + _NEAR_S:
            return
        self.field.move(self.now_s, self.plumbing, self.conditions)
        while self._edges and self._edges[0][0] <= self.now_s + _NEAR_S:
            _, fault = self._edges.pop(0)
            if fault is not None:
                self._fire(fault)
        on = self.conditions = conditions(self.faults, self.now_s + _NEAR_S)
        if on.voltage < PUMP_STALLS_UNDER:
            on.silent_buses.add("cabinet")
        self.cabinet.obey(on, self.now_s)
        self.senses.obey(on)
        self._held_count = None if "flow" not in on.frozen else self._held_count or self.meters[0].count
        for bus in self.buses.values():
            bus.conditions = on
        self.field.look_up(self.now_s, on)

    def _named(self) -> Mapping[str, Iterable[object]]:
        zones = {zone.id for zone in self.config.zones}
        return {
            "actuator": self.cabinet.coils,
            "zone": zones,
            "probe": self.probes,
            "sensor": self.senses.names,
            "bus": self.buses,
            "board": range(len(self.cabinet.boards)),
            "injector": self.plumbing.injectors,
            "pump": self.pump_house.motors,
            "solution_probe": self.senses.names & set(SOLUTION_UNITS),
            "subject": {*self.pump_house.motors, *zones},
        }

    def _fire(self, fault: Fault) -> None:
        """What happens once."""
        if isinstance(fault, BoardReboot):
            self.cabinet.reboot(fault.board, self.now_s, fault.down_s)
        elif isinstance(fault, ForeignWrite):
            self.cabinet.write(fault.actuator, fault.on)
        elif isinstance(fault, MeterReset):
            self.meters[0].restart()
        elif isinstance(fault, FilterCleaned):
            self.plumbing.wash_filters()
        elif isinstance(fault, StockRefilled):
            self.plumbing.refill(fault.injector)

    # ----------------------------------------------------------------------------------------------------- drives

    def _tell_drives(self) -> None:
        """Contacts to valves, pump and injectors; then which paths are open."""
        cabinet, on, now_s = self.cabinet, self.conditions, self.now_s
        for name, valve in self.valves.items():
            opens = cabinet.energised(name, now_s)
            second = f"{name}-close"
            shuts = second in cabinet.coils and cabinet.energised(second, now_s)
            valve.tell(now_s, opens=opens, shuts=shuts, powered=cabinet.powered, jammed=name in on.jammed)
        self.pump_house.tell(now_s, on, self.field.outside.sky.sun_w_m2, self.plumbing)
        for injector in self.plumbing.injectors.values():
            name = injector.config.id
            injector.running = cabinet.energised(name, now_s)
            injector.valve_open = injector.config.valve is None or cabinet.energised(f"{name}-valve", now_s)
        if isinstance(self.plumbing, MixedPlumbing) and self.plumbing.in_tank:
            self.plumbing.circulating = cabinet.energised("circulation", now_s) and not on.circulation_dead
        master = self._openness("master") if "master" in self.valves else 1.0
        masters = [1.0 if zone.main else master for zone in self.config.zones]
        self._flushes = self._openness("flush") if "flush" in self.valves else 0.0
        self._opened = [
            before * self._openness(zone.id) for before, zone in zip(masters, self.config.zones, strict=True)
        ]
        self._paths = [
            max(opened, before * on.leaking.get(zone.id, 0.0)) if zone.id not in on.blocked else 0.0
            for zone, before, opened in zip(self.config.zones, masters, self._opened, strict=True)
        ]

    def openness(self, number: int) -> float:
        """How open a zone's whole path is, by its valve and the master's, 0 to 1; what only leaks does not count."""
        return self._opened[number]

    def _openness(self, name: str) -> float:
        opened = 0.0 if name in self.conditions.blocked else self.valves[name].openness
        return opened if self._cut_offs[name].passes(self.now_s, opened > 0.0) else 0.0

    # ----------------------------------------------------------------------------------------------------- watching

    def _watch(self) -> None:
        """Tell what has changed, and stay busy while water moves."""
        plumbing = self.plumbing
        moving = (
            plumbing.drawn_l_s > 0.0 or any(line.drip > 0.0 for line in plumbing.lines) or self.field.rains_on_beds
        )
        if moving:
            self.field.keep_busy(self.now_s)
        for name, valve in self.valves.items():
            way = ("closing", "opening") if valve.moving else ("shut" if valve.position <= 0.0 else "open",) * 2
            self._tell(name, way[valve.opening])
        for name, motor in self.pump_house.motors.items():
            self._tell(name, "on" if motor.on else "off")
        for zone, line, opened in zip(self.config.zones, plumbing.lines, self._opened, strict=True):
            self._tell(f"path:{zone.id}", "open" if opened > 0.0 else "shut")
            self._tell(f"line:{zone.id}", _line_state(line.inflow > 0.0, line.drip > 0.0))
        self._tell("tank", "ok" if plumbing.primed else "dry")
        for number in range(len(self.cabinet.boards)):
            self._tell(f"board-{number}", "down" if self.cabinet.down(number, self.now_s) else "up")
        self._tell("rain", "rain" if self.field.outside.rain_mm_h > 0.0 else "none")

    # ------------------------------------------------------------------------------------------- what sensors feel

    @property
    def outside(self) -> Outside:
        """The weather now."""
        return self.field.outside_at(self.now_s, self.conditions)

    @property
    def climate(self) -> Climate:
        """Air and light where the climate sensors hang: under the cover, or outside."""
        return self.field.climate(self.now_s, self.conditions)

    @property
    def inside_w_m2(self) -> float:
        """Sun on the crop."""
        return self.outside.sky.sun_w_m2 * self.field.transmissivity

    @property
    def level_cm(self) -> float:
        """Water above the tank's floor."""
        return self.plumbing.tank_l / 10.0 / self.config.tank.area_m2

    @property
    def meter_count(self) -> int:
        """Pulses on the meter's counter (frozen when the meter is)."""
        return self._held_count if self._held_count is not None else self.meters[0].count

    @property
    def pump_amperes(self) -> float:
        """Current of the first pump."""
        return self.amperes(0)

    def amperes(self, pump: int) -> float:
        """Current of a pump: less against a closed pipe, and less without water."""
        return self.pump_house.amperes(pump, self.now_s, self.plumbing)


def _valve(part: ValveConfig) -> Valve:
    return Valve(part.kind, part.travel_s, is_open=part.kind is ValveKind.NORMALLY_OPEN)


def _line_state(flows_in: bool, drips: bool) -> str:
    if flows_in:
        return "watering" if drips else "filling"
    return "draining" if drips else "still"
