"""How much light reached the crop, by the best witness there is. Energies in MJ/m2 of a day or of an hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from tonnam_edge.agronomy.marks import Mark, Marks, believable, judged, week_median
from tonnam_edge.agronomy.sky import Sky, from_sunshine_mj_m2, from_temperature_mj_m2

USUAL_SHARE = 0.5  # of the extraterrestrial radiation, when nothing at all is known
DARKEST_DAY_OUTSIDE = 0.02  # of the extraterrestrial radiation; a pyranometer that says less is broken or covered
DARKEST_DAY_INSIDE = 0.005
# While so much comes from the sun above the air in an hour, an hour has a tenth of that at least, whatever the storm.
HIGH_SUN_MJ_M2 = 1.0
DARKEST_HOUR = 0.1
DEFAULT_TRANSMISSIVITY = 0.65
TRANSMISSIVITY_RANGE = (0.05, 1.0)
TRANSMISSIVITY_OLD_DAYS = 365
LUX_PER_W_M2_RANGE = (50.0, 200.0)  # sunlight has about 120
INVERTER_SHARE_RANGE = (0.02, 1.15)
CLEAR_DAYS_NEEDED = 5


class Radiation(NamedTuple):
    """The light of a period, what a clear sky would have brought to the same place, and how it is known."""

    mj_m2: float
    clear_mj_m2: float
    marks: Marks


class Transmissivity(NamedTuple):
    """The share of the light that a cover lets through, from a day on: new film, dust, whitewash, nets."""

    since: date
    share: float


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What is known of a period's light in the open, best first. None: not known.

    Temperatures are the highest and lowest of a whole day, also for an hour of it; sunshine is what the period had.
    `inverter_share` is what the solar roof gave of what it gives under a clear sky. `recent_mj_m2` are the last days'
    good values, oldest first.
    """

    pyranometer_mj_m2: float | None = None
    sunshine_h: float | None = None
    forecast_mj_m2: float | None = None
    inverter_share: float | None = None
    t_max_c: float | None = None
    t_min_c: float | None = None
    coastal: bool = False
    climatology_mj_m2: float | None = None
    recent_mj_m2: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What is known of a period's light under a cover, best first. None: not known.

    `lux_h` is illuminance summed over the period's hours; it counts only if the sensor was calibrated, that is with
    `lux_per_w_m2`. `outside_mj_m2`, `forecast_mj_m2` and `climatology_mj_m2` are in the open. There are no
    temperatures here: under a cover they say nothing of the light. `recent_mj_m2` are inside, oldest first.
    """

    pyranometer_mj_m2: float | None = None
    lux_h: float | None = None
    lux_per_w_m2: float | None = None
    outside_mj_m2: float | None = None
    forecast_mj_m2: float | None = None
    inverter_share: float | None = None
    climatology_mj_m2: float | None = None
    recent_mj_m2: Sequence[float] = ()


class _Rung(NamedTuple):
    mj_m2: float | None
    mark: Mark | None


def outside(sky: Sky, seen: Outside) -> Radiation:
    """The light in the open: pyranometer, sunshine, forecast, solar roof, temperature range, climatology, the median
    of seven days, and last half of the extraterrestrial radiation. Each but the first is marked."""
    marks: set[Mark] = set()
    share = judged(seen.inverter_share, *INVERTER_SHARE_RANGE, marks)
    rungs = [
        _Rung(seen.pyranometer_mj_m2, None),
        _Rung(_by_sunshine(sky, seen, marks), Mark.RADIATION_FROM_SUNSHINE),
        _Rung(seen.forecast_mj_m2, Mark.RADIATION_FROM_FORECAST),
        _Rung(None if share is None else min(share, 1.0) * sky.clear_mj_m2, Mark.RADIATION_FROM_INVERTER),
        _Rung(_by_temperature(sky, seen, marks), Mark.RADIATION_FROM_TEMPERATURE),
        _Rung(seen.climatology_mj_m2, Mark.RADIATION_FROM_CLIMATOLOGY),
    ]
    low, high = _possible(sky, DARKEST_DAY_OUTSIDE)
    return _first(rungs, low, high, seen.recent_mj_m2, sky, 1.0, marks)


def inside(sky: Sky, seen: Inside, transmissivity: tuple[float, Marks]) -> Radiation:
    """The light under a cover: inside pyranometer, calibrated lux, outside or forecast times the transmissivity,
    solar roof scaled to a clear sky, climatology, the median of seven days, and last half of the extraterrestrial.

    `transmissivity` is what `transmissivity_on` gave. Each rung but the first is marked.
    """
    through, through_marks = transmissivity
    marks: set[Mark] = set()
    share = judged(seen.inverter_share, *INVERTER_SHARE_RANGE, marks)
    below = _possible(sky, DARKEST_DAY_OUTSIDE)
    rungs = [
        _Rung(seen.pyranometer_mj_m2, None),
        _Rung(_by_lux(seen, marks), Mark.RADIATION_FROM_LUX),
        _Rung(_through(seen.outside_mj_m2, through, *below, marks), Mark.RADIATION_FROM_OUTSIDE),
        _Rung(_through(seen.forecast_mj_m2, through, *below, marks), Mark.RADIATION_FROM_FORECAST),
        _Rung(None if share is None else min(share, 1.0) * sky.clear_mj_m2 * through, Mark.RADIATION_FROM_INVERTER),
        _Rung(_through(seen.climatology_mj_m2, through, *below, marks), Mark.RADIATION_FROM_CLIMATOLOGY),
    ]
    low, high = _possible(sky, DARKEST_DAY_INSIDE)
    found = _first(rungs, low, high, seen.recent_mj_m2, sky, through, marks)
    return found._replace(marks=found.marks | through_marks)


def transmissivity_on(day: date, settings: Iterable[Transmissivity]) -> tuple[float, Marks]:
    """The share of light that the cover lets through on a day: the latest setting not after it.

    Marked when it is more than a year old, when the day lies before all settings (then the first is taken), and when
    there is none at all (then 0.65).
    """
    known = sorted(
        (s for s in settings if believable(s.share, *TRANSMISSIVITY_RANGE) is not None), key=lambda s: s.since
    )
    if not known:
        return DEFAULT_TRANSMISSIVITY, frozenset({Mark.TRANSMISSIVITY_DEFAULT})
    past = [s for s in known if s.since <= day]
    if not past:
        return known[0].share, frozenset({Mark.TRANSMISSIVITY_DEFAULT})
    old = (day - past[-1].since).days > TRANSMISSIVITY_OLD_DAYS
    return past[-1].share, frozenset({Mark.TRANSMISSIVITY_OLD} if old else ())


def inverter_share(
    kwh: float | None, clear_mj_m2: float | None, days: Iterable[tuple[float | None, float | None]]
) -> float | None:
    """What a solar roof gave in a day of what it gives under a clear sky; None when that is not known yet.

    `days` are earlier days' yield (kWh) and clear-sky radiation (MJ/m2). The clearest but one is the measure, so that
    one absurd yield spoils nothing; at least five days are needed. A roof that is throttled (zero export, full
    battery) gives less than the sun did: leave such days out.
    """
    seen = [(believable(given, 0.01, 1e6), believable(clear, 0.1, 60)) for given, clear in days]
    rates = sorted(given / clear for given, clear in seen if given is not None and clear is not None)
    today, clear_today = believable(kwh, 0.0, 1e6), believable(clear_mj_m2, 0.1, 60)
    if today is None or clear_today is None or len(rates) < CLEAR_DAYS_NEEDED:
        return None
    return today / (rates[-2] * clear_today)


def _possible(sky: Sky, darkest_day: float) -> tuple[float, float]:
    """Least and most that can be true. The edge of a cloud may brighten an hour beyond a clear sky's."""
    ra = sky.extraterrestrial_mj_m2
    if sky.whole_day:
        return darkest_day * ra, ra
    return (DARKEST_HOUR * darkest_day * ra if ra >= HIGH_SUN_MJ_M2 else 0.0), 1.2 * ra + 0.05


def _by_sunshine(sky: Sky, seen: Outside, marks: set[Mark]) -> float | None:
    """FAO-56 equation 35. It is of days; of an hour it is rough, and better than its usual light."""
    late_h = 0.5 if sky.whole_day else 0.1
    hours = judged(seen.sunshine_h, 0, sky.daylight_h + late_h, marks)
    return None if hours is None else from_sunshine_mj_m2(sky, hours)


def _by_temperature(sky: Sky, seen: Outside, marks: set[Mark]) -> float | None:
    """FAO-56 equation 50. It is of days; an hour gets the day's share of what the sun sends above the air."""
    t_max, t_min = judged(seen.t_max_c, -40, 60, marks), judged(seen.t_min_c, -40, 60, marks)
    if t_max is None or t_min is None or t_max <= t_min:
        return None
    return from_temperature_mj_m2(sky, t_max, t_min, seen.coastal)


def _by_lux(seen: Inside, marks: set[Mark]) -> float | None:
    per_w = judged(seen.lux_per_w_m2, *LUX_PER_W_M2_RANGE, marks)
    lux_h = judged(seen.lux_h, 0, 24 * 200_000, marks)
    return None if per_w is None or lux_h is None else lux_h / per_w * 3600 / 1e6


def _through(mj_m2: float | None, share: float, low: float, high: float, marks: set[Mark]) -> float | None:
    known = judged(mj_m2, low, high, marks)
    return None if known is None else known * share


def _first(
    rungs: Iterable[_Rung],
    low: float,
    high: float,
    recent: Sequence[float],
    sky: Sky,
    through: float,
    marks: set[Mark],
) -> Radiation:
    """The first rung that can be true. `marks` are of rejected inputs."""
    clear = sky.clear_mj_m2 * through
    if sky.extraterrestrial_mj_m2 <= 0:
        return Radiation(0.0, 0.0, frozenset())
    for rung in rungs:
        found = judged(rung.mj_m2, low, high, marks)
        if found is not None:
            return Radiation(found, clear, frozenset(marks | ({rung.mark} if rung.mark else set())))
    usual = week_median(recent, low, high)
    if usual is not None:
        return Radiation(usual, clear, frozenset(marks | {Mark.RADIATION_MEDIAN}))
    half = USUAL_SHARE * sky.extraterrestrial_mj_m2 * through
    return Radiation(half, clear, frozenset(marks | {Mark.RADIATION_DEFAULT}))
