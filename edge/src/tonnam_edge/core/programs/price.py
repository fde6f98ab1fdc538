"""What electricity costs at a time, and whether it is soon cheaper. Nobody waits where the price is not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_types import WEEK
from tonnam_edge.site.tariff_file import TariffPart

CLEARLY = 0.99  # cheaper by less is no reason to wait
LOOK_AHEAD_DAYS = 5  # a long weekend with holidays


class Change(NamedTuple):
    """From an instant on (UTC, ms) a kWh costs so much."""

    at_ms: int
    baht_kwh: float


class Prices:
    """The tariffs of a site. Pure: asked with the time."""

    def __init__(self, site: Site, local: LocalTime) -> None:
        self._tariffs, self._local = site.file.tariff, local
        self._holidays = frozenset(site.file.electricity.holidays)
        edges = {clock for tariff in self._tariffs for clock in tariff.hours or ()}
        self._edges = sorted(edges | {"00:00"})

    def at(self, wall_ms: int) -> float | None:
        """Baht per kWh at an instant; None when no tariff counts then."""
        moment = self._local.at(wall_ms)
        return next((tariff.baht_kwh for tariff in self._tariffs if self._counts(tariff, moment)), None)

    def cheaper(self, wall_ms: int, until_ms: int, free: Callable[[int], int] | None = None) -> Change | None:
        """The cheapest time from now to an instant, the earliest of them; None if that is now.

        `free` says, of an instant, when from then on water may be given: an hour at which it may not is no cheaper.
        """
        price = self.at(wall_ms)
        if price is None:
            return None
        changes = self._changes(wall_ms)
        if free is not None:
            opens = {free(change.at_ms) for change in changes if change.at_ms <= until_ms}
            changes = [Change(at_ms, baht) for at_ms in opens if (baht := self.at(at_ms)) is not None]
        best = min(
            (change for change in changes if change.at_ms <= until_ms),
            key=lambda change: (change.baht_kwh, change.at_ms),
            default=None,
        )
        return best if best is not None and best.baht_kwh < CLEARLY * price else None

    def dear_soon(self, wall_ms: int, within_ms: int) -> tuple[Change, int] | None:
        """The dearer price that begins soon, and when it is as cheap again as now; None if it stays cheap."""
        price = self.at(wall_ms)
        if price is None:
            return None
        changes = self._changes(wall_ms)
        dear = next((change for change in changes if CLEARLY * change.baht_kwh > price), None)
        if dear is None or dear.at_ms - wall_ms > within_ms:
            return None
        again = next((c.at_ms for c in changes if c.at_ms > dear.at_ms and CLEARLY * c.baht_kwh <= price), None)
        return None if again is None else (dear, again)

    def _changes(self, wall_ms: int) -> list[Change]:
        """When the price may change within some days, with the price from then on; in order."""
        today = self._local.at(wall_ms).date()
        found = []
        for ahead in range(LOOK_AHEAD_DAYS + 1):
            for clock in self._edges:
                at_ms = self._local.ms(today + timedelta(days=ahead), clock)
                price = self.at(at_ms)
                if at_ms > wall_ms and price is not None:
                    found.append(Change(at_ms, price))
        return found

    def _counts(self, tariff: TariffPart, moment: datetime) -> bool:
        """Hours over midnight belong to the day on which they begin."""
        day, clock = moment, moment.strftime("%H:%M")
        if tariff.hours is not None:
            begins, ends = tariff.hours
            if begins < ends and not begins <= clock < ends:
                return False
            if begins > ends and ends <= clock < begins:
                return False
            if begins > ends and clock < ends:
                day = moment - timedelta(days=1)
        on_holiday = day.date().isoformat() in self._holidays
        return WEEK[day.weekday()] in tariff.days and (tariff.holidays or not on_holiday)


def pump_kw(site: Site, zone: str) -> float | None:
    """What a zone's pump takes by the site file, kW."""
    pump = site.zones[zone].part.pump
    return None if pump is None else site.file.electricity.pump_kw.get(pump)
