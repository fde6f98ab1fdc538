"""What the programs remember of weather, soil and water. Part of the state on disk.

Hours are counted from the first start, by elapsed time: no clock that is wrong or set moves a window of 24 hours.
What is noted by them is an `Hour` or a `WholeHour`: see `stamps`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import msgspec

from tonnam_edge.agronomy.observer import HOURS_AFTER_WATER
from tonnam_edge.core.programs.stamps import Hour, WholeHour

DAY_H = 24
WEEK_H = 168
EXACT_H = 50
SLOTS_KEPT = 16

STARVED_H = 72
LITTLE_SHARE = 0.7


class ThirstKept(msgspec.Struct, omit_defaults=True):
    """A zone wants water and has had none since `since_h`, which was at `since_ms` UTC if the time was known.

    `paused_h` of these hours it waited for an hour that its farm has chosen, or a person had stopped it, and does so
    since `pause_h`. `text` is what was said of it, at `told_h`; `why` is of a timer's slot that was left out.
    """

    since_h: Hour
    since_ms: int | None = None
    paused_h: float = 0.0
    pause_h: Hour | None = None
    kept_off: bool = False  # by a person
    text: dict[str, str] = {}
    told_h: Hour = 0.0
    why: dict[str, str] = {}


class ZoneKept(msgspec.Struct, omit_defaults=True):
    """What is remembered of one zone. `given` and `etc`: hours with litres, and with mm that its crop uses."""

    water: dict[str, Any] | None = None  # agronomy.balance.State
    probe: dict[str, Any] = {}  # agronomy.observer.State
    heard_h: Hour | None = None  # when the probes were heard last
    light: dict[str, Any] = {}  # agronomy.light_sum.State
    planted: str = ""
    given: list[tuple[Hour, float]] = []
    etc: list[tuple[WholeHour, float]] = []
    usual_l_day: float | None = None  # the mean of seven days on which something was known
    watered_h: Hour | None = None
    known_h: Hour = 0.0  # when the probes last said something
    rung: str = "probe"
    after_water: list[tuple[float, float, float]] = []  # agronomy.observer.Watched
    used_mm: float = 0.0  # by roots, since the last water
    surplus_mm: float = 0.0  # of the last water: what the root zone did not hold
    rained: list[tuple[WholeHour, float]] = []  # hours with mm that rain has filled of what was missing
    drained_l: float = 0.0  # today, and what was dosed
    dosed_l: float = 0.0
    drain_ec_l: float = 0.0  # of the drained litres those whose EC was known, and EC times litres
    drain_salt: float = 0.0
    trimmed_h: Hour | None = None  # when the dose was last trimmed by the drain
    held_h: Hour | None = None  # since when weather holds what the zone wants; `held_told`: for a day, and it is told
    held_told: bool = False
    thirst: ThirstKept | None = None

    def given_l(self, hours: float, window_h: int) -> float:
        """Litres within the last `window_h` hours."""
        return sum(litres for hour, litres in self.given if hours - hour < window_h)

    def had_little(self, hours: float) -> bool:
        """Whether three days brought less than 70 % of what seven usual days did."""
        usual_l = (self.usual_l_day or 0.0) * STARVED_H / DAY_H
        return self.given_l(hours, STARVED_H) < LITTLE_SHARE * usual_l

    def give(self, hours: float, litres: float) -> None:
        """Note water: exactly for two days, then by the hour for a week."""
        if litres > 0:
            self.given.append((round(hours, 3), round(litres, 3)))
        lately = [each for each in self.given if hours - each[0] <= EXACT_H]
        whole: dict[int, float] = {}
        for hour, amount in self.given:
            if EXACT_H < hours - hour <= WEEK_H:
                whole[int(hour)] = whole.get(int(hour), 0.0) + amount
        self.given = [*((float(hour), round(amount, 3)) for hour, amount in whole.items()), *lately]

    def wetted(self, hours: float) -> None:
        """Water or rain came: what a probe says after it begins anew; of water within hours the surplus adds up."""
        if self.watered_h is None or hours - self.watered_h >= HOURS_AFTER_WATER:
            self.surplus_mm = 0.0
        self.watered_h, self.after_water, self.used_mm = round(hours, 3), [], 0.0

    def rained_mm(self, hours: float, window_h: int) -> float:
        """What rain has filled within the last `window_h` hours, mm."""
        return sum(mm for hour, mm in self.rained if hours - hour < window_h)

    def etc_mm(self, hours: float, window_h: int) -> float:
        """What the crop would have used within the last `window_h` hours, mm."""
        begin = _next_hour(hours) - window_h
        return sum(mm for hour, mm in self.etc if hour >= begin)

    def etc_ahead_mm(self, hours: float, ahead_h: float) -> float:
        """What the crop will use in the next hours if every day is like the last one, mm."""
        days, rest_h = divmod(ahead_h, DAY_H)
        begin = _next_hour(hours) - DAY_H
        part = sum(mm for hour, mm in self.etc if begin <= hour < begin + rest_h)
        return days * self.etc_mm(hours, DAY_H) + part


class SlotKept(msgspec.Struct, frozen=True):
    """A timer's last slot: since which hour it is known, and the local day that was watered by it, if it was."""

    slot_ms: int
    hour: Hour
    day: str = ""


class PendingKept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A timer's slot that was wished in time and waits: since which hour, and, if for rain, for how much of it (mm)
    and since which hour that was expected."""

    slot_ms: int
    hour: Hour
    forecast_mm: float = 0.0
    forecast_h: Hour | None = None


class DayAirKept(msgspec.Struct, omit_defaults=True):
    """The air of one day: its lowest humidity, the way of its wind (m/s times hours), and the hours seen of each."""

    day: str
    rh_min_pct: float = 100.0
    rh_h: float = 0.0
    wind_m: float = 0.0
    wind_h: float = 0.0


class Kept(msgspec.Struct, omit_defaults=True):
    """What is remembered of a site's time and weather, and of its zones.

    `own` holds, by hour of the day ("0" to "23"), ET0 in mm and light in MJ/m2 of the last days on which they were
    measured; `roof` the same hours' yields of the solar roof, with what a clear sky would have sent.
    """

    hours: float = 0.0
    wall_ms: int | None = None  # the time until which all is reckoned; a guess when it was never known since
    mono_ms: int = 0
    boot: str = ""
    sure: bool = False
    unsure_h: float | None = None  # since when the time is not known; what the machine was off for comes before it
    up_h: Hour | None = None  # meanwhile: noted every ten minutes, so that short boots count
    et0: list[tuple[WholeHour, float]] = []
    own: dict[str, list[tuple[float, float]]] = {}
    roof: dict[str, list[tuple[float, float]]] = {}
    weather_h: Hour | None = None  # when weather was last measured
    clearness: float | None = None
    day: str = ""
    day_mm: float = 0.0
    rain: list[tuple[WholeHour, float]] = []
    rain_total_mm: float | None = None  # of the gauge, when the last hour was reckoned
    gauge_h: Hour | None = None  # when it last counted; `dry_rain_h`: hours of a day in which it cannot have rained
    dry_rain_h: list[Hour] = []
    gauge_doubted: bool = False
    air: list[DayAirKept] = []
    warmth: list[tuple[WholeHour, float]] = []  # hours of the last day with the mean temperature of the air, C
    lit_h: Hour | None = None  # when the pyranometer last saw light
    marked_h: dict[str, float] = {}  # hours of today in which something stood in for weather, by agronomy.marks.Mark
    marks_told: list[str] = []
    forecast_h: Hour | None = None  # since when a forecast of rain holds the programs
    zones: dict[str, ZoneKept] = {}
    # Programs that wait for cheaper electricity: until when at the longest, UTC, and since which hour.
    waits: dict[str, tuple[int, Hour]] = {}
    slots: dict[str, SlotKept] = {}  # by timer
    pending: dict[str, PendingKept] = {}  # by timer
    # The last slots that watered, by timer, each with the hour: what remains true when a clock years ahead is set.
    watered_slots: dict[str, list[tuple[int, Hour]]] = {}

    def zone(self, name: str) -> ZoneKept:
        if name not in self.zones:
            self.zones[name] = ZoneKept(known_h=self.hours)
        return self.zones[name]

    def note_slot(self, program: str, slot_ms: int) -> None:
        """A timer's slot waters now."""
        others = [each for each in self.watered_slots.get(program, []) if each[0] != slot_ms]
        self.watered_slots[program] = [*others, (slot_ms, round(self.hours, 3))][-SLOTS_KEPT:]

    def et0_mm(self, window_h: int) -> float:
        """ET0 of the last `window_h` hours, mm."""
        begin = _next_hour(self.hours) - window_h
        return sum(mm for hour, mm in self.et0 if hour >= begin)

    def et0_a_day_ago_mm(self, hours: float) -> float:
        """ET0 of a period of some hours as the same hour had it a day before, mm."""
        same = math.floor(self.hours + hours / 2) - DAY_H
        return hours * sum(mm for hour, mm in self.et0 if hour == same)

    def rain_mm(self, window_h: int) -> float:
        return sum(mm for hour, mm in self.rain if self.hours - hour < window_h)

    def age_h(self, since: float | None) -> float:
        """Hours since; infinite for what never was."""
        return float("inf") if since is None else self.hours - since


def _next_hour(hours: float) -> int:
    """The bucket of the hour that is reckoned next: an hour is in the bucket of its middle."""
    return math.floor(hours - 0.5) + 1


def add(buckets: list[tuple[int, float]], hours: float, amount: float, keep_h: int = WEEK_H + 1) -> None:
    """Add to the bucket of the hour, and drop buckets older than `keep_h`."""
    hour = int(hours)
    at = bisect_right(buckets, hour, key=lambda row: row[0])
    if at and buckets[at - 1][0] == hour:
        buckets[at - 1] = (hour, round(buckets[at - 1][1] + amount, 4))
    elif amount > 0:
        buckets.insert(at, (hour, round(amount, 4)))
    while buckets and hour - buckets[0][0] > keep_h:
        del buckets[0]
