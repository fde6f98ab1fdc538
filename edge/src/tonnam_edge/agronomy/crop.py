"""A crop over its season: how much it drinks beside grass (Kc), how deep it roots (FAO-56 chapters 6 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import accumulate

from tonnam_edge.agronomy.marks import believable


class Stage(StrEnum):
    """FAO-56's four stages of a season."""

    INITIAL = "initial"
    DEVELOPMENT = "development"
    MIDDLE = "middle"
    LATE = "late"


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A crop's stages in days, single crop coefficients, root depth, and how dry it may get before it suffers.

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
        first, second, third, last = self._ends()
        if day <= first:
            return self.kc_initial
        if day < second:
            return self.kc_initial + (self.kc_middle - self.kc_initial) * (day - first) / (second - first)
        if day <= third:
            return self.kc_middle
        if day < last:
            return self.kc_middle + (self.kc_end - self.kc_middle) * (day - third) / (last - third)
        return self.kc_end

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
}
FIELDS = tuple(field.name for field in fields(Crop))
