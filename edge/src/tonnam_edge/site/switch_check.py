"""What must fit together of the cabinet's own switches: each contact is an input of a device, and has one meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tonnam_edge.site.parts import Parts
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.site_file import CabinetPart, ZonePart

Path = tuple[str | int, ...]


def check_switches(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for every contact that is none. One switch may be for several zones."""
    whole = len(parts.lists["device"]) == len(parts.ids["device"])
    meanings: dict[str, str] = {}
    for path, name in _contacts(parts):
        if name not in told:
            if whole:
                problems.error(path, f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}')
            continue
        if told[name] != "state":
            problems.error(path, f'"{name}" is a {told[name]}, not a contact. Give an input that is open or closed')
        meaning = str(path[-1])
        if meanings.setdefault(name, meaning) != meaning:
            problems.error(path, f'"{name}" is {meanings[name]} already: one contact says one thing')


def _contacts(parts: Parts) -> Iterator[tuple[Path, str]]:
    cabinet = parts.table(CabinetPart, "cabinet")
    if cabinet is not None:
        yield ("cabinet", "emergency_stop"), cabinet.emergency_stop
    for index, zone in parts.of(ZonePart, "zone"):
        if zone.mode is not None:
            yield ("zone", index, "mode", "auto"), zone.mode.auto
            if zone.mode.hand is not None:
                yield ("zone", index, "mode", "hand"), zone.mode.hand
