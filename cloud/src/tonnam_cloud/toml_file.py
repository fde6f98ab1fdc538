"""TOML files of repeated tables (`[[rule]]`, `[[user]]`): read, checked, and complained about with line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tonnam_cloud.errors import Misconfigured

_Model = TypeVar("_Model", bound=BaseModel)
LineOf = Callable[[int, str], int]


def load_tables(model: type[_Model], name: str, text: str, table: str) -> tuple[_Model, LineOf]:
    """What a file says, and a function (number of the table, key) -> line, for complaints that come later.

    `model` has the tables in its field `table`. Raises Misconfigured: one line for each thing that is wrong, with
    file, line and key.
    """

    def line_of(number: int, key: str) -> int:
        return _line_of(text, table, number, key)

    try:
        return model.model_validate(tomllib.loads(text)), line_of
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name}: not TOML: {error}") from error
    except ValidationError as error:
        raise Misconfigured("\n".join(_complaints(name, error, table, line_of))) from error


def _complaints(name: str, error: ValidationError, table: str, line_of: LineOf) -> Iterator[str]:
    for each in error.errors(include_url=False, include_input=False):
        place = list(each["loc"])
        number = place[1] if len(place) > 1 and isinstance(place[1], int) else None
        line = line_of(number, str(place[2]) if len(place) > 2 else "") if number is not None else 1
        key = ".".join(str(part) for part in place[2:] if part != "") or table
        yield f"{name}:{line}: {key}: {str(each['msg']).removeprefix('Value error, ')}"


def _line_of(text: str, table: str, number: int, key: str) -> int:
    """The line of a key within a table, or the table's own."""
    head = f"[[{table}]]"
    lines = text.splitlines()
    starts = [at for at, line in enumerate(lines, 1) if line.split("#")[0].strip() == head]
    if number >= len(starts):
        return 1
    end = starts[number + 1] - 1 if number + 1 < len(starts) else len(lines)
    for at in range(starts[number], end):
        if key and re.match(rf"\s*{re.escape(key)}\b", lines[at]):
            return at + 1
    return starts[number]
