"""What grows in each zone: its crop and soil, with what is remembered of its water."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tonnam_edge.agronomy import balance, observer
from tonnam_edge.core.programs.kept import DAY_H, Kept, ZoneKept
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.site.growing import Ground, ground_of
from tonnam_edge.site.site import Site


class Growing(NamedTuple):
    """A zone's crop and soil with what is remembered of its water."""

    ground: Ground
    water: balance.State
    probe: observer.State
    day: float

    @property
    def reserves(self) -> balance.Reserves:
        return balance.reserves(self.ground.soil, self.ground.crop, self.day, self.water.demand_mm_day)

    def raw_after_mm(self, used_mm: float, hours: float) -> float:
        """RAW after a use of so much in so many hours: it shrinks with the demand of a hot afternoon."""
        demand = used_mm + max(1 - hours / DAY_H, 0.0) * self.water.demand_mm_day
        return balance.reserves(self.ground.soil, self.ground.crop, self.day, demand).raw_mm

    def after_rain(self, rain_mm: float) -> Growing:
        """What so much rain makes of it, before the hour in which it fell is reckoned."""
        if rain_mm <= 0 or not self.ground.soil.rained_on:
            return self
        soil, crop = self.ground.soil, self.ground.crop
        done = balance.advance(self.water, soil, crop, day=self.day, days=0, et0_mm=0, rain_mm=rain_mm)
        return self._replace(water=done.state)

    @property
    def root_zone_mm(self) -> float:
        return self.ground.soil.root_zone_mm(self.ground.crop, self.day)

    @property
    def moisture_pct(self) -> float:
        """What a good probe should read, per cent by volume."""
        full = self.probe.field_capacity or self.ground.soil.field_capacity
        return 100 * (full - self.water.depletion_mm / self.root_zone_mm)


class Fields:
    """What grows on a site, and how to read what is remembered of it. Its only state is what it read last."""

    def __init__(self, site: Site, local: LocalTime) -> None:
        self.site, self.local = site, local
        under_cover = site.file.site.under_cover
        self.grounds = {
            name: ground_of(zone.part.growing, zone.part.area_m2, under_cover=under_cover)
            for name, zone in site.zones.items()
            if zone.part.growing is not None
        }
        # What was read last of each zone, with what it was read from. That is replaced, and never changed in place.
        self._read: dict[str, tuple[tuple[object, ...], Growing | None]] = {}

    def of(self, zone: str, kept: Kept) -> Growing | None:
        """A zone's balance; None without a crop, or before it has begun."""
        ground, of_zone = self.grounds.get(zone), kept.zones.get(zone)
        if ground is None or of_zone is None or of_zone.water is None:
            return None
        asked = of_zone.water, of_zone.probe, of_zone.planted, kept.wall_ms
        before = self._read.get(zone)
        if before is None or any(one is not other for one, other in zip(before[0], asked, strict=True)):
            before = self._read[zone] = asked, self._of(ground, of_zone, of_zone.water, kept)
        return before[1]

    def _of(self, ground: Ground, of_zone: ZoneKept, kept_water: Mapping[str, Any], kept: Kept) -> Growing | None:
        water = balance.restored(kept_water)
        if water is None or of_zone.planted != ground.planted.isoformat():
            return None
        return Growing(ground, water, observer.restored(of_zone.probe), self.day(ground, kept))

    def day(self, ground: Ground, kept: Kept) -> float:
        """The crop's day; the middle of its season while the date was never known."""
        if kept.wall_ms is None:
            return ground.crop.middle_of_season
        return ground.day(self.local.at(kept.wall_ms).date())
