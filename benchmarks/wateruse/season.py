"""One season of one controller in one world, by the real core; and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from benchmarks.wateruse.contenders import CONTENDERS, Moment
from benchmarks.wateruse.farms import FARMS, ZONE
from tests.season.blows import Blow, Case, Water
from tests.season.drive import Episode
from tests.season.site import MAX_RUN_MIN
from tests.season.wires import Wires
from tonnam_sim.world.weather import Weather

DAY_MS = 86_400_000
SOAK = tuple(Blow(Water(zone=ZONE, run_s=MAX_RUN_MIN * 60, lives_s=600), at_s) for at_s in (9 * 3600, 10 * 3600))


@dataclass(frozen=True)
class Job:
    """What to play: `share` is the setting of a timer, 1.0 its 100 %."""

    farm: str
    contender: str
    share: float
    seed: int
    days: int


@dataclass(frozen=True)
class Result:
    """A season. Depths are litres per m2 of zone; stress is the sum of 1 - Ks over the days in the driest quarter."""

    job: Job
    water_mm: float
    stress_d: float
    drained_mm: float
    wished_mm: float
    rain_mm: float
    ec_ds_m: float
    runs: int
    failed_runs: int


class Season(Episode):
    """An episode in which the programs are set anew every so many days, as an agent takes a new site file."""

    def __init__(self, job: Job) -> None:
        self.job, self._contender = job, CONTENDERS[job.contender]
        farm = FARMS[job.farm]
        weather = Weather(farm.config.weather, job.seed)
        self._moment = Moment(farm, 0, weather, job.share)
        case = Case(farm.name, job.seed, SOAK if self._contender.soaked else (), float(job.days))
        super().__init__(case, layout=self._contender.plan(self._moment))
        every = self._contender.every_days or job.days
        for day in range(every, job.days, every):
            self._in_ms(day * DAY_MS, partial(self._set_programs, day))

    def _set_programs(self, day: int) -> None:
        """A new process with a new site file, at midnight."""
        self.site = self._contender.plan(replace(self._moment, day=day)).site
        self._wires = Wires(self.site, self.world.buses)
        self._die(0)


def play(job: Job) -> Result:
    """Live through a season. RuntimeError when it was not lived to its end: then it says nothing."""
    season = Season(job)
    record = season.run()
    if record.raised or season.now_ms < season.ends_ms:
        raise RuntimeError(f"{job}: {record.raised or 'looked at too often'}")
    zone, world = season.world.truth.zones[ZONE], season.world
    ended = [event.body["outcome"] for _, event in record.of("run.ended")]
    area_m2 = world.config.zones[0].area_m2
    return Result(
        job,
        water_mm=zone.delivered_l / area_m2,
        stress_d=zone.driest_quarter_stress_d,
        drained_mm=(zone.drained_l + zone.runoff_l) / area_m2,
        wished_mm=zone.wished_l / area_m2,
        rain_mm=0.0 if world.config.weather.cover else world.truth.rain_mm,
        ec_ds_m=zone.root_ec_ds_m,
        runs=len(ended),
        failed_runs=sum(outcome != "done" for outcome in ended),
    )
