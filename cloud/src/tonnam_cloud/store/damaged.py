"""Blobs of the embedded store that are not what was written: left out by who reads, put aside by the writer.

What is put aside stands in the table `damaged`, for a person to look at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import structlog

from tonnam_cloud.store.chunks import Damaged
from tonnam_link.rarely import Rarely

log = structlog.get_logger(__name__)
rarely = Rarely(log)
Unpacked = TypeVar("Unpacked")


def whole(unpack: Callable[[bytes], Unpacked], blobs: Iterable[bytes]) -> Iterator[Unpacked]:
    """What the blobs hold; one that is damaged is left out, and that is said."""
    for blob in blobs:
        try:
            unpacked = unpack(blob)
        except Damaged as error:
            rarely.warn("a blob of the store is damaged", reason=str(error), meaning="its readings are left out")
        else:
            yield unpacked


def put_log_aside(connection: sqlite3.Connection, number: int, reason: str) -> None:
    """Take a record out of the log, in the transaction that is open."""
    connection.execute(
        "INSERT INTO damaged (kind, from_ms, to_ms, readings, blob) "
        "SELECT 'log', from_ms, to_ms, readings, record FROM log WHERE id = ?",
        (number,),
    )
    connection.execute("DELETE FROM log WHERE id = ?", (number,))
    _tell(connection, reason)


def put_chunk_aside(connection: sqlite3.Connection, datastream: int, rank: int, reason: str) -> None:
    """Take a chunk out of the store, in the transaction that is open."""
    place = (datastream, rank)
    connection.execute(
        "INSERT INTO damaged (kind, datastream, from_ms, to_ms, readings, blob) "
        "SELECT 'chunk', datastream, from_ms, to_ms, readings, packed FROM chunk WHERE datastream = ? AND rank = ?",
        place,
    )
    connection.execute("DELETE FROM chunk WHERE datastream = ? AND rank = ?", place)
    _tell(connection, reason)


def _tell(connection: sqlite3.Connection, reason: str) -> None:
    row = connection.execute(
        "SELECT id, kind, from_ms, to_ms, readings FROM damaged ORDER BY id DESC LIMIT 1"
    ).fetchone()
    number, kind, from_ms, to_ms, readings = row
    log.error(
        "a part of the store is damaged and put aside",
        damaged=number,
        kind=kind,
        from_ms=from_ms,
        to_ms=to_ms,
        readings=readings,
        reason=reason,
        meaning="these readings are lost, unless a backup has them; all others are kept",
    )
