"""The ways of the water: which valve, master valve, pump and meter stand between a source and each outlet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tonnam_edge.site.deadlines import Feed
from tonnam_edge.site.plant_file import FilterPart, FlowPart, GroupPart
from tonnam_edge.site.profile import Words
from tonnam_edge.site.site_file import ActuatorPart, SiteFile, ZonePart

# The meter of `[flow]`: of all supplies that no `[[meter]]` names.
METER = "meter"
DAY_S = 86_400.0


@dataclass(frozen=True)
class Outlet:
    """Where water leaves a supply through a valve: a zone, or a filter that is flushed."""

    id: str
    name: Words
    valve: str
    pump: str | None
    master: str | None
    flow_l_min: float
    max_run_s: float
    max_day_s: float
    is_filter: bool = False

    @property
    def supply(self) -> str:
        """What feeds it, for telling what shares it: its pump, else its master valve, else nothing else."""
        return self.pump or self.master or self.valve


class Paths:
    """The paths of one checked site file. They never change."""

    def __init__(self, file: SiteFile) -> None:
        self._file = file
        self._parts: Mapping[str, ActuatorPart] = {part.id: part for part in file.actuator}
        zones = {zone.id: _of_zone(zone) for zone in file.zone}
        self.outlets: Mapping[str, Outlet] = zones | {part.id: _of_filter(part) for part in file.filter}
        self.filters: Mapping[str, FilterPart] = {part.id: part for part in file.filter}
        self.groups: Mapping[str, GroupPart] = {part.id: part for part in file.group}
        found: dict[str, FlowPart] = {} if file.flow is None else {METER: file.flow}
        self.meters: Mapping[str, FlowPart] = found | {meter.id: meter for meter in file.meter}
        self._own = {supply: meter.id for meter in file.meter for supply in meter.supplies}
        self._mates: dict[str, frozenset[str]] = {}

    @cached_property
    def supplies(self) -> Mapping[str, tuple[str, ...]]:
        """The outlets of each supply, in the order of the file."""
        found: dict[str, list[str]] = {}
        for name, outlet in self.outlets.items():
            found.setdefault(outlet.supply, []).append(name)
        return {supply: tuple(names) for supply, names in found.items()}

    def of(self, outlet: str) -> tuple[str, ...]:
        """The actuators that must be open for an outlet to have water, as they are opened: valve, master, pump."""
        part = self.outlets[outlet]
        contactor = None if part.pump is None else self._parts[part.pump].contactor
        return tuple(name for name in (part.valve, part.master, contactor, part.pump) if name is not None)

    def feed(self, outlet: str) -> Feed:
        """What stands before the valves of an outlet's supply, and how long the slowest of them travels."""
        part = self.outlets[outlet]
        valves = [self._parts[self.outlets[name].valve] for name in self.supplies[part.supply]]
        return Feed(
            master=None if part.master is None else self._parts[part.master],
            contactor=part.pump is not None and self._parts[part.pump].contactor is not None,
            travel_s=max(valve.travel_s for valve in valves),
        )

    def mates(self, outlet: str) -> frozenset[str]:
        """All that water of an outlet's supply may go through. What no outlet uses may be anywhere; but injectors
        stand in the line that they name, and what a station moves in none."""
        supply = self.outlets[outlet].supply
        if supply not in self._mates:
            self._mates[supply] = frozenset(self._find_mates(supply))
        return self._mates[supply]

    def meter(self, outlet: str) -> str | None:
        """The id of the meter that an outlet's water goes through, None without one."""
        return self.meter_of_supply(self.outlets[outlet].supply)

    def meter_of_supply(self, supply: str) -> str | None:
        """The same, of a supply."""
        return self._own.get(supply, METER if METER in self.meters else None)

    def metered_by(self, meter: str) -> tuple[str, ...]:
        """The supplies whose water a meter counts."""
        return self._by_meter[meter]

    @cached_property
    def _by_meter(self) -> Mapping[str, tuple[str, ...]]:
        return {
            meter: tuple(supply for supply in self.supplies if self.meter_of_supply(supply) == meter)
            for meter in self.meters
        }

    def outlets_of(self, meter: str) -> tuple[str, ...]:
        """The outlets whose water a meter counts."""
        return tuple(name for supply in self.metered_by(meter) for name in self.supplies[supply])

    def groups_of(self, supply: str) -> Iterable[GroupPart]:
        """The pressure groups that a supply's pump is in."""
        return (group for group in self.groups.values() if supply in group.pumps)

    def side_by_side(self, one: str, other: str) -> bool:
        """Whether two supplies may water at the same time: each has a pump, and a meter proves it."""
        pumped = all(name in self._parts and self._parts[name].role == "pump" for name in (one, other))
        return pumped and None not in {self.meter_of_supply(one), self.meter_of_supply(other)}

    def _find_mates(self, supply: str) -> Iterable[str]:
        used: dict[str, set[str]] = {}
        for name, outlet in self.outlets.items():
            for actuator in self.of(name):
                used.setdefault(actuator, set()).add(outlet.supply)
        lines = {line.id: line.feeds for line in self._file.mixing_line}
        for injector in self._file.injector:
            if injector.line in lines:
                used.setdefault(injector.actuator, set()).add(lines[injector.line])
        stationed = {name for station in self._file.station for name in station.moved}
        for name, part in self._parts.items():
            elsewhere = supply not in used.get(name, {supply}) or name in stationed
            if not elsewhere and (name in used or not part.safe_open):
                yield name


def _of_zone(part: ZonePart) -> Outlet:
    run_s, day_s = part.max_run_min * 60, part.max_day_min * 60
    return Outlet(part.id, part.name, part.valve, part.pump, part.master, part.flow_l_min, run_s, day_s)


def _of_filter(part: FilterPart) -> Outlet:
    return Outlet(
        part.id, part.name, part.valve, part.pump, part.master, part.flow_l_min, part.seconds, DAY_S, is_filter=True
    )
