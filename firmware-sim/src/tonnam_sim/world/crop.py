"""Leaves that shade the ground, roots that go down, and what the crop would drink."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ..physics.greenhouse import reference_et_mm_h
from ..physics.sky import saturation_kpa
from .config import CropConfig

_NET_SHARE = 0.75
_PSYCHROMETRIC_KPA_C = 0.065
_LATENT_MJ_KG = 2.45


def cover(crop: CropConfig, day: float) -> float:
    """Share of the bed that leaves shade, `day` after planting: logistic growth, then a slow fading."""
    grown = crop.full_cover / (1.0 + math.exp((crop.half_cover_day - day) / 6.0))
    faded = max(0.5, 1.0 - 0.015 * max(0.0, day - crop.fades_from_day))
    return max(0.04, grown) * faded


def root_shares(crop: CropConfig, day: float, layers_mm: Sequence[float]) -> tuple[float, ...]:
    """Share of the roots in each layer: falling exponentially to the rooting depth (Gerwitz and Page 1974)."""
    depth_mm = rooting_mm(crop, day)
    edges, bottom = [0.0], 0.0
    for layer_mm in layers_mm:
        bottom += layer_mm
        edges.append(1.0 - math.exp(-3.0 * min(bottom, depth_mm) / depth_mm))
    return tuple((below - above) / edges[-1] for above, below in itertools.pairwise(edges))


def rooted_shares(crop: CropConfig, day: float, layers_mm: Sequence[float]) -> tuple[float, ...]:
    """How much of each layer lies within the rooting depth, 0 to 1."""
    left_mm, shares = rooting_mm(crop, day), []
    for layer_mm in layers_mm:
        shares.append(min(1.0, max(0.0, left_mm / layer_mm)))
        left_mm -= layer_mm
    return tuple(shares)


def rooting_mm(crop: CropConfig, day: float) -> float:
    """How deep the roots are."""
    return min(crop.deepest_root_mm, crop.first_root_mm + crop.root_growth_mm_d * day)


def demand_mm_h(
    outside_w_m2: float, air_c: float, vapour_kpa: float, wind_m_s: float, transmissivity: float
) -> float:
    """What a full canopy would drink under cover (transmissivity under 1) or outside, mm/h.

    Under cover Priestley and Taylor (1972) on the light inside; outside Penman (1948) with the wind function of
    Shuttleworth (1993). The controllers use Penman-Monteith; the field is deliberately not their model.
    """
    if transmissivity < 1.0:
        return reference_et_mm_h(outside_w_m2 * transmissivity, air_c)
    saturation = saturation_kpa(air_c)
    slope = 4098.0 * saturation / (air_c + 237.3) ** 2
    net_mj_m2_h = _NET_SHARE * outside_w_m2 * 0.0036
    dries_mj_m2_h = 6.43 / 24.0 * (1.0 + 0.536 * wind_m_s) * max(0.0, saturation - vapour_kpa)
    weighed = slope * net_mj_m2_h + _PSYCHROMETRIC_KPA_C * dries_mj_m2_h
    return weighed / (slope + _PSYCHROMETRIC_KPA_C) / _LATENT_MJ_KG
