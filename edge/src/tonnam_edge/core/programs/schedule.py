"""When timers are due: weekdays and times of day in the farm's own time, also by sunrise and sunset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise, sunset

from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site_file import PlacePart
from tonnam_edge.site.site_types import WEEK

_SUN = re.compile(r"(sunrise|sunset)(?:([+-]\d+)m)?")
LOOK_AHEAD_DAYS = 61


class LocalTime:
    """The farm's own clock, from UTC milliseconds."""

    def __init__(self, place: PlacePart) -> None:
        self.zone = ZoneInfo(place.timezone)
        self.observer = Observer(place.latitude, place.longitude)
        self.sun = lru_cache(maxsize=8)(self._sun)
        self._at: tuple[int, datetime] | None = None  # within a cycle many ask for the same

    def at(self, wall_ms: int) -> datetime:
        if self._at is None or self._at[0] != wall_ms:
            self._at = wall_ms, datetime.fromtimestamp(wall_ms / 1000, self.zone)
        return self._at[1]

    def day(self, wall_ms: int) -> str:
        return self.at(wall_ms).date().isoformat()

    def clock(self, wall_ms: int) -> str:
        """The time of day as people say it: 06:10."""
        at = self.at(wall_ms)
        return f"{at.hour:02d}:{at.minute:02d}"

    def ms(self, day: date, clock: str) -> int:
        """UTC milliseconds of a time such as "06:10" on a local day."""
        moment = datetime.combine(day, time.fromisoformat(clock), self.zone)
        return round(moment.timestamp() * 1000)

    def next(self, clock: str, wall_ms: int) -> int:
        """The next time that a clock shows this."""
        today = self.at(wall_ms).date()
        first = self.ms(today, clock)
        return first if first > wall_ms else self.ms(today + timedelta(days=1), clock)

    def today(self, at: str, wall_ms: int) -> int | None:
        """UTC milliseconds of "06:30" or "sunrise+10m" on the day of `wall_ms`."""
        return moment_ms(at, self.at(wall_ms).date(), self)

    def _sun(self, which: str, day: date) -> int | None:
        """Sunrise or sunset of a local day to the minute; None where the sun does neither on that day."""
        calculate = sunrise if which == "sunrise" else sunset
        try:
            moment = calculate(self.observer, day, tzinfo=self.zone)
        except ValueError:
            return None
        return int(moment.astimezone(UTC).timestamp()) // 60 * 60_000


class Slots:
    """The slots of one timer. A slot is the instant at which a run should begin."""

    def __init__(self, program: TimerPart, local: LocalTime) -> None:
        self._program = program
        self._local = local
        self._known: dict[date, int | None] = {}

    def latest(self, wall_ms: int) -> int | None:
        """The newest slot at or before `wall_ms`, of yesterday, today, or tomorrow for what must be done by then."""
        today = self._local.at(wall_ms).date()
        found = [self._on(today + timedelta(days=ahead)) for ahead in (1, 0, -1)]
        return max((slot for slot in found if slot is not None and slot <= wall_ms), default=None)

    def following(self, wall_ms: int, watered_day: str = "") -> int | None:
        """The next slot after `wall_ms`, and of a later day than was watered; within two months."""
        today = self._local.at(wall_ms).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            day = today + timedelta(days=ahead)
            slot = self._on(day)
            if slot is not None and slot > wall_ms and day.isoformat() > watered_day:
                return slot
        return None

    def day(self, slot_ms: int) -> str:
        """The day that a slot is of: what must be done soon after midnight begins on the evening before. Empty for
        what is no slot."""
        begins = self._local.at(slot_ms).date()
        days = (begins + timedelta(days=ahead) for ahead in (0, 1))
        return next((day.isoformat() for day in days if self._on(day) == slot_ms), "")

    def _on(self, day: date) -> int | None:
        if day not in self._known:
            if len(self._known) > 2 * LOOK_AHEAD_DAYS:
                self._known.clear()
            self._known[day] = self._compute(day)
        return self._known[day]

    def seconds(self, slot_ms: int) -> float:
        """For how long to water from a slot on: by the season of its day; what ends after midnight is that day's."""
        begins = self._local.at(slot_ms).date()
        days = (begins + timedelta(days=ahead) for ahead in (0, 1))
        return self._program.run_s(next((day for day in days if self._on(day) == slot_ms), begins).month)

    def _compute(self, day: date) -> int | None:
        program = self._program
        run_s = program.run_s(day.month)
        if WEEK[day.weekday()] not in program.days or not self._counts(day) or run_s <= 0:
            return None
        if program.at is not None:
            return moment_ms(program.at, day, self._local)
        done = moment_ms(program.finish or "", day, self._local)
        return None if done is None else done - round(run_s * 1000)

    def _counts(self, day: date) -> bool:
        """Every so many days: counted by the calendar, so that no clock and no restart shifts them."""
        first = self._program.first
        begin = date.min if first is None else date.fromisoformat(first)
        return (day - begin).days % self._program.every_days == 0


def moment_ms(at: str, day: date, local: LocalTime) -> int | None:
    """UTC milliseconds of "06:30" or "sunset-20m" on a local day; None where the sun does neither on that day."""
    by_sun = _SUN.fullmatch(at)
    if by_sun is None:
        return local.ms(day, at)
    moment = local.sun(by_sun[1], day)
    return None if moment is None else moment + int(by_sun[2] or 0) * 60_000
