"""On which line of a TOML file each key stands, so that an error can name it.

`tomllib` gives no positions. This reads text that `tomllib` has already accepted, so it need not check anything.
"""

from __future__ import annotations

import tomllib

Path = tuple[str | int, ...]


def positions(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and array element, by its path, such as ("bus", 0, "address")."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self.lines[()] = 1
        while self._skip(" \t\n"):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _skip(self, blank: str) -> bool:
        """Go past blanks and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in blank:
                self.at += 1
            else:
                return True
        return False

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _header(self) -> Path:
        double = self.text.startswith("[[", self.at)
        line = self._line()
        self.at += 2 if double else 1
        keys = self._key()
        self.at = self.text.index("]", self.at) + (2 if double else 1)
        path = self._resolve(keys[:-1])
        path = (*path, keys[-1])
        if double:
            index = self.tables.get(path, -1) + 1
            self.tables[path] = index
            self.lines.setdefault(path, line)
            path = (*path, index)
        self.lines[path] = line
        return path

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """A header's path, where a part that is an array of tables means its newest element."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.tables:
                path = (*path, self.tables[path])
        return path

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(" \t")
            parts.append(self._key_part())
            self._skip(" \t")
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _key_part(self) -> str:
        start = self.at
        if self.text[start] in "\"'":
            self._string()
            key = tomllib.loads("k = " + self.text[start : self.at])["k"]
            return str(key)
        while self.text[self.at] not in " \t.=]":
            self.at += 1
        return self.text[start : self.at]

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.at = self.text.index("=", self.at) + 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(" \t\n")
        self.lines.setdefault(path, self._line())
        first = self.text[self.at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip(" \t\n,") and self.text[self.at] != "]":
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip(" \t\n,") and self.text[self.at] != "}":
            self._pair(path)
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        while len(mark) == 3 and self.at < len(self.text) and self.text[self.at] == quote:
            self.at += 1
