"""The air, the light and the thirst of the crop under the cover."""

import math
from dataclasses import dataclass

from .sky import Sky, saturation_kpa

COVER_TRANSMISSIVITY = 0.65
CROP_COEFFICIENTS = (1.0, 0.93)  # fruiting melons; zone 2 was planted ten days later
_WARMING_C_PER_W_M2 = 0.0085  # a ventilated house is some 4.5 C warmer than outside at noon
_AIR_LAG_S = 600.0
_LUX_PER_W_M2 = 115.0
_NET_SHARE = 0.75  # of the sun inside that heats and evaporates: less reflection and long-wave loss
_PSYCHROMETRIC_KPA_C = 0.065
_LATENT_MJ_KG = 2.45


@dataclass(slots=True)
class AirState:
    """Air inside. Saved with the farm."""

    air_c: float = 24.0
    soil_c: float = 25.0


@dataclass(frozen=True, slots=True)
class Climate:
    """What the climate sensors see, before their own errors."""

    air_c: float
    humidity_pct: float
    illuminance_lx: float
    reference_et_mm_h: float


def step_air(air: AirState, sky: Sky, field_s: float, transmissivity: float = COVER_TRANSMISSIVITY) -> None:
    """Let the inside air follow weather and sun, and the soil's warmth follow the air over hours."""
    target_c = sky.air_c + _WARMING_C_PER_W_M2 * sky.sun_w_m2 * transmissivity
    air.air_c += (target_c - air.air_c) * -math.expm1(-field_s / _AIR_LAG_S)
    air.soil_c += (air.air_c + 1.0 - air.soil_c) * -math.expm1(-field_s / 28_800.0)


def climate_at(air: AirState, sky: Sky, transmissivity: float = COVER_TRANSMISSIVITY) -> Climate:
    """Inside climate at one instant; transpiration makes the air moister by day."""
    inside_w_m2 = sky.sun_w_m2 * transmissivity
    et_mm_h = reference_et_mm_h(inside_w_m2, air.air_c)
    vapour_kpa = sky.vapour_kpa + 0.9 * et_mm_h
    humidity_pct = min(97.5, 100.0 * vapour_kpa / saturation_kpa(air.air_c))
    return Climate(air.air_c, humidity_pct, inside_w_m2 * _LUX_PER_W_M2, et_mm_h)


def reference_et_mm_h(inside_w_m2: float, air_c: float) -> float:
    """Evapotranspiration of a well-watered crop, mm/h per square metre of greenhouse.

    Priestley and Taylor (1972), alpha 1.26: under cover there is little wind and radiation rules. The controllers
    use Penman-Monteith; the field is deliberately not their model.
    """
    saturation = saturation_kpa(air_c)
    slope = 4098.0 * saturation / (air_c + 237.3) ** 2
    net_mj_m2_h = _NET_SHARE * inside_w_m2 * 0.0036
    return 1.26 * slope / (slope + _PSYCHROMETRIC_KPA_C) * net_mj_m2_h / _LATENT_MJ_KG
