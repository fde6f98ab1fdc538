"""The rules that can only stop things. Wishes pass here last; what is stopped has a reason that a farmer can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.decide import Wish
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site import Site, Zone

# Once low, the tank must rise this far above its limit before water is drawn again.
RESUME_CM = 5.0


class Granted(NamedTuple):
    seconds: float
    reason: Text


class Refused(NamedTuple):
    reason: Text


@dataclass(frozen=True)
class Standing:
    """What the interlocks look at beside the image: where the agent itself stands."""

    ready: bool  # all that should be off is proven off
    shutting_down: bool
    remembers: bool  # a run that is not on disk would be forgotten by a restart
    fault_hold: bool
    running: frozenset[str]
    used_s: float  # of today's water in the zone that is asked for


def pass_interlocks(wish: Wish, image: Image, memory: Memory, standing: Standing, site: Site) -> Granted | Refused:
    """The wish, perhaps shortened, or why not."""
    zone = site.zones[wish.zone]
    stopped = _not_now(wish, zone, image, memory, standing, site)
    if stopped is not None:
        return Refused(stopped)
    granted = Granted(wish.seconds, wish.reason)
    if granted.seconds > zone.max_run_s:
        granted = Granted(zone.max_run_s, texts.by_hand_shortened(zone.max_run_s))
    used_s = standing.used_s
    left_s = zone.max_day_s - used_s
    if left_s < min(SHORTEST_RUN_S, granted.seconds):
        return Refused(texts.day_used_up(used_s, zone.max_day_s))
    if left_s < granted.seconds:
        granted = Granted(left_s, texts.limited(granted.reason, left_s, texts.day_nearly_used_up(zone.max_day_s)))
    return _limit_by_tank(granted, zone, image, site)


def _not_now(wish: Wish, zone: Zone, image: Image, memory: Memory, standing: Standing, site: Site) -> Text | None:
    if standing.shutting_down:
        return texts.shutting_down()
    if not standing.remembers:
        return texts.disk_fails()
    if zone.id in standing.running:
        return texts.busy_here()
    if standing.running:
        return texts.busy_elsewhere(site.zones[min(standing.running)].part.name)
    if standing.fault_hold:
        return texts.after_fault()
    if not standing.ready:
        return texts.not_ready()
    held = memory.book.held_until_ms.get(zone.id, 0)
    if wish.cause != "manual" and held > image.now.wall_ms:
        return texts.stopped_by_hand()
    return None


def _limit_by_tank(granted: Granted, zone: Zone, image: Image, site: Site) -> Granted | Refused:
    """Too low is no. Unknown is a short run: an empty tank must not burn a pump, nor a dead sensor a crop."""
    tank = site.file.tank
    if tank is None or zone.part.pump is None:
        return granted
    level_cm = image.value(site.tank_level)
    if level_cm is None:
        most_s = tank.unknown_max_run_min * 60
        if most_s < SHORTEST_RUN_S:
            return Refused(texts.tank_unknown_refused())
        if granted.seconds <= most_s:
            return granted
        return Granted(most_s, texts.limited(granted.reason, most_s, texts.tank_unknown()))
    if level_cm < tank.low_cm + RESUME_CM:
        return Refused(texts.tank_low(level_cm, tank.low_cm + RESUME_CM))
    return granted


def must_stop(zone: Zone, image: Image, site: Site) -> Text | None:
    """Why a run in progress must end now, or None."""
    tank = site.file.tank
    if tank is None or zone.part.pump is None:
        return None
    level_cm = image.value(site.tank_level)
    if level_cm is not None and level_cm < tank.low_cm:
        return texts.tank_ran_low(level_cm)
    return None
