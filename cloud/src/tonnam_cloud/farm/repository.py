"""Reads of what nodes told about farms, and commands, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import Select

from tonnam_cloud.registry.models import Command, Datastream, Node, Run, Site, Zone
from tonnam_link.messages import CommandAction, CommandState

WAITING = (CommandState.QUEUED.value, CommandState.SENT.value)


def sites(session: Session, tenants: Collection[str], kind: str) -> Sequence[Site]:
    wanted = select(Site).where(Site.tenant.in_(tenants), Site.kind == kind)
    return session.scalars(wanted.order_by(Site.tenant, Site.id)).all()


def nodes(session: Session, tenants: Collection[str]) -> Sequence[Node]:
    return session.scalars(select(Node).where(Node.tenant.in_(tenants))).all()


def zones(session: Session, tenants: Collection[str]) -> Sequence[Zone]:
    return session.scalars(select(Zone).where(Zone.tenant.in_(tenants)).order_by(Zone.position, Zone.id)).all()


def zone(session: Session, tenant: str, site: str, zone_id: str) -> Zone | None:
    return session.get(Zone, (tenant, site, zone_id))


def site(session: Session, tenant: str, site_id: str) -> Site | None:
    return session.get(Site, (tenant, site_id))


def node_of(session: Session, tenant: str, site_id: str) -> str:
    return session.get_one(Site, (tenant, site_id)).node


def datastreams(session: Session, tenants: Collection[str], kind: str) -> Sequence[Datastream]:
    """Those of all sites of a kind."""
    its_site = (Site.tenant == Datastream.tenant) & (Site.id == Datastream.site)
    wanted = select(Datastream).join(Site, its_site).where(Datastream.tenant.in_(tenants), Site.kind == kind)
    return session.scalars(wanted.order_by(Datastream.position, Datastream.id)).all()


def datastream(session: Session, name: str | None) -> Datastream | None:
    return session.get(Datastream, name) if name else None


def newest_runs(session: Session, tenants: Collection[str]) -> tuple[Sequence[Run], Sequence[Run]]:
    """Of each zone the newest run if it has not ended, and the newest ended one: steps into an index, however many
    runs there are. One whose time nobody knows is neither."""
    run = aliased(Run)
    mine = select(run.run_id).where(run.tenant == Zone.tenant, run.site == Zone.site, run.zone == Zone.id)
    mine = mine.where(~run.suspect).order_by(run.started_ms.desc()).limit(1)
    newest, ended = (
        select(Run).join(Zone, (Run.tenant == Zone.tenant) & (Run.run_id == found.correlate(Zone).scalar_subquery()))
        for found in (mine, mine.where(run.ended_ms.is_not(None)))
    )
    return (
        session.scalars(newest.where(Zone.tenant.in_(tenants), Run.ended_ms.is_(None))).all(),
        session.scalars(ended.where(Zone.tenant.in_(tenants))).all(),
    )


def runs_within(session: Session, row: Zone, from_ms: int, to_ms: int) -> Sequence[Run]:
    wanted = select(Run).where(Run.tenant == row.tenant, Run.site == row.site, Run.zone == row.id)
    overlap = wanted.where(Run.started_ms < to_ms, or_(Run.ended_ms.is_(None), Run.ended_ms >= from_ms))
    return session.scalars(overlap.order_by(Run.started_ms)).all()


def litres_asked(session: Session, runs: Collection[Run]) -> dict[str, int]:
    """Of the runs that a person asked for in litres, how many, by the id of the command."""
    ids = {run.command_id for run in runs if run.command_id is not None}
    wanted = select(Command.id, Command.max_litres).where(Command.id.in_(ids), Command.max_litres > 0)
    return {name: litres for name, litres in session.execute(wanted) if litres is not None} if ids else {}


def command(session: Session, command_id: str) -> Command | None:
    return session.get(Command, command_id)


def command_of_key(session: Session, tenant: str, person: str, key: str) -> Command | None:
    mine = select(Command).where(Command.tenant == tenant, Command.created_by == person)
    return session.scalars(mine.where(Command.idempotency_key == key)).first()


class Addressed(NamedTuple):
    """A command, and the ids of the keys that its node obeys; None when that is not known."""

    command: Command
    trusts: Sequence[str] | None


def _addressed(session: Session, wanted: Select[Command]) -> list[Addressed]:
    its_node = (Node.tenant == Command.tenant) & (Node.id == Command.node)
    rows = session.execute(wanted.add_columns(Node.trusts).outerjoin(Node, its_node))
    return [Addressed(command, trusts) for command, trusts in rows]


def to_send(session: Session, now_ms: int, sent_before_ms: int) -> Sequence[Addressed]:
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
    return _addressed(session, waiting.order_by(Command.created_ms))


def mark_sent(session: Session, command_id: str, signed_by: str, now_ms: int) -> bool:
    """Note that a command was published, signed by a key. True when that was the first time."""
    first_key = func.coalesce(Command.signed_by, signed_by)
    session.execute(update(Command).where(Command.id == command_id).values(sent_ms=now_ms, signed_by=first_key))
    first = update(Command).where(Command.id == command_id, Command.state == CommandState.QUEUED.value)
    moved = session.execute(first.values(state=CommandState.SENT.value, changed_ms=now_ms).returning(Command.id))
    return moved.first() is not None


def has_overdue(session: Session, overdue_ms: int) -> bool:
    overdue = select(Command.id).where(Command.state.in_(WAITING), Command.expires_ms <= overdue_ms)
    return session.scalars(overdue.limit(1)).first() is not None


def overdue(session: Session, overdue_ms: int) -> Sequence[Addressed]:
    """Commands that nobody has answered in time, locked until the end of the transaction."""
    waiting = select(Command).where(Command.state.in_(WAITING), Command.expires_ms <= overdue_ms)
    return _addressed(session, waiting.with_for_update(of=Command))
