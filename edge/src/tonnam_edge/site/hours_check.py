"""What a site file wants of a day's hours and cannot have: timers that do not fit, quiet hours, night."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise, sunset

from tonnam_edge.site.growing_file import HoldsPart, SolarPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.problems import Problems
from tonnam_edge.site.program_file import BalancePart, Hours, LightPart, MoisturePart, TimerPart
from tonnam_edge.site.site_file import ActuatorPart, PlacePart, ZonePart
from tonnam_edge.site.site_types import WEEK, latest_within, within

DAY_MIN = 24 * 60
# So long at most a timer's slot waits, for the next one is near then.
LONGEST_WAIT_MIN = 22 * 60
# Where the sun stands differs by place and day; whether timers fit hardly hangs on it.
SUN_MIN = {"sunrise": 6 * 60, "sunset": 18 * 60}
# In so many days weekdays have met with every other, third and fourth day.
DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(84)]
_SUN = re.compile(r"(sunrise|sunset)(?:([+-]\d+)m)?")

Timer = tuple[int, TimerPart]


def check_hours(parts: Parts, problems: Problems) -> None:
    """Warn of programs that will not water when they say, or never."""
    holds = parts.table(HoldsPart, "holds") or HoldsPart()
    timers = list(parts.of(TimerPart, "program"))
    for timer in timers if holds.quiet is not None else ():
        _in_quiet_hours(timer, holds.quiet or ("", ""), problems)
    if holds.solar is not None:
        _solar(holds.solar, holds.quiet, parts, problems)
    supplies = {zone.id: zone.pump or zone.master or zone.valve for _, zone in parts.of(ZonePart, "zone")}
    for supply in sorted(set(supplies.values())):
        mine = [timer for timer in timers if supplies.get(timer[1].zone) == supply]
        _fit(supply, mine, DAY_MIN - _length_min(holds.quiet), parts, problems)


def _in_quiet_hours(timer: Timer, quiet: Hours, problems: Problems) -> None:
    index, part = timer
    key, begins = "finish" if part.at is None else "at", _begins_min(part) % DAY_MIN
    if _SUN.fullmatch(part.at or part.finish or "") or not within(_clock(begins), quiet):
        return
    waits_min = (_minute(quiet[1]) - begins) % DAY_MIN
    text = f"begins at {_clock(begins)}, in the quiet hours, {quiet[0]} to {quiet[1]}"
    waters = f"it waters when they end, at {quiet[1]}" if waits_min < _waits_min(part) else "it never waters"
    problems.warning(("program", index, key), f"{text}: {waters}")


def _solar(solar: SolarPart, quiet: Hours | None, parts: Parts, problems: Problems) -> None:
    for index, between in _hours(parts):
        if between[0] < between[1] <= solar.latest:
            text = f"ends before {solar.latest}, the latest hour of [holds] solar: without sun it waters from"
            problems.warning(("program", index, "between"), f"{text} {latest_within(solar.latest, between)} on")
    path, place = ("holds", "solar", "latest"), parts.table(PlacePart, "site")
    if quiet is not None and within(solar.latest, quiet):
        text = f"{solar.latest} lies in the quiet hours, {quiet[0]} to {quiet[1]}: without sun nothing is watered"
        problems.warning(path, f"{text} before they end")
    if solar.direct and place is not None and not _sun_is_up(solar.latest, place):
        text = f"at {solar.latest} it may be night here: then nothing runs a pump that has nothing but the sun"
        problems.warning(path, f"{text}, and no program waters without it. Choose an hour of the afternoon")


def _hours(parts: Parts) -> Iterator[tuple[int, Hours]]:
    """The programs that have hours of their own, with these."""
    for model in (MoisturePart, BalancePart, LightPart):
        for index, program in parts.of(model, "program"):
            if isinstance(program, MoisturePart | BalancePart | LightPart) and program.between is not None:
                yield index, program.between


def _sun_is_up(clock: str, place: PlacePart) -> bool:
    """Whether it is day at this time in summer and in winter. Where the sun does not rise or set nobody is warned."""
    try:
        zone, observer = ZoneInfo(place.timezone), Observer(place.latitude, place.longitude)
        for day in (date(2026, 6, 21), date(2026, 12, 21)):
            moment = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=zone)
            if not sunrise(observer, day, tzinfo=zone) <= moment < sunset(observer, day, tzinfo=zone):
                return False
    except (ValueError, KeyError):
        return True
    return True


def _fit(supply: str, timers: Sequence[Timer], open_min: int, parts: Parts, problems: Problems) -> None:
    """Warn where the timers of a day take longer than the day, or one can never be done by its time."""
    pump = next((part for _, part in parts.of(ActuatorPart, "actuator") if part.id == supply), None)
    days = {tuple(timer for timer in timers if _counts(timer[1], day)) for day in DAYS}
    needed_min = {day: _needed_min(day, pump, parts) for day in days}
    worst = max(days, key=lambda day: needed_min[day])
    if needed_min[worst] > open_min:
        text = f'the timers of "{supply}" take {needed_min[worst] / 60:.1f} hours on some days, and they have'
        path = ("program", worst[-1][0], "run_min")
        problems.warning(path, f"{text} {open_min / 60:g}: not all of them can water")
    if pump is None or pump.capacity_l_min is None:
        for index, text in {index: text for day in days for index, text in _too_late(day)}.items():
            problems.warning(("program", index, "finish"), text)


def _needed_min(day: Sequence[Timer], pump: ActuatorPart | None, parts: Parts) -> float:
    """For how long the timers of a day keep their pump at the least: together as far as it can feed them."""
    flows = {zone.id: zone.flow_l_min for _, zone in parts.of(ZonePart, "zone")}
    if pump is not None and pump.capacity_l_min is not None:
        return sum(_run_min(part) * flows[part.zone] / pump.capacity_l_min for _, part in day)
    rest_s = 0.0 if pump is None else pump.rest_s or 0.0
    return sum(_run_min(part) for _, part in day) + max(len(day) - 1, 0) * rest_s / 60


def _too_late(day: Sequence[Timer]) -> Iterator[tuple[int, str]]:
    """Of timers that water one after the other those that must be done by a time and do not begin before it."""
    free_min, before = -float(DAY_MIN), ""
    for index, part in sorted(day, key=lambda timer: _begins_min(timer[1])):
        begins = _begins_min(part)
        if part.finish is not None and free_min >= begins + _waits_min(part):
            until = _clock(round(free_min) % DAY_MIN)
            yield index, f'waits for "{before}" on the same pump until {until}, too late to be done by {part.finish}'
            continue
        free_min, before = max(free_min, begins) + _run_min(part), part.id


def _counts(part: TimerPart, day: date) -> bool:
    begin = date.min if part.first is None else date.fromisoformat(part.first)
    return WEEK[day.weekday()] in part.days and (day - begin).days % part.every_days == 0


def _waits_min(part: TimerPart) -> float:
    """For how long a slot waits at most: until the next one is near, or what must be done by a time cannot be."""
    return LONGEST_WAIT_MIN if part.finish is None else max(_run_min(part), part.late_min)


def _begins_min(part: TimerPart) -> int:
    if part.at is not None:
        return _minute(part.at)
    return _minute(part.finish or "00:00") - round(_run_min(part))


def _run_min(part: TimerPart) -> float:
    """In the month with the longest run."""
    return part.run_min * max(part.season_pct) / 100


def _minute(at: str) -> int:
    """The minute of the day of "06:30" or, about, of "sunset-20m"."""
    by_sun = _SUN.fullmatch(at)
    if by_sun is not None:
        return SUN_MIN[by_sun[1]] + int(by_sun[2] or 0)
    return int(at[:2]) * 60 + int(at[3:])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _length_min(hours: Hours | None) -> int:
    return 0 if hours is None else (_minute(hours[1]) - _minute(hours[0])) % DAY_MIN
