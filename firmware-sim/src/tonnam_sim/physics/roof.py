"""The solar roof: power from the sun, and a counter of what it made."""

from dataclasses import dataclass

PANELS_W = 10_000.0
_INVERTER_MAX_W = 9_000.0
_WAKES_AT_W_M2 = 15.0
_PERFORMANCE = 0.86  # heat, dust, wiring and the inverter itself


@dataclass(slots=True)
class RoofState:
    """The counter runs on the wall clock, as meters do: energy is power over real time. Saved with the farm."""

    energy_wh: float = 0.0


def roof_w(sun_w_m2: float) -> float:
    """AC power under this sun, W; the inverter sleeps in the dark."""
    if sun_w_m2 < _WAKES_AT_W_M2:
        return 0.0
    return min(_INVERTER_MAX_W, PANELS_W * sun_w_m2 / 1000.0 * _PERFORMANCE)
