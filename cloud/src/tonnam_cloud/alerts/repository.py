"""Reads and writes of alerts, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import case, delete, select
from sqlalchemy.orm import Session

from tonnam_cloud.alerts.models import AlertRow

OPEN = ("pending", "firing")
TOLD = ("latch", "emergency-stop", "switch-unknown", "station", "doubt", "thirst")
"""In place of a rule's id: alerts about what a site itself has told (see `standing`). No rule ends them."""
MOST = 200


def open_rows(session: Session) -> Sequence[AlertRow]:
    """Those that rules have opened."""
    wanted = select(AlertRow).where(AlertRow.state.in_(OPEN), AlertRow.rule.not_in(TOLD))
    return session.scalars(wanted.order_by(AlertRow.since_ms)).all()


def row(session: Session, alert_id: str) -> AlertRow | None:
    return session.get(AlertRow, alert_id)


def remove(session: Session, alert_id: str) -> None:
    session.execute(delete(AlertRow).where(AlertRow.id == alert_id))


def firing(session: Session, tenants: Collection[str]) -> Sequence[AlertRow]:
    """What fires now, the gravest and newest first."""
    wanted = select(AlertRow).where(AlertRow.tenant.in_(tenants), AlertRow.state == "firing")
    gravest = case((AlertRow.severity == "critical", 0), else_=1)
    return session.scalars(wanted.order_by(gravest, AlertRow.since_ms.desc(), AlertRow.id).limit(MOST)).all()


def recent(session: Session, tenants: Collection[str], resolved_after_ms: int) -> Sequence[AlertRow]:
    """Everything open and what was resolved lately: firing, pending, resolved, each newest first."""
    wanted = select(AlertRow).where(AlertRow.tenant.in_(tenants))
    wanted = wanted.where(AlertRow.state.in_(OPEN) | (AlertRow.resolved_ms >= resolved_after_ms))
    rank = case((AlertRow.state == "firing", 0), (AlertRow.state == "pending", 1), else_=2)
    return session.scalars(wanted.order_by(rank, AlertRow.since_ms.desc(), AlertRow.id).limit(MOST)).all()
