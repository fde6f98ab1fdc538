"""What survives this process: the core's memory and what is not yet in the outbox. One SQLite file, one owner."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec, TypeVar

import msgspec

from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.second_copy import SecondCopy
from tonnam_link.messages import Event, Outcome, Stamp
from tonnam_link.node.worker import DiskHangs, Worker

P = ParamSpec("P")
T = TypeVar("T")

OUTBOX_FILE = "outbox.sqlite3"  # where the link keeps what is not yet confirmed, in the same directory
KEYS_FILE = "keys.json"  # and the cloud's public keys that it trusts
SCHEMA = """
CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS untold (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS aside (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL) STRICT;
"""
STATE_FILE = "state.sqlite3"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
# SQLite's own codes for a disk that fails. Every other failure to read the file means that the file is damaged.
DISK_FAILS = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
Name = Literal["memory", "told_until", "proof"]


class Untold(NamedTuple):
    number: int
    what: Event | Outcome


class Until(msgspec.Struct, frozen=True):
    """An instant as it was noted: with a stamp its `at_ms` was only a guess."""

    at_ms: int
    stamp: Stamp | None = None


class StateLock:
    """The right to move this farm's valves: one agent a state directory. Given back by `close`."""

    def __init__(self, folder: Path) -> None:
        """Raises Misconfigured when another agent has it or the directory cannot be one, Transient on a full disk."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _open_lock(folder / "agent.lock")
        except OSError as failure:
            text = f"{folder}: the state directory cannot be used: {failure.strerror}"
            raise (Transient(text) if failure.errno in NO_ROOM else Misconfigured(text)) from failure
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            os.close(self._file)
            raise Misconfigured(
                f"{folder}: another agent uses this state directory. Stop it first: two must not move one valve"
            ) from failure

    def close(self) -> None:
        os.close(self._file)


class StateStore:
    """Durable state in a directory that only one agent may use at a time. Blocking; from one thread at a time.

    Events and outcomes lie here in the same transaction as the memory that goes with them, until the outbox has them.
    A file that is damaged is renamed, `set_aside` says to what, and a new one is begun. When the disk fails it may
    be that nothing can be opened: then `refusal` says why, everything raises sqlite3.Error, and `open` tries again.
    """

    def __init__(self, folder: Path, lock: StateLock | None = None) -> None:
        """With `lock` the caller holds the directory and gives it back; else it is taken here, and raises as that."""
        self._lock = None if lock is not None else StateLock(folder)
        self._path = folder / STATE_FILE
        self.set_aside: Path | None = None
        self.files = 0  # how many were damaged and replaced, the first opening not counted
        self.refusal: Exception | None = None
        self.copy = SecondCopy(folder)
        self._worker = Worker("state")
        self._opened: sqlite3.Connection | None = None
        self.open()

    @property
    def folder(self) -> Path:
        """The state directory."""
        return self._path.parent

    async def beside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of one of the methods here, beside the loop.

        Raises sqlite3.Error as the method does, and when the disk does not answer; then it may yet be done.
        """
        try:
            return await self._worker(work, *args, **kwargs)
        except DiskHangs as hangs:
            raise sqlite3.OperationalError(str(hangs)) from hangs

    def open(self) -> bool:
        """Open the file if it is not open. Whether it is now."""
        if self._opened is None:
            try:
                self._opened, self.refusal = self._open(self._path), None
            except (sqlite3.Error, OSError) as failure:
                self.refusal = failure
        return self._opened is not None

    @property
    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            raise sqlite3.OperationalError(f"{self._path} cannot be opened: {self.refusal}")
        return self._opened

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            return _open_database(path)
        except sqlite3.Error as failure:
            if failure.sqlite_errorcode & 0xFF in DISK_FAILS:
                raise
            self.set_aside = _move_aside(path)
            return _open_database(path)

    def memory(self) -> bytes | None:
        """The core's memory as it was last committed."""
        return self._get("memory")

    def was_damaged(self) -> bool:
        """Whether a file or a memory was ever set aside here. Raises sqlite3.Error."""
        aside = self._database.execute("SELECT 1 FROM document WHERE name LIKE 'memory.damaged-%'").fetchone()
        return aside is not None or any(self.folder.glob(f"{STATE_FILE}.damaged-*"))

    def set_memory_aside(self) -> str:
        """Rename a memory document that cannot be understood; returns its new name."""
        taken = {row[0] for row in self._database.execute("SELECT name FROM document")}
        name = next(name for n in range(1, len(taken) + 2) if (name := f"memory.damaged-{n}") not in taken)
        self._database.execute("UPDATE document SET name = ? WHERE name = 'memory'", (name,))
        return name

    def told_until(self) -> Until | None:
        """Up to when readings are in the outbox for certain; None after a clean end."""
        body = self._get("told_until")
        try:
            return None if body is None else msgspec.json.decode(body, type=Until)
        except msgspec.MsgspecError:
            return None

    def commit(self, memory: bytes | None, events: Sequence[Event], outcomes: Sequence[Outcome]) -> list[int]:
        """Put a step on disk, all or nothing, and copy what stands. Returns the numbers of what is now untold."""
        numbers = []
        with self._writing() as database:
            if memory is not None:
                self._put("memory", memory)
            for kind, each in [*(("event", e) for e in events), *(("outcome", o) for o in outcomes)]:
                row = database.execute(
                    "INSERT INTO untold (kind, body) VALUES (?, ?)", (kind, msgspec.json.encode(each))
                )
                numbers.append(int(row.lastrowid or 0))
        if memory is not None:
            self.copy.keep(memory)
        return numbers

    def untold(self) -> tuple[list[int], list[Event], list[Outcome]]:
        """What was committed here and may not be in the outbox: their numbers, events and outcomes."""
        found = self.waiting()
        return (
            [one.number for one in found],
            [one.what for one in found if isinstance(one.what, Event)],
            [one.what for one in found if isinstance(one.what, Outcome)],
        )

    def waiting(self) -> list[Untold]:
        """What is untold, one by one in its order. What cannot be read any more is put aside."""
        found = []
        rows = self._database.execute("SELECT number, kind, body FROM untold ORDER BY number").fetchall()
        for number, kind, body in rows:
            try:
                found.append(Untold(number, _read(kind, body)))
            except (msgspec.MsgspecError, ValueError):
                self.put_aside(number)
        return found

    def put_aside(self, number: int) -> None:
        """Nobody can take this one: keep it here for people to look at, and never hand it over again."""
        with self._writing() as database:
            database.execute("INSERT INTO aside SELECT number, kind, body FROM untold WHERE number = ?", (number,))
            database.execute("DELETE FROM untold WHERE number = ?", (number,))

    def told(self, numbers: Iterable[int], until: Until | None) -> None:
        """The outbox has these now, and readings up to `until`."""
        with self._writing() as database:
            database.executemany("DELETE FROM untold WHERE number = ?", [(n,) for n in numbers])
            if until is not None:
                self._put("told_until", msgspec.json.encode(until))

    def prove(self) -> None:
        """Write something that was not there before. Raises sqlite3.Error when the disk takes nothing."""
        with self._writing():
            self._put("proof", uuid.uuid4().bytes)

    def ended_cleanly(self) -> None:
        """There is no gap after this: the next start reports none."""
        self._database.execute("DELETE FROM document WHERE name = 'told_until'")

    def close(self) -> None:
        self._worker.end()
        if self._opened is not None:
            self._opened.close()
        if self._lock is not None:
            self._lock.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. When it shows that the file is damaged, a new file is begun for the next one."""
        database = self._database
        try:
            with database:
                database.execute("BEGIN IMMEDIATE")
                yield database
        except sqlite3.Error as failure:
            if getattr(failure, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
                database.close()
                self._opened, self.set_aside, self.files = None, _move_aside(self._path), self.files + 1
                self.open()
            raise

    def _get(self, name: Name) -> bytes | None:
        row = self._database.execute("SELECT body FROM document WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _put(self, name: Name, body: bytes) -> None:
        self._database.execute(
            "INSERT INTO document (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            (name, body),
        )


def _read(kind: str, body: bytes) -> Event | Outcome:
    if kind == "event":
        return msgspec.json.decode(body, type=Event)
    return msgspec.json.decode(body, type=Outcome)


def _open_lock(path: Path) -> int:
    """The lock file, for writing or, on a disk that has gone read-only, for reading: either can be locked."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as failure:
        if failure.errno not in NO_ROOM or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def _open_database(path: Path) -> sqlite3.Connection:
    """The database, made when it is not there, and read through once. Raises sqlite3.Error."""
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.5)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(SCHEMA)
        [(found,)] = database.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise _damaged(found)
        database.execute("SELECT name, body FROM document").fetchall()
        database.execute("SELECT number, kind, body FROM untold").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def _damaged(what: str) -> sqlite3.DatabaseError:
    failure = sqlite3.DatabaseError(what)
    failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return failure


def _move_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, so that somebody can look at it."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
