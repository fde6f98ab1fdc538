"""What a probe that hangs in the air may ask for: at most 1.5 times what the controller's own book says is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.season.drive import DAY_MS, Episode
from tests.season.record import Booked, clock
from tonnam_edge.limits import SHORTEST_RUN_S

MOST_BY_PROBE = 1.5
# What a run may give beyond what it is allowed: the closing, and a line that drains; and the least that a run gives,
# which is allowed also where hardly anything was used.
CLOSES_S, LINE = 10.0, 0.02


class Given(NamedTuple):
    """A run of a moisture program: when it was over, litres, and what the crop has used in the day before."""

    at_ms: int
    litres: float
    used_l: float


def by_a_pulled_probe(episode: Episode) -> Iterator[str]:
    """By a probe that hangs in the air a zone gets at most 1.5 times in a day what its crop is thought to use."""
    probes = {str(blow.plain()["probe"]) for blow in episode.case.blows if blow.kind == "probe_pulled"}
    for zone in episode.layout.config.zones:
        if not {each.id for each in zone.probes} & probes:
            continue
        given = _given(episode, zone.id)
        flow_l_min = episode.site.zones[zone.id].part.flow_l_min
        for last in given:
            lately = [each for each in given if last.at_ms - DAY_MS < each.at_ms <= last.at_ms]
            day_l = sum(each.litres for each in lately)
            most_l = MOST_BY_PROBE * last.used_l + flow_l_min / 60 * (SHORTEST_RUN_S + CLOSES_S * len(lately))
            if day_l > most_l + LINE * day_l:
                yield f"{zone.id} got {day_l:.0f} L of {most_l:.0f} within a day until {clock(last.at_ms)}"


def _given(episode: Episode, zone: str) -> list[Given]:
    """All that its moisture programs gave it, by the world: also what nobody could tell."""
    started = [event.body for _, event in episode.record.of("run.started")]
    asked = {body["run_id"] for body in started if body["cause"] == "moisture"}
    begun: dict[str, Booked] = {}
    found = []
    for each in episode.record.booked:
        if each.zone != zone or each.run_id not in asked:
            continue
        before = begun.setdefault(each.run_id, each)
        if before is not each:
            found.append(Given(each.at_ms, each.given_l - before.given_l, max(before.used_l, each.used_l)))
    return found
