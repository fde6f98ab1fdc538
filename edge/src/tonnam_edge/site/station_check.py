"""What must fit together of pumping stations and gates: levels, contacts, and timers that end in the safe state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tonnam_edge.site.coils import energised, timer_s
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.profile import Profile
from tonnam_edge.site.site_file import ActuatorPart, ZonePart
from tonnam_edge.site.station_file import StationPart

Path = tuple[str | int, ...]


def check_stations(
    parts: Parts, profiles: Mapping[str, Profile], told: Mapping[str, str], problems: Problems
) -> None:
    """Add a problem for everything of a station that does not fit. `told`: the site's datastreams and their kinds."""
    actuators = {actuator.id: actuator for _, actuator in parts.of(ActuatorPart, "actuator")}
    whole = len(parts.lists["device"]) == len(parts.ids["device"])
    taken = _of_zones(parts)
    for index, station in parts.of(StationPart, "station"):
        path: Path = ("station", index)
        if station.id in parts.names("zone"):
            problems.error(
                (*path, "id"), f'"{station.id}" is already a zone: a command would not know which is meant'
            )
        _shape(station, path, problems)
        _levels(station, path, problems)
        for key, name in _moved(station):
            other = taken.setdefault(name, station.id)
            if other != station.id:
                problems.error((*path, *key), f'"{name}" is already moved by "{other}": one actuator, one master')
            _actuator(parts, station, name, (*path, *key), actuators, profiles, problems)
        _same_safe_state(station, path, actuators, problems)
        for key, name, kind in _named(station):
            if name not in told and whole:
                text = f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}'
                problems.error((*path, *key), text)
            elif name in told and (told[name] == "state") is not (kind == "contact"):
                is_not = "a contact" if kind == "contact" else "a level"
                problems.error((*path, *key), f'"{name}" is not {is_not}')


def _of_zones(parts: Parts) -> dict[str, str]:
    """Who else moves an actuator."""
    found: dict[str, str] = {}
    for _, zone in parts.of(ZonePart, "zone"):
        for name in (zone.valve, zone.pump, zone.master):
            if name is not None:
                found[name] = zone.id
    for _, actuator in parts.of(ActuatorPart, "actuator"):
        if actuator.contactor is not None:
            found[actuator.contactor] = actuator.id
    return found


def _shape(station: StationPart, path: Path, problems: Problems) -> None:
    """Pumps or a gate, and the keys that go with them."""
    if bool(station.pumps) is (station.gate is not None):
        problems.error(path, "a station moves pumps or one gate: give either pumps = [...] or gate = ...")
        return
    if station.gate is None:
        if station.above != "on":
            problems.error((*path, "above"), "pumps run from start_cm up. Allowed: on")
        if station.duty > len(station.pumps):
            text = f"{station.duty} pumps cannot run where there are {len(station.pumps)}"
            problems.error((*path, "duty"), text)
        if station.seen is not None:
            problems.error((*path, "seen"), "only a gate has limit switches")
        if station.dry is None:
            text = "nothing stops the pumps when there is no water at their intake. Add dry = { level = ... }"
            problems.warning(path, text)
        return
    if station.above == "on":
        problems.error((*path, "above"), 'say what the gate is from start_cm up. Allowed: "open", "closed"')
    for key in ("dry", "all_cm", "falls_within_min"):
        if getattr(station, key) is not None:
            problems.error((*path, key), "only pumps have it")


def _levels(station: StationPart, path: Path, problems: Problems) -> None:
    if station.stop_cm >= station.start_cm:
        text = f"{station.stop_cm:g} must be below start_cm, which is {station.start_cm:g}: waves would move it"
        problems.error((*path, "stop_cm"), text)
    if station.all_cm is not None and station.all_cm <= station.start_cm:
        text = f"{station.all_cm:g} must be above start_cm, which is {station.start_cm:g}"
        problems.error((*path, "all_cm"), text)
    dry = station.dry
    if dry is not None and dry.again_cm <= dry.below_cm:
        text = f"{dry.again_cm:g} must be above below_cm, which is {dry.below_cm:g}"
        problems.error((*path, "dry", "again_cm"), text)
    if station.witness is not None and station.witness.level == station.level:
        text = f'"{station.level}" cannot be its own witness. Name another gauge'
        problems.error((*path, "witness", "level"), text)


def _moved(station: StationPart) -> Iterator[tuple[Path, str]]:
    for number, name in enumerate(station.pumps):
        yield ("pumps", number), name
    if station.gate is not None:
        yield ("gate",), station.gate


def _actuator(
    parts: Parts,
    station: StationPart,
    name: str,
    path: Path,
    actuators: Mapping[str, ActuatorPart],
    profiles: Mapping[str, Profile],
    problems: Problems,
) -> None:
    """It is there, is what it must be, and goes into its safe state by its board when this machine dies."""
    role = "pump" if station.gate is None else "gate"
    if name not in actuators or actuators[name].role != role:
        if name in actuators or name not in parts.names("actuator"):
            of_role = [one.id for one in actuators.values() if one.role == role]
            problems.error(path, f'"{name}" is not a {role}. {did_you_mean(name, of_role)}')
        return
    part = actuators[name]
    if part.safe_state is None:
        words = '"on" or "off"' if part.turns else '"open" or "closed"'
        problems.error(
            path, f'"{name}" declares no safe_state, and here "off" is no matter of course. Give it {words}'
        )
        return
    if part.contactor is not None:
        problems.error(path, f'"{name}" has a contactor, which is opened to stop it: a station uses none')
    if part.safe_open and role == "pump" and (station.dry is None or station.dry.guard is None):
        text = f'"{name}" runs in its safe state, also when this machine is dead. Give dry = {{ guard = ... }}:'
        text += " what stops it then when there is no water, such as a float switch in its own circuit"
        problems.error(path, text)
    if part.kind != "latching" and energised(part, is_open=part.safe_open):
        text = (
            f'"{name}" is {part.safe_state} only while its coil is on: a board without supply does not bring it into'
        )
        problems.warning(path, f"{text} its safe state. Wire it the other way round (kind), where that can be done")
    profile = profiles.get(part.device)
    if profile is None or profile.relay is None:
        return
    longest_s = timer_s(part, profile.relay)
    if longest_s is None:
        text = (
            f'no timer of {profile.id} ends with "{name}" {part.safe_state}: if this machine dies, it stays as it is'
        )
        problems.error(path, f"{text}. Put it on a board with such a timer, or wire it the other way round (kind)")
    elif station.hold_s > longest_s:
        problems.error((*path[:2], "hold_s"), f"{station.hold_s:g} is longer than {profile.id} can: {longest_s:g}")
    elif part.renewable != "verified":
        text = f'nobody has tried whether a second timer of "{name}" replaces the first (renewable): hold_s does not'
        text += f" count, and every {longest_s / 60:.0f} minutes it goes into its safe state for a moment"
        problems.warning(path, text)


def _same_safe_state(
    station: StationPart, path: Path, actuators: Mapping[str, ActuatorPart], problems: Problems
) -> None:
    states = {actuators[name].safe_state for name in station.pumps if name in actuators}
    if len(states) > 1:
        problems.error((*path, "pumps"), "pumps that take turns must have the same safe_state")


def _named(station: StationPart) -> Iterator[tuple[Path, str, str]]:
    """The datastreams that a station names, by key; a level or a contact."""
    yield ("level",), station.level, "level"
    if station.witness is not None:
        yield ("witness", "level"), station.witness.level, "level"
    if station.dry is not None:
        yield ("dry", "level"), station.dry.level, "level"
    if station.lock is not None:
        yield ("lock", "contact"), station.lock.contact, "contact"
    if station.mode is not None:
        yield ("mode", "auto"), station.mode.auto, "contact"
        if station.mode.hand is not None:
            yield ("mode", "hand"), station.mode.hand, "contact"
    if station.seen is not None:
        yield ("seen", "open"), station.seen.open, "contact"
        yield ("seen", "closed"), station.seen.closed, "contact"
