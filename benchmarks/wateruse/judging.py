"""What the seasons say: each controller beside the timer in the same worlds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.wateruse.contenders import TIMER
from benchmarks.wateruse.curve import Curve, Interval, Point, bootstrap, mean
from benchmarks.wateruse.season import Result


@dataclass(frozen=True)
class Pair:
    """A controller and the timer's settings in one world."""

    other: Result
    timers: tuple[Result, ...]

    def timer_water_mm(self) -> float | None:
        """What the timer needs for the same stress; as `Curve.water`."""
        curve = Curve([Point(timer.water_mm, timer.stress_d) for timer in self.timers])
        return curve.water(self.other.stress_d)

    def saving(self) -> float | None:
        """The share of the timer's water that is saved at equal stress; None where the sweep has no equal stress."""
        water_mm = self.timer_water_mm()
        return None if water_mm is None or math.isinf(water_mm) else 1 - self.other.water_mm / water_mm


@dataclass(frozen=True)
class Verdict:
    """A controller over all worlds. `each` is the saving where each world's timer is set to that world's equal
    stress; `one` where all timers have one setting, with the same mean stress. `wetter` worlds are those where no
    timer had so little stress, `drier` those where the least timer had less."""

    each: Interval | None
    one: Interval | None
    compared: int
    wetter: int
    drier: int


def judge(pairs: Sequence[Pair]) -> Verdict:
    """Both savings of a controller, with their intervals over the seeds."""
    waters = [pair.timer_water_mm() for pair in pairs]
    savings = [saving for pair in pairs if (saving := pair.saving()) is not None]
    return Verdict(
        each=bootstrap(savings, mean) if savings else None,
        one=bootstrap(pairs, one_setting),
        compared=len(savings),
        wetter=sum(water is None for water in waters),
        drier=sum(water == -math.inf for water in waters),
    )


def one_setting(pairs: Sequence[Pair]) -> float | None:
    """The saving against timers of one setting for all worlds, which have the controller's mean stress on average."""
    settings = list(zip(*(pair.timers for pair in pairs), strict=True))
    points = [
        Point(mean([timer.water_mm for timer in worlds]), mean([timer.stress_d for timer in worlds]))
        for worlds in settings
    ]
    water_mm = Curve(points).water(mean([pair.other.stress_d for pair in pairs]))
    if water_mm is None or math.isinf(water_mm):
        return None
    return 1 - mean([pair.other.water_mm for pair in pairs]) / water_mm


def pairs_of(
    results: Sequence[Result], farm: str, contender: str, share: float = 1.0, base: str = TIMER
) -> list[Pair]:
    """The pairs of a controller at one farm, by seed."""
    here = [result for result in results if result.job.farm == farm]
    timers: dict[int, list[Result]] = {}
    for result in here:
        if result.job.contender == base:
            timers.setdefault(result.job.seed, []).append(result)
    return [
        Pair(result, tuple(sorted(timers[result.job.seed], key=lambda timer: timer.job.share)))
        for result in here
        if (result.job.contender, result.job.share) == (contender, share)
    ]
