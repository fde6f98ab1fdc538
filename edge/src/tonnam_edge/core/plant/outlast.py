"""A pump that is not heard pushes until its own board's timer stops it, whatever it is told: its path for so long.

Somebody stops the run that was to be the last, and its valve is shut, for a person wants that. The pump would then
push on after the end of those that are left. So one of them goes on with it: as far as the longest run and the day of
its zone allow, and only where its valve's board takes a new deadline in place of the first.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.run import Run
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.site.site import Site


def outlast(supply: Supply, runs: Iterable[Run], site: Site, memory: Memory, actuators: Actuators, now: Now) -> None:
    """Move the end of one of these runs to the deadline of their pump, or as near to it as it may go. It is on disk
    before its valve is told. As soon as the pump is heard again it ends when it was to end."""
    until = None if supply.pump is None else actuators.until_mono_ms(supply.pump.id)
    ends = {
        run.intent.zone: (run, _may_end_mono_ms(run, site, memory))
        for run in runs
        if run.ends is not None and site.actuators[site.outlets[run.intent.zone].valve].part.renewable == "verified"
    }
    if until is None or not ends:
        return
    run, latest = max(ends.values(), key=lambda each: each[1])
    end = min(until, latest)
    if run.ends is None or end <= run.ends:
        return
    valve = site.actuators[site.outlets[run.intent.zone].valve]
    _note(run, (end - run.ends) / 1000, memory)
    run.due, run.ends = run.ends if run.due is None else run.due, end
    actuators.open(valve.id, supply.hold_s(valve, run.left_s(now.mono_ms)), now.mono_ms)


def _may_end_mono_ms(run: Run, site: Site, memory: Memory) -> int:
    """When a run must be over at the latest. Water of an earlier day counts as today's: who knows what day it is."""
    outlet, used = site.outlets[run.intent.zone], memory.book.used.get(run.intent.zone)
    most_s = min(outlet.max_run_s, outlet.max_day_s - (0.0 if used is None else used.seconds))
    began = (run.ends or 0) - round(run.intent.planned_s * 1000)
    return began + round(most_s * 1000)


def _note(run: Run, more_s: float, memory: Memory) -> None:
    """After a kill its whole plan counts, with this; nothing of it is owed."""
    planned_s, zone = run.intent.planned_s + more_s, run.intent.zone
    run.intent = msgspec.structs.replace(run.intent, planned_s=planned_s, slot_ms=None)
    memory.runs[zone] = msgspec.structs.replace(memory.runs[zone], planned_s=planned_s, slot_ms=None)
