"""What a program goes by when something is missing: probe, balance, the mean of seven days, the zone's safe water.

None falls silently to zero: the last rung always has an amount, and every step is told.
"""

from __future__ import annotations

import math

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Text
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.fields import Growing
from tonnam_edge.core.programs.kept import DAY_H, STARVED_H, WEEK_H, Kept, ZoneKept
from tonnam_edge.core.programs.rungs import ORDER, Rung
from tonnam_edge.site.profile import Words
from tonnam_edge.site.site import Zone

FIRST_WEATHER_H = 6.0  # a new site's weather is waited for
PATIENCE_H = 0.5  # a probe that is silent for less is waited for
MOST_BY_PROBE = 1.5  # of what the crop uses in a day
LEAST_BY_PROBE = 0.7  # of what the crop uses in two days: less on a probe's word alone is thirst
SAFE_EFFICIENCY = 0.9
LEAST_OF_USE = 0.7  # of ETc, where the mean of seven days is given
MOST_DAYS_OWED = 7
LITTLE_RAIN_MM = 3.0


def of_moisture(zone: Zone, image: Image, kept: Kept, growing: Growing | None, *, rain_is_known: bool) -> Rung:
    """What a moisture band goes by. `rain_is_known`: there is a gauge, or no rain reaches the crop."""
    of_zone = kept.zones.get(zone.id) or ZoneKept()
    moisture = image.value(zone.moisture)
    if moisture is not None:
        if moisture < zone.band.low_pct:
            return Rung.PROBE
        full = rain_is_known and moisture >= zone.band.high_pct  # soil that had little for days is not
        lies_wet = _thirsty(zone, kept, of_zone, growing) or (full and _starved(kept, of_zone, growing))
        return of_balance(zone, kept, growing) if lies_wet else Rung.PROBE
    if of_zone.rung == Rung.PROBE and kept.hours - of_zone.known_h < PATIENCE_H:
        return Rung.PROBE
    return of_balance(zone, kept, growing)


def of_balance(zone: Zone, kept: Kept, growing: Growing | None) -> Rung:
    """What a water balance goes by: weather that was measured within a week, else the rungs below it."""
    of_zone = kept.zones.get(zone.id) or ZoneKept()
    measured = kept.hours <= FIRST_WEATHER_H if kept.weather_h is None else kept.age_h(kept.weather_h) <= WEEK_H
    if growing is not None and measured:
        return Rung.BALANCE
    return Rung.SAFE if of_zone.usual_l_day is None else Rung.WEEK


def _thirsty(zone: Zone, kept: Kept, of_zone: ZoneKept, growing: Growing | None) -> bool:
    """Whether a probe alone has cut the water at the roots below 70 % of ETc for two days, and the balance is dry."""
    if growing is None or kept.hours < 2 * DAY_H or growing.water.depletion_mm < growing.reserves.raw_mm:
        return False
    soil = growing.ground.soil
    had_mm = soil.application_efficiency * of_zone.given_l(kept.hours, 2 * DAY_H) / zone.part.area_m2
    had_mm += soil.wetted_fraction * kept.rain_mm(2 * DAY_H) if soil.rained_on else 0.0
    return had_mm < LEAST_BY_PROBE * of_zone.etc_mm(kept.hours, 2 * DAY_H)


def _starved(kept: Kept, of_zone: ZoneKept, growing: Growing | None) -> bool:
    """Where no balance tells of thirst: whether three days without rain had less than 70 % of what is usual."""
    return growing is None and kept.rain_mm(STARVED_H) < LITTLE_RAIN_MM and of_zone.had_little(kept.hours)


def allowed_by_probe_l(zone: Zone, kept: Kept, least_l: float) -> float:
    """How many litres a moisture band may still ask for: with the last 24 hours' water 1.5 times the crop's use.

    Where that is less than `least_l`, the least that a run gives, it adds up over some days.
    """
    of_zone = kept.zones.get(zone.id)
    if of_zone is None:
        return math.inf
    return missing_l(of_zone, kept.hours, most_by_probe_l(zone, kept), least_l, DAY_H)[0]


def most_by_probe_l(zone: Zone, kept: Kept) -> float:
    """1.5 times what a zone's crop has used within the last 24 hours, litres."""
    of_zone = kept.zones.get(zone.id)
    return math.inf if of_zone is None else MOST_BY_PROBE * of_zone.etc_mm(kept.hours, DAY_H) * zone.part.area_m2


def missing_l(
    of_zone: ZoneKept, hours: float, daily_l: float, least_l: float, day_h: int = DAY_H
) -> tuple[float, float]:
    """What is missing of a daily amount, and what that is counted against; litres.

    A strong outlet on a small zone gives more in its least run than a day needs. Then it is owed over as many days as
    it takes, a week at most: never nothing.
    """
    days = min(max(math.ceil(least_l / daily_l), 1), MOST_DAYS_OWED) if daily_l > 0 else MOST_DAYS_OWED
    wanted_l = max(days * daily_l, least_l if days > 1 else 0.0)
    return max(wanted_l - of_zone.given_l(hours, days * DAY_H - DAY_H + day_h), 0.0), wanted_l


def daily_l(zone: Zone, rung: Rung, kept: Kept, flow_l_min: float) -> float:
    """Litres a day on the lower rungs; never none.

    The mean of seven days may be of a week of rain: it is no less than 70 % of what the crop uses.
    """
    of_zone = kept.zones.get(zone.id) or ZoneKept()
    used_l = of_zone.etc_mm(kept.hours, DAY_H) * zone.part.area_m2 / SAFE_EFFICIENCY
    if rung is Rung.WEEK and of_zone.usual_l_day:
        return max(of_zone.usual_l_day, LEAST_OF_USE * used_l)
    if zone.part.safe is not None:
        return zone.part.safe.run_min * flow_l_min
    return used_l


def told(zone: Words, before: str, now: Rung, best: Rung) -> Text | None:
    """What to say of a step from one rung to another; None when there was none. `best` is the program's own."""
    up = ORDER.index(Rung(before)) > ORDER.index(now)
    if before == now or (now is best and not up):
        return None
    if now is Rung.PROBE:
        return words.by_probe_again(zone)
    if now is Rung.BALANCE:
        return words.by_balance_again(zone) if up else words.down_to_balance(zone)
    return words.down_to_week(zone) if now is Rung.WEEK else words.down_to_safe(zone)
