"""What grows in a zone, as the agronomy takes it: a crop, a soil, a day of planting."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import NamedTuple

from tonnam_edge.agronomy import defaults, dual
from tonnam_edge.agronomy.balance import Soil
from tonnam_edge.agronomy.crop import Crop
from tonnam_edge.agronomy.dual import Surface
from tonnam_edge.site.growing_file import GrowingPart, MulchPart


class Ground(NamedTuple):
    """A zone's crop and soil."""

    crop: Crop
    soil: Soil
    planted: date

    def day(self, today: date) -> float:
        """The crop's day; 0 is the day of planting."""
        return float((today - self.planted).days)


def ground_of(part: GrowingPart, area_m2: float, *, under_cover: bool) -> Ground:
    """Crop and soil of a zone. Raises KeyError for unknown names, ValueError for what cannot be."""
    soil = defaults.soils()[part.soil]
    full = soil.field_capacity if part.field_capacity_pct is None else part.field_capacity_pct / 100
    wilting = soil.wilting_point if part.wilting_point_pct is None else part.wilting_point_pct / 100
    ground = Soil(
        field_capacity=full,
        wilting_point=wilting,
        area_m2=area_m2,
        wetted_fraction=part.wetted_pct / 100,
        application_efficiency=part.efficiency_pct / 100,
        rained_on=not under_cover,
        volume_l_m2=part.volume_l_m2,
        surface=_surface(part, full, wilting, soil.rew_mm),
    )
    return Ground(_crop(part), ground, date.fromisoformat(part.planted))


def _surface(part: GrowingPart, field_capacity: float, wilting_point: float, rew_mm: float) -> Surface | None:
    """The soil's surface, where the dual coefficient is asked for."""
    top = part.surface
    if part.kc != "dual":
        return None
    if top is None:
        raise ValueError('kc = "dual" needs surface = { irrigation = ... }: how the soil is wetted')
    kind = defaults.irrigations()[top.irrigation]
    return Surface(
        total_mm=dual.total_evaporable_mm(field_capacity, wilting_point, top.depth_m),
        readily_mm=rew_mm if top.readily_mm is None else top.readily_mm,
        wetted=kind.wetted if top.wetted_pct is None else top.wetted_pct / 100,
        drips=kind.drips,
        mulch_reduction=0.0 if top.mulch is None else _kept_back(top.mulch),
    )


def _kept_back(mulch: MulchPart) -> float:
    """The share of evaporation that a mulch keeps back."""
    if mulch.less_pct is not None:
        return mulch.less_pct / 100
    return defaults.mulches()[mulch.kind].keeps_back * mulch.covered_pct / 100


def _crop(part: GrowingPart) -> Crop:
    crop = defaults.crops()[part.crop].crop
    if part.days is not None:
        initial, development, middle, late = part.days
        crop = replace(crop, initial_days=initial, development_days=development, middle_days=middle, late_days=late)
    if not isinstance(part.kc, str):
        crop = replace(crop, kc_initial=part.kc[0], kc_middle=part.kc[1], kc_end=part.kc[2])
    if part.kcb is not None:
        crop = replace(crop, kcb_initial=part.kcb[0], kcb_middle=part.kcb[1], kcb_end=part.kcb[2])
    if part.root_depth_m is not None:
        crop = replace(crop, root_depth_initial_m=part.root_depth_m[0], root_depth_m=part.root_depth_m[1])
    if part.depletion_pct is not None:
        crop = replace(crop, depletion_fraction=part.depletion_pct / 100)
    return crop
