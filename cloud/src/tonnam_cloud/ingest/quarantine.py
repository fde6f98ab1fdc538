"""The quarantine's rows: put in, found, asked to be replayed, dropped, within a transaction that the caller holds.

Bounded: a node's oldest make way for its own, never for another's; and when all of it is too much, the greediest
node's. What was replayed goes first. When something goes that a node had truly sealed, a gap says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session, defer

from tonnam_cloud.registry import gaps
from tonnam_cloud.registry.models import Quarantine
from tonnam_link.receiving.lanes import Received
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.envelope import FORWARD_BYTES, MAX_BATCH_BYTES, intact

A_NODE = 2_000
A_NODE_BYTES = 16 * 1024 * 1024
IN_ALL_BYTES = 1024 * 1024 * 1024
LONGEST_REASON = 500
LARGEST_KEPT = MAX_BATCH_BYTES + FORWARD_BYTES
KEPT, STORED = "kept", "stored"


def put_in(session: Session, content: Received, via: str | None, reason: str, readings: int) -> bool:
    """Keep a batch as it came; False when the same one is there already."""
    name = digest(content.origin, content.payload)
    if session.scalar(select(Quarantine.id).where(Quarantine.digest == name)) is not None:
        return False
    entry = Quarantine(
        digest=name,
        tenant=content.tenant,
        node=content.node,
        via=via,
        channel=content.channel.value,
        reason=_one_line(reason),
        readings=readings,
        payload=content.payload[:LARGEST_KEPT],
        size=len(content.payload),
        received_ms=content.received_at_ms,
        state=KEPT,
    )
    session.add(entry)
    session.flush()
    mine = (Quarantine.tenant == entry.tenant, Quarantine.node == entry.node)
    count, size = session.execute(select(func.count(), _bytes()).where(*mine)).one()
    _make_way(session, mine, count - A_NODE, size - A_NODE_BYTES)
    return True


def digest(origin: Origin, payload: bytes) -> str:
    """What tells one quarantined batch from another."""
    return hashlib.sha256(f"{origin}/".encode() + payload).hexdigest()


def bound(session: Session) -> None:
    """Make all of it small enough: what is too much goes from the node that has most."""
    total = session.scalar(select(_bytes())) or 0
    while total > IN_ALL_BYTES:
        node = (Quarantine.tenant, Quarantine.node)
        most = select(*node, _bytes()).group_by(*node).order_by(_bytes().desc()).limit(1)
        tenant, name, size = session.execute(most).one()
        mine = (Quarantine.tenant == tenant, Quarantine.node == name)
        gone = _make_way(session, mine, 0, min(total - IN_ALL_BYTES, size // 2 + 1))
        total -= max(gone, 1)


def _make_way(session: Session, which: Sequence[ColumnElement[bool]], rows: int, size: int) -> int:
    """Drop the oldest of some until so many rows and bytes are gone; how many bytes went."""
    gone = 0
    oldest = select(Quarantine).where(*which).order_by(Quarantine.state != STORED, Quarantine.id)
    while rows > 0 or size > gone:
        entry = session.scalars(oldest.limit(1)).first()
        if entry is None:
            break
        gone, rows = gone + len(entry.payload), rows - 1
        if entry.state == KEPT and intact(entry.payload, Origin(entry.tenant, entry.node)):
            gaps.lost_in_quarantine(session, Origin(entry.tenant, entry.node), entry.received_ms)
        session.delete(entry)
        session.flush()
    return gone


def _bytes() -> ColumnElement[int]:
    return func.coalesce(func.sum(func.length(Quarantine.payload)), 0)


@dataclass(frozen=True)
class Wanted:
    """Which rows somebody means; what is not given is not asked of them."""

    ids: Collection[int] = ()
    node: Origin | None = None
    reason: str | None = None
    state: str | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(Quarantine.id.in_(self.ids))
        if self.node:
            found += [Quarantine.tenant == self.node.tenant, Quarantine.node == self.node.node]
        if self.reason:
            found.append(Quarantine.reason.contains(self.reason, autoescape=True))
        if self.state:
            found.append(Quarantine.state == self.state)
        return found


def find(session: Session, wanted: Wanted, limit: int | None = None) -> Sequence[Quarantine]:
    """The rows, newest first; their payloads, together up to a gigabyte, are read only when they are asked for."""
    rows = select(Quarantine).options(defer(Quarantine.payload)).where(*wanted.conditions)
    return session.scalars(rows.order_by(Quarantine.id.desc()).limit(limit)).all()


def one(session: Session, number: int) -> Quarantine | None:
    return session.get(Quarantine, number)


def ask(session: Session, wanted: Wanted, now_ms: int) -> list[int]:
    """Ask that rows be replayed; their numbers. What is stored already is left alone."""
    which = update(Quarantine).where(*wanted.conditions, Quarantine.state == KEPT)
    asked = which.values(asked_ms=now_ms, tried_ms=None, result=None)
    return sorted(session.scalars(asked.returning(Quarantine.id)))


def asked(session: Session, tried_before_ms: int, limit: int) -> Sequence[Quarantine]:
    """What is to be replayed, the oldest first; what had to wait at its last try only some time after that."""
    due = Quarantine.tried_ms.is_(None) | (Quarantine.tried_ms <= tried_before_ms)
    wanted = select(Quarantine).where(Quarantine.asked_ms.is_not(None), due)
    return session.scalars(wanted.order_by(Quarantine.id).limit(limit)).all()


def waiting(session: Session, numbers: Collection[int]) -> int:
    """How many of these have not been tried since they were asked for."""
    still = select(func.count()).where(Quarantine.id.in_(numbers), Quarantine.asked_ms.is_not(None))
    return session.scalar(still) or 0


def note_result(session: Session, number: int, result: str, now_ms: int, *, state: str, readings: int) -> None:
    """Write down how a replay ended; `readings` are those that are still kept out."""
    session.execute(
        update(Quarantine)
        .where(Quarantine.id == number)
        .values(state=state, asked_ms=None, tried_ms=now_ms, result=_one_line(result), readings=readings)
    )


def note_wait(session: Session, number: int, why: str, now_ms: int) -> None:
    """Write down that a replay has to wait; it is tried again."""
    session.execute(
        update(Quarantine).where(Quarantine.id == number).values(tried_ms=now_ms, result=_one_line(f"waits: {why}"))
    )


def drop(session: Session, numbers: Collection[int]) -> list[int]:
    """Forget rows for good; the numbers of those that were there."""
    return sorted(session.scalars(delete(Quarantine).where(Quarantine.id.in_(numbers)).returning(Quarantine.id)))


def is_cut(entry: Quarantine) -> bool:
    """Whether only the beginning of what came is kept."""
    return entry.size > len(entry.payload)


def received(entry: Quarantine, now_ms: int) -> Received:
    """The batch of a row, as if it came now."""
    origin = Origin(entry.tenant, entry.node)
    garbled = not intact(entry.payload, origin)
    return Received(*origin, Channel(entry.channel), entry.payload, now_ms, garbled)


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:LONGEST_REASON]
