"""Days in a site file that can be, and are hardly meant."""

from __future__ import annotations

from datetime import date

from tonnam_edge.site.parts import Parts
from tonnam_edge.site.problems import Problems
from tonnam_edge.site.site_file import ZonePart

LONG_AGO_YEARS = 20


def check_planted(parts: Parts, today: date, problems: Problems) -> None:
    """Warn about crops that are planted after today, or so long ago that the year is likely a slip."""
    for index, zone in parts.of(ZonePart, "zone"):
        if zone.growing is None:
            continue
        path = ("zone", index, "growing", "planted")
        planted = date.fromisoformat(zone.growing.planted)
        if planted > today:
            text = f"{planted} is after today, {today}: until then the crop counts as just planted"
            problems.warning(path, f"{text}. Is the year right?")
        elif today.year - planted.year > LONG_AGO_YEARS:
            problems.warning(path, f"{planted} is {today.year - planted.year} years ago. Is the year right?")
