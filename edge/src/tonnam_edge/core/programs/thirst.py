"""Zones that want water and get none for long: an alert for people, whatever holds it up.

Each hold and interlock is right by itself, and tells why in the plan that nobody looks at. Here it is counted for how
long a zone has wanted water in vain, in hours of `Kept`: no restart and no clock begins that anew. Rain that fell is
water to what goes by the clock, the light or what is usual; soil and balance have seen it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tonnam_edge.core import texts
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.programs import clock
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.clock import HOUR_MS
from tonnam_edge.core.programs.kept import DAY_H, Kept, ThirstKept, ZoneKept
from tonnam_edge.core.programs.schedule import LocalTime, Slots
from tonnam_edge.core.wishes import Decision, KeptOff, Need
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.program_file import LightPart, MoisturePart, TimerPart
from tonnam_edge.site.site import Site, Zone

LONG_H = 26.0  # weather, hours, quota and price hold nothing for more than a day; then all must have had their turn
LEAST_LONG_H = 2.0  # of substrate, however short the longest interval is: a pump may be busy for so long
KEPT_OFF_TIMES = 3  # so much longer who keeps it off on purpose is left alone
AGAIN_H = DAY_H  # how old the words may become that are told of it
SIPS_H = 1.0  # what comes within that counts together
# After hours in which nobody looked, such as those without power, a zone has so long to get its water.
UNSEEN_H, CHANCE_H = 1.5, 2.0


class Thirst:
    """Follows what each zone wants and gets. What it keeps is part of the memory."""

    def __init__(self, site: Site, memory: Memory) -> None:
        self._site, self._memory = site, memory
        self._decision = Decision()
        self._refused: dict[str, Text] = {}
        self._last_refused: dict[str, Text] = {}
        local = LocalTime(site.file.site)
        self._slots: dict[str, list[Slots]] = {name: [] for name in site.zones}
        for part in site.programs:
            if isinstance(part, TimerPart):
                self._slots[part.zone].append(Slots(part, local))
        self._long_h = {name: self._long_of(name) for name in site.zones}
        self._least_s = {name: _least_s(site, name) for name in site.zones}
        self._seen_h = memory.kept.hours

    def decided(self, decision: Decision) -> None:
        """Hear what the programs want now."""
        self._decision, self._refused = decision, {}

    def refused(self, zone: str, reason: Text) -> None:
        """Hear why a wish may not begin."""
        self._last_refused[zone] = self._refused.setdefault(zone, reason)

    def follow(self, now: Now, running: Collection[str], keeps_off: Callable[[str], KeptOff | None]) -> None:
        """Count on to now. Of zones with a run in progress (`running`) nothing new is said. `keeps_off`: by zone,
        whether a person keeps it off."""
        kept = self._memory.kept
        hours = round(kept.hours + clock.elapsed_ms(kept, now) / HOUR_MS, 3)
        if hours - self._seen_h > UNSEEN_H:
            self._give_a_chance(kept, hours)
        self._seen_h = hours
        for zone in self._site.zones.values():
            of_zone, off = kept.zone(zone.id), keeps_off(zone.id)
            of_zone.thirst = self._counted(zone, of_zone, hours, now, off)
            if of_zone.thirst is not None and zone.id not in running:
                self._tell(zone, of_zone.thirst, hours, off)

    def standing(self) -> list[dict[str, Any]]:
        """The zones that have wanted water for long, for the cloud."""
        found = []
        for name in self._site.zones:
            thirst = self._memory.kept.zone(name).thirst
            if thirst is not None and thirst.text:
                of = "kept_off" if thirst.kept_off else "no_water"
                found.append({"zone": name, "of": of, "since_ms": thirst.since_ms, "text": thirst.text})
        return found

    def _counted(
        self, zone: Zone, of_zone: ZoneKept, hours: float, now: Now, off: KeptOff | None
    ) -> ThirstKept | None:
        """What is kept of a zone's thirst now; None when it has none."""
        thirst = of_zone.thirst
        if thirst is not None and self._was_watered(zone, of_zone, thirst, hours):
            return None
        if off is not None and off.unseen:
            return None
        if self._memory.book.held_until_ms.get(zone.id, 0) > now.wall_ms:  # a person has stopped it a moment ago
            return None if thirst is None else _paused(thirst, hours)
        need = self._need(zone, now, thirst)
        if need is Need.NONE:
            return None
        if thirst is None or thirst.kept_off != (off is not None):
            since_ms = now.wall_ms if now.sure else None
            thirst = ThirstKept(hours, since_ms, kept_off=off is not None)
        thirst.why = self._left_out(zone) or thirst.why
        return _paused(thirst, hours) if need is Need.PAUSED else _going_on(thirst, hours)

    def _need(self, zone: Zone, now: Now, thirst: ThirstKept | None) -> Need:
        """What a zone needs. One with timers only that was left without water goes on to need it between them, as
        long as there is another to come."""
        need = self._decision.needs.get(zone.id)
        if self._decision.rained and need is not Need.KNOWN:
            return Need.NONE
        if need is not None:
            return need
        skipped = [each.lacks for each in self._decision.skipped if each.zone == zone.id]
        lacks = any(skipped) or (thirst is not None and not skipped)
        coming = lacks and any(slots.following(now.wall_ms) is not None for slots in self._slots[zone.id])
        return Need.USUAL if coming else Need.NONE

    def _left_out(self, zone: Zone) -> Text | None:
        return next((each.text for each in self._decision.skipped if each.zone == zone.id and each.lacks), None)

    def _was_watered(self, zone: Zone, of_zone: ZoneKept, thirst: ThirstKept, hours: float) -> bool:
        """Whether an hour brought what is worth being called water: not what runs give that are soon cut off."""
        since_h = max(thirst.since_h, hours - SIPS_H)
        given_l = sum(litres for hour, litres in of_zone.given if hour > since_h)
        flow_l_min = self._memory.flows_l_min.get(zone.id, zone.part.flow_l_min)
        return given_l > 0 and given_l >= self._least_s[zone.id] * flow_l_min / 60

    def _tell(self, zone: Zone, thirst: ThirstKept, hours: float, off: KeptOff | None) -> None:
        """Say it when it has lasted for long, and anew after a day: by then it may be held up by something else."""
        for_h, times = hours - thirst.since_h, KEPT_OFF_TIMES if thirst.kept_off else 1
        counted_h = for_h - thirst.paused_h
        long_h = self._long_h[zone.id]
        long = thirst.pause_h is None and counted_h >= times * long_h
        if thirst.text:
            if hours - thirst.told_h < AGAIN_H:
                return
        elif not long and for_h < times * max(long_h, LONG_H):
            return
        name, thirst.told_h = zone.part.name, hours
        if off is None:
            thirst.text = words.thirsts(name, for_h, self._why(zone.id) or thirst.why or words.no_water_came())
        else:
            thirst.text = words.kept_off(name, for_h, off.text)

    def _why(self, zone: str) -> Text | None:
        """What keeps water from a zone just now; while it rests after a run that brought none, what did before."""
        why = self._decision.why.get(zone)
        if zone in self._refused or (why is not None and why.text == texts.resting()):
            return self._last_refused.get(zone)
        return None if why is None else why.text

    def _give_a_chance(self, kept: Kept, hours: float) -> None:
        for name, long_h in self._long_h.items():
            thirst = kept.zone(name).thirst
            if thirst is not None and not thirst.text:
                times = KEPT_OFF_TIMES if thirst.kept_off else 1
                thirst.since_h = max(thirst.since_h, round(hours - times * long_h + CHANCE_H, 3))

    def _long_of(self, name: str) -> float:
        """Hours without water that are too long for a zone: as its site file says; else substrate holds what its
        longest interval takes."""
        said_h = self._site.zones[name].part.alert_dry_h
        if said_h is not None:
            return said_h
        intervals = [
            part.most_interval_min / 60
            for part in self._site.programs
            if isinstance(part, LightPart) and part.zone == name
        ]
        return min([LONG_H, *(max(each, LEAST_LONG_H) for each in intervals)])


def _least_s(site: Site, zone: str) -> float:
    """For how long a zone's water must have run: half of its shortest watering, if that is shorter than any other."""
    found = [SHORTEST_RUN_S]
    for part in site.programs:
        if part.zone != zone:
            continue
        if isinstance(part, LightPart):
            flow_l_min = site.zones[zone].part.flow_l_min
            found.append(part.plants * part.dose_ml_plant / 1000 / flow_l_min * 60 / 2)
        elif isinstance(part, TimerPart):
            found += [part.run_s(month) / 2 for month in range(1, 13) if part.run_s(month) > 0]
        elif isinstance(part, MoisturePart):
            found.append(part.pulse_min * 60 / 2)
    return min(found)


def _paused(thirst: ThirstKept, hours: float) -> ThirstKept:
    if thirst.pause_h is None:
        thirst.pause_h = hours
    return thirst


def _going_on(thirst: ThirstKept, hours: float) -> ThirstKept:
    if thirst.pause_h is not None:
        thirst.paused_h = round(thirst.paused_h + hours - thirst.pause_h, 3)
        thirst.pause_h = None
    return thirst
