"""Tank, well, pump, valves, pipes and flow meter.

Two kinds of litres. The *meter* and everything a hand could stop-watch run on the wall clock: 60 L/min is one pulse
of one litre a second. Tank, pipes and soil live in field time: at `--speed 20` each litre through the meter stands
for 20 litres there. `pace` is that factor, field seconds a wall second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

TANK_M2 = 5.0
TANK_FULL_L = 10_000.0
ZONE_FLOW_L_MIN = (60.5, 59.2)
WELL_L_MIN = 15.0
PULSE_L = 1.0
_TWO_ZONES_SHARE = 0.85  # of its own flow that a zone gets while both drink
_LINE_L = 5.0  # fills in five seconds
_LINE_DRAIN_S = 600.0
_FLOW_LAG_S = 1.0
_DRY_L, _PRIMED_L = 50.0, 300.0  # the pump sucks air below 1 cm and draws again above 6 cm


@dataclass(slots=True)
class WaterState:
    """Tank, lines (field litres) and meter (litres on its dial). Saved with the farm."""

    tank_l: float = 8_800.0
    lines_l: list[float] = field(default_factory=lambda: [0.0, 0.0])
    flows_l_min: list[float] = field(default_factory=lambda: [0.0, 0.0])
    meter_l: float = 0.0
    primed: bool = True
    well_l: float = 0.0
    overflow_l: float = 0.0
    pumped_l: float = 0.0

    @property
    def level_cm(self) -> float:
        """Water above the tank's floor."""
        return self.tank_l / 1000.0 / TANK_M2 * 100.0

    @property
    def flow_l_min(self) -> float:
        """What the meter's wheel turns at now."""
        return sum(self.flows_l_min)


def step_water(
    water: WaterState, wall_s: float, pace: float, *, pump_on: bool, paths_open: Sequence[bool], ripple: float = 0.0
) -> list[float]:
    """Let `wall_s` seconds pass with the contacts as given; return what dripped into each zone, field litres.

    Flow needs the pump, an open path and water in the tank. Exact for any step during which no contact moves.
    """
    _fill_from_well(water, wall_s * pace)
    wanted_l = _turn_wheels(water, wall_s, pump_on and water.primed, paths_open, ripple)
    share = min(1.0, max(0.0, water.tank_l - _DRY_L) / (sum(wanted_l) * pace)) if sum(wanted_l) > 0 else 1.0
    if share < 1.0:
        water.primed, water.flows_l_min = False, [0.0, 0.0]
    elif water.tank_l > _PRIMED_L:
        water.primed = True
    drawn_l = sum(wanted_l) * share
    water.meter_l += drawn_l
    water.tank_l -= drawn_l * pace
    water.pumped_l += drawn_l * pace
    return [_through_line(water, zone, litres * share * pace, wall_s, pace) for zone, litres in enumerate(wanted_l)]


def _fill_from_well(water: WaterState, field_s: float) -> None:
    inflow_l = WELL_L_MIN / 60.0 * field_s
    spilled_l = max(0.0, water.tank_l + inflow_l - TANK_FULL_L)
    water.well_l += inflow_l
    water.overflow_l += spilled_l
    water.tank_l += inflow_l - spilled_l


def _turn_wheels(
    water: WaterState, wall_s: float, pumping: bool, paths_open: Sequence[bool], ripple: float
) -> list[float]:
    """Litres the meter would count for each zone: flow follows its target with a lag of a second."""
    together = _TWO_ZONES_SHARE if all(paths_open) else 1.0
    litres = []
    for zone, is_open in enumerate(paths_open):
        target = ZONE_FLOW_L_MIN[zone] * together * (1.0 + ripple) if pumping and is_open else 0.0
        lead = water.flows_l_min[zone] - target
        decay = math.exp(-wall_s / _FLOW_LAG_S)
        litres.append((target * wall_s + lead * _FLOW_LAG_S * (1.0 - decay)) / 60.0)
        water.flows_l_min[zone] = target + lead * decay if abs(lead * decay) > 0.01 else target
    return litres


def _through_line(water: WaterState, zone: int, inflow_l: float, wall_s: float, pace: float) -> float:
    """Fill the line first, then drip; a line without flow drips empty over minutes."""
    line_l = water.lines_l[zone] + inflow_l
    drained_l = line_l * -math.expm1(-wall_s / _LINE_DRAIN_S)
    dripped_l = max(0.0, line_l - _LINE_L * pace) if inflow_l > 0.0 else drained_l
    water.lines_l[zone] = line_l - dripped_l
    return dripped_l
