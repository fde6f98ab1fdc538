"""What happened in an episode, written down as it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tonnam_edge.core import Action
from tonnam_link.messages import Command, Event, Outcome


class Act(NamedTuple):
    """An action that was carried out, or that failed on the wire."""

    at_ms: int
    action: Action
    done: bool
    remembered: bool  # whether a run of it was on disk


class Span(NamedTuple):
    """From when to when, with what it was about."""

    what: str
    from_ms: int
    to_ms: int

    @property
    def seconds(self) -> float:
        return (self.to_ms - self.from_ms) / 1000


class Night(NamedTuple):
    """At a midnight: litres that each zone was given since the beginning, and that crop and bed would have used."""

    at_ms: int
    delivered_l: dict[str, float]
    wished_l: dict[str, float]


class Booked(NamedTuple):
    """As a run was told to begin or to end: litres that its zone was given since the beginning, and what its crop has
    used in a day by the controller's own book, litres."""

    at_ms: int
    run_id: str
    zone: str
    given_l: float
    used_l: float


@dataclass
class Record:
    """Times are true milliseconds since the midnight before the episode."""

    acts: list[Act] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    commands: list[tuple[int, Command]] = field(default_factory=list)
    struck: list[tuple[int, str]] = field(default_factory=list)
    starts_ms: list[int] = field(default_factory=list)
    coils: list[Span] = field(default_factory=list)
    beyond_l: dict[str, float] = field(default_factory=dict)
    nights: list[Night] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)  # where a probe is pulled out
    doses: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # mL since the beginning, by injector
    raised: list[str] = field(default_factory=list)
    steps: int = 0

    def of(self, kind: str) -> list[tuple[int, Event]]:
        return [(at_ms, event) for at_ms, event in self.events if event.kind == kind]

    def story(self, last: int = 40) -> str:
        """What was told and done, in order, for a person who wants to know why."""
        lines = [(at, f"event {event.kind} {_brief(event)}") for at, event in self.events if matters(event)]
        lines += [(at, f"struck {what}") for at, what in self.struck]
        lines += [(at, "process starts") for at in self.starts_ms]
        lines += [
            (
                each.at_ms,
                f"{'open' if each.action.open else 'close'} {each.action.actuator} {each.action.hold_s or ''}",
            )
            for each in self.acts
            if each.done
        ]
        lines += [(at, f"outcome {each.command_id} {each.state}") for at, each in self.outcomes]
        lines.sort(key=lambda line: line[0])
        return "\n".join(f"{clock(at)}  {text}" for at, text in lines[-last:])


def clock(at_ms: float) -> str:
    """Day and time of day."""
    seconds = at_ms / 1000
    day, rest = divmod(seconds, 86_400)
    return f"day {day:.0f} {rest // 3600:02.0f}:{rest % 3600 // 60:02.0f}:{rest % 60:04.1f}"


def _brief(event: Event) -> str:
    body = {key: value for key, value in event.body.items() if key not in {"site", "run_id"}}
    return ", ".join(f"{key}={_english(value)}" for key, value in body.items())


def _english(value: object) -> object:
    return value["en"] if isinstance(value, dict) and "en" in value else value


def matters(event: Event) -> bool:
    """Whether it tells of more than what is planned, stands, or answers."""
    return event.kind not in {"zone.planned", "site.described", "device.lost", "device.back", "site.stands"}
