"""The controllers that are compared: timers as farmers and weather services set them, and ours as the site file has
them. All go through the same core, pump, valve and meter; only their programs differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.wateruse.climate import WEEK, climate, need_l_day, outside
from benchmarks.wateruse.farms import FLOW_L_MIN, PLANTS, ZONE, Farm, Plan
from tests.season.site import MAX_RUN_MIN
from tonnam_sim.world.weather import Weather

Programs = tuple[dict[str, Any], ...]
FIRST_MIN, APART_MIN = 5 * 60 + 30, 30  # soil is watered from 05:30, in runs as long as a run may be
DOSE_ML, DOSES_FROM_MIN, DOSES_UNTIL_MIN = 400.0, 7 * 60, 16 * 60 + 30  # bags by day
DRAIN_SHARE = 0.2  # of a dose on bags, against salts
MOST_SCALE = 2.0


@dataclass(frozen=True)
class Moment:
    """When programs are set: the farm, the day since the season's begin, the true weather, the setting of a timer."""

    farm: Farm
    day: int
    weather: Weather
    share: float


@dataclass(frozen=True)
class Contender:
    """A controller. `every_days` is how often its programs are set anew: None is never. `shares` are the settings of
    a timer that are tried; 1.0 is what the farmer reckons. `soaked`: on the first day it gets the good watering by
    hand from which, as docs/agronomy.md says, its probes learn what the soil holds; that counts as its water. `on`:
    "all", "soil" or "substrate".
    """

    name: str
    told: str
    probes: bool
    every_days: int | None
    programs: Callable[[Moment], Programs]
    shares: tuple[float, ...] = (1.0,)
    dual: bool = False
    soaked: bool = False
    on: str = "all"

    @property
    def swept(self) -> bool:
        """Whether it is a timer with several settings."""
        return len(self.shares) > 1

    def fits(self, farm: Farm) -> bool:
        """Whether it is for that farm: for all, for soil or for substrate."""
        return self.on == "all" or (self.on == "substrate") == farm.substrate

    def plan(self, moment: Moment) -> Plan:
        """The farm as this controller has it from that moment on."""
        return moment.farm.plan(self.programs(moment), probes=self.probes, dual=self.dual)


def _timer(moment: Moment) -> Programs:
    return _slots(moment.farm, moment.share * need_l_day(moment.farm, moment.day))


def _zimmerman(moment: Moment) -> Programs:
    litres = moment.share * need_l_day(moment.farm, moment.day) * zimmerman_scale(moment)
    return _slots(moment.farm, litres)


def zimmerman_scale(moment: Moment) -> float:
    """OpenSprinkler's Zimmerman method, 0 to 2, by the weather of the day before; 1 on the season's first day.

    Per cent = 100 + (base humidity - humidity) + 4 (temperature - base, F) - 200 (rain, inches), rounded down, 0 to
    200 (OpenSprinkler-Weather, ZimmermanAdjustmentMethod). As its manual asks, the bases are the place's usual
    weather; under a cover, where no rain falls on the crop, the weight of rain is 0.
    """
    if moment.day == 0:
        return 1.0
    base = climate(moment.farm.name).usual
    temp_f, humidity_pct, rain_in = outside(moment.weather, moment.day - 1)
    rain = 0.0 if moment.farm.cover else 200 * rain_in
    scale = math.floor(100 + base.humidity_pct - humidity_pct + 4 * (temp_f - base.temp_f) - rain) / 100
    return min(max(scale, 0.0), MOST_SCALE)


def _slots(farm: Farm, litres: float) -> Programs:
    """The day's litres in minutes at the flow that the site file tells: soil in the morning, bags over the day."""
    minutes = litres / FLOW_L_MIN
    if minutes <= 0:
        return ()
    if not farm.substrate:
        count = math.ceil(minutes / MAX_RUN_MIN)
        begins = [FIRST_MIN + number * APART_MIN for number in range(count)]
    else:
        count = max(2, round(litres * 1000 / PLANTS / DOSE_ML))
        begins = [
            DOSES_FROM_MIN + number * (DOSES_UNTIL_MIN - DOSES_FROM_MIN) // (count - 1) for number in range(count)
        ]
    return tuple(
        {"id": f"timer-{number}", "kind": "timer", "zone": ZONE, "at": _clock(begin), "run_min": minutes / count}
        for number, begin in enumerate(begins)
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _band(_: Moment) -> Programs:
    return ({"id": "band-1", "kind": "moisture", "zone": ZONE, "pulse_min": 15, "rest_min": 60},)


def _balance(moment: Moment) -> Programs:
    """Daily on soil; bags hold less than a day's water, and are filled when RAW is gone."""
    at = {} if moment.farm.substrate else {"at": _clock(FIRST_MIN)}
    return ({"id": "balance-1", "kind": "balance", "zone": ZONE, "pulse_min": MAX_RUN_MIN, "rest_min": 30} | at,)


def _light(moment: Moment) -> Programs:
    """A dose for as much light as usually makes the crop of that week drink it, and the share that drains."""
    ml_day = need_l_day(moment.farm, moment.day) / (1 - DRAIN_SHARE) * 1000 / PLANTS
    dose_j_cm2 = climate(moment.farm.name).of(moment.day).light_j_cm2 * DOSE_ML / ml_day
    dose = {"dose_ml_plant": DOSE_ML, "dose_j_cm2": round(dose_j_cm2, 1), "between": ["06:00", "18:00"]}
    named = {"id": "light-1", "kind": "light", "zone": ZONE, "plants": PLANTS}
    return ({**named, **dose, "least_interval_min": 20, "most_interval_min": 1440},)


TIMER, ZIMMERMAN = "timer", "zimmerman"
SWEEP = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
CONTENDERS = {
    each.name: each
    for each in (
        Contender(TIMER, "timer, set weekly by stage and climate", False, WEEK, _timer, SWEEP),
        Contender(ZIMMERMAN, "timer, daily by OpenSprinkler's Zimmerman", False, 1, _zimmerman, SWEEP),
        Contender("band", "moisture band", True, None, _band),
        Contender("balance", "water balance alone", False, None, _balance),
        Contender("observer", "water balance with probes", True, None, _balance, soaked=True),
        Contender("dual", "water balance, dual coefficient", False, None, _balance, dual=True, on="soil"),
        Contender(
            "dual-observer",
            "water balance, dual, with probes",
            True,
            None,
            _balance,
            dual=True,
            soaked=True,
            on="soil",
        ),
        Contender("light", "light sum, set weekly by stage", False, WEEK, _light, on="substrate"),
    )
}
