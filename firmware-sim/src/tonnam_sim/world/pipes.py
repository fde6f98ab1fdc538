"""The parts of the plumbing with their books: lines, injectors, pumps and mains; and what flows through a main."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .config import InjectorConfig, WorldConfig
from .nature import SUBPLOTS

MAIN_L = 20.0
_HALVINGS = 60


@dataclass(slots=True)
class Line:
    """One zone's pipes behind its valve. Litres and dS/m litres; sums since the beginning."""

    capacity_l: float
    litres: float = 0.0
    salt: float = 0.0
    delivered_l: float = 0.0
    dripped_l: float = 0.0
    lost_l: float = 0.0
    back_l: float = 0.0
    salt_lost: float = 0.0
    inflow: float = 0.0
    drip: float = 0.0
    loss: float = 0.0
    back: float = 0.0
    draining: bool = False
    pending_l: list[float] = field(default_factory=lambda: [0.0] * SUBPLOTS)
    pending_salt: list[float] = field(default_factory=lambda: [0.0] * SUBPLOTS)


@dataclass(slots=True)
class Injector:
    """A dosing pump's books, litres of stock since the beginning."""

    config: InjectorConfig
    stock_l: float
    stock_salt: float
    ml_min: float
    running: bool = False
    valve_open: bool = True
    rate: float = 0.0
    back: float = 0.0
    injected_l: float = 0.0
    without_flow_l: float = 0.0
    siphoned_l: float = 0.0
    back_l: float = 0.0


@dataclass(slots=True)
class Sums:
    """Litres, dS/m litres and seconds since the beginning."""

    well_l: float = 0.0
    pumped_l: float = 0.0
    siphoned_l: float = 0.0
    main_leaked_l: float = 0.0
    tank_leaked_l: float = 0.0
    back_l: float = 0.0
    salt_well: float = 0.0
    salt_leaked: float = 0.0
    refilled_l: float = 0.0
    salt_refilled: float = 0.0
    flushed_l: float = 0.0
    salt_flushed: float = 0.0
    running_s: float = 0.0
    no_path_s: float = 0.0
    dry_s: float = 0.0


@dataclass(slots=True)
class PumpBooks:
    """One pump: what it brings now, L/s; seconds and starts since the beginning."""

    flow: float = 0.0
    running_s: float = 0.0
    no_path_s: float = 0.0
    dry_s: float = 0.0
    starts: int = 0


@dataclass(slots=True)
class Main:
    """Pumps, filter, meter and the pipe to the valves of some zones. L/s, litres and dS/m litres since the beginning.

    `flush` is what a back-flush valve lets out before the filter; `back` what drains back from the lines.
    """

    pumps: tuple[int, ...]
    zones: tuple[int, ...]
    salt: float
    pumping: bool = False
    flow: float = 0.0
    flush: float = 0.0
    leak: float = 0.0
    back: float = 0.0
    filtered_l: float = 0.0
    meter_l: float = 0.0

    def run(self, seconds: float, drawn: float, dosed: float, out: float) -> tuple[float, float]:
        """Salt through the pipe, one mixed cell; what went into the lines, and out of a leak. `out` in L/s."""
        entering = (drawn + dosed) / seconds
        settled = entering / out * MAIN_L if out > 0.0 else self.salt
        after = settled + (self.salt - settled) * math.exp(-out * seconds / MAIN_L)
        left = self.salt + drawn + dosed - after
        self.salt = after
        leaked = left * self.leak / out if out > 0.0 else 0.0
        return left - leaked, leaked


def mains_of(config: WorldConfig) -> list[Main]:
    """Mains from 0, each with its pumps and zones. ValueError when one has no pump."""
    numbers = range(1 + max([pump.main for pump in config.pumps] + [zone.main for zone in config.zones]))
    found = []
    for number in numbers:
        pumps = tuple(at for at, pump in enumerate(config.pumps) if pump.main == number)
        zones = tuple(at for at, zone in enumerate(config.zones) if zone.main == number)
        if not pumps:
            raise ValueError(f"main {number} has no pump")
        found.append(Main(pumps, zones, MAIN_L * config.tank.ec_ds_m))
    return found


def pressed(heads: Sequence[tuple[float, float]], resistance: float, outlet: float) -> list[float]:
    """What each pump (head in m, slope in m a (L/min) squared) brings into one main, L/min.

    `resistance` and `outlet` (L/min a root of a metre) are of all that is behind them. Several pumps share the
    pressure at which what they bring is what the main takes; behind its check valve a weaker one brings nothing.
    """
    if not heads or outlet <= 0.0:
        return [0.0] * len(heads)
    if len(heads) == 1:
        head_m, slope = heads[0]
        return [math.sqrt(head_m / (slope + resistance + 1.0 / outlet**2)) if head_m > 0.0 else 0.0]
    takes, low, high = resistance + 1.0 / outlet**2, 0.0, max(head_m for head_m, _ in heads)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if sum(_brings(head, middle) for head in heads) > math.sqrt(middle / takes):
            low = middle
        else:
            high = middle
    return [_brings(head, (low + high) / 2.0) for head in heads]


def _brings(head: tuple[float, float], against_m: float) -> float:
    head_m, slope = head
    return math.sqrt((head_m - against_m) / slope) if head_m > against_m else 0.0
