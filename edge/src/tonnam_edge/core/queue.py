"""Who waters next when not all can: who has waited longest; and when water is short, who has had least of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tonnam_edge.core.decide import Wish
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.wishes import Wait
from tonnam_edge.site.site import Site

# Who has waited for so long waits for something that may never come: it is told, and holds nobody back any more.
HOLDS_BACK_MS = 86_400_000


def ready_at(site: Site, restarted_mono_ms: int | None) -> dict[str, int]:
    """When programs of each zone may start after a restart: one after the other. The first start of all is none."""
    if restarted_mono_ms is None:
        return {}
    part = site.file.restart
    return {
        zone: restarted_mono_ms + round(1000 * (part.first_s + number * part.each_s))
        for number, zone in enumerate(site.zones)
    }


Rivals = Callable[[str, str], bool]
"""Whether one outlet's water may have to wait for the other's, though their supplies differ."""


class Queue:
    """The outlets that want water and must wait for others. Times are since boot, in milliseconds."""

    def __init__(
        self, site: Site, ready_at_mono_ms: Mapping[str, int], rivals: Rivals = lambda one, other: False
    ) -> None:
        self._site, self._ready_at, self._rivals = site, ready_at_mono_ms, rivals
        self._shared: dict[str, bool] = {}  # whether it waits for what other supplies draw on, too
        self._since: dict[str, int] = {}  # since when a zone waits
        self._seen: dict[str, int] = {}  # when it last said so
        self._told: set[str] = set()  # who has waited too long, and was told
        self._turns: dict[str, int] = {}  # how often each has had water since it became short

    def order(self, wishes: Iterable[Wish], image: Image) -> list[Wish]:
        """People first, then who has had fewest turns of short water, then who has waited longest."""
        short = self._short(image)
        if not short:
            self._turns.clear()
        now = image.now.mono_ms
        found = list(wishes)
        wanted = {wish.zone for wish in found}
        self._since = {zone: at for zone, at in self._since.items() if zone in wanted}
        self._seen = {zone: at for zone, at in self._seen.items() if zone in wanted}
        self._told &= self._since.keys()
        return sorted(
            found,
            key=lambda w: (w.cause != "manual", self._turns.get(w.zone, 0), self._since.get(w.zone, now)),
        )

    def behind(self, wish: Wish, now: Now) -> Wait | None:
        """Why a program's wish that could be granted waits all the same: another has waited longer, of its supply, or
        of one that waits for something which both draw on."""
        if wish.cause in {"manual", "rinse"}:
            return None
        supply = self._site.supply_of(wish.zone)
        own = (self._turns.get(wish.zone, 0), self._since.get(wish.zone, now.mono_ms))
        for zone, since in self._since.items():
            if zone == wish.zone or self._seen.get(zone) != now.mono_ms or self._too_long(zone, now):
                continue
            same = self._site.supply_of(zone) == supply
            if not same and not (self._shared.get(zone, False) and self._rivals(zone, wish.zone)):
                continue
            if (self._turns.get(zone, 0), since) < own:
                return Wait(plant_texts.waits_its_turn())
        return None

    def refused(self, wish: Wish, now: Now, *, waits: bool, shared: bool = False) -> None:
        """A wish was not granted. Who need only wait keeps the place; who is stopped by something else has none."""
        if wish.cause in {"manual", "rinse"}:
            return
        if waits:
            self._since.setdefault(wish.zone, now.mono_ms)
            self._seen[wish.zone], self._shared[wish.zone] = now.mono_ms, shared
        else:
            self._since.pop(wish.zone, None)

    def overlong(self, refused: Mapping[str, Text], now: Now) -> list[tuple[str, Text]]:
        """What to say, once each, of zones that have waited for a day and were refused for these reasons now."""
        zones = (self._since.keys() & self._site.zones.keys() & refused.keys()) - self._told
        found = sorted(zone for zone in zones if self._too_long(zone, now))
        self._told.update(found)
        return [(zone, plant_texts.waits_too_long(refused[zone])) for zone in found]

    def _too_long(self, zone: str, now: Now) -> bool:
        return now.mono_ms - self._since[zone] > HOLDS_BACK_MS

    def started(self, wish: Wish, now: Now) -> None:
        self._since.pop(wish.zone, None)
        self._turns[wish.zone] = self._turns.get(wish.zone, 0) + 1

    def starting(self, zone: str, now: Now) -> bool:
        """Whether the agent was started again so short a time ago that this zone's programs wait."""
        return now.mono_ms < self._ready_at.get(zone, 0)

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When a zone need wait no longer after a restart."""
        return (at for at in self._ready_at.values() if at > now.mono_ms)

    def _short(self, image: Image) -> bool:
        """Whether the tank may not hold enough for all: its level is low, or not known."""
        tank = self._site.file.tank
        if tank is None:
            return False
        level_cm = image.value(self._site.tank_level)
        short_cm = tank.low_cm + 0.2 * (tank.full_cm - tank.low_cm) if tank.short_cm is None else tank.short_cm
        return level_cm is None or level_cm < short_cm
