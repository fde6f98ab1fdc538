"""For how long pumps may run without water: not at all while the level is known, else until who sees it has."""

from __future__ import annotations

from collections.abc import Iterator

from tests.season.drive import Episode
from tests.season.spans import BY_FORCE
from tonnam_edge.core.plant.blind import blind_max_l
from tonnam_edge.limits import PUMP_MARGIN_S
from tonnam_sim.world.wiring import LEVEL, METER, METERS_FROM

LIED = frozenset({"sensor_offset", "sensor_gain", "sensor_frozen"})
UNCOUNTED = frozenset({"meter_blind", "meter_phantom", "meter_reset"})
# How long a pump may run dry, or push against closed valves, until the meter or its current proves it, each time.
NO_FLOW_S = 60.0


def tank_is_not_pumped_dry(episode: Episode) -> Iterator[str]:
    """The pump never runs without water. While nobody hears the level, or it lies, flow or current proves a dry one
    within a minute; where those are not heard either, so many litres' time; a board that hears nothing runs to its
    deadline."""
    kinds, dry_s = episode.case.kinds, episode.world.truth.pump_dry_s
    if kinds & BY_FORCE:
        return
    lied, silent = bool(kinds & LIED), _silent(episode)
    meters = {METER, *(METERS_FROM + number for number in range(len(episode.layout.config.pumps)))}
    if (lied or silent) and (kinds & UNCOUNTED or (lied and silent)):
        return
    begun = [*episode.record.of("run.started"), *episode.record.of("flush.started")]
    most_s = len(begun) * NO_FLOW_S if lied or silent else 0.0
    boards = {board.unit for board in episode.layout.config.boards}
    most_s += sum(unit is None or unit in boards for unit in silent) * _longest_s(episode)
    if None in silent or (LEVEL in silent and meters & {*silent}):
        most_s += _blind_s(episode)
    if dry_s > most_s:
        yield f"the pump ran dry for {dry_s:.0f} s of {most_s:.0f}"


def _silent(episode: Episode) -> list[int | None]:
    """What was silent for a while in the cabinet: units, or with None its whole bus."""
    blows = [blow.plain() for blow in episode.case.blows]
    return [blow.get("unit") for blow in blows if blow.get("bus") == "cabinet"]


def _longest_s(episode: Episode) -> float:
    """Until when a pump's board or its own cut-off ends what it has begun."""
    site = episode.site
    cut_offs = (60 * (one.part.cut_off_min or 0.0) for one in site.actuators.values())
    return max(*(zone.max_run_s + PUMP_MARGIN_S for zone in site.zones.values()), *cut_offs)


def _blind_s(episode: Episode) -> float:
    """The time of the litres that a site may draw while nothing tells of an empty tank, again each day."""
    least_l_min = min(outlet.flow_l_min for outlet in episode.site.outlets.values())
    return (1 + episode.case.days) * blind_max_l(episode.site) / least_l_min * 60
