"""What must be true of farms with several pumps: what their group allows, and whose litres were told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.season.drive import Episode
from tests.season.record import Span, clock
from tests.season.spans import both
from tonnam_edge.site.plant_file import GroupPart

# Coils that somebody else moves say nothing of what the core allows.
MOVED_BY_OTHERS = frozenset({"foreign_write", "stuck_coil"})
# What leaves meters, paths and memory as they are: then each litre is told of the zone that got it.
HARMLESS = frozenset(
    {"water", "stop", "clear", "lock", "visit", "clock_step", "disk_fails", "heat", "filter_cleaned"}
)
# A pulse or two at each end of a run; and where one meter divides, how unlike to what is planned its zones are.
PULSES_L, APART = 3.0, {False: 0.02, True: 0.1}


def groups_keep_their_limits(episode: Episode) -> Iterator[str]:
    """Pumps of a group are commanded on apart, never more of them than may run, and never for more than it gives."""
    if episode.case.kinds & MOVED_BY_OTHERS:
        return
    for group in episode.site.file.group:
        on = sorted(
            (span for span in episode.record.coils if span.what in group.pumps), key=lambda span: span.from_ms
        )
        yield from _starts_lie_apart(group, on)
        yield from _not_too_many(group, on)
        yield from _not_too_much(group, _fed(episode, on))


def _starts_lie_apart(group: GroupPart, on: list[Span]) -> Iterator[str]:
    for before, after in pairwise(on):
        apart_s = (after.from_ms - before.from_ms) / 1000
        if apart_s < group.least_s:
            yield f"{after.what} began {apart_s:.0f} s after {before.what} at {clock(after.from_ms)}"


def _not_too_many(group: GroupPart, on: list[Span]) -> Iterator[str]:
    for span in on if group.most_pumps is not None else ():
        beside = {each.what for each in on if each.from_ms <= span.from_ms < each.to_ms}
        if len(beside) > (group.most_pumps or 0):
            yield f"{', '.join(sorted(beside))} ran together at {clock(span.from_ms)}"


def _not_too_much(group: GroupPart, fed: list[tuple[Span, float]]) -> Iterator[str]:
    for span, _ in fed if group.capacity_l_min is not None else ():
        drawn = {each.what: l_min for each, l_min in fed if each.from_ms <= span.from_ms < each.to_ms}
        if sum(drawn.values()) > (group.capacity_l_min or 0.0):
            yield f"{', '.join(sorted(drawn))} drew {sum(drawn.values()):.0f} L/min at {clock(span.from_ms)}"


def _fed(episode: Episode, on: list[Span]) -> list[tuple[Span, float]]:
    """When each zone of these pumps was open while its pump was on, and what it takes, L/min."""
    found = []
    for zone in episode.site.zones.values():
        opened = [span for span in episode.record.coils if span.what == zone.part.valve]
        pumped = [span for span in on if span.what == zone.part.pump]
        found += [(span, zone.part.flow_l_min) for span in both(opened, pumped)]
    return found


def litres_are_told_of_who_got_them(episode: Episode) -> Iterator[str]:
    """Where nothing lies, runs tell the litres that the zones of their pump were given."""
    meters = {meter for zone in episode.site.zones if (meter := episode.site.paths.meter(zone)) is not None}
    if episode.case.kinds - HARMLESS or not episode.site.file.group or not meters:
        return
    told: dict[str, float] = defaultdict(float)
    runs: Counter[str] = Counter()
    for _, event in episode.record.of("run.ended"):
        pump = episode.site.zones[event.body["zone"]].part.pump or ""
        told[pump] += event.body["litres"] or 0.0
        runs[pump] += 1
    given: dict[str, float] = defaultdict(float)
    for zone in episode.site.zones.values():
        given[zone.part.pump or ""] += episode.world.truth.zones[zone.id].delivered_l
    for pump, litres in given.items():
        if abs(told[pump] - litres) > APART[len(meters) == 1] * litres + PULSES_L * runs[pump]:
            yield f"{told[pump]:.0f} L were told of {pump}, which gave {litres:.0f} L"
