"""EC and pH probes in the water: what they feel, with the errors that they were born with and those of the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..devices.pdu import Device
from ..devices.sdm120 import MainsFelt, Sdm120
from ..devices.solution import EcProbe, PhProbe, SolutionFelt
from ..physics.noise import Stream, bell
from .chemistry import ph_of
from .mixing import ALKALINITY, CARBON, SALT, MixedPlumbing
from .pumps import POWER_FACTOR, VOLTS

if TYPE_CHECKING:
    from .world import World

UNITS = {"ec": 40, "ph": 41, "supply_ec": 42, "supply_ph": 43}
"""Units of the solution probes on the cabinet's bus."""

CURRENT, CURRENT_UNIT = "current-injectors", 44
"""The ammeter of all dosing pumps (an SDM120; its energy stays 0)."""

_EC_A_C, _FREEZING_K, _REFERENCE_C = 0.02, 273.15, 25.0
_NEUTRAL = 7.0


@dataclass(frozen=True, slots=True)
class Born:
    """A probe's own errors: an offset in its unit, a gain around 1, and a share (or slope) a degree from 25 C."""

    offset: float
    gain: float
    per_c: float


def born(seed: int, name: str, errors: float) -> Born:
    """The errors of one probe; EC in dS/m."""
    first = list(UNITS).index(name) * 4
    luck = [errors * bell(seed, Stream.SOLUTION_BORN, first + part) for part in range(3)]
    if name.endswith("ec"):
        return Born(0.02 * luck[0], 1.0 + 0.015 * luck[1], 0.001 * luck[2])
    return Born(0.05 * luck[0], 1.0 + 0.01 * luck[1], 0.0005 * luck[2])


def feels(world: World, plumbing: MixedPlumbing) -> dict[str, Callable[[], float]]:
    """What each probe says of its water, dS/m or pH, with noise and before faults of the sensor in general."""
    errors = {name: born(world.seed, name, world.config.probe_errors) for name in UNITS}
    truths: dict[str, Callable[[], float]] = {
        "ec": lambda: plumbing.seen.ec_ds_m,
        "ph": lambda: plumbing.seen.ph,
        "supply_ec": lambda: plumbing.at_tank()[SALT],
        "supply_ph": lambda: ph_of(plumbing.at_tank()[ALKALINITY], plumbing.at_tank()[CARBON]),
    }
    found: dict[str, Callable[[], float]] = {
        name: partial(_felt, world, name, truths[name], errors[name]) for name in UNITS
    }
    return {**found, CURRENT: partial(_amperes, plumbing)}


def _amperes(plumbing: MixedPlumbing) -> float:
    """Of all dosing pumps together, whether they dose or only turn."""
    return sum(each.config.full_load_a for each in plumbing.injectors.values() if each.running)


def _felt(world: World, name: str, truth: Callable[[], float], own: Born) -> float:
    on, warmer_c = world.conditions, water_c(world) - _REFERENCE_C
    noise, is_ec = world.senses.noise(name), name.endswith("ec")
    if name in on.out_of_water:
        return 0.0 if is_ec else _NEUTRAL + 0.3 * noise
    if is_ec:
        heat = own.per_c * warmer_c + (_EC_A_C * warmer_c if name in on.uncompensated else 0.0)
        return max(0.0, (truth() * own.gain * (1.0 + heat) + own.offset) * (1.0 + 0.003 * noise))
    slope = own.gain * (1.0 + own.per_c * warmer_c)
    if name in on.uncompensated:
        slope *= (_FREEZING_K + water_c(world)) / (_FREEZING_K + _REFERENCE_C)
    return _NEUTRAL + (truth() - _NEUTRAL) * slope + own.offset + 0.005 * noise


def water_c(world: World) -> float:
    """Warmth of the water: that of the soil in which its pipes lie."""
    return world.field.soil_c(0)


def devices(world: World) -> dict[int, Device]:
    """The probes by their units on the cabinet's bus."""
    made: dict[int, Device] = {}
    for name, unit in UNITS.items():
        if name.endswith("ec"):
            made[unit] = EcProbe(partial(_solution, world, name, 1000.0))
        else:
            made[unit] = PhProbe(partial(_solution, world, name, 1.0))
    made[CURRENT_UNIT] = Sdm120(partial(_mains, world), CURRENT_UNIT)
    return made


def _mains(world: World) -> MainsFelt:
    amperes, volts = max(0.0, world.senses.say(CURRENT)), VOLTS * world.pump_house.voltage
    return MainsFelt(volts, amperes, POWER_FACTOR * volts * amperes, 0.0)


def _solution(world: World, name: str, per_unit: float) -> SolutionFelt:
    return SolutionFelt(world.senses.say(name) * per_unit, water_c(world))


def contacts(world: World, plumbing: MixedPlumbing) -> dict[str, bool]:
    """The digital inputs of a dosing unit: flow switch, what runs by its current, stock tanks that are low."""
    on = world.conditions
    found = {"flow_switch": plumbing.flows_at_injectors if on.flow_switch is None else on.flow_switch}
    if plumbing.in_tank:
        found["circulation-current"] = plumbing.circulating
    for name, injector in plumbing.injectors.items():
        found[f"{name}-current"] = injector.running and on.voltage > 0.0
        found[f"{name}-low"] = name in on.stocks_empty or injector.stock_l < 0.1 * injector.config.stock_l
    return found
