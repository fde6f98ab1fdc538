"""What must fit together in a site file: references, ids, coils, limits."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from tonnam_edge.site.address import parse_address
from tonnam_edge.site.dosing_check import check_dosing
from tonnam_edge.site.hours_check import check_hours
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.plant_check import check_actuators, check_unattended, check_water_paths, check_witnesses
from tonnam_edge.site.plant_file import FlowPart, TankPart
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.profile import Profile
from tonnam_edge.site.program_check import check_growing, check_programs, check_weather
from tonnam_edge.site.site import SOIL_MOISTURE, actuator_property, told_values
from tonnam_edge.site.site_file import (
    ActuatorPart,
    BusPart,
    DevicePart,
    NodePart,
    PlacePart,
    ZonePart,
)
from tonnam_edge.site.station_check import check_stations
from tonnam_edge.site.supply_check import check_supplies
from tonnam_edge.site.switch_check import check_switches
from tonnam_edge.site.tariff_check import check_tariffs
from tonnam_link.topics import is_id


def cross_check(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    """Add a problem for everything that does not fit together."""
    _ids(parts, problems)
    _place(parts, problems)
    _buses(parts, problems)
    _devices(parts, profiles, problems)
    check_actuators(parts, profiles, problems)
    check_water_paths(parts, profiles, problems)
    _zones(parts, profiles, problems)
    told = _datastreams(parts, profiles, problems)
    _water(parts, told, problems)
    check_witnesses(parts, told, problems)
    check_supplies(parts, told, problems)
    check_switches(parts, told, problems)
    check_stations(parts, profiles, told, problems)
    check_dosing(parts, profiles, told, problems)
    check_programs(parts, problems)
    check_unattended(parts, profiles, problems)
    check_growing(parts, problems)
    check_weather(parts, told, problems)
    check_tariffs(parts, problems)
    check_hours(parts, problems)


def _ids(parts: Parts, problems: Problems) -> None:
    for key, found in parts.ids.items():
        first: dict[str, int] = {}
        for index, name in found:
            if name in first:
                line = problems.line((key, first[name]))
                problems.error((key, index, "id"), f'"{name}" is already the id of the {key} in line {line}')
            first.setdefault(name, index)


def _place(parts: Parts, problems: Problems) -> None:
    node, place = parts.table(NodePart, "node"), parts.table(PlacePart, "site")
    for path, text in ((("node", "tenant"), node and node.tenant), (("node", "id"), node and node.id)):
        if text and not is_id(text):
            problems.error(path, f'"{text}" is taken by Tonnam itself. Choose another')
    if place is not None:
        try:
            ZoneInfo(place.timezone)
        except (KeyError, ValueError, OSError):
            problems.error(("site", "timezone"), f'"{place.timezone}" is not a time zone. Thailand: "Asia/Bangkok"')


def _buses(parts: Parts, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for index, bus in parts.of(BusPart, "bus"):
        path = ("bus", index, "address")
        try:
            address = str(parse_address(bus.address))
        except ValueError as wrong:
            problems.error(path, str(wrong))
            continue
        if address in seen:
            problems.error(path, f'"{seen[address]}" has the same address: a port can have only one owner')
        seen.setdefault(address, bus.id)


def _devices(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    units: dict[tuple[str, int], str] = {}
    buses = {bus.id: bus for _, bus in parts.of(BusPart, "bus")}
    for index, device in parts.of(DevicePart, "device"):
        path = ("device", index)
        if device.bus not in parts.names("bus"):
            problems.error(
                (*path, "bus"), f'"{device.bus}" is not a bus. {did_you_mean(device.bus, parts.names("bus"))}'
            )
        other = units.setdefault((device.bus, device.unit), device.id)
        if other != device.id:
            text = f'unit {device.unit} on bus "{device.bus}" is already "{other}": two devices would answer at once'
            problems.error((*path, "unit"), text)
        bus = buses.get(device.bus)
        if device.unit == 0 and bus and parse_kind(bus.address) in {"serial", "rtu+tcp"}:
            text = "0 means every device on a serial cable at once, and none answers. Allowed: 1 to 247"
            problems.error((*path, "unit"), text)
        profile = profiles.get(device.id)
        if profile is None:
            continue
        _tells(device, profile, path, problems)
        if bus and parse_kind(bus.address) == "serial" and bus.baud != profile.baud:
            text = f"leaves the factory with {profile.baud} baud, and the bus has {bus.baud}: one of them must be set"
            problems.warning((*path, "profile"), text)


def parse_kind(address: str) -> str:
    """Which kind of bus an address means, or "" when it is none."""
    try:
        return parse_address(address).kind
    except ValueError:
        return ""


def _tells(device: DevicePart, profile: Profile, path: tuple[str | int, ...], problems: Problems) -> None:
    known = [value.id for value in profile.value]
    for n, value_id in enumerate(device.tells or ()):
        if value_id not in known:
            problems.error(
                (*path, "tells", n), f'"{value_id}" is not measured by it. {did_you_mean(value_id, known)}'
            )
        elif device.tells and value_id in device.tells[:n]:
            problems.error((*path, "tells", n), f'"{value_id}" is named twice')
    for name in device.parameters:
        if name not in profile.parameters:
            hint = did_you_mean(name, profile.parameters)
            problems.error((*path, "parameters", name), f"{profile.id} has no such parameter. {hint}")


def _zones(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    valves: dict[str, str] = {}
    _no_zone(parts, problems)
    _shared_probes(parts, problems)
    for index, zone in parts.of(ZonePart, "zone"):
        path = ("zone", index)
        other = valves.setdefault(zone.valve, zone.id)
        if other != zone.id:
            problems.error((*path, "valve"), f'"{zone.valve}" already waters "{other}"')
        if zone.band is not None and zone.band.low_pct >= zone.band.high_pct:
            text = f"{zone.band.low_pct:g} must be below high_pct, which is {zone.band.high_pct:g}"
            problems.error((*path, "band", "low_pct"), text)
        if zone.max_run_min > zone.max_day_min:
            text = f"{zone.max_run_min:g} is more than max_day_min, which is {zone.max_day_min:g}"
            problems.error((*path, "max_run_min"), text)
        _probes(parts, zone, profiles, path, problems)


def _no_zone(parts: Parts, problems: Problems) -> None:
    if parts.ids["device"] and not parts.ids["zone"] and not parts.lists["zone"] and not parts.ids["station"]:
        problems.warning((), "there is no [[zone]]: nothing will be watered, only measured")


def _shared_probes(parts: Parts, problems: Problems) -> None:
    """A probe stands in one place: two zones that go by the same one would water by the soil of the other."""
    first: dict[str, str] = {}
    for index, zone in parts.of(ZonePart, "zone"):
        for n, probe in enumerate(zone.probes):
            if probe in zone.probes[:n]:
                problems.error(("zone", index, "probes", n), f'"{probe}" is named twice')
            elif probe in first:
                text = f'"{probe}" stands in "{first[probe]}" already: a probe knows the soil of one zone only'
                problems.error(("zone", index, "probes", n), text)
            first.setdefault(probe, zone.id)


def _probes(
    parts: Parts, zone: ZonePart, profiles: Mapping[str, Profile], path: tuple[str | int, ...], problems: Problems
) -> None:
    devices = {device.id: device for _, device in parts.of(DevicePart, "device")}
    for n, probe in enumerate(zone.probes):
        if probe not in parts.names("device"):
            hint = did_you_mean(probe, parts.names("device"))
            problems.error((*path, "probes", n), f'"{probe}" is not a device. {hint}')
            continue
        known = probe in devices and probe in profiles
        if known and SOIL_MOISTURE not in told_values(devices[probe], profiles[probe]):
            problems.error((*path, "probes", n), f'"{probe}" does not tell {SOIL_MOISTURE}')


def _datastreams(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> dict[str, str]:
    """Every thing/property of the site, with the kind of its value; two of the same name are an error."""
    told: dict[str, str] = {}

    def add(name: str, kind: str, path: tuple[str | int, ...]) -> None:
        if name in told:
            problems.error(path, f'the datastream "{name}" would come from two places. Change a thing')
        told[name] = kind

    for index, device in parts.of(DevicePart, "device"):
        profile = profiles.get(device.id)
        for value_id in told_values(device, profile) if profile else ():
            value = profile.find(value_id) if profile else None
            if value is not None:
                add(f"{device.thing or device.id}/{value_id}", value.kind, ("device", index))
    zones = tuple(zone for _, zone in parts.of(ZonePart, "zone"))
    for index, actuator in parts.of(ActuatorPart, "actuator"):
        add("/".join(actuator_property(actuator, zones)), "state", ("actuator", index))
    for index, zone in parts.of(ZonePart, "zone"):
        if zone.probes and f"{zone.id}/{SOIL_MOISTURE}" in told:
            problems.error(("zone", index, "id"), f'a device already tells "{zone.id}/{SOIL_MOISTURE}"')
    return told


def _water(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    whole = len(parts.lists["device"]) == len(parts.ids["device"])
    tank, flow = parts.table(TankPart, "tank"), parts.table(FlowPart, "flow")
    named = [] if tank is None else [(("tank", "level"), tank.level)]
    named += [] if flow is None else [(("flow", "rate"), flow.rate), (("flow", "total"), flow.total)]
    for path, name in named:
        if name not in told and whole:
            problems.error(path, f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}')
    if flow is not None and told.get(flow.total, "counter") != "counter":
        problems.error(("flow", "total"), f'"{flow.total}" is not a counter. It must be one that only goes up')
    if tank is not None and tank.low_cm >= tank.full_cm:
        problems.error(("tank", "low_cm"), f"{tank.low_cm:g} must be below full_cm, which is {tank.full_cm:g}")
    elif tank is not None and tank.short_cm is not None and not tank.low_cm < tank.short_cm <= tank.full_cm:
        text = f"{tank.short_cm:g} must be above low_cm and not above full_cm: {tank.low_cm:g} to {tank.full_cm:g}"
        problems.error(("tank", "short_cm"), text)
    pumped = [index for index, zone in parts.of(ZonePart, "zone") if zone.pump]
    if pumped and tank is None and "tank" not in parts.tables:
        text = "has a pump but there is no [tank]: nothing stops the pump when the water is gone"
        problems.warning(("zone", pumped[0], "pump"), text)
