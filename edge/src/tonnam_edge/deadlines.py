"""How long each part of a water path is told to stay open for one run. The pump's deadline ends before the path's."""

from __future__ import annotations

from tonnam_edge.limits import CLOSE_MARGIN_S, OPEN_MARGIN_S, PUMP_MARGIN_S
from tonnam_edge.site_file import ActuatorPart


def hold_s(part: ActuatorPart, run_s: float, master: ActuatorPart | None, travel_s: float) -> float:
    """The deadline of one actuator for `run_s` seconds of water.

    `master` is the master valve of its path, `travel_s` the longest travel of the path's valves. What is opened
    earlier is told to stay for as long as proving everything after it may take.
    """
    if part.role in {"pump", "injector"}:
        return run_s + PUMP_MARGIN_S
    if part.role == "contactor":
        return OPEN_MARGIN_S + run_s + CLOSE_MARGIN_S
    starting_s, stopping_s = 2 * OPEN_MARGIN_S, CLOSE_MARGIN_S
    if master is not None:
        starting_s += OPEN_MARGIN_S + master.travel_s + (master.lead_s or 0.0)
        stopping_s += master.travel_s + (master.lag_s or 0.0)
    if part.role == "master":
        return starting_s + run_s + stopping_s
    return travel_s + starting_s + run_s + stopping_s + travel_s


def longest_run_s(
    part: ActuatorPart, timer_s: float | None, master: ActuatorPart | None, travel_s: float
) -> float | None:
    """The longest run for which a timer of at most `timer_s`, and a cut-off of its own, can hold the deadline."""
    rooms = [] if part.cut_off_min is None else [part.cut_off_min * 60]
    if timer_s is not None:
        rooms.append(timer_s - hold_s(part, 0.0, master, travel_s))
    return min(rooms, default=None)
