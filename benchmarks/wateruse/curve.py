"""Water against stress: how much a timer needs for the stress that another controller had in the same world."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

NO_STRESS_D = 0.05  # of a season: less counts as none, or nothing would ever equal it
RESAMPLES, SHARE = 4000, 0.95
HALVINGS = 60
T = TypeVar("T")


class Point(NamedTuple):
    """A setting's water (any unit) and the stress that came with it."""

    water: float
    stress_d: float


class Interval(NamedTuple):
    """A mean with its 95 % interval, by percentile bootstrap over seeds."""

    mean: float
    low: float
    high: float


class Curve:
    """The least stress that so much water buys, through measured points: monotone, and smooth between them.

    A setting with more water and more stress than another is left out: who sets a timer would not choose it. Between
    points a monotone cubic (Fritsch and Carlson 1980) of the stress's cube root. Stress dies away as water grows, and
    chords lie above such a curve: they make timers look thirstier than they are. When settings are left out and
    reckoned from their neighbours, cubics of the stress itself give the timer 8 % too much water where there is
    little stress; of its cube root 0.7 % too little.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        kept: list[Point] = []
        for point in sorted(points):
            if not kept or point.stress_d < kept[-1].stress_d:
                kept.append(point)
        self.points = kept
        self._roots = [Point(point.water, _root(point.stress_d)) for point in kept]
        self._slopes = _slopes(self._roots)

    def stress_d(self, water: float) -> float:
        """The stress at so much water; as at the ends beyond them."""
        if water <= self.points[0].water:
            return self.points[0].stress_d
        for number, (before, after) in enumerate(pairwise(self._roots)):
            if water <= after.water:
                return _hermite(before, after, self._slopes[number], self._slopes[number + 1], water) ** 3
        return self.points[-1].stress_d

    def water(self, stress_d: float) -> float | None:
        """The least water with no more stress than that. None: not even the most water does it; infinitely little
        (minus infinity): the least water has less stress already."""
        wanted = max(stress_d, NO_STRESS_D)
        if self.points[-1].stress_d > wanted:
            return None
        if self.points[0].stress_d < wanted:
            return -math.inf
        low, high = self.points[0].water, self.points[-1].water
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.stress_d(middle) > wanted else (low, middle)
        return high


def bootstrap(seeds: Sequence[T], figure: Callable[[Sequence[T]], float | None]) -> Interval | None:
    """A figure of all seeds, and where 95 % of it lies when seeds are drawn anew with putting back. None without a
    figure of all; draws without one are left out."""
    dice, whole = random.Random(1), figure(seeds)
    if whole is None:
        return None
    found = (figure(dice.choices(seeds, k=len(seeds))) for _ in range(RESAMPLES))
    drawn = sorted(each for each in found if each is not None)
    tail = (1 - SHARE) / 2
    return Interval(whole, drawn[int(tail * len(drawn))], drawn[math.ceil((1 - tail) * len(drawn)) - 1])


def mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _root(stress_d: float) -> float:
    return float(max(stress_d, 0.0) ** (1 / 3))


def _slopes(points: Sequence[Point]) -> list[float]:
    """Slopes at the points that keep the cubics between them monotone (Fritsch and Carlson 1980, harmonic means)."""
    steps = [(after.stress_d - before.stress_d) / (after.water - before.water) for before, after in pairwise(points)]
    if not steps:
        return [0.0]
    inner = [2 * one * two / (one + two) if one * two > 0 else 0.0 for one, two in pairwise(steps)]
    return [steps[0], *inner, steps[-1]]


def _hermite(before: Point, after: Point, slope: float, next_slope: float, water: float) -> float:
    width = after.water - before.water
    t = (water - before.water) / width
    at_before, at_after = (1 + 2 * t) * (1 - t) ** 2, t * t * (3 - 2 * t)
    from_before, from_after = t * (1 - t) ** 2 * width, t * t * (t - 1) * width
    return at_before * before.stress_d + at_after * after.stress_d + from_before * slope + from_after * next_slope
