"""How much an outbox may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Days for which readings stay whole, and bytes that the file may take. Raises ValueError.

    A day is 24 hours in which the outbox was open: no clock is asked that could be wrong. Beside the file lies
    SQLite's log, about 4 MB.
    """

    days: float = 90.0
    bytes: int = 512 * 1024 * 1024

    def __post_init__(self) -> None:
        if not (self.days > 0 and self.bytes > 0):
            raise ValueError("an outbox holds more than 0 days and 0 bytes")
