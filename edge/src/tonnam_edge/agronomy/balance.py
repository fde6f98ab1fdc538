"""The water in a zone's root zone as a depletion below field capacity (FAO-56 chapter 8).

ETc is by the single crop coefficient; of a soil with a `surface`, by the dual one (FAO-56 chapter 7).

All depths are mm over the whole zone, that is litres per m2 of zone: under drip the wetted part holds the water, and
what it holds is spread over the zone. Works in steps of any length: a day, a minute, or nothing but a watering.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from tonnam_edge.agronomy import dual
from tonnam_edge.agronomy.crop import USUAL_CLIMATE, Climate, Crop
from tonnam_edge.agronomy.marks import Mark, Marks, believable, judged

REFERENCE_DEMAND_MM_DAY = 5.0  # FAO-56 table 22 gives p for this
P_PER_MM_DAY = 0.04
P_BOUNDS = (0.1, 0.8)
LEAST_TAW_MM = 0.5
MOST_ET0_MM_DAY = 15.0
MOST_ET0_MM_H = 1.5
MOST_DEMAND_MM_DAY = 100.0
MOST_RAIN_MM = 500.0
MOST_IRRIGATION_MM = 200.0
MOST_DAYS = 400.0
INTERCEPTED_SHARE = 0.2  # of ET0: rain below that dries off again (FAO-56 chapter 8)
MOST_INTERCEPTED_MM = 1.0


@dataclass(frozen=True, kw_only=True)
class Soil:
    """What the roots of a zone stand in. Raises ValueError for what no soil is.

    `field_capacity` and `wilting_point` are water by volume, m3/m3. `wetted_fraction` is the part of the zone that
    is rooted and watered; of the rain, too, roots get what falls on it. `application_efficiency` is the share of
    metered water that reaches the roots. A substrate has its own volume instead of depth: `volume_l_m2`, litres per
    m2 of zone. With a `surface`, what evaporates there is reckoned apart from what the crop drinks.
    """

    field_capacity: float
    wilting_point: float
    area_m2: float
    wetted_fraction: float = 1.0
    application_efficiency: float = 0.9
    rained_on: bool = True
    interception: bool = True
    volume_l_m2: float | None = None
    surface: dual.Surface | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.wilting_point < self.field_capacity <= 0.95:
            raise ValueError("a soil's wilting point is below its field capacity, both between 0 and 0.95")
        if not 0.01 <= self.wetted_fraction <= 1 or not 0.1 <= self.application_efficiency <= 1:
            raise ValueError("the wetted fraction is 0.01 to 1, the application efficiency 0.1 to 1")
        if not 0.01 <= self.area_m2 <= 1e8:
            raise ValueError("a zone has an area between 0.01 m2 and 1e8 m2")
        if self.volume_l_m2 is not None and not 0.1 <= self.volume_l_m2 <= 1000:
            raise ValueError("a substrate has between 0.1 and 1000 litres per m2")
        if self.volume_l_m2 is not None and self.surface is not None:
            raise ValueError("a substrate has no surface of soil: it goes by the single crop coefficient")

    def root_zone_mm(self, crop: Crop, day: float) -> float:
        """Volume of the rooted soil, mm over the zone."""
        if self.volume_l_m2 is not None:
            return self.volume_l_m2
        return 1000 * crop.rooted_m(day) * self.wetted_fraction

    def depletion_of_mm(self, moisture: float, crop: Crop, day: float, field_capacity: float | None = None) -> float:
        """Depletion by a measured moisture, m3/m3. Below zero when wetter than field capacity."""
        full = self.field_capacity if field_capacity is None else field_capacity
        return (full - moisture) * self.root_zone_mm(crop, day)

    def litres_to_fill(self, depletion_mm: float) -> float:
        """Litres at the meter that bring the zone from a depletion to field capacity."""
        return max(depletion_mm, 0.0) * self.area_m2 / self.application_efficiency


class Reserves(NamedTuple):
    """What the root zone can hold (TAW) and what the crop takes of it without suffering (RAW = p TAW), mm."""

    taw_mm: float
    raw_mm: float
    p: float


@dataclass(frozen=True)
class State:
    """What must be remembered: the depletion, the crop's use of late (ETc without stress), and how much of the next
    rain only wets leaves. JSON-able by `dataclasses.asdict`; comes back by `restored`.

    `evaporated_mm`, `wetted` and `shower_mm` are the layer of `dual`; None where there is none.
    """

    depletion_mm: float
    demand_mm_day: float = REFERENCE_DEMAND_MM_DAY
    dry_leaf_mm: float = 0.0
    evaporated_mm: float | None = None
    wetted: float | None = None
    shower_mm: float = 0.0

    @property
    def layer(self) -> dual.Layer | None:
        if self.evaporated_mm is None or self.wetted is None:
            return None
        return dual.Layer(self.evaporated_mm, self.wetted, self.shower_mm)


class Step(NamedTuple):
    """What a step did, mm over the zone.

    Depletion grows by `et_mm` and `drained_mm`, shrinks by `effective_rain_mm` and `irrigation_mm`, exactly; except
    that a root zone that shrank cannot be emptier than empty (`adjusted_mm`). Of the rain `intercepted_mm` dried off
    leaves and `beside_mm` fell beside the roots, less what dried off there later; of metered water `lost_mm` never
    reached them. By the dual coefficient `evaporation_mm` of ET are the soil's; `ks` is the crop's share over its
    wish.
    """

    state: State
    reserves: Reserves
    etc_mm: float
    et_mm: float
    ks: float
    effective_rain_mm: float
    intercepted_mm: float
    irrigation_mm: float
    lost_mm: float
    drained_mm: float
    adjusted_mm: float
    marks: Marks
    evaporation_mm: float = 0.0
    beside_mm: float = 0.0


def reserves(soil: Soil, crop: Crop, day: float, demand_mm_day: float) -> Reserves:
    """TAW and RAW on a day (FAO-56 equations 82, 83), p moved by demand: p + 0.04 (5 - ETc), within 0.1 and 0.8."""
    taw = max((soil.field_capacity - soil.wilting_point) * soil.root_zone_mm(crop, day), LEAST_TAW_MM)
    moved = crop.depletion_fraction + P_PER_MM_DAY * (REFERENCE_DEMAND_MM_DAY - demand_mm_day)
    p = min(max(moved, P_BOUNDS[0]), P_BOUNDS[1])
    return Reserves(taw, p * taw, p)


def stress(depletion_mm: float, held: Reserves) -> float:
    """Ks, the share of its wish that the crop gets (FAO-56 equation 84): 1 down to RAW, 0 at TAW."""
    return min(max((held.taw_mm - depletion_mm) / (held.taw_mm - held.raw_mm), 0.0), 1.0)


def start(soil: Soil, crop: Crop, day: float, moisture: float | None = None) -> State:
    """The state of a zone of which nothing is remembered: by a probe (m3/m3), else half of RAW is gone."""
    held = reserves(soil, crop, day, REFERENCE_DEMAND_MM_DAY)
    measured = believable(moisture, 0.0, 1.0)
    if measured is None:
        return State(held.raw_mm / 2)
    return State(min(max(soil.depletion_of_mm(measured, crop, day), 0.0), held.taw_mm))


def restored(kept: Mapping[str, object]) -> State | None:
    """A state from what was kept as JSON; None if it is none or cannot be true, then `start` anew."""
    depletion = _number(kept.get("depletion_mm"), 0, 5000)
    if depletion is None:
        return None
    demand = _number(kept.get("demand_mm_day"), 0, MOST_DEMAND_MM_DAY)
    leaf = _number(kept.get("dry_leaf_mm"), 0, MOST_INTERCEPTED_MM)
    layer = dual.restored(kept.get("evaporated_mm"), kept.get("wetted"), kept.get("shower_mm"))
    state = State(depletion, REFERENCE_DEMAND_MM_DAY if demand is None else demand, leaf or 0.0)
    return state if layer is None else replace(state, **layer._asdict())


def advance(
    state: State,
    soil: Soil,
    crop: Crop,
    *,
    day: float,
    days: float | None,
    et0_mm: float | None,
    kc_trim: float = 1.0,
    rain_mm: float | None = 0.0,
    irrigation_l: float | None = 0.0,
    climate: Climate = USUAL_CLIMATE,
) -> Step:
    """The state after `days` days (any part of one, or several) in which so much fell, was metered, and evaporated.

    `day` is the crop's day since planting at the beginning; `et0_mm` the reference evapotranspiration of the whole
    step. What is unknown or cannot be true is marked: ET0 as the crop's use of late, water as none. `climate` moves
    the dual coefficient.
    """
    marks: set[Mark] = set()
    day = _or_marked(day, -3650, 36500, crop.middle_of_season, Mark.DAY_UNKNOWN, marks)
    days = _or_marked(days, 0, MOST_DAYS, 0.0, Mark.TIME_UNKNOWN, marks)
    trim = judged(kc_trim, 0.5, 1.5, marks) or 1.0
    rain = (
        _or_marked(rain_mm, 0, MOST_RAIN_MM * max(days, 1), 0.0, Mark.RAIN_UNKNOWN, marks) if soil.rained_on else 0.0
    )
    most_l = MOST_IRRIGATION_MM * soil.area_m2 * max(days, 1)
    litres = _or_marked(irrigation_l, 0, most_l, 0.0, Mark.IRRIGATION_UNKNOWN, marks)
    et0 = judged(et0_mm, 0, _most_et0_mm(days), marks)
    if et0 is None:
        marks.add(Mark.ET0_UNKNOWN)
    parts = max(math.ceil(days), 1)
    done: Step | None = None
    for part in range(parts):
        begin = state if done is None else done.state
        water = _Water(rain / parts, litres / parts / soil.area_m2)
        sky = _Sky(_share(et0, parts), trim, climate)
        done = _sum(done, _one(begin, soil, crop, day + part, days / parts, sky, water))
    assert done is not None
    return done._replace(marks=frozenset(marks))


class _Water(NamedTuple):
    rain_mm: float
    metered_mm: float


class _Sky(NamedTuple):
    et0_mm: float | None
    trim: float
    climate: Climate


class _Use(NamedTuple):
    """What a step takes without stress, mm: the crop, and the soil's surface beside it."""

    crop_mm: float
    surface_mm: float = 0.0
    layer: dual.Layer | None = None
    exposed: float = 1.0


def _one(state: State, soil: Soil, crop: Crop, day: float, days: float, sky: _Sky, water: _Water) -> Step:
    """A step of at most a day. Drains what is above field capacity at its end (FAO-56 equations 85 to 88)."""
    leaf_mm = state.demand_mm_day * days if sky.et0_mm is None else sky.et0_mm
    caught, dry_leaf = _intercepted(state, soil, water.rain_mm, leaf_mm)
    fell, irrigation = water.rain_mm - caught, water.metered_mm * soil.application_efficiency
    use = _single(state, crop, day, days, sky)
    if soil.surface is not None:
        use = _dual(state, soil.surface, crop, day, days, sky, _Water(fell, irrigation))
    rain = fell * soil.wetted_fraction + _dried_beside(use, soil)
    etc = use.crop_mm + use.surface_mm
    demand = etc + (1 - days) * state.demand_mm_day  # a day's mean, also when steps are minutes
    held = reserves(soil, crop, day, demand)
    before = min(state.depletion_mm, held.taw_mm)
    et = min(stress(before, held) * use.crop_mm + use.surface_mm, held.taw_mm - before + rain + irrigation)
    evaporation = min(use.surface_mm, et)
    after = before - rain - irrigation + et
    drained = max(-after, 0.0)
    wishes = etc - evaporation
    return Step(
        state=_after(State(min(max(after, 0.0), held.taw_mm), demand, dry_leaf), soil, use, evaporation),
        reserves=held,
        etc_mm=etc,
        et_mm=et,
        ks=(et - evaporation) / wishes if wishes > 0 else stress(before, held),
        effective_rain_mm=rain,
        intercepted_mm=caught,
        irrigation_mm=irrigation,
        lost_mm=water.metered_mm - irrigation,
        drained_mm=drained,
        adjusted_mm=state.depletion_mm - before,
        marks=frozenset(),
        evaporation_mm=evaporation,
        beside_mm=fell - rain,
    )


def _dried_beside(use: _Use, soil: Soil) -> float:
    """Of what dries off soil that rain has wetted all over: the part beside the roots, which the rain there gave."""
    if use.layer is None or soil.surface is None or use.layer.wetted <= soil.surface.wetted:
        return 0.0
    return use.surface_mm * (1 - soil.wetted_fraction)


def _single(state: State, crop: Crop, day: float, days: float, sky: _Sky) -> _Use:
    return _Use(state.demand_mm_day * days if sky.et0_mm is None else crop.kc(day) * sky.trim * sky.et0_mm)


def _dual(state: State, surface: dual.Surface, crop: Crop, day: float, days: float, sky: _Sky, water: _Water) -> _Use:
    """What came wets the surface first, and the step's sun then dries it (FAO-56 equations 69 to 79).

    The trim is of the whole use. Where ET0 is not known, the use of late is shared as the coefficients would.
    """
    layer = dual.wet(
        state.layer or dual.begin(surface), surface, rain_mm=water.rain_mm, irrigation_mm=water.metered_mm, days=days
    )
    found = dual.coefficients(crop, surface, layer, day, sky.climate)
    if sky.et0_mm is None:
        et0 = state.demand_mm_day * days / max(found.kcb + found.ke, 0.05)
    else:
        et0 = sky.trim * sky.et0_mm
    evaporated = min(found.ke * et0, dual.left_mm(layer, surface, found.exposed))
    return _Use(found.kcb * et0, evaporated, layer, found.exposed)


def _after(state: State, soil: Soil, use: _Use, evaporation_mm: float) -> State:
    if use.layer is None or soil.surface is None:
        return state
    return replace(state, **dual.dried(use.layer, soil.surface, evaporation_mm, use.exposed)._asdict())


def _intercepted(state: State, soil: Soil, rain_mm: float, et0_mm: float) -> tuple[float, float]:
    """Rain that only wets leaves, and how much more they will take: 0.2 of the ET0 since, at most 1 mm."""
    if not (soil.interception and soil.rained_on):
        return 0.0, 0.0
    dry = min(state.dry_leaf_mm + INTERCEPTED_SHARE * et0_mm, MOST_INTERCEPTED_MM)
    caught = min(rain_mm, dry)
    return caught, dry - caught


def _sum(one: Step | None, two: Step) -> Step:
    if one is None:
        return two
    etc, et = one.etc_mm + two.etc_mm, one.et_mm + two.et_mm
    evaporation = one.evaporation_mm + two.evaporation_mm
    return two._replace(
        etc_mm=etc,
        et_mm=et,
        ks=(et - evaporation) / (etc - evaporation) if etc - evaporation > 0 else two.ks,
        evaporation_mm=evaporation,
        effective_rain_mm=one.effective_rain_mm + two.effective_rain_mm,
        intercepted_mm=one.intercepted_mm + two.intercepted_mm,
        irrigation_mm=one.irrigation_mm + two.irrigation_mm,
        lost_mm=one.lost_mm + two.lost_mm,
        drained_mm=one.drained_mm + two.drained_mm,
        adjusted_mm=one.adjusted_mm + two.adjusted_mm,
        beside_mm=one.beside_mm + two.beside_mm,
    )


def _most_et0_mm(days: float) -> float:
    return MOST_ET0_MM_DAY * days if days >= 1 else min(MOST_ET0_MM_DAY, MOST_ET0_MM_H * (24 * days + 0.01))


def _share(value: float | None, parts: int) -> float | None:
    return None if value is None else value / parts


def _or_marked(value: float | None, low: float, high: float, instead: float, mark: Mark, marks: set[Mark]) -> float:
    known = judged(value, low, high, marks)
    if known is None:
        marks.add(mark)
        return instead
    return known


def _number(value: object, low: float, high: float) -> float | None:
    return believable(value, low, high) if isinstance(value, int | float) else None
