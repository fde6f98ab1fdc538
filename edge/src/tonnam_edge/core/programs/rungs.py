"""The rungs of the ladder."""

from __future__ import annotations

from enum import StrEnum


class Rung(StrEnum):
    """What a zone's program goes by, best first."""

    PROBE = "probe"
    BALANCE = "balance"
    WEEK = "week"
    SAFE = "safe"


ORDER = tuple(Rung)
