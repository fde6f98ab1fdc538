"""With what deadlines coils were opened, against the runs that they were opened for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.season.drive import Episode
from tests.season.record import clock
from tonnam_edge.core.dosing.pulses import VALVE_MARGIN_S
from tonnam_edge.limits import PROVE_S
from tonnam_edge.site.deadlines import hold_s

# What is planned is told in whole seconds.
ROUNDED_S = 0.5


class Planned(NamedTuple):
    """A run as it was told: from when to when it was in progress, and for how many seconds of water."""

    outlet: str
    from_ms: int
    to_ms: float
    seconds: float


def deadlines_fit_runs(episode: Episode) -> Iterator[str]:
    """No deadline is longer than the run that it is of with the margins of its part, and where the board can hold one
    it was told."""
    runs = list(_planned(episode))
    for at_ms, action, _, _ in episode.record.acts:
        if not action.open:
            continue
        if action.hold_s is None:
            if episode.site.actuators[action.actuator].timer_s is not None:
                yield f"{action.actuator} was opened without a deadline at {clock(at_ms)}"
            continue
        most_s = _most_s(episode, action.actuator, [run for run in runs if run.from_ms <= at_ms <= run.to_ms])
        if action.hold_s > most_s + ROUNDED_S:
            yield f"{action.actuator} was opened for {action.hold_s:.0f} s of {most_s:.0f} at {clock(at_ms)}"


def _planned(episode: Episode) -> Iterator[Planned]:
    """The runs and flushes that were told."""
    ends = {e.body["run_id"]: at_ms for kind in ("run", "flush") for at_ms, e in episode.record.of(f"{kind}.ended")}
    for kind, key in (("run", "zone"), ("flush", "filter")):
        for at_ms, event in episode.record.of(f"{kind}.started"):
            body = event.body
            yield Planned(body[key], at_ms, ends.get(body["run_id"], float("inf")), body["planned_s"])


def _most_s(episode: Episode, name: str, runs: list[Planned]) -> float:
    """The longest deadline that an actuator may have for any of these runs; 0 when it is of none of them."""
    dosing = _dosing_s(episode, name)
    if dosing is not None:
        return dosing
    site = episode.site
    part = site.actuators[name].part
    of = (run for run in runs if name in site.path_of(run.outlet))
    return max((hold_s(part, run.seconds, site.feed_of(run.outlet)) for run in of), default=0.0)


def _dosing_s(episode: Episode, name: str) -> float | None:
    """The longest pulse of an injector, and for its closing valve what is around it; None of anything else."""
    for part in episode.site.file.injector:
        longest_s = part.max_pulse_ml / part.ml_min * 60
        if name == part.actuator:
            return longest_s
        if name == part.closing_actuator:
            travel_s = episode.site.actuators[name].part.travel_s
            return 2 * PROVE_S + 2 * travel_s + longest_s + VALVE_MARGIN_S
    return None
