"""What must survive a restart: runs that have begun, water already given, commands already seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from tonnam_link.messages import Outcome

Cause = Literal["timer", "moisture", "manual"]
Text = dict[str, str]


class Intent(msgspec.Struct, frozen=True):
    """A run that has been decided. On disk before a valve opens."""

    run_id: str
    zone: str
    cause: Cause
    program: str | None
    command_id: str | None
    planned_s: float
    started_at_ms: int
    reason: Text


class DayUse(msgspec.Struct, frozen=True):
    """Seconds of water that a zone has had on a local day (such as "2026-11-20")."""

    day: str
    seconds: float


class Heard(msgspec.Struct, frozen=True):
    """A command that has been seen, and the last thing said of it. Forgotten some time after its expiry."""

    expires_at_ms: int
    outcome: Outcome


class Memory(msgspec.Struct):
    """The state on disk, as one document. New fields get defaults, so that older ones can be read."""

    runs: dict[str, Intent] = {}
    used: dict[str, DayUse] = {}
    heard: dict[str, Heard] = {}
    slots: dict[str, int] = {}
    filling: list[str] = []
    held_until_ms: dict[str, int] = {}
    stops: dict[str, str] = {}  # zones by the id of a command to stop that is not yet proven

    def encode(self) -> bytes:
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def decode(cls, document: bytes) -> Memory:
        return msgspec.json.decode(document, type=cls)

    def used_s(self, zone: str, day: str) -> float:
        """Seconds of water on `day`. When the clock went back, what a later day had counts still."""
        use = self.used.get(zone)
        return use.seconds if use is not None and use.day >= day else 0.0

    def use(self, zone: str, day: str, seconds: float) -> None:
        """Add water to the day; never to an earlier one than was already counted."""
        before = self.used.get(zone)
        if before is not None and before.day >= day:
            self.used[zone] = DayUse(before.day, before.seconds + seconds)
        else:
            self.used[zone] = DayUse(day, seconds)

    def put_right(self, day: str, latest_day: str, longest_held_ms: Mapping[str, int]) -> None:
        """Mend what a clock that ran far ahead has left: it must not forbid water for years.

        What was used on a day after `latest_day` counts for `day`; a hold ends when one begun now would.
        """
        for zone, use in self.used.items():
            if use.day > latest_day:
                self.used[zone] = DayUse(day, use.seconds)
        for zone, until_ms in self.held_until_ms.items():
            self.held_until_ms[zone] = min(until_ms, longest_held_ms.get(zone, until_ms))
