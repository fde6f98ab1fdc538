"""Why a program's wish waits although the soil wants it: rain, wind, frost, tank, quota, quiet hours, sun and price.

A value that is not known holds nothing: a dead sensor must not let a crop die of thirst. People are never held.
"""

from __future__ import annotations

from tonnam_edge.agronomy import balance
from tonnam_edge.core.image import Image
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs import timer, weather_hold
from tonnam_edge.core.programs.asked import Asked, in_window, opens_at
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.kept import DAY_H, Kept
from tonnam_edge.core.programs.price import Change, pump_kw
from tonnam_edge.core.wishes import Delay, Why, Wish
from tonnam_edge.site.site import Site, Zone
from tonnam_edge.site.site_types import latest_within, within

LEAST_KS_WAITING = 0.95  # a crop that is thirstier waits for no price, no calm and no warmth


def hold(wishes: list[Wish], asked: Asked) -> list[Wish]:
    """The wishes that nothing holds, cut to what is left of a quota. Of the others it is said why."""
    free = []
    for wish in wishes:
        zone = asked.fields.site.zones[wish.zone]
        why = _why(wish, asked) or _over_quota(zone, asked)
        if why is None:
            unfallen = timer.less_what_fell(wish, asked)
            free += [] if unfallen is None else [_within_quota(unfallen, zone, asked)]
            continue
        if wish.slot_ms is not None and wish.cause == "timer":
            why = _slot_waits(wish, wish.slot_ms, why, asked)
        asked.decision.why[zone.id] = why
        if why.until_ms is not None:
            asked.decision.due(why.until_ms)
            asked.pause(zone.id)
    return free


def _slot_waits(wish: Wish, slot_ms: int, why: Why, asked: Asked) -> Why:
    """A timer's slot is kept back, and waters later. If it does not in the end, it is told why."""
    asked.decision.delays[wish.program or ""] = Delay(slot_ms, why.text, rained=why.rained)
    return why._replace(text=words.slot_waits(asked.local.clock(slot_ms), why.text))


def forecast(site: Site, kept: Kept, image: Image) -> None:
    """Note since when rain is expected. It counts once: waited for in vain, not before it is no longer expected."""
    most_mm = site.file.holds.forecast_mm
    if most_mm is None:
        return
    expected_mm = image.value(site.weather_stream("rain_forecast"))
    if expected_mm is None or expected_mm < most_mm:
        kept.forecast_h = None
    elif kept.forecast_h is None:
        kept.forecast_h = kept.hours


def _why(wish: Wish, asked: Asked) -> Why | None:
    return _weather(wish, asked) or _tank(asked) or _quiet(asked) or _sun(wish, asked) or _price(wish, asked)


def _weather(wish: Wish, asked: Asked) -> Why | None:
    """Rain, forecast, wind or frost: until it is over, a day has gone by, or, of wind and frost, the crop suffers."""
    weather = weather_hold.of_site(asked.fields.site, asked.kept, asked.image, asked.passing.rain_mm)
    if weather is None:
        return None
    asked.decision.weather_holds[wish.zone] = weather.text
    if weather_hold.over(weather, wish, asked.kept) or (weather.ends and _suffers(wish, asked)):
        return None
    if weather.forecast_mm:
        timer.note_forecast(wish, weather.forecast_mm, asked)
    return Why(weather.text, rained=weather.gauge)


def _tank(asked: Asked) -> Why | None:
    site = asked.fields.site
    least_cm, level_cm = site.file.holds.tank_cm, asked.image.value(site.tank_level)
    if least_cm is None or level_cm is None or level_cm >= least_cm:
        return None
    return Why(words.tank_kept(least_cm))


def _quiet(asked: Asked) -> Why | None:
    """Quiet hours, where the time is known."""
    quiet, now = asked.fields.site.file.holds.quiet, asked.image.now
    if quiet is None or not now.sure or not within(asked.local.clock(now.wall_ms), quiet):
        return None
    return Why(words.quiet_until(quiet[1]), asked.local.next(quiet[1], now.wall_ms))


def _sun(wish: Wish, asked: Asked) -> Why | None:
    """Solar first: until there is power, or the latest hour. A timer has its own hour. A pump that has nothing but
    the sun waits by itself, see `plant.power`."""
    site, now, program = asked.fields.site, asked.image.now, wish.program or ""
    solar = site.file.holds.solar
    if solar is None or not now.sure:
        return None
    latest = latest_within(solar.latest, asked.between.get(program))
    if solar.direct:
        asked.decision.due(asked.local.next(latest, now.wall_ms))
        return None
    if wish.cause == "timer" or asked.local.clock(now.wall_ms) >= latest or asked.sun_runs_the_pump:
        return None
    until_ms = _may_water_from(asked.local.next(latest, now.wall_ms), program, asked)
    return Why(words.waits_for_sun(asked.local.clock(until_ms)), until_ms)


def _price(wish: Wish, asked: Asked) -> Why | None:
    """Cheaper electricity, where a program may wait for it: until its latest hour, and not while its crop suffers."""
    now, kept, program = asked.image.now, asked.kept, wish.program or ""
    latest = asked.latest.get(program)
    if latest is None or not now.sure or asked.sun_runs_the_pump or _suffers(wish, asked):
        return None
    until_ms, since_h = kept.waits.get(program, (asked.local.next(latest, now.wall_ms), kept.hours))
    until_ms = min(until_ms, asked.local.next(latest, now.wall_ms))  # also when the clock was put back
    asked.decision.waits[program] = until_ms, since_h
    if now.wall_ms >= until_ms or kept.hours - since_h >= DAY_H:
        return None
    cheaper = asked.prices.cheaper(now.wall_ms, until_ms, lambda at_ms: _may_water_from(at_ms, program, asked))
    return None if cheaper is None else _waits_for(cheaper, wish, latest, asked)


def _may_water_from(wall_ms: int, program: str, asked: Asked) -> int:
    """From when on a program may water: within its hours, and not in quiet ones. Two days ahead where these leave no
    time at all."""
    between, quiet = asked.between.get(program), asked.fields.site.file.holds.quiet
    latest_ms = wall_ms + 2 * DAY_H * HOUR_MS
    while wall_ms < latest_ms:
        if not in_window(between, wall_ms, asked.local):
            wall_ms = opens_at(between, wall_ms, asked.local)
        elif quiet is not None and within(asked.local.clock(wall_ms), quiet):
            wall_ms = asked.local.next(quiet[1], wall_ms)
        else:
            return wall_ms
    return latest_ms


def _waits_for(cheaper: Change, wish: Wish, latest: str, asked: Asked) -> Why:
    price = asked.prices.at(asked.image.now.wall_ms) or 0.0
    kw = pump_kw(asked.fields.site, wish.zone)
    hours = wish.seconds / 3600
    if wish.litres is not None:
        hours = wish.litres / asked.flow_l_min(asked.fields.site.zones[wish.zone]) / 60
    saved = None if kw is None else kw * hours * (price - cheaper.baht_kwh)
    clock = asked.local.clock(cheaper.at_ms)
    return Why(words.waits_for_price(clock, price, cheaper.baht_kwh, saved, latest), cheaper.at_ms)


def _suffers(wish: Wish, asked: Asked) -> bool:
    growing = asked.fields.of(wish.zone, asked.kept)
    if growing is None:
        return False
    return balance.stress(growing.water.depletion_mm, growing.reserves) < LEAST_KS_WAITING


def _over_quota(zone: Zone, asked: Asked) -> Why | None:
    quota_l = zone.part.quota_l_day
    if quota_l is None or _left_l(zone, quota_l, asked) >= asked.least_l(zone):
        return None
    return Why(words.quota_used(quota_l))


def _within_quota(wish: Wish, zone: Zone, asked: Asked) -> Wish:
    if zone.part.quota_l_day is None:
        return wish
    left_l, flow_l_min = _left_l(zone, zone.part.quota_l_day, asked), asked.flow_l_min(zone)
    wanted_l = wish.seconds * flow_l_min / 60 if wish.litres is None else wish.litres
    if wanted_l <= left_l:
        return wish
    return wish._replace(seconds=min(wish.seconds, left_l / flow_l_min * 60), litres=left_l)


def _left_l(zone: Zone, quota_l: float, asked: Asked) -> float:
    """What 24 hours have left of a quota: counted by elapsed time, so that no clock gives it back."""
    return quota_l - asked.of(zone).given_l(asked.kept.hours, DAY_H)
