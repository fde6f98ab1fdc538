"""Reading a mapping file, and saying everything that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
import types
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tonnam_gateway import events
from tonnam_gateway.dialects import DIALECTS
from tonnam_gateway.errors import Misconfigured, Problem
from tonnam_gateway.mapping import Device, Mapping, Sensor
from tonnam_gateway.toml_lines import Lines
from tonnam_gateway.toml_lines import Path as KeyPath
from tonnam_link.wire.codec import MAX_EVENT_BYTES

MAX_DESCRIBED_BYTES = MAX_EVENT_BYTES - 1024  # one event must carry the description of the whole site

Found = tuple[KeyPath, str]
PartT = TypeVar("PartT", bound=BaseModel)


def load(path: Path) -> Mapping:
    """The mapping in the file. Raises Misconfigured with all that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows Notepad begins with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(str(path), [Problem(1, "", f"cannot be read: {error}")]) from error
    return parse(text, path.name if path.parent == Path() else str(path))


def parse(text: str, source: str) -> Mapping:
    """The mapping in the text of a file called `source`. Raises Misconfigured."""
    text = text.replace("\r\n", "\n")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(source, [_syntax_problem(str(error), text)]) from error
    found: list[Found] = []
    mapping: Mapping | None = None
    try:
        mapping = Mapping.model_validate(raw)
    except ValidationError as error:
        found = [_explained(detail) for detail in error.errors(include_url=False)]
    found += contradictions(_valid(Device, raw.get("devices")), _valid(Sensor, raw.get("sensors")), _ids(raw))
    found += [*_missing(raw), *_misplaced(raw)]
    if mapping and mapping.sensors and not found:
        found = _beyond_one_node(mapping)
    if mapping is None or found:
        lines = Lines(text)
        raise Misconfigured(source, [Problem(lines.of(where), _dotted(where), message) for where, message in found])
    return mapping


def _missing(raw: dict[str, Any]) -> list[Found]:
    """Site, devices and sensors belong together. A gateway that relays may do without all of them."""
    parts = ("devices", "sensors", "site")
    if "relay" in raw and not any(raw.get(part) for part in parts):
        return []
    return [((part,), f"is missing ({_description((part,))})") for part in parts if not raw.get(part)]


def _misplaced(raw: dict[str, Any]) -> Iterator[Found]:
    """Nodes that cannot stand behind the gateway."""
    relay = raw.get("relay")
    named = relay.get("nodes") if isinstance(relay, dict) else None
    behind: list[Any] = named if isinstance(named, list) else []
    for at, name in enumerate(behind):
        if name == raw.get("node"):
            yield ("relay", "nodes", at), f"{name!r} is this gateway itself; name the nodes behind it"
        elif name in behind[:at]:
            yield ("relay", "nodes", at), f"{name!r} is already named; each must be different"


def _beyond_one_node(mapping: Mapping) -> list[Found]:
    """What is wrong when the site's description does not fit into the one event that must carry it."""
    described = len(msgspec.json.encode(events.site_described(mapping, events.Moment(0))))
    if described <= MAX_DESCRIBED_BYTES:
        return []
    count = len(mapping.sensors)
    fit = count * MAX_DESCRIBED_BYTES // described
    message = f"{count} sensors are too many for one node, which can describe about {fit}"
    return [
        (("sensors", fit), f"{message}: divide them among several gateways, each with a file and a node of its own")
    ]


def _syntax_problem(message: str, text: str) -> Problem:
    where = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", message)
    line = int(where[1]) if where and where[1] else text.count("\n") + 1
    return Problem(line, "", f"is not TOML: {message[: where.start()] if where else message}")


def _dotted(path: KeyPath) -> str:
    """`sensors[0].datastreams.level` for people."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _explained(detail: ErrorDetails) -> Found:
    """Where the problem is, and what would be right there."""
    path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
    match detail["type"]:
        case "extra_forbidden":
            return path, _unknown_key(path)
        case "missing":
            message = "is missing"
        case "value_error":
            message = str(detail["ctx"]["error"])
        case "string_pattern_mismatch":
            return path, "must be a name of a property: a-z, 0-9 and _, beginning with a letter"
        case _:
            message = detail["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
    right = _description(path)
    return path, f"{message} ({right})" if right else message


def _unknown_key(path: KeyPath) -> str:
    model = _model_at(path[:-1])
    allowed = list(model.model_fields) if model else []
    near = get_close_matches(str(path[-1]), allowed, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"is not a key here; {hint}allowed: {', '.join(allowed)}"


def _description(path: KeyPath) -> str:
    model = _model_at(path[:-1]) if path else None
    field = model.model_fields.get(str(path[-1])) if model else None
    return (field.description or "") if field else ""


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    """The model of the table at a path, or None when that is no table of ours."""
    kind: Any = Mapping
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            kind = _bare(field.annotation) if field else None
        else:
            kind = _bare(get_args(kind)[-1]) if get_args(kind) else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _bare(kind: Any) -> Any:
    """A type without `| None` and without annotations."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (types.UnionType, Union):
        return _bare(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def _valid(model: type[PartT], raw: object) -> dict[int, PartT]:
    """Those of the tables that are right in themselves, by position: contradictions are sought among them."""
    valid: dict[int, PartT] = {}
    for position, table in enumerate(raw if isinstance(raw, list) else []):
        try:
            valid[position] = model.model_validate(table)
        except ValidationError:
            continue
    return valid


def _ids(raw: dict[str, Any]) -> set[str]:
    """The ids of all devices, also of those that are wrong otherwise: who names one of these makes no mistake."""
    devices = raw.get("devices")
    tables = [table for table in devices if isinstance(table, dict)] if isinstance(devices, list) else []
    return {str(table["id"]) for table in tables if "id" in table}


def contradictions(devices: dict[int, Device], sensors: dict[int, Sensor], named: set[str]) -> list[Found]:
    """What is wrong between parts that are right in themselves; `named` are the ids of all devices."""
    found = list(_twice("devices", {at: device.id for at, device in devices.items()}, "id"))
    spoken = {at: f"{device.dialect} {device.address}" for at, device in devices.items()}
    found += _twice("devices", spoken, "address")
    found += _twice("sensors", {at: sensor.thing for at, sensor in sensors.items()}, "thing")
    by_id = {device.id: device for device in devices.values()}
    for at, sensor in sensors.items():
        for name, stream in sensor.datastreams.items():
            where: KeyPath = ("sensors", at, "datastreams", name)
            if stream.device not in named:
                found.append(((*where, "device"), _no_such_device(stream.device, named)))
            device = by_id.get(stream.device)
            unit = DIALECTS[device.dialect].unit_of(stream.measure) if device else None
            if unit and unit != stream.unit and stream.scale == 1:
                found.append(((*where, "unit"), f'must be "{unit}": the dialect gives {stream.measure} in that'))
    return found


def _no_such_device(name: str, named: set[str]) -> str:
    return f"no device has the id {name!r}; there are: {', '.join(sorted(named)) or 'none'}"


def _twice(table: str, values: dict[int, str], key: str) -> Iterator[Found]:
    counts = Counter(values.values())
    seen: set[str] = set()
    for at, value in values.items():
        if counts[value] > 1 and value in seen:
            yield (table, at, key), f"{value!r} is already used above; each must be different"
        seen.add(value)
