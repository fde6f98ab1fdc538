"""Whether to believe a device's clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from tonnam_gateway.measurement import Notice, TimeForm, Timing
from tonnam_gateway.payload import number
from tonnam_link.quality import Quality

# No message can be older than this program: 1970, 2006 (GPS week roll-over) and "ms read as s" are all before it.
BUILT_AT = datetime(2025, 1, 1, tzinfo=UTC)
CLOCK_WRONG = "clock_wrong"
MAX_AHEAD = timedelta(minutes=5)
SUSPICIOUSLY_BEHIND = timedelta(minutes=50)


class Stamp(NamedTuple):
    """When something was observed, and whether that is our own clock because the device told no time to believe.

    `quality` is what a number of that time is at best: clock_suspect when the device told a time that cannot be. Its
    number may be as old as its clock is wrong, so it is kept and shown, but never as what is now.
    """

    observed_at: datetime
    on_arrival: bool
    notices: tuple[Notice, ...] = ()
    quality: Quality = Quality.GOOD


def read(value: object, form: TimeForm, zone: tzinfo, received_at: datetime) -> datetime | None:
    """The instant that a value from a message means, or None when it means none.

    Text is ISO 8601, in `zone` when it has no offset. A number is seconds, or milliseconds if `form` says so.
    """
    if isinstance(value, str):
        return _from_text(value, zone, received_at)
    seconds = number(value)
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds / 1000 if form == "ms" else seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _from_text(text: str, zone: tzinfo, received_at: datetime) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        # An hour that occurs twice (end of summer time) is taken as the one nearer to now.
        twice = [moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    return min(twice, key=lambda candidate: abs(received_at - candidate))


def believable(moment: datetime, received_at: datetime, *, sure: bool = True) -> bool:
    """Whether a device can have measured at `moment`, seen from our own clock.

    While we do not know the time ourselves, a device may know it better: what it says of the future stays as it is
    then, for the cloud sets readings aside that are from more than a day ahead.
    """
    return moment >= BUILT_AT and (not sure or moment <= received_at + MAX_AHEAD)


def stamp(told: Iterable[tuple[object, TimeForm]], timing: Timing, received_at: datetime) -> Stamp:
    """The first believable of the times that a message tells (None: not told), or else the time of arrival."""
    claimed = ""
    for value, form in told:
        moment = read(value, form, timing.zone, received_at)
        if moment is not None and believable(moment, received_at, sure=timing.sure):
            return Stamp(moment, False, _behind(received_at - moment) if timing.sure else ())
        if value is not None:
            claimed = claimed or (repr(str(value)[:40]) if moment is None else moment.isoformat(timespec="seconds"))
    if not claimed:
        return Stamp(received_at, True)
    text = f"its clock says {claimed}, which cannot be: its readings are stamped on arrival and marked clock_suspect"
    return Stamp(received_at, True, (Notice(CLOCK_WRONG, text, claimed),), Quality.CLOCK_SUSPECT)


def _behind(age: timedelta) -> tuple[Notice, ...]:
    if age <= SUSPICIOUSLY_BEHIND:
        return ()
    text = f"its readings come {age} late: a wrong time zone in the device or in the mapping, or a slow way here"
    return (Notice("clock_behind", text),)
