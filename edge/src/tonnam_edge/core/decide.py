"""What the programs want, as a function of image, memory and settings. Nothing is done here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.books import BOGUS_SLOT_MS
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Cause, Memory, Text
from tonnam_edge.core.schedule import LocalTime, Slots
from tonnam_edge.site import Site, Zone
from tonnam_edge.site_file import MoisturePart, TimerPart
from tonnam_link.messages import Command


class Wish(NamedTuple):
    """Somebody wants water in a zone for so many seconds, or until so many litres have been metered.

    `slot_ms` is the timer's slot, used up by a start.
    """

    zone: str
    cause: Cause
    seconds: float
    reason: Text
    program: str | None = None
    command_id: str | None = None
    slot_ms: int | None = None
    litres: float | None = None


def by_hand(command: Command) -> Wish:
    """What a person wants who commands water."""
    return Wish(
        command.zone,
        "manual",
        float(command.max_run_s),
        texts.by_hand(command.max_run_s),
        command_id=command.id,
    )


@dataclass
class Decision:
    """Wishes in order of priority, what is to be remembered, and when to decide again."""

    wishes: list[Wish] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)
    filling: list[str] = field(default_factory=list)
    next_due_ms: int | None = None

    def due(self, wall_ms: int) -> None:
        self.next_due_ms = wall_ms if self.next_due_ms is None else min(self.next_due_ms, wall_ms)


class Settings:
    """The programs of a site with their schedules worked out."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.local = LocalTime(site.file.site)
        self.timers = [(p, Slots(p, self.local)) for p in site.programs if isinstance(p, TimerPart)]
        self.bands = [p for p in site.programs if isinstance(p, MoisturePart)]
        self._hourly = {p.id for p, _ in self.timers} | {p.id for p in self.bands if p.between is not None}

    def goes_by_clock(self, wish: Wish) -> bool:
        """Whether the wish is of a program that knows hours of the day."""
        return wish.program in self._hourly


def decide(image: Image, memory: Memory, resting_until: Mapping[str, int], settings: Settings) -> Decision:
    """What the programs want now. `resting_until` says, per program, until which time since boot water soaks in."""
    decision = Decision()
    for program, slots in settings.timers:
        _decide_timer(program, slots, image, memory, settings, decision)
    for band in settings.bands:
        _decide_band(band, image, memory, resting_until.get(band.id, 0), settings, decision)
    return decision


def _decide_timer(
    program: TimerPart, slots: Slots, image: Image, memory: Memory, settings: Settings, decision: Decision
) -> None:
    """Each slot at most once whatever the clock does: only slots after the last one used count."""
    now_ms = image.now.wall_ms
    last = memory.book.slots.get(program.id)
    if last is None or last > now_ms + BOGUS_SLOT_MS:
        last = now_ms
    decision.slots[program.id] = last
    slot = slots.latest(now_ms)
    if slot is not None and slot > last:
        if now_ms - slot <= program.late_min * 60_000:
            seconds = program.run_min * 60
            reason = texts.by_timer(settings.local.clock(slot), seconds)
            decision.wishes.append(Wish(program.zone, "timer", seconds, reason, program.id, slot_ms=slot))
        else:
            decision.slots[program.id] = slot
    following = slots.following(now_ms)
    if following is not None:
        decision.due(following)


def _decide_band(
    program: MoisturePart, image: Image, memory: Memory, resting_until: int, settings: Settings, decision: Decision
) -> None:
    """From below the band to the top of it, in pulses with rests. Unknown moisture wants nothing."""
    zone = settings.site.zones[program.zone]
    moisture = image.value(zone.moisture)
    filling = program.id in memory.filling
    if moisture is not None:
        filling = moisture < zone.part.band.high_pct if filling else moisture < zone.part.band.low_pct
    if filling:
        decision.filling.append(program.id)
    if not filling or moisture is None:
        return
    if image.now.mono_ms < resting_until:
        decision.due(image.now.wall_ms + resting_until - image.now.mono_ms)
        return
    if in_window(program, image.now.wall_ms, settings.local):
        reason = texts.by_moisture(moisture, zone.part.band.low_pct, zone.part.band.high_pct)
        decision.wishes.append(Wish(zone.id, "moisture", program.pulse_min * 60, reason, program.id))
    else:
        decision.due(opens_at(program, image.now.wall_ms, settings.local))


def in_window(program: MoisturePart, wall_ms: int, local: LocalTime) -> bool:
    return program.between is None or program.between[0] <= local.clock(wall_ms) < program.between[1]


def opens_at(program: MoisturePart, wall_ms: int, local: LocalTime) -> int:
    """The next time at which the program's hours begin; now for one without hours."""
    if program.between is None:
        return wall_ms
    today = local.at(wall_ms).date()
    opening = local.ms(today, program.between[0])
    return opening if opening > wall_ms else local.ms(today + timedelta(days=1), program.between[0])


def plan_of(
    zone: Zone,
    decision: Decision,
    image: Image,
    memory: Memory,
    resting_until: Mapping[str, int],
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
        if (slot := slots.following(max(now_ms, held))) is not None
    ]
    timer_ms = min(upcoming, default=None)
    if held > now_ms:
        return timer_ms, texts.held(settings.local.clock(held))
    band = next((program for program in settings.bands if program.zone == zone.id), None)
    if band is None:
        return timer_ms, texts.nothing_planned() if timer_ms is None else _timer_text(
            timer_ms, now_ms, settings.local
        )
    at_ms, words = _band_plan(band, zone, decision, image, resting_until, settings)
    if timer_ms is None:
        return at_ms, words
    if at_ms is not None and at_ms < timer_ms:
        return at_ms, words
    told = _timer_text(timer_ms, now_ms, settings.local)
    return timer_ms, texts.text(f"{told['th']} · {words['th']}", f"{told['en']} · {words['en']}")


def _band_plan(
    band: MoisturePart,
    zone: Zone,
    decision: Decision,
    image: Image,
    resting_until: Mapping[str, int],
    settings: Settings,
) -> tuple[int | None, Text]:
    if image.value(zone.moisture) is None:
        return None, texts.moisture_unknown()
    if band.id not in decision.filling:
        return None, texts.when_dry(zone.part.band.low_pct)
    if not in_window(band, image.now.wall_ms, settings.local):
        opening = opens_at(band, image.now.wall_ms, settings.local)
        return opening, texts.window_closed(settings.local.clock(opening))
    rest_ms = resting_until.get(band.id, 0) - image.now.mono_ms
    if rest_ms > 0:
        return _whole_minute(image.now.wall_ms + rest_ms), texts.resting()
    return None, texts.when_dry(zone.part.band.low_pct)


def _whole_minute(wall_ms: int) -> int:
    """Rounded, so that a plan does not change with every tick of two clocks."""
    return round(wall_ms / 60_000) * 60_000


def _timer_text(at_ms: int, now_ms: int, local: LocalTime) -> Text:
    moment = local.at(at_ms)
    days = (moment.date() - local.at(now_ms).date()).days
    return texts.next_timer(local.clock(at_ms), texts.day_word(days, moment.weekday()))
