"""What an injector may still dose: by hour, by day, and of its stock. All of it is booked before a pulse begins.

Windows go by elapsed time, so no clock that is set moves them, nor one that is put right: a time of day that was
sure at both ends of a span may have been set between. What an earlier boot dosed is as old as the machine has been up
since, as far as that is on disk: the time that it was off, and what it was up unwritten, may have been nothing. A
pulse that was cut off counts in full. What comes from the second copy is as new as it is read.
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
# How long this boot has been up is written so often while something counts: so much of each boot is not proven.
UP_EVERY_MS = 600_000
# The boot of what was copied: when that was, in which boot, and how much of it in the last hour, nobody knows.
COPIED = "copied"

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
        self.look(now)
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
        self._turn(now)
        self._kept().up_ms = now.mono_ms
        stock = self._kept().stock(injector)
        stock.used_ml = round(stock.used_ml + ml, 3)
        stock.hour = _with(stock.hour, ml, HOUR_MS, now)
        stock.day = _with(stock.day, ml, DAY_MS, now)

    def look(self, now: Now) -> None:
        """Note how long this boot has been up, now and then, while anything counts."""
        self._turn(now)
        kept = self._kept()
        if abs(now.mono_ms - kept.up_ms) < UP_EVERY_MS:
            return
        for stock in kept.stocks.values():
            stock.hour, stock.day = _counting(stock.hour, HOUR_MS, now), _counting(stock.day, DAY_MS, now)
        if any(stock.hour or stock.day for stock in kept.stocks.values()):
            kept.up_ms = now.mono_ms

    def _turn(self, now: Now) -> None:
        """In a new boot: count in its time what the ones before it have dosed."""
        kept = self._kept()
        if kept.boot == now.boot:
            return
        ended, up_ms = kept.boot, kept.up_ms
        kept.boot, kept.up_ms = now.boot, now.mono_ms
        for stock in kept.stocks.values():
            stock.hour = [_carried(each, ended, up_ms, now) for each in stock.hour]
            stock.day = [_carried(each, ended, up_ms, now) for each in stock.day]


def _carried(spent: Spent, ended: str, up_ms: int, now: Now) -> Spent:
    """The same in the time of a new boot. `ended` was up for `up_ms`; of others nothing is known."""
    if spent.boot == now.boot:
        return spent
    if spent.boot == COPIED:
        return Spent(now.boot, now.mono_ms, now.mono_ms, spent.ml)
    known = spent.boot == ended
    from_ms, to_ms = (min(0, at - up_ms) if known else 0 for at in (spent.from_ms, spent.to_ms))
    return Spent(now.boot, from_ms, to_ms, spent.ml)


def _counting(entries: list[Spent], window_ms: int, now: Now) -> list[Spent]:
    return [each for each in entries if now.mono_ms - min(each.to_ms, now.mono_ms) < window_ms]


def _sum(entries: list[Spent], window_ms: int, now: Now) -> float:
    return sum(each.ml for each in _counting(entries, window_ms, now))


def _with(entries: list[Spent], ml: float, window_ms: int, now: Now) -> list[Spent]:
    """The entries that still count, and this one."""
    kept = _counting(entries, window_ms, now)
    last = kept[-1] if kept else None
    if last is not None and now.mono_ms - last.from_ms < TOGETHER_MS[window_ms]:
        return [*kept[:-1], Spent(now.boot, last.from_ms, now.mono_ms, round(last.ml + ml, 3))]
    return [*kept, Spent(now.boot, now.mono_ms, now.mono_ms, round(ml, 3))]
