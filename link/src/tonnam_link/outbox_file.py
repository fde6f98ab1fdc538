"""The file of an outbox: made, opened, checked, and set aside when it is damaged."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from pathlib import Path
from typing import IO

from tonnam_link.errors import LinkError, OutboxInUse, OutboxUnavailable

FILE_VERSION = 1
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE dictionary (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE pending (
    id INTEGER PRIMARY KEY, dictionary TEXT NOT NULL, observed_at_ms INTEGER NOT NULL, samples BLOB NOT NULL);
CREATE TABLE batch (
    sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, dictionary TEXT,
    readings INTEGER NOT NULL, size INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX batch_order ON batch (kind = 0, sequence);
"""


def lock(path: Path) -> IO[bytes]:
    """Hold the outbox for this process until the answer is closed. Raises OutboxInUse, OutboxUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(f"{path.name}.lock").open("wb")
    except OSError as error:
        raise OutboxUnavailable(f"the outbox {path} cannot be opened: {error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise OutboxInUse(f"the outbox {path} is in use by another process") from error
    return handle


def open_file(path: Path) -> sqlite3.Connection:
    """The database, made when it is not there. Raises sqlite3.DatabaseError when it is damaged."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > FILE_VERSION:
            raise LinkError(f"the outbox {path} was written by a newer Tonnam (file version {version})")
        if version == 0:
            _create(db)
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise sqlite3.DatabaseError("this is not an outbox")
    epoch = int.from_bytes(secrets.token_bytes(8), "big", signed=True)
    db.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.executemany("INSERT INTO meta VALUES (?, ?)", [("epoch", epoch), ("next_sequence", 1)])
    db.execute(f"PRAGMA user_version = {FILE_VERSION}")
    db.execute("COMMIT")


def move_aside(path: Path) -> Path:
    """Rename a damaged outbox, with what SQLite keeps beside it, so that somebody can look at it."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
