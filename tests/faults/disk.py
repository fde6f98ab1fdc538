"""What happens to the disk of a node: full, read-only, or with other bytes on it than were written."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Literal

from tests.notebook import TRIGGERS
from tonnam_link.outbox import outbox_file
from tonnam_link.topics import Origin

FULL_BYTES = 4096
"""A process whose files may not grow beyond this cannot write to SQLite: so a full disk looks to it."""
PAGE_BYTES = 4096

Harm = Literal["some bytes", "a page", "the beginning", "the end", "the log"]
HARMS: tuple[Harm, ...] = ("some bytes", "a page", "the beginning", "the end", "the log")

_open: list[sqlite3.Connection] = []


def watch(*, ledger: bool) -> None:
    """Know every outbox file that this process opens. With `ledger` each keeps one from its beginning."""
    open_file, create = outbox_file.open_file, outbox_file._create

    def open_watched(path: Path | None, *rest: Any) -> sqlite3.Connection:
        db = open_file(path, *rest)
        if path is not None:
            _open.append(db)
        return db

    def create_with_ledger(db: sqlite3.Connection, origin: Origin, first: int) -> None:
        create(db, origin, first)
        if any(file for _, _, file in db.execute("PRAGMA database_list")):
            db.executescript(TRIGGERS)

    vars(outbox_file)["open_file"] = open_watched
    if ledger:
        outbox_file._create = create_with_ledger


def make_read_only(read_only: bool) -> None:
    """Let SQLite refuse to write to the outbox of this process, or not."""
    for db in _open:
        try:
            db.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        except sqlite3.ProgrammingError:
            continue  # closed meanwhile


@contextlib.contextmanager
def locked_out(outbox: Path) -> Iterator[None]:
    """Let nobody open the outbox while the block runs: also not root, to whom no file is read-only."""
    lock = outbox.with_name(f"{outbox.name}.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    yield
    lock.rmdir()


def fill(pid: int, full: bool) -> None:
    """Let the files of a process grow no more, or let them."""
    soft = FULL_BYTES if full else resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


def harm(outbox: Path, how: Harm, dice: Random) -> str:
    """Put other bytes on the disk than were written; what was done, for whoever wants to know."""
    path = outbox.with_name(f"{outbox.name}-wal") if how == "the log" else outbox
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return f"{path.name} is empty"
    with path.open("r+b") as file:
        match how:
            case "some bytes" | "the log":
                places = sorted(dice.randrange(size) for _ in range(dice.randint(1, 30)))
                for place in places:
                    os.pwrite(file.fileno(), dice.randbytes(1), place)
                return f"{path.name} of {size} bytes, at {places}"
            case "a page":
                page = dice.randrange(0, size, PAGE_BYTES)
                os.pwrite(file.fileno(), dice.randbytes(PAGE_BYTES), page)
                return f"{path.name} of {size} bytes, a page at {page}"
            case "the beginning":
                os.pwrite(file.fileno(), dice.randbytes(100), 0)
                return f"{path.name} of {size} bytes, its beginning"
            case "the end":
                left = dice.randrange(size)
                file.truncate(left)
                return f"{path.name} of {size} bytes, cut to {left}"
