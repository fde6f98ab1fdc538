"""What is wrong with a site file, said so that a person can put it right."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tonnam_edge.site.positions import Path

_BRANCHES = ("literal[", "tuple[")  # how pydantic names the kinds of a value that may have several


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong (`error`) or unwise (`warning`), at a line of the file."""

    line: int
    where: str
    text: str
    severity: Literal["error", "warning"] = "error"

    def told(self, file: str) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{file}:{self.line}: {mark}{self.where}: {self.text}"


class Problems:
    """Collects problems of one file, and knows on which line each key stands."""

    def __init__(self, lines: Mapping[Path, int], raw: Mapping[str, Any]) -> None:
        self.found: list[Problem] = []
        self._lines = lines
        self._raw = raw

    def error(self, path: Path, text: str) -> None:
        self.found.append(Problem(self.line(path), self._where(path), text))

    def warning(self, path: Path, text: str) -> None:
        self.found.append(Problem(self.line(path), self._where(path), text, "warning"))

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it when the key is missing."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _where(self, path: Path) -> str:
        """A key as a person calls it: `zone "zone-1", band.low_pct`."""
        if len(path) >= 2 and isinstance(path[1], int):
            part = self._raw.get(str(path[0]))
            own = part[path[1]] if isinstance(part, list) and path[1] < len(part) else None
            name = own.get("id") if isinstance(own, dict) else None
            owner = f'{path[0]} "{name}"' if isinstance(name, str) else f"{path[0]} number {path[1] + 1}"
            key = dotted(path[2:])
            return f"{owner}, {key}" if key else owner
        return dotted(path) or "file"


def dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: object, allowed: Iterable[str]) -> str:
    """`Allowed: a, b.` and, when one is near, whatever its case, `Did you mean "a"?`."""
    choices = sorted(set(allowed))
    small = {choice.lower(): choice for choice in reversed(choices)}
    near = difflib.get_close_matches(str(word).lower(), small, n=1, cutoff=0.6)
    hint = f' Did you mean "{small[near[0]]}"?' if near else ""
    return f"Allowed: {', '.join(choices) or '(there are none)'}.{hint}"


def a_or_an(noun: str) -> str:
    """The noun with its article: `a pump`, `an injector`."""
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def explain(failure: ValidationError, model: type[BaseModel], prefix: Path, problems: Problems) -> None:
    """Turn every error of pydantic's into a problem in plain words."""
    details = failure.errors(include_url=False)
    lists = [_key(each) for each in details if _branch(each) == "tuple" and each["type"] != "tuple_type"]
    for detail in details:
        path, branch = _key(detail), _branch(detail)
        of_list = any(given[: len(path)] == path for given in lists)
        if (branch == "literal" and of_list) or (branch == "tuple" and not of_list):
            continue  # of a value that may be a word or a list, what was meant counts
        if detail["type"] == "too_short" and len(detail["input"]) >= detail.get("ctx", {}).get("min_length", 0):
            continue  # too short only without those of its values that are told by themselves
        text = _plain(detail, _model_at(model, path[:-1]), path)
        also = ", or a list of numbers" if branch == "literal" else ""
        problems.error((*prefix, *path), f"{text.removesuffix('.')}{also}." if also else text)


def _branch(detail: ErrorDetails) -> str:
    """Which of the kinds that a value may have an error is about: "literal", "tuple", or "" where there is one."""
    return next((part.split("[")[0] for part in map(str, detail["loc"]) if part.startswith(_BRANCHES)), "")


def _key(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if not str(part).startswith(_BRANCHES))


def _plain(detail: ErrorDetails, model: type[BaseModel] | None, path: Path) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "missing":
        return f"is missing. It must be given{_hint(model, path)}."
    if kind == "extra_forbidden":
        known = model.model_fields if model else ()
        return f"there is no such key here. {did_you_mean(path[-1], known)}"
    if kind == "string_pattern_mismatch":
        return f"{given!r} is not allowed. {_pattern(str(detail.get('ctx', {}).get('pattern', '')))}"
    if kind == "model_type":
        return f"{given!r} is not allowed: it should be {_table(_field_model(model, path))}."
    if kind in {"too_short", "too_long"}:
        return _length(detail, given)
    message = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    message = message.replace("a valid array", "a list: [ ... ]").replace("an object", "a table: { ... }")
    if message.startswith("should"):
        return f"{given!r} is not allowed: it {message}."
    return message if message.endswith((".", "?")) else f"{message}."


def _length(detail: ErrorDetails, given: object) -> str:
    """A list of too few or too many."""
    context = detail.get("ctx", {})
    few = detail["type"] == "too_short"
    has = len(given) if isinstance(given, list | str) else context.get("actual_length")
    least_or_most = f"at least {context.get('min_length')}" if few else f"at most {context.get('max_length')}"
    return f"has {has} values, and it must have {least_or_most}."


def _table(model: type[BaseModel] | None) -> str:
    """A table as it is written down."""
    if model is None:
        return "a table"
    if set(model.model_fields) == {"th", "en"}:
        return 'in Thai and English: { th = "...", en = "..." }'
    return f"a table of {', '.join(model.model_fields)}: {{ ... }}"


def _field_model(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    keys = [part for part in path if isinstance(part, str)]
    field = model.model_fields.get(keys[-1]) if model and keys else None
    return model if field is None else _first_model(field.annotation)


def _pattern(pattern: str) -> str:
    if "sunrise" in pattern:
        return 'Allowed: a time such as "06:30", or "sunrise", "sunset+20m", "sunrise-15m".'
    if "[0-5]" in pattern:
        return 'Allowed: a time from "00:00" to "23:59".'
    return "Allowed: small letters, digits and hyphens, at most 32, beginning with a letter or digit."


def _hint(model: type[BaseModel] | None, path: Path) -> str:
    field = model.model_fields.get(str(path[-1])) if model and path else None
    if field is None:
        return ""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f" with {', '.join(kind.model_fields)}"
    if typing.get_origin(kind) is Literal:
        return f", one of {', '.join(map(repr, typing.get_args(kind)))}"
    names = {float: "a number", int: "a whole number", str: "a text"}
    return f": {names[kind]}" if kind in names else ""


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model of the table at `path`, for naming its keys."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        inner = _first_model(field.annotation) if field else None
        if inner is None:
            return None
        model = inner
    return model


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation):
        return next((m for m in map(_first_model, typing.get_args(annotation)) if m), None)
    return None
