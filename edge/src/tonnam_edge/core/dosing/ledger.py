"""What an injector may still dose: by hour, by day, and of its stock. All of it is booked before a pulse begins.

Windows go by elapsed time, so no clock that is set moves them. What an earlier boot dosed may have been a moment
before this one began: unknown time counts as used. A pulse that was cut off counts in full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from tonnam_edge.core.dosing.kept import Kept, Spent
from tonnam_edge.core.image import Now
from tonnam_edge.site.dosing_file import InjectorPart

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# Pulses this near to each other are one entry, and counted as if all were as new as the newest.
TOGETHER_MS = {HOUR_MS: 300_000, DAY_MS: HOUR_MS}

Cap = Literal["hour", "day", "stock"]


class Room(NamedTuple):
    """How much may be dosed now, and what allows no more."""

    ml: float
    cap: Cap


class Ledger:
    """The books of all injectors. `kept` gives the memory, which may be taken over from an older process."""

    def __init__(self, kept: Callable[[], Kept]) -> None:
        self._kept = kept

    def room(self, part: InjectorPart, now: Now) -> Room:
        """The mL that no cap forbids now."""
        stock = self._kept().stock(part.id)
        rooms = [
            Room(part.max_hour_ml - _sum(stock.hour, HOUR_MS, now), "hour"),
            Room(part.max_day_ml - _sum(stock.day, DAY_MS, now), "day"),
            Room(part.stock_l * 1000 - stock.used_ml, "stock"),
        ]
        least = min(rooms)
        return Room(max(0.0, least.ml), least.cap)

    def book(self, injector: str, ml: float, now: Now) -> None:
        """So much is about to be dosed."""
        stock = self._kept().stock(injector)
        stock.used_ml = round(stock.used_ml + ml, 3)
        stock.hour = _with(stock.hour, ml, HOUR_MS, now)
        stock.day = _with(stock.day, ml, DAY_MS, now)


def _newest_ms(spent: Spent, now: Now) -> int:
    """Since boot; what an earlier boot dosed is as late as can be."""
    return min(spent.to_ms, now.mono_ms) if spent.boot == now.boot else 0


def _sum(entries: list[Spent], window_ms: int, now: Now) -> float:
    return sum(each.ml for each in entries if now.mono_ms - _newest_ms(each, now) < window_ms)


def _with(entries: list[Spent], ml: float, window_ms: int, now: Now) -> list[Spent]:
    """The entries that still count, and this one."""
    kept = [each for each in entries if now.mono_ms - _newest_ms(each, now) < window_ms]
    last = kept[-1] if kept else None
    together = last is not None and last.boot == now.boot and now.mono_ms - last.from_ms < TOGETHER_MS[window_ms]
    if last is not None and together:
        return [*kept[:-1], Spent(now.boot, last.from_ms, now.mono_ms, round(last.ml + ml, 3))]
    return [*kept, Spent(now.boot, now.mono_ms, now.mono_ms, round(ml, 3))]
