"""What the programs want, as a function of image, memory and settings. Nothing is done here."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.programs import balance, band, light, program_texts, timer, weather_hold
from tonnam_edge.core.programs.asked import Asked
from tonnam_edge.core.programs.fields import Fields
from tonnam_edge.core.programs.holds import hold
from tonnam_edge.core.programs.price import Prices
from tonnam_edge.core.programs.schedule import LocalTime, Slots
from tonnam_edge.core.programs.solar import latest_hours
from tonnam_edge.core.wishes import Decision, Passing, Why, Wish, by_hand
from tonnam_edge.site.program_file import BalancePart, LightPart, MoisturePart, TimerPart
from tonnam_edge.site.site import Site, Zone

__all__ = ["Decision", "Settings", "Wish", "by_hand", "decide", "plan_of"]


class Settings:
    """The programs of a site with their schedules worked out."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.local = LocalTime(site.file.site)
        self.fields = Fields(site, self.local)
        self.prices = Prices(site, self.local)
        self.timers = [(p, Slots(p, self.local)) for p in site.programs if isinstance(p, TimerPart)]
        self.bands = [p for p in site.programs if isinstance(p, MoisturePart)]
        self.balances = [(p, _slots(p, self.local)) for p in site.programs if isinstance(p, BalancePart)]
        self.lights = [p for p in site.programs if isinstance(p, LightPart)]
        # What lets its water soak in before it looks again.
        self.resting: list[MoisturePart | BalancePart] = [*self.bands, *(p for p, _ in self.balances)]
        self.latest = {p.id: p.latest for p in self.resting if p.latest is not None and site.file.tariff}
        self.between = {p.id: p.between for p in (*self.resting, *self.lights) if p.between is not None}
        self.solar_latest = latest_hours(site, self.between)
        self._hourly = {p.id for p, _ in self.timers} | self.between.keys()

    def wanting(self, decision: Decision) -> set[str]:
        """Zones that want water, or, where a timer or the light waters, may want it again."""
        looked_after = {program.zone for program in self.resting} - {program.zone for program, _ in self.timers}
        filling = {program.zone for program in self.resting if program.id in decision.filling}
        return filling | (self.site.zones.keys() - looked_after)

    def goes_by_clock(self, wish: Wish) -> bool:
        """Whether the wish is of a program that knows hours of the day."""
        return wish.program in self._hourly


def _slots(program: BalancePart, local: LocalTime) -> Slots | None:
    """The chosen hour of a balance, as a timer's."""
    if program.at is None:
        return None
    return Slots(TimerPart(id=program.id, kind="timer", zone=program.zone, at=program.at, run_min=1.0), local)


def decide(
    image: Image,
    memory: Memory,
    resting_until: Mapping[str, int],
    settings: Settings,
    passing: Passing,
) -> Decision:
    """What the programs want now. `resting_until` says, per program, until which time since boot water soaks in."""
    decision = Decision()
    asked = Asked(
        image,
        memory,
        resting_until,
        settings.fields,
        settings.local,
        settings.prices,
        settings.latest,
        settings.between,
        decision,
        passing,
    )
    for program, slots in settings.timers:
        timer.decide(program, slots, asked)
    decision.wishes.sort(key=lambda wish: _watered_h(wish, memory))  # who has waited longest for water comes first
    for moisture in settings.bands:
        band.decide(moisture, asked)
    for part, chosen in settings.balances:
        balance.decide(part, chosen, asked)
    for sun in settings.lights:
        light.decide(sun, asked)
    decision.wishes = hold(decision.wishes, asked)
    weather = weather_hold.of_site(settings.site, memory.kept, image, passing.rain_mm)
    if weather is not None:
        decision.weather_waits, decision.rained = settings.wanting(decision), weather.gauge
    waiting = {name: wait for name, wait in memory.kept.waits.items() if name in decision.filling}
    decision.waits = waiting | decision.waits  # also while the water of a pulse soaks in
    return decision


def _watered_h(wish: Wish, memory: Memory) -> float:
    """When the zone of a wish had water last, in hours; before all others where that is long ago."""
    of_zone = memory.kept.zones.get(wish.zone)
    return of_zone.given[-1][0] if of_zone is not None and of_zone.given else -math.inf


def plan_of(
    zone: Zone,
    decision: Decision,
    image: Image,
    memory: Memory,
    refused: Mapping[str, Text],
    settings: Settings,
) -> tuple[int | None, Text]:
    """When a zone is next watered, if that is known, and what to say of it."""
    now_ms = image.now.wall_ms
    if zone.id in refused:
        return None, texts.waiting(refused[zone.id])
    held = memory.book.held_until_ms.get(zone.id, 0)
    upcoming = [
        slot
        for program, slots in settings.timers
        if program.zone == zone.id
        if (slot := timer.planned(program.id, slots, max(now_ms, held), decision)) is not None
    ]
    timer_ms = min(upcoming, default=None)
    if held > now_ms:
        return timer_ms, texts.held(settings.local.clock(held))
    return _joined(decision.why.get(zone.id), timer_ms, now_ms, settings.local, image.now.sure)


def _joined(
    why: Why | None, timer_ms: int | None, now_ms: int, local: LocalTime, sure: bool
) -> tuple[int | None, Text]:
    """The next timer, and what the zone's other programs say."""
    if timer_ms is None:
        return (None, texts.nothing_planned()) if why is None else (_whole_minute(why.until_ms), why.text)
    told = _timer_text(timer_ms, now_ms, local)
    if not sure:
        told = program_texts.by_last_known_time(told)
    if why is None:
        return timer_ms, told
    if why.until_ms is not None and why.until_ms < timer_ms:
        return _whole_minute(why.until_ms), why.text
    return timer_ms, texts.text(f"{told['th']} · {why.text['th']}", f"{told['en']} · {why.text['en']}")


def _whole_minute(wall_ms: int | None) -> int | None:
    """Rounded, so that a plan does not change with every tick of two clocks."""
    return None if wall_ms is None else round(wall_ms / 60_000) * 60_000


def _timer_text(at_ms: int, now_ms: int, local: LocalTime) -> Text:
    moment = local.at(at_ms)
    days = (moment.date() - local.at(now_ms).date()).days
    return texts.next_timer(local.clock(at_ms), texts.day_word(days, moment.weekday()))
