"""How long each part of a water path is told to stay open for one run. The pump's deadline ends before the path's."""

from __future__ import annotations

from typing import NamedTuple

from tonnam_edge.limits import CLOSE_MARGIN_S, OPEN_MARGIN_S, PUMP_MARGIN_S
from tonnam_edge.site.site_file import ActuatorPart


class Feed(NamedTuple):
    """What stands before the valves: a master valve, a contactor; and the longest travel of the valves."""

    master: ActuatorPart | None
    contactor: bool
    travel_s: float


def hold_s(part: ActuatorPart, run_s: float, feed: Feed) -> float:
    """The deadline of one actuator for `run_s` seconds of water.

    What is opened earlier is told to stay for as long as proving everything after it may take.
    """
    if part.role in {"pump", "injector"}:
        return run_s + PUMP_MARGIN_S
    starting_s, stopping_s = OPEN_MARGIN_S * (2 if feed.contactor else 1), CLOSE_MARGIN_S
    if part.role == "contactor":
        return OPEN_MARGIN_S + run_s + stopping_s
    if feed.master is not None:
        starting_s += OPEN_MARGIN_S + feed.master.travel_s + (feed.master.lead_s or 0.0)
        stopping_s += feed.master.travel_s + (feed.master.lag_s or 0.0)
    if part.role == "master":
        return starting_s + run_s + stopping_s
    return feed.travel_s + starting_s + run_s + stopping_s + feed.travel_s


def longest_run_s(part: ActuatorPart, timer_s: float | None, feed: Feed) -> float | None:
    """The longest run for which a timer of at most `timer_s`, and a cut-off of its own, can hold the deadline."""
    rooms = [] if part.cut_off_min is None else [part.cut_off_min * 60]
    if timer_s is not None:
        rooms.append(timer_s - hold_s(part, 0.0, feed))
    return min(rooms, default=None)
