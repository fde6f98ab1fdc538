"""How much water the controllers take for the same crop: whole seasons of the real core in worlds that it does not
know, beside timers that are set as a good farmer would.

    python benchmarks/water.py [--seeds 30] [--jobs 2] [--quick] [--farms covered,open,bags] [--keep seasons.jsonl]

Each seed draws a soil, a crop, emitters, probes and weather of its own around the plan that the site file tells. All
controllers water the same worlds, through the same pump, valve and meter. A timer is swept from 40 to 160 per cent of
the need that a farmer reckons for each week; between its settings its water is interpolated to the stress that a
controller had in the same world. Deterministic: the same seeds give the same table on any machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.linkcost.table import aim, ratio, table, text
from benchmarks.wateruse.contenders import CONTENDERS, TIMER, ZIMMERMAN, Contender
from benchmarks.wateruse.curve import NO_STRESS_D, Interval, mean
from benchmarks.wateruse.farms import FARMS, PLANTS_M2
from benchmarks.wateruse.judging import Pair, judge, pairs_of
from benchmarks.wateruse.keeping import play_all
from benchmarks.wateruse.season import Job, Result

SEASON_DAYS, QUICK_DAYS, QUICK_SEEDS = 80, 40, 4
HOPED = 0.25
STRESS = """Stress is the sum over the season's days of 1 - Ks (what the crop drank over what it wished for), in the
quarter of the zone that had it worst. Water is what went through the valve, drained is what passed the roots, EC is
of the soil's water at the end."""
SAVING = """Saved at equal stress: the timer of each world is set to that world's equal stress, which no farmer can
know; its mean and the 95 % interval by bootstrap over the seeds. One setting: one timer for all worlds, with the same
mean stress. Wetter: worlds in which no timer of the sweep had so little stress; drier: those in which the least timer
had less. Neither is in the first figure. Less stress than {NO_STRESS_D:g} days counts as so much."""


@dataclass(frozen=True)
class Plan:
    """What is played."""

    farms: Sequence[str] = tuple(FARMS)
    contenders: Sequence[str] = tuple(CONTENDERS)
    seeds: int = 30
    days: int = SEASON_DAYS
    jobs: int = 2
    keep: Path | None = None

    def wanted(self) -> list[Job]:
        """Every season, seed by seed."""
        return [
            Job(farm, each.name, share, seed, self.days)
            for farm in self.farms
            for seed in range(1, self.seeds + 1)
            for each in self.at(farm)
            for share in each.shares
        ]

    def at(self, farm: str) -> list[Contender]:
        """The controllers that fit a farm."""
        return [CONTENDERS[name] for name in self.contenders if CONTENDERS[name].fits(FARMS[farm])]


def run(plan: Plan) -> None:
    """Play and print."""
    results = play_all(plan.wanted(), plan.jobs, plan.keep)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}")
    print(f"seeds 1 to {plan.seeds}, {plan.days} days from 21 November, {len(results)} seasons")
    print(text(STRESS))
    print(text(SAVING.format(NO_STRESS_D=NO_STRESS_D)))
    for farm in plan.farms:
        farm_tables(plan, farm, results)


def farm_tables(plan: Plan, farm: str, results: Sequence[Result]) -> None:
    """What each setting and controller took at one farm, and what was saved."""
    print(text(f"{farm}: {FARMS[farm].told}"))
    usual = mean([result.water_mm for result in _of(results, farm, TIMER, 1.0)])
    head = [
        "",
        "water, mm",
        "ratio",
        "L a plant",
        "stress, days",
        "worst",
        "drained, mm",
        "EC, dS/m",
        "runs",
        "failed",
    ]
    rows = [_row(each, share, _of(results, farm, each.name, share), usual) for each, share in _settings(plan, farm)]
    print(table(head, rows))
    head = ["saved at equal stress", "95 % interval", "worlds", "wetter", "drier", "one setting", "95 % interval"]
    for base in (TIMER, ZIMMERMAN):
        if base not in plan.contenders:
            continue
        found = [
            row for each in plan.at(farm) if (row := _saved(each, pairs_of(results, farm, each.name, base=base)))
        ]
        print(table([f"beside: {CONTENDERS[base].told}", *head], found))
    best = [judge(pairs_of(results, farm, each.name)).each for each in plan.at(farm) if not each.swept]
    most = max((interval.mean for interval in best if interval is not None), default=0.0)
    print(aim(f"{HOPED:.0%} less water than the timer at equal stress", f"{most:.0%}", most >= HOPED))


def _settings(plan: Plan, farm: str) -> list[tuple[Contender, float]]:
    return [(each, share) for each in plan.at(farm) for share in each.shares]


def _of(results: Sequence[Result], farm: str, contender: str, share: float) -> list[Result]:
    wanted = (farm, contender, share)
    return [result for result in results if (result.job.farm, result.job.contender, result.job.share) == wanted]


def _row(each: Contender, share: float, seasons: Sequence[Result], usual_mm: float) -> list[str]:
    water_mm = mean([season.water_mm for season in seasons])
    stress_d = [season.stress_d for season in seasons]
    return [
        f"{each.told}, {share:.0%}" if each.swept else each.told,
        f"{water_mm:.0f}",
        ratio(water_mm, usual_mm),
        f"{water_mm / PLANTS_M2:.0f}",
        f"{mean(stress_d):.2f}",
        f"{max(stress_d):.2f}",
        f"{mean([season.drained_mm for season in seasons]):.0f}",
        f"{mean([season.ec_ds_m for season in seasons]):.2f}",
        f"{mean([float(season.runs) for season in seasons]):.0f}",
        f"{mean([float(season.failed_runs) for season in seasons]):.1f}",
    ]


def _saved(each: Contender, pairs: Sequence[Pair]) -> list[str] | None:
    """A controller's row; None for a timer, which is not beside itself."""
    if each.swept or not pairs:
        return None
    found = judge(pairs)
    counts = [f"{found.compared} of {len(pairs)}", str(found.wetter), str(found.drier)]
    return [each.told, *_interval(found.each), *counts, *_interval(found.one)]


def _interval(found: Interval | None) -> list[str]:
    return ["-", "-"] if found is None else [f"{found.mean:.1%}", f"{found.low:.1%} to {found.high:.1%}"]


def _plan() -> Plan:
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=plan.seeds, help="how many worlds, from seed 1 on")
    parser.add_argument("--jobs", type=int, default=plan.jobs, help="how many seasons at a time")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds, {QUICK_DAYS} days")
    parser.add_argument("--farms", default=",".join(plan.farms), help="which, with commas between")
    parser.add_argument("--contenders", default=",".join(plan.contenders), help="which, with commas between")
    parser.add_argument("--keep", type=Path, help="a file of seasons that were played; it must be of this version")
    told = parser.parse_args()
    return Plan(
        farms=told.farms.split(","),
        contenders=told.contenders.split(","),
        seeds=QUICK_SEEDS if told.quick else told.seeds,
        days=QUICK_DAYS if told.quick else plan.days,
        jobs=told.jobs,
        keep=told.keep,
    )


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    run(_plan())


if __name__ == "__main__":
    main()
