"""When an alert begins, fires and ends. Pure: evidence and its time come in, the next status goes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Clear, breached but not yet for long enough, or firing."""

    CLEAR = "clear"
    PENDING = "pending"
    FIRING = "firing"


class Evidence(StrEnum):
    """What one reading (or one look at the clock) says about a rule."""

    BREACH = "breach"
    BETWEEN = "between"
    """No breach, but not yet clear of it by the hysteresis: ends what is pending, keeps what fires."""
    CLEAR = "clear"
    UNKNOWN = "unknown"
    """Says nothing: neither begins nor ends anything."""


@dataclass(frozen=True)
class Status:
    """Where a rule stands for one subject: since when it is in breach or clear, and the newest evidence's time."""

    phase: Phase = Phase.CLEAR
    since_ms: int = 0
    seen_ms: int = 0


def advance(
    status: Status, evidence: Evidence, at_ms: int, *, for_ms: int, gap_ms: int, since_ms: int | None = None
) -> Status:
    """The status after evidence of `at_ms`; evidence older than what was seen changes nothing.

    A breach fires when it has lasted `for_ms`. A pause of more than `gap_ms` between two breaches starts the count
    anew: nobody knows what was in it. `since_ms` is when this breach began, where the evidence knows it better.
    """
    if at_ms < status.seen_ms or evidence is Evidence.UNKNOWN:
        return status
    if evidence is not Evidence.BREACH:
        stays = status.phase is Phase.FIRING and evidence is Evidence.BETWEEN
        goes_on = stays or status.phase is Phase.CLEAR
        return replace(status, seen_ms=at_ms) if goes_on else Status(Phase.CLEAR, at_ms, at_ms)
    if status.phase is Phase.FIRING:
        return replace(status, seen_ms=at_ms)
    counts_on = status.phase is Phase.PENDING and at_ms - status.seen_ms <= gap_ms
    begun_ms = status.since_ms if counts_on else (at_ms if since_ms is None else since_ms)
    phase = Phase.FIRING if at_ms - begun_ms >= for_ms else Phase.PENDING
    return Status(phase, begun_ms, at_ms)


def judge_above(value: float | None, limit: float, hysteresis: float) -> Evidence:
    """Evidence for a rule that breaches above its limit."""
    if value is None:
        return Evidence.UNKNOWN
    if value > limit:
        return Evidence.BREACH
    return Evidence.BETWEEN if value > limit - hysteresis else Evidence.CLEAR


def judge_below(value: float | None, limit: float, hysteresis: float) -> Evidence:
    """Evidence for a rule that breaches below its limit."""
    return judge_above(None if value is None else -value, -limit, hysteresis)
