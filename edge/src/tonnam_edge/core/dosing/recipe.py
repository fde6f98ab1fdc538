"""What each zone's water gets, by line."""

from __future__ import annotations

from dataclasses import dataclass

from tonnam_edge.core.dosing.liquids import groups
from tonnam_edge.site.dosing_file import DosePart, EcPart, InjectorPart, MixingLinePart, PhPart
from tonnam_edge.site.site import Site


@dataclass(frozen=True)
class Recipe:
    """What one zone gets through one line. Empty: plain water."""

    doses: tuple[tuple[DosePart, InjectorPart], ...] = ()
    ec: EcPart | None = None
    ph: PhPart | None = None

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The injectors in groups that are dosed together."""
        liquids = {part.id: part.liquid for _, part in self.doses}
        return groups([part.id for _, part in self.doses], liquids)


class Recipes:
    """The recipes of a site."""

    def __init__(self, site: Site) -> None:
        self.lines = {part.id: part for part in site.file.mixing_line}
        self.injectors = {part.id: part for part in site.file.injector}
        self._site = site

    def of(self, zone: str, line: str) -> Recipe:
        """What a zone gets through a line; nothing where the water goes to no zone."""
        if zone not in self._site.zones:
            return Recipe()
        part = self._site.zones[zone].part
        doses = tuple(
            (dose, self.injectors[dose.injector]) for dose in part.dose if self.injectors[dose.injector].line == line
        )
        return Recipe(doses, part.ec, part.ph) if doses else Recipe()

    def of_zone(self, zone: str) -> tuple[Recipe, ...]:
        """What a zone gets in all, line by line: zones that have the same may water together."""
        return tuple(self.of(zone, line.id) for line in self.feeding(zone))

    def feeding(self, zone: str) -> list[MixingLinePart]:
        """The lines that a zone's water goes through."""
        known = zone in self._site.zones
        return [line for line in self.lines.values() if known and line.feeds == self._site.supply_of(zone)]
