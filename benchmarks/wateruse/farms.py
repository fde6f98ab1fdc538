"""The farms of the water benchmark: what the farmer believes, and the world that draws its truth around it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tests.season.site import TOLD_FLOW_L_MIN, Layout, site_text
from tonnam_edge.site.check import load_site
from tonnam_edge.site.growing import Ground, ground_of
from tonnam_edge.site.program_file import PROGRAMS
from tonnam_edge.site.site import Site
from tonnam_sim.world.config import (
    COCO_BAG,
    Coil,
    ProbeConfig,
    ValveConfig,
    WeatherConfig,
    WorldConfig,
    ZoneConfig,
)

ZONE, AREA_M2, AGE_DAYS = "zone-1", 400.0, 2.0
FLOW_L_MIN = float(TOLD_FLOW_L_MIN)
PLANTS_M2 = 2.0
PLANTS = round(AREA_M2 * PLANTS_M2)
EFFICIENCY = 0.9  # of metered water that reaches roots, as the site file has it unless it says otherwise
_PROBES = (ProbeConfig("probe-1-a", 2, 1), ProbeConfig("probe-1-b", 5, 1))


@dataclass(frozen=True)
class Farm:
    """One zone of melons with its own pump, its world, and what a person would call it."""

    name: str
    told: str
    config: WorldConfig

    @property
    def zone(self) -> ZoneConfig:
        return self.config.zones[0]

    @property
    def cover(self) -> bool:
        return self.config.weather.cover

    @property
    def substrate(self) -> bool:
        return self.zone.soil is COCO_BAG

    def plan(self, programs: Iterable[dict[str, Any]], *, probes: bool, dual: bool = False) -> Plan:
        """The farm with these programs, with or without probes, by the single or the dual crop coefficient."""
        zone = self.zone if probes else replace(self.zone, probes=())
        return Plan(self.name, replace(self.config, zones=(zone,)), tuple(programs), dual=dual)

    @cached_property
    def ground(self) -> Ground:
        """Crop and soil as the farmer believes them."""
        part = self.plan((), probes=False).site.zones[ZONE].part
        assert part.growing is not None
        return ground_of(part.growing, part.area_m2, under_cover=self.cover)


@dataclass(frozen=True)
class Plan(Layout):
    """A farm with programs: what a season is played on."""

    dual: bool = False

    @cached_property
    def site(self) -> Site:
        """The checked site. Programs that are re-set every day are put into it without reading the file again."""
        programs = tuple(PROGRAMS[str(keys["kind"])].model_validate(keys) for keys in self.programs)
        text = site_text(Layout(self.name, self.config, ()))
        if self.dual:
            wetted_pct = self.config.zones[0].wetted_fraction * 100
            surface = f'surface = {{ irrigation = "drip", wetted_pct = {wetted_pct} }}'
            text = text.replace("growing = {", f'growing = {{ kc = "dual", {surface},')
        return replace(_checked(text), programs=programs)


@lru_cache(maxsize=64)
def _checked(text: str) -> Site:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text(text, encoding="utf-8")
        return load_site(path)[0]


def _farm(name: str, told: str, weather: WeatherConfig, **zone: Any) -> Farm:
    only = ZoneConfig(ZONE, ValveConfig(Coil(0, 1)), _PROBES, area_m2=AREA_M2, age_days=AGE_DAYS, **zone)
    return Farm(name, told, WorldConfig(zones=(only,), weather=weather))


FARMS = {
    farm.name: farm
    for farm in (
        _farm("covered", "melon under cover, clay loam, drip", WeatherConfig(cover=True)),
        _farm(
            "open", "melon in the open, dry season, rain on one day of ten", WeatherConfig(cover=False, wet_days=0.1)
        ),
        _farm(
            "bags", "melon under cover in coco bags", WeatherConfig(cover=True), soil=COCO_BAG, wetted_fraction=0.08
        ),
    )
}
