"""When timers are due: weekdays and times of day in the farm's own time, also by sunrise and sunset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise, sunset

from tonnam_edge.site_file import WEEK, PlacePart, TimerPart

_SUN = re.compile(r"(sunrise|sunset)(?:([+-]\d+)m)?")
LOOK_AHEAD_DAYS = 8


class LocalTime:
    """The farm's own clock, from UTC milliseconds."""

    def __init__(self, place: PlacePart) -> None:
        self.zone = ZoneInfo(place.timezone)
        self.observer = Observer(place.latitude, place.longitude)

    def at(self, wall_ms: int) -> datetime:
        return datetime.fromtimestamp(wall_ms / 1000, self.zone)

    def day(self, wall_ms: int) -> str:
        return self.at(wall_ms).date().isoformat()

    def clock(self, wall_ms: int) -> str:
        """The time of day as people say it: 06:10."""
        return self.at(wall_ms).strftime("%H:%M")

    def ms(self, day: date, clock: str) -> int:
        """UTC milliseconds of a time such as "06:10" on a local day."""
        moment = datetime.combine(day, time.fromisoformat(clock), self.zone)
        return round(moment.timestamp() * 1000)


class Slots:
    """The slots of one timer. A slot is the instant at which a run should begin."""

    def __init__(self, program: TimerPart, local: LocalTime) -> None:
        self._program = program
        self._local = local
        self._known: dict[date, int | None] = {}

    def latest(self, wall_ms: int) -> int | None:
        """The newest slot at or before `wall_ms`, of today or yesterday."""
        today = self._local.at(wall_ms).date()
        found = [self._on(day) for day in (today, today - timedelta(days=1))]
        return max((slot for slot in found if slot is not None and slot <= wall_ms), default=None)

    def following(self, wall_ms: int) -> int | None:
        """The next slot after `wall_ms`, within eight days."""
        today = self._local.at(wall_ms).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            slot = self._on(today + timedelta(days=ahead))
            if slot is not None and slot > wall_ms:
                return slot
        return None

    def _on(self, day: date) -> int | None:
        if day not in self._known:
            if len(self._known) > 32:
                self._known.clear()
            self._known[day] = self._compute(day)
        return self._known[day]

    def _compute(self, day: date) -> int | None:
        if WEEK[day.weekday()] not in self._program.days:
            return None
        by_sun = _SUN.fullmatch(self._program.at)
        if by_sun is None:
            return self._local.ms(day, self._program.at)
        moment = _sun(by_sun[1], day, self._local)
        return None if moment is None else moment + int(by_sun[2] or 0) * 60_000


def _sun(which: str, day: date, local: LocalTime) -> int | None:
    """Sunrise or sunset of a local day to the minute; None where the sun does neither on that day."""
    calculate = sunrise if which == "sunrise" else sunset
    try:
        moment = calculate(local.observer, day, tzinfo=local.zone)
    except ValueError:
        return None
    return int(moment.astimezone(UTC).timestamp()) // 60 * 60_000
