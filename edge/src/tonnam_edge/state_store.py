"""What survives this process: the core's memory and what is not yet in the outbox. One SQLite file, one owner."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tonnam_edge.errors import Misconfigured
from tonnam_link.messages import Event, Outcome

OUTBOX_FILE = "outbox.sqlite3"  # where the link keeps what is not yet confirmed, in the same directory
SCHEMA = """
CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS untold (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
"""
Name = Literal["memory", "told_until_ms"]


class StateStore:
    """Durable state in a directory that only one agent may use at a time. Blocking; from one thread at a time.

    Events and outcomes lie here in the same transaction as the memory that goes with them, until the outbox has them.
    """

    def __init__(self, folder: Path) -> None:
        """Raises Misconfigured when the directory cannot be used or another agent has it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as failure:
            raise Misconfigured(f"{folder}: the state directory cannot be used: {failure.strerror}") from failure
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            os.close(self._lock)
            raise Misconfigured(
                f"{folder}: another agent uses this state directory. Stop it first: two must not move one valve"
            ) from failure
        self._database = sqlite3.connect(folder / "state.sqlite3", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(SCHEMA)

    def memory(self) -> bytes | None:
        """The core's memory as it was last committed."""
        return self._get("memory")

    def told_until_ms(self) -> int | None:
        """Up to when readings are in the outbox for certain; None after a clean end."""
        body = self._get("told_until_ms")
        return int(body) if body else None

    def commit(self, memory: bytes | None, events: Sequence[Event], outcomes: Sequence[Outcome]) -> list[int]:
        """Put a step on disk, all or nothing. Returns the numbers of what is now untold."""
        numbers = []
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            if memory is not None:
                self._put("memory", memory)
            for kind, each in [*(("event", e) for e in events), *(("outcome", o) for o in outcomes)]:
                row = self._database.execute(
                    "INSERT INTO untold (kind, body) VALUES (?, ?)", (kind, msgspec.json.encode(each))
                )
                numbers.append(int(row.lastrowid or 0))
        return numbers

    def untold(self) -> tuple[list[int], list[Event], list[Outcome]]:
        """What was committed here and may not be in the outbox: their numbers, events and outcomes."""
        numbers: list[int] = []
        events: list[Event] = []
        outcomes: list[Outcome] = []
        for number, kind, body in self._database.execute("SELECT number, kind, body FROM untold ORDER BY number"):
            numbers.append(number)
            if kind == "event":
                events.append(msgspec.json.decode(body, type=Event))
            else:
                outcomes.append(msgspec.json.decode(body, type=Outcome))
        return numbers, events, outcomes

    def told(self, numbers: Iterable[int], until_ms: int | None) -> None:
        """The outbox has these now, and readings up to `until_ms`."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("DELETE FROM untold WHERE number = ?", [(n,) for n in numbers])
            if until_ms is not None:
                self._put("told_until_ms", str(until_ms).encode())

    def ended_cleanly(self) -> None:
        """There is no gap after this: the next start reports none."""
        self._database.execute("DELETE FROM document WHERE name = 'told_until_ms'")

    def close(self) -> None:
        self._database.close()
        os.close(self._lock)

    def _get(self, name: Name) -> bytes | None:
        row = self._database.execute("SELECT body FROM document WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _put(self, name: Name, body: bytes) -> None:
        self._database.execute(
            "INSERT INTO document (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            (name, body),
        )
