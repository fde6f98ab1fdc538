"""Reads a site file and says all that is wrong with it, without touching a device."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tonnam_edge.errors import Misconfigured
from tonnam_edge.site.address import parse_address
from tonnam_edge.site.cross import cross_check
from tonnam_edge.site.day_check import check_planted
from tonnam_edge.site.dosing_file import InjectorPart, MixingLinePart
from tonnam_edge.site.growing_file import HoldsPart, WeatherPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.plant_file import FilterPart, FlowPart, GroupPart, MeterPart, TankPart
from tonnam_edge.site.positions import positions
from tonnam_edge.site.problems import Problem, Problems, did_you_mean, explain
from tonnam_edge.site.profile import Profile, read_profile, shipped_profiles
from tonnam_edge.site.program_file import PROGRAMS
from tonnam_edge.site.site import Site, build_site
from tonnam_edge.site.site_file import (
    ActuatorPart,
    BusPart,
    CabinetPart,
    DevicePart,
    NodePart,
    PlacePart,
    RestartPart,
    SiteFile,
    TellingPart,
    ZonePart,
)
from tonnam_edge.site.station_file import StationPart
from tonnam_edge.site.tariff_file import ElectricityPart, TariffPart

TABLES: dict[str, type[BaseModel]] = {
    "node": NodePart,
    "site": PlacePart,
    "telling": TellingPart,
    "tank": TankPart,
    "flow": FlowPart,
    "cabinet": CabinetPart,
    "restart": RestartPart,
    "weather": WeatherPart,
    "holds": HoldsPart,
    "electricity": ElectricityPart,
}
LISTS: dict[str, type[BaseModel] | None] = {
    "bus": BusPart,
    "device": DevicePart,
    "actuator": ActuatorPart,
    "mixing_line": MixingLinePart,
    "injector": InjectorPart,
    "zone": ZonePart,
    "meter": MeterPart,
    "group": GroupPart,
    "filter": FilterPart,
    "program": None,  # its model follows from its kind
    "station": StationPart,
    "tariff": TariffPart,
}
NEEDED = ("node", "site", "bus", "device")
_AT = re.compile(r"\s*\(at line (\d+), column \d+\)")
_TWICE = re.compile(r"Cannot (?:declare|mutate immutable namespace|redefine namespace) \(?(.*?)\)?(?: twice)?$")
_TOML_WORDS = {
    "Cannot overwrite a value": "this key stands twice in its table: once is enough",
    "Expected ']]' at the end": "a [[table]] is not closed: ]] is missing",
    "Illegal character '\\n'": "the line ends too early: a quote or a bracket is not closed",
    "Invalid value": 'what stands after "=" is neither a number nor true or false: a text needs quotes, "like this"',
    "Invalid statement": "neither a key = value nor a [table]",
    "Expected '=' after a key in a key/value pair": 'a key must be followed by "=": a name with other signs than '
    "letters, digits, - and _ needs quotes",
    "Unclosed array": "a list is not closed: ] is missing",
    "Unclosed inline table": "a table is not closed: } is missing",
    "Unterminated string": "a text is not closed: a quote is missing",
    "Expected newline or end of document after a statement": "something stands after the value that does not belong "
    "there: one key a line",
}


class BadSiteFile(Misconfigured):
    """The site file cannot be used. `problems` are all of them, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        super().__init__("\n".join(problem.told(file) for problem in problems))
        self.problems = problems


def load_site(
    path: Path, addresses: Mapping[str, str] | None = None, today: date | None = None
) -> tuple[Site, list[Problem]]:
    """The site in the file at `path`, and warnings. `addresses` replaces those of buses by name.
    With `today` it also says which days are hardly meant.

    Raises BadSiteFile with every problem found. Touches nothing but the file and profiles beside it.
    """
    text = _read(path)
    raw = _parse(path, text)
    problems = Problems(positions(text), raw)
    _unknown_tables(raw, problems)
    parts = _parts(_readdressed(raw, addresses or {}, path), problems)
    profiles = _profiles(parts, path.parent, problems)
    cross_check(parts, profiles, problems)
    if today is not None:
        check_planted(parts, today, problems)
    found = sorted(set(problems.found))
    if any(problem.severity == "error" for problem in found):
        raise BadSiteFile(str(path), found)
    return build_site(_file(parts), profiles), found


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # Windows Notepad begins with a mark
    except OSError as failure:
        reason = failure.strerror or "cannot be read"
        raise BadSiteFile(str(path), [Problem(1, "file", f"{reason}. Give the path of a site file")]) from failure
    except UnicodeDecodeError as failure:
        line = failure.object[: failure.start].count(b"\n") + 1
        raise BadSiteFile(str(path), [Problem(line, "file", "is not UTF-8 text. Save it as UTF-8")]) from failure


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        found = _AT.search(str(failure))
        line = int(found.group(1)) if found else max(1, text.count("\n"))
        what = _AT.sub("", str(failure)).replace(" (at end of document)", " at the end of the file")
        raise BadSiteFile(str(path), [Problem(line, "not TOML", _toml(what, text, line))]) from failure


def _toml(what: str, text: str, line: int) -> str:
    """What is wrong with the writing itself, without the words of those who read it."""
    twice = _TWICE.match(what)
    if twice is not None:
        name = ".".join(re.findall(r"'([^']*)'", twice.group(1)))
        header = re.compile(rf"\s*\[\[?\s*{re.escape(name)}\s*\]")
        first = next((n for n, each in enumerate(text.split("\n"), 1) if header.match(each) and n != line), None)
        return f"[{name}] stands twice{f', first in line {first}' if first else ''}: write all its keys under one"
    return next((plain for begin, plain in _TOML_WORDS.items() if what.startswith(begin)), what)


def _unknown_tables(raw: Mapping[str, Any], problems: Problems) -> None:
    for key in raw:
        if key not in TABLES and key not in LISTS:
            problems.error((key,), f"there is no such table. {did_you_mean(key, [*TABLES, *LISTS])}")
    missing = [f"[[{key}]]" if key in LISTS else f"[{key}]" for key in NEEDED if key not in raw]
    if not raw:
        problems.error((), f"it is empty. A site begins with {', '.join(missing)}")
    elif missing:
        problems.error((), f"{' and '.join(missing)} must be there, and {_is_or_are(missing)} missing")


def _is_or_are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _readdressed(raw: dict[str, Any], addresses: Mapping[str, str], path: Path) -> dict[str, Any]:
    """The file with bus addresses from the command line in place of its own."""
    buses = raw.get("bus")
    if not addresses or not isinstance(buses, list):
        return raw
    known = [bus.get("id") for bus in buses if isinstance(bus, dict)]
    wrong = []
    for name, address in addresses.items():
        if name not in known:
            hint = did_you_mean(name, map(str, known))
            wrong.append(Problem(1, f"--bus {name}={address}", f"{name} is not a bus of this file. {hint}"))
            continue
        try:
            parse_address(address)
        except ValueError as failure:
            wrong.append(Problem(1, f"--bus {name}={address}", str(failure)))
    if wrong:
        raise BadSiteFile(str(path), wrong)
    given = [
        {**bus, "address": addresses[bus["id"]]} if isinstance(bus, dict) and bus.get("id") in addresses else bus
        for bus in buses
    ]
    return {**raw, "bus": given}


def _parts(raw: Mapping[str, Any], problems: Problems) -> Parts:
    """Every part that is right by itself; those that are not leave a problem and their id."""
    parts = Parts()
    for key, model in TABLES.items():
        if key in raw:
            part = _part(raw[key], model, (key,), problems)
            if part is not None:
                parts.tables[key] = part
    for key, list_model in LISTS.items():
        given = raw.get(key, [])
        if not isinstance(given, list):
            problems.error((key,), f"must be a list of tables: write [[{key}]]")
            continue
        for index, one in enumerate(given):
            path = (key, index)
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                parts.ids[key].append((index, one["id"]))
            chosen = list_model or _program_model(one, path, problems)
            part = _part(one, chosen, path, problems) if chosen else None
            if part is not None:
                parts.lists[key].append((index, part))
    return parts


def _program_model(one: Any, path: tuple[str, int], problems: Problems) -> type[BaseModel] | None:
    kind = one.get("kind") if isinstance(one, dict) else None
    if kind in PROGRAMS:
        return PROGRAMS[str(kind)]
    what = "is missing." if kind is None else f"{kind!r} is not a kind of program."
    problems.error((*path, "kind"), f"{what} {did_you_mean(kind, PROGRAMS)}")
    return None


def _part(given: Any, model: type[BaseModel], path: tuple[str | int, ...], problems: Problems) -> BaseModel | None:
    try:
        # By way of JSON, which has lists for tuples: strictly, for "101.8" is a text, and true is no number.
        return model.model_validate_json(json.dumps(given, default=str), strict=True)
    except ValidationError as failure:
        explain(failure, model, path, problems)
        return None


def _profiles(parts: Parts, folder: Path, problems: Problems) -> dict[str, Profile]:
    """The profile of every device, by device id: shipped ones by name, a farm's own by a path that ends in .toml."""
    found: dict[str, Profile] = {}
    for index, part in parts.of(DevicePart, "device"):
        path = ("device", index, "profile")
        if not part.profile.endswith(".toml"):
            if part.profile in shipped_profiles():
                found[part.id] = shipped_profiles()[part.profile]
            else:
                hint = did_you_mean(part.profile, shipped_profiles())
                problems.error(path, f'"{part.profile}" is not a profile. {hint} Or the path of a .toml of your own.')
            continue
        try:
            found[part.id] = read_profile(folder / part.profile)
        except (OSError, ValueError) as failure:
            reason = failure.strerror if isinstance(failure, OSError) else str(failure)
            problems.error(path, f"the profile {part.profile} cannot be used: {reason}")
    return found


def _file(parts: Parts) -> SiteFile:
    lists = {key: tuple(part for _, part in found) for key, found in parts.lists.items()}
    return SiteFile.model_validate({**parts.tables, **lists})
