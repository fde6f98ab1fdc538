"""What hypothesis draws of worlds: faults of every kind at any instant, and stories of writes to the relay board."""

from __future__ import annotations

import struct
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

from tonnam_sim.world import Fault, World, WorldConfig
from tonnam_sim.world.cabinet import coils_of
from tonnam_sim.world.config import (
    CLAY_LOAM,
    COCO_BAG,
    SAND,
    BoardConfig,
    Coil,
    FilterConfig,
    InjectorConfig,
    MixingConfig,
    ProbeConfig,
    PumpConfig,
    TankConfig,
    ValveConfig,
    ValveKind,
    WeatherConfig,
    ZoneConfig,
)
from tonnam_sim.world.faults import CirculationDead, FloatFailed, FlowSwitchStuck, LockTurned, RiverWave

STOCKS: tuple[tuple[Literal["a", "b", "acid", "hypochlorite"], float, float], ...] = (
    ("a", 180.0, 0.0),
    ("b", 170.0, -20.0),
    ("acid", 90.0, -500.0),
    ("hypochlorite", 60.0, 250.0),
)
FAULTS: tuple[type[Any], ...] = typing.get_args(Fault)


def rich_config(**changes: Any) -> WorldConfig:
    """A farm with everything: four kinds of valves, two boards, master, contactor, injector, rain, several soils."""
    kinds = (ValveKind.NORMALLY_CLOSED, ValveKind.NORMALLY_OPEN, ValveKind.LATCHING, ValveKind.MOTORISED)
    soils = (CLAY_LOAM, SAND, COCO_BAG, CLAY_LOAM)
    zones = tuple(
        ZoneConfig(
            f"zone-{number}",
            ValveConfig(
                Coil(0, number), kind, (2.0, 0.0, 0.5, 20.0)[number - 1], Coil(0, 5) if number == 3 else None
            ),
            (ProbeConfig(f"probe-{number}-a", number, 1),),
            drain_meter=number == 3,
            soil=soils[number - 1],
        )
        for number, kind in enumerate(kinds, start=1)
    )
    config: dict[str, Any] = {
        "zones": zones,
        "boards": (BoardConfig(1), BoardConfig(11, renewal="ignored", clock_rate=1.03)),
        "pump": PumpConfig(contactor=Coil(0, 7)),
        "master": ValveConfig(Coil(1, 0), travel_s=4.0),
        "injectors": (InjectorConfig("injector-a", Coil(1, 1), Coil(1, 2)),),
        "tank": TankConfig(start_l=2_000.0),
        "weather": WeatherConfig(cover=False, wet_days=0.6),
        "start_hour": 10.0,
    }
    return WorldConfig(**{**config, **changes})


def dosing_config(*, in_tank: bool = False, **changes: Any) -> WorldConfig:
    """Two zones with a, b, acid and hypochlorite into one line, or into a mixing tank that circulates."""
    injectors = tuple(
        InjectorConfig(
            name,
            Coil(1, number),
            None,
            ml_min=300.0,
            stock_l=60.0,
            stock_ec_ds_m=ec,
            liquid=name,
            stock_alkalinity_meq_l=alkalinity,
        )
        for number, (name, ec, alkalinity) in enumerate(STOCKS)
    )
    config: dict[str, Any] = {
        "boards": (BoardConfig(1), BoardConfig(11)),
        "injectors": injectors,
        "mixing": MixingConfig(),
        "start_hour": 8.0,
    }
    if in_tank:
        config["mixing"] = MixingConfig("tank", 10.0, Coil(0, 6))
        config["tank"] = TankConfig(0.5, 800.0, 700.0, 20.0, 60.0, 80.0)
    return WorldConfig(**{**config, **changes})


def station_config(**changes: Any) -> WorldConfig:
    """Two pumps on one main with a back-flush valve, a third with a zone of its own, and a fertiliser injector."""
    zones = tuple(
        ZoneConfig(
            f"zone-{number}",
            ValveConfig(Coil(0, number)),
            (ProbeConfig(f"probe-{number}-a", 2),),
            drain_ec=number == 1,
            main=number // 3,
        )
        for number in (1, 2, 3)
    )
    config: dict[str, Any] = {
        "zones": zones,
        "boards": (BoardConfig(1), BoardConfig(11)),
        "more_pumps": (
            PumpConfig(Coil(1, 0), id="pump-2", head_m=22.0),
            PumpConfig(Coil(1, 1), id="pump-3", main=1, spin_s=2.0),
        ),
        "filter": FilterConfig(flush=ValveConfig(Coil(1, 2), travel_s=3.0)),
        "injectors": (InjectorConfig("feed", Coil(1, 3)),),
        "start_hour": 8.0,
    }
    return WorldConfig(**{**config, **changes})


def _names(config: WorldConfig) -> Mapping[str, st.SearchStrategy[Any]]:
    probes = [probe.id for zone in config.zones for probe in zone.probes]
    zones = [zone.id for zone in config.zones]
    sensors = ["level", "flow", "air", "light", "sun", "wind", "rain", "current", *probes]
    if config.mixing is not None:
        sensors += ["ec", "ph", "supply_ec", "supply_ph"]
    return {
        "actuator": st.sampled_from(sorted(coils_of(config))),
        "zone": st.sampled_from(zones),
        "probe": st.sampled_from(probes),
        "sensor": st.sampled_from(sensors),
        "bus": st.sampled_from(["cabinet", "climate", "soil", "inverter"]),
        "unit": st.integers(1, 9),
        "board": st.integers(0, len(config.boards) - 1),
        "injector": st.sampled_from([each.id for each in config.injectors] or ["none"]),
        "solution_probe": st.sampled_from(["ec", "ph", "supply_ec", "supply_ph"]),
        "pump": st.sampled_from([pump.id for pump in config.pumps]),
        "subject": st.sampled_from([*(pump.id for pump in config.pumps), *zones]),
        "offset": st.floats(-20.0, 20.0),
        "down_s": st.floats(0.0, 600.0),
    }


def _field(kind: type[Any], name: str, named: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Values for one field of a fault: names that exist, literals, or numbers within the field's own bounds."""
    if name in named:
        return named[name]
    part = kind.model_fields[name]
    annotation = part.annotation
    if typing.get_origin(annotation) is typing.Literal:
        return st.sampled_from(typing.get_args(annotation))
    if annotation is bool:
        return st.booleans()
    low: float | None = None
    high: float | None = None
    for bound in part.metadata:
        low = getattr(bound, "ge", getattr(bound, "gt", None)) if low is None else low
        high = getattr(bound, "le", None) if high is None else high
    if annotation is int:
        return st.integers(int(low or 0), int(high or 0))
    assert annotation is float
    return st.floats(max(low or 0.0, 0.01), high or 1.0)


def faults(
    config: WorldConfig, from_s: float, until_s: float, kinds: tuple[type[Any], ...] = FAULTS
) -> st.SearchStrategy[Any]:
    """One fault of any of these kinds, beginning and perhaps ending within the span, on whole tenths of a second."""
    named = _names(config)
    moments = st.integers(round(from_s * 10), round(until_s * 10)).map(lambda tenths: tenths / 10)
    able = [kind for kind in kinds if _can_suffer(config, kind)]

    def of(kind: type[Any]) -> st.SearchStrategy[Any]:
        own = {
            name: _field(kind, name, named) for name in kind.model_fields if name not in {"fault", "at_s", "until_s"}
        }
        return st.builds(kind, at_s=moments, until_s=st.none() | moments, **own)

    return st.one_of([of(kind) for kind in able])


def _can_suffer(config: WorldConfig, kind: type[Any]) -> bool:
    """Whether there is what this fault strikes."""
    if kind in (RiverWave, FloatFailed, LockTurned):
        return False
    if kind in (FlowSwitchStuck, CirculationDead) or "solution_probe" in kind.model_fields:
        return config.mixing is not None and (kind is not CirculationDead or config.mixing.kind == "tank")
    return bool(config.injectors) or "injector" not in kind.model_fields


@dataclass(frozen=True)
class Write:
    """One write to a relay board after a wait: a coil on, off, or on for so long."""

    wait_s: float
    actuator: str
    hold_s: float | None


def stories(config: WorldConfig, longest_wait_s: float = 900.0) -> st.SearchStrategy[list[Write]]:
    """Up to ten things done: single writes to any actuator, and waterings that open all that it takes."""
    waits = st.integers(0, round(longest_wait_s * 10)).map(lambda tenths: tenths / 10)
    times = st.floats(1.0, 1800.0).map(lambda hold: round(hold, 1))
    actuators = sorted(coils_of(config))
    doses = ("contactor", "master", "injector-a-valve", "injector-a", "a", "acid", "circulation", "pump-2", "feed")
    also = [name for name in doses if name in actuators]
    single = st.builds(
        lambda *parts: [Write(*parts)], waits, st.sampled_from(actuators), st.none() | st.just(0.0) | times
    )

    def watering(wait_s: float, zone: str, hold_s: float) -> list[Write]:
        writes = [Write(wait_s if name == zone else 0.0, name, hold_s) for name in (zone, *also)]
        return [*writes, Write(3.0, "pump", hold_s)]

    waterings = st.builds(watering, waits, st.sampled_from([zone.id for zone in config.zones]), times)
    return st.lists(single | waterings, max_size=10).map(lambda groups: [each for group in groups for each in group])


def write(world: World, actuator: str, hold_s: float | None) -> None:
    """`hold_s` None: off; 0: on; else on for so long by the board's timer. A board that is silent stays as it is."""
    coil = world.cabinet.coils[actuator]
    address, value = coil.channel, 0xFF00 if hold_s == 0.0 else 0
    if hold_s:
        address, value = 0x0200 + coil.channel, max(1, round(hold_s * 10))
    world.buses["cabinet"].execute(world.config.boards[coil.board].unit, struct.pack(">BHH", 5, address, value))


def tell(world: World, story: list[Write], step_s: float = 1e9) -> None:
    """Live through a story in steps of at most that long."""
    for each in story:
        pass_time(world, each.wait_s, step_s)
        write(world, each.actuator, each.hold_s)


def pass_time(world: World, seconds: float, step_s: float = 1e9) -> None:
    """So much time, in steps of at most `step_s`; 0 is from one of the world's own events to the next."""
    end_s = world.now_s + seconds
    while world.now_s < end_s - 1e-6:
        longest_s = step_s or world.next_event_s() - world.now_s
        world.step(min(longest_s, end_s - world.now_s))
