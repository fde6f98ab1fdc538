"""On which line of a TOML file a key stands. `tomllib` reads the values but does not say where they were."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")
_TOKEN = re.compile(r"""\"{3}|'{3}|"(?:[^"\\]|\\.)*"|'[^']*'|\#|[\[\]{}]""")
_CLOSING = {'"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*"{3}', re.DOTALL), "'''": re.compile(r"(?:[^']|'(?!''))*'{3}")}


class Lines:
    """Where each key and table of a TOML text begins (lines count from 1). The text must be valid TOML."""

    def __init__(self, text: str) -> None:
        self._line: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        table: Path = ()
        for number, statement in _statements(text):
            if header := _HEADER.match(statement):
                table = self._enter(_split(header[2]), is_array=header[1] == "[[")
                self._line.setdefault(table, number)
            elif key := _KEY.match(statement):
                self._remember(table, _split(key[1]), number)

    def of(self, path: Path) -> int:
        """The line of the key, or of the nearest thing around it that has a line of its own."""
        while path not in self._line:
            path = path[:-1]
        return self._line[path]

    def _enter(self, parts: tuple[str, ...], *, is_array: bool) -> Path:
        path: Path = ()
        for depth, part in enumerate(parts, start=1):
            path = (*path, part)
            if depth == len(parts) and is_array:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _remember(self, table: Path, parts: tuple[str, ...], number: int) -> None:
        for depth in range(1, len(parts) + 1):
            self._line.setdefault((*table, *parts[:depth]), number)


def _split(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key, read by the same rules as the file itself."""
    parts: list[str] = []
    value: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(value, Mapping):
        part, value = next(iter(value.items()))
        parts.append(part)
    return tuple(parts)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each line that begins a statement, with its number; lines inside long strings and arrays are passed over."""
    position, number = 0, 1
    while position < len(text):
        end = _statement_end(text, position)
        yield number, text[position : _end_of_line(text, position)]
        number += text.count("\n", position, end) + 1
        position = end + 1


def _statement_end(text: str, start: int) -> int:
    """Where the last line of the statement that begins at `start` ends."""
    depth, position, end = 0, start, _end_of_line(text, start)
    while True:
        token = _TOKEN.search(text, position, end)
        if token is None or token[0] == "#":
            if depth <= 0 or end == len(text):
                return end
            position, end = end + 1, _end_of_line(text, end + 1)
            continue
        position = token.end()
        if token[0] in _CLOSING and (closing := _CLOSING[token[0]].match(text, position)):
            position = closing.end()
            end = _end_of_line(text, position)
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
