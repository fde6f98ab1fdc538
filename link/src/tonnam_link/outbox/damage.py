"""How a damaged outbox is told from a disk that refuses."""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

import msgspec

# SQLITE_CORRUPT, _SCHEMA, _TOOBIG, _CONSTRAINT, _MISMATCH, _FORMAT, _NOTADB
DAMAGE = {11, 17, 18, 19, 20, 24, 26}
DAMAGE_IN_DETAIL = {8202, 8458}  # SQLITE_IOERR_DATA, SQLITE_IOERR_CORRUPTFS

TROUBLES = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite's driver raises; the second when what should be text is none, be it only in its own message."""


class Damaged(sqlite3.DatabaseError):
    """What SQLite gave back is not what was written."""


class LogLost(Damaged):
    """The write-ahead log has commits that SQLite cannot read any more."""


def is_damage(error: Exception) -> bool:
    """Whether it is the file that is bad; else it is the disk, which may take later what it refuses now."""
    if isinstance(error, Damaged | UnicodeDecodeError) or str(error).startswith("Could not decode"):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    unheard_of = code == sqlite3.SQLITE_ERROR and str(error).startswith(("no such", "unsupported file format"))
    return unheard_of or code in DAMAGE_IN_DETAIL or code & 0xFF in DAMAGE


def is_unreadable(error: Exception) -> bool:
    """Whether the disk does not give back what is on it. Now and then that happens; again and again it is damage."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_READ


def check(*cells: Any) -> int:
    """The checksum that goes with the cells of one row."""
    return zlib.crc32(msgspec.msgpack.encode(cells))


def verify(crc: int, *cells: Any) -> None:
    """Raise Damaged unless the cells are those that `crc` was made for: a garbled page must not be believed."""
    if check(*cells) != crc:
        raise Damaged("a row is not what was written")
