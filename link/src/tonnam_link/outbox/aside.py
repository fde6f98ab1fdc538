"""Damaged outboxes beside a new one: renamed, to take over what is whole in them, and for somebody to look at."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from tonnam_link.outbox.progress import Progress

PARTS = ("-wal", "-shm", "")
KEPT = 2
MOST_UNREAD = 8
LOG_LOST = "log"


class Unread(NamedTuple):
    """A file that was set aside and not read to its end.

    `log_lost` says that its log is damaged, too; `noted` how far it had come, if that is known; `given_up` that so
    many files are damaged that it shall not be read.
    """

    file: Path
    log_lost: bool
    noted: Progress | None
    given_up: bool


def announce(path: Path, *, log_lost: bool, noted: Progress | None) -> Path:
    """Say to what a damaged outbox will be renamed, with what SQLite keeps beside it. Raises OSError.

    It comes before the database is closed: SQLite then writes into the file what it can read of the log, and removes
    the log. A kill after that would leave a file that looks whole, and has lost commits. What is announced is renamed
    by `finish`, by this process or the next, and counts as unread until `done`.
    """
    taken = [_number(path, file) for file in _files(path)]
    aside = path.with_name(f"{path.name}.damaged-{max(taken, default=0) + 1}")
    _mark(aside).write_text(LOG_LOST if log_lost else " ".join(map(str, noted or ())))
    _sync(path.parent)
    return aside


def finish(path: Path) -> None:
    """Rename what was announced: no database is opened without its log, or beside another's. Raises OSError."""
    for mark in path.parent.glob(f"{path.name}.damaged-*.unread"):
        aside = mark.with_suffix("")
        if not aside.exists():
            _rename(path, aside)
            if not aside.exists():
                mark.unlink()


def _rename(path: Path, aside: Path) -> None:
    """The file itself goes last: as long as it is there, the renaming is not finished."""
    for suffix in PARTS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    _sync(path.parent)


def unread(path: Path) -> Unread | None:
    """A file that was set aside for `path` and not read to its end, the oldest first. Raises OSError."""
    files = [file for file in _files(path) if _mark(file).exists()]
    if not files:
        return None
    said = _mark(files[0]).read_text()
    return Unread(files[0], said == LOG_LOST, _progress(said), len(files) > MOST_UNREAD)


def done(path: Path, aside: Path) -> None:
    """It has been read. Of those that were, only the last few are kept."""
    _mark(aside).unlink(missing_ok=True)
    read = [file for file in _files(path) if not _mark(file).exists()]
    for file in read[:-KEPT]:
        for suffix in PARTS:
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    """The files that were set aside, in their order."""
    files = [file for file in path.parent.glob(f"{path.name}.damaged-*") if _number(path, file)]
    return sorted(files, key=lambda file: _number(path, file))


def _number(path: Path, file: Path) -> int:
    match = re.fullmatch(re.escape(path.name) + r"\.damaged-([1-9][0-9]*)", file.name)
    return int(match[1]) if match else 0


def _progress(said: str) -> Progress | None:
    """What `announce` was told had been noted."""
    with contextlib.suppress(ValueError):
        epoch, next_, waiting = map(int, said.split())
        return Progress(epoch, next_, waiting)
    return None


def _mark(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.unread")


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
