"""Each slot of a timer is used at most once. What was cut off may go on, in parts that add up to its plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.season.drive import DAY_MS, Episode
from tonnam_edge.core.plant.flow import LEARN_AT_MOST
from tonnam_edge.core.programs.timer import MOST_TRIES, NEXT_IS_NEAR_MS
from tonnam_edge.site.program_file import TimerPart
from tonnam_link.messages import Event

# What is told is rounded to a second, and a pulse or two are neither here nor there.
SLACK_S = 5.0


def slots_are_used_once(episode: Episode) -> Iterator[str]:
    """No slot waters twice, whatever the clock does; what was cut off goes on in at most two more parts, never for
    longer than what the meter leaves of the plan, and not where nobody knows what was given."""
    ends = {event.body["run_id"]: event.body for _, event in episode.record.of("run.ended")}
    slots: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for _, event in episode.record.of("run.started"):
        if event.body["cause"] == "timer" and event.stamp is None:
            slots[event.body["program"], _day(event, episode)].append(event.body)
    for (program, _), parts in slots.items():
        if len(parts) > 1 + MOST_TRIES:
            yield f"{program} used one slot {len(parts)} times"
        told_l_min = episode.site.zones[parts[0]["zone"]].part.flow_l_min
        for number in range(1, len(parts)):
            before = [ends[part["run_id"]] for part in parts[:number] if part["run_id"] in ends]
            left_s = _left_s(parts[0]["planned_s"], before, number, (1 + LEARN_AT_MOST) * told_l_min)
            if parts[number]["planned_s"] > left_s + SLACK_S:
                yield f"{program} went on for {parts[number]['planned_s']} s of {left_s:.0f} that were left"


def _day(event: Event, episode: Episode) -> int:
    """The day of the slot that a run is of: one that had to wait may begin after midnight, but not when the next slot
    is near."""
    timers = {part.id: part.at or "" for part in episode.site.programs if isinstance(part, TimerPart)}
    clock = timers[event.body["program"]]
    at_ms = (int(clock[:2]) * 60 + int(clock[3:])) * 60_000
    return (event.at_ms + 7 * 3_600_000 - at_ms + NEXT_IS_NEAR_MS) // DAY_MS


def _left_s(plan_s: float, before: list[dict[str, Any]], number: int, most_l_min: float) -> float:
    """What a plan has left after the parts before, at the most that the zone was ever found to take."""
    if len(before) < number or any(each["outcome"] not in {"interrupted", "failed"} for each in before):
        return 0.0
    if any(each["litres"] is None for each in before if each["outcome"] == "interrupted"):
        return 0.0
    return plan_s - sum(each["litres"] or 0.0 for each in before) / most_l_min * 60
