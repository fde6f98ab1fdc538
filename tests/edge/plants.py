"""Farms with all kinds of actuators, and a simulated world behind them: boards with timers, valves, water."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.edge.farms import MORNING_MS, SITE, site_of
from tonnam_edge.core import Action, Core, NotWritten, Step
from tonnam_edge.core.memory import Latch, Memory
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction, Event, Outcome
from tonnam_sim.world.config import Coil, PumpConfig, ValveConfig, ValveKind, WorldConfig, ZoneConfig
from tonnam_sim.world.faults import Fault
from tonnam_sim.world.world import World

PUMP = 'role = "pump"\n'
ACTUATOR = """
[[actuator]]
id = "{0}"
role = "{1}"
device = "relay"
coil = {2}
name = {{ th = "{0}", en = "{0}" }}
"""
# The meter and relay of the farm of `farms`, without a level and probes: the world has its own.
PLAIN = SITE.replace('probes = ["probe-1"]\n', "").replace('probes = ["probe-2"]\n', "")


def pump_with(text: str, keys: str) -> str:
    """A site whose pump has more keys."""
    assert PUMP in text
    return text.replace(PUMP, PUMP + keys, 1)


def with_master(text: str, keys: str = "") -> str:
    master = ACTUATOR.format("master", "master", 6) + keys
    return text.replace('pump = "pump"\n', 'pump = "pump"\nmaster = "master"\n') + master


def with_contactor(text: str) -> str:
    return pump_with(text, 'contactor = "contactor"\n') + ACTUATOR.format("contactor", "contactor", 5)


def valve_of_kind(text: str, kind: str, keys: str = "") -> str:
    """The first zone's valve of another kind."""
    return text.replace(
        'id = "valve-1"\nrole = "valve"\n', f'id = "valve-1"\nrole = "valve"\nkind = "{kind}"\n{keys}', 1
    )


def world_of(
    kind: ValveKind = ValveKind.NORMALLY_CLOSED,
    *,
    travel_s: float = 2.0,
    master: bool = False,
    contactor: bool = False,
    faults: Iterable[Fault] = (),
    siphon_m: float = 0.0,
) -> World:
    """Two zones of 60 L/min on one board: pump on coil 0, valves on 1 and 2, pulses to close valve 1 on 3."""
    first = ValveConfig(Coil(0, 1), kind, travel_s, Coil(0, 3) if kind is ValveKind.LATCHING else None)
    zones = (ZoneConfig("zone-1", first), ZoneConfig("zone-2", ValveConfig(Coil(0, 2))))
    config = WorldConfig(
        zones=zones,
        pump=PumpConfig(contactor=Coil(0, 5) if contactor else None),
        master=ValveConfig(Coil(0, 6)) if master else None,
        spread=0.0,
    )
    return World(config, seed=3, faults=faults)


class Estate:
    """A core and a world, second by second. `watch` sees every step."""

    def __init__(self, site: Site, world: World, memory: bytes | None = None) -> None:
        self.site, self.world = site, world
        self.start_ms = MORNING_MS
        self._world_began_s = world.now_s
        self.core = Core(site, memory, now_ms=self.now_ms, mono_ms=self.mono_ms)
        self.ports = {name: DirectTransport(bus.execute) for name, bus in world.buses.items()}
        self.memory = memory
        self.actions: list[tuple[float, Action]] = []
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.watch: Callable[[Estate, Step], None] | None = None

    @property
    def at_s(self) -> float:
        return self.world.now_s - self._world_began_s

    @property
    def now_ms(self) -> int:
        return self.start_ms + self.mono_ms

    @property
    def mono_ms(self) -> int:
        return round((self.world.now_s - self._world_began_s) * 1000)

    def step(self, seconds: float = 1.0) -> Step:
        self.core.observe(poll_once(self.ports, self.site, self.mono_ms))
        step = self.core.step(self.now_ms, self.mono_ms)
        for action in step.actions:
            if act_once([action], self.ports, self.site) and not action.safe:
                self.core.observe([NotWritten(action.actuator, action.decided_mono_ms)])
        self.actions += [(self.at_s, action) for action in step.actions]
        self.memory = step.memory or self.memory
        self.events += step.events
        self.outcomes += step.outcomes
        if self.watch is not None:
            self.watch(self, step)
        self.world.step(seconds)
        return step

    def run(self, seconds: float) -> None:
        until = self.at_s + seconds
        while self.at_s < until:
            self.step()

    def water(self, zone: str = "zone-1", seconds: int = 120, command_id: str = "c1") -> None:
        expires = self.now_ms + 60_000
        self.core.command(Command(command_id, CommandAction.WATER, zone, self.now_ms, expires, seconds, "5a" * 8))

    def stop(self, zone: str = "zone-1", command_id: str = "s1") -> None:
        expires = self.now_ms + 60_000
        self.core.command(Command(command_id, CommandAction.STOP, zone, self.now_ms, expires, signed_by="5a" * 8))

    def ended(self) -> list[Mapping[str, object]]:
        return [event.body for event in self.events if event.kind == "run.ended"]

    def latches(self) -> list[tuple[str, str]]:
        assert self.memory is not None
        found: Iterable[Latch] = Memory.decode(self.memory).latches.values()
        return [(latch.kind, latch.subject) for latch in found]

    def states(self, command_id: str = "c1") -> list[str]:
        return [str(outcome.state) for outcome in self.outcomes if outcome.command_id == command_id]


def estate(folder: Path, text: str, world: World) -> Estate:
    return Estate(site_of(folder, text), world)
