"""A crop over its season: how much it drinks beside grass (Kc), how deep it roots (FAO-56 chapters 6 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

from tonnam_edge.agronomy.marks import believable

ADJUSTED_FROM = 0.45  # FAO-56 equation 70: a smaller Kcb is that of dying leaves, which no wind dries
WIND_RANGE_M_S = (1.0, 6.0)
RH_MIN_RANGE_PCT = (20.0, 80.0)
HEIGHT_RANGE_M = (0.1, 10.0)
SEEDLING_M = 0.1


class Climate(NamedTuple):
    """Wind at 2 m and the days' lowest humidity, as means of some days; FAO-56's own unless known."""

    wind_m_s: float = 2.0
    rh_min_pct: float = 45.0


USUAL_CLIMATE = Climate()


def climatic(climate: Climate, height_m: float) -> float:
    """What wind and dry air add to the coefficient of a crop of that height (FAO-56 equations 70 and 72)."""
    wind = min(max(climate.wind_m_s, WIND_RANGE_M_S[0]), WIND_RANGE_M_S[1])
    humidity = min(max(climate.rh_min_pct, RH_MIN_RANGE_PCT[0]), RH_MIN_RANGE_PCT[1])
    height = min(max(height_m, HEIGHT_RANGE_M[0]), HEIGHT_RANGE_M[1])
    return float((0.04 * (wind - 2) - 0.004 * (humidity - 45)) * (height / 3) ** 0.3)


class Stage(StrEnum):
    """FAO-56's four stages of a season."""

    INITIAL = "initial"
    DEVELOPMENT = "development"
    MIDDLE = "middle"
    LATE = "late"


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A crop's stages in days, crop coefficients (single, and basal ones), root depth, and how dry it may get.

    `depletion_fraction` is FAO-56's p for a demand of 5 mm/day. A crop that stays the same all year has the same
    coefficient three times. Raises ValueError for what no crop has.
    """

    initial_days: float
    development_days: float
    middle_days: float
    late_days: float
    kc_initial: float
    kc_middle: float
    kc_end: float
    root_depth_initial_m: float
    root_depth_m: float
    depletion_fraction: float
    height_m: float
    kcb_initial: float = 0.15
    kcb_middle: float = 1.0
    kcb_end: float = 0.7

    def __post_init__(self) -> None:
        for name, (low, high) in _ALLOWED.items():
            if believable(getattr(self, name), low, high) is None:
                raise ValueError(f"{name} of a crop is between {low:g} and {high:g}, not {getattr(self, name)}")
        if self.root_depth_initial_m > self.root_depth_m:
            raise ValueError("root_depth_initial_m of a crop is at most its root_depth_m")

    @property
    def season_days(self) -> float:
        return self.initial_days + self.development_days + self.middle_days + self.late_days

    @property
    def middle_of_season(self) -> float:
        """The day in the middle of the middle stage, when the crop drinks most."""
        return self.initial_days + self.development_days + self.middle_days / 2

    def _ends(self) -> tuple[float, ...]:
        return tuple(accumulate((self.initial_days, self.development_days, self.middle_days, self.late_days)))

    def stage(self, day: float) -> Stage:
        """The stage on a day since planting (0 is the day of planting). After the season it stays late."""
        for stage, end in zip(Stage, self._ends(), strict=True):
            if day < end:
                return stage
        return Stage.LATE

    def kc(self, day: float) -> float:
        """Crop coefficient on a day since planting (FAO-56 equation 66); before planting and after the season, as at
        its beginning and end."""
        return self._on(day, self.kc_initial, self.kc_middle, self.kc_end)

    def kcb(self, day: float, climate: Climate = USUAL_CLIMATE) -> float:
        """Basal crop coefficient on a day since planting, those of middle and end adjusted to the climate (FAO-56
        equation 70)."""
        added = climatic(climate, self.height_m)
        middle, end = (k + added if k >= ADJUSTED_FROM else k for k in (self.kcb_middle, self.kcb_end))
        return self._on(day, self.kcb_initial, middle, end)

    def height_on(self, day: float) -> float:
        """Height on a day since planting, m: grown with its basal coefficient until the middle stage."""
        first, second, _, _ = self._ends()
        share = 1.0 if day >= second else max((day - first) / (second - first), 0.0) if day > first else 0.0
        low = min(SEEDLING_M, self.height_m)
        return low + (self.height_m - low) * share

    def _on(self, day: float, initial: float, middle: float, end: float) -> float:
        first, second, third, last = self._ends()
        if day <= first:
            return initial
        if day < second:
            return initial + (middle - initial) * (day - first) / (second - first)
        if day <= third:
            return middle
        if day < last:
            return middle + (end - middle) * (day - third) / (last - third)
        return end

    def rooted_m(self, day: float) -> float:
        """Root depth on a day since planting: evenly from the first to the beginning of the middle stage (FAO-56
        annex 8, equation 8-1)."""
        full = self.initial_days + self.development_days
        share = min(max(day / full, 0.0), 1.0) if full > 0 else 1.0
        return self.root_depth_initial_m + (self.root_depth_m - self.root_depth_initial_m) * share


_ALLOWED = {
    "initial_days": (0, 3650),
    "development_days": (0, 3650),
    "middle_days": (0, 3650),
    "late_days": (0, 3650),
    "kc_initial": (0.05, 1.6),
    "kc_middle": (0.05, 1.6),
    "kc_end": (0.05, 1.6),
    "root_depth_initial_m": (0.02, 5),
    "root_depth_m": (0.02, 5),
    "depletion_fraction": (0.1, 0.8),
    "height_m": (0.01, 20),
    "kcb_initial": (0.0, 1.5),
    "kcb_middle": (0.0, 1.5),
    "kcb_end": (0.0, 1.5),
}
FIELDS = tuple(field.name for field in fields(Crop))
