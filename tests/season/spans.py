"""When paths were open and pumps ran, out of what the world tells of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from tests.season.drive import Episode
from tests.season.record import Span

# What moves water or coils behind the back of the board's commands.
BY_FORCE = frozenset({"stuck_coil", "welded_contact", "jammed_valve", "cabinet_switch", "foreign_write"})


class Lived(Protocol):
    """An episode of any kind."""

    world: Any
    now_ms: int


def of_subject(episode: Lived, subject: str, *states: str) -> list[Span]:
    """The spans in which a subject of the world's events was in one of these states."""
    found, since = [], None
    for event in episode.world.events:
        if event.subject != subject:
            continue
        at_ms = round(event.at_s * 1000)
        if event.state in states and since is None:
            since = at_ms
        elif event.state not in states and since is not None:
            found.append(Span(subject, since, at_ms))
            since = None
    if since is not None:
        found.append(Span(subject, since, episode.now_ms))
    return found


def pumps(episode: Episode) -> list[str]:
    """The pumps that feed zones; the world's are called the same."""
    return sorted({zone.part.pump for zone in episode.site.zones.values() if zone.part.pump is not None})


def pumping(episode: Episode, pump: str) -> list[Span]:
    """When a pump had current."""
    return of_subject(episode, pump, "on")


def no_path(episode: Episode, pump: str) -> list[Span]:
    """When a pump had current and nothing behind it was open: no zone, and no filter's drain."""
    spans = pumping(episode, pump)
    for zone in episode.site.zones.values():
        if zone.part.pump == pump:
            spans = without(spans, of_subject(episode, f"path:{zone.id}", "open"))
    for part in episode.site.file.filter:
        if part.pump == pump:
            spans = without(spans, of_subject(episode, part.valve, "opening", "open", "closing"))
    return spans


def both(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """Where spans of two lists overlap."""
    second = list(second)
    found = []
    for one in first:
        for other in second:
            from_ms, to_ms = max(one.from_ms, other.from_ms), min(one.to_ms, other.to_ms)
            if from_ms < to_ms:
                found.append(Span(one.what, from_ms, to_ms))
    return found


def without(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """What of the first is in none of the second, which come in their order."""
    found = []
    cuts = list(second)
    for one in first:
        from_ms = one.from_ms
        for cut in cuts:
            if cut.from_ms < one.to_ms and cut.to_ms > from_ms:
                if cut.from_ms > from_ms:
                    found.append(Span(one.what, from_ms, cut.from_ms))
                from_ms = max(from_ms, cut.to_ms)
        if from_ms < one.to_ms:
            found.append(Span(one.what, from_ms, one.to_ms))
    return found
