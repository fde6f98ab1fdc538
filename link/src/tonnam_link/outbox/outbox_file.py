"""The database of an outbox: made, opened, checked, measured, and set aside when it is damaged."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec

from tonnam_link.errors import LinkError, OutboxInUse, OutboxOfAnother, OutboxUnavailable
from tonnam_link.outbox.damage import TROUBLES, Damaged, LogLost, check, is_damage
from tonnam_link.outbox.state import State
from tonnam_link.outbox.write_ahead import lost_commits
from tonnam_link.topics import Origin

FILE_VERSION = 2
WAL_PAGES = 1_000
LONG_WAL_BYTES = 16 * 1024 * 1024
CHECKED_BYTES = 16 * 1024 * 1024

# `rank` says what may become of a batch when the outbox is full: 0 nothing, 1 it may be thinned, 2 it may be dropped.
# What is `held` waits for the raw readings after it: one minute of both is to become one aggregate.
SCHEMA = """
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), packed BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE dictionary (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE foreign_dictionary (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, hash TEXT NOT NULL, payload BLOB NOT NULL, UNIQUE (hash, origin));
CREATE TABLE pending (
    id INTEGER PRIMARY KEY, dictionary TEXT NOT NULL, observed_at_ms INTEGER NOT NULL, samples BLOB NOT NULL,
    readings INTEGER NOT NULL, crc INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0);
CREATE TABLE untimed (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, mono_ms INTEGER NOT NULL, guess_ms INTEGER NOT NULL,
    dictionary TEXT NOT NULL, samples BLOB NOT NULL, readings INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX untimed_order ON untimed (boot, mono_ms);
CREATE TABLE word (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, mono_ms INTEGER NOT NULL, guess_ms INTEGER NOT NULL,
    kind INTEGER NOT NULL, packed BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE batch (
    sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, dictionary TEXT, readings INTEGER NOT NULL,
    size INTEGER NOT NULL, inner INTEGER, rank INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    from_ms INTEGER, to_ms INTEGER, fingerprint INTEGER, crc INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX batch_order ON batch (rank, sequence);
CREATE INDEX batch_fingerprint ON batch (fingerprint) WHERE fingerprint IS NOT NULL;
"""
STATEMENTS = [statement.strip() for statement in SCHEMA.split(";") if statement.strip()]


def lock_of(path: Path) -> Path:
    """Where the lock of an outbox is."""
    return path.with_name(f"{path.name}.lock")


def lock(path: Path) -> IO[bytes]:
    """Hold the outbox for this process until the file that is returned is closed; `progress` is noted in it.

    Raises OutboxInUse, OutboxUnavailable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(lock_of(path), os.O_RDWR | os.O_CREAT, 0o644)
        handle = open(number, "r+b", buffering=0)  # noqa: SIM115 - what is noted in it stays
    except OSError as error:
        raise OutboxUnavailable(f"the outbox {path} cannot be opened: {error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise OutboxInUse(f"the outbox {path} is in use by another process") from error
    return handle


def open_file(
    path: Path | None, origin: Origin, first: int = 1, on_damage: Callable[[Exception], object] = lambda _: None
) -> sqlite3.Connection:
    """The database, made when it is not there; None makes one in memory. `first` is the first sequence of a new one.

    Raises sqlite3.DatabaseError when it is damaged, OutboxOfAnother. `on_damage` is called before the damaged
    database is closed.
    """
    db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        _set_up(db)
        if path is not None and lost_commits(path):
            raise LogLost("its log has lost what was committed")
        _make_or_check(db, origin, first)
        owner = load(db).origin
        if owner != origin:
            raise OutboxOfAnother(f"the outbox {path} is of {owner}, not of {origin}")
    except TROUBLES as error:
        with closing(db):
            if is_damage(error):
                on_damage(error)
        raise
    except BaseException:
        db.close()
        raise
    return db


def _set_up(db: sqlite3.Connection) -> None:
    if not pages(db):
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # later it would only be a write
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = OFF")  # it would write every page that becomes free
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {WAL_PAGES * 4096}")


def _make_or_check(db: sqlite3.Connection, origin: Origin, first: int) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    made = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master")]
    if version == 0 and not made:
        _create(db, origin, first)
    elif set(STATEMENTS) <= set(made):
        if version != FILE_VERSION:
            raise Damaged("its version cannot be read")
        if pages(db) * page_bytes(db) <= CHECKED_BYTES:
            _check(db)
    elif version > FILE_VERSION:
        raise LinkError(f"the outbox was written by a newer Tonnam (file version {version})")
    else:
        raise Damaged(f"this is no outbox of file version {FILE_VERSION}")


def _create(db: sqlite3.Connection, origin: Origin, first: int) -> None:
    epoch = int.from_bytes(secrets.token_bytes(8), "big", signed=True)
    db.execute("BEGIN IMMEDIATE")
    for statement in STATEMENTS:
        db.execute(statement)
    save(db, State(*origin, epoch, first))
    db.execute(f"PRAGMA user_version = {FILE_VERSION}")
    db.execute("COMMIT")


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(verdict)


def load(db: sqlite3.Connection) -> State:
    """What the outbox remembers. Raises sqlite3.DatabaseError."""
    row = db.execute("SELECT packed, crc FROM state").fetchone()
    if row is None or check(row[0]) != row[1]:
        raise Damaged("its state cannot be read")
    try:
        return msgspec.msgpack.decode(row[0], type=State)
    except ValueError as error:
        raise Damaged(f"its state cannot be read: {error}") from error


def save(db: sqlite3.Connection, state: State) -> None:
    """Remember this, with the transaction that is open."""
    packed = msgspec.msgpack.encode(state)
    db.execute("REPLACE INTO state VALUES (1, ?, ?)", (packed, check(packed)))


def pages(db: sqlite3.Connection) -> int:
    """How many pages the file has, free ones included."""
    return int(db.execute("PRAGMA page_count").fetchone()[0])


def free_pages(db: sqlite3.Connection) -> int:
    """How many of them nothing is on."""
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def page_bytes(db: sqlite3.Connection) -> int:
    """How large a page is."""
    return int(db.execute("PRAGMA page_size").fetchone()[0])


def give_back(db: sqlite3.Connection, most: int) -> None:
    """Cut up to `most` free pages off the file."""
    db.executescript(f"PRAGMA incremental_vacuum({most})")  # `execute` would take one page and stop
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # only then is the file shorter


def shorten_log(db: sqlite3.Connection, path: Path | None) -> bool:
    """Give back the space of a write-ahead log that one large transaction made long."""
    if path is None or wal_bytes(path) <= LONG_WAL_BYTES:
        return False
    db.execute("PRAGMA busy_timeout = 0")  # somebody who reads just now is not waited for
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute("PRAGMA busy_timeout = 5000")
    return not busy


def wal_bytes(path: Path) -> int:
    """How long the write-ahead log is."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0
