"""The rules that can only stop things. Wishes pass here last; what is stopped has a reason that a farmer can read.

What unknown means, by input:
    position of an actuator     stop: nothing starts on its water path until it is read back
    tank level                  limited: so many minutes a run; so many litres in all, where neither flow nor current
                                would tell of a dry pump, or the site file gives a limit, see `plant.blind`
    current of the pump         the next witness: the flow
    flow                        the next witness: the current; with neither the tank level's limit alone counts
    a meter that stands still   limited: so many litres until somebody has looked, see `plant.proof`
    power of a solar pump       no start; a run in progress goes on while the meter moves, see `plant.power`. That of
                                `holds.solar` stops no person, and after its latest hour no program
    emergency stop              stop: nothing starts before it was read; while silent, as it was last seen
    switch of a zone            one last seen off or on hand stays so; else programs wait, people need not
    lock-outs and latches       none: they are remembered; while the memory is unread nothing starts
    the disk                    stop: what cannot be written down does not start
    water given before a start  counts as given in full
    time of day                 limited: see `books`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.decide import Wish
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import blind, plant_texts
from tonnam_edge.core.wishes import Wait
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.deadlines import longest_run_s
from tonnam_edge.site.paths import Outlet
from tonnam_edge.site.site import Site

# Once low, the tank must rise this far above its limit before water is drawn again.
RESUME_CM = 5.0
# So many minutes of each zone may flow through a meter that stands still, unless the site file says otherwise.
STILL_MIN = 20.0


class Granted(NamedTuple):
    seconds: float
    reason: Text


class Refused(NamedTuple):
    """`waits`: it need only wait for others, so it keeps its place in the queue. `shared`: they are of other supplies
    too, which wait behind it. `forbidden`: somebody, a latch or the day's limit says no: a timer's slot does not wait
    for that."""

    reason: Text
    waits: bool = False
    shared: bool = False
    forbidden: bool = False


@dataclass(frozen=True)
class Standing:
    """What the interlocks look at beside the image: where the agent itself stands."""

    ready: bool  # all that shares a water path with the zone is as it was told, and proven
    shutting_down: bool
    remembers: bool  # a run that is not on disk would be forgotten by a restart
    fault_hold: bool
    running: frozenset[str]
    used_s: float  # of today's water in the zone that is asked for
    blind_l: float  # drawn since the tank's level was last known
    latched: Text | None = None
    forbidden: bool = False  # that is somebody's word or a latch, and not a device that is silent for now
    wait: Wait | None = None  # what of the pump or the queue it must wait for
    starting: bool = False  # the agent was started again a moment ago


def pass_interlocks(wish: Wish, image: Image, memory: Memory, standing: Standing, site: Site) -> Granted | Refused:
    """The wish, perhaps shortened, or why not."""
    zone = site.outlets[wish.zone]
    stopped = _not_now(wish, zone, image, memory, standing) or _nobody_would_close(wish, site)
    if stopped is not None:
        return stopped
    granted = Granted(wish.seconds, wish.reason)
    if granted.seconds > zone.max_run_s:
        granted = Granted(zone.max_run_s, texts.by_hand_shortened(zone.max_run_s))
    used_s = standing.used_s
    left_s = zone.max_day_s - used_s
    if left_s < min(SHORTEST_RUN_S, granted.seconds):
        return Refused(texts.day_used_up(used_s, zone.max_day_s), forbidden=True)
    if left_s < granted.seconds:
        granted = Granted(left_s, texts.limited(granted.reason, left_s, texts.day_nearly_used_up(zone.max_day_s)))
    verdict = _limit_by_tank(_limit_by_cut_offs(granted, zone, site), zone, image, memory, site, standing.blind_l)
    if isinstance(verdict, Granted):
        verdict = _limit_by_meter(verdict, zone, memory, site)
    if isinstance(verdict, Granted) and standing.wait is not None:
        return Refused(standing.wait.text, waits=True, shared=standing.wait.shared)
    return verdict


def _not_now(wish: Wish, zone: Outlet, image: Image, memory: Memory, standing: Standing) -> Refused | None:
    if standing.shutting_down:
        return Refused(texts.shutting_down())
    if not standing.remembers:
        return Refused(texts.disk_fails())
    if zone.id in standing.running:
        return Refused(texts.busy_here())
    if standing.latched is not None:
        return Refused(standing.latched, forbidden=standing.forbidden)
    if standing.fault_hold:
        return Refused(texts.after_fault())
    if not standing.ready:
        return Refused(texts.not_ready())
    held = memory.book.held_until_ms.get(zone.id, 0)
    if wish.cause != "manual" and held > image.now.wall_ms:
        return Refused(texts.stopped_by_hand(), forbidden=True)
    if wish.cause != "manual" and standing.starting:
        return Refused(plant_texts.after_restart())
    return None


def _nobody_would_close(wish: Wish, site: Site) -> Refused | None:
    """Nothing opens what would stay open if this machine died. Whoever asks for water from afar is not beside it."""
    open_ended = [name for name in site.path_of(wish.zone) if not site.actuators[name].unattended]
    if not open_ended:
        return None
    return Refused(plant_texts.nobody_would_close(site.actuators[open_ended[0]].part.name), forbidden=True)


def _limit_by_cut_offs(granted: Granted, zone: Outlet, site: Site) -> Granted:
    """No longer than every part of the path can guard."""
    for name in site.path_of(zone.id):
        actuator = site.actuators[name]
        most_s = longest_run_s(actuator.part, actuator.timer_s, site.feed_of(zone.id))
        if most_s is not None and granted.seconds > most_s:
            why = plant_texts.guarded_for(actuator.part.name)
            granted = Granted(most_s, texts.limited(granted.reason, most_s, why))
    return granted


def _limit_by_tank(
    granted: Granted, zone: Outlet, image: Image, memory: Memory, site: Site, blind_l: float
) -> Granted | Refused:
    """Too low is no. Unknown is a short run: an empty tank must not burn a pump, nor a dead sensor a crop."""
    tank = site.file.tank
    if tank is None or zone.pump is None:
        return granted
    level_cm = image.value(site.tank_level)
    if level_cm is None:
        most_s = tank.unknown_max_run_min * 60
        if most_s < SHORTEST_RUN_S:
            return Refused(texts.tank_unknown_refused())
        if blind.used_up(zone, image, memory, site, blind_l):
            return Refused(plant_texts.tank_unknown_used_up(blind_l))
        if granted.seconds <= most_s:
            return granted
        return Granted(most_s, texts.limited(granted.reason, most_s, texts.tank_unknown()))
    if level_cm < tank.low_cm + RESUME_CM:
        return Refused(texts.tank_low(level_cm, tank.low_cm + RESUME_CM))
    return granted


def must_stop(
    zone: Outlet, image: Image, site: Site, memory: Memory, blind_since: int | None, blind_l: float
) -> Text | None:
    """Why a run in progress must end now, or None. `blind_since`: since when the tank's level is not known, and
    `blind_l` what all have drawn since."""
    if still_used_up(zone.id, memory, site):
        return plant_texts.meter_used_up()
    tank = site.file.tank
    if tank is None or zone.pump is None:
        return None
    level_cm = image.value(site.tank_level)
    if level_cm is not None:
        return texts.tank_ran_low(level_cm) if level_cm < tank.low_cm else None
    blind_s = 0.0 if blind_since is None else (image.now.mono_ms - blind_since) / 1000
    if blind_s >= tank.unknown_max_run_min * 60:
        return plant_texts.tank_became_unknown(blind_s)
    used_up = blind.used_up(zone, image, memory, site, blind_l)
    return plant_texts.tank_unknown_used_up(blind_l) if used_up else None


def still_used_up(outlet: str, memory: Memory, site: Site) -> bool:
    """Whether as much as is allowed was drawn through a meter that is latched as standing still."""
    meter = site.paths.meter(outlet)
    drawn_l = memory.unproven_l.get(meter or "")
    return drawn_l is not None and meter is not None and drawn_l >= _still_max_l(meter, site)


def _still_max_l(meter: str, site: Site) -> float:
    most_l = site.paths.meters[meter].still_max_l
    if most_l is not None:
        return most_l
    return STILL_MIN * sum(site.outlets[name].flow_l_min for name in site.paths.outlets_of(meter))


def _limit_by_meter(granted: Granted, zone: Outlet, memory: Memory, site: Site) -> Granted | Refused:
    """Nothing is proven by a meter that is latched as standing still: so many litres until somebody has looked."""
    meter = site.paths.meter(zone.id)
    drawn_l = memory.unproven_l.get(meter or "")
    if meter is None or drawn_l is None:
        return granted
    left_s = (_still_max_l(meter, site) - drawn_l) / zone.flow_l_min * 60
    if left_s < min(SHORTEST_RUN_S, granted.seconds):
        return Refused(plant_texts.meter_used_up(), forbidden=True)
    if left_s >= granted.seconds:
        return granted
    return Granted(left_s, texts.limited(granted.reason, left_s, plant_texts.meter_nearly_used_up()))
