"""What must fit together of supplies: their meters, pressure groups, filters, and pumps that go by their power."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tonnam_edge.site.dosing_file import MixingLinePart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.paths import METER
from tonnam_edge.site.plant_file import FilterPart, FlowPart, GroupPart, MeterPart
from tonnam_edge.site.positions import Path
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.site_file import ActuatorPart, ZonePart

OutletPart = ZonePart | FilterPart


def check_supplies(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for everything that does not fit. `told`: the site's datastreams and their kinds."""
    outlets: list[OutletPart] = [zone for _, zone in parts.of(ZonePart, "zone")]
    outlets += [part for _, part in parts.of(FilterPart, "filter")]
    supplies: dict[str, list[OutletPart]] = {}
    for outlet in outlets:
        supplies.setdefault(_supply(outlet), []).append(outlet)
    whole = all(len(parts.lists[key]) == len(parts.ids[key]) for key in ("device", "zone", "filter", "actuator"))
    if not whole:
        return  # what is missing is told already
    _meters(parts, supplies, told, problems)
    _groups(parts, supplies, problems)
    _filters(parts, supplies, told, problems)
    _powers(parts, told, problems)
    _lines(parts, supplies, problems)


def _supply(outlet: OutletPart) -> str:
    return outlet.pump or outlet.master or outlet.valve


def _meters(
    parts: Parts, supplies: Mapping[str, list[OutletPart]], told: Mapping[str, str], problems: Problems
) -> None:
    owners: dict[str, str] = {}
    for index, meter in parts.of(MeterPart, "meter"):
        path: Path = ("meter", index)
        _not_taken(parts, meter.id, (*path, "id"), "meter", problems)
        for key, name in (("rate", meter.rate), ("total", meter.total)):
            _told(name, told, (*path, key), problems)
        if told.get(meter.total, "counter") != "counter":
            problems.error((*path, "total"), f'"{meter.total}" is not a counter. It must be one that only goes up')
        for n, supply in enumerate(meter.supplies):
            at = (*path, "supplies", n)
            if supply not in supplies:
                what = "is not what feeds a zone: its pump, else its master valve, else its valve"
                problems.error(at, f'"{supply}" {what}. {did_you_mean(supply, supplies)}')
            elif owners.setdefault(supply, meter.id) != meter.id:
                problems.error(at, f'"{owners[supply]}" counts its water already')
    common = [name for name in supplies if name not in owners]
    if parts.table(FlowPart, "flow") is None and "flow" not in parts.tables:
        _unmetered(parts, owners, supplies, problems)
    elif len(common) > 1:
        _hidden(parts, {name: supplies[name] for name in common}, problems)


def _not_taken(parts: Parts, name: str, path: Path, what: str, problems: Problems) -> None:
    """What is found wrong is told by one id: it must be clear of what."""
    others = {key for key in ("zone", "actuator", "filter", "meter", "station", "injector") if key != what}
    if name == METER or any(name in parts.names(key) for key in others):
        problems.error(path, f'"{name}" is already something else here. Choose another')


def _unmetered(
    parts: Parts, owners: Mapping[str, str], supplies: Mapping[str, list[OutletPart]], problems: Problems
) -> None:
    latching = {part.id for _, part in parts.of(ActuatorPart, "actuator") if part.kind == "latching"}
    for index, zone in parts.of(ZonePart, "zone"):
        if zone.valve in latching and owners and _supply(zone) not in owners:
            text = f'"{zone.valve}" is a latching valve, and no meter counts the water of "{_supply(zone)}"'
            problems.error(("zone", index, "valve"), f"{text}: nothing would prove that it has closed")


def _hidden(parts: Parts, common: Mapping[str, list[OutletPart]], problems: Problems) -> None:
    """Warn where the flow of one pump is so small beside the others' that their common meter would not miss it."""
    flow = parts.table(FlowPart, "flow")
    if flow is None:
        return
    least = {name: min(each.flow_l_min for each in outlets) for name, outlets in common.items()}
    most = sum(max(each.flow_l_min for each in outlets) for outlets in common.values())
    name = min(least, key=lambda each: least[each])
    if least[name] < (1 - flow.low_pct / 100) * most:
        text = f'would not miss the {least[name]:g} L/min of "{name}" while the others run: a [[meter]] of its'
        problems.warning(("flow", "total"), f"{text} own, or its pump a current with dry_below")


def _groups(parts: Parts, supplies: Mapping[str, list[OutletPart]], problems: Problems) -> None:
    pumps = {part.id for _, part in parts.of(ActuatorPart, "actuator") if part.role == "pump"}
    for index, group in parts.of(GroupPart, "group"):
        path: Path = ("group", index)
        for n, pump in enumerate(group.pumps):
            if pump not in pumps or pump not in supplies:
                hint = did_you_mean(pump, pumps & supplies.keys())
                problems.error((*path, "pumps", n), f'"{pump}" is not a pump of a zone. {hint}')
            elif pump in group.pumps[:n]:
                problems.error((*path, "pumps", n), f'"{pump}" is named twice')
        for outlet in (each for pump in group.pumps for each in supplies.get(pump, ())):
            if group.capacity_l_min is not None and outlet.flow_l_min > group.capacity_l_min:
                text = f'{group.capacity_l_min:g} is less than the {outlet.flow_l_min:g} of "{outlet.id}"'
                problems.error((*path, "capacity_l_min"), f"{text}: it would never get water")


def _filters(
    parts: Parts, supplies: Mapping[str, list[OutletPart]], told: Mapping[str, str], problems: Problems
) -> None:
    valves: dict[str, str] = {zone.valve: zone.id for _, zone in parts.of(ZonePart, "zone")}
    for index, part in parts.of(FilterPart, "filter"):
        path: Path = ("filter", index)
        _not_taken(parts, part.id, (*path, "id"), "filter", problems)
        if valves.setdefault(part.valve, part.id) != part.id:
            problems.error((*path, "valve"), f'"{part.valve}" is already that of "{valves[part.valve]}"')
        if not any(isinstance(each, ZonePart) for each in supplies.get(_supply(part), ())):
            problems.error((*path, "pump"), f'no zone is fed by "{_supply(part)}": there is nothing to filter')
        if part.every_l is None and part.every_h is None and part.difference is None:
            problems.error(path, "is never flushed: give every_l, every_h, or difference and above")
        if (part.difference is None) is not (part.above is None):
            problems.error((*path, "difference"), "difference and above go together")
        if part.difference is not None:
            _told(part.difference, told, (*path, "difference"), problems)


def _powers(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    first: dict[str, str] = {}
    for index, pump in parts.of(ActuatorPart, "actuator"):
        path: Path = ("actuator", index)
        if pump.power is not None:
            _told(pump.power, told, (*path, "power"), problems)
            other = first.setdefault(pump.power, pump.id)
            if other != pump.id and not _take_turns(parts, {other, pump.id}):
                text = f'"{other}" goes by it as well, and each compares the whole of it with its own least_w'
                advice = (
                    "let only one run at a time (a [[group]] with most_pumps = 1), or give each a least_w for both"
                )
                problems.warning((*path, "power"), f"{text}: {advice}")
            if pump.least_w is None:
                problems.error((*path, "power"), "needs least_w: the power under which the pump gives no water")
        for key in ("least_w", "flow_at"):
            if getattr(pump, key) is not None and pump.power is None:
                problems.error((*path, key), "needs power: the datastream that says how much there is")
        watts = [point[0] for point in pump.flow_at or ()]
        if any(later <= before for before, later in pairwise(watts)):
            problems.error((*path, "flow_at"), "the watts must rise from point to point")


def _take_turns(parts: Parts, pumps: set[str]) -> bool:
    return any(group.most_pumps == 1 and pumps <= {*group.pumps} for _, group in parts.of(GroupPart, "group"))


def _lines(parts: Parts, supplies: Mapping[str, list[OutletPart]], problems: Problems) -> None:
    """A line doses by the litres that pass it: the meter of another supply would let it never dose, or too much."""
    flow, meters = parts.table(FlowPart, "flow"), [meter for _, meter in parts.of(MeterPart, "meter")]
    own = {supply: meter.total for meter in meters for supply in meter.supplies}
    totals = {meter.total for meter in meters} | (set() if flow is None else {flow.total})
    for index, line in parts.of(MixingLinePart, "mixing_line"):
        right = own.get(line.feeds, flow.total if flow is not None else None)
        if line.feeds in supplies and line.flow in totals and line.flow != right:
            by = "no meter counts it" if right is None else f"it is counted by {right}"
            text = f"{line.flow} does not count the water of {line.feeds}; {by}"
            problems.error(("mixing_line", index, "flow"), text)


def _told(name: str, told: Mapping[str, str], path: Path, problems: Problems) -> None:
    if name not in told:
        problems.error(path, f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}')
