"""Batches of other nodes, in custody of a gateway: each is kept once, and the dictionaries that passed are kept."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import NamedTuple

import msgspec

from tonnam_link.errors import Rejected
from tonnam_link.messages import LATEST_MS, Forwarded
from tonnam_link.outbox.damage import Damaged
from tonnam_link.outbox.spans import Span
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.aggregates import MINUTE_MS, AggregatesBody
from tonnam_link.wire.columns import Axis, unpack_axis
from tonnam_link.wire.envelope import Kind, open_body, open_envelope
from tonnam_link.wire.readings import ReadingsBody

DICTIONARIES_OF_A_NODE = 64


class Inner(NamedTuple):
    """What can be seen of a batch from outside. Of one that a later version sealed it is nothing."""

    kind: Kind | None = None
    dictionary: str | None = None


def inner_of(payload: bytes) -> Inner:
    """What stands on a sealed batch."""
    try:
        envelope = open_envelope(payload)
    except Rejected:
        return Inner()
    digest = envelope.dictionary
    return Inner(Kind(envelope.kind), None if digest is None else digest.hex())


def unwrap(payload: bytes) -> Forwarded:
    """The batch that one of kind forward carries. Raises Rejected."""
    try:
        tenant, node, channel, inner = msgspec.msgpack.decode(
            open_envelope(payload).body, type=tuple[str, str, Channel, bytes]
        )
    except ValueError as error:
        raise Rejected(f"malformed: {error}") from error
    return Forwarded(Origin(tenant, node), channel, inner)


def times_of(payload: bytes) -> Span | None:
    """The first and the last time in a batch of readings or aggregates; None when that cannot be seen."""
    try:
        envelope = open_envelope(payload)
        if envelope.kind == Kind.READINGS:
            readings = msgspec.msgpack.decode(open_body(envelope), type=ReadingsBody)
            axis = Axis(readings.first_at_ms, readings.frames, readings.step_ms, readings.extra_steps)
            instants = unpack_axis(axis, LATEST_MS)
            return instants[0], instants[-1]
        if envelope.kind == Kind.AGGREGATES:
            aggregates = msgspec.msgpack.decode(open_body(envelope), type=AggregatesBody)
            axis = Axis(aggregates.first_minute, aggregates.minutes, aggregates.step_minutes, aggregates.extra_steps)
            instants = unpack_axis(axis, LATEST_MS // MINUTE_MS)
            return instants[0] * MINUTE_MS, (instants[-1] + 1) * MINUTE_MS - 1
    except (Rejected, ValueError):
        return None
    return None


def fingerprint(item: Forwarded) -> int:
    """A number of 64 bits by which the same batch of the same node is found again."""
    digest = hashlib.sha256(f"{item.origin}\0".encode() + item.payload).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def held(db: sqlite3.Connection, item: Forwarded) -> int | None:
    """The sequence of the batch that has this one in it, or None."""
    query = "SELECT sequence, payload FROM batch WHERE fingerprint = ?"
    for sequence, payload in db.execute(query, (fingerprint(item),)):
        try:
            found = unwrap(payload)
        except Rejected as error:
            raise Damaged(f"batch {sequence} is not what was sealed") from error
        if (found.origin, found.payload) == (item.origin, item.payload):
            return int(sequence)
    return None


def keep_dictionary(db: sqlite3.Connection, item: Forwarded, name: str) -> None:
    """Keep a dictionary that passes; of one node only the last ones."""
    origin = str(item.origin)
    db.execute("DELETE FROM foreign_dictionary WHERE hash = ? AND origin = ?", (name, origin))
    db.execute(
        "INSERT INTO foreign_dictionary (origin, hash, payload) VALUES (?, ?, ?)", (origin, name, item.payload)
    )
    newest = "SELECT id FROM foreign_dictionary WHERE origin = ? ORDER BY id DESC LIMIT ?"
    db.execute(
        f"DELETE FROM foreign_dictionary WHERE origin = ? AND id NOT IN ({newest})",
        (origin, origin, DICTIONARIES_OF_A_NODE),
    )


def dictionary(db: sqlite3.Connection, name: str, origin: Origin | None = None) -> Forwarded | None:
    """A dictionary of another node that passed, as that node sealed it: of `origin`, or of whoever it was."""
    query = (
        "SELECT origin, payload FROM foreign_dictionary WHERE hash = ?1 AND coalesce(origin = ?2, 1) ORDER BY id DESC"
    )
    row = db.execute(query, (name, None if origin is None else str(origin))).fetchone()
    if row is None:
        return None
    return Forwarded(Origin(*row[0].split("/")), Channel.UP, bytes(row[1]))
