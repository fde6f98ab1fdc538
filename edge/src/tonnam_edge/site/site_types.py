"""What single values of a site file may be."""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
SlotTime = Annotated[
    str,
    StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|(sunrise|sunset)([+-]([1-9]\d?|1[0-7]\d)m)?)$"),
]


_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_BUDDHIST_YEARS = 543


def _in_the_calendar(day: str) -> str:
    """Raises ValueError for what is no day, such as the 31st of February, or one of the Buddhist era."""
    found = _DAY.fullmatch(day)
    year, month, of_month = map(int, found.groups()) if found else (0, 0, 0)
    if not found or not 2000 <= year < 2100:
        said = _year_said(day)
        era = f"; {said} of the Buddhist era is {said - _BUDDHIST_YEARS}" if said else ", with the year first"
        raise ValueError(f'{day!r} is not allowed. Allowed: a day such as "2026-10-20"{era}')
    if not 1 <= month <= 12:
        raise ValueError(f"{day!r} is not a day: the month stands in the middle, 01 to 12")
    days = monthrange(year, month)[1]
    if not 1 <= of_month <= days:
        raise ValueError(f"{day!r} is not a day: month {month:02} of {year} has the days 01 to {days}")
    return day


def _year_said(day: str) -> int | None:
    """The year of the Buddhist era that somebody wrote, None where there is none."""
    years = map(int, re.findall(r"(?<!\d)\d{4}(?!\d)", day))
    return next((year for year in years if 2500 <= year < 2700), None)


Day = Annotated[str, AfterValidator(_in_the_calendar)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]
Coil = Annotated[int, Field(ge=0, le=63)]


def latest_within(latest: str, between: tuple[str, str] | None) -> str:
    """The latest hour of a program: this one; where its own hours end before that, one hour before their end."""
    if between is None or latest < between[1]:
        return latest
    hour = int(between[1][:2]) - 1
    return max(between[0], f"{hour:02d}{between[1][2:]}" if hour >= 0 else "00:00")


def within(clock: str, hours: tuple[str, str]) -> bool:
    """Whether a time of day lies in hours that may go over midnight; their end is no more of them."""
    begins, ends = hours
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends
