"""What must fit together of valves and pumps: boards, coils, kinds, timers, and the path of the water."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from tonnam_edge.site.coils import coils_of, timer_s
from tonnam_edge.site.deadlines import Feed, longest_run_s
from tonnam_edge.site.dosing_file import InjectorPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.plant_file import FilterPart, FlowPart
from tonnam_edge.site.positions import Path
from tonnam_edge.site.problems import Problems, a_or_an, did_you_mean
from tonnam_edge.site.profile import Profile, Relay
from tonnam_edge.site.site_file import ActuatorPart, DevicePart, Role, ZonePart

# Keys that only some actuators have.
ONLY_OF: dict[str, tuple[Role, ...]] = {
    "capacity_l_min": ("pump",),
    "rest_s": ("pump",),
    "starts_per_hour": ("pump",),
    "contactor": ("pump",),
    "current": ("pump",),
    "runs_above": ("pump",),
    "dry_below": ("pump",),
    "power": ("pump",),
    "least_w": ("pump",),
    "flow_at": ("pump",),
    "lead_s": ("master",),
    "lag_s": ("master",),
}
ONLY_OF_LATCHING = ("close_coil", "pulse_s")
OutletPart = ZonePart | FilterPart


def check_actuators(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    """Each actuator by itself: its board, its coils, and the keys that go with what it is."""
    coils: dict[tuple[str, int], str] = {}
    for index, actuator in parts.of(ActuatorPart, "actuator"):
        path = ("actuator", index)
        if actuator.device not in parts.names("device"):
            hint = did_you_mean(actuator.device, parts.names("device"))
            problems.error((*path, "device"), f'"{actuator.device}" is not a device. {hint}')
        for key, coil in zip(("coil", "close_coil"), coils_of(actuator), strict=False):
            other = coils.get((actuator.device, coil))
            if other is not None:
                text = f'coil {coil} of "{actuator.device}" already moves "{other}": one coil, one actuator'
                problems.error((*path, key), text)
            coils.setdefault((actuator.device, coil), actuator.id)
        _keys(actuator, path, problems)
        _kind(parts, actuator, path, problems)
        _board(actuator, profiles, path, problems, comes_back_on=actuator.device in _come_back_on(parts))
    _unused_valves(parts, problems)


def check_water_paths(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    """What an outlet's water goes through: that it is there, closes by itself, and can guard and carry its runs."""
    actuators = {actuator.id: actuator for _, actuator in parts.of(ActuatorPart, "actuator")}
    masters: dict[str, tuple[str | None, str]] = {}
    travels = _travels(parts, actuators)
    for path, outlet in _outlets(parts):
        for role, name in _named(outlet):
            _uses(parts, name, role, (*path, role), problems)
        if outlet.pump is not None:
            first = masters.setdefault(outlet.pump, (outlet.master, outlet.id))
            if first[0] != outlet.master:
                text = f'must be that of "{first[1]}", which is {_told(first[0])}: one pump, one master valve'
                problems.error((*path, "master"), text)
        pump = actuators.get(outlet.pump or "")
        _capacity(outlet, pump, path, problems)
        contactor = pump is not None and pump.contactor is not None
        feed = Feed(actuators.get(outlet.master or ""), contactor, travels.get(outlet.pump, 0.0))
        for role, name in _path(outlet, actuators):
            part = actuators.get(name)
            if part is not None:
                _passes(outlet, part, role, feed, profiles, path, problems)
    _contactors(parts, problems)


def check_witnesses(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    """What a pump's current is measured by. `told` are the datastreams of the site."""
    for index, actuator in parts.of(ActuatorPart, "actuator"):
        path = ("actuator", index)
        whole = len(parts.lists["device"]) == len(parts.ids["device"])
        if actuator.current is not None and actuator.current not in told and whole:
            text = f'"{actuator.current}" is not a datastream of a device. {did_you_mean(actuator.current, told)}'
            problems.error((*path, "current"), text)
        for key in ("runs_above", "dry_below"):
            if getattr(actuator, key) is not None and actuator.current is None:
                problems.error((*path, key), "needs current: the datastream that measures it")
        if actuator.role == "pump" and actuator.current is not None and actuator.runs_above is None:
            problems.warning(
                (*path, "current"),
                "needs runs_above, in amperes: more than the drive draws while its pump stands, less than the pump "
                "draws when it runs dry; a third of what it draws as it works is right for most",
            )
        above, below = actuator.runs_above, actuator.dry_below
        if above is not None and below is not None and below <= above:
            problems.error((*path, "dry_below"), f"{below:g} must be above runs_above, which is {above:g}")


def check_unattended(parts: Parts, profiles: Mapping[str, Profile], problems: Problems) -> None:
    """Warn at every program that can never water: nothing but this machine would end the water of its zone."""
    actuators = {actuator.id: actuator for _, actuator in parts.of(ActuatorPart, "actuator")}
    zones = {zone.id: zone for _, zone in parts.of(ZonePart, "zone")}
    come_back_on = _come_back_on(parts)
    for index, program in parts.of(BaseModel, "program"):
        zone = zones.get(getattr(program, "zone", ""))
        for _, name in _path(zone, actuators) if zone is not None else ():
            part = actuators.get(name)
            profile = profiles.get(part.device) if part is not None else None
            relay = None if profile is None else profile.relay
            if part is None or relay is None or part.cut_off_min is not None:
                continue
            if timer_s(part, relay) is not None and part.device not in come_back_on:
                continue
            timer = "" if part.kind == "latching" else ", or put it on a board with a timer"
            text = f'it will never water: nothing closes "{name}" by itself if this machine dies'
            advice = f"Give it a cut-off of its own and say so there with cut_off_min{timer}"
            problems.warning(("program", index, "zone"), f"{text}. {advice}")


def _keys(actuator: ActuatorPart, path: Path, problems: Problems) -> None:
    for key, roles in ONLY_OF.items():
        if getattr(actuator, key) is not None and actuator.role not in roles:
            problems.error((*path, key), f"only {a_or_an(roles[0])} has it, and this is {a_or_an(actuator.role)}")
    for key in ONLY_OF_LATCHING:
        if getattr(actuator, key) is not None and actuator.kind != "latching":
            problems.error((*path, key), f"only a latching valve has it, and this is {actuator.kind}")
    words = ("off", "on") if actuator.turns else ("closed", "open")
    if actuator.safe_state is not None and actuator.safe_state not in words:
        text = f'"{actuator.safe_state}" is not a state of {a_or_an(actuator.role)}. Allowed: {", ".join(words)}'
        problems.error((*path, "safe_state"), text)


def _kind(parts: Parts, actuator: ActuatorPart, path: Path, problems: Problems) -> None:
    if actuator.turns and actuator.kind in {"latching", "motorised"}:
        text = f"{a_or_an(actuator.role)} cannot be {actuator.kind}. Allowed: normally_closed, normally_open"
        problems.error((*path, "kind"), text)
    if actuator.kind == "motorised" and actuator.travel_s == 0:
        problems.error((*path, "travel_s"), "a motorised valve needs it: the seconds that it takes to turn")
    if actuator.kind != "latching":
        return
    if actuator.close_coil is None:
        problems.error((*path, "close_coil"), "a latching valve needs it: the coil whose pulse closes it")
    if not parts.ids["meter"] and parts.table(FlowPart, "flow") is None:
        text = "a latching valve needs [flow]: its coils do not say whether it has closed, only the meter does"
        problems.error((*path, "kind"), text)


def _come_back_on(parts: Parts) -> set[str]:
    """The boards of which a relay that was on is on after a power cut, too."""
    return {device.id for _, device in parts.of(DevicePart, "device") if device.power_on == "on"}


def _board(
    actuator: ActuatorPart, profiles: Mapping[str, Profile], path: Path, problems: Problems, *, comes_back_on: bool
) -> None:
    profile = profiles.get(actuator.device)
    if profile is None:
        return
    if profile.relay is None:
        boards = [name for name, each in profiles.items() if each.relay]
        text = f'"{actuator.device}" is not a relay board. {did_you_mean(actuator.device, boards)}'
        problems.error((*path, "device"), text)
        return
    for key, coil in zip(("coil", "close_coil"), coils_of(actuator), strict=False):
        if coil >= profile.relay.coils:
            problems.error((*path, key), f"the board has coils 0 to {profile.relay.coils - 1}")
    if actuator.kind == "latching" and profile.relay.flash_at(on=True) is None:
        text = f"{profile.id} has no timers, and a pulse must end by itself. Put it on a board with timers"
        problems.error((*path, "device"), text)
    elif (comes_back_on or timer_s(actuator, profile.relay) is None) and actuator.cut_off_min is None:
        text = _unguarded(actuator, profile.id, profile.relay, comes_back_on=comes_back_on)
        problems.warning((*path, "device"), text)


def _unguarded(actuator: ActuatorPart, board: str, relay: Relay, *, comes_back_on: bool) -> str:
    why = f"{board} cannot hold a deadline"
    if actuator.kind == "latching":
        why = "no timer closes a latching valve"
    elif comes_back_on:
        why = f"{board} comes back with its relays on after a power cut, without a timer"
    elif relay.timer_max_s(on=True) is not None:
        state = "open" if actuator.safe_open else "closed"
        why = f"no timer of {board} ends with it {state}"
    other = "" if actuator.kind == "latching" else ", or put it on a board with a timer"
    return (
        f"{why}: if this machine dies, it stays as it is. Neither a program nor a command from afar will water with "
        f"it. Add a cut-off of its own and say so with cut_off_min{other}"
    )


def _unused_valves(parts: Parts, problems: Problems) -> None:
    if any(len(parts.lists[key]) < len(parts.ids[key]) for key in ("zone", "filter", "injector")):
        return
    used = {name for _, outlet in _outlets(parts) for _, name in _named(outlet)}
    used |= {injector.closing_actuator or "" for _, injector in parts.of(InjectorPart, "injector")}
    for index, actuator in parts.of(ActuatorPart, "actuator"):
        if actuator.role in {"valve", "master"} and actuator.id not in used and not actuator.safe_open:
            what = "valve" if actuator.role == "valve" else "master valve"
            problems.warning(("actuator", index), f"no zone uses this {what}; it will only be kept closed")


def _outlets(parts: Parts) -> Iterator[tuple[Path, OutletPart]]:
    """The zones and filters, with their places in the file."""
    for index, zone in parts.of(ZonePart, "zone"):
        yield ("zone", index), zone
    for index, part in parts.of(FilterPart, "filter"):
        yield ("filter", index), part


def _named(zone: OutletPart) -> Iterator[tuple[Role, str]]:
    """What a zone or filter names, by its key."""
    yield "valve", zone.valve
    if zone.pump is not None:
        yield "pump", zone.pump
    if zone.master is not None:
        yield "master", zone.master


def _path(zone: OutletPart, actuators: Mapping[str, ActuatorPart]) -> Iterator[tuple[Role, str]]:
    """All that must be open for a zone to have water, by the key of the zone that leads to it."""
    yield from _named(zone)
    pump = actuators.get(zone.pump or "")
    if pump is not None and pump.contactor is not None:
        yield "pump", pump.contactor


def _travels(parts: Parts, actuators: Mapping[str, ActuatorPart]) -> dict[str | None, float]:
    """The longest travel of the valves behind each pump."""
    longest: dict[str | None, float] = {}
    for _, zone in _outlets(parts):
        valve = actuators.get(zone.valve)
        if valve is not None:
            longest[zone.pump] = max(longest.get(zone.pump, 0.0), valve.travel_s)
    return longest


def _uses(parts: Parts, name: str, role: Role, path: Path, problems: Problems) -> None:
    of_role = [actuator.id for _, actuator in parts.of(ActuatorPart, "actuator") if actuator.role == role]
    broken = parts.names("actuator") - {actuator.id for _, actuator in parts.of(ActuatorPart, "actuator")}
    if name not in of_role and name not in broken:
        problems.error(path, f'"{name}" is not {a_or_an(role)}. {did_you_mean(name, of_role)}')


def _told(name: str | None) -> str:
    return "none" if name is None else f'"{name}"'


def _capacity(zone: OutletPart, pump: ActuatorPart | None, path: Path, problems: Problems) -> None:
    if pump is not None and pump.capacity_l_min is not None and zone.flow_l_min > pump.capacity_l_min:
        text = f'{zone.flow_l_min:g} is more than capacity_l_min of "{pump.id}", which is {pump.capacity_l_min:g}'
        problems.error((*path, "flow_l_min"), text)


def _passes(
    zone: OutletPart,
    part: ActuatorPart,
    role: Role,
    feed: Feed,
    profiles: Mapping[str, Profile],
    path: Path,
    problems: Problems,
) -> None:
    """What lets a zone's water through is closed when something is wrong, and guards the zone's longest run."""
    if part.safe_open:
        text = f'"{part.id}" has safe_state = "{part.safe_state}": water would run whenever something is wrong'
        problems.error((*path, role), f"{text}. What a zone uses must be closed or off in its safe state")
    profile = profiles.get(part.device)
    if profile is None or profile.relay is None:
        return
    room_s = longest_run_s(part, timer_s(part, profile.relay), feed)
    key, told, unit_s = _longest(zone)
    if room_s is not None and told * unit_s > room_s:
        guard = "the relay board" if part.cut_off_min is None else "the relay board or the cut-off"
        text = f'is longer than {guard} of "{part.id}" can guard: at most {room_s / unit_s:.1f}'
        problems.error((*path, key), f"{told:g} {text}")


def _longest(outlet: OutletPart) -> tuple[str, float, int]:
    """The key that gives the longest run, its value, and the seconds in its unit."""
    if isinstance(outlet, ZonePart):
        return "max_run_min", outlet.max_run_min, 60
    return "seconds", outlet.seconds, 1


def _contactors(parts: Parts, problems: Problems) -> None:
    cuts: dict[str, str] = {}
    for index, pump in parts.of(ActuatorPart, "actuator"):
        if pump.contactor is None:
            continue
        path = ("actuator", index, "contactor")
        _uses(parts, pump.contactor, "contactor", path, problems)
        other = cuts.setdefault(pump.contactor, pump.id)
        if other != pump.id:
            problems.error(path, f'"{pump.contactor}" already cuts off "{other}": one contactor, one pump')
