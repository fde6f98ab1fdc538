"""The beds of one zone: eight sub-plots of three or more layers each, with water and salt.

A cascade: each layer drains by the power law of Brooks and Corey (1964), solved exactly for a draining layer, so that
any step is stable; neighbours level out slowly; roots drink by layer with a stress of their own that falls with the
logarithm of the soil's tension (after Feddes 1978) and compensate between layers (Jarvis 1989). Nothing here knows of
FAO-56's depletion. Depths are mm of water on the bed, salt is dS/m times mm; the soil's "pore EC" is salt over water.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from .config import CropConfig, SoilKind, ZoneConfig
from .crop import cover, root_shares, rooted_shares
from .nature import SUBPLOTS

_DRAINS_ABOVE, _STILL = 0.15, 2e-5  # wetness, and share an hour, under which nothing drains
_FC_DRAINS_MM_D = 1.0  # field capacity is where drainage has fallen to this
# Neighbours whose middles are 100 mm apart level out over this time at this wetness, sooner when wetter or nearer.
_LEVELS_H, _LEVELS_AT, _LEVELS_OVER_MM = 1.2, 0.7, 100.0
_COMPENSATES_BELOW = 0.85  # roots in wet layers make up for dry ones while the mean stress is above this (Jarvis)
_EASY_M, _EASY_HOT_M = 10.0, 5.0  # tension at which stress begins, at low and at high demand
_WILTS_M = 153.0
_LN_WILTS = math.log(_WILTS_M)
_NIGHT_MM = 1e-6
_FC_M = 3.4
_DROWNS_ABOVE = 0.97
_PONDS_MM = 12.0
_TAKES_UP, _TAKES_UP_DS_M = 0.6, 1.2  # roots take this share of the salts in the water, up to this concentration
_STANDING_SHARE = 0.25  # of a dry layer's wilting point that stays even where the sun dries it


@dataclass(slots=True)
class SubPlot:
    """One eighth of a zone's beds. mm and dS/m mm; sums since the beginning."""

    water: list[float]
    salt: list[float]
    film: float = 0.0
    film_salt: float = 0.0
    ks: float = 1.0
    wished_today: float = 0.0
    drunk_today: float = 0.0
    stress_d: float = 0.0
    watered: float = 0.0


@dataclass(slots=True)
class Sums:
    """What came and went over a zone's beds, litres and dS/m litres since the beginning."""

    dripped_l: float = 0.0
    rain_l: float = 0.0
    transpired_l: float = 0.0
    evaporated_l: float = 0.0
    drained_l: float = 0.0
    runoff_l: float = 0.0
    wished_l: float = 0.0
    salt_in: float = 0.0
    salt_drained: float = 0.0
    salt_taken: float = 0.0
    salt_runoff: float = 0.0


@dataclass(slots=True)
class Retention:
    """A soil's numbers, worked out once: tension = entry_m * (theta / saturation) ** -b; drains with `power`."""

    saturation: float
    b: float
    ln_entry: float
    power: float
    ks_mm_h: float
    layers_mm: tuple[float, ...]
    wilting_point: float
    field_capacity: float
    full: tuple[float, ...]
    driest: tuple[float, ...]
    nearness: tuple[float, ...]

    @classmethod
    def of(cls, soil: SoilKind) -> Retention:
        """From water contents at 33 and 1500 kPa, and a drainage that is slight at field capacity."""
        b = math.log(_WILTS_M / _FC_M) / math.log(soil.field_capacity / soil.wilting_point)
        ln_entry = math.log(_FC_M) + b * math.log(soil.field_capacity / soil.saturation)
        full = tuple(soil.saturation * mm for mm in soil.layers_mm)
        driest = tuple(soil.wilting_point * mm for mm in soil.layers_mm)
        power = math.log(soil.ks_mm_h * 24.0 / _FC_DRAINS_MM_D) / math.log(soil.saturation / soil.field_capacity)
        return cls(
            saturation=soil.saturation,
            b=b,
            ln_entry=ln_entry,
            power=power,
            ks_mm_h=soil.ks_mm_h,
            layers_mm=soil.layers_mm,
            wilting_point=soil.wilting_point,
            field_capacity=soil.field_capacity,
            full=full,
            driest=driest,
            nearness=tuple(_nearness(*pair) for pair in itertools.pairwise(soil.layers_mm)),
        )


def _nearness(above_mm: float, below_mm: float) -> float:
    """How much of their difference two layers exchange in an hour, by the square of their distance."""
    return (_LEVELS_OVER_MM / ((above_mm + below_mm) / 2)) ** 2 / _LEVELS_H


def cascade(water: list[float], full: Sequence[float], ks_mm_h: float, power: float, hours: float) -> list[float]:
    """Drain each layer into the next, from the bottom up so that there is room; what left each, mm.

    dW/dt = -Ks (W / full) ** power has the solution W (1 + (power - 1) v) ** (-1 / (power - 1)), v = Ks (W / full) **
    power t / W.
    """
    steep, last = power - 1.0, len(water) - 1
    moved = [0.0] * len(water)
    for layer in range(last, -1, -1):
        held = water[layer]
        wetness = held / full[layer]
        if wetness < _DRAINS_ABOVE:
            continue
        speed = ks_mm_h * wetness**power * hours / held
        if speed < _STILL:
            continue
        down = held * (1.0 - (1.0 + steep * speed) ** (-1.0 / steep))
        if layer < last:
            down = min(down, max(0.0, full[layer + 1] - water[layer + 1]))
            water[layer + 1] += down
        water[layer] = held - down
        moved[layer] = down
    return moved


class Ground:
    """All beds of a zone. Step it with what dripped and rained on it since the last step."""

    def __init__(self, zone: ZoneConfig, soil: SoilKind, crop: CropConfig) -> None:
        self.bed_m2 = zone.bed_m2
        self.drinks_from = 1.0 / zone.wetted_fraction
        self.retention = Retention.of(soil)
        self.crop = crop
        self.sums = Sums()
        theta = soil.field_capacity - zone.start_depletion * (soil.field_capacity - soil.wilting_point)
        water = [theta * mm for mm in soil.layers_mm]
        self.subplots = [SubPlot(list(water), [1.5 * depth for depth in water]) for _ in range(SUBPLOTS)]
        self.grow(zone.age_days)

    def grow(self, day: float) -> None:
        """Leaves and roots of that day after planting."""
        self.cover = cover(self.crop, day)
        self.roots = root_shares(self.crop, day, self.retention.layers_mm)
        self.rooted = rooted_shares(self.crop, day, self.retention.layers_mm)

    def pour(self, litres: Sequence[float], salts: Sequence[float], rain_mm: float) -> None:
        """Let water with its salt (dS/m litres) drip on the sub-plots, and rain fall on all of them."""
        plot_m2 = self.bed_m2 / SUBPLOTS
        for plot, drop_l, salt in zip(self.subplots, litres, salts, strict=True):
            plot.film += drop_l / plot_m2 + rain_mm
            plot.film_salt += salt / plot_m2
            plot.watered += drop_l / plot_m2
        self.sums.dripped_l += sum(litres)
        self.sums.salt_in += sum(salts)
        self.sums.rain_l += rain_mm * self.bed_m2

    def step(self, hours: float, demand_mm: float) -> None:
        """Let time pass with `demand_mm` of a full canopy's wish, mm over the whole zone."""
        wish = demand_mm * self.crop.drinks * self.cover * self.drinks_from
        sun_mm = demand_mm * 0.5 * (1.0 - self.cover)
        rate_mm_d = demand_mm / hours * 24.0 if hours > 0 else 0.0
        hot = min(1.0, max(0.0, (rate_mm_d - 2.0) / 8.0))
        ln_easy = math.log(_EASY_M) + hot * math.log(_EASY_HOT_M / _EASY_M)
        for plot in self.subplots:
            self._drain(plot, hours)
            self._soak(plot, hours)
            self._level(plot, hours)
            if demand_mm > _NIGHT_MM:
                self._drink(plot, wish, ln_easy)
                self._evaporate(plot, sun_mm)

    def close_day(self) -> None:
        """Book the day's stress: 1 - drunk / wished."""
        for plot in self.subplots:
            if plot.wished_today > 0.05:
                plot.stress_d += max(0.0, 1.0 - plot.drunk_today / plot.wished_today)
            plot.wished_today = plot.drunk_today = 0.0

    def stored_l(self) -> float:
        """All water in the beds now."""
        return sum(sum(plot.water) + plot.film for plot in self.subplots) * self.bed_m2 / SUBPLOTS

    def stored_salt(self) -> float:
        """All salt in the beds now, dS/m litres."""
        return sum(sum(plot.salt) + plot.film_salt for plot in self.subplots) * self.bed_m2 / SUBPLOTS

    def _drain(self, plot: SubPlot, hours: float) -> None:
        """Each layer into the next; the water carries its salt, and what leaves the last is drainage."""
        r = self.retention
        water, salt = plot.water, plot.salt
        before = water.copy()
        moved = cascade(water, r.full, r.ks_mm_h, r.power, hours)
        for layer in range(len(moved) - 1, -1, -1):
            down = moved[layer]
            if down <= 0.0:
                continue
            carried = salt[layer] * down / before[layer]
            salt[layer] -= carried
            if layer < len(moved) - 1:
                salt[layer + 1] += carried
            else:
                self.sums.drained_l += down * self.bed_m2 / SUBPLOTS
                self.sums.salt_drained += carried * self.bed_m2 / SUBPLOTS

    def _soak(self, plot: SubPlot, hours: float) -> None:
        """The film into the top layer, as fast as saturated soil takes it; what cannot stand on the bed runs off."""
        film = plot.film
        if film <= 0.0:
            return
        into = min(film, 4.0 * self.retention.ks_mm_h * hours, max(0.0, self.retention.full[0] - plot.water[0]))
        runs_off = max(0.0, film - into - _PONDS_MM)
        salt = plot.film_salt / film
        plot.water[0] += into
        plot.salt[0] += salt * into
        plot.film = film - into - runs_off
        plot.film_salt -= salt * (into + runs_off)
        if plot.film < 1e-12:
            plot.water[0] += plot.film
            plot.salt[0] += plot.film_salt
            plot.film = plot.film_salt = 0.0
        if runs_off > 0.0:
            self.sums.runoff_l += runs_off * self.bed_m2 / SUBPLOTS
            self.sums.salt_runoff += salt * runs_off * self.bed_m2 / SUBPLOTS

    def _level(self, plot: SubPlot, hours: float) -> None:
        """Neighbouring layers exchange water by their difference in wetness; it carries its salt."""
        water, salt, full, nearness = plot.water, plot.salt, self.retention.full, self.retention.nearness
        for above in range(len(water) - 1):
            below = above + 1
            f_above, f_below = full[above], full[below]
            # What evens two layers out is (w1 / f1 - w2 / f2) f1 f2 / (f1 + f2).
            wetness = (water[above] + water[below]) / (f_above + f_below) / _LEVELS_AT
            evens = min(1.0, hours * nearness[above] * wetness**8)
            moved = evens * (water[above] * f_below - water[below] * f_above) / (f_above + f_below)
            source = above if moved > 0.0 else below
            carried = salt[source] * moved / water[source]
            water[above] -= moved
            water[below] += moved
            salt[above] -= carried
            salt[below] += carried

    def _drink(self, plot: SubPlot, wish: float, ln_easy: float) -> None:
        comforts, mean, pore = self._comforts(plot, ln_easy)
        salty = min(1.0, max(0.0, 1.0 - self.crop.salt_slope * (pore - self.crop.salt_threshold_ds_m)))
        plot.ks = min(1.0, mean / _COMPENSATES_BELOW) * salty
        drunk = self._take(plot, wish * salty / max(mean, _COMPENSATES_BELOW), comforts)
        plot.wished_today += wish
        plot.drunk_today += drunk
        self.sums.wished_l += wish * self.bed_m2 / SUBPLOTS
        self.sums.transpired_l += drunk * self.bed_m2 / SUBPLOTS

    def _comforts(self, plot: SubPlot, ln_easy: float) -> tuple[list[float], float, float]:
        """How easily the roots of each layer drink, 0 to 1; their mean over the roots; the EC were it wet."""
        r = self.retention
        b, ln_entry, log, span = r.b, r.ln_entry, math.log, _LN_WILTS - ln_easy
        comforts, mean, pore = [], 0.0, 0.0
        for held, full, roots, salt in zip(plot.water, r.full, self.roots, plot.salt, strict=True):
            wetness = held / full
            comfort = (_LN_WILTS - ln_entry + b * log(wetness)) / span
            comfort = 1.0 if comfort > 1.0 else 0.0 if comfort < 0.0 else comfort
            if wetness > _DROWNS_ABOVE:
                comfort *= max(0.2, (1.0 - wetness) / (1.0 - _DROWNS_ABOVE))
            comforts.append(comfort)
            mean += comfort * roots
            pore += roots * salt / full
        return comforts, mean, pore

    def _take(self, plot: SubPlot, pull: float, comforts: Sequence[float]) -> float:
        """Water out of each layer by its roots and comfort, with some of its salt; what was drunk, mm."""
        drunk = taken = 0.0
        water, salts, roots, driest = plot.water, plot.salt, self.roots, self.retention.driest
        for layer, comfort in enumerate(comforts):
            held = water[layer]
            sip, able = pull * roots[layer] * comfort, held - driest[layer]
            if able < sip:
                sip = able
            if sip > 0.0:
                strength = _TAKES_UP * salts[layer] / held
                salt = sip * (_TAKES_UP_DS_M if strength > _TAKES_UP_DS_M else strength)
                salts[layer] -= salt
                water[layer] = held - sip
                drunk += sip
                taken += salt
        self.sums.salt_taken += taken * self.bed_m2 / SUBPLOTS
        return drunk

    def _evaporate(self, plot: SubPlot, sun_mm: float) -> None:
        """From the film first, then from the bare top layer while it is moist. Salt stays."""
        gone = min(plot.film, sun_mm)
        plot.film -= gone
        if plot.film <= 0.0:
            plot.salt[0] += plot.film_salt
            plot.film = plot.film_salt = 0.0
        wetness = plot.water[0] / self.retention.full[0]
        floor = self.retention.driest[0] * _STANDING_SHARE
        dries = min((sun_mm - gone) * wetness * wetness, max(0.0, plot.water[0] - floor) * 0.2)
        plot.water[0] -= dries
        self.sums.evaporated_l += (gone + dries) * self.bed_m2 / SUBPLOTS
