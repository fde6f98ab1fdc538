"""Water in the beds of one zone: what drips in, what the roots take, what drains away.

Two layers of clay loam under the wetted quarter of the zone, and a film of water on its way in. All depths are mm
of water on the wetted bed, so litres = mm * BED_M2. Nothing is lost: what comes in is in a layer or was counted out.
"""

import math
from dataclasses import dataclass, field

ZONE_M2 = 1600.0
BED_M2 = 400.0  # drip beds: a quarter of the zone is wetted
TOP_MM = 120.0
LOW_MM = 250.0
FIELD_CAPACITY = 0.32
WILTING_POINT = 0.18
SATURATION = 0.45
_TOP_ROOTS = 0.7
_NO_STRESS_SHARE = 0.6  # 1 - p of FAO-56 table 22 for melons, p = 0.4
_SOAK_S = 300.0
_DRAIN_S = 14_400.0
_SPREAD_MM_S = 150.0 / 86_400  # slow exchange of the layers, mm/s for a difference of 1 m3/m3
_PROBE_LAG_S = (90.0, 240.0)  # the first probe sits nearer an emitter


@dataclass(slots=True)
class SoilState:
    """Water in one zone. `seen` is what its two probes feel: the top layer, late. Saved with the farm."""

    top: float = 0.285
    low: float = 0.27
    film_mm: float = 0.0
    seen: list[float] = field(default_factory=lambda: [0.285, 0.285])
    watered_l: float = 0.0
    transpired_l: float = 0.0
    drained_l: float = 0.0

    def stored_l(self) -> float:
        """All water in the bed now, litres."""
        return (self.top * TOP_MM + self.low * LOW_MM + self.film_mm) * BED_M2


def step_soil(soil: SoilState, field_s: float, water_l: float, crop_et_mm: float) -> None:
    """Let `field_s` seconds pass, with `water_l` dripped in and `crop_et_mm` (per m2 of zone) wanted by the crop."""
    soil.watered_l += water_l
    _soak_in(soil, field_s, water_l)
    _drink(soil, crop_et_mm * ZONE_M2 / BED_M2)
    _spread(soil, field_s)
    _drain(soil, field_s)
    for probe, lag_s in enumerate(_PROBE_LAG_S):
        soil.seen[probe] += (soil.top - soil.seen[probe]) * -math.expm1(-field_s / lag_s)


def stress(vwc: float) -> float:
    """The share of its wish that a root gets: 1 while the soil is easy, 0 at wilting point (FAO-56 equation 84)."""
    easy = _NO_STRESS_SHARE * (FIELD_CAPACITY - WILTING_POINT)
    return min(1.0, max(0.0, (vwc - WILTING_POINT) / easy))


def _soak_in(soil: SoilState, field_s: float, water_l: float) -> None:
    soil.film_mm += water_l / BED_M2
    room_mm = (SATURATION - soil.top) * TOP_MM
    sinks_mm = min(room_mm, soil.film_mm * -math.expm1(-field_s / _SOAK_S))
    soil.film_mm -= sinks_mm
    soil.top += sinks_mm / TOP_MM


def _drink(soil: SoilState, wish_mm: float) -> None:
    from_top_mm = min(wish_mm * _TOP_ROOTS * stress(soil.top), max(0.0, soil.top - WILTING_POINT) * TOP_MM)
    from_low_mm = min(wish_mm * (1 - _TOP_ROOTS) * stress(soil.low), max(0.0, soil.low - WILTING_POINT) * LOW_MM)
    soil.top -= from_top_mm / TOP_MM
    soil.low -= from_low_mm / LOW_MM
    soil.transpired_l += (from_top_mm + from_low_mm) * BED_M2


def _spread(soil: SoilState, field_s: float) -> None:
    down_mm = (soil.top - soil.low) * _SPREAD_MM_S * field_s
    soil.top -= down_mm / TOP_MM
    soil.low += down_mm / LOW_MM


def _drain(soil: SoilState, field_s: float) -> None:
    share = -math.expm1(-field_s / _DRAIN_S)
    down_mm = max(0.0, soil.top - FIELD_CAPACITY) * TOP_MM * share
    soil.top -= down_mm / TOP_MM
    soil.low += down_mm / LOW_MM
    away_mm = max(0.0, soil.low - FIELD_CAPACITY) * LOW_MM * share
    soil.low -= away_mm / LOW_MM
    soil.drained_l += away_mm * BED_M2
