"""Whether the rain gauge is believed: what air, light and soil say of what it has counted.

A gauge that bounces counts rain that never falls; then the balance is full for ever, and the crop dies. While it
rains the air is nearly saturated and the sky covered. So hours of rain in dry air or bright sun, or a probe that has
stayed dry for three nights, are believed more than the gauge. Who doubts a good gauge waters as if it were dry.
"""

from __future__ import annotations

from tonnam_edge.agronomy.radiation import Radiation
from tonnam_edge.core.programs.kept import DAY_H, Kept
from tonnam_edge.core.programs.weather import CLEAR_ENOUGH_MJ_M2, Seen

# The mean humidity of an hour with rain in it, and of a clear sky's light the share that such an hour does not reach.
DRY_AIR_PCT, BRIGHT = 55.0, 0.75
# So much counted in an hour is rain; a shower's edge may fall into sun once, hardly so many times in a day.
RAIN_MM, DRY_HOURS = 0.5, 3
# For so long what the gauge has counted is taken back when it is doubted no sooner: by a probe after three nights.
TAKEN_BACK_H = 96


def count(kept: Kept, seen: Seen, light: Radiation | None) -> float:
    """What is believed of an hour's rain, mm. Notes hours in which it cannot have rained."""
    counted_mm = seen.rain or 0.0
    if counted_mm > 0:
        kept.gauge_h = kept.hours
    if counted_mm >= RAIN_MM and _dry(seen, light):
        kept.dry_rain_h = [*kept.dry_rain_h, kept.hours]
    kept.dry_rain_h = [hour for hour in kept.dry_rain_h if kept.hours - hour < DAY_H]
    return 0.0 if kept.gauge_doubted else counted_mm


def lies(kept: Kept) -> bool:
    """Whether it has counted in dry air so often that it is to be doubted from now on."""
    return not kept.gauge_doubted and len(kept.dry_rain_h) >= DRY_HOURS


def doubt(kept: Kept) -> None:
    """Believe it no more, nor what it has counted of late."""
    kept.gauge_doubted, kept.dry_rain_h, kept.rain = True, [], []


def recovers(kept: Kept) -> bool:
    """Whether it is believed again, because it has counted nothing for a day."""
    if not kept.gauge_doubted or kept.age_h(kept.gauge_h) < DAY_H:
        return False
    kept.gauge_doubted = False
    return True


def _dry(seen: Seen, light: Radiation | None) -> bool:
    if seen.humidity is not None and seen.humidity < DRY_AIR_PCT:
        return True
    measured = light is not None and not light.marks and light.clear_mj_m2 > CLEAR_ENOUGH_MJ_M2
    return light is not None and measured and light.mj_m2 >= BRIGHT * light.clear_mj_m2
