"""A site, whole and checked: every reference resolved, every datastream known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from tonnam_edge.site.coils import timer_s
from tonnam_edge.site.deadlines import Feed
from tonnam_edge.site.paths import Outlet, Paths
from tonnam_edge.site.polling import DevicePlan
from tonnam_edge.site.profile import Profile, Relay, Words
from tonnam_edge.site.program_file import AnyProgram
from tonnam_edge.site.site_file import (
    STOP_ORDER,
    ActuatorPart,
    BandPart,
    BusPart,
    DevicePart,
    SiteFile,
    ZonePart,
)
from tonnam_edge.site.station_file import StationPart
from tonnam_link.messages import DatastreamSpec

SOIL_MOISTURE = "soil_moisture"


@dataclass(frozen=True)
class Datastream:
    """One observed property of one thing of this site. `id` is the link's: site/thing/property."""

    id: str
    name: Words
    unit: str
    resolution: float
    kind: Literal["measure", "state"]
    max_age_s: float

    @property
    def spec(self) -> DatastreamSpec:
        return DatastreamSpec(datastream=self.id, unit=self.unit, resolution=self.resolution)


@dataclass(frozen=True)
class Sensed:
    """A datastream that is one value of one device. Older than `max_age_s` it is stale."""

    datastream: Datastream
    device: str
    value: str
    range: tuple[float, float] | None
    max_age_s: float


@dataclass(frozen=True)
class Averaged:
    """A datastream that is the mean of those of `sources` that are good: what a zone's probes say together."""

    datastream: Datastream
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Actuator:
    """What a relay board moves. `timer_s` is the longest deadline that the board can hold for it, None without;
    `comes_back_on` says that a power cut of the board ends it."""

    part: ActuatorPart
    relay: Relay
    datastream: Datastream
    max_age_s: float
    current: str | None = None
    power: str | None = None
    comes_back_on: bool = False
    least_w: float | None = None

    @property
    def id(self) -> str:
        return self.part.id

    @property
    def timer_s(self) -> float | None:
        return timer_s(self.part, self.relay)

    @property
    def stops_at(self) -> int:
        """Its place among those that are turned off together."""
        return STOP_ORDER.index(self.part.role)

    @property
    def unattended(self) -> bool:
        """Whether its water ends without this machine: by a timer of the board or by a cut-off of its own."""
        return (self.timer_s is not None and not self.comes_back_on) or self.part.cut_off_min is not None


@dataclass(frozen=True)
class Zone:
    """Ground that one valve waters, with the datastream that says how wet it is (None without probes)."""

    part: ZonePart
    moisture: str | None

    @property
    def id(self) -> str:
        return self.part.id

    @property
    def band(self) -> BandPart:
        """How wet its soil should be. Raises KeyError without: only a moisture program, which needs one, asks."""
        if self.part.band is None:
            raise KeyError(self.id)
        return self.part.band

    @property
    def max_run_s(self) -> float:
        return self.part.max_run_min * 60

    @property
    def max_day_s(self) -> float:
        return self.part.max_day_min * 60


@dataclass(frozen=True)
class Device:
    part: DevicePart
    profile: Profile
    plan: DevicePlan
    poll_s: float
    max_age_s: float


@dataclass(frozen=True)
class Site:
    """Everything that the agent knows of its farm. Made by `check.load_site`; never changes while it runs."""

    file: SiteFile
    buses: Mapping[str, BusPart]
    devices: Mapping[str, Device]
    sensed: tuple[Sensed, ...]
    averaged: tuple[Averaged, ...]
    actuators: Mapping[str, Actuator]
    zones: Mapping[str, Zone]
    programs: tuple[AnyProgram, ...]

    @property
    def id(self) -> str:
        return self.file.site.id

    @property
    def stations(self) -> Mapping[str, StationPart]:
        """The pumping stations and gates."""
        return {station.id: station for station in self.file.station}

    @property
    def stationed(self) -> frozenset[str]:
        """The actuators of stations: they move by a level, and no zone's water goes through them."""
        return frozenset(name for station in self.file.station for name in station.moved)

    @property
    def stop_order(self) -> list[str]:
        """The actuators in the order in which all are turned off: what doses, pumps, then what lets water through."""
        return sorted(self.actuators, key=lambda name: self.actuators[name].stops_at)

    @cached_property
    def paths(self) -> Paths:
        """The ways of the water."""
        return Paths(self.file)

    @property
    def outlets(self) -> Mapping[str, Outlet]:
        """Where water goes to, by id: the zones, and the filters that are flushed."""
        return self.paths.outlets

    def path_of(self, outlet: str) -> tuple[str, ...]:
        """The actuators that must be open for an outlet to have water, as they are opened: valve, master, pump."""
        return self.paths.of(outlet)

    def feed_of(self, outlet: str) -> Feed:
        """What stands before the valves of an outlet's supply, and how long the slowest of them travels."""
        return self.paths.feed(outlet)

    def path_mates(self, outlet: str) -> frozenset[str]:
        """All that water of an outlet's supply may go through. What no outlet uses may be anywhere."""
        return self.paths.mates(outlet)

    def supply_of(self, outlet: str) -> str:
        """What feeds an outlet: its pump, else its master valve, else nothing else."""
        return self.outlets[outlet].supply

    @property
    def datastreams(self) -> tuple[Datastream, ...]:
        """All datastreams, in an order that only the site file decides."""
        return (
            *(one.datastream for one in self.sensed),
            *(one.datastream for one in self.averaged),
            *(one.datastream for one in self.actuators.values()),
        )

    @property
    def tank_level(self) -> str | None:
        return None if self.file.tank is None else f"{self.id}/{self.file.tank.level}"

    def total_of(self, outlet: str) -> str | None:
        """The datastream that counts the litres of an outlet, None where they are not metered."""
        meter = self.paths.meter(outlet)
        return None if meter is None else f"{self.id}/{self.paths.meters[meter].total}"

    @property
    def flow_total(self) -> str | None:
        return None if self.file.flow is None else f"{self.id}/{self.file.flow.total}"

    @property
    def flow_rate(self) -> str | None:
        """The rate of the first meter."""
        first = next(iter(self.paths.meters.values()), None)
        return None if first is None else f"{self.id}/{first.rate}"

    def weather_stream(self, key: str) -> str | None:
        """The datastream that tells something of the weather, by its key in the site file; else None."""
        name = getattr(self.file.weather, key)
        return None if name is None else f"{self.id}/{name}"

    def moved_by(self, actuator: str) -> tuple[str, int, int] | None:
        """Address, unit and coil by which an actuator is moved; None when there is no such actuator."""
        found = self.actuators.get(actuator)
        if found is None:
            return None
        device = self.devices[found.part.device].part
        return self.buses[device.bus].address, device.unit, found.part.coil

    def device_of(self, datastream: str) -> Device | None:
        """The device that measures a datastream, or None when it is not measured by one."""
        found = next((s.device for s in self.sensed if s.datastream.id == datastream), None)
        return None if found is None else self.devices[found]


def build_site(file: SiteFile, profiles: Mapping[str, Profile]) -> Site:
    """The site that a checked file describes; `profiles` by device id. Raises KeyError on a file not checked."""
    devices = {part.id: _device(part, profiles[part.id]) for part in file.device}
    sensed = tuple(s for device in devices.values() for s in _sensed(file, device))
    averaged = tuple(a for zone in file.zone for a in _averaged(file, zone, devices, sensed))
    zones = {part.id: Zone(part, _moisture(file, part, averaged)) for part in file.zone}
    actuators = {part.id: _actuator(file, part, devices[part.device]) for part in file.actuator}
    site = Site(
        file=file,
        buses={part.id: part for part in file.bus},
        devices=devices,
        sensed=sensed,
        averaged=averaged,
        actuators=actuators,
        zones=zones,
        programs=file.program,
    )
    return _with_unique_names(site)


def told_values(part: DevicePart, profile: Profile) -> tuple[str, ...]:
    """Which values of a device become datastreams."""
    return profile.told() if part.tells is None else part.tells


def actuator_property(part: ActuatorPart, zones: tuple[ZonePart, ...]) -> tuple[str, str]:
    """Thing and property under which an actuator's state is told: its zone's valve_open, running, or gate_open."""
    if part.turns:
        return part.id, "running"
    if part.role == "gate":
        return part.id, "gate_open"
    zone = next((zone.id for zone in zones if zone.valve == part.id), part.id)
    return zone, "valve_open"


def _device(part: DevicePart, profile: Profile) -> Device:
    poll_s = part.poll_s or profile.poll_s
    max_age_s = part.max_age_s or max(30.0, 4 * poll_s)
    return Device(part, profile, DevicePlan(profile, told_values(part, profile), part.parameters), poll_s, max_age_s)


def _fresh_s(file: SiteFile, max_age_s: float) -> float:
    """How old a reading may be in the cloud before it counts as unknown: the device's time and three beats."""
    return max(60.0, max_age_s + 3 * max(file.telling.every_s, file.telling.send_s))


def _sensed(file: SiteFile, device: Device) -> list[Sensed]:
    part, found = device.part, []
    for value_id in told_values(part, device.profile):
        value = device.profile.find(value_id)
        if value is None:
            raise KeyError(value_id)
        resolution = value.resolution
        if value.scale_by is not None:
            resolution *= device.plan.parameters[value.scale_by]
        datastream = Datastream(
            id=f"{file.site.id}/{part.thing or part.id}/{value_id}",
            name=value.name,
            unit=value.unit,
            resolution=resolution,
            kind="state" if value.kind == "state" else "measure",
            max_age_s=_fresh_s(file, device.max_age_s),
        )
        found.append(Sensed(datastream, part.id, value_id, value.range, device.max_age_s))
    return found


def _averaged(
    file: SiteFile, zone: ZonePart, devices: Mapping[str, Device], sensed: tuple[Sensed, ...]
) -> list[Averaged]:
    """What all probes of a zone measure, as datastreams of the zone itself."""
    if not zone.probes:
        return []
    first = devices[zone.probes[0]]
    found = []
    for value_id in told_values(first.part, first.profile):
        sources = [s for probe in zone.probes for s in sensed if s.device == probe and s.value == value_id]
        if len(sources) != len(zone.probes):
            continue
        model = sources[0].datastream
        datastream = replace(model, id=f"{file.site.id}/{zone.id}/{value_id}")
        found.append(Averaged(datastream, tuple(s.datastream.id for s in sources)))
    return found


def _moisture(file: SiteFile, zone: ZonePart, averaged: tuple[Averaged, ...]) -> str | None:
    wanted = f"{file.site.id}/{zone.id}/{SOIL_MOISTURE}"
    return next((a.datastream.id for a in averaged if a.datastream.id == wanted), None)


def _actuator(file: SiteFile, part: ActuatorPart, device: Device) -> Actuator:
    if device.profile.relay is None:
        raise KeyError(part.device)
    thing, prop = actuator_property(part, file.zone)
    datastream = Datastream(
        f"{file.site.id}/{thing}/{prop}", part.name, "1", 1.0, "state", _fresh_s(file, device.max_age_s)
    )
    max_age_s = min(device.max_age_s, max(5.0, 4 * device.poll_s))
    current = None if part.current is None else f"{file.site.id}/{part.current}"
    power, least_w, solar = part.power, part.least_w, file.holds.solar
    if part.role == "pump" and power is None and solar is not None and solar.direct:
        power, least_w = solar.power, solar.least
    power = None if power is None else f"{file.site.id}/{power}"
    back_on = device.part.power_on == "on"
    return Actuator(part, device.profile.relay, datastream, max_age_s, current, power, back_on, least_w)


def _with_unique_names(site: Site) -> Site:
    """Where several datastreams have the same name, it says of which device or zone it is."""
    names = [d.name.th for d in site.datastreams]

    def named(datastream: Datastream, owner: Words) -> Datastream:
        if names.count(datastream.name.th) < 2:
            return datastream
        name = Words(th=f"{datastream.name.th} · {owner.th}", en=f"{datastream.name.en} · {owner.en}")
        return replace(datastream, name=name)

    sensed = tuple(replace(s, datastream=named(s.datastream, site.devices[s.device].part.name)) for s in site.sensed)
    zone_names = {zone.id: zone.part.name for zone in site.zones.values()}
    averaged = tuple(
        Averaged(named(a.datastream, zone_names[a.datastream.id.split("/")[1]]), a.sources) for a in site.averaged
    )
    return replace(site, sensed=sensed, averaged=averaged)
