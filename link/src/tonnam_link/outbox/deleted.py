"""Whether the files of an outbox still lie where they were opened.

Who deletes them under a running process takes nothing from it: the system keeps an open file until it is closed. But
what is accepted from then on would be gone with the process, and its lock would keep nobody out.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

Identity = tuple[int, int]
SUFFIXES = ("", "-wal")


def identity(place: Path | int) -> Identity | None:
    """Which file it is, of a path or of an open file; None when there is none."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def identities(path: Path) -> list[Identity | None]:
    """Which files a database has just now."""
    return [identity(path.with_name(path.name + suffix)) for suffix in SUFFIXES]


def put_back(db: sqlite3.Connection, path: Path, own: Identity | None) -> None:
    """Write all that the open database has to where it should lie. Raises sqlite3.Error, OSError.

    A file of somebody else (not `own`) that lies there by now is renamed.
    """
    copy = path.with_name(f"{path.name}.again")
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(copy)) as other:
        db.backup(other)
    if identity(path) not in (None, own):
        path.rename(_free_name(path))
    copy.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.name}.found-{number}")).exists():
        number += 1
    return name
