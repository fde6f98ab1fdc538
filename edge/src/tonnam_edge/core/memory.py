"""What must survive a restart: runs that have begun, water already given, commands already seen."""

from __future__ import annotations

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
