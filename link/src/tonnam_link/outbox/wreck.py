"""Reads what can still be read of a damaged outbox, row by row. Raises nothing: what cannot be read is not there."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from tonnam_link.outbox import outbox_file
from tonnam_link.outbox.damage import TROUBLES
from tonnam_link.outbox.progress import Progress
from tonnam_link.outbox.state import State
from tonnam_link.outbox.waiting import Counts, progress_of

ROWS_AT_ONCE = 32
CLOSE = 64
HIGHEST = 2**60
UNREADABLE = -1
TABLES = {  # the places of the columns that are wanted; the names of columns may be garbled, too
    "word": (0, 1, 2, 3, 4, 5, 6),  # id, boot, mono_ms, guess_ms, kind, packed, crc
    "batch": (0, 1, 3, 8, 9, 11, 12),  # sequence, kind, readings, from_ms, to_ms, crc, payload
    "pending": (0, 1, 2, 3, 4, 5),  # id, dictionary, observed_at_ms, samples, readings, crc
    "untimed": (0, 1, 2, 3, 4, 5, 6, 7),  # id, boot, mono_ms, guess_ms, dictionary, samples, readings, crc
}
HEAD_OF_BATCH = "SELECT sequence, kind, readings, from_ms, to_ms, crc, NULL FROM batch WHERE rowid = ?"

Cells = tuple[Any, ...]


class Part(NamedTuple):
    """Some rows of a table, up to number `last`; `missed` says that others there could not be read."""

    rows: list[Cells]
    last: int
    missed: bool
    end: bool


class Wreck:
    """A damaged outbox; one that is given up counts as unreadable. Close it."""

    def __init__(self, file: Path, *, given_up: bool = False) -> None:
        self.file = file
        self._db = sqlite3.connect(":memory:" if given_up else file, isolation_level=None)
        self._readable = bool(self._all("SELECT name FROM sqlite_master WHERE name = 'batch'"))
        self.state = self._state()

    def close(self) -> None:
        with contextlib.suppress(*TROUBLES):
            self._db.close()

    def progress(self) -> Progress | None:
        """How far it has come, so far as can be seen."""
        with contextlib.suppress(*TROUBLES):
            counts = Counts.load(self._db)
            return None if self.state is None else progress_of(self.state, counts)
        return None

    def modified_ms(self) -> int:
        """When it was last written, as the machine's clock had it."""
        times = [0]
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):
                times.append(self.file.with_name(self.file.name + suffix).stat().st_mtime_ns // 1_000_000)
        return max(times)

    def dictionaries(self) -> list[Cells]:
        """What was registered: (hash, body)."""
        return self._all("SELECT * FROM dictionary")

    def foreign_dictionaries(self) -> list[Cells]:
        """What passed: (origin, hash, payload)."""
        return [row[1:] for row in self._all("SELECT * FROM foreign_dictionary ORDER BY rowid")]

    def part(self, table: str, after: int) -> Part:
        """The next rows of a table, in order of their number, which stands first in each."""
        if not self._readable:
            return Part([], after, missed=True, end=True)
        query = f"SELECT * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {ROWS_AT_ONCE}"
        with contextlib.suppress(*TROUBLES):
            rows = [_chosen(table, row) for row in self._db.execute(query, (after,))]
            last = max((row[0] for row in rows), default=after)
            if last > after or not rows:
                return Part(rows, last, missed=False, end=not rows)
        return self._single(table, after)

    def _single(self, table: str, after: int) -> Part:
        """The next row alone. Of a batch whose bytes are gone its head may be left."""
        number = self._next(table, after)
        if number is None:
            return Part([], after, missed=False, end=True)
        if number <= after:
            return self._leap(table, after)
        row = self._row(f"SELECT * FROM {table} WHERE rowid = ?", number)
        if row is not None:
            return Part([_chosen(table, row)], number, missed=False, end=False)
        head = self._row(HEAD_OF_BATCH, number) if table == "batch" else None
        return Part([] if head is None else [head], number, missed=head is None, end=False)

    def _leap(self, table: str, after: int) -> Part:
        """Over a page that cannot be read, to the next that can."""
        blind, width = after, 1
        while self._next(table, blind + width) == UNREADABLE:
            blind += width
            width = 1 if blind < after + CLOSE else 2 * width
            if blind > HIGHEST:
                return Part([], blind, missed=True, end=True)
        seeing = blind + width
        while seeing - blind > 1:
            middle = (blind + seeing) // 2
            if self._next(table, middle) == UNREADABLE:
                blind = middle
            else:
                seeing = middle
        return Part([], seeing, missed=True, end=False)

    def _next(self, table: str, after: int) -> int | None:
        """The number of the next row; None when there is none, UNREADABLE when that cannot be known."""
        with contextlib.suppress(*TROUBLES):
            query = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1"
            row = self._db.execute(query, (after,)).fetchone()
            return None if row is None else int(row[0])
        return UNREADABLE

    def _row(self, query: str, number: int) -> Cells | None:
        with contextlib.suppress(*TROUBLES):
            row: Cells | None = self._db.execute(query, (number,)).fetchone()
            return row
        return None

    def _state(self) -> State | None:
        with contextlib.suppress(*TROUBLES):
            return outbox_file.load(self._db)
        return None

    def _all(self, query: str) -> list[Cells]:
        rows: list[Cells] = []
        with contextlib.suppress(*TROUBLES):
            rows.extend(self._db.execute(query))
        return rows


def _chosen(table: str, row: Cells) -> Cells:
    return tuple(row[place] for place in TABLES[table])
