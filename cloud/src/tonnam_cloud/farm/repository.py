"""Reads of what nodes told about farms, and commands, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from tonnam_cloud.registry.models import Command, Datastream, Node, Run, Site, Zone
from tonnam_link.messages import CommandAction, CommandState

WAITING = (CommandState.QUEUED.value, CommandState.SENT.value)


def sites(session: Session, tenants: Collection[str], kind: str) -> Sequence[Site]:
    wanted = select(Site).where(Site.tenant.in_(tenants), Site.kind == kind)
    return session.scalars(wanted.order_by(Site.tenant, Site.id)).all()


def node(session: Session, site: Site) -> Node | None:
    return session.get(Node, (site.tenant, site.node))


def zones(session: Session, tenant: str, site: str) -> Sequence[Zone]:
    wanted = select(Zone).where(Zone.tenant == tenant, Zone.site == site)
    return session.scalars(wanted.order_by(Zone.position, Zone.id)).all()


def zone(session: Session, tenant: str, site: str, zone_id: str) -> Zone | None:
    return session.get(Zone, (tenant, site, zone_id))


def node_of(session: Session, row: Zone) -> str:
    return session.get_one(Site, (row.tenant, row.site)).node


def datastreams(session: Session, tenant: str, site: str) -> Sequence[Datastream]:
    wanted = select(Datastream).where(Datastream.tenant == tenant, Datastream.site == site)
    return session.scalars(wanted.order_by(Datastream.position, Datastream.id)).all()


def datastream(session: Session, name: str | None) -> Datastream | None:
    return session.get(Datastream, name) if name else None


def newest_runs(session: Session, tenant: str, site: str) -> Sequence[Run]:
    """The newest running and the newest ended run of each zone."""
    newest = (
        select(Run.zone, func.max(Run.started_ms).label("started_ms"))
        .where(Run.tenant == tenant, Run.site == site)
        .group_by(Run.zone, Run.ended_ms.is_(None))
        .subquery()
    )
    wanted = select(Run).join(newest, (Run.zone == newest.c.zone) & (Run.started_ms == newest.c.started_ms))
    return session.scalars(wanted.where(Run.tenant == tenant, Run.site == site).order_by(Run.started_ms)).all()


def runs_within(session: Session, row: Zone, from_ms: int, to_ms: int) -> Sequence[Run]:
    wanted = select(Run).where(Run.tenant == row.tenant, Run.site == row.site, Run.zone == row.id)
    overlap = wanted.where(Run.started_ms < to_ms, or_(Run.ended_ms.is_(None), Run.ended_ms >= from_ms))
    return session.scalars(overlap.order_by(Run.started_ms)).all()


def command(session: Session, command_id: str) -> Command | None:
    return session.get(Command, command_id)


def command_of_key(session: Session, tenant: str, person: str, key: str) -> Command | None:
    mine = select(Command).where(Command.tenant == tenant, Command.created_by == person)
    return session.scalars(mine.where(Command.idempotency_key == key)).first()


def to_send(session: Session, now_ms: int, sent_before_ms: int) -> Sequence[Command]:
    """Commands that wait for an answer and are due to be sent, oldest first.

    A wish to water that a later stop of the same zone overtook is never sent again: it would start water anew.
    """
    later = aliased(Command)
    overtaken = (
        select(later.id)
        .where(later.tenant == Command.tenant, later.site == Command.site, later.zone == Command.zone)
        .where(later.action == CommandAction.STOP.value, later.created_ms >= Command.created_ms)
        .where(Command.action == CommandAction.WATER.value)
        .exists()
    )
    due = or_(Command.sent_ms.is_(None), Command.sent_ms <= sent_before_ms)
    waiting = select(Command).where(Command.state.in_(WAITING), Command.expires_ms > now_ms, due, ~overtaken)
    return session.scalars(waiting.order_by(Command.created_ms)).all()


def mark_sent(session: Session, command_id: str, now_ms: int) -> bool:
    """Note that a command was published. True when that was the first time."""
    session.execute(update(Command).where(Command.id == command_id).values(sent_ms=now_ms))
    first = update(Command).where(Command.id == command_id, Command.state == CommandState.QUEUED.value)
    moved = session.execute(first.values(state=CommandState.SENT.value, changed_ms=now_ms).returning(Command.id))
    return moved.first() is not None


def has_overdue(session: Session, overdue_ms: int) -> bool:
    overdue = select(Command.id).where(Command.state.in_(WAITING), Command.expires_ms <= overdue_ms)
    return session.scalars(overdue.limit(1)).first() is not None


def expire(session: Session, overdue_ms: int, now_ms: int, reason: dict[str, str]) -> Sequence[str]:
    """Give up commands that nobody answered; their ids."""
    overdue = update(Command).where(Command.state.in_(WAITING), Command.expires_ms <= overdue_ms)
    over = overdue.values(state=CommandState.EXPIRED.value, changed_ms=now_ms, reason=reason).returning(Command.id)
    return session.scalars(over).all()
