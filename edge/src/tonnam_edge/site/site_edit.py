"""Changes values in a site file, and nothing else of it: comments, order and the rest stay as they were written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Table

from tonnam_edge.site.check import load_site

MARK = "\ufeff"  # Windows Notepad begins with it
_HEADING = re.compile(r"\s*\[\[?[\w.\s\"'-]+\]\]?\s*(#.*)?$", re.MULTILINE)
_BARE_END = re.compile(r"(?<!\r)\n")
Changes = Mapping[tuple[str, str], Mapping[str, Any]]
"""By list and id, such as ("actuator", "valve-1"): the keys to set."""


def edited(text: str, changes: Changes) -> str:
    """The text of a site file with `changes` in it. Raises KeyError when there is no such part."""
    mark, text = (MARK, text[1:]) if text.startswith(MARK) else ("", text)
    left = dict(changes)
    found = "".join(_with(part, left) for part in _parts(text))
    if left:
        raise KeyError(next(iter(left))[1])
    return mark + (_BARE_END.sub("\r\n", found) if "\r\n" in text else found)


def _parts(text: str) -> Iterator[str]:
    """The text in pieces, each with one heading at most. tomlkit puts lists of one kind together when it writes a
    whole document, though others stand between them."""
    begun = ""
    for line in text.splitlines(keepends=True):
        if begun and _HEADING.match(line) and _is_whole(begun):
            yield begun
            begun = ""
        begun += line
    yield begun


def _is_whole(part: str) -> bool:
    """Whether it ends where a value ends: what looks like a heading may be a line of a list."""
    try:
        tomlkit.parse(part)
    except ParseError:
        return False
    return True


def _with(part: str, left: dict[tuple[str, str], Mapping[str, Any]]) -> str:
    """A piece with those changes that concern it, which are taken out of `left`."""
    document = tomlkit.parse(part)
    for kind, name in list(left):
        found = [each for each in document.get(kind, ()) if isinstance(each, Mapping) and each.get("id") == name]
        if not found:
            continue
        for key, value in left.pop((kind, name)).items():
            _set(found[0], key, value)
        part = tomlkit.dumps(document)
    return part


def _set(part: Any, key: str, value: Any) -> None:
    """Set a key; a new one goes behind the last that is there, before blank lines and comments that follow it.

    tomlkit's public way puts it behind those, where it would stand under the heading of the next part.
    """
    if key in part or not isinstance(part, Table):
        part[key] = value
    else:
        part.value._insert_after(list(part)[-1], key, tomlkit.item(value))


def write_results(path: Path, changes: Changes, addresses: Mapping[str, str] | None = None) -> None:
    """Put the site file with `changes` in the place of the old one, whole or not at all.

    It is checked first as a site file: raises BadSiteFile, and the old one stays.
    """
    path = path.resolve()
    text = edited(path.read_bytes().decode("utf-8"), changes)
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        load_site(fresh, addresses)
        shutil.copymode(path, fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
