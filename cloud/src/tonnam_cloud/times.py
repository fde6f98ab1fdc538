"""Times at the edge of the API: aware UTC, always with milliseconds and `Z`, so that they also compare as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer, WithJsonSchema

_FIRST_MS = -62_135_596_800_000
_LAST_MS = 253_402_300_799_000

BANGKOK = ZoneInfo("Asia/Bangkok")


def utc(at_ms: int) -> datetime:
    """Milliseconds since 1970 as an aware time; what no calendar can say becomes the calendar's end."""
    return datetime.fromtimestamp(min(max(at_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)


def utc_or_none(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else utc(at_ms)


def clock_time(at: datetime, now: datetime | None = None) -> str:
    """The time of day in Thailand, such as 07:05; with its date, such as 20/11 07:05, when `now` is another day."""
    local = at.astimezone(BANGKOK)
    same_day = now is None or now.astimezone(BANGKOK).date() == local.date()
    return local.strftime("%H:%M" if same_day else "%d/%m %H:%M")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    PlainSerializer(_iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in an answer, such as 2026-11-20T06:00:05.000Z."""
