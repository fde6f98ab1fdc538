"""Changes values in a site file, and nothing else of it: comments, order and the rest stay as they were written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from tonnam_edge.site.check import load_site

MARK = "\ufeff"  # Windows Notepad begins with it
_BARE_END = re.compile(r"(?<!\r)\n")
Changes = Mapping[tuple[str, str], Mapping[str, Any]]
"""By list and id, such as ("actuator", "valve-1"): the keys to set."""


def edited(text: str, changes: Changes) -> str:
    """The text of a site file with `changes` in it. Raises KeyError when there is no such part."""
    mark, text = (MARK, text[1:]) if text.startswith(MARK) else ("", text)
    document = tomlkit.parse(text)
    for (kind, name), values in changes.items():
        parts = [part for part in document.get(kind, ()) if part.get("id") == name]
        if not parts:
            raise KeyError(name)
        for key, value in values.items():
            _set(parts[0], key, value)
    found = tomlkit.dumps(document)
    return mark + (_BARE_END.sub("\r\n", found) if "\r\n" in text else found)


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
