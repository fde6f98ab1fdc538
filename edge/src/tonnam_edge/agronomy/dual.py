"""What bare soil evaporates beside the crop: the dual crop coefficient, Kc = Kcb + Ke (FAO-56 chapter 7).

The top of the soil is a layer of its own: wetted by rain and irrigation, dried by the sun where no leaves shade it.
All depths are mm; the layer's are over its own wetted and exposed part, everything else's over the whole zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tonnam_edge.agronomy.crop import Climate, Crop, climatic
from tonnam_edge.agronomy.marks import believable

KC_OF_DRY_SOIL = 0.15  # Kc min of FAO-56 equation 76
MOST_COVERED = 0.99
LEAST_EXPOSED = 0.01
KC_MAX = 1.2  # FAO-56 equation 72
ABOVE_BASAL = 0.05
DRIP_UNDER_LEAVES = (
    2 / 3
)  # FAO-56 chapter 7: drippers stand in the shade, so that part of what they wet is no bare soil
SHOWER_MM = 3.0  # FAO-56 chapter 7: rain of less wets no other part of the soil than was wet before
MOST_EVAPORATED_MM = 150.0


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The top of a zone's soil. Raises ValueError for what none is.

    `total_mm` (TEW, FAO-56 equation 73) can evaporate from it, `readily_mm` (REW) of that without resistance.
    `wetted` is the part of the soil that irrigation wets (fw, table 20); `drips` when emitters stand below leaves.
    `mulch_reduction` is the share of evaporation that a mulch keeps back.
    """

    total_mm: float
    readily_mm: float
    wetted: float = 1.0
    drips: bool = False
    mulch_reduction: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.readily_mm < self.total_mm <= MOST_EVAPORATED_MM:
            raise ValueError("what evaporates readily (REW) is more than 0 and less than all that can (TEW)")
        if not 0.01 <= self.wetted <= 1 or not 0 <= self.mulch_reduction <= 1:
            raise ValueError("irrigation wets 0.01 to 1 of the soil, a mulch keeps back 0 to 1 of the evaporation")


class Layer(NamedTuple):
    """How dry the top of the soil is: `evaporated_mm` (De) since it was wet, in the part that was `wetted` (fw) last.

    `shower_mm` is the rain of late that counts towards a shower.
    """

    evaporated_mm: float
    wetted: float
    shower_mm: float = 0.0


class Coefficients(NamedTuple):
    """The coefficients of a day: basal, the most that energy allows, the share of soil under leaves (fc), the wetted
    and exposed share (few), the reduction by drought (Kr), and that of soil evaporation (Ke)."""

    kcb: float
    kc_max: float
    covered: float
    exposed: float
    kr: float
    ke: float


def total_evaporable_mm(field_capacity: float, wilting_point: float, depth_m: float) -> float:
    """TEW: what evaporates from soil of that depth between field capacity and half the wilting point (FAO-56
    equation 73)."""
    return 1000 * (field_capacity - 0.5 * wilting_point) * depth_m


def begin(surface: Surface) -> Layer:
    """The layer of which nothing is remembered: REW is gone, so that it still gives all that the sun can take. A
    layer that was taken as dry would leave water out of the books."""
    return Layer(surface.readily_mm, surface.wetted)


def wet(layer: Layer, surface: Surface, *, rain_mm: float, irrigation_mm: float, days: float) -> Layer:
    """The layer after rain and irrigation, mm over the zone (FAO-56 equations 77 and 79; what is more than the layer
    holds runs through it)."""
    shower = layer.shower_mm + rain_mm if rain_mm > 0 else max(layer.shower_mm - SHOWER_MM * days, 0.0)
    wetted = layer.wetted
    if irrigation_mm > 0:
        wetted, shower = surface.wetted, rain_mm
    if shower >= SHOWER_MM:
        wetted = 1.0
    reached = rain_mm + irrigation_mm / surface.wetted
    return Layer(max(layer.evaporated_mm - reached, 0.0), wetted, min(shower, SHOWER_MM))


def dried(layer: Layer, surface: Surface, evaporation_mm: float, exposed: float) -> Layer:
    """The layer after evaporation, mm over the zone (FAO-56 equation 77)."""
    return layer._replace(evaporated_mm=min(layer.evaporated_mm + evaporation_mm / exposed, surface.total_mm))


def left_mm(layer: Layer, surface: Surface, exposed: float) -> float:
    """What the layer can still evaporate, mm over the zone."""
    return max(surface.total_mm - layer.evaporated_mm, 0.0) * exposed


def coefficients(crop: Crop, surface: Surface, layer: Layer, day: float, climate: Climate) -> Coefficients:
    """Kcb and Ke of a crop's day over a layer (FAO-56 equations 70 to 76)."""
    kcb, height_m = crop.kcb(day, climate), crop.height_on(day)
    kc_max = most(kcb, climate, height_m)
    covered = cover(kcb, kc_max, height_m, min(KC_OF_DRY_SOIL, crop.kcb_initial))
    few = exposed(surface, covered, layer.wetted)
    kr = reduction(surface, layer.evaporated_mm)
    ke = min(kr * (kc_max - kcb), few * kc_max) * (1 - surface.mulch_reduction)
    return Coefficients(kcb, kc_max, covered, few, kr, ke)


def most(kcb: float, climate: Climate, height_m: float) -> float:
    """Kc max: the most that any wet surface can evaporate beside grass (FAO-56 equation 72)."""
    return max(KC_MAX + climatic(climate, height_m), kcb + ABOVE_BASAL)


def cover(kcb: float, kc_max: float, height_m: float, kc_min: float = KC_OF_DRY_SOIL) -> float:
    """fc: the share of the soil under leaves, by what the crop drinks (FAO-56 equation 76); 0 to 0.99."""
    share = max(kcb - kc_min, 0.0) / max(kc_max - kc_min, 0.01)
    return float(min(share ** (1 + 0.5 * height_m), MOST_COVERED))


def exposed(surface: Surface, covered: float, wetted: float) -> float:
    """few: the share of the soil that is both wet and in the sun (FAO-56 equation 75), at least 0.01.

    What drippers wet lies below the leaves as these close, so that part of it is no bare soil.
    """
    if surface.drips and wetted < 1:
        wetted *= 1 - DRIP_UNDER_LEAVES * covered
    return min(max(min(1 - covered, wetted), LEAST_EXPOSED), 1.0)


def reduction(surface: Surface, evaporated_mm: float) -> float:
    """Kr: 1 while REW lasts, then falling to 0 at TEW (FAO-56 equation 74)."""
    left = (surface.total_mm - evaporated_mm) / (surface.total_mm - surface.readily_mm)
    return min(max(left, 0.0), 1.0)


def restored(evaporated_mm: object, wetted: object, shower_mm: object) -> Layer | None:
    """A layer from what was kept as JSON; None if it is none or cannot be true."""
    evaporated = _number(evaporated_mm, 0, MOST_EVAPORATED_MM)
    part = _number(wetted, LEAST_EXPOSED, 1)
    if evaporated is None or part is None:
        return None
    return Layer(evaporated, part, _number(shower_mm, 0, SHOWER_MM) or 0.0)


def _number(value: object, low: float, high: float) -> float | None:
    return believable(value, low, high) if isinstance(value, int | float) else None
